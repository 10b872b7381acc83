//! Rotation of PostgreSQL users' passwords, built in. The secret's value is a URL, `postgres://user:password@host:port/database?…`.
//!
//! With an admin's secret two roles take turns: the one not in use gets a new password, is tried, becomes the value, and the other one
//! is locked once nothing uses it. Without, the user changes its own password in place. The new password is made here and kept before
//! anything is done with it, so that every step can be taken again; the database is sent a SCRAM verifier of it, never itself, since
//! servers log statements.

mod address;
mod session;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{EnvironmentName, Invalid, SecretName, Value};
use envelope::random_bytes;
use postgres_protocol::password::scram_sha_256;
use store::SecretRow;
use zeroize::Zeroizing;

use self::address::Address;
pub(crate) use self::session::DatabaseTls;
use self::session::{Failed, Kind, Session, identifier, literal};
use super::run::{Halt, Turn};
use crate::service::share::open;
use crate::service::{Error, Service};

/// Longest name of a role, in bytes: PostgreSQL cuts longer ones off.
const ROLE_BYTES: usize = 63;

impl From<Failed> for Halt {
    fn from(failed: Failed) -> Self {
        match failed.kind {
            Kind::Never => Self::Never(failed.why),
            Kind::Login | Kind::Other => Self::Again(failed.why),
        }
    }
}

impl Service {
    /// Reads and checks what a put of such a rotator says: the admin's secret and the two roles that take turns, or neither.
    pub(super) async fn postgres_settings(
        &self,
        secret: &SecretRow,
        admin: Option<String>,
        roles: Option<Vec<String>>,
    ) -> Result<(Option<SecretName>, Option<[String; 2]>), Error> {
        let (account, environment) = (&secret.account, &secret.environment);
        let address = match self.value_of(account, environment, &secret.name).await? {
            Some(value) => Address::parse(value.expose()),
            None => Err("must have a value"),
        };
        let address =
            address.map_err(|rule| Invalid::new("name", "value_not_postgres", format!("its value {rule}")))?;
        let Some(admin) = admin else {
            return match roles {
                None => Ok((None, None)),
                Some(_) => {
                    let rule = "need an admin, who gives them passwords: name its secret, or leave the roles out";
                    Err(Invalid::new("roles", "admin_missing", rule).into())
                }
            };
        };
        let invalid = |code, rule: String| Error::from(Invalid::new("admin", code, rule));
        let admin = SecretName::parse(&admin).map_err(|invalid| Invalid { field: "admin".to_owned(), ..invalid })?;
        if admin == secret.name {
            return Err(invalid("admin_itself", "must be another secret".to_owned()));
        }
        let value = self.value_of(account, environment, &admin).await?;
        let value = value.ok_or_else(|| invalid("admin_unknown", format!("has no value in {environment}")))?;
        Address::parse(value.expose()).map_err(|rule| invalid("value_not_postgres", format!("its value {rule}")))?;
        let roles = match roles {
            Some(roles) => roles,
            None => vec![address.user.clone(), format!("{}_b", address.user)],
        };
        let invalid = |code, rule: String| Error::from(Invalid::new("roles", code, rule));
        let roles: [String; 2] =
            roles.try_into().map_err(|_| invalid("roles_invalid", "must be two names".to_owned()))?;
        let usable = |role: &String| (1..=ROLE_BYTES).contains(&role.len()) && !role.chars().any(char::is_control);
        if !roles.iter().all(usable) || roles.first() == roles.last() {
            let rule = format!("must be two different names of 1 to {ROLE_BYTES} bytes, without control characters");
            return Err(invalid("roles_invalid", rule));
        }
        if !roles.contains(&address.user) {
            let rule = "must have the user of the current value among them".to_owned();
            return Err(invalid("roles_without_user", rule));
        }
        Ok((Some(admin), Some(roles)))
    }

    /// Gives a role a new password, which the rotation holds from before it is given.
    pub(super) async fn postgres_creates(&self, turn: &Turn) -> Result<Value, Halt> {
        let current = self.current(turn).await?;
        let idle = idle(turn, &current)?;
        let user = idle.unwrap_or(&current.user);
        let pending = match self.held_value(turn).await? {
            Some(pending) => pending,
            None => {
                let password = Zeroizing::new(URL_SAFE_NO_PAD.encode(*random_bytes::<32>()));
                let made = current.with(user, &password);
                let made = made.ok_or_else(|| Halt::Never("the new value would be no value".to_owned()))?;
                if !self.keep_pending(&turn.row, &made).await? {
                    return Err(Halt::Lost);
                }
                made
            }
        };
        let next = read(&pending)?;
        let verifier = scram_sha_256(next.password.as_bytes());
        match idle {
            Some(idle) => {
                let session = self.admin(turn).await?;
                give_password(&session, idle, &current.user, &verifier).await?;
            }
            None => {
                // It may have been done before a crash: then the old password is none any more.
                match self.database(&next).await {
                    Ok(_) => return Ok(pending),
                    Err(failed) if failed.kind == Kind::Login => {}
                    Err(failed) => return Err(failed.into()),
                }
                let session = self.database(&current).await?;
                // Its sessions may act as another role.
                session.run(&format!("SET ROLE NONE; {}", set_password(user, &verifier))).await?;
            }
        }
        Ok(pending)
    }

    /// Logs in with the new value.
    pub(super) async fn postgres_verifies(&self, turn: &Turn) -> Result<(), Halt> {
        let pending = read(&self.pending(turn).await?)?;
        let session = self.database(&pending).await?;
        session.row("SELECT 1", 1).await?;
        Ok(())
    }

    /// Locks the role that is not in use any more. Never before the one in use was let in: one of the two always works.
    pub(super) async fn postgres_retires(&self, turn: &Turn) -> Result<(), Halt> {
        if turn.settings.roles.is_none() {
            return Ok(());
        }
        let current = self.current(turn).await?;
        // Somebody went over to a user of his own: neither role is ours to lock.
        let Ok(Some(idle)) = idle(turn, &current) else { return Ok(()) };
        self.database(&current).await?.row("SELECT 1", 1).await?;
        let session = self.admin(turn).await?;
        session.run(&format!("ALTER ROLE {} PASSWORD NULL", identifier(idle))).await?;
        Ok(())
    }

    async fn value_of(
        &self,
        account: &domain::AccountId,
        environment: &EnvironmentName,
        name: &SecretName,
    ) -> Result<Option<Value>, Error> {
        let key = self.keyring.account(&self.store, account).await?;
        let stored = self.store.current_value(account, environment, name).await?;
        stored.map(|stored| open(&key, environment, &stored)).transpose()
    }

    /// The value that is current.
    async fn current(&self, turn: &Turn) -> Result<Address, Halt> {
        let row = &turn.row;
        let value = self.value_of(&row.account, &row.environment, &row.name).await?.ok_or(Halt::Lost)?;
        read(&value)
    }

    /// A session of the admin's, who is of the secret that was named.
    async fn admin(&self, turn: &Turn) -> Result<Session, Halt> {
        let name = turn.settings.admin.as_ref().ok_or(Error::Broken("a rotator names no admin"))?;
        let row = &turn.row;
        let value = self.value_of(&row.account, &row.environment, name).await?;
        let value = value.ok_or_else(|| Halt::Again(format!("{name} has no value in {}", row.environment)))?;
        let address =
            Address::parse(value.expose()).map_err(|rule| Halt::Never(format!("the value of {name} {rule}")))?;
        self.database(&address)
            .await
            .map_err(|failed| Halt::from(Failed { why: format!("with {name}: {}", failed.why), ..failed }))
    }
}

fn read(value: &Value) -> Result<Address, Halt> {
    Address::parse(value.expose()).map_err(|rule| Halt::Never(format!("the value {rule}")))
}

/// Of two roles that take turns the one that is not in use. `None`: there are no two.
fn idle<'a>(turn: &'a Turn, current: &Address) -> Result<Option<&'a str>, Halt> {
    match &turn.settings.roles {
        None => Ok(None),
        Some([first, second]) if *first == current.user => Ok(Some(second)),
        Some([first, second]) if *second == current.user => Ok(Some(first)),
        Some(_) => Err(Halt::Never("the user of the current value is neither of the rotator's two roles".to_owned())),
    }
}

/// Gives `role` a password; made, if it is not there, as one that acts as `other`.
async fn give_password(session: &Session, role: &str, other: &str, verifier: &str) -> Result<(), Halt> {
    let asked = format!("SELECT rolsuper, rolcanlogin FROM pg_catalog.pg_roles WHERE rolname = {}", literal(role));
    match session.row(&asked, 2).await?.as_deref() {
        None => {
            // Its sessions act as the other role, so whatever one of them makes is of both.
            let sql = format!(
                "CREATE ROLE {role} LOGIN IN ROLE {other} PASSWORD {verifier}; ALTER ROLE {role} SET role TO {other}",
                role = identifier(role),
                other = identifier(other),
                verifier = literal(verifier)
            );
            Ok(session.run(&sql).await?)
        }
        Some([is_super, _]) if is_super == "t" => {
            Err(Halt::Never("the role that takes the turn is a superuser: that is not for a rotator".to_owned()))
        }
        Some([_, can_login]) if can_login == "f" => {
            Err(Halt::Never("the role that takes the turn cannot log in: ALTER ROLE … LOGIN".to_owned()))
        }
        Some(_) => Ok(session.run(&set_password(role, verifier)).await?),
    }
}

fn set_password(role: &str, verifier: &str) -> String {
    format!("ALTER ROLE {} PASSWORD {}", identifier(role), literal(verifier))
}

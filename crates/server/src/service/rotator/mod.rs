//! Rotators: what replaces a secret's value by itself. Setting, showing and removing them.
//!
//! `rotations` starts, shows, retries and cancels what they do; `run` takes its steps, one after another, so that a server that dies
//! at any point is followed by one that goes on: before a step does something elsewhere it is written that it will, and each can be
//! done twice.

mod activate;
mod function;
mod postgres;
mod retire;
mod rotations;
mod run;

use domain::rotation::{RotationStatus, RotatorKind};
use domain::{Access, Action, EnvironmentName, FunctionName, Invalid, SecretName};
use serde::{Deserialize, Serialize};
use store::{FunctionRow, RotatorRow, SecretRow};

pub(crate) use self::postgres::DatabaseTls;
pub(super) use self::retire::Marks;
pub(super) use self::rotations::{end_those_of, renewed};
use self::rotations::{ended, may_end};
use super::caller::Permit;
use super::secrets::environment_or_production;
use super::{Caller, Error, Service};
use crate::wire;

/// What a rotator's row keeps as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    give_value: bool,
    /// Of PostgreSQL.
    admin: Option<SecretName>,
    roles: Option<[String; 2]>,
}

impl Settings {
    fn of(row: &RotatorRow) -> Result<Self, Error> {
        serde_json::from_str(&row.settings).map_err(|_| Error::Broken("a rotator's settings do not read back"))
    }
}

impl Service {
    /// A secret's rotator, with its newest rotation.
    pub(crate) async fn rotator(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
    ) -> Result<wire::Rotator, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        self.permit(caller, Action::RotatorGet, Some(&environment), name.as_str()).await?;
        let account = &caller.actor.account;
        let secret = self.store.secret(account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
        let row = self.store.rotator(account, &secret.id).await?.ok_or(Error::not_found("rotator"))?;
        let newest = self.store.rotations(account, &secret.id, None, 1).await?;
        shown(&row, newest.first())
    }

    /// Sets a secret's rotator; `true` if it had none. Whoever sets a function decides what it is told and what becomes the
    /// secret's value, so this takes leave to invoke it, too.
    pub(crate) async fn put_rotator(
        &self,
        caller: &Caller,
        name: &str,
        mut input: wire::PutRotator,
    ) -> Result<(wire::Rotator, bool), Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(input.environment.as_deref())?);
        let permit = self.permit(caller, Action::RotatorPut, Some(&environment), name.as_str()).await?;
        let (admin, roles) = (input.admin.take(), input.roles.take());
        let mut wanted = Wanted::check(input)?;
        if wanted.kind == RotatorKind::Postgres {
            let account = &caller.actor.account;
            let secret = self.store.secret(account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
            own_value(&secret)?;
            (wanted.settings.admin, wanted.settings.roles) = self.postgres_settings(&secret, admin, roles).await?;
        } else if let Some(field) =
            [(admin.is_some(), "admin"), (roles.is_some(), "roles")].into_iter().find(|(has, _)| *has)
        {
            return Err(Invalid::new(field.1, "not_of_kind", "is for the kind postgres").into());
        }
        if let Some(function) = &wanted.function {
            self.permit(caller, Action::FunctionInvoke, Some(&environment), function.as_str()).await?;
        }
        let account = caller.actor.account.clone();
        let (row, newest, made) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let secret = tx.secret(&account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
                    own_value(&secret)?;
                    let known = tx.rotator(&account, &secret.id).await?;
                    let row = wanted.row(tx, &secret, &permit).await?;
                    let newest = tx.rotations(&account, &secret.id, None, 1).await?.into_iter().next();
                    let what =
                        |row: &RotatorRow| (row.kind, row.function.clone(), row.settings.clone(), row.every_days);
                    if let Some(known) = known.as_ref().filter(|known| what(known) == what(&row)) {
                        return Ok((known.clone(), newest, false));
                    }
                    if newest.as_ref().is_some_and(|rotation| rotation.ended_at.is_none()) {
                        let detail = "a rotation of this secret is not over: wait for it, or cancel it".to_owned();
                        return Err(Error::InUse { detail });
                    }
                    tx.put_rotator(&row).await?;
                    tx.append_audit(&told(permit, &row)?.done()).await?;
                    Ok::<_, Error>((row, newest, known.is_none()))
                })
            })
            .await?;
        self.inner.rotations.notify_one();
        Ok((shown(&row, newest.as_ref())?, made))
    }

    /// Removes a secret's rotator. A rotation that failed is given up with it.
    pub(crate) async fn delete_rotator(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
    ) -> Result<(), Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        let permit = self.permit(caller, Action::RotatorDelete, Some(&environment), name.as_str()).await?;
        let account = caller.actor.account.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let secret = tx.secret(&account, &environment, &name).await?.ok_or(Error::not_found("secret"))?;
                    let row = tx.rotator(&account, &secret.id).await?.ok_or(Error::not_found("rotator"))?;
                    if let Some(open) = tx.open_rotation(&account, &secret.id).await? {
                        if open.status == RotationStatus::Running {
                            let detail = "a rotation of this secret is under way: wait for it, or cancel it".to_owned();
                            return Err(Error::InUse { detail });
                        }
                        may_end(&open, &row)?;
                        let over = ended(&open, RotationStatus::Cancelled, permit.time());
                        tx.move_rotation(&over, None, open.status).await?;
                    }
                    tx.delete_rotator(&account, &secret.id).await?;
                    tx.append_audit(&permit.done()).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// Refuses a function as public in an environment where it makes values: anybody could ask it for them.
pub(super) async fn keeps_private(
    tx: &mut store::Tx,
    function: &FunctionRow,
    environment: &EnvironmentName,
    access: &Access,
) -> Result<(), Error> {
    if *access != Access::Public {
        return Ok(());
    }
    let rotated = tx.rotated_by(&function.account, &function.id, Some(environment)).await?;
    match rotated.first() {
        None => Ok(()),
        Some(first) => {
            let detail = format!(
                "{} is the rotator of {} in {environment}, and would make values for anybody if it were public: remove the rotator first, or keep the function's access",
                function.name, first.name
            );
            Err(Error::InUse { detail })
        }
    }
}

/// The rule that a value is replaced where it is.
fn own_value(secret: &SecretRow) -> Result<(), Invalid> {
    let rule = match &secret.shared {
        Some(shared) => format!("uses the value of {}: set its rotator there", shared.environment),
        None if secret.version == 0 => "has no value yet: put the first one".to_owned(),
        None => return Ok(()),
    };
    Err(Invalid::new("name", "no_own_value", rule))
}

/// What a put says, checked by itself.
struct Wanted {
    kind: RotatorKind,
    function: Option<FunctionName>,
    settings: Settings,
    every_days: Option<u32>,
}

impl Wanted {
    fn check(input: wire::PutRotator) -> Result<Self, Invalid> {
        let wire::PutRotator { environment: _, kind, function, give_value, admin: _, roles: _, every_days } = input;
        let kind = RotatorKind::parse(&kind)?;
        if every_days.is_some_and(|days| !(1..=3650).contains(&days)) {
            return Err(Invalid::new("every_days", "out_of_range", "must be 1 to 3650"));
        }
        let function = match kind {
            RotatorKind::Function => {
                let name = function.ok_or_else(|| {
                    Invalid::new("function", "function_missing", "must name the function that rotates it")
                })?;
                Some(
                    FunctionName::parse(&name)
                        .map_err(|invalid| Invalid { field: "function".to_owned(), ..invalid })?,
                )
            }
            RotatorKind::Postgres => {
                let field =
                    [(function.is_some(), "function"), (give_value, "give_value")].into_iter().find(|(has, _)| *has);
                if let Some((_, field)) = field {
                    return Err(Invalid::new(field, "not_of_kind", "is for the kind function"));
                }
                None
            }
        };
        let settings = Settings { give_value, ..Settings::default() };
        Ok(Self { kind, function, settings, every_days })
    }

    async fn row(self, tx: &mut store::Tx, secret: &SecretRow, permit: &Permit) -> Result<RotatorRow, Error> {
        let (account, environment) = (&secret.account, &secret.environment);
        let function = match self.function {
            None => None,
            Some(name) => {
                let invalid = |code, rule: String| Invalid::new("function", code, rule);
                let known = tx.function(account, &name).await?;
                let known = known.ok_or_else(|| invalid("function_unknown", "there is no such function".to_owned()))?;
                let active = tx.active_deployment(account, environment, &name).await?.ok_or_else(|| {
                    invalid("function_not_active", format!("is not active in {environment}: deploy it there"))
                })?;
                if active.access == Access::Public {
                    let rule = "is public, so anybody could ask it for new values: deploy it with access authenticated or group:NAME";
                    return Err(invalid("rotator_public", rule.to_owned()).into());
                }
                Some((known.id, name))
            }
        };
        Ok(RotatorRow {
            account: account.clone(),
            secret: secret.id.clone(),
            environment: environment.clone(),
            name: secret.name.clone(),
            kind: self.kind,
            function,
            settings: serde_json::to_string(&self.settings).unwrap_or_default(),
            every_days: self.every_days,
            next_at: self.every_days.map(|days| secret.value_at.plus_days(days.into())),
            failed_at: None,
            set_at: permit.time(),
            set_by: permit.actor_name(),
        })
    }
}

/// The event of a rotator's having been set.
fn told(permit: Permit, row: &RotatorRow) -> Result<Permit, Error> {
    let settings = Settings::of(row)?;
    let permit = permit.with("kind", row.kind.as_str());
    let permit = match &row.function {
        Some((_, name)) => permit.with("function", name),
        None => permit,
    };
    let permit = match (&settings.admin, &settings.roles) {
        (Some(admin), Some(roles)) => permit.with("admin", admin).with("roles", roles.join(" ")),
        _ => permit,
    };
    let permit = if settings.give_value { permit.with("give_value", true) } else { permit };
    Ok(match row.every_days {
        Some(days) => permit.with("every_days", days),
        None => permit,
    })
}

fn shown(row: &RotatorRow, newest: Option<&store::RotationRow>) -> Result<wire::Rotator, Error> {
    let settings = Settings::of(row)?;
    Ok(wire::Rotator {
        secret: row.name.to_string(),
        environment: row.environment.to_string(),
        kind: row.kind.as_str().to_owned(),
        function: row.function.as_ref().map(|(_, name)| name.to_string()),
        give_value: settings.give_value,
        admin: settings.admin.map(|name| name.to_string()),
        roles: settings.roles.map(Vec::from),
        every_days: row.every_days,
        next_at: row.next_at.map(|time| time.to_string()),
        failed_at: row.failed_at.map(|time| time.to_string()),
        set_at: row.set_at.to_string(),
        set_by: row.set_by.clone(),
        rotation: newest.map(rotations::shown),
    })
}

//! The first start: account `default`, its environment and key, the audit key, the admin token and one login link.

use std::path::Path;

use domain::audit::{AuditEvent, Outcome};
use domain::token::{self, Kind};
use domain::{AccountId, AccountName, Action, Actor, ActorKind, EnvironmentName, RequestId, ScopeSet, TokenName};
use envelope::{AccountKey, AuditKey, RootKey};
use store::{AccountKeyRow, AccountRow, EnvironmentRow, Store, TokenRow, Tx};

use super::{Error, new_id};
use crate::clock;

const SERVER_ID: &str = "server_id";
const AUDIT_KEY: &str = "audit_key";

/// The server's identity: part of every log's name.
pub(crate) struct ServerKeys {
    pub(crate) id: String,
    pub(crate) audit: AuditKey,
}

/// What the first start made, to be shown once.
pub(crate) struct FirstStart {
    pub(crate) admin_token: String,
}

/// Opens the audit key; on the first start makes it.
pub(crate) async fn open_keys(store: &Store, root: &RootKey) -> Result<ServerKeys, Error> {
    let made_id = hex::encode(*envelope::random_bytes::<8>());
    let made_key = root.wrap_audit_key(&AuditKey::generate(), &made_id);
    let (id, wrapped) = store
        .write(move |tx| {
            Box::pin(async move {
                // Two nodes may start at once on one database: whoever is second takes what the first put.
                let id = tx.put_server_state_if_absent(SERVER_ID, made_id.as_bytes()).await?;
                let wrapped = tx.put_server_state_if_absent(AUDIT_KEY, &made_key).await?;
                Ok::<_, Error>((id, wrapped))
            })
        })
        .await?;
    let id = String::from_utf8(id).map_err(|_| Error::Broken("the server id is not text"))?;
    let audit = root.unwrap_audit_key(&id, &wrapped)?;
    Ok(ServerKeys { id, audit })
}

/// Makes the account `default` if the database is empty. Returns `None` on any later start.
pub(crate) async fn first_start(store: &Store, root: &RootKey) -> Result<Option<FirstStart>, Error> {
    if store.account_by_name(&AccountName::default_account()).await?.is_some() {
        return Ok(None);
    }
    let actor =
        Actor { kind: ActorKind::Setup, name: "setup".to_owned(), ..Actor::anonymous(AccountId::new(new_id())) };
    let made = NewAccount::make(
        root,
        &actor,
        &RequestId::new("setup"),
        &AccountName::default_account(),
        ScopeSet::operator(),
        "admin",
    )?;
    let admin_token = made.token.clone();
    store.write(move |tx| Box::pin(async move { made.insert(tx).await })).await?;
    Ok(Some(FirstStart { admin_token }))
}

/// An account with all that it needs, not yet stored.
pub(crate) struct NewAccount {
    pub(crate) row: AccountRow,
    pub(crate) token: String,
    key: AccountKeyRow,
    token_row: TokenRow,
    events: Vec<AuditEvent>,
}

impl NewAccount {
    /// Makes the parts. `actor` is who makes it; its first log entries are in the new account's own log.
    pub(crate) fn make(
        root: &RootKey,
        actor: &Actor,
        request: &RequestId,
        name: &AccountName,
        scopes: ScopeSet,
        token_name: &str,
    ) -> Result<Self, Error> {
        let now = clock::now();
        let id = if actor.kind == ActorKind::Setup { actor.account.clone() } else { AccountId::new(new_id()) };
        let account_key = AccountKey::generate(&id);
        let key = AccountKeyRow {
            account: id.clone(),
            key_id: account_key.id().to_owned(),
            wrapped: root.wrap_account_key(&account_key),
            created_at: now,
            current: true,
        };
        let token = token::encode(Kind::Token, &envelope::random_bytes());
        let token_row = TokenRow {
            id: new_id(),
            account: id.clone(),
            name: TokenName::parse(token_name)?,
            hash: token::hash(&token),
            scopes,
            environments: None,
            member: None,
            created_at: now,
            created_by: actor.name.clone(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        let within = Actor { account: id.clone(), ..actor.clone() };
        let event = |action, resource: &str| {
            AuditEvent::new(&within, action, resource, Outcome::Done, now, request, *envelope::random_bytes::<16>())
        };
        let events = vec![
            event(Action::AccountCreate, name.as_str()),
            event(Action::EnvironmentPut, EnvironmentName::production().as_str())
                .environment(&EnvironmentName::production()),
            event(Action::TokenCreate, token_name)
                .detail("token_id", &token_row.id)
                .detail("scopes", token_row.scopes.to_text()),
        ];
        Ok(Self { row: AccountRow { id, name: name.clone(), created_at: now }, token, key, token_row, events })
    }

    /// Stores all of it.
    pub(crate) async fn insert(self, tx: &mut Tx) -> Result<(), Error> {
        tx.insert_account(&self.row).await?;
        tx.insert_account_key(&self.key).await?;
        let environment = EnvironmentRow { name: EnvironmentName::production(), created_at: self.row.created_at };
        tx.insert_environment(&self.row.id, &environment).await?;
        tx.insert_token(&self.token_row).await?;
        for event in &self.events {
            tx.append_audit(event).await?;
        }
        Ok(())
    }
}

/// Writes `text` to a file that only its owner can read, replacing one that is there.
pub(crate) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let staged = path.with_extension("new");
    let _ = std::fs::remove_file(&staged);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&staged, path)
}

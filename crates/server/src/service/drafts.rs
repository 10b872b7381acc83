//! A pasted text between its preview and the yes: kept here, encrypted, so that no page ever holds it.

use domain::import::Format;
use domain::{Action, ActorKind, Invalid, import};
use store::DraftRow;
use zeroize::Zeroizing;

use super::secrets::environment_or_production;
use super::{Caller, Error, ImportInput, Service, new_id};
use crate::clock;
use crate::wire;

/// How long a draft waits.
const DRAFT_MILLIS: i64 = 15 * 60 * 1000;

/// A draft and what importing it would do.
pub(crate) struct Draft {
    pub(crate) id: String,
    pub(crate) preview: wire::Import,
}

impl Service {
    /// Keeps a text for its session, in place of an earlier one, if it can be read at all.
    pub(crate) async fn put_draft(&self, caller: &Caller, input: ImportInput) -> Result<(), Error> {
        let environment = environment_or_production(input.environment.as_deref())?;
        self.permit(caller, Action::SecretImport, Some(&environment), "").await?;
        self.environment(&caller.actor.account, &environment).await?;
        let format = input.format.as_deref().and_then(Format::parse).unwrap_or_else(|| Format::of_text(&input.text));
        import::read(format, input.text.as_bytes())?;
        if input.text.trim().is_empty() {
            return Err(Invalid::new("text", "import_empty", "must not be empty").into());
        }
        let (session_id, id) = (session(caller)?, new_id());
        let key = self.keyring.account(&self.store, &caller.actor.account).await?;
        let row = DraftRow {
            account: caller.actor.account.clone(),
            session_id,
            ciphertext: key.encrypt_draft(&id, input.text.as_bytes()),
            id,
            environment,
            format: format.as_str().to_owned(),
            expires_at: clock::now().plus_millis(DRAFT_MILLIS),
        };
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.put_draft(&row).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// What importing the session's draft would do.
    pub(crate) async fn preview_draft(&self, caller: &Caller) -> Result<Draft, Error> {
        let (id, input) = self.open_draft(caller).await?;
        Ok(Draft { id, preview: self.preview_import(caller, input).await? })
    }

    /// Imports the draft `id` of the session, whose preview the person has seen, and forgets it. Rejected lines are left out.
    pub(crate) async fn import_draft(&self, caller: &Caller, id: &str) -> Result<wire::Import, Error> {
        let (current, input) = self.open_draft(caller).await?;
        if current != id {
            return Err(Error::not_found("draft"));
        }
        let done = self.import_secrets(caller, ImportInput { skip_rejected: true, ..input }).await?;
        self.delete_draft(caller, id).await?;
        Ok(done)
    }

    /// Forgets the draft `id` of the session.
    pub(crate) async fn delete_draft(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let (account, session_id, id) = (caller.actor.account.clone(), session(caller)?, id.to_owned());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.delete_draft(&account, &session_id, &id).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    async fn open_draft(&self, caller: &Caller) -> Result<(String, ImportInput), Error> {
        let account = &caller.actor.account;
        let row = self.store.draft(account, &session(caller)?).await?;
        let row = row.filter(|row| row.expires_at > clock::now()).ok_or(Error::not_found("draft"))?;
        // Whoever lost the leave to import since must not be told what is in it.
        self.permit(caller, Action::SecretImport, Some(&row.environment), "").await?;
        let key = self.keyring.account(&self.store, account).await?;
        let mut bytes = key.decrypt_draft(&row.id, &row.ciphertext)?;
        let text = String::from_utf8(std::mem::take(&mut bytes)).map_err(|_| Error::Broken("a draft is not text"))?;
        let input = ImportInput {
            format: Some(row.format),
            text: Zeroizing::new(text),
            environment: Some(row.environment.to_string()),
            delivery: None,
            skip_rejected: false,
        };
        Ok((row.id, input))
    }
}

fn session(caller: &Caller) -> Result<String, Error> {
    match caller.actor.kind {
        ActorKind::Session => Ok(caller.actor.id.clone()),
        _ => Err(Error::Broken("a draft without a session")),
    }
}

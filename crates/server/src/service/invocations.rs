//! Reading what functions did: invocations and log lines.

use domain::{
    AccountId, Action, Actor, ActorKind, EnvironmentName, FunctionName, Invalid, RequestId, SecretName, Timestamp,
    limits,
};
use futures_util::stream::{self, Stream, StreamExt as _};
use runtime::Sent;
use store::{FunctionRow, InvocationRow};
use tokio::sync::broadcast::error::RecvError;

use super::secrets::cursor_invalid;
use super::{Caller, Error, Service, paging, show};
use crate::clock;
use crate::jobs::stream_word;
use crate::wire::{self, Page};

impl Service {
    /// A function's invocations, or those of them that failed, newest first.
    pub(crate) async fn list_invocations(
        &self,
        caller: &Caller,
        function: &str,
        environment: Option<&str>,
        only_failed: bool,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::Invocation>, Error> {
        let environment = environment.map(EnvironmentName::parse).transpose()?;
        let function = self.readable_function(caller, function, environment.as_ref()).await?;
        let (account, place) = (&caller.actor.account, environment.as_ref());
        let before = cursor.map(parse_cursor).transpose()?;
        let found = match only_failed {
            true => self.store.failed_invocations(account, &function.id, place, before, rows + 1).await,
            false => self.store.invocations(account, &function.id, place, before, rows + 1).await,
        };
        let mut found = found?;
        let next_cursor = paging::cut(&mut found, rows, |last| format!("{}:{}", last.started_at.as_millis(), last.id));
        let items = found.iter().map(|row| show::invocation(&function.name, row)).collect();
        Ok(Page { items, next_cursor })
    }

    /// One invocation.
    pub(crate) async fn get_invocation(
        &self,
        caller: &Caller,
        function: &str,
        id: &str,
    ) -> Result<wire::Invocation, Error> {
        let function = self.readable_function(caller, function, None).await?;
        let row = self.invocation_of(&caller.actor.account, &function, id).await?;
        Ok(show::invocation(&function.name, &row))
    }

    /// What one invocation printed. Who is limited to environments may read of those there.
    pub(crate) async fn invocation_logs(
        &self,
        caller: &Caller,
        function: &str,
        id: &str,
    ) -> Result<Page<wire::LogLine>, Error> {
        let account = &caller.actor.account;
        // It may not be written yet.
        self.recorder.flush().await;
        let environment = self.store.invocation(account, id).await?.map(|row| row.environment);
        let function = self.readable_function(caller, function, environment.as_ref()).await?;
        self.invocation_of(account, &function, id).await?;
        let lines = self.store.invocation_logs(account, id, limits::LOG_LINES_SHOWN).await?;
        Ok(Page { items: lines.iter().map(show::log_line).collect(), next_cursor: None })
    }

    /// The newest lines that a function printed, in invocations and outside them, in the order of time.
    pub(crate) async fn function_logs(
        &self,
        caller: &Caller,
        function: &str,
        rows: u32,
    ) -> Result<Page<wire::LogLine>, Error> {
        let function = self.readable_function(caller, function, None).await?;
        let lines = self.store.function_logs(&caller.actor.account, &function.id, rows).await?;
        Ok(Page { items: lines.iter().map(show::log_line).collect(), next_cursor: None })
    }

    /// What a function sent where: in one invocation, or the newest of all.
    pub(crate) async fn function_egress(
        &self,
        caller: &Caller,
        function: &str,
        invocation: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::Egress>, Error> {
        let function = self.readable_function(caller, function, None).await?;
        let account = &caller.actor.account;
        let found = match invocation {
            Some(id) => {
                self.invocation_of(account, &function, id).await?;
                self.store.invocation_egress(account, &function.id, id, rows).await?
            }
            None => self.store.function_egress(account, &function.id, rows).await?,
        };
        Ok(Page { items: found.iter().map(show::egress_row).collect(), next_cursor: None })
    }

    /// Puts on record that a function tried to send a secret's placeholder to a host that the secret is not for. `last`:
    /// further attempts will not be told for a while.
    pub(crate) async fn audit_refused_placeholder(&self, sent: &Sent, last: bool) -> Result<(), Error> {
        let key = &sent.key;
        let name = key.function.to_string();
        let actor = Actor { kind: ActorKind::Function, name, ..Actor::anonymous(key.account.clone()) };
        let request_id = RequestId::new(sent.record.invocation.as_deref().unwrap_or_default());
        let caller = Caller { actor, request_id };
        let secret = sent.record.refused.as_ref().map_or("", SecretName::as_str);
        let details = [("host", sent.record.host.as_str()), ("further", "not told for an hour")];
        let details = details.get(..if last { 2 } else { 1 }).unwrap_or_default();
        self.audit_denied_with(&caller, Action::SecretSend, Some(&key.environment), secret, details).await
    }

    /// The lines that a function prints from now on. `None` stands for lines that this watcher was too slow for.
    pub(crate) async fn watch_logs(
        &self,
        caller: &Caller,
        function: &str,
    ) -> Result<impl Stream<Item = Option<wire::LogLine>> + use<>, Error> {
        let function = self.readable_function(caller, function, None).await?;
        let lines = self.recorder.watch();
        let stopping = self.stopping.clone();
        let lines = stream::unfold((lines, function), |(mut lines, function)| async move {
            loop {
                let line = match lines.recv().await {
                    Ok(line) if line.key.account == function.account && line.key.function == function.name => line,
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_)) => return Some((None, (lines, function))),
                    Err(RecvError::Closed) => return None,
                };
                let shown = wire::LogLine {
                    time: clock::from_system(line.time).to_string(),
                    stream: stream_word(line.stream).to_owned(),
                    invocation: line.invocation.clone(),
                    text: line.text.clone(),
                };
                return Some((Some(shown), (lines, function)));
            }
        });
        Ok(lines.take_until(stopping.cancelled_owned()))
    }

    async fn readable_function(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&EnvironmentName>,
    ) -> Result<FunctionRow, Error> {
        let name = FunctionName::parse(name)?;
        self.permit(caller, Action::InvocationList, environment, name.as_str()).await?;
        // Whoever asks after an invocation ended shall find it.
        self.recorder.flush().await;
        self.store.function(&caller.actor.account, &name).await?.ok_or(Error::not_found("function"))
    }

    async fn invocation_of(
        &self,
        account: &AccountId,
        function: &FunctionRow,
        id: &str,
    ) -> Result<InvocationRow, Error> {
        let row = self.store.invocation(account, id).await?;
        row.filter(|row| row.function_id == function.id).ok_or(Error::not_found("invocation"))
    }
}

fn parse_cursor(cursor: &str) -> Result<(Timestamp, &str), Invalid> {
    let parsed =
        cursor.split_once(':').and_then(|(millis, id)| Some((Timestamp::from_millis(millis.parse().ok()?), id)));
    parsed.ok_or_else(cursor_invalid)
}

//! What is recorded of an invocation when it has ended.

use std::sync::Arc;
use std::time::Duration;

use domain::VersionSet;
use domain::audit::AuditEvent;
use runtime::Cleaner;
use store::InvocationRow;

use super::Call;
use crate::service::show;

/// An invocation that has ended, as it waits to be recorded.
pub(crate) struct Ended {
    pub(super) call: Arc<Call>,
    pub(super) ran: Ran,
    pub(super) took: Duration,
    pub(super) status: u16,
    pub(super) outcome: &'static str,
    pub(super) error: Option<String>,
    /// What the account is told, with the record.
    pub(super) told: Option<Box<AuditEvent>>,
}

impl Ended {
    /// As it is stored, with the event that goes with it. Made where the caller need not wait for it.
    pub(crate) fn into_row(self) -> (InvocationRow, Option<AuditEvent>) {
        let Self { call, ran, took, status, outcome, error, told } = self;
        let key = &call.route.key;
        let row = InvocationRow {
            id: call.id.clone(),
            account: key.account.clone(),
            function_id: call.route.function_id.clone(),
            environment: key.environment.clone(),
            deployment: key.deployment,
            started_at: call.started_at,
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            status,
            outcome: outcome.to_owned(),
            cold: ran.cold,
            worker: ran.worker.to_string(),
            actor_kind: show::actor_kind(call.actor.kind).to_owned(),
            actor_name: call.actor.name.clone(),
            method: call.method.to_string(),
            // A webhook's path can hold its secret. Without a worker there is nothing to tell by what it holds.
            path: ran.cleaner.as_ref().map(|cleaner| without_values(cleaner, &call.path)).unwrap_or_default(),
            versions: ran.versions,
            error,
        };
        (row, told.map(|event| *event))
    }
}

/// The path as it may be kept. A value in it can be percent-encoded in more ways than the cleaner knows.
fn without_values(cleaner: &Cleaner, path: &str) -> String {
    if path.len() < 2 {
        return path.to_owned();
    }
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let cleaned = cleaner.clean(&decoded);
    if cleaned == decoded { cleaner.clean(path) } else { cleaned }
}

/// Where a call ran, and with which versions.
pub(super) struct Ran {
    pub(super) worker: Arc<str>,
    pub(super) cold: bool,
    pub(super) versions: Arc<VersionSet>,
    pub(super) cleaner: Option<Cleaner>,
}

//! What workers sent: kept, and, where a placeholder went astray, put before the people of the account.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::{AccountId, FunctionName};
use runtime::{EgressOutcome, Sent};
use tokio::sync::mpsc;

use crate::service::Service;

/// One event for a function and a host in so long: a function can try without end, and the audit log is not its to fill.
const AGAIN: Duration = Duration::from_secs(60 * 60);
/// Most of them that are remembered.
const MOST: usize = 10_000;

/// Runs until every worker is gone.
pub(crate) async fn egress(mut incoming: mpsc::Receiver<Sent>, service: Service) {
    let mut told: HashMap<(AccountId, FunctionName, String), Instant> = HashMap::new();
    while let Some(sent) = incoming.recv().await {
        if sent.record.outcome == EgressOutcome::Refused("placeholder_refused") {
            let place = (sent.key.account.clone(), sent.key.function.clone(), sent.record.host.clone());
            if told.len() >= MOST {
                told.clear();
            }
            let fresh = told.get(&place).is_none_or(|at| at.elapsed() >= AGAIN);
            if fresh {
                told.insert(place, Instant::now());
                if let Err(error) = service.audit_refused_placeholder(&sent).await {
                    tracing::error!(%error, "a refused placeholder was not audited");
                }
            }
        }
        if !service.recorder.sent(sent) {
            service.metrics.unrecorded.inc();
        }
    }
}

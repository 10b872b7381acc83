//! What workers sent: kept, and, where a placeholder went astray, put before the people of the account.

use std::time::Instant;

use runtime::{EgressOutcome, LogLine, Sent, Stream};
use tokio::sync::mpsc;

use super::told::{News, Told};
use crate::service::Service;

/// Runs until every worker is gone.
pub(crate) async fn egress(mut incoming: mpsc::Receiver<Sent>, service: Service) {
    let (mut events, mut lines) = (Told::default(), Told::default());
    while let Some(sent) = incoming.recv().await {
        let key = &sent.key;
        let place = (key.account.clone(), key.environment.clone(), key.function.clone());
        let record = &sent.record;
        if record.outcome == EgressOutcome::Refused("placeholder_refused") {
            service.metrics.placeholders_refused.inc();
            let secret = record.refused.as_ref().map_or("", |name| name.as_str());
            let news = events.news(&place, &format!("{secret} {}", record.host), Instant::now());
            if news != News::Old
                && let Err(error) = service.audit_refused_placeholder(&sent, news == News::TellLast).await
            {
                tracing::error!(%error, "a refused placeholder was not audited");
            }
        }
        for secret in &record.unfilled {
            let what = format!("{secret} {}:{}", record.host, record.port);
            if lines.news(&place, &what, Instant::now()) != News::Old && !service.recorder.log(passed_by(&sent, secret))
            {
                service.metrics.unrecorded.inc();
            }
        }
        if !service.recorder.sent(sent) {
            service.metrics.unrecorded.inc();
        }
    }
}

/// Tells whoever reads the function's log why the host may not have understood its key.
fn passed_by(sent: &Sent, secret: &domain::SecretName) -> LogLine {
    let record = &sent.record;
    LogLine {
        key: sent.key.clone(),
        worker: "".into(),
        invocation: record.invocation.clone(),
        stream: Stream::Stderr,
        time: sent.time,
        text: format!(
            "[the function connected to {}:{} by a way that the egress broker does not see into: a placeholder of {secret} \
             stays one there; use `fetch`]",
            record.host, record.port
        ),
    }
}

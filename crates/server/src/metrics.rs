//! Counters for operators, in the OpenMetrics text format. No label holds a name that a tenant chose.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Labels of an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct InvocationLabels {
    pub(crate) outcome: &'static str,
    pub(crate) start: &'static str,
}

/// Labels of an API request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) status: u16,
}

/// Labels of a response that held a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct GuardLabels {
    pub(crate) outcome: &'static str,
}

/// All metrics of one server.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) invocations: Family<InvocationLabels, Counter>,
    pub(crate) invocation_seconds: Histogram,
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) unrecorded: Counter,
    pub(crate) placeholders_refused: Counter,
    pub(crate) guarded: Family<GuardLabels, Counter>,
    workers: Gauge,
    commits: Gauge<u64, AtomicU64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("tresor");
        let invocations = Family::default();
        let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
        let invocation_seconds = Histogram::new(seconds);
        let requests = Family::default();
        let unrecorded = Counter::default();
        let placeholders_refused = Counter::default();
        let guarded = Family::default();
        let workers = Gauge::default();
        let commits = Gauge::default();
        registry.register("invocations", "Invocations by outcome and kind of start", invocations.clone());
        registry.register("invocation_seconds", "Time from request to end of response", invocation_seconds.clone());
        registry.register("requests", "Control-plane requests by status", requests.clone());
        registry.register(
            "unrecorded",
            "Invocations and log lines that were dropped because recording lagged behind",
            unrecorded.clone(),
        );
        registry.register(
            "placeholders_refused",
            "Requests of functions that would have taken a placeholder to a host that its secret is not for",
            placeholders_refused.clone(),
        );
        registry.register(
            "responses_with_values",
            "Responses of functions that held a value of their secrets, by what the guard did",
            guarded.clone(),
        );
        registry.register("workers", "Running workers", workers.clone());
        registry.register("store_commits", "Transactions committed since the start", commits.clone());
        Self {
            registry,
            invocations,
            invocation_seconds,
            requests,
            unrecorded,
            placeholders_refused,
            guarded,
            workers,
            commits,
        }
    }

    /// The metrics as text, with the gauges set to now's numbers.
    pub(crate) fn render(&self, workers: usize, commits: u64) -> String {
        self.workers.set(i64::try_from(workers).unwrap_or(i64::MAX));
        self.commits.set(commits);
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

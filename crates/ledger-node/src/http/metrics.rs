//! Figures for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Everything that is counted.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    latency: Family<Route, Histogram>,
    refused: Family<Code, Counter>,
    failed: Family<Code, Counter>,
    recorded: Counter,
    block_size: Histogram,
    block_time: Histogram,
    waiting: Gauge,
    pub(super) connections: Gauge,
    pub(super) connections_allowed: Gauge<u64, AtomicU64>,
    pub(super) accepts_failed: Counter,
    pub(super) turned_away: Counter,
    pub(super) certificate_failures: Counter,
    height: Gauge<u64, AtomicU64>,
    size: Gauge<u64, AtomicU64>,
    backups: Family<Made, Counter>,
    #[cfg(feature = "client")]
    witnesses: Family<Asked, Counter>,
}

#[cfg(feature = "client")]
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    witness: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Made {
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: String,
}

fn seconds() -> Histogram {
    // 50 microseconds to 6.5 seconds
    Histogram::new(exponential_buckets(50e-6, 2.0, 18))
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("medshare");
        let requests = Family::default();
        let latency = Family::new_with_constructor(seconds as fn() -> Histogram);
        let (refused, failed) = (Family::default(), Family::default());
        let recorded = Counter::default();
        let block_size = Histogram::new(exponential_buckets(1.0, 2.0, 11));
        let block_time = seconds();
        let (waiting, connections) = (Gauge::default(), Gauge::default());
        let (turned_away, certificate_failures) = (Counter::default(), Counter::default());
        let (height, size) = (Gauge::default(), Gauge::default());
        registry.register("http_requests", "Requests", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time to answer",
            Unit::Seconds,
            latency.clone(),
        );
        registry.register(
            "transactions_refused",
            "Transactions that the rules refused, by reason",
            refused.clone(),
        );
        registry.register(
            "blocks_failed",
            "Blocks that could not be written, by reason",
            failed.clone(),
        );
        registry.register(
            "transactions_recorded",
            "Transactions recorded by this process",
            recorded.clone(),
        );
        registry.register(
            "block_transactions",
            "Transactions written together",
            block_size.clone(),
        );
        registry.register_with_unit(
            "block_write",
            "Time to verify, apply and write a block",
            Unit::Seconds,
            block_time.clone(),
        );
        registry.register(
            "transactions_waiting",
            "Transactions that wait for the next block",
            waiting.clone(),
        );
        registry.register("connections", "Open connections", connections.clone());
        let connections_allowed = Gauge::default();
        registry.register(
            "connections_allowed",
            "Connections that may be open at a time",
            Gauge::clone(&connections_allowed),
        );
        let accepts_failed = Counter::default();
        registry.register(
            "accepts_failed",
            "Times that the system gave no connection: for want of files or memory, or because it refused one",
            Counter::clone(&accepts_failed),
        );
        registry.register(
            "turned_away",
            "Requests and connections beyond a limit",
            turned_away.clone(),
        );
        registry.register(
            "certificate_failures",
            "Attempts to read a replaced certificate or its key that failed",
            certificate_failures.clone(),
        );
        registry.register("height", "Height of the newest block", height.clone());
        registry.register("log_size", "Transactions in the log", size.clone());
        let backups = Family::default();
        registry.register(
            "backups",
            "Copies of the ledger, by what came of them",
            Family::clone(&backups),
        );
        #[cfg(feature = "client")]
        let witnesses = Family::default();
        #[cfg(feature = "client")]
        registry.register(
            "witnesses_asked",
            "Cosignatures asked for, by witness and what came of it",
            Family::clone(&witnesses),
        );
        Self {
            registry,
            requests,
            latency,
            refused,
            failed,
            recorded,
            block_size,
            block_time,
            waiting,
            connections,
            connections_allowed,
            accepts_failed,
            turned_away,
            certificate_failures,
            height,
            size,
            backups,
            #[cfg(feature = "client")]
            witnesses,
        }
    }

    #[cfg(feature = "client")]
    pub(super) fn asked(&self, witness: &str, outcome: &str) {
        let (witness, outcome) = (witness.to_owned(), outcome.to_owned());
        self.witnesses
            .get_or_create(&Asked { witness, outcome })
            .inc();
    }

    /// Counts a request; the route is its pattern, so that whoever asks for many addresses adds no figures.
    pub(super) fn request(&self, route: &str, status: u16, elapsed: Duration) {
        let route = route.to_owned();
        self.latency
            .get_or_create(&Route {
                route: route.clone(),
            })
            .observe(elapsed.as_secs_f64());
        self.requests
            .get_or_create(&Request { route, status })
            .inc();
    }

    pub(super) fn refused(&self, code: &str) {
        let code = code.to_owned();
        self.refused.get_or_create(&Code { code }).inc();
    }

    pub(super) fn failed(&self, code: &str) {
        let code = code.to_owned();
        self.failed.get_or_create(&Code { code }).inc();
    }

    pub(super) fn block(&self, transactions: usize, elapsed: Duration) {
        let count = u32::try_from(transactions).unwrap_or(u32::MAX);
        self.recorded.inc_by(u64::from(count));
        self.block_size.observe(f64::from(count));
        self.block_time.observe(elapsed.as_secs_f64());
    }

    pub(super) fn backup(&self, made: bool) {
        let outcome = if made { "made" } else { "failed" }.to_owned();
        self.backups.get_or_create(&Made { outcome }).inc();
    }

    pub(super) fn waiting(&self, count: usize) {
        self.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The figures as text.
    pub(super) fn text(&self, height: u64, size: u64) -> String {
        self.height.set(height);
        self.size.set(size);
        let mut out = String::new();
        // writing into memory does not fail
        text::encode(&mut out, &self.registry).unwrap_or_default();
        out
    }
}

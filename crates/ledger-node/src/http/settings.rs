//! What a server allows.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "client")]
use ledger_core::WitnessKey;

use super::backup::Backups;
use super::course::Handled;
use super::tls::Tls;
use crate::Witnessing;
#[cfg(feature = "client")]
use crate::{Error, Result};

/// Limits, TLS, and who may read. The defaults suit a machine of two cores that serves some hospitals.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) connections: usize,
    pub(super) connections_per_address: usize,
    pub(super) streams: usize,
    pub(super) streams_per_address: usize,
    pub(super) batches: usize,
    pub(super) batches_per_address: usize,
    pub(super) rate: Option<NonZeroU32>,
    pub(super) timeout: Duration,
    pub(super) head_timeout: Duration,
    pub(super) queue: usize,
    pub(super) queue_bytes: usize,
    pub(super) reads: Reads,
    pub(super) tls: Option<Tls>,
    pub(super) signals: bool,
    pub(super) witnessing: Option<Arc<Witnessing>>,
    pub(super) backups: Option<Backups>,
    pub(super) proxies: Vec<IpAddr>,
    pub(super) log: Option<Log>,
    #[cfg(feature = "client")]
    pub(super) witnesses: Vec<WitnessAddress>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 256,
            streams: 512,
            streams_per_address: 64,
            batches: 32,
            batches_per_address: 4,
            rate: NonZeroU32::new(200),
            timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(10),
            queue: 8192,
            queue_bytes: 64 << 20,
            reads: Reads::Everybody,
            tls: None,
            signals: false,
            witnessing: None,
            backups: None,
            proxies: Vec::new(),
            log: None,
            #[cfg(feature = "client")]
            witnesses: Vec::new(),
        }
    }
}

/// Who may read. Whoever may send transactions is decided by the ledger, and every transaction is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Reads {
    /// Whoever reaches the server.
    Everybody,
    /// Members, who sign their requests: [`crate::reader`].
    Members,
}

impl Settings {
    /// The defaults: 1,024 connections, 256 from one address, of which 512 and 64 may be streams of events, 200 requests a
    /// second from one address, 32 batches at a time and 4 from one address, 30 seconds for a request and 10 for its head, 8,192 waiting transactions of
    /// 64 MiB, everybody reads, no TLS.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most this many connections at a time, and from one address; those beyond wait, or are closed. There are fewer where the
    /// system lets the process open too few files ([`super::Server::connections`]); one address and streams have as many fewer in
    /// proportion.
    #[must_use]
    pub const fn connections(mut self, all: usize, per_address: usize) -> Self {
        (self.connections, self.connections_per_address) = (all, per_address);
        self
    }

    /// At most this many streams of events at a time, and from one address (a /64 of IPv6). A stream has no end, so it would
    /// keep its connection from everybody else; those beyond hear 503, or 429 when it is their address' limit.
    #[must_use]
    pub const fn streams(mut self, all: usize, per_address: usize) -> Self {
        (self.streams, self.streams_per_address) = (all, per_address);
        self
    }

    /// At most this many batches of transactions read at a time, and from one address (a /64 of IPv6): each may have a mebibyte, and
    /// take the time of a request to come. Those beyond hear 503, or 429 when it is their address' limit. A batch whose signatures are checked
    /// waits for its blocks as other transactions do, within [`Settings::queue`].
    #[must_use]
    pub const fn batches(mut self, all: usize, per_address: usize) -> Self {
        (self.batches, self.batches_per_address) = (all, per_address);
        self
    }

    /// At most this many requests a second from one address (a /64 of IPv6), or any number. A batch counts as many as it has
    /// transactions, or, if those are more, as many as may come at once after a pause: this many.
    #[must_use]
    pub const fn rate(mut self, per_second: Option<NonZeroU32>) -> Self {
        self.rate = per_second;
        self
    }

    /// How long a request may take altogether, and how long its first line and headers; also how long a connection may
    /// stay silent, or not read what it asked for.
    #[must_use]
    pub const fn timeouts(mut self, request: Duration, head: Duration) -> Self {
        (self.timeout, self.head_timeout) = (request, head);
        self
    }

    /// How many transactions may wait for their block; further ones hear 503.
    #[must_use]
    pub const fn queue(mut self, transactions: usize) -> Self {
        self.queue = transactions;
        self
    }

    /// How many bytes the transactions that wait for their block may have, with those of the block that is being written; further
    /// ones hear 503.
    #[must_use]
    pub const fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Who may read.
    #[must_use]
    pub const fn reads(mut self, reads: Reads) -> Self {
        self.reads = reads;
        self
    }

    /// Speaks TLS only.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Witnesses the ledgers of others, under `/add-checkpoint`.
    #[must_use]
    pub fn witnessing(mut self, witnessing: Witnessing) -> Self {
        self.witnessing = Some(Arc::new(witnessing));
        self
    }

    /// Copies the ledger while it is served: when it starts, and then every so often. Each copy is a whole ledger with the
    /// node's key, as [`crate::Node::backup`] makes it; `medshare_backups` among the metrics counts those made and failed.
    #[must_use]
    pub fn backups(mut self, backups: Backups) -> Self {
        self.backups = Some(backups);
        self
    }

    /// Believes these addresses, of proxies before the server, when they say in `X-Forwarded-For` who asks: limits are then counted
    /// for that address, and not for the proxy, whose connections are not counted. Of several names in it the last counts that is
    /// none of these, because whoever asks can write the ones before.
    #[must_use]
    pub fn proxies(mut self, proxies: Vec<IpAddr>) -> Self {
        self.proxies = proxies.iter().map(IpAddr::to_canonical).collect();
        self
    }

    /// Tells of each request that was answered, for a log of who read what. It is told on a thread that answers others too, so it must not
    /// wait for anything.
    #[must_use]
    pub fn log(mut self, log: impl Fn(&Handled) + Send + Sync + 'static) -> Self {
        self.log = Some(Log(Arc::new(log)));
        self
    }

    /// Asks these witnesses to cosign each checkpoint; `/checkpoint` and the proofs of shares then carry their cosignatures.
    #[cfg(feature = "client")]
    #[must_use]
    pub fn witnesses(mut self, witnesses: Vec<WitnessAddress>) -> Self {
        self.witnesses = witnesses;
        self
    }

    /// With so many connections in place of more that were asked for: of fewer, one address and streams still have the same part, so
    /// that neither has all of them.
    pub(super) fn lower(&mut self, connections: usize) {
        let asked = self.connections;
        let part = |part: usize| {
            // no product of two has more bits
            let less = (part as u128 * connections as u128).checked_div(asked as u128);
            let less = less.and_then(|less| usize::try_from(less).ok());
            less.unwrap_or(part).max(part.min(1))
        };
        self.connections = connections;
        self.connections_per_address = part(self.connections_per_address);
        self.streams = part(self.streams);
        self.streams_per_address = part(self.streams_per_address);
    }

    /// What is opened besides the node's own files and connections: a connection, a name and what is looked up for it, for each
    /// witness that is asked; a file and its folder, for each log that is witnessed.
    pub(super) fn opens(&self) -> usize {
        #[cfg(feature = "client")]
        let asked = self.witnesses.len();
        #[cfg(not(feature = "client"))]
        let asked = 0_usize;
        let witnessed = self
            .witnessing
            .as_ref()
            .map_or(0, |witnessing| witnessing.logs());
        asked
            .saturating_mul(4)
            .saturating_add(witnessed.saturating_mul(2))
    }

    /// Stops on SIGINT and SIGTERM, as a program in the foreground does.
    #[must_use]
    pub const fn stop_on_signals(mut self) -> Self {
        self.signals = true;
        self
    }
}

/// Hears of requests.
#[derive(Clone)]
pub(super) struct Log(pub(super) Arc<dyn Fn(&Handled) + Send + Sync>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

/// Where a witness is asked, and the key under which its cosignature counts. Written `KEY@URL`.
#[cfg(feature = "client")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAddress {
    pub(super) key: WitnessKey,
    pub(super) url: String,
}

#[cfg(feature = "client")]
impl WitnessAddress {
    /// A witness behind a URL, before `/add-checkpoint`.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for another than `http://` or `https://`.
    pub fn new(key: WitnessKey, url: &str) -> Result<Self> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Error::Address {
                url: url.to_owned(),
                reason: "expected http://HOST:PORT or https://HOST:PORT".to_owned(),
            });
        }
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { key, url })
    }
}

#[cfg(feature = "client")]
impl std::str::FromStr for WitnessAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, url) = text.split_once("@http").ok_or_else(|| Error::Address {
            url: text.to_owned(),
            reason: "expected KEY@URL".to_owned(),
        })?;
        Self::new(key.parse().map_err(Error::Ledger)?, &format!("http{url}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_fewer_connections_each_still_has_its_part() {
        let lowered = |mut settings: Settings, connections| {
            settings.lower(connections);
            [
                settings.connections,
                settings.connections_per_address,
                settings.streams,
                settings.streams_per_address,
            ]
        };
        assert_eq!(lowered(Settings::new(), 960), [960, 240, 480, 60]);
        assert_eq!(lowered(Settings::new(), 1), [1, 1, 1, 1]);
        let all = Settings::new().connections(usize::MAX, usize::MAX);
        assert_eq!(lowered(all.streams(0, 0), 100), [100, 100, 0, 0]);
        let any = Settings::new().connections(200, usize::MAX);
        assert!(lowered(any, 100)[1] >= 100);
    }
}

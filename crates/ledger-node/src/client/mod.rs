//! A client that believes only what is proven, and remembers the last checkpoint that it believed.
//!
//! Every answer comes with its proof under the key that the caller trusts. A server can refuse to answer, or leave shares out
//! of a list; it cannot invent one, hide what became of one that is asked for by name, go back to an earlier state, or
//! show two histories to the same client.

mod memory;
mod transport;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledger_core::merkle::ConsistencyProof;
use ledger_core::{
    Address, Answer, Block, ChainId, Checkpoint, Digest, Genesis, Height, LogKey, MemberState,
    Receipt, Refusal, Rejected, ShareFilter, ShareId, ShareState, StatusKind, Transaction, Trust,
    TxId, verify, verify_answer, verify_checkpoint,
};
use serde::Deserialize;

use self::memory::Memory;
use self::transport::{Replied, Transport};
use crate::{Error, Event, Result};

/// Signs a request to read: gets [`crate::reader::read_message`], returns the signature.
type Sign<'a> = Box<dyn Fn(&[u8]) -> Option<[u8; 64]> + Send + Sync + 'a>;

/// How a server is reached.
#[derive(Default)]
pub struct Connecting<'a> {
    kept: Option<PathBuf>,
    roots: Option<Vec<u8>>,
    timeout: Option<Duration>,
    reader: Option<(Address, Sign<'a>)>,
}

impl fmt::Debug for Connecting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting")
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}

impl<'a> Connecting<'a> {
    /// Remembers for as long as the client lives, trusts the well-known certificate authorities, waits up to a minute.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the last checkpoint in a file, so that the next process notices a rollback too.
    #[must_use]
    pub fn keep(mut self, file: impl Into<PathBuf>) -> Self {
        self.kept = Some(file.into());
        self
    }

    /// Accepts servers with these certificates, or certified by them, in place of the well-known authorities (PEM).
    #[must_use]
    pub fn roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Waits this long for an answer.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Signs requests to read as this member, for servers that ask for it. The function gets a message and returns the
    /// Ed25519 signature of its [`ledger_core::signed_digest`], as for a transaction.
    #[must_use]
    pub fn reader(
        mut self,
        address: Address,
        sign: impl Fn(&[u8]) -> Option<[u8; 64]> + Send + Sync + 'a,
    ) -> Self {
        self.reader = Some((address, Box::new(sign)));
        self
    }
}

/// A ledger behind somebody's server.
pub struct Client<'a> {
    transport: Transport<'a>,
    genesis: Genesis,
    log: LogKey,
    memory: Memory,
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.transport.url())
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

impl<'a> Client<'a> {
    /// Asks the server which chain it serves, and checks that it is the one whose key is trusted.
    ///
    /// # Errors
    ///
    /// [`Error::Address`], [`Error::Unreachable`], [`Error::Kept`], or [`Error::Unproven`] when it serves another chain.
    pub fn connect(url: &str, log: LogKey, connecting: Connecting<'a>) -> Result<Self> {
        let memory = Memory::open(connecting.kept.clone(), &log)?;
        let transport = Transport::new(url, connecting, log.chain())?;
        let genesis = genesis(&transport)?;
        if genesis.chain() != log.chain() {
            return Err(Error::Unproven(Rejected::WrongChain {
                expected: log.chain(),
                found: genesis.chain(),
            }));
        }
        if genesis.log_key() != log {
            return Err(Error::Unproven(Rejected::Signature));
        }
        Ok(Self {
            transport,
            genesis,
            log,
            memory,
        })
    }

    /// The key that the server says to trust: to be compared with what its operator says in person, before it is.
    ///
    /// # Errors
    ///
    /// As [`Client::connect`].
    pub fn first_use(url: &str, connecting: Connecting<'a>) -> Result<LogKey> {
        let transport = Transport::new(url, connecting, ChainId::new([0; 32]))?;
        Ok(genesis(&transport)?.log_key())
    }

    /// The server's address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.transport.url()
    }

    /// What the chain is.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The chain's name.
    #[must_use]
    pub const fn chain(&self) -> ChainId {
        self.log.chain()
    }

    /// What is trusted.
    #[must_use]
    pub const fn log_key(&self) -> LogKey {
        self.log
    }

    /// The time by this machine's clock, in seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        now()
    }

    /// The newest checkpoint, which continues the last one seen.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::Server`], or [`Error::Unproven`] with the reason; so for every method below.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        Ok(self.ask("/v1/checkpoint")?.0.checkpoint().clone())
    }

    /// A member, if it was ever enrolled.
    ///
    /// # Errors
    ///
    /// As [`Client::checkpoint`], and [`Error::Unanswered`].
    pub fn member(&self, address: &Address) -> Result<Option<MemberState>> {
        let path = format!("/v1/members/{address}");
        let (answer, _) = self.ask(&path)?;
        let member = answer.member(address);
        let member = member.ok_or_else(|| self.unanswered(&path, "the member"))?;
        Ok(member.cloned())
    }

    /// Every member, in the order of the addresses; that none was left out is not proven.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn members(&self) -> Result<Vec<(Address, MemberState)>> {
        let mut members = BTreeMap::new();
        let mut path = "/v1/members?limit=100".to_owned();
        loop {
            let (answer, next) = self.ask(&path)?;
            let before = members.len();
            members.extend(answer.members().map(|(a, m)| (*a, m.clone())));
            // a page that adds nobody ends the list, whatever it says of a next one
            match next.and_then(|next| next.parse::<Address>().ok()) {
                Some(next) if members.len() > before => {
                    path = format!("/v1/members?limit=100&cursor={next}");
                }
                _ => return Ok(members.into_iter().collect()),
            }
        }
    }

    /// A share, if it is recorded.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn share(&self, share: &ShareId) -> Result<Option<ShareState>> {
        let path = format!("/v1/shares/{share}");
        let (answer, _) = self.ask(&path)?;
        let state = answer.share(share);
        let state = state.ok_or_else(|| self.unanswered(&path, "the share"))?;
        Ok(state.cloned())
    }

    /// Every share that matches; each is proven, that none was left out is not.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn find_shares(&self, filter: &ShareFilter) -> Result<Vec<(ShareId, ShareState)>> {
        let mut query = "/v1/shares?limit=100".to_owned();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                query.push_str(&format!("&{name}={value}"));
            }
        };
        add("sender", filter.sender.map(|sender| sender.to_string()));
        add(
            "receiver",
            filter.receiver.map(|receiver| receiver.to_string()),
        );
        add("content", filter.content.map(|content| content.to_string()));
        let status = filter.status.map(|status| match status {
            StatusKind::Live => "live",
            StatusKind::Rejected => "rejected",
            StatusKind::Withdrawn => "withdrawn",
        });
        add("status", status.map(str::to_owned));
        let mut found = BTreeMap::new();
        let mut cursor = 0;
        loop {
            let path = format!("{query}&cursor={cursor}");
            let (answer, next) = self.ask(&path)?;
            for (id, state) in answer.shares() {
                if !filter.matches(state) {
                    return Err(self.unanswered(&path, "a share of another kind"));
                }
                let receiver = filter
                    .receiver
                    .and_then(|address| state.receiver(&address).cloned());
                let order = receiver.map_or(state.index, |receiver| receiver.granted);
                found.insert(order, (*id, state.clone()));
            }
            // a server cannot send us round in circles
            match next.and_then(|next| next.parse().ok()) {
                Some(next) if next > cursor && next <= answer.header().log_size => cursor = next,
                _ => return Ok(found.into_values().collect()),
            }
        }
    }

    /// Everything that happened to a share, in order; empty when there is no such share.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn events(&self, share: &ShareId) -> Result<Vec<Event>> {
        let path = format!("/v1/shares/{share}/events");
        let (answer, _) = self.ask(&path)?;
        let state = answer.share(share);
        let state = state.ok_or_else(|| self.unanswered(&path, "the share"))?;
        let events = state
            .map(|state| state.events.as_slice())
            .unwrap_or_default();
        events
            .iter()
            .map(|&index| self.event(&answer, &path, index))
            .collect()
    }

    /// At most a hundred transactions from an index on: all of them, or those that concern a member.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn log(&self, member: Option<&Address>, from: u64) -> Result<Vec<Event>> {
        let member = member.map_or_else(String::new, |member| format!("&member={member}"));
        let path = format!("/v1/transactions?limit=100&cursor={from}{member}");
        let (answer, _) = self.ask(&path)?;
        let indices: Vec<_> = answer.transactions().map(|(index, _)| index).collect();
        indices
            .into_iter()
            .filter(|index| *index >= from)
            .map(|index| self.event(&answer, &path, index))
            .collect()
    }

    /// The block at a height.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn block(&self, height: Height) -> Result<Option<Block>> {
        let path = format!("/v1/blocks/{height}");
        let (answer, _) = match self.ask(&path) {
            // that it is not there yet is for the checkpoint to show
            Err(Error::Server { status: 404, .. }) if self.checkpoint()?.height() < height => {
                return Ok(None);
            }
            other => other?,
        };
        let block = answer.block(height);
        let block = block.ok_or_else(|| self.unanswered(&path, "the block"))?;
        let txs = (block.first..block.header.log_size).map(|index| {
            let tx = answer.transaction(index).cloned();
            tx.ok_or_else(|| self.unanswered(&path, "a transaction of the block"))
        });
        Ok(Some(Block::new(
            block.header.clone(),
            txs.collect::<Result<_>>()?,
        )))
    }

    /// Records a transaction, and returns when it is proven to be in the log. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::RefusedThere`] with the reason; else as [`Client::member`].
    pub fn submit(&self, tx: &Transaction) -> Result<Receipt> {
        let path = "/v1/transactions";
        let replied = self.transport.post(&self.older(path), tx.as_bytes())?;
        let answer = match self.believe(replied) {
            Err(Error::Server {
                status: 422,
                code,
                detail,
                ..
            }) => {
                return Err(Error::RefusedThere { code, detail });
            }
            other => other?.0,
        };
        let id = tx.id();
        let index = answer.transactions().find(|(_, found)| found.id() == id);
        let receipt = index.and_then(|(index, _)| {
            let height = answer.block_of(index)?.header.height;
            Some(Receipt::new(index, height, id))
        });
        receipt.ok_or_else(|| self.unanswered(path, "the transaction"))
    }

    /// Where a transaction is recorded, if it is.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn find(&self, id: &TxId) -> Result<Option<u64>> {
        let path = format!("/v1/transactions/{id}");
        let (answer, _) = match self.ask(&path) {
            Err(Error::Server { status: 404, .. }) => return Ok(None),
            other => other?,
        };
        let index = answer.transactions().find(|(_, tx)| tx.id() == *id);
        let (index, _) = index.ok_or_else(|| self.unanswered(&path, "the transaction"))?;
        Ok(Some(index))
    }

    /// The bundle of a share, which [`ledger_core::verify`] believes; it continues the last checkpoint seen and, with an
    /// older one, that too.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with [`Refusal::UnknownShare`], proven; else as [`Client::member`].
    pub fn prove(&self, share: &ShareId, older: Option<&Checkpoint>) -> Result<Vec<u8>> {
        let kept = self.memory.last();
        let since = older.or(kept.as_ref());
        let query = since.map_or_else(String::new, |since| format!("?older={}", since.size()));
        let path = format!("/v1/shares/{share}/proof{query}");
        let replied = self.transport.get(&path)?;
        let bytes = match self.body(replied) {
            Err(Error::Server { status: 404, .. }) if self.share(share)?.is_none() => {
                return Err(Error::Refused(Refusal::UnknownShare { share: *share }));
            }
            other => other?.0,
        };
        let mut trust = Trust::new(self.log);
        if let Some(since) = since {
            trust = trust.older(since.clone());
        }
        let proven = verify(&bytes, &trust).map_err(Error::Unproven)?;
        if proven.share_id() != share {
            return Err(self.unanswered(&path, "the share"));
        }
        if let (Some(_), Some(kept)) = (older, kept) {
            self.continues(proven.checkpoint(), kept)?;
        }
        self.memory.keep(proven.checkpoint())?;
        Ok(bytes)
    }

    /// Checks that a checkpoint continues the last one seen, with a proof of the server's.
    fn continues(&self, newer: &Checkpoint, kept: Checkpoint) -> Result<()> {
        #[derive(Deserialize)]
        struct Path {
            path: Vec<String>,
        }
        let (from, to) = (kept.size(), newer.size());
        let proof = if from < to {
            let path = format!("/v1/consistency?from={from}&to={to}");
            let (bytes, _) = self.body(self.transport.get_json(&path)?)?;
            let hashes = serde_json::from_slice::<Path>(&bytes)
                .ok()
                .and_then(|path| {
                    let hashes = path.path.iter().map(|hash| hash.parse::<Digest>().ok());
                    hashes.collect::<Option<Vec<_>>>()
                });
            let hashes = hashes.ok_or_else(|| self.unanswered(&path, "the proof"))?;
            Some(ConsistencyProof::claim(from, to, hashes))
        } else {
            None
        };
        let trust = Trust::new(self.log).older(kept);
        verify_checkpoint(newer.note(), proof.as_ref(), &trust)
            .map(drop)
            .map_err(Error::Unproven)
    }

    /// One transaction of an answer, with its block.
    fn event(&self, answer: &Answer, path: &str, index: u64) -> Result<Event> {
        let tx = answer.transaction(index);
        let tx = tx.ok_or_else(|| self.unanswered(path, "a transaction"))?;
        let block = answer.block_of(index);
        let block = block.ok_or_else(|| self.unanswered(path, "the block of a transaction"))?;
        Ok(Event {
            index,
            height: block.header.height,
            time: block.header.time,
            tx: tx.clone(),
        })
    }

    /// Asks, believes what is proven, and remembers its checkpoint. Also what the server says of a next page.
    fn ask(&self, path: &str) -> Result<(Answer, Option<String>)> {
        self.believe(self.transport.get(&self.older(path))?)
    }

    fn believe(&self, replied: Replied) -> Result<(Answer, Option<String>)> {
        let (bytes, next) = self.body(replied)?;
        let mut trust = Trust::new(self.log);
        if let Some(kept) = self.memory.last() {
            trust = trust.older(kept);
        }
        let answer = verify_answer(&bytes, &trust).map_err(Error::Unproven)?;
        self.memory.keep(answer.checkpoint())?;
        Ok((answer, next))
    }

    /// The bytes of an answer; a problem is an error. That the server is behind what was seen is a rollback by its own word.
    fn body(&self, replied: Replied) -> Result<(Vec<u8>, Option<String>)> {
        match replied.problem() {
            None => Ok((replied.body, replied.next)),
            Some(Error::Server { code, .. })
                if code == "beyond" && self.memory.last().is_some() =>
            {
                let known = self.memory.last().map_or(0, |kept| kept.size());
                let found = self.server_size().unwrap_or(0);
                Err(Error::Unproven(Rejected::RolledBack { known, found }))
            }
            Some(problem) => Err(problem),
        }
    }

    /// How many transactions the server says it has, for the words of an error.
    fn server_size(&self) -> Option<u64> {
        let note = self.transport.get_json("/checkpoint").ok()?.body;
        let note = String::from_utf8(note).ok()?;
        Some(Checkpoint::open(&note, &self.log).ok()?.size())
    }

    /// The path with the size of the last checkpoint seen.
    fn older(&self, path: &str) -> String {
        let Some(kept) = self.memory.last() else {
            return path.to_owned();
        };
        let sign = if path.contains('?') { '&' } else { '?' };
        format!("{path}{sign}older={}", kept.size())
    }

    fn unanswered(&self, path: &str, what: &'static str) -> Error {
        let url = format!("{}{path}", self.transport.url());
        Error::Unanswered { url, what }
    }
}

/// The genesis that a server serves.
fn genesis(transport: &Transport<'_>) -> Result<Genesis> {
    let replied = transport.get("/v1/genesis")?;
    match replied.problem() {
        Some(problem) => Err(problem),
        None => Genesis::from_bytes(&replied.body).map_err(Error::Ledger),
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

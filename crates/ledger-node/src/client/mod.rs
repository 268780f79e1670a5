//! A client that believes only what is proven, and remembers the last checkpoint that it believed.
//!
//! Every answer comes with its proof under the key that the caller trusts. A server can refuse to answer, or leave shares out
//! of a list; without the node's key it cannot invent one, hide what became of one that is asked for by name, go back to an earlier
//! state, or show two histories to the same client. With it, it still cannot invent a transaction of a member whose key it states
//! rightly, nor show two histories; that the states follow from the transactions, the keys of members among them, shows
//! [`Client::replica`], which computes the chain again.

mod batch;
mod connecting;
mod follow;
mod memory;
mod questions;
mod replica;
mod transport;

use std::cell::Cell;
use std::fmt;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledger_core::merkle::ConsistencyProof;
use ledger_core::{
    Answer, ChainId, Checkpoint, Digest, Genesis, LogKey, Receipt, Rejected, Trust, TxId,
    verify_answer, verify_checkpoint,
};
use serde::Deserialize;

pub use self::connecting::Connecting;
pub use self::follow::{Follow, Subject};
use self::memory::Memory;
pub use self::memory::kept_lock;
use self::transport::{Replied, Transport};
use crate::{Error, Result};

/// How often an answer is asked for again, a second later, that too few witnesses have cosigned.
const COSIGNING: u32 = 5;

/// A ledger behind somebody's server.
pub struct Client<'a> {
    transport: Transport<'a>,
    genesis: Genesis,
    trust: Trust,
    memory: Memory,
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.transport.url())
            .field("log", self.trust.log())
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
        let trust = Trust::new(log).witnesses(connecting.witnesses.clone(), connecting.quorum);
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
            trust,
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
        self.trust.log().chain()
    }

    /// What is trusted.
    #[must_use]
    pub const fn log_key(&self) -> LogKey {
        *self.trust.log()
    }

    /// The time by this machine's clock, in seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        now()
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
            let (bytes, _) = self.body(self.transport.get_json(&path)?, Some(&kept))?;
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
        let trust = self.trust.clone().older(kept);
        verify_checkpoint(newer.note(), proof.as_ref(), &trust)
            .map(drop)
            .map_err(Error::Unproven)
    }

    /// Asks, believes what is proven, and remembers its checkpoint. Also what the server says of a next page.
    fn ask(&self, path: &str) -> Result<(Answer, Option<String>)> {
        until_cosigned(|| {
            let kept = self.memory.last();
            let replied = self.transport.get(&since(path, kept.as_ref()))?;
            self.believe(replied, kept)
        })
    }

    /// What a reply proves, to a question that named the checkpoint kept then.
    fn believe(
        &self,
        replied: Replied,
        kept: Option<Checkpoint>,
    ) -> Result<(Answer, Option<String>)> {
        let (bytes, next) = self.body(replied, kept.as_ref())?;
        let mut trust = self.trust.clone();
        if let Some(kept) = &kept {
            trust = trust.older(kept.clone());
        }
        let answer = verify_answer(&bytes, &trust).map_err(Error::Unproven)?;
        self.remember(answer.checkpoint(), kept)?;
        Ok((answer, next))
    }

    /// Remembers a checkpoint that continues the one kept when it was asked for. What another thread has remembered since must be of
    /// the same history, whichever of the two is newer.
    fn remember(&self, found: &Checkpoint, mut kept: Option<Checkpoint>) -> Result<()> {
        while let Some(other) = self.memory.keep(found, kept.as_ref())? {
            if other.height() <= found.height() {
                self.continues(found, other.clone())?;
            } else {
                self.continues(&other, found.clone())?;
            }
            kept = Some(other);
        }
        Ok(())
    }

    /// The bytes of an answer; a problem is an error. That the server is behind what was seen is a rollback by its own word.
    fn body(
        &self,
        replied: Replied,
        kept: Option<&Checkpoint>,
    ) -> Result<(Vec<u8>, Option<String>)> {
        match (replied.problem(), kept) {
            (None, _) => Ok((replied.body, replied.next)),
            (Some(Error::Server { code, .. }), Some(kept)) if code == "beyond" => {
                let known = kept.size();
                let found = self.server_size().unwrap_or(0);
                Err(Error::Unproven(Rejected::RolledBack { known, found }))
            }
            (Some(problem), _) => Err(problem),
        }
    }

    /// How many transactions the server says it has, for the words of an error.
    fn server_size(&self) -> Option<u64> {
        let note = self.transport.get_json("/checkpoint").ok()?.body;
        let note = String::from_utf8(note).ok()?;
        Some(Checkpoint::open(&note, self.trust.log()).ok()?.size())
    }

    /// Sends transactions until the answer has its cosignatures. Once they were taken they may be recorded: that they are not taken again
    /// refuses nothing.
    fn send(&self, path: &str, post: impl Fn(&str) -> Result<Replied>) -> Result<Answer> {
        let taken = Cell::new(false);
        let answer = until_cosigned(|| {
            let kept = self.memory.last();
            let replied = post(&since(path, kept.as_ref()))?;
            let answer = self.believe(replied, kept);
            taken.set(taken.get() || !matches!(answer, Err(Error::Server { .. })));
            answer
        });
        match answer {
            Ok((answer, _)) => Ok(answer),
            Err(error) if taken.get() => Err(self.perhaps(path, refused(error))),
            Err(error) => Err(refused(error)),
        }
    }

    /// The error of what was taken before: only the ledger refuses it then, not a server that turns a later request away.
    fn perhaps(&self, path: &str, error: Error) -> Error {
        match error {
            refused @ Error::RefusedThere { .. } => refused,
            error if error.is_refusal() => self.unanswered(path, "whether it is recorded"),
            error => error,
        }
    }

    fn unanswered(&self, path: &str, what: &'static str) -> Error {
        let url = format!("{}{path}", self.transport.url());
        Error::Unanswered { url, what }
    }
}

/// The path with the size of the checkpoint that the answer has to continue.
fn since(path: &str, kept: Option<&Checkpoint>) -> String {
    let Some(kept) = kept else {
        return path.to_owned();
    };
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}older={}", kept.size())
}

/// The ledger's refusal of a transaction, by its status.
fn refused(error: Error) -> Error {
    match error {
        Error::Server {
            status: 422,
            code,
            detail,
            ..
        } => Error::RefusedThere { code, detail },
        other => other,
    }
}

/// Where an answer proves the transaction with this index to stand.
fn receipt(answer: &Answer, index: u64, id: TxId) -> Option<Receipt> {
    let height = answer.block_of(index)?.header.height;
    Some(Receipt::new(index, height, id))
}

/// Asks again while too few witnesses have cosigned the answer: they are asked after each block, and one may be slow.
fn until_cosigned<T>(ask: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 0..COSIGNING {
        match ask() {
            Err(Error::Unproven(Rejected::Witnesses { .. })) => {
                thread::sleep(Duration::from_secs(1));
            }
            other => return other,
        }
    }
    ask()
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

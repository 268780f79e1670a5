//! What can go wrong while running a ledger.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger_core::{ChainId, PublicKey, Refusal, Rejected};

use crate::alone::time::Utc;

/// Everything that a node's operations fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ledger refuses the transaction.
    #[error("the ledger refuses the transaction: {0}")]
    Refused(#[source] Refusal),
    /// There is no file.
    #[error("there is no ledger at {path}")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is something else, or an empty one.
    #[error("{path} is no ledger: {reason}")]
    NotALedger {
        /// The file.
        path: PathBuf,
        /// How it shows.
        reason: String,
    },
    /// The file holds a ledger already.
    #[error("{path} holds the ledger {chain} already")]
    Exists {
        /// The file.
        path: PathBuf,
        /// Its chain.
        chain: ChainId,
    },
    /// The file holds the ledger of another chain.
    #[error("{path} holds the ledger {found}, expected the ledger {expected}")]
    OtherChain {
        /// The file.
        path: PathBuf,
        /// The chain that was asked for.
        expected: ChainId,
        /// The chain of the file.
        found: ChainId,
    },
    /// The ledger was founded by others.
    #[error("{path} would hold a ledger that was founded without the authority {expected}")]
    OtherAuthority {
        /// The file.
        path: PathBuf,
        /// The authority's key that was expected.
        expected: PublicKey,
    },
    /// Another process kept the ledger open all the time that was waited.
    #[error("{path} is in use by another process; waited {:.1} s", .waited.as_secs_f32())]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The file was damaged or tampered with.
    #[error("the ledger {path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which part, and how it shows.
        what: String,
    },
    /// The file cannot be made.
    #[error("cannot make {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// An import without the node's key.
    #[error(
        "{path} is a copy without the node's key: it can be read and verified, but records and signs nothing"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The clock is further ahead than can be believed. Nothing is recorded, because a ledger's time never goes back.
    #[error(
        "the clock says {}, the last block was written at {}; expected about {}, at most {} days later: nothing is recorded \
         until the clock is right, or, if it is, the ledger is opened again for so long a rest",
        Utc(*.clock), Utc(*.last), Utc(*.expected), .tolerated.as_secs() / 86_400
    )]
    Clock {
        /// What the clock says, in seconds since 1970.
        clock: u64,
        /// The time of the last block.
        last: u64,
        /// The last block's time, or what has passed since the node was opened.
        expected: u64,
        /// By how much the clock may be ahead of that.
        tolerated: Duration,
    },
    /// The key belongs to another ledger's node.
    #[error("the key is not that of this ledger's node")]
    WrongKey,
    /// The system gives no random bytes for the node's key.
    #[error("the system gives no random bytes")]
    Random,
    /// An answer, or a checkpoint, that is not what the trusted key proves.
    #[error("not believed: {0}")]
    Unproven(#[source] Rejected),
    /// The server does not answer.
    #[error("cannot reach {url}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The connection's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server refuses the transaction; its reason is its word, the ledger is as it was.
    #[error("the ledger refuses the transaction: {detail}")]
    RefusedThere {
        /// The reason's stable name, as [`Refusal::code`].
        code: String,
        /// The reason.
        detail: String,
    },
    /// The server answers with another problem.
    #[error("{url} answers {status} ({code}): {detail}")]
    Server {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The problem's stable name.
        code: String,
        /// The problem.
        detail: String,
    },
    /// The transaction was not sent, or taken by nobody, because a request with it, or before it, failed.
    #[error("not sent to {url}: a request with it, or before it, failed")]
    Unsent {
        /// The server.
        url: String,
    },
    /// The server's answer is proven, but not about what was asked.
    #[error("{url} does not answer what was asked: {what}")]
    Unanswered {
        /// What was asked.
        url: String,
        /// What is missing.
        what: &'static str,
    },
    /// The server asks for questions that a member signed, and this one could not be.
    #[error("cannot sign a question to {url}")]
    Unsigned {
        /// What was asked.
        url: String,
        /// Why there is no signature.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The address of a server is none.
    #[error("{url:?} is no address of a ledger: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The checkpoint that was kept cannot be read or written: without it a rollback would not be noticed.
    #[error("the checkpoint kept in {path} cannot be used: {reason}")]
    Kept {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The address cannot be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The system lets this process open so few files that no connection would be left beside them.
    #[error(
        "this process may have {limit} files open, and a node keeps {own} for itself: raise the limit (ulimit -n) to {own} and one for \
         each connection"
    )]
    Descriptors {
        /// How many the process may have open.
        limit: usize,
        /// How many of them are no connections.
        own: usize,
    },
    /// A certificate or its key cannot be used.
    #[error("cannot use {path} for TLS: {reason}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The temporary file cannot be used in which a chain is computed again. The ledger itself was not found to be damaged.
    #[error(
        "cannot compute the chain again in a temporary file in {folder}, which takes about as much room there as the ledger"
    )]
    Scratch {
        /// The folder that the file is in; it has no name.
        folder: PathBuf,
        /// What failed there.
        #[source]
        source: ledger_core::Error,
    },
    /// The system gives no threads to serve with.
    #[error("cannot start serving")]
    Runtime {
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// Any other failure of the ledger.
    #[error(transparent)]
    Ledger(ledger_core::Error),
}

impl Error {
    pub(crate) fn scratch(folder: &Path, source: ledger_core::Error) -> Self {
        Self::Scratch {
            folder: folder.to_owned(),
            source,
        }
    }

    /// Whether the same question may be answered later: the server was not reached, had no time, or waits for its witnesses.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unproven(Rejected::Witnesses { .. }) => true,
            Self::Server { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }

    /// Whether a submission that failed so was certainly not recorded, by its node's own word. After any other failure it may be in the
    /// ledger, or come there yet: whoever keeps something for it goes on keeping it, and asks the ledger later.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_)
            | Self::RefusedThere { .. }
            | Self::Clock { .. }
            | Self::NoKey { .. }
            | Self::Busy { .. }
            | Self::Unsent { .. }
            | Self::Unsigned { .. } => true,
            // the request came too slowly, says who may not be the node: a proxy says it after the node got it
            Self::Server { status: 408, .. } => false,
            Self::Server { status, code, .. } => {
                (400..500).contains(status) || (*status == 503 && code == "busy")
            }
            _ => false,
        }
    }
}

/// The result of a node's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

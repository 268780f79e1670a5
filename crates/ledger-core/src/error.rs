//! What can go wrong, as the caller sees it.

use std::error::Error as StdError;

use crate::{ChainId, Height, Refusal};

/// Everything that this crate's operations fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The state machine refuses the transaction.
    #[error("refused: {0}")]
    Refused(#[source] Refusal),
    /// Bytes are not what they should be.
    #[error("{what} is malformed: {reason}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// What was expected and what was found.
        reason: String,
    },
    /// Bytes are more than the format allows.
    #[error("{what} takes {found} bytes, more than the {limit} allowed")]
    TooLarge {
        /// What was being read.
        what: &'static str,
        /// The most bytes it may take.
        limit: usize,
        /// The bytes it takes.
        found: usize,
    },
    /// A genesis that cannot start a chain.
    #[error("the genesis is unusable: {reason}")]
    Genesis {
        /// Why.
        reason: String,
    },
    /// The file is something else.
    #[error("the file is no ledger: {reason}")]
    NotALedger {
        /// How it shows.
        reason: String,
    },
    /// The store holds no ledger yet.
    #[error("the store holds no ledger")]
    Empty,
    /// The store already holds a ledger.
    #[error("the store already holds the ledger {chain}")]
    Exists {
        /// Its chain.
        chain: ChainId,
    },
    /// The store was written by another version.
    #[error("the ledger has format version {found}, this program reads version {expected}")]
    Format {
        /// The version that this program reads and writes.
        expected: u64,
        /// The version of the store.
        found: u64,
    },
    /// The stored bytes contradict themselves: the file was damaged or tampered with.
    #[error("the ledger is damaged: {what}")]
    Damaged {
        /// Which part, and how it shows.
        what: String,
    },
    /// A block was begun on a head that is no longer the head.
    #[error("the block builds on height {expected}, but the ledger is at height {found}")]
    Overtaken {
        /// The height that the block builds on.
        expected: Height,
        /// The height of the ledger.
        found: Height,
    },
    /// Another process has the store open.
    #[error("another process has the ledger open")]
    Busy,
    /// The storage below failed: a full disk, a lost device.
    #[error("the store failed while {action}")]
    Store {
        /// What was being done.
        action: &'static str,
        /// The storage's own words.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The store failed in which an audit builds the chain up again; of the ledger itself this says nothing.
    #[error("cannot build the chain up again")]
    Rebuilding {
        /// That store's failure.
        #[source]
        source: Box<Self>,
    },
    /// A position or size beyond the log.
    #[error("{what} {found} is beyond the log's size {size}")]
    Beyond {
        /// An index or a size.
        what: &'static str,
        /// What was asked for.
        found: u64,
        /// The number of leaves.
        size: u64,
    },
}

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Names a damaged part.
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

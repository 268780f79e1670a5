//! What can go wrong, as the caller sees it.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use crate::Cid;

/// Everything that this crate's operations fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes are not those that the CID names.
    #[error("block {cid} is not what its CID says: its bytes have the digest of {found}")]
    WrongHash {
        /// The CID that was asked for.
        cid: Box<Cid>,
        /// The CID that the bytes have.
        found: Box<Cid>,
    },
    /// A CID with a hash function that this crate cannot check, or would not trust.
    #[error("{cid} uses the hash function 0x{code:x} with {len} bytes, which is not accepted")]
    UnknownHash {
        /// The CID.
        cid: Box<Cid>,
        /// The code of the hash function in the multicodec table.
        code: u64,
        /// The bytes of the digest.
        len: usize,
    },
    /// A CID with a codec whose links this crate cannot read.
    #[error("{cid} has the codec 0x{codec:x}, which is not accepted")]
    UnknownCodec {
        /// The CID.
        cid: Box<Cid>,
        /// The code of the codec in the multicodec table.
        codec: u64,
    },
    /// A CID that holds its own bytes, and too many of them.
    #[error("the identity CID holds {size} bytes, more than the {limit} allowed")]
    IdentityTooLarge {
        /// The bytes it holds.
        size: usize,
        /// The most it may hold.
        limit: usize,
    },
    /// A block that other IPFS programs would not exchange.
    #[error("a block of {size} bytes is larger than the {limit} allowed")]
    BlockTooLarge {
        /// Its bytes.
        size: u64,
        /// The most allowed.
        limit: usize,
    },
    /// Text or bytes that are no CID.
    #[error("{text:?} is no CID: {reason}")]
    NotACid {
        /// What was read, shortened.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A block that the store does not have.
    #[error("block {cid} is missing")]
    Missing {
        /// Its CID.
        cid: Box<Cid>,
    },
    /// A block whose stored bytes no longer hash to its CID, or cannot be read back.
    #[error("block {cid} is damaged in {path}: {reason}")]
    Damaged {
        /// Its CID.
        cid: Box<Cid>,
        /// The file that holds, or may have held, the block.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A block that hashes to its CID and yet is no well-formed node.
    #[error("block {cid} is malformed: {reason}")]
    Malformed {
        /// Its CID.
        cid: Box<Cid>,
        /// What is wrong.
        reason: &'static str,
    },
    /// Bytes that are no CAR file, or no whole one.
    #[error("the CAR file is malformed at byte {position}: {reason}")]
    Car {
        /// What is wrong.
        reason: &'static str,
        /// How many bytes were read when it showed.
        position: u64,
    },
    /// A link that claims another size than its target has.
    #[error("a link to {cid} claims {claimed} bytes, but it has {found}")]
    WrongSize {
        /// The target.
        cid: Box<Cid>,
        /// The size that the link claims.
        claimed: u64,
        /// The size that the target has.
        found: u64,
    },
    /// A DAG beyond the limits.
    #[error("the DAG under {root} has more than {limit} {what}")]
    TooLarge {
        /// Its root.
        root: Box<Cid>,
        /// What there is too much of.
        what: &'static str,
        /// The most allowed.
        limit: u64,
    },
    /// A node of another kind than the operation needs.
    #[error("{cid} is {found}, not {expected}")]
    WrongKind {
        /// The node.
        cid: Box<Cid>,
        /// What the operation needs.
        expected: &'static str,
        /// What the node is.
        found: &'static str,
    },
    /// A path with a name that the directory does not hold.
    #[error("there is no {name:?} in the directory {cid}")]
    NotFound {
        /// The directory.
        cid: Box<Cid>,
        /// The name.
        name: String,
    },
    /// A name that a directory cannot hold.
    #[error("{name:?} cannot name an entry of a directory: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// More parts than one node of the profile links to, or none.
    #[error("{found} parts cannot stand under one root, which has 1 to {limit}")]
    Parts {
        /// How many were given.
        found: usize,
        /// The width of the profile.
        limit: usize,
    },
    /// No profile has this name.
    #[error("there is no CID profile {name:?}")]
    UnknownProfile {
        /// The name.
        name: String,
    },
    /// A file that became another one while it was read.
    #[error("{path} changed while it was read")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A store that only reads was asked to change.
    #[error("{store} cannot be written to")]
    ReadOnly {
        /// What it is.
        store: &'static str,
    },
    /// A directory that is no store, or one of another version.
    #[error("{path} is no block store: {reason}")]
    NotAStore {
        /// The directory.
        path: PathBuf,
        /// How it shows.
        reason: String,
    },
    /// Another process is adding, or collecting garbage, and did not end in time.
    #[error("the store {path} is busy: another process held it for {} s", waited.as_secs_f32())]
    Busy {
        /// The store.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// Input or output failed: a full disk, a lost device, a reader that broke off.
    #[error("{action} failed{}", At(path.as_ref()))]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file, if it was one.
        path: Option<PathBuf>,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The address of a daemon or gateway that cannot be used.
    #[error("{url} cannot be used: {reason}")]
    Endpoint {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// A daemon or gateway that is not there, or broke off.
    #[error("{url} cannot be reached, or broke off, while {action}")]
    Unreachable {
        /// Its address.
        url: String,
        /// What was being done.
        action: &'static str,
        /// What happened to the connection.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A daemon or gateway that is silent, or too slow.
    #[error("{url} did not answer in time while {action}: waited for {waited_for}")]
    TimedOut {
        /// Its address.
        url: String,
        /// What was being done.
        action: &'static str,
        /// For what.
        waited_for: String,
    },
    /// A daemon or gateway that says no.
    #[error("{url} refused while {action}: {status} {message}")]
    Refused {
        /// Its address.
        url: String,
        /// What was being done.
        action: &'static str,
        /// The status of HTTP; 401 and 403 ask for an authorization.
        status: u16,
        /// Its own words, shortened.
        message: String,
    },
    /// An answer that is not what was asked for.
    #[error("{url} gave a wrong answer while {action}: {reason}")]
    Answer {
        /// Its address.
        url: String,
        /// What was being done.
        action: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A store of somebody else failed.
    #[error("the store failed while {action}")]
    Store {
        /// What was being done.
        action: &'static str,
        /// The store's own words.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the store, or the way to it, failed: nothing is known of the bytes that were asked for, and asking again later may
    /// give them. Bytes that are not there, or not what they should be, are no failure.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::ReadOnly { .. }
                | Self::NotAStore { .. }
                | Self::Busy { .. }
                | Self::Io { .. }
                | Self::Endpoint { .. }
                | Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::Refused { .. }
                | Self::Answer { .. }
                | Self::Store { .. }
        )
    }

    pub(crate) fn malformed(cid: Cid, reason: &'static str) -> Self {
        Self::Malformed {
            cid: cid.into(),
            reason,
        }
    }

    pub(crate) const fn io(action: &'static str, source: io::Error) -> Self {
        Self::Io {
            action,
            path: None,
            source,
        }
    }
}

impl From<Error> for io::Error {
    /// For readers of files: the error is the source, and its kind is the system's own or says that data is invalid.
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Io { source, .. } => source.kind(),
            Error::Missing { .. } => io::ErrorKind::NotFound,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// Writes where, when it is known.
struct At<'a>(Option<&'a PathBuf>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(path) => write!(f, " at {}", path.display()),
            None => Ok(()),
        }
    }
}

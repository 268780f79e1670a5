//! What a sender's mistakes are called, and why a receiver's evidence is not believed.

use ledger_core::{Address, ShareId};

use crate::{ContentDigest, Step};

/// Everything that putting a share together fails with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The image cannot hold the record, even in four bits of each sample.
    #[error(
        "the image is too small for its description: it holds {available} bytes, {needed} are needed"
    )]
    TooSmall {
        /// Bytes of the hidden record.
        needed: usize,
        /// Bytes that the image holds at most.
        available: usize,
    },
    /// The description is too long to be hidden.
    #[error("the description takes {found} bytes, at most {limit} are hidden")]
    Description {
        /// The most bytes.
        limit: usize,
        /// Its bytes.
        found: usize,
    },
    /// Bytes that are not what they should be.
    #[error("{what} is malformed: {reason}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What was expected and found.
        reason: String,
    },
    /// The hidden record is sealed, and none of the keys opens it.
    #[error("the hidden record is sealed, and none of the {keys} hiding keys at hand opens it")]
    WrongHidingKey {
        /// How many keys were tried.
        keys: usize,
    },
    /// The samples cannot carry or do not hold a payload.
    #[error("{0}")]
    Stego(#[source] lsb_stego::Error),
    /// The image cannot be read or rebuilt.
    #[error("{0}")]
    Image(#[source] medical_image::Error),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
}

/// The result of putting a share together.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a share is not accepted. [`Rejected::step`] names the step; nothing of the share was released.
///
/// [`Rejected::is_failure`] tells a machine that failed from a verdict on the share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// Step 1: nothing proves the record.
    #[error("the record is not proven: {0}")]
    NotProven(#[source] ledger_core::Rejected),
    /// Step 1: what is proven is another share.
    #[error("expected the record of share {expected}, the proof is about share {found}")]
    OtherShare {
        /// The share that was asked for.
        expected: ShareId,
        /// The share of the proof.
        found: ShareId,
    },
    /// Step 2: the share was rejected or withdrawn.
    #[error("the share is frozen: it was {status} (transaction {index} of the log)")]
    Frozen {
        /// `rejected` or `withdrawn`.
        status: String,
        /// The index of the transaction that froze it.
        index: u64,
    },
    /// Step 2: the record does not name the receiver.
    #[error("the record does not name {receiver} as a receiver")]
    NotNamed {
        /// Who asks.
        receiver: Address,
    },
    /// Step 2: the receiver's grant was taken back.
    #[error("the grant to {receiver} was taken back (transaction {index} of the log)")]
    GrantRevoked {
        /// Who asks.
        receiver: Address,
        /// The index of the transaction that took it back.
        index: u64,
    },
    /// Step 2: the sender is no member any more.
    #[error("the sender {sender} was revoked as a member at height {height}")]
    SenderRevoked {
        /// The sender.
        sender: Address,
        /// The height of the block.
        height: u64,
    },
    /// Step 3: bytes are missing, do not hash to their CID, or are no share.
    #[error("{reason}")]
    Content {
        /// Which block, and what was expected and found.
        reason: String,
        /// The store's own words.
        #[source]
        source: Option<Box<ipfs_store::Error>>,
    },
    /// Step 4: the sender's cert is not to be had, or is not the one that the ledger names.
    #[error("the sender's cert: {reason}")]
    SenderCert {
        /// What was expected and found.
        reason: String,
        /// The store's own words, where it is not to be had.
        #[source]
        source: Option<Box<ipfs_store::Error>>,
    },
    /// Step 4: an envelope does not open.
    #[error("{name}: {source}")]
    Envelope {
        /// Its name in the share.
        name: String,
        /// Why.
        source: Box<pgp_envelope::Error>,
    },
    /// Step 4: what was sealed as the manifest is none.
    #[error("{reason}")]
    Manifest {
        /// What was expected and found.
        reason: String,
    },
    /// Step 5: the sealed file is no image, or nothing whole is hidden in it.
    #[error("no hidden record: {0}")]
    NotHidden(#[source] Error),
    /// Step 6: the hidden record says something else than the ledger.
    #[error("the hidden {what} is {hidden}, the ledger recorded {recorded}")]
    Mismatch {
        /// Which field.
        what: &'static str,
        /// The ledger's.
        recorded: String,
        /// The hidden record's.
        hidden: String,
    },
    /// Step 7: the image is not the one that the hidden record names.
    #[error("the image's {what} have the digest {found}, the hidden record names {expected}")]
    OtherImage {
        /// `samples`, `clinical attributes` or `original bytes`.
        what: &'static str,
        /// The hidden record's digest.
        expected: ContentDigest,
        /// The image's.
        found: ContentDigest,
    },
    /// Step 7: the original cannot be put together again.
    #[error("the original cannot be restored: {0}")]
    NotRestored(#[source] Error),
}

impl Rejected {
    /// Whether the store, the disk or the receiver's key failed at this step, so that nothing is known of the share: a daemon that
    /// does not answer, a disk that is full, a key that is locked. What is missing, damaged or changed is a verdict.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Content { source, .. } | Self::SenderCert { source, .. } => {
                source.as_ref().is_some_and(|source| source.is_failure())
            }
            Self::Envelope { source, .. } => !source.is_rejection(),
            _ => false,
        }
    }

    /// The step that said no.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::NotProven(_) | Self::OtherShare { .. } => Step::Record,
            Self::Frozen { .. }
            | Self::NotNamed { .. }
            | Self::GrantRevoked { .. }
            | Self::SenderRevoked { .. } => Step::Live,
            Self::Content { .. } => Step::Content,
            Self::SenderCert { .. } | Self::Envelope { .. } | Self::Manifest { .. } => {
                Step::Envelope
            }
            Self::NotHidden(_) => Step::Hidden,
            Self::Mismatch { .. } => Step::Match,
            Self::OtherImage { .. } | Self::NotRestored(_) => Step::Image,
        }
    }
}

//! The state: what the ledger knows of each member and each share.

use std::fmt;

use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::codec::{decode, encode};
use crate::{Address, Commitment, Height, PublicKey, Result, ShareId};

/// The most bytes of one value of the state.
const MAX_STATE: usize = 1 << 20;
/// With how many events of whatever kind a share takes no further grant; accepting, rejecting, revoking and withdrawing is possible
/// beyond it.
pub const MAX_SHARE_EVENTS: usize = 1024;
/// The most receivers that a share has had, those whose grant was revoked included: its state and its proof can always be read.
pub const MAX_SHARE_RECEIVERS: usize = 4096;
/// The most keys that a member has had one after another; it can still be revoked then, and send under its last.
pub const MAX_MEMBER_KEYS: usize = 1024;

/// What the ledger knows of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MemberState {
    /// Its keys, the oldest first, each with the heights at which it is valid.
    pub keys: Vec<KeySpan>,
    /// Where its cert is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<Cid>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number of its transactions so far, and so the sequence of its next one.
    pub sequence: u64,
    /// The height at which it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Height>,
}

/// A key and when it is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeySpan {
    /// The key.
    pub key: PublicKey,
    /// The first height at which it is valid.
    pub from: Height,
    /// The first height at which it is no longer valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Height>,
}

impl KeySpan {
    /// Whether the key is valid for transactions of the block at this height.
    #[must_use]
    pub fn is_valid(&self, height: Height) -> bool {
        self.from <= height && self.until.is_none_or(|until| height < until)
    }
}

impl MemberState {
    /// A member from this height on.
    pub(crate) fn new(
        key: PublicKey,
        cert: Option<Cid>,
        name: Option<String>,
        from: Height,
    ) -> Self {
        Self {
            keys: vec![KeySpan {
                key,
                from,
                until: None,
            }],
            cert,
            name,
            sequence: 0,
            revoked: None,
        }
    }

    /// Reads a value of the state: exactly its canonical bytes.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Malformed`] or [`crate::Error::TooLarge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        decode(bytes, "a member's state", MAX_STATE)
    }

    /// The canonical bytes, which the state root commits to.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// True when it was not revoked.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.revoked.is_none()
    }

    /// The newest key, even of a revoked member.
    #[must_use]
    pub fn key(&self) -> Option<&PublicKey> {
        self.keys.last().map(|span| &span.key)
    }

    /// The key that is valid for transactions of the block at this height.
    #[must_use]
    pub fn key_at(&self, height: Height) -> Option<&PublicKey> {
        self.keys
            .iter()
            .find(|span| span.is_valid(height))
            .map(|span| &span.key)
    }
}

/// What the ledger knows of a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ShareState {
    /// Who sent it.
    pub sender: Address,
    /// The root of what was shared.
    pub content: Cid,
    /// The salted hash of what is hidden in the image.
    pub commitment: Commitment,
    /// The index of the share's transaction in the log.
    pub index: u64,
    /// The height of its block.
    pub height: Height,
    /// Live, rejected or withdrawn.
    pub status: Status,
    /// Everyone who ever was a receiver, in the order of the grants.
    pub receivers: Vec<ReceiverState>,
    /// The indices of every transaction on this share, in order.
    pub events: Vec<u64>,
}

/// Whether anything more may happen to a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the paper's three ends of a share; a caller should notice a fourth"
)]
pub enum Status {
    /// Neither rejected nor withdrawn.
    Live,
    /// A receiver refused it.
    Rejected {
        /// Who.
        by: Address,
        /// The index of the transaction.
        index: u64,
    },
    /// Its sender took it back.
    Withdrawn {
        /// The index of the transaction.
        index: u64,
    },
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Rejected { .. } => "rejected",
            Self::Withdrawn { .. } => "withdrawn",
        })
    }
}

/// One receiver of a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReceiverState {
    /// Who.
    pub address: Address,
    /// The root that a later grant made for this receiver; absent when it is the share's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Cid>,
    /// The index of the transaction that named it.
    pub granted: u64,
    /// The index of its acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<u64>,
    /// The index of the transaction that took the grant back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<u64>,
}

impl ReceiverState {
    pub(crate) const fn new(address: Address, content: Option<Cid>, granted: u64) -> Self {
        Self {
            address,
            content,
            granted,
            accepted: None,
            revoked: None,
        }
    }
}

impl ShareState {
    /// Reads a value of the state: exactly its canonical bytes.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Malformed`] or [`crate::Error::TooLarge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        decode(bytes, "a share's state", MAX_STATE)
    }

    /// The canonical bytes, which the state root commits to.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// True when it was neither rejected nor withdrawn.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.status == Status::Live
    }

    /// What the ledger knows of one receiver, revoked or not.
    #[must_use]
    pub fn receiver(&self, address: &Address) -> Option<&ReceiverState> {
        self.receivers
            .iter()
            .find(|receiver| receiver.address == *address)
    }

    /// True when the address is a receiver and its grant was not taken back.
    #[must_use]
    pub fn is_granted(&self, address: &Address) -> bool {
        self.receiver(address)
            .is_some_and(|receiver| receiver.revoked.is_none())
    }

    /// The root made for this receiver, when its grant stands.
    #[must_use]
    pub fn content_for(&self, address: &Address) -> Option<&Cid> {
        self.receiver(address)
            .filter(|receiver| receiver.revoked.is_none())
            .map(|receiver| receiver.content.as_ref().unwrap_or(&self.content))
    }
}

/// The key of a value in the state map: a letter and the name.
#[must_use]
pub(crate) fn share_key(share: &ShareId) -> Vec<u8> {
    [b"s", share.as_bytes().as_slice()].concat()
}

/// The key of a member in the state map.
#[must_use]
pub(crate) fn member_key(address: &Address) -> Vec<u8> {
    [b"m", address.as_bytes()].concat()
}

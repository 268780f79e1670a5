//! Blocks: a header and the transactions that it adds to the log.

use std::fmt;

use cid::Cid;
use multihash::Multihash;
use serde::{Deserialize, Serialize};

use crate::codec::{decode, encode};
use crate::{Digest, Error, Result, Transaction};

/// The most transactions that a block should have: its answer, with a proof for each, has room for them ([`crate::MAX_ANSWER`]), if
/// they are not large. Whoever makes blocks keeps to it; what has more is valid, and cannot be asked for in one answer.
pub const MAX_BLOCK_TRANSACTIONS: usize = 10_000;
/// The most bytes of a header.
const MAX_HEADER: usize = 1024;
/// The most bytes of a block.
const MAX_BLOCK: usize = 1 << 30;

/// The codec number of DAG-CBOR in a CID.
const DAG_CBOR: u64 = 0x71;
/// The code of SHA-256 in a multihash.
const SHA2_256: u64 = 0x12;

/// The number of a block; the genesis has 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
pub struct Height(pub u64);

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a block commits to: everything before it and the state after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Header {
    /// The number of the block.
    pub height: Height,
    /// The CID of the header before; for the first block, of the genesis.
    pub previous: Cid,
    /// The block's time, in seconds since 1970; never before that of the block before.
    pub time: u64,
    /// The number of transactions up to and with this block: the leaves of the log.
    pub log_size: u64,
    /// The root of the log (RFC 6962, section 2.1).
    pub log_root: Digest,
    /// The root of the map of shares and members.
    pub state_root: Digest,
}

impl Header {
    /// Reads a header: exactly its canonical bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] or [`Error::TooLarge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        decode(bytes, "a header", MAX_HEADER)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// SHA-256 of the bytes: the digest inside the header's CID.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// The CID of the bytes as an IPFS block: CIDv1, dag-cbor, sha2-256.
    #[must_use]
    pub fn cid(&self) -> Cid {
        dag_cbor_cid(&self.to_bytes())
    }

    /// Checks that this header may follow `previous`.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] with what does not follow.
    pub fn check_follows(&self, previous: &Self) -> Result<()> {
        let wrong = |reason: String| {
            Err(Error::Malformed {
                what: "a header",
                reason,
            })
        };
        if self.height.0.checked_sub(1) != Some(previous.height.0) {
            return wrong(format!(
                "height {} does not follow {}",
                self.height, previous.height
            ));
        }
        if self.previous != previous.cid() {
            return wrong(format!(
                "block {} does not name block {} as the one before",
                self.height, previous.height
            ));
        }
        if self.time < previous.time {
            return wrong(format!("time {} is before {}", self.time, previous.time));
        }
        if self.log_size < previous.log_size {
            return wrong(format!(
                "log size {} is below {}",
                self.log_size, previous.log_size
            ));
        }
        Ok(())
    }
}

/// A header and the transactions that it adds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The transactions, in order.
    pub transactions: Vec<Transaction>,
}

/// How a block is written: the transactions as byte strings, so that each stays one IPFS block of its own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    header: Header,
    transactions: Vec<serde_bytes::ByteBuf>,
}

impl Block {
    /// Puts a block together.
    #[must_use]
    pub const fn new(header: Header, transactions: Vec<Transaction>) -> Self {
        Self {
            header,
            transactions,
        }
    }

    /// Reads a block: exactly its canonical bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] or [`Error::TooLarge`], of the block or of a transaction in it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wire: Wire = decode(bytes, "a block", MAX_BLOCK)?;
        let transactions = wire
            .transactions
            .iter()
            .map(|tx| Transaction::from_bytes(tx))
            .collect::<Result<_>>()?;
        Ok(Self {
            header: wire.header,
            transactions,
        })
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let transactions = self
            .transactions
            .iter()
            .map(|tx| serde_bytes::ByteBuf::from(tx.to_bytes()))
            .collect();
        encode(&Wire {
            header: self.header.clone(),
            transactions,
        })
    }
}

/// The CID of canonical bytes: CIDv1, dag-cbor, sha2-256.
pub(crate) fn dag_cbor_cid(bytes: &[u8]) -> Cid {
    let digest = Multihash::wrap(SHA2_256, Digest::of(bytes).as_bytes());
    Cid::new_v1(
        DAG_CBOR,
        digest.expect("32 bytes fit into a multihash of up to 64"),
    )
}

//! A CID and the bytes that hash to it.

use std::fmt;

use crate::hash::{self, DAG_PB, IDENTITY, RAW};
use crate::{Cid, Error, Result};

/// Most bytes of a block: what Bitswap and the trustless gateways exchange.
pub const MAX_BLOCK: usize = 2 << 20;

/// Most bytes inside an identity CID, as in Kubo (`verifcid`).
pub const MAX_IDENTITY: usize = 128;

/// A CID and the bytes that hash to it: it cannot be built otherwise.
///
/// # Example
///
/// ```
/// use ipfs_store::{Block, Error};
///
/// let block = Block::raw(b"hello".to_vec())?;
/// assert_eq!(block.cid().to_string(), "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq");
/// let forged = Block::new(*block.cid(), b"hallo".to_vec());
/// assert!(matches!(forged, Err(Error::WrongHash { .. })));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    cid: Cid,
    bytes: Vec<u8>,
}

impl Block {
    /// Verifies that bytes are those that the CID names.
    ///
    /// # Errors
    ///
    /// [`Error::WrongHash`], [`Error::UnknownCodec`], [`Error::UnknownHash`], [`Error::IdentityTooLarge`] over
    /// [`MAX_IDENTITY`], [`Error::BlockTooLarge`] over [`MAX_BLOCK`].
    pub fn new(cid: Cid, bytes: Vec<u8>) -> Result<Self> {
        hash::accept(&cid)?;
        check_size(&bytes)?;
        let found = hash::like(&cid, &bytes);
        if found.hash() == cid.hash() {
            Ok(Self { cid, bytes })
        } else {
            Err(Error::WrongHash {
                cid: cid.into(),
                found: found.into(),
            })
        }
    }

    /// The block of bytes without structure, under CIDv1 with SHA-256.
    ///
    /// # Errors
    ///
    /// [`Error::BlockTooLarge`] over [`MAX_BLOCK`].
    pub fn raw(bytes: Vec<u8>) -> Result<Self> {
        Self::with_codec(RAW, bytes)
    }

    /// The block of a dag-pb node, under CIDv1 with SHA-256. That the bytes are one is for whoever reads them.
    ///
    /// # Errors
    ///
    /// [`Error::BlockTooLarge`] over [`MAX_BLOCK`].
    pub fn dag_pb(bytes: Vec<u8>) -> Result<Self> {
        Self::with_codec(DAG_PB, bytes)
    }

    /// The block of a dag-pb node under a CIDv0.
    pub(crate) fn dag_pb_v0(bytes: Vec<u8>) -> Result<Self> {
        let block = Self::with_codec(DAG_PB, bytes)?;
        // SHA-256 of 32 bytes is what version 0 takes
        let cid = Cid::new_v0(*block.cid.hash()).unwrap_or(block.cid);
        Ok(Self { cid, ..block })
    }

    fn with_codec(codec: u64, bytes: Vec<u8>) -> Result<Self> {
        check_size(&bytes)?;
        let cid = Cid::new_v1(codec, hash::sha256(&bytes));
        Ok(Self { cid, bytes })
    }

    /// The CID that [`Block::raw`] would give these bytes.
    pub(crate) fn raw_cid(bytes: &[u8]) -> Result<Cid> {
        check_size(bytes)?;
        Ok(Cid::new_v1(RAW, hash::sha256(bytes)))
    }

    /// The block inside an identity CID.
    ///
    /// # Errors
    ///
    /// As [`Block::new`].
    pub(crate) fn inline(cid: &Cid) -> Result<Option<Self>> {
        if cid.hash().code() != IDENTITY {
            return Ok(None);
        }
        Self::new(*cid, cid.hash().digest().to_vec()).map(Some)
    }

    /// The same bytes under another CID with the same digest: stores find blocks by digest, as Kubo's does.
    pub(crate) fn under(mut self, cid: &Cid) -> Self {
        debug_assert_eq!(self.cid.hash(), cid.hash());
        self.cid = *cid;
        self
    }

    /// The CID.
    #[must_use]
    pub const fn cid(&self) -> &Cid {
        &self.cid
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Hands out the bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("cid", &format_args!("{}", self.cid))
            .field("len", &self.bytes.len())
            .finish()
    }
}

fn check_size(bytes: &[u8]) -> Result<()> {
    if bytes.len() > MAX_BLOCK {
        return Err(Error::BlockTooLarge {
            size: bytes.len() as u64,
            limit: MAX_BLOCK,
        });
    }
    Ok(())
}

//! Computing, parsing and accepting CIDs.

use cid::Version;
use multihash::Multihash;
use sha2::{Digest as _, Sha256, Sha512};

use crate::block::MAX_IDENTITY;
use crate::{Cid, Error, Result};

/// Codec of bytes without structure (multicodec table, as the others).
pub(crate) const RAW: u64 = 0x55;
/// Codec of the nodes of UnixFS.
pub(crate) const DAG_PB: u64 = 0x70;
/// Codec of structured data in canonical CBOR.
pub(crate) const DAG_CBOR: u64 = 0x71;
/// The hash function that hands back its input.
pub(crate) const IDENTITY: u64 = 0x00;
/// SHA-256, the hash function of nearly all of IPFS.
pub(crate) const SHA2_256: u64 = 0x12;
/// SHA-512.
pub(crate) const SHA2_512: u64 = 0x13;

/// Longest text that is tried as a CID; an identity CID of [`MAX_IDENTITY`] bytes in base 2 is no use to anybody.
const MAX_TEXT: usize = 512;

/// Parses a CID from text, and accepts it only if this crate can check a block against it.
///
/// # Errors
///
/// [`Error::NotACid`], [`Error::UnknownCodec`], [`Error::UnknownHash`], [`Error::IdentityTooLarge`].
///
/// # Example
///
/// ```
/// let cid = ipfs_store::parse_cid("QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH")?;
/// assert_eq!(cid.codec(), 0x70); // dag-pb: the empty file of the old days
/// # Ok::<(), ipfs_store::Error>(())
/// ```
pub fn parse_cid(text: &str) -> Result<Cid> {
    let no = |reason: String| Error::NotACid {
        text: text.chars().take(80).collect(),
        reason,
    };
    if text.len() > MAX_TEXT {
        return Err(no(format!("it is longer than {MAX_TEXT} bytes")));
    }
    let cid = Cid::try_from(text).map_err(|error| no(error.to_string()))?;
    accept(&cid)?;
    Ok(cid)
}

/// Accepts a CID if a block can be checked against it.
pub(crate) fn accept(cid: &Cid) -> Result<()> {
    if !matches!(cid.codec(), RAW | DAG_PB | DAG_CBOR) {
        return Err(Error::UnknownCodec {
            cid: (*cid).into(),
            codec: cid.codec(),
        });
    }
    let len = cid.hash().digest().len();
    match (cid.hash().code(), len) {
        (SHA2_256, 32) | (SHA2_512, 64) => Ok(()),
        (IDENTITY, size) if size > MAX_IDENTITY => Err(Error::IdentityTooLarge {
            size,
            limit: MAX_IDENTITY,
        }),
        (IDENTITY, _) => Ok(()),
        // A truncated digest is as weak as it is short.
        (code, len) => Err(Error::UnknownHash {
            cid: (*cid).into(),
            code,
            len,
        }),
    }
}

/// The CID that these bytes have, with the version, codec and hash function of an accepted CID.
pub(crate) fn like(cid: &Cid, bytes: &[u8]) -> Cid {
    let hash = match cid.hash().code() {
        SHA2_512 => wrap(SHA2_512, &Sha512::digest(bytes)),
        IDENTITY => {
            // Bytes too long for a multihash cannot be those of the CID: SHA-256 names them in the error.
            Multihash::wrap(IDENTITY, bytes).unwrap_or_else(|_| sha256(bytes))
        }
        _ => sha256(bytes),
    };
    match cid.version() {
        Version::V0 => Cid::new_v0(hash).unwrap_or_else(|_| Cid::new_v1(DAG_PB, hash)),
        Version::V1 => Cid::new_v1(cid.codec(), hash),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Multihash<64> {
    wrap(SHA2_256, &Sha256::digest(bytes))
}

fn wrap(code: u64, digest: &[u8]) -> Multihash<64> {
    Multihash::wrap(code, digest).expect("a digest of at most 64 bytes fits")
}

/// What a store finds a block by: its digest, whatever codec and version the CID has.
///
/// SHA-512 is cut to 32 bytes: whoever finds two digests alike in them has broken SHA-512/256, and reading verifies the
/// whole one all the same. An identity CID has no digest, so it gets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) [u8; 32]);

impl Key {
    pub(crate) fn of(hash: &Multihash<64>) -> Self {
        let mut key = [0; 32];
        let hashed;
        let digest = if hash.code() == IDENTITY {
            hashed = sha256(hash.digest());
            hashed.digest()
        } else {
            hash.digest()
        };
        for (to, from) in key.iter_mut().zip(digest) {
            *to = *from;
        }
        Self(key)
    }
}

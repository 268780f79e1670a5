//! The Merkle log of RFC 6962 (and RFC 9162, version 2 of the same tree): hashes, roots, proofs.
//!
//! ```text
//!            root = H(0x01 || a || b)
//!           ╱                        ╲
//!          a                          b            a leaf is H(0x00 || transaction);
//!        ╱   ╲                      ╱   ╲          a tree of n leaves has on its left the largest
//!       ·     ·                    ·     l6        power of two below n
//!      ╱ ╲   ╱ ╲                  ╱ ╲
//!     l0 l1 l2 l3                l4 l5
//! ```

mod consistency;
mod inclusion;
mod peaks;
#[cfg(test)]
mod tests;
mod tile;

pub use consistency::ConsistencyProof;
pub use inclusion::{InclusionProof, Side, Step};
pub(crate) use peaks::Peaks;
pub(crate) use tile::{Appended, Tiles};
pub use tile::{TILE_HEIGHT, TILE_WIDTH};

use crate::hash::sha256;
use crate::{Digest, Result};

/// The hash of a leaf (RFC 6962, section 2.1).
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest::new(sha256(&[&[0x00], leaf]))
}

/// The hash of an inner node (RFC 6962, section 2.1).
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::new(sha256(&[&[0x01], left.as_bytes(), right.as_bytes()]))
}

/// The root of a log with no leaf (RFC 6962, section 2.1).
#[must_use]
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The root over leaf hashes at hand.
#[must_use]
pub fn root_of(leaves: &[Digest]) -> Digest {
    let mut peaks = Peaks::default();
    leaves.iter().for_each(|leaf| peaks.push(*leaf));
    peaks.root()
}

/// Where a proof finds its hashes: the root of the complete subtree over the leaves
/// `[index << level, (index + 1) << level)`.
pub(crate) trait Subtrees {
    fn subtree(&self, level: u32, index: u64) -> Result<Digest>;
}

/// The root over the leaves `[from, to)`, where `from` is a multiple of the size's next power of two, as every range in
/// the recursion of RFC 6962 is.
pub(crate) fn range_root(subtrees: &impl Subtrees, from: u64, to: u64) -> Result<Digest> {
    let size = to.saturating_sub(from);
    if size == 0 {
        return Ok(empty_root());
    }
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        return subtrees.subtree(level, from >> level);
    }
    let middle = from + split(size);
    Ok(node_hash(
        &range_root(subtrees, from, middle)?,
        &range_root(subtrees, middle, to)?,
    ))
}

/// The largest power of two below `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    let half = 1 << (u64::BITS - 1 - size.leading_zeros());
    if half == size { half >> 1 } else { half }
}

/// Hashes one after the other, as tiles and proofs carry them.
pub(crate) fn joined(hashes: &[Digest]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32 * hashes.len());
    for hash in hashes {
        bytes.extend_from_slice(hash.as_bytes());
    }
    bytes
}

/// Hashes one after the other as one byte string, as proofs carry them.
pub(crate) mod path {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::Digest;

    pub(crate) fn serialize<S: Serializer>(
        path: &[Digest],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&super::joined(path))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Digest>, D::Error> {
        let bytes = <&serde_bytes::Bytes>::deserialize(deserializer)?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        if rest.is_empty() {
            Ok(hashes.iter().copied().map(Digest::new).collect())
        } else {
            Err(serde::de::Error::custom(format!(
                "expected hashes of 32 bytes, found {} bytes",
                bytes.len()
            )))
        }
    }
}

//! Inclusion: this leaf is in that log, at this index.

use serde::{Deserialize, Serialize};

use super::{Subtrees, node_hash, path, range_root, split};
use crate::{Digest, Error, Result};

/// Shows that a leaf stands at an index of a log (RFC 6962, section 2.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct InclusionProof {
    /// Where the leaf stands.
    pub index: u64,
    /// The number of leaves of the log.
    pub size: u64,
    /// The siblings from the leaf up.
    #[serde(with = "path")]
    pub path: Vec<Digest>,
}

impl InclusionProof {
    /// What somebody says is the proof: [`InclusionProof::root`] tells of which log.
    #[must_use]
    pub const fn claim(index: u64, size: u64, path: Vec<Digest>) -> Self {
        Self { index, size, path }
    }

    /// Makes the proof: PATH(index, D[0:size]) of RFC 6962.
    pub(crate) fn new(subtrees: &impl Subtrees, index: u64, size: u64) -> Result<Self> {
        if index >= size {
            return Err(Error::Beyond {
                what: "index",
                found: index,
                size,
            });
        }
        let mut path = Vec::new();
        let (mut from, mut to) = (0, size);
        while to - from > 1 {
            let middle = from + split(to - from);
            if index < middle {
                path.push(range_root(subtrees, middle, to)?);
                to = middle;
            } else {
                path.push(range_root(subtrees, from, middle)?);
                from = middle;
            }
        }
        path.reverse();
        Ok(Self { index, size, path })
    }

    /// The root that the log must have when the leaf with this hash stands there (RFC 9162, section 2.1.3.2); none when
    /// the path has the wrong length or the index is beyond the size. Compare it with a root that you trust.
    #[must_use]
    pub fn root(&self, leaf: &Digest) -> Option<Digest> {
        let steps = self.walk(leaf)?;
        Some(steps.last().map_or(*leaf, |step| step.hash))
    }

    /// The way from the leaf up to that root, to be shown to people.
    #[must_use]
    pub fn walk(&self, leaf: &Digest) -> Option<Vec<Step>> {
        if self.index >= self.size {
            return None;
        }
        let (mut at, mut last) = (self.index, self.size - 1);
        let mut hash = *leaf;
        let mut steps = Vec::with_capacity(self.path.len());
        for &sibling in &self.path {
            if last == 0 {
                return None;
            }
            let side = if at & 1 == 1 || at == last {
                // a right edge without sibling moves up until it has one
                let up = at.trailing_zeros();
                (at, last) = (at >> up, last >> up);
                hash = node_hash(&sibling, &hash);
                Side::Left
            } else {
                hash = node_hash(&hash, &sibling);
                Side::Right
            };
            steps.push(Step {
                side,
                sibling,
                hash,
            });
            (at, last) = (at >> 1, last >> 1);
        }
        (last == 0).then_some(steps)
    }
}

/// One step from a leaf towards the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// On which side the sibling stands.
    pub side: Side,
    /// The sibling.
    pub sibling: Digest,
    /// The hash of both.
    pub hash: Digest,
}

/// A side of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Side {
    /// The smaller indices.
    Left,
    /// The larger indices.
    Right,
}

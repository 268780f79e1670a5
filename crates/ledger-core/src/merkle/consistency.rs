//! Consistency: the log of then is the beginning of the log of now.

use serde::{Deserialize, Serialize};

use super::{Subtrees, node_hash, path, range_root, split};
use crate::{Digest, Error, Result};

/// Shows that a log only grew: that its first `from` leaves are still what they were (RFC 6962, section 2.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ConsistencyProof {
    /// The number of leaves then.
    pub from: u64,
    /// The number of leaves now.
    pub to: u64,
    /// The hashes of RFC 6962's `PROOF(from, D[to])`.
    #[serde(with = "path")]
    pub path: Vec<Digest>,
}

impl ConsistencyProof {
    /// What somebody says is the proof: [`ConsistencyProof::holds`] tells whether it is.
    #[must_use]
    pub const fn claim(from: u64, to: u64, path: Vec<Digest>) -> Self {
        Self { from, to, path }
    }

    /// Makes the proof: PROOF(from, D[0:to]) of RFC 6962.
    pub(crate) fn new(subtrees: &impl Subtrees, from: u64, to: u64) -> Result<Self> {
        if from > to {
            return Err(Error::Beyond {
                what: "size",
                found: from,
                size: to,
            });
        }
        let mut path = Vec::new();
        if from != 0 && from != to {
            let (mut low, mut high) = (0, to);
            // the part [low, high) still holds both known and new leaves
            while from != high {
                let middle = low + split(high - low);
                if from <= middle {
                    path.push(range_root(subtrees, middle, high)?);
                    high = middle;
                } else {
                    path.push(range_root(subtrees, low, middle)?);
                    low = middle;
                }
            }
            // what remains is known whole; its root is left out when it is the old log itself
            if low != 0 {
                path.push(range_root(subtrees, low, high)?);
            }
            path.reverse();
        }
        Ok(Self { from, to, path })
    }

    /// Checks that a log with the root `new` and [`ConsistencyProof::to`] leaves continues one with the root `old` and
    /// [`ConsistencyProof::from`] leaves (RFC 9162, section 2.1.4.2).
    #[must_use]
    pub fn holds(&self, old: &Digest, new: &Digest) -> bool {
        if self.from > self.to {
            return false;
        }
        if self.from == self.to {
            return self.path.is_empty() && old == new;
        }
        if self.from == 0 {
            return self.path.is_empty() && *old == super::empty_root();
        }
        let (mut at, mut last) = (self.from - 1, self.to - 1);
        let shift = at.trailing_ones();
        (at, last) = (at >> shift, last >> shift);
        let mut path = self.path.iter();
        // a complete old log is its own first hash
        let seed = if self.from.is_power_of_two() {
            Some(old)
        } else {
            path.next()
        };
        let Some(seed) = seed else {
            return false;
        };
        let (mut then, mut now) = (*seed, *seed);
        for hash in path {
            if last == 0 {
                return false;
            }
            if at & 1 == 1 || at == last {
                then = node_hash(hash, &then);
                now = node_hash(hash, &now);
                let up = at.trailing_zeros();
                if at != 0 {
                    (at, last) = (at >> up, last >> up);
                }
            } else {
                now = node_hash(&now, hash);
            }
            (at, last) = (at >> 1, last >> 1);
        }
        last == 0 && then == *old && now == *new
    }
}

//! The right edge of a log: enough to append and to know the root.

use super::{empty_root, node_hash};
use crate::Digest;

/// The roots of the complete subtrees that a log of this size falls into, the largest first: one per bit of the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peaks {
    size: u64,
    peaks: Vec<Digest>,
}

impl Peaks {
    /// Takes up the edge of a log of this size; none when the number of hashes is not that of the size's bits.
    pub(crate) fn new(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (u32::try_from(peaks.len()) == Ok(size.count_ones())).then_some(Self { size, peaks })
    }

    /// Appends a leaf.
    pub(crate) fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The number of leaves.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    pub(crate) fn root(&self) -> Digest {
        let mut hashes = self.peaks.iter().rev();
        match hashes.next() {
            Some(last) => hashes.fold(*last, |right, left| node_hash(left, &right)),
            None => empty_root(),
        }
    }

    /// The hashes.
    pub(crate) fn hashes(&self) -> &[Digest] {
        &self.peaks
    }
}

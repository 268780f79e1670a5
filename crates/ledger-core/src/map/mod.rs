//! The map of shares and members under one root: jmt's tree over our tables, and proofs that need neither.

use serde::{Deserialize, Serialize};

use self::node::{EMPTY, Node, Place, inner_hash, leaf_hash, nibble_of};
use crate::merkle::path;
use crate::store::{Snapshot, Table};
use crate::{Digest, Error, Result};

pub(crate) mod by_jmt;
mod node;
mod update;

pub(crate) use self::update::{Update, update};

/// Shows that the state map holds a value under a key, or that it holds none.
///
/// The map is a sparse binary tree over SHA-256 of the keys, in which a subtree with one entry is that entry's leaf
/// (jmt, the Jellyfish Merkle tree). Absence is shown by the empty place or by the one other leaf where the key would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StateProof {
    /// The siblings from the leaf up, without the empty subtrees.
    #[serde(with = "path")]
    pub siblings: Vec<Digest>,
    /// The places of the empty subtrees among all siblings, counted from the leaf up, in rising order. Where two of many keys begin
    /// alike, several stand one above the other, and each is one byte here in place of 32. In proofs of format 1 there are none: their
    /// siblings have the empty subtrees' hash.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<u8>,
    /// In a proof of absence, the leaf that stands where the key would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherLeaf>,
}

/// A leaf under another key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OtherLeaf {
    /// SHA-256 of its key.
    pub key: Digest,
    /// SHA-256 of its value.
    pub value: Digest,
}

impl StateProof {
    /// Takes the siblings from the root down.
    fn new(all: &[Digest], other: Option<OtherLeaf>) -> Self {
        let (mut siblings, mut empty) = (Vec::new(), Vec::new());
        // a leaf is at most 256 places from the root
        for (place, sibling) in (0..=u8::MAX).zip(all.iter().rev()) {
            if *sibling == EMPTY {
                empty.push(place);
            } else {
                siblings.push(*sibling);
            }
        }
        Self {
            siblings,
            empty,
            other,
        }
    }

    /// Whether it is spelled as in this format of bundles and answers: in 1 no empty subtree has a place alone, from 2 on each has.
    pub(crate) fn is_of(&self, format: u64) -> bool {
        match format {
            1 => self.empty.is_empty(),
            _ => !self.siblings.contains(&EMPTY),
        }
    }

    /// All siblings from the leaf up; `None` when the places of the empty ones are not in order or no places.
    fn all(&self) -> Option<Vec<Digest>> {
        let depth = self.siblings.len().checked_add(self.empty.len())?;
        let (mut siblings, mut empty) = (self.siblings.iter(), self.empty.iter().peekable());
        if depth > 256 {
            return None;
        }
        // a place that is passed over leaves one sibling too few
        (0..depth)
            .map(
                |place| match empty.next_if(|&&next| usize::from(next) == place) {
                    Some(_) => Some(EMPTY),
                    None => siblings.next().copied(),
                },
            )
            .collect()
    }

    /// The root that the map must have when it holds the value under the key, or none when `value` is `None`. Compare it
    /// with a root that you trust. `None` when the proof says nothing about this key.
    pub(crate) fn root(&self, key: &[u8], value: Option<&[u8]>) -> Option<Digest> {
        let key = Digest::of(key);
        let siblings = self.all()?;
        let leaf = match (value, &self.other) {
            (Some(value), None) => leaf_hash(&key, &Digest::of(value)),
            (None, None) => EMPTY,
            (None, Some(other)) => {
                // it must be the only leaf of the subtree in which the key would stand
                let common = common_bits(&key, &other.key);
                if common == 256 || common < siblings.len() {
                    return None;
                }
                leaf_hash(&other.key, &other.value)
            }
            (Some(_), Some(_)) => return None,
        };
        let depth = siblings.len();
        Some(
            siblings
                .iter()
                .zip((0..depth).rev())
                .fold(leaf, |hash, (sibling, bit)| {
                    if bit_of(&key, bit) {
                        inner_hash(sibling, &hash)
                    } else {
                        inner_hash(&hash, sibling)
                    }
                }),
        )
    }
}

/// Bit `at` of the digest, counted from the most significant bit of the first byte.
fn bit_of(digest: &Digest, at: usize) -> bool {
    digest
        .as_bytes()
        .get(at / 8)
        .is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}

/// How many bits two digests begin with in common.
fn common_bits(a: &Digest, b: &Digest) -> usize {
    (0..256)
        .take_while(|&at| bit_of(a, at) == bit_of(b, at))
        .count()
}

/// The node at a path; one written at another height than the node above says is damage, as one that is missing.
fn stored<S: Snapshot>(snapshot: &S, path: &[u8], height: Option<u64>) -> Result<Node> {
    let missing = || {
        let depth = path.len();
        Error::damaged(format!("the state tree has no node at depth {depth}"))
    };
    let bytes = snapshot.get(Table::Node, path)?.ok_or_else(missing)?;
    let (written, node) = Node::read(&bytes)?;
    if height.is_none_or(|height| height == written) {
        Ok(node)
    } else {
        Err(missing())
    }
}

/// The root of the stored tree.
pub(crate) fn root<S: Snapshot>(snapshot: &S) -> Result<Digest> {
    Ok(stored(snapshot, &[], None)?.hash())
}

/// Shows what the map holds under this key: a walk from the root that notes each sibling.
pub(crate) fn prove<S: Snapshot>(snapshot: &S, key: &[u8]) -> Result<StateProof> {
    let key = Digest::of(key);
    let mut path = Vec::new();
    let mut siblings = Vec::new();
    // a path has at most 64 nibbles
    while path.len() <= 64 {
        match stored(snapshot, &path, None)? {
            Node::Leaf(leaf) => {
                let other = (leaf.key != key).then_some(OtherLeaf {
                    key: leaf.key,
                    value: leaf.value,
                });
                return Ok(StateProof::new(&siblings, other));
            }
            Node::Inner(children) => {
                let nibble = nibble_of(&key, path.len());
                let (mut from, mut width) = (0, 16);
                let child = loop {
                    match children.only(from, width) {
                        Place::Empty => return Ok(StateProof::new(&siblings, None)),
                        // below the root of the node only: a node of one leaf would be that leaf
                        Place::Child(child) if width < 16 => break child,
                        Place::Child(_) | Place::Many => {}
                    }
                    width /= 2;
                    let (here, there) = if nibble < from + width {
                        (from, from + width)
                    } else {
                        (from + width, from)
                    };
                    siblings.push(children.root(there, width));
                    from = here;
                };
                path.push(u8::try_from(child).unwrap_or(u8::MAX));
            }
        }
    }
    Err(Error::damaged("the state tree has no end"))
}

#[cfg(test)]
mod tests;

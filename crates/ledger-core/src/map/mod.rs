//! The map of shares and members under one root: jmt's tree over our tables, and proofs that need neither.

use std::collections::BTreeMap;

use borsh::BorshDeserialize;
use jmt::storage::{LeafNode, NibblePath, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Sha256Jmt, Version};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::hash::sha256;
use crate::merkle::path;
use crate::store::{Batch, Snapshot, Table};
use crate::{Digest, Error, Height, Result};

/// The root of a map with nothing in it, and of every empty subtree (jmt's placeholder).
const EMPTY: Digest = Digest::new(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

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

/// jmt's hash of a leaf.
fn leaf_hash(key: &Digest, value: &Digest) -> Digest {
    Digest::new(sha256(&[
        jmt::proof::LEAF_DOMAIN_SEPARATOR,
        key.as_bytes(),
        value.as_bytes(),
    ]))
}

/// jmt's hash of an inner node.
fn inner_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::new(sha256(&[
        jmt::proof::INTERNAL_DOMAIN_SEPARATOR,
        left.as_bytes(),
        right.as_bytes(),
    ]))
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

/// The tree in a snapshot: one node per path, each with the height at which it was written.
struct Stored<'a, S>(&'a S);

impl<S: Snapshot> Stored<'_, S> {
    /// The node at a path, whatever its height.
    fn node(&self, path: &[u8]) -> Result<Option<(u64, Node)>> {
        let Some(bytes) = self.0.get(Table::Node, path)? else {
            return Ok(None);
        };
        let node = <(u64, Node)>::try_from_slice(&bytes);
        node.map(Some)
            .map_err(|error| Error::damaged(format!("a node of the state tree: {error}")))
    }
}

impl<S: Snapshot> TreeReader for Stored<'_, S> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let node = self.node(&node_path(key.nibble_path()))?;
        Ok(node.and_then(|(version, node)| (version == key.version()).then_some(node)))
    }

    fn get_value_option(&self, _: Version, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        // values are read from their own table; the tree is asked for nodes alone
        Ok(None)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        // asked for only while restoring a tree from elsewhere, which does not happen here
        Ok(None)
    }
}

/// The key of a node in its table: its path, one byte per nibble, so that a node stands before its children.
fn node_path(path: &NibblePath) -> SmallVec<[u8; 40]> {
    path.nibbles().map(u8::from).collect()
}

/// The root after setting these values at this height; the changed nodes go into the batch.
pub(crate) fn update<S: Snapshot>(
    snapshot: &S,
    height: Height,
    values: &BTreeMap<Vec<u8>, Vec<u8>>,
    batch: &mut Batch,
) -> Result<Digest> {
    let stored = Stored(snapshot);
    let hashed: Vec<_> = values
        .iter()
        .map(|(key, value)| (key_hash(key), value.clone()))
        .collect();
    let (roots, update) = Sha256Jmt::new(&stored)
        .batch_put_value_sets(vec![hashed], None, height.0)
        .map_err(damaged)?;
    for stale in &update.stale_node_index_batch {
        batch.remove(Table::Node, node_path(stale.node_key.nibble_path()));
    }
    let mut bytes = Vec::new();
    for (key, node) in update.node_batch.nodes() {
        bytes.clear();
        // writing into memory does not fail
        borsh::to_writer(&mut bytes, &(key.version(), node)).map_err(damaged)?;
        batch.put(Table::Node, node_path(key.nibble_path()), &bytes);
    }
    roots
        .first()
        .map(|root| Digest::new(root.0))
        .ok_or_else(|| Error::damaged("the state tree has no root"))
}

/// Takes the tree as it is to the next height: a block without transactions.
pub(crate) fn touch<S: Snapshot>(
    snapshot: &S,
    height: Height,
    batch: &mut Batch,
) -> Result<Digest> {
    let (_, node) = Stored(snapshot)
        .node(&[])?
        .ok_or_else(|| Error::damaged("the state tree has no root"))?;
    batch.put(
        Table::Node,
        b"",
        borsh::to_vec(&(height.0, &node)).map_err(damaged)?,
    );
    node_hash(&node)
}

/// The root of the stored tree.
pub(crate) fn root<S: Snapshot>(snapshot: &S) -> Result<Digest> {
    let (_, node) = Stored(snapshot)
        .node(&[])?
        .ok_or_else(|| Error::damaged("the state tree has no root"))?;
    node_hash(&node)
}

/// Shows what the map holds under this key: a walk from the root that notes each sibling.
pub(crate) fn prove<S: Snapshot>(snapshot: &S, key: &[u8]) -> Result<StateProof> {
    let key = Digest::of(key);
    let stored = Stored(snapshot);
    let mut path = Vec::new();
    let mut siblings = Vec::new();
    // a path has at most 64 nibbles
    while path.len() <= 64 {
        let Some((_, node)) = stored.node(&path)? else {
            return Err(Error::damaged(format!(
                "the state tree has no node at depth {}",
                path.len()
            )));
        };
        match node {
            Node::Null => return Ok(StateProof::new(&siblings, None)),
            Node::Leaf(leaf) => {
                let found = Digest::new(leaf.key_hash().0);
                let value = leaf_value(&leaf)?;
                let other = (found != key).then_some(OtherLeaf { key: found, value });
                return Ok(StateProof::new(&siblings, other));
            }
            Node::Internal(node) => {
                let children = node
                    .children_unsorted()
                    .map(|(n, child)| (u8::from(n), child.hash, child.is_leaf()));
                let children = Children::new(children);
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

/// The sixteen children of a node: each one's hash, and whether it is a leaf.
struct Children([Option<(Digest, bool)>; 16]);

/// What stands in a range of children.
enum Place {
    Empty,
    /// One leaf, or one place.
    Child(usize),
    Many,
}

impl Children {
    /// Takes each child's nibble, hash and kind: jmt does not let its own type be named.
    fn new(found: impl Iterator<Item = (u8, [u8; 32], bool)>) -> Self {
        let mut children = [None; 16];
        for (nibble, hash, leaf) in found {
            if let Some(place) = children.get_mut(usize::from(nibble)) {
                *place = Some((Digest::new(hash), leaf));
            }
        }
        Self(children)
    }

    fn only(&self, from: usize, width: usize) -> Place {
        let mut found = self
            .0
            .iter()
            .enumerate()
            .skip(from)
            .take(width)
            .filter_map(|(at, child)| child.map(|c| (at, c)));
        match (found.next(), found.next()) {
            (None, _) => Place::Empty,
            (Some((at, (_, leaf))), None) if leaf || width == 1 => Place::Child(at),
            _ => Place::Many,
        }
    }

    /// The root over a range of children, in which a range with one leaf is that leaf.
    fn root(&self, from: usize, width: usize) -> Digest {
        match self.only(from, width) {
            Place::Empty => EMPTY,
            Place::Child(at) => self
                .0
                .get(at)
                .copied()
                .flatten()
                .map_or(EMPTY, |(hash, _)| hash),
            Place::Many => inner_hash(
                &self.root(from, width / 2),
                &self.root(from + width / 2, width / 2),
            ),
        }
    }
}

/// The root over a node, computed without jmt's assertions, because the node may come from a damaged file.
fn node_hash(node: &Node) -> Result<Digest> {
    Ok(match node {
        Node::Null => EMPTY,
        Node::Leaf(leaf) => leaf_hash(&Digest::new(leaf.key_hash().0), &leaf_value(leaf)?),
        Node::Internal(node) => Children::new(
            node.children_unsorted()
                .map(|(n, child)| (u8::from(n), child.hash, child.is_leaf())),
        )
        .root(0, 16),
    })
}

/// The hash of a leaf's value, which jmt keeps to itself: the second half of the leaf as it is written.
fn leaf_value(leaf: &LeafNode) -> Result<Digest> {
    let bytes = borsh::to_vec(leaf).map_err(damaged)?;
    let value = bytes
        .get(32..)
        .and_then(|value| value.try_into().ok())
        .map(Digest::new);
    value.ok_or_else(|| Error::damaged("a leaf of the state tree"))
}

/// Nibble `at` of the digest.
fn nibble_of(digest: &Digest, at: usize) -> usize {
    let byte = digest.as_bytes().get(at / 2).copied().unwrap_or_default();
    usize::from(if at.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 0x0f
    })
}

fn key_hash(key: &[u8]) -> KeyHash {
    KeyHash(*Digest::of(key).as_bytes())
}

/// jmt's failures come from our own reader, or from a tree that contradicts itself.
fn damaged(error: impl Into<anyhow::Error>) -> Error {
    let error: anyhow::Error = error.into();
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(other) => Error::damaged(format!("the state tree: {other}")),
    }
}

#[cfg(test)]
mod tests;

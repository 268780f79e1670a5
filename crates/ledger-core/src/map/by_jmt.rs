//! The same tree by jmt itself: the second opinion on [`super::update`] of whoever audits a chain, and of the tests.

use std::collections::BTreeMap;

use borsh::BorshDeserialize as _;
use jmt::storage::{LeafNode, NibblePath, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Sha256Jmt, Version};

use crate::store::{Batch, Snapshot, Table};
use crate::{Digest, Error, Height, Result};

/// The tree in a snapshot: one node per path, each with the height at which it was written.
pub(super) struct Stored<'a, S>(pub(super) &'a S);

impl<S: Snapshot> TreeReader for Stored<'_, S> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let bytes = self.0.get(Table::Node, &node_path(key.nibble_path()))?;
        let read = |bytes: Vec<u8>| <(u64, Node)>::try_from_slice(&bytes);
        let node = bytes.map(read).transpose().map_err(damaged)?;
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
fn node_path(path: &NibblePath) -> Vec<u8> {
    path.nibbles().map(u8::from).collect()
}

/// As [`super::update`].
pub(crate) fn update<S: Snapshot>(
    snapshot: &S,
    height: Height,
    values: &BTreeMap<Vec<u8>, Vec<u8>>,
    batch: &mut Batch,
) -> Result<Digest> {
    let hashed = |(key, value): (&Vec<u8>, &Vec<u8>)| (key_hash(key), value.clone());
    insert(snapshot, height, values.iter().map(hashed).collect(), batch)
}

/// As [`update`], of entries whose keys are hashed already.
pub(super) fn insert<S: Snapshot>(
    snapshot: &S,
    height: Height,
    changes: Vec<(KeyHash, OwnedValue)>,
    batch: &mut Batch,
) -> Result<Digest> {
    if changes.is_empty() {
        return touch(snapshot, height, batch);
    }
    let (roots, update) = Sha256Jmt::new(&Stored(snapshot))
        .batch_put_value_sets(vec![changes], None, height.0)
        .map_err(damaged)?;
    for stale in &update.stale_node_index_batch {
        batch.remove(Table::Node, node_path(stale.node_key.nibble_path()));
    }
    for (key, node) in update.node_batch.nodes() {
        let bytes = borsh::to_vec(&(key.version(), node)).map_err(damaged)?;
        batch.put(Table::Node, node_path(key.nibble_path()), bytes);
    }
    roots
        .first()
        .map(|root| Digest::new(root.0))
        .ok_or_else(|| Error::damaged("the state tree has no root"))
}

/// Takes the root to the next height: what jmt does not do, because its trees have no version without a change.
fn touch<S: Snapshot>(snapshot: &S, height: Height, batch: &mut Batch) -> Result<Digest> {
    let (stored, before) = (Stored(snapshot), height.0.saturating_sub(1));
    let hash = Sha256Jmt::new(&stored).get_root_hash(before);
    let root = stored.get_node(&NodeKey::new(before, NibblePath::from_iter([])));
    let bytes = borsh::to_vec(&(height.0, root.map_err(damaged)?)).map_err(damaged)?;
    batch.put(Table::Node, b"", bytes);
    Ok(Digest::new(hash.map_err(damaged)?.0))
}

pub(super) fn key_hash(key: &[u8]) -> KeyHash {
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

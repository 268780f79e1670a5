//! Setting values in the state tree: the nodes that jmt would write, without its copies of them.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::node::{Child, Children, Leaf, Node, nibble_of};
use super::stored;
use crate::store::{Batch, Snapshot, Table};
use crate::{Digest, Error, Height, Result};

/// How a block's values get into the tree: [`update`], or [`super::library::update`] to check it.
pub(crate) type Update<S> =
    fn(&S, Height, &BTreeMap<Vec<u8>, Vec<u8>>, &mut Batch) -> Result<Digest>;

/// The root after setting these values at this height; the changed nodes go into the batch.
///
/// # Errors
///
/// When the store fails, or the tree is not what was written.
pub(crate) fn update<S: Snapshot>(
    snapshot: &S,
    height: Height,
    values: &BTreeMap<Vec<u8>, Vec<u8>>,
    batch: &mut Batch,
) -> Result<Digest> {
    let leaf = |(key, value): (&Vec<u8>, &Vec<u8>)| Leaf {
        key: Digest::of(key),
        value: Digest::of(value),
    };
    insert(snapshot, height, values.iter().map(leaf).collect(), batch)
}

/// As [`update`], of entries that are hashed already.
pub(super) fn insert<S: Snapshot>(
    snapshot: &S,
    height: Height,
    mut changes: Vec<Leaf>,
    batch: &mut Batch,
) -> Result<Digest> {
    changes.sort_unstable_by_key(|change| change.key);
    let root = match height.0.checked_sub(1) {
        // the root is written at each height
        Some(before) => Some(stored(snapshot, &[], Some(before))?),
        None => None,
    };
    let mut writer = Writer {
        snapshot,
        height: height.0,
        path: Path::new(),
        bytes: Vec::new(),
        batch,
    };
    Ok(writer.set(root, &changes)?.hash)
}

/// Takes the tree as it is to the next height: a block without transactions.
///
/// # Errors
///
/// As [`update`].
pub(crate) fn touch<S: Snapshot>(
    snapshot: &S,
    height: Height,
    batch: &mut Batch,
) -> Result<Digest> {
    let root = stored(snapshot, &[], None)?;
    let mut bytes = Vec::new();
    root.write(height.0, &mut bytes);
    batch.put(Table::Node, b"", &bytes);
    Ok(root.hash())
}

/// One byte for each four bits.
type Path = SmallVec<[u8; 40]>;

/// A walk over the tree.
struct Writer<'a, S> {
    snapshot: &'a S,
    height: u64,
    /// Where it is.
    path: Path,
    /// Memory for a node's bytes.
    bytes: Vec<u8>,
    batch: &'a mut Batch,
}

impl<S: Snapshot> Writer<'_, S> {
    /// Sets some entries, at least one, in order of their keys, all of which begin with the path, where this node was before.
    fn set(&mut self, before: Option<Node>, changes: &[Leaf]) -> Result<Child> {
        let node = match (before, changes) {
            (Some(Node::Inner(children)), _) => Node::Inner(self.divide(children, changes)?),
            (Some(Node::Leaf(leaf)), _) => return self.beside(leaf, changes),
            (Some(Node::Empty) | None, [leaf]) => Node::Leaf(*leaf),
            (Some(Node::Empty) | None, _) => Node::Inner(self.divide(Box::default(), changes)?),
        };
        self.bytes.clear();
        node.write(self.height, &mut self.bytes);
        self.batch.put(Table::Node, &self.path, &self.bytes);
        Ok(node.child(self.height))
    }

    /// Sets entries where a leaf stood: it is one of them, unless it gets a new value.
    fn beside(&mut self, leaf: Leaf, changes: &[Leaf]) -> Result<Child> {
        match changes.binary_search_by_key(&leaf.key, |change| change.key) {
            Ok(_) => self.set(None, changes),
            Err(at) => {
                let mut all = changes.to_vec();
                all.insert(at, leaf);
                self.set(None, &all)
            }
        }
    }

    /// Sets each entry in the place below that its next four bits name.
    fn divide(&mut self, mut children: Box<Children>, changes: &[Leaf]) -> Result<Box<Children>> {
        let depth = self.path.len();
        if depth == 64 {
            return Err(Error::damaged("the state tree has no end"));
        }
        for changes in
            changes.chunk_by(|one, next| nibble_of(&one.key, depth) == nibble_of(&next.key, depth))
        {
            let Some(first) = changes.first() else {
                continue;
            };
            let nibble = nibble_of(&first.key, depth);
            self.path.push(u8::try_from(nibble).unwrap_or(u8::MAX));
            let before = match children.get(nibble) {
                Some(child) => Some(stored(self.snapshot, &self.path, Some(child.height))?),
                None => None,
            };
            children.set(nibble, self.set(before, changes)?);
            self.path.pop();
        }
        Ok(children)
    }
}

//! Setting values in the state tree: the nodes that jmt would write, without its copies of them.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::node::{Child, Children, Leaf, Node, nibble_of};
use super::stored;
use crate::store::{Batch, Snapshot, Table};
use crate::{Digest, Error, Height, Result};

/// How a block's values get into the tree: [`update`], or [`super::by_jmt::update`] to check it.
pub(crate) type Update<S> =
    fn(&S, Height, &BTreeMap<Vec<u8>, Vec<u8>>, &mut Batch) -> Result<Digest>;

/// The root after setting these values at this height; the changed nodes go into the batch, and the root also when there are none.
///
/// # Errors
///
/// When the store fails, or a node that is read is not what was written. That the nodes below another one have its hashes is not
/// computed again: the store knows its values by a checksum.
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
        // it is written at each height
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
    let root = match (root, changes.as_slice()) {
        (Some(root), []) => writer.write(&root),
        (root, changes) => writer.set(root, changes)?,
    };
    Ok(root.hash)
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
            (None, [leaf]) => Node::Leaf(*leaf),
            (None, _) => Node::Inner(self.divide(Box::default(), changes)?),
        };
        Ok(self.write(&node))
    }

    /// Writes the node of the path.
    fn write(&mut self, node: &Node) -> Child {
        self.bytes.clear();
        node.write(self.height, &mut self.bytes);
        self.batch.put(Table::Node, &self.path, &self.bytes);
        node.child(self.height)
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
                Some(child) => Some(self.below(child)?),
                None => None,
            };
            children.set(nibble, self.set(before, changes)?);
            self.path.pop();
        }
        match children.leaves() {
            Some(_) => Ok(children),
            None => Err(Error::damaged(
                "the state tree counts more leaves than there can be",
            )),
        }
    }

    /// The node of the path, which is the one that the node above says.
    fn below(&self, child: &Child) -> Result<Node> {
        let node = stored(self.snapshot, &self.path, Some(child.height))?;
        let sound = match &node {
            Node::Inner(_) => node.leaves() == child.leaves,
            Node::Leaf(leaf) => {
                let nibbles = (0..self.path.len()).map(|at| nibble_of(&leaf.key, at));
                node.child(child.height) == *child
                    && nibbles.eq(self.path.iter().copied().map(usize::from))
            }
        };
        sound.then_some(node).ok_or_else(|| {
            Error::damaged(format!(
                "the state tree has another node at depth {} than the one above says",
                self.path.len()
            ))
        })
    }
}

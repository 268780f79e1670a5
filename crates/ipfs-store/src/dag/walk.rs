//! Every block of a DAG, once.

use std::collections::HashSet;

use super::node::{self, Kind};
use super::{MAX_BLOCKS, MAX_DEPTH, fetch};
use crate::hash::{Key, RAW};
use crate::{Block, BlockStore, Cid, Error, Result};

/// Every block of the DAG under a root, each once, root first, children in order.
///
/// The iterator ends after its first error: a block that is missing or not what its CID says, a malformed node, a DAG
/// beyond [`MAX_DEPTH`] or [`MAX_BLOCKS`].
pub fn walk<'a>(store: &'a dyn BlockStore, root: &Cid) -> Walk<'a> {
    Walk(Visit::new(store, root, Leaves::Read))
}

/// As [`walk`] over several roots.
pub(crate) fn walk_all<'a>(store: &'a dyn BlockStore, roots: &[Cid]) -> Walk<'a> {
    let mut visit = Visit::new(store, &Cid::default(), Leaves::Read);
    visit.waiting = roots.iter().rev().map(|root| (*root, 0)).collect();
    if let Some(root) = roots.first() {
        visit.root = *root;
    }
    Walk(visit)
}

/// Copies the DAG under a root from one store to another, without the blocks that are there; returns how many were not.
///
/// Every block is asked for even when the one above it is there: what an earlier copy left out is made good.
///
/// # Errors
///
/// What [`walk`] finds; a failure of either store.
pub fn copy(from: &dyn BlockStore, to: &dyn BlockStore, root: &Cid) -> Result<u64> {
    let both = Both {
        near: to,
        far: from,
    };
    let mut copied = 0;
    for block in walk(&both, root) {
        let block = block?;
        if !to.has(block.cid())? {
            to.put(&block)?;
            copied += 1;
        }
    }
    to.sync()?;
    Ok(copied)
}

/// Reads from a near store what is there, and the rest from a far one.
#[derive(Debug)]
struct Both<'a> {
    near: &'a dyn BlockStore,
    far: &'a dyn BlockStore,
}

impl BlockStore for Both<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Block>> {
        match self.near.get(cid)? {
            Some(block) => Ok(Some(block)),
            None => self.far.get(cid),
        }
    }

    fn has(&self, cid: &Cid) -> Result<bool> {
        Ok(self.near.has(cid)? || self.far.has(cid)?)
    }

    fn put(&self, _: &Block) -> Result<()> {
        Err(Error::ReadOnly {
            store: "a pair of stores",
        })
    }

    fn delete(&self, _: &Cid) -> Result<bool> {
        Err(Error::ReadOnly {
            store: "a pair of stores",
        })
    }
}

/// The CID of every block of the DAG under a root, each once, root first; the bytes of raw leaves are not read, only that
/// the store has them is asked.
///
/// The iterator ends after its first error, as that of [`walk`] does.
pub fn cids<'a>(store: &'a dyn BlockStore, root: &Cid) -> Cids<'a> {
    Cids(Visit::new(store, root, Leaves::Ask))
}

/// An iterator over blocks, from [`walk`].
#[derive(Debug)]
pub struct Walk<'a>(Visit<'a>);

/// An iterator over CIDs, from [`cids`].
#[derive(Debug)]
pub struct Cids<'a>(Visit<'a>);

impl Iterator for Walk<'_> {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self
            .0
            .next()?
            .and_then(|(cid, block)| block.ok_or(Error::Missing { cid: cid.into() }));
        Some(block)
    }
}

impl Iterator for Cids<'_> {
    type Item = Result<Cid>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map(|(cid, _)| cid))
    }
}

/// What is done about the blocks that have no links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    Read,
    Ask,
}

#[derive(Debug)]
struct Visit<'a> {
    store: &'a dyn BlockStore,
    root: Cid,
    leaves: Leaves,
    /// What is still to be visited, next one last, with its depth.
    waiting: Vec<(Cid, usize)>,
    /// What was visited: a DAG whose nodes link to one block many times stays as small as it is.
    seen: HashSet<(Key, u64)>,
}

impl<'a> Visit<'a> {
    fn new(store: &'a dyn BlockStore, root: &Cid, leaves: Leaves) -> Self {
        Self {
            store,
            root: *root,
            leaves,
            waiting: vec![(*root, 0)],
            seen: HashSet::new(),
        }
    }

    fn next(&mut self) -> Option<Result<(Cid, Option<Block>)>> {
        while let Some((cid, depth)) = self.waiting.pop() {
            // The codec too: the same bytes may be a leaf for one link and a node for another.
            if self.seen.insert((Key::of(cid.hash()), cid.codec())) {
                let visited = self.visit(&cid, depth);
                if visited.is_err() {
                    self.waiting.clear();
                }
                return Some(visited.map(|block| (cid, block)));
            }
        }
        None
    }

    fn visit(&mut self, cid: &Cid, depth: usize) -> Result<Option<Block>> {
        let too_large = |what, limit| Error::TooLarge {
            root: self.root.into(),
            what,
            limit,
        };
        if depth >= MAX_DEPTH {
            return Err(too_large("levels", MAX_DEPTH as u64));
        }
        if self.seen.len() as u64 > MAX_BLOCKS {
            return Err(too_large("blocks", MAX_BLOCKS));
        }
        if cid.codec() == RAW && self.leaves == Leaves::Ask {
            return match self.store.has(cid)? {
                true => Ok(None),
                false => Err(Error::Missing { cid: (*cid).into() }),
            };
        }
        let block = fetch(self.store, cid)?;
        let first = self.waiting.len();
        let mut add = |cid: Cid| self.waiting.push((cid, depth + 1));
        match node::read(&block)? {
            Kind::Bytes(_) | Kind::Symlink => {}
            Kind::File { children, .. } => children.iter().for_each(|child| add(child.cid)),
            Kind::Directory(links) | Kind::Shard { links, .. } => {
                links.iter().for_each(|link| add(link.cid));
            }
            Kind::Data(links) => links.into_iter().for_each(add),
        }
        if let Some(added) = self.waiting.get_mut(first..) {
            added.reverse(); // the first child is visited next
        }
        Ok(Some(block))
    }
}

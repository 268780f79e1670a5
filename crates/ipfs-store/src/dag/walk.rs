//! Every block of a DAG, once.

use std::collections::HashSet;

use super::node::{self, Kind};
use super::{MAX_BLOCKS, MAX_DEPTH, MAX_WAITING, fetch};
use crate::hash::{Key, RAW};
use crate::{Block, BlockStore, Cid, Error, Result};

/// Every block of the DAG under a root, each once, root first, children in order.
///
/// The iterator ends after its first error: a block that is missing or not what its CID says, a malformed node, a DAG
/// beyond [`MAX_DEPTH`], [`MAX_BLOCKS`] or [`MAX_WAITING`].
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
    seen: HashSet<Id>,
}

/// What a block is known by. The codec too: the same bytes may be a leaf for one link and a node for another.
type Id = (Key, u64);

fn id(cid: &Cid) -> Id {
    (Key::of(cid.hash()), cid.codec())
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
            if self.seen.insert(id(&cid)) {
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
        if depth >= MAX_DEPTH {
            return Err(self.too_large("levels", MAX_DEPTH as u64));
        }
        if self.seen.len() as u64 > MAX_BLOCKS {
            return Err(self.too_large("blocks", MAX_BLOCKS));
        }
        if cid.codec() == RAW && self.leaves == Leaves::Ask {
            return match self.store.has(cid)? {
                true => Ok(None),
                false => Err(Error::Missing { cid: (*cid).into() }),
            };
        }
        let block = fetch(self.store, cid)?;
        let first = self.waiting.len();
        // a link takes eight bytes of a block and far more in the list: one that says nothing new is not kept
        let mut linked = HashSet::new();
        let mut add = |cid: Cid| {
            let id = id(&cid);
            if !self.seen.contains(&id) && linked.insert(id) {
                self.waiting.push((cid, depth + 1));
            }
        };
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
        self.bound_waiting()?;
        Ok(Some(block))
    }

    /// Keeps the list short. Nodes of several levels may link to the same blocks, of which only the link that is followed first says
    /// anything: the others go, but only when the list is twice as long as it may be, so that looking for them costs little per link.
    fn bound_waiting(&mut self) -> Result<()> {
        if self.waiting.len() <= MAX_WAITING * 2 {
            return Ok(());
        }
        let (seen, mut kept) = (&self.seen, HashSet::new());
        self.waiting.reverse(); // the link that is followed first comes first
        self.waiting.retain(|(cid, _)| {
            let id = id(cid);
            !seen.contains(&id) && kept.insert(id)
        });
        self.waiting.reverse();
        if self.waiting.len() > MAX_WAITING {
            return Err(self.too_large("blocks that wait for others", MAX_WAITING as u64));
        }
        Ok(())
    }

    fn too_large(&self, what: &'static str, limit: u64) -> Error {
        Error::TooLarge {
            root: self.root.into(),
            what,
            limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use multihash::Multihash;

    use super::*;
    use crate::MemoryStore;
    use crate::hash::{DAG_CBOR, IDENTITY, sha256};

    /// A leaf that takes no more room than its link, four bytes of payload at most.
    fn leaf(number: u32) -> Cid {
        let hash = Multihash::wrap(IDENTITY, &number.to_be_bytes());
        Cid::new_v1(RAW, hash.expect("four bytes are no large digest"))
    }

    /// A node of structured data: an array of links.
    fn node(store: &MemoryStore, links: &[Cid]) -> Cid {
        let mut bytes = vec![0x9a];
        match links.len() {
            short @ 0..24 => bytes = vec![0x80 | u8::try_from(short).expect("below 24")],
            middle @ 24..256 => bytes = vec![0x98, u8::try_from(middle).expect("below 256")],
            long @ 256..65_536 => {
                bytes = vec![0x99];
                bytes.extend(u16::try_from(long).expect("below 65,536").to_be_bytes());
            }
            huge => bytes.extend(u32::try_from(huge).expect("of a test").to_be_bytes()),
        }
        for link in links {
            let link = link.to_bytes();
            let len = u8::try_from(link.len() + 1).expect("a short CID");
            bytes.extend([0xd8, 42]);
            if len < 24 {
                bytes.push(0x40 | len);
            } else {
                bytes.extend([0x58, len]);
            }
            bytes.push(0);
            bytes.extend(link);
        }
        let cid = Cid::new_v1(DAG_CBOR, sha256(&bytes));
        let block = Block::new(cid, bytes).expect("a block of its own CID");
        store.put(&block).expect("memory");
        cid
    }

    /// A node over another one, and over leaves.
    fn above(store: &MemoryStore, below: Cid, leaves: impl Iterator<Item = u32>) -> Cid {
        let links: Vec<_> = std::iter::once(below).chain(leaves.map(leaf)).collect();
        node(store, &links)
    }

    /// The longest that the list of what waits gets, and how the walk ends.
    fn longest(store: &MemoryStore, root: &Cid) -> (usize, Result<u64>) {
        let mut visit = Visit::new(store, root, Leaves::Read);
        let (mut longest, mut blocks) = (0, 0);
        while let Some(visited) = visit.next() {
            if let Err(error) = visited {
                return (longest, Err(error));
            }
            blocks += 1;
            longest = longest.max(visit.waiting.len());
        }
        (longest, Ok(blocks))
    }

    /// 64 nodes of 2 MiB, each with one link to the next and a quarter of a million to one leaf, took 1.7 GB to walk.
    #[test]
    fn links_to_one_block_wait_once() {
        let store = MemoryStore::new();
        let mut root = leaf(0);
        for _ in 0..3 {
            root = above(&store, root, std::iter::repeat_n(0, 170_000));
        }
        let (longest, end) = longest(&store, &root);
        assert_eq!(end.expect("a walk"), 4);
        assert!(longest <= 4, "{longest} links waited for four blocks");
    }

    /// Each level links to the same leaves, so they wait on every level; each is one block all the same.
    #[test]
    fn what_waits_on_many_levels_is_bounded() {
        let store = MemoryStore::new();
        let mut root = leaf(0);
        for _ in 0..8 {
            root = above(&store, root, 0..150_000);
        }
        let (most, end) = longest(&store, &root);
        assert_eq!(end.expect("a walk"), 150_000 + 8);
        assert!(most <= MAX_WAITING * 2, "{most} links waited");

        // other leaves on every level: there are too many
        let mut root = leaf(0);
        for level in 0..8 {
            root = above(&store, root, level * 150_000..(level + 1) * 150_000);
        }
        let (most, end) = longest(&store, &root);
        assert!(matches!(
            end,
            Err(Error::TooLarge { what: "blocks that wait for others", limit, .. }) if limit == MAX_WAITING as u64
        ));
        assert!(most <= MAX_WAITING * 2, "{most} links waited");
    }

    /// A CAR file has its blocks in this order, wherever else a block is linked.
    #[test]
    fn blocks_come_in_the_order_of_their_first_links() {
        let store = MemoryStore::new();
        let (a, b, c) = (leaf(1), leaf(2), leaf(3));
        let low = node(&store, &[c, a, c]);
        let high = node(&store, &[b, low, low]);
        // `a`, `c` and `low` wait for the root when `high`, which is followed first, links to them
        let root = node(&store, &[high, a, high, c, low, b]);
        let order: Vec<_> = cids(&store, &root)
            .map(|cid| cid.expect("a walk"))
            .collect();
        assert_eq!(order, [root, high, b, low, c, a]);
    }
}

//! File to DAG.

use std::io::{ErrorKind, Read};

use super::join::{Ends, pipeline};
use super::node::{self, Child};
use crate::{Block, BlockStore, Cid, Error, Profile, Result};

/// The root of a DAG, and how much is under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The root's CID.
    pub cid: Cid,
    /// The bytes of the file; 0 for a directory.
    pub size: u64,
    /// The bytes of all blocks, the root's among them; a block counts as often as it is linked.
    pub tree_size: u64,
}

/// Adds a file, and returns its root; streamed, in constant memory.
///
/// The blocks are durable once the root is pinned, or after [`BlockStore::sync`].
///
/// # Errors
///
/// [`Error::Io`] when the reader breaks off; a failure of the store.
///
/// # Performance
///
/// With the feature `rayon` the leaves are hashed on all cores while this thread reads and stores: worth it from two
/// leaves on.
pub fn add(store: &dyn BlockStore, reader: impl Read, profile: Profile) -> Result<Node> {
    add_with(store, reader, profile, &mut |_| ())
}

/// As [`add`], and tells `progress` how many bytes of the file are stored so far.
///
/// # Errors
///
/// As [`add`].
pub fn add_with(
    store: &dyn BlockStore,
    reader: impl Read,
    profile: Profile,
    progress: &mut dyn FnMut(u64),
) -> Result<Node> {
    import(&mut |block| store.put(block), reader, profile, progress)
}

/// The root that [`add`] would return, without storing anything.
///
/// # Errors
///
/// [`Error::Io`] when the reader breaks off.
pub fn only_hash(reader: impl Read, profile: Profile) -> Result<Node> {
    only_hash_with(reader, profile, &mut |_| ())
}

/// As [`only_hash`], and tells `progress` how many bytes of the file are hashed so far.
///
/// # Errors
///
/// As [`only_hash`].
pub fn only_hash_with(
    reader: impl Read,
    profile: Profile,
    progress: &mut dyn FnMut(u64),
) -> Result<Node> {
    import(&mut |_| Ok(()), reader, profile, progress)
}

/// As [`only_hash`], of a file in memory, which is hashed where it lies: nothing is copied.
///
/// # Errors
///
/// None that bytes in memory give a reason for.
pub fn only_hash_bytes(bytes: &[u8], profile: Profile) -> Result<Node> {
    let mut hashed = Hashed {
        chunks: bytes.chunks(profile.chunk()),
        tree: Tree {
            put: &mut |_| Ok(()),
            profile,
            layers: Vec::new(),
        },
    };
    pipeline(&mut hashed, UNDER_WAY / profile.chunk(), |chunk| {
        leaf_node(chunk, profile)
    })?;
    if bytes.is_empty() {
        hashed.take(leaf_node(&[], profile))?;
    }
    hashed.tree.finish()
}

/// Puts files one after the other: one file whose children are theirs.
///
/// Every block of the parts is shared. `cat` gives their bytes one after the other, here and in any IPFS program.
///
/// # Errors
///
/// [`Error::Parts`] for no part, or more than the profile's width; a failure of the store.
pub fn concat(store: &dyn BlockStore, parts: &[Node], profile: Profile) -> Result<Node> {
    if parts.is_empty() || parts.len() > profile.width() {
        return Err(Error::Parts {
            found: parts.len(),
            limit: profile.width(),
        });
    }
    let children: Vec<_> = parts.iter().map(Node::child).collect();
    let (block, node) = branch(&children, profile)?;
    store.put(&block)?;
    Ok(node)
}

impl Node {
    pub(crate) const fn new(cid: Cid, size: u64, tree_size: u64) -> Self {
        Self {
            cid,
            size,
            tree_size,
        }
    }

    const fn child(&self) -> Child {
        Child {
            cid: self.cid,
            size: self.size,
            tree_size: self.tree_size,
        }
    }
}

/// The most bytes that are read and not yet stored, on a machine with many cores.
const UNDER_WAY: usize = 16 << 20;

/// The leaves are hashed while this thread stores those before, and reads those behind.
fn import(
    put: &mut dyn FnMut(&Block) -> Result<()>,
    mut reader: impl Read,
    profile: Profile,
    progress: &mut dyn FnMut(u64),
) -> Result<Node> {
    let mut file = File {
        chunks: Chunks {
            reader: &mut reader,
            size: profile.chunk(),
            spare: Vec::new(),
            ended: false,
        },
        tree: Tree {
            put,
            profile,
            layers: Vec::new(),
        },
        progress,
        stored: 0,
    };
    pipeline(&mut file, UNDER_WAY / profile.chunk(), |chunk| {
        leaf(chunk, profile)
    })?;
    if file.tree.layers.is_empty() {
        file.take(leaf(Vec::new(), profile))?; // the empty file is one empty leaf
    }
    file.tree.finish()
}

/// A file on its way into a tree.
struct File<'a> {
    chunks: Chunks<'a>,
    tree: Tree<'a>,
    progress: &'a mut dyn FnMut(u64),
    stored: u64,
}

impl Ends<Vec<u8>, Result<(Block, Node)>> for File<'_> {
    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        self.chunks.next()
    }

    fn take(&mut self, leaf: Result<(Block, Node)>) -> Result<()> {
        let (block, node) = leaf?;
        (self.tree.put)(&block)?;
        self.chunks.spare.push(block.into_bytes());
        self.tree.push(node.child(), 0)?;
        self.stored += node.size;
        (self.progress)(self.stored);
        Ok(())
    }
}

/// Bytes in memory on their way into a tree of which nothing is kept.
struct Hashed<'a> {
    chunks: std::slice::Chunks<'a, u8>,
    tree: Tree<'a>,
}

impl<'a> Ends<&'a [u8], Result<Node>> for Hashed<'a> {
    fn next(&mut self) -> Result<Option<&'a [u8]>> {
        Ok(self.chunks.next())
    }

    fn take(&mut self, leaf: Result<Node>) -> Result<()> {
        self.tree.push(leaf?.child(), 0)
    }
}

/// What [`leaf`] says of a chunk.
fn leaf_node(chunk: &[u8], profile: Profile) -> Result<Node> {
    match profile {
        Profile::UnixfsV1_2025 | Profile::Cidv1_256k => {
            let size = chunk.len() as u64;
            Ok(Node::new(Block::raw_cid(chunk)?, size, size))
        }
        // inside dag-pb, so there is no way around a copy
        Profile::LegacyCidv0 => leaf(chunk.to_vec(), profile).map(|(_, node)| node),
    }
}

fn leaf(chunk: Vec<u8>, profile: Profile) -> Result<(Block, Node)> {
    let size = chunk.len() as u64;
    let block = match profile {
        Profile::UnixfsV1_2025 | Profile::Cidv1_256k => Block::raw(chunk),
        Profile::LegacyCidv0 => Block::dag_pb_v0(node::write_leaf(&chunk)),
    }?;
    let node = Node::new(*block.cid(), size, block.bytes().len() as u64);
    Ok((block, node))
}

fn branch(children: &[Child], profile: Profile) -> Result<(Block, Node)> {
    let (bytes, size) = node::write_file(children);
    let below = children
        .iter()
        .fold(0_u64, |sum, child| sum.saturating_add(child.tree_size));
    let block = node::block(profile, bytes)?;
    let tree_size = below.saturating_add(block.bytes().len() as u64);
    let node = Node::new(*block.cid(), size, tree_size);
    Ok((block, node))
}

/// A file's bytes, cut.
struct Chunks<'a> {
    reader: &'a mut dyn Read,
    size: usize,
    /// Buffers that come back, so that memory is not given to the system and asked for again.
    spare: Vec<Vec<u8>>,
    ended: bool,
}

impl Chunks<'_> {
    /// The next chunk; none after the end.
    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut chunk = self.spare.pop().unwrap_or_default();
        chunk.clear();
        self.fill(&mut chunk)?;
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    fn fill(&mut self, chunk: &mut Vec<u8>) -> Result<()> {
        let limit = self.size as u64;
        while chunk.len() < self.size && !self.ended {
            let missing = limit - chunk.len() as u64;
            match (&mut *self.reader).take(missing).read_to_end(chunk) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("reading the file", error)),
            }
        }
        Ok(())
    }
}

/// A balanced tree that is written from left to right: all leaves at one depth, every node full but the last of its
/// layer (the layout "balanced" of the UnixFS specification).
struct Tree<'a> {
    put: &'a mut dyn FnMut(&Block) -> Result<()>,
    profile: Profile,
    /// The children that wait for a parent, leaves first; at most the profile's width in each.
    layers: Vec<Vec<Child>>,
}

impl Tree<'_> {
    /// Adds a child to a layer; a layer that is full becomes a child of the next one first.
    fn push(&mut self, child: Child, depth: usize) -> Result<()> {
        let (mut child, mut depth) = (child, depth);
        loop {
            if self.layers.len() == depth {
                self.layers.push(Vec::new());
            }
            let Some(layer) = self.layers.get_mut(depth) else {
                return Ok(());
            };
            if layer.len() < self.profile.width() {
                layer.push(child);
                return Ok(());
            }
            let full = std::mem::replace(layer, vec![child]);
            child = self.close(&full)?;
            depth += 1;
        }
    }

    fn finish(mut self) -> Result<Node> {
        for depth in 0.. {
            let top = depth + 1 == self.layers.len();
            let layer = self.layers.get_mut(depth).map(std::mem::take);
            match layer.as_deref() {
                Some([root]) if top => {
                    return Ok(Node::new(root.cid, root.size, root.tree_size));
                }
                Some(children) => {
                    let child = self.close(children)?;
                    self.push(child, depth + 1)?;
                }
                None => break,
            }
        }
        unreachable!("a layer that closes leaves a child in the next one")
    }

    fn close(&mut self, children: &[Child]) -> Result<Child> {
        let (block, node) = branch(children, self.profile)?;
        (self.put)(&block)?;
        Ok(node.child())
    }
}

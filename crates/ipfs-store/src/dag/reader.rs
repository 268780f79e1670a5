//! DAG to file.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;
use std::vec;

use super::node::{self, Child, Kind};
use super::{MAX_DEPTH, Node, fetch};
use crate::hash::RAW;
use crate::{Block, BlockStore, Cid, Error, Result};

/// Most leaves that a reader holds: they are fetched and checked together, on all cores.
const MAX_AHEAD: usize = if cfg!(feature = "rayon") { 8 } else { 1 };

/// Reads a file: every block is checked against its CID, and its size against the link to it.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::Malformed`], [`Error::WrongKind`] when the root is no file; a failure of the store. What
/// is wrong below the root shows in the [`Reader`], whose errors hold an [`Error`] as their source.
pub fn cat<'a>(store: &'a dyn BlockStore, root: &Cid) -> Result<Reader<'a>> {
    let mut reader = Reader {
        store,
        root: *root,
        size: 0,
        position: 0,
        entered: false,
        skip: 0,
        stack: Vec::new(),
        ahead: VecDeque::new(),
        block: Vec::new(),
        window: 0..0,
    };
    reader.size = reader.enter(root, fetch(store, root)?, None)?;
    reader.entered = true;
    Ok(reader)
}

/// The direct children of a file, in order: those that [`concat`](super::concat) was given. None for a file of one leaf.
///
/// # Errors
///
/// As [`cat`].
pub fn parts(store: &dyn BlockStore, root: &Cid) -> Result<Vec<Node>> {
    let block = fetch(store, root)?;
    match node::read(&block)? {
        Kind::Bytes(_) => Ok(Vec::new()),
        Kind::File { children, .. } => Ok(children
            .iter()
            .map(|child| Node::new(child.cid, child.size, child.tree_size))
            .collect()),
        other => Err(no_file(root, &other)),
    }
}

/// The sizes of a file or directory, as its root tells them: enough to link to it.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::Malformed`], a failure of the store.
pub fn stat(store: &dyn BlockStore, root: &Cid) -> Result<Node> {
    let block = fetch(store, root)?;
    let own = block.bytes().len() as u64;
    let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(own, u64::saturating_add);
    let (size, tree_size) = match node::read(&block)? {
        Kind::Bytes(_) => (own, own),
        Kind::File { size, children, .. } => {
            (size, sum(&mut children.iter().map(|child| child.tree_size)))
        }
        Kind::Directory(links) | Kind::Shard { links, .. } => {
            (0, sum(&mut links.iter().map(|link| link.tree_size)))
        }
        Kind::Symlink | Kind::Data(_) => (0, own),
    };
    Ok(Node::new(*root, size, tree_size))
}

/// A file in a store, from [`cat`]; reads and seeks.
///
/// It holds one leaf. With the feature `rayon` it holds up to eight when it reads on from one leaf to the next: raw leaves
/// are then fetched and checked on all cores. Leaves inside dag-pb nodes (`legacy-cid-v0`) come one after the other.
pub struct Reader<'a> {
    store: &'a dyn BlockStore,
    root: Cid,
    size: u64,
    position: u64,
    /// Whether the stack stands where `position` says, less `skip`.
    entered: bool,
    /// The bytes to leave out before the next ones are read.
    skip: u64,
    /// The children still to be read, root first.
    stack: Vec<vec::IntoIter<Child>>,
    /// The blocks of the next children, if they are here already.
    ahead: VecDeque<Result<Block>>,
    /// The block whose bytes are being read, and which of them.
    block: Vec<u8>,
    window: Range<usize>,
}

impl Reader<'_> {
    /// The bytes of the whole file.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Whether the file is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Writes the rest of the file, a whole leaf at a time where [`io::copy`] takes 8 KiB, and returns how many bytes.
    ///
    /// # Errors
    ///
    /// What is wrong below the root, after the bytes before it; a failure of the writer.
    pub fn copy_to(&mut self, writer: &mut impl io::Write) -> io::Result<u64> {
        let mut copied = 0;
        loop {
            let leaf = self.fill_buf()?;
            if leaf.is_empty() {
                return Ok(copied);
            }
            writer.write_all(leaf)?;
            let len = leaf.len();
            self.consume(len);
            copied += len as u64;
        }
    }

    /// Goes down into a block of the file, and returns how many bytes of the file are under it.
    fn enter(&mut self, cid: &Cid, block: Block, claimed: Option<u64>) -> Result<u64> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Error::TooLarge {
                root: self.root.into(),
                what: "levels",
                limit: MAX_DEPTH as u64,
            });
        }
        let (window, found) = match node::read(&block)? {
            Kind::Bytes(bytes) => {
                let found = bytes.len() as u64;
                (bytes, found)
            }
            Kind::File {
                data,
                size,
                children,
            } => {
                self.stack.push(children.into_iter());
                (data, size)
            }
            other => return Err(no_file(cid, &other)),
        };
        if let Some(claimed) = claimed.filter(|claimed| *claimed != found) {
            return Err(Error::WrongSize {
                cid: (*cid).into(),
                claimed,
                found,
            });
        }
        let skipped = self.skip.min(window.len() as u64);
        self.skip -= skipped;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        self.window = window.start.saturating_add(skipped)..window.end;
        self.block = block.into_bytes();
        Ok(found)
    }

    /// The block of a child that was just taken from the stack; after it, while reading goes on, the leaves that follow.
    fn next_block(&mut self, child: &Child, reads_on: bool) -> Result<Block> {
        if let Some(block) = self.ahead.pop_front() {
            return block;
        }
        let following = self.stack.last().map_or(&[][..], |rest| rest.as_slice());
        let leaf = |child: &&Child| child.cid.codec() == RAW && child.size > 0;
        let mut cids = vec![child.cid];
        if reads_on && leaf(&child) {
            let more = following.iter().take_while(leaf).take(MAX_AHEAD - 1);
            cids.extend(more.map(|child| child.cid));
        }
        self.ahead = fetch_all(self.store, &cids);
        self.ahead
            .pop_front()
            .unwrap_or_else(|| fetch(self.store, &child.cid))
    }

    /// Makes the window hold the next bytes; it stays empty at the end.
    fn advance(&mut self) -> Result<()> {
        let reads_on = self.entered; // one leaf was read to its end
        if !self.entered {
            self.skip = self.position;
            self.stack.clear();
            self.ahead.clear();
            self.window = 0..0;
            let (root, size) = (self.root, self.size);
            if self.position < size {
                self.enter(&root, fetch(self.store, &root)?, Some(size))?;
            }
            self.entered = true;
        }
        while self.window.is_empty() {
            let Some(children) = self.stack.last_mut() else {
                return Ok(());
            };
            match children.next() {
                None => {
                    self.stack.pop();
                }
                // Without bytes there is nothing to read; and a DAG of nothing else must not keep the reader busy.
                Some(child) if child.size <= self.skip => self.skip -= child.size,
                Some(child) => {
                    let block = self.next_block(&child, reads_on)?;
                    self.enter(&child.cid, block, Some(child.size))?;
                }
            }
        }
        Ok(())
    }
}

impl BufRead for Reader<'_> {
    /// The rest of the leaf at hand, or of the next one: no byte is copied.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if (self.window.is_empty() || !self.entered)
            && let Err(error) = self.advance()
        {
            // Nothing is read past a fault: the next call starts over at the same place, and meets it again.
            self.entered = false;
            self.window = 0..0;
            return Err(error.into());
        }
        Ok(self.block.get(self.window.clone()).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.window.len());
        self.window.start += amount;
        self.position += amount as u64;
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let len = bytes.read(buffer)?;
        self.consume(len);
        Ok(len)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
        };
        let position = position.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "a position before the file's start",
            )
        })?;
        if position != self.position {
            self.position = position;
            self.entered = false;
        }
        Ok(position)
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("root", &format_args!("{}", self.root))
            .field("size", &self.size)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// The blocks, in the order of their CIDs.
fn fetch_all(store: &dyn BlockStore, cids: &[Cid]) -> VecDeque<Result<Block>> {
    #[cfg(feature = "rayon")]
    if cids.len() > 1 {
        use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
        let blocks: Vec<_> = cids.par_iter().map(|cid| fetch(store, cid)).collect();
        return blocks.into();
    }
    cids.iter().map(|cid| fetch(store, cid)).collect()
}

fn no_file(cid: &Cid, found: &Kind<'_>) -> Error {
    Error::WrongKind {
        cid: (*cid).into(),
        expected: "a file",
        found: found.name(),
    }
}

//! Files and directories as DAGs of blocks, over any store.
//!
//! ```
//! use std::io::Read as _;
//! use ipfs_store::{MemoryStore, Profile, dag};
//!
//! let store = MemoryStore::new();
//! let head = dag::add(&store, &b"head "[..], Profile::default())?;
//! let body = dag::add(&store, &b"and body"[..], Profile::default())?;
//! let file = dag::concat(&store, &[head, body], Profile::default())?; // one file, two subtrees
//! let root = dag::directory(&store, &[("envelope", file)], Profile::default())?;
//!
//! let mut text = String::new();
//! let cid = dag::resolve(&store, &root.cid, "envelope")?;
//! dag::cat(&store, &cid)?.read_to_string(&mut text)?;
//! assert_eq!(text, "head and body");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod directory;
#[cfg(feature = "embedded")]
mod files;
mod hamt;
mod import;
mod join;
pub(crate) mod node;
mod reader;
mod walk;

pub use directory::{Entry, directory, list, resolve};
#[cfg(feature = "embedded")]
pub use files::{add_path, extract, only_hash_path};
pub use import::{Node, add, add_with, concat, only_hash, only_hash_bytes, only_hash_with};
pub use reader::{Reader, cat, parts, stat};
pub(crate) use walk::walk_all;
pub use walk::{Cids, Walk, cids, copy, walk};

use crate::{Block, BlockStore, Cid, Error, Result};

/// Most levels between a root and a leaf: 4 levels of 174 links are a file of 224 TiB; the rest is for directories.
pub const MAX_DEPTH: usize = 256;

/// Most blocks of a DAG: 16 TiB in leaves of 1 MiB.
pub const MAX_BLOCKS: u64 = 1 << 24;

/// Most blocks that wait for their turn while a DAG is walked, in at most 120 MB. A node of 2 MiB has up to 50,000 links by hash, so ten
/// levels of such nodes are no problem, and files and sharded directories have a few hundred on each of theirs.
pub const MAX_WAITING: usize = 1 << 19;

/// The block, which must be there.
pub(crate) fn fetch(store: &dyn BlockStore, cid: &Cid) -> Result<Block> {
    if let Some(block) = Block::inline(cid)? {
        return Ok(block);
    }
    store.get(cid)?.ok_or(Error::Missing { cid: (*cid).into() })
}

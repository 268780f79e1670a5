//! CAR files: the blocks of a DAG one after the other, for transfer by hand.
//!
//! Written is CARv1, which every IPFS program reads (`ipfs dag import`); read are CARv1 and CARv2. Every block is checked
//! against its CID. Formats: IPLD's specifications of CARv1 and CARv2, and the index "MultihashIndexSorted".
//!
//! ```
//! use ipfs_store::{BlockStore as _, MemoryStore, Profile, car, dag};
//!
//! let (here, there) = (MemoryStore::new(), MemoryStore::new());
//! let file = dag::add(&here, &b"carried by hand"[..], Profile::default())?;
//! let mut disk = Vec::new();
//! car::export(&here, &[file.cid], &mut disk)?;
//! let imported = car::import(&there, disk.as_slice())?;
//! assert_eq!(imported.roots, [file.cid]);
//! assert!(there.has(&file.cid)?);
//! # Ok::<(), ipfs_store::Error>(())
//! ```

mod front;
#[cfg(feature = "embedded")]
mod index;
mod section;

use std::io::{Read, Take, Write};

use self::section::{Sections, Version};
pub(crate) use self::section::{push_section, write_header};
use crate::{Block, BlockStore, Cid, Error, Result, dag};

#[cfg(feature = "embedded")]
pub(crate) use self::{
    front::{FRONT, HEADER, Header, PRAGMA},
    index::{Offset, read_index, write_index},
    section::{MAX_PREFIX, scan, split_prefix},
};

/// What was written to a CAR file, or read from one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Carried {
    /// The roots that the header names.
    pub roots: Vec<Cid>,
    /// How many blocks.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Writes every block under the roots, each once.
///
/// # Errors
///
/// What [`dag::walk`] finds, before or after some blocks were written; [`Error::Io`] of the writer.
pub fn export(store: &dyn BlockStore, roots: &[Cid], mut writer: impl Write) -> Result<Carried> {
    let at = |source| Error::io("writing the CAR file", source);
    let mut carried = Carried {
        roots: roots.to_vec(),
        ..Carried::default()
    };
    writer.write_all(&write_header(roots)).map_err(at)?;
    let mut prefix = Vec::new();
    for block in dag::walk_all(store, roots) {
        let block = block?;
        prefix.clear();
        push_section(&mut prefix, block.cid(), block.bytes().len());
        writer.write_all(&prefix).map_err(at)?;
        writer.write_all(block.bytes()).map_err(at)?;
        carried.count(&block);
    }
    writer.flush().map_err(at)?;
    Ok(carried)
}

/// Puts every block of a CAR file, and makes them durable.
///
/// That the blocks are whole DAGs is not checked here: pinning a root does. Until then a garbage collection takes them, which
/// `EmbeddedStore::hold` holds off.
///
/// # Errors
///
/// [`Error::Car`] for what is no CAR file or ends early, [`Error::WrongHash`] and what else [`Block::new`] finds: the
/// blocks before are put then, and collected as garbage one day; a failure of the store.
pub fn import(store: &dyn BlockStore, reader: impl Read) -> Result<Carried> {
    let mut blocks = blocks(reader)?;
    let mut carried = Carried {
        roots: blocks.roots().to_vec(),
        ..Carried::default()
    };
    for block in blocks.by_ref() {
        let block = block?;
        store.put(&block)?;
        carried.count(&block);
    }
    store.sync()?;
    Ok(carried)
}

/// Reads a CAR file block by block.
///
/// # Errors
///
/// [`Error::Car`] when it does not start as a CAR file; [`Error::Io`] of the reader.
pub fn blocks<R: Read>(reader: R) -> Result<Blocks<R>> {
    let mut sections = Sections::new(reader.take(u64::MAX));
    let roots = match sections.header()? {
        Version::One(roots) => roots,
        Version::Two => sections.enter_v2()?,
    };
    Ok(Blocks {
        roots,
        sections,
        ended: false,
    })
}

/// The blocks of a CAR file, from [`blocks`], each checked against its CID; the iterator ends after its first error.
#[derive(Debug)]
pub struct Blocks<R> {
    roots: Vec<Cid>,
    sections: Sections<Take<R>>,
    ended: bool,
}

impl<R> Blocks<R> {
    /// The roots that the header names.
    #[must_use]
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self
            .sections
            .next_raw()
            .and_then(|section| {
                section
                    .map(|(cid, bytes)| Block::new(cid, bytes))
                    .transpose()
            })
            .transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Carried {
    fn count(&mut self, block: &Block) {
        self.blocks += 1;
        self.bytes += block.bytes().len() as u64;
    }
}

//! What every store is.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Block, Cid, Result};

/// Holds blocks by their digest.
///
/// Everything else (files, directories, pins of a DAG, CAR files) is built on these operations. A store never hands out a
/// block whose bytes do not hash to the CID: [`Block`] cannot be built otherwise. A block is found by its digest, so a
/// CID with the same digest and another codec or version finds the same bytes, as with Kubo; the block inside an identity
/// CID is always there. The suite in `testing` says all of it as tests.
pub trait BlockStore: Debug + Send + Sync {
    /// The block, or `None` when the store does not have it.
    ///
    /// # Errors
    ///
    /// A CID that no block can be checked against; [`Error::Damaged`](crate::Error::Damaged) or
    /// [`Error::WrongHash`](crate::Error::WrongHash) when the bytes are others; a failure of the store.
    fn get(&self, cid: &Cid) -> Result<Option<Block>>;

    /// Stores a block; what is there already is not stored twice.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn put(&self, block: &Block) -> Result<()>;

    /// Whether the block is there. That its bytes are intact shows only [`BlockStore::get`].
    ///
    /// # Errors
    ///
    /// A CID that no block can be checked against; a failure of the store.
    fn has(&self, cid: &Cid) -> Result<bool>;

    /// Deletes a block and says whether it was there.
    ///
    /// # Errors
    ///
    /// A CID that no block can be checked against; a failure of the store.
    fn delete(&self, cid: &Cid) -> Result<bool>;

    /// Makes every block that was put durable, and visible to other processes.
    ///
    /// A store without such a difference needs not say anything.
    ///
    /// # Errors
    ///
    /// A failure of the store: then what was put since the last time may be lost.
    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

macro_rules! forward {
    ($($generics:tt)*) => {
        $($generics)* {
            fn get(&self, cid: &Cid) -> Result<Option<Block>> {
                (**self).get(cid)
            }

            fn put(&self, block: &Block) -> Result<()> {
                (**self).put(block)
            }

            fn has(&self, cid: &Cid) -> Result<bool> {
                (**self).has(cid)
            }

            fn delete(&self, cid: &Cid) -> Result<bool> {
                (**self).delete(cid)
            }

            fn sync(&self) -> Result<()> {
                (**self).sync()
            }
        }
    };
}

forward!(impl<T: BlockStore + ?Sized> BlockStore for &T);
forward!(impl<T: BlockStore + ?Sized> BlockStore for Arc<T>);
forward!(impl<T: BlockStore + ?Sized> BlockStore for Box<T>);

/// Passes everything on, and counts what was put and was not there before: what a grant costs, or an import adds.
#[derive(Debug)]
pub struct Counting<S> {
    store: S,
    blocks: AtomicU64,
    bytes: AtomicU64,
}

impl<S: BlockStore> Counting<S> {
    /// Starts at zero.
    pub const fn new(store: S) -> Self {
        Self {
            store,
            blocks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// The blocks that were new.
    pub fn blocks(&self) -> u64 {
        self.blocks.load(Ordering::Relaxed)
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl<S: BlockStore> BlockStore for Counting<S> {
    fn get(&self, cid: &Cid) -> Result<Option<Block>> {
        self.store.get(cid)
    }

    fn put(&self, block: &Block) -> Result<()> {
        let known = self.store.has(block.cid())?;
        self.store.put(block)?;
        if !known {
            self.blocks.fetch_add(1, Ordering::Relaxed);
            self.bytes
                .fetch_add(block.bytes().len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    fn has(&self, cid: &Cid) -> Result<bool> {
        self.store.has(cid)
    }

    fn delete(&self, cid: &Cid) -> Result<bool> {
        self.store.delete(cid)
    }

    fn sync(&self) -> Result<()> {
        self.store.sync()
    }
}

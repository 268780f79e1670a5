//! What every store is.

use std::fmt::Debug;
use std::sync::Arc;

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

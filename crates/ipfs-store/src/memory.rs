//! The store that forgets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use multihash::Multihash;

use crate::{Block, BlockStore, Cid, Result, hash};

/// Blocks in memory.
#[derive(Default)]
pub struct MemoryStore {
    blocks: RwLock<BTreeMap<Multihash<64>, Block>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many blocks it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// The CIDs under which the blocks were put, in the order of their digests.
    #[must_use]
    pub fn cids(&self) -> Vec<Cid> {
        self.read().values().map(|block| *block.cid()).collect()
    }

    // A panic while the lock is held leaves a whole map behind: each operation is one call to it.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Multihash<64>, Block>> {
        self.blocks.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Multihash<64>, Block>> {
        self.blocks.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlockStore for MemoryStore {
    fn get(&self, cid: &Cid) -> Result<Option<Block>> {
        hash::accept(cid)?;
        if let Some(block) = Block::inline(cid)? {
            return Ok(Some(block));
        }
        let found = self.read().get(cid.hash()).cloned();
        Ok(found.map(|block| block.under(cid)))
    }

    fn put(&self, block: &Block) -> Result<()> {
        if Block::inline(block.cid())?.is_none() {
            self.write()
                .entry(*block.cid().hash())
                .or_insert_with(|| block.clone());
        }
        Ok(())
    }

    fn has(&self, cid: &Cid) -> Result<bool> {
        hash::accept(cid)?;
        Ok(Block::inline(cid)?.is_some() || self.read().contains_key(cid.hash()))
    }

    fn delete(&self, cid: &Cid) -> Result<bool> {
        hash::accept(cid)?;
        Ok(self.write().remove(cid.hash()).is_some())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("blocks", &self.len())
            .finish()
    }
}

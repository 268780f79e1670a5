use std::sync::atomic::{AtomicUsize, Ordering};

use ipfs_store::{Block, BlockStore, Cid, MemoryStore};

/// Counts how often it is asked for a block.
#[derive(Debug, Default)]
pub(crate) struct Asked(pub(crate) MemoryStore, pub(crate) AtomicUsize);

impl BlockStore for Asked {
    fn get(&self, cid: &Cid) -> ipfs_store::Result<Option<Block>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.get(cid)
    }
    fn put(&self, block: &Block) -> ipfs_store::Result<()> {
        self.0.put(block)
    }
    fn has(&self, cid: &Cid) -> ipfs_store::Result<bool> {
        self.0.has(cid)
    }
    fn delete(&self, cid: &Cid) -> ipfs_store::Result<bool> {
        self.0.delete(cid)
    }
}

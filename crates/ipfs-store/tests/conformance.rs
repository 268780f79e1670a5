//! The suite that any store must pass, once per store. Kubo and gateways are held to it in `kubo.rs`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

use std::sync::Mutex;

use ipfs_store::{BlockStore, Counting, EmbeddedStore, MemoryStore, testing};

#[test]
fn memory() {
    testing::conformance(&|| Box::new(MemoryStore::new()));
}

#[test]
fn counting() {
    testing::conformance(&|| Box::new(Counting::new(MemoryStore::new())));
}

#[test]
fn embedded() {
    let folders = Mutex::new(Vec::new());
    testing::conformance(&|| {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path()).unwrap();
        folders.lock().unwrap().push(folder);
        Box::new(store)
    });
}

/// A store that loses blocks.
#[derive(Debug, Default)]
struct Forgetful(MemoryStore);

impl BlockStore for Forgetful {
    fn get(&self, cid: &ipfs_store::Cid) -> ipfs_store::Result<Option<ipfs_store::Block>> {
        self.0.get(cid)
    }

    fn put(&self, block: &ipfs_store::Block) -> ipfs_store::Result<()> {
        // every other block is lost
        match block.cid().hash().digest().first() {
            Some(byte) if byte % 2 == 0 => Ok(()),
            _ => self.0.put(block),
        }
    }

    fn has(&self, cid: &ipfs_store::Cid) -> ipfs_store::Result<bool> {
        self.0.has(cid)
    }

    fn delete(&self, cid: &ipfs_store::Cid) -> ipfs_store::Result<bool> {
        self.0.delete(cid)
    }
}

#[test]
#[should_panic(expected = "assertion")]
fn the_suite_finds_a_store_that_loses_blocks() {
    testing::conformance(&|| Box::new(Forgetful::default()));
}

//! What every store must do, as checks that panic with what is wrong.
//!
//! ```
//! use ipfs_store::{MemoryStore, testing};
//!
//! testing::conformance(&|| Box::new(MemoryStore::new()));
//! ```

use std::io::Read as _;
use std::thread;

use multihash::Multihash;

use crate::hash::{DAG_CBOR, DAG_PB, RAW};
use crate::{Block, BlockStore, Cid, Error, MAX_BLOCK, Profile, dag};

/// Holds a store to the contract of [`BlockStore`]; `open` makes an empty one each time, or one whose blocks are others.
///
/// # Panics
///
/// When the store breaks the contract, or fails.
pub fn conformance(open: &dyn Fn() -> Box<dyn BlockStore>) {
    let store = open();
    comes_back_until_it_is_deleted(&*store);
    every_size_comes_back(&*store);
    is_found_by_its_digest(&*store);
    holds_identity_blocks_without_putting(&*store);
    refuses_what_it_cannot_check(&*store);
    serves_several_threads(&*store);
    holds_files(&*store);
}

/// Holds a store that cannot be written to, and has `blocks`, to the part of the contract about reading.
///
/// # Panics
///
/// When the store breaks the contract, or fails.
pub fn conformance_read_only(store: &dyn BlockStore, blocks: &[Block]) {
    for block in blocks {
        assert_eq!(store.get(block.cid()).expect("get"), Some(block.clone()));
        assert!(store.has(block.cid()).expect("has"));
    }
    let other = block(b"a block that nobody has put");
    assert_eq!(store.get(other.cid()).expect("get"), None);
    assert!(!store.has(other.cid()).expect("has"));
    assert!(matches!(store.put(&other), Err(Error::ReadOnly { .. })));
    assert!(matches!(
        store.delete(other.cid()),
        Err(Error::ReadOnly { .. })
    ));
    holds_identity_blocks_without_putting(store);
    refuses_what_it_cannot_check(store);
}

fn comes_back_until_it_is_deleted(store: &dyn BlockStore) {
    let (one, two) = (block(b"one"), block(b"two"));
    assert_eq!(store.get(one.cid()).expect("get"), None, "an empty store");
    assert!(!store.has(one.cid()).expect("has"), "an empty store");
    assert!(!store.delete(one.cid()).expect("delete"), "an empty store");
    for _ in 0..2 {
        store.put(&one).expect("put, and put again");
        assert_eq!(store.get(one.cid()).expect("get"), Some(one.clone()));
        assert!(store.has(one.cid()).expect("has"));
        assert!(!store.has(two.cid()).expect("has"));
    }
    store.put(&two).expect("put");
    store.sync().expect("sync");
    assert!(store.delete(one.cid()).expect("delete"), "it was there");
    assert!(!store.delete(one.cid()).expect("delete"), "it is gone");
    assert_eq!(store.get(one.cid()).expect("get"), None, "deleted");
    assert_eq!(
        store.get(two.cid()).expect("get"),
        Some(two.clone()),
        "the other one"
    );
    store.put(&one).expect("put after delete");
    assert_eq!(store.get(one.cid()).expect("get"), Some(one));
}

fn every_size_comes_back(store: &dyn BlockStore) {
    for len in [
        0,
        1,
        127,
        128,
        16_383,
        16_384,
        1 << 20,
        MAX_BLOCK - 1,
        MAX_BLOCK,
    ] {
        let block = Block::raw(vec![7; len]).expect("not over the limit");
        store.put(&block).expect("put");
        let found = store.get(block.cid()).expect("get");
        assert!(found.as_ref() == Some(&block), "{len} bytes");
    }
}

fn is_found_by_its_digest(store: &dyn BlockStore) {
    let block = Block::dag_pb(vec![0x0a, 2, 8, 1]).expect("small");
    store.put(&block).expect("put");
    let old = Cid::new_v0(*block.cid().hash()).expect("SHA-256");
    let raw = Cid::new_v1(RAW, *block.cid().hash());
    for cid in [old, raw] {
        let found = store.get(&cid).expect("get").expect("the same digest");
        assert_eq!((found.cid(), found.bytes()), (&cid, block.bytes()));
        assert!(store.has(&cid).expect("has"));
    }
}

fn holds_identity_blocks_without_putting(store: &dyn BlockStore) {
    let cid = Cid::new_v1(RAW, Multihash::wrap(0, b"inside").expect("short"));
    let found = store.get(&cid).expect("get").expect("it is in the CID");
    assert_eq!(found.bytes(), b"inside");
    assert!(store.has(&cid).expect("has"));
}

fn refuses_what_it_cannot_check(store: &dyn BlockStore) {
    let digest = *block(b"whatever").cid().hash();
    let codec = Cid::new_v1(0x78, digest); // git
    let sha1 = Cid::new_v1(RAW, Multihash::wrap(0x11, &[7; 20]).expect("short"));
    let truncated = Cid::new_v1(DAG_PB, digest.truncate(8));
    assert!(matches!(
        store.get(&codec),
        Err(Error::UnknownCodec { codec: 0x78, .. })
    ));
    assert!(matches!(store.has(&codec), Err(Error::UnknownCodec { .. })));
    assert!(matches!(
        store.get(&sha1),
        Err(Error::UnknownHash { code: 0x11, .. })
    ));
    assert!(matches!(store.has(&sha1), Err(Error::UnknownHash { .. })));
    assert!(matches!(
        store.get(&truncated),
        Err(Error::UnknownHash { len: 8, .. })
    ));
}

fn serves_several_threads(store: &dyn BlockStore) {
    thread::scope(|scope| {
        for number in 0..4_u8 {
            scope.spawn(move || {
                for other in 0..16_u8 {
                    let own = block(&[number, other]);
                    let shared = block(&[b's', other]);
                    store.put(&own).expect("put");
                    store.put(&shared).expect("put");
                    assert_eq!(store.get(own.cid()).expect("get"), Some(own));
                    assert_eq!(store.get(shared.cid()).expect("get"), Some(shared));
                }
            });
        }
    });
}

fn holds_files(store: &dyn BlockStore) {
    let bytes: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
    for profile in Profile::ALL {
        let file = dag::add(store, bytes.as_slice(), profile).expect("add");
        let root = dag::directory(store, &[("file", file)], profile).expect("directory");
        let found = dag::resolve(store, &root.cid, "file").expect("resolve");
        let mut read = Vec::new();
        dag::cat(store, &found)
            .expect("cat")
            .read_to_end(&mut read)
            .expect("read");
        assert!(read == bytes, "{profile}");
    }
    let data = Cid::new_v1(DAG_CBOR, *block(&[0xa0]).cid().hash());
    let empty_map = Block::new(data, vec![0xa0]).expect("its bytes");
    store.put(&empty_map).expect("put");
    assert_eq!(store.get(&data).expect("get"), Some(empty_map));
}

fn block(bytes: &[u8]) -> Block {
    Block::raw(bytes.to_vec()).expect("small")
}

/// Reads bytes as each kind of answer that a daemon gives; for fuzzing.
#[cfg(feature = "kubo")]
pub fn read_answers(bytes: &[u8]) {
    crate::kubo::fuzz(bytes);
}

//! Directories that unfold: a few blocks that link to each other more often than anybody could list or write.

#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

#[path = "common/asked.rs"]
mod asked;

use std::sync::atomic::Ordering;

use asked::Asked;
use ipfs_store::{Block, BlockStore, Error, MemoryStore, Profile, dag};

/// The reason for which the directory is malformed, and how many blocks were asked for until it showed.
fn refused(store: &Asked, root: &Block) -> (&'static str, usize) {
    store.1.store(0, Ordering::Relaxed);
    match dag::list(store, root.cid()) {
        Err(Error::Malformed { reason, .. }) => (reason, store.1.load(Ordering::Relaxed)),
        other => panic!("{} entries", other.unwrap().len()),
    }
}

#[test]
fn a_shard_that_is_linked_twice_is_malformed() {
    let store = Asked::default();
    let file = Block::raw(Vec::new()).unwrap();
    let names: Vec<_> = (0..200).map(|n| format!("{n:02X}name {n}")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), &file)).collect();
    let below = shard(&entries);
    store.put(&below).unwrap();

    // as many links as a block holds: 1,700 here would be 340,000 entries, and a block of entries holds 43,000
    let root = shard(&vec![("00", &below); 1_700]);
    store.put(&root).unwrap();
    let (reason, asked) = refused(&store, &root);
    assert!(reason.contains("a slot twice"), "{reason}");
    assert!(asked <= 2, "{asked}");

    let slots: Vec<_> = (0..=255).map(|slot| format!("{slot:02X}")).collect();
    let links: Vec<_> = slots.iter().map(|slot| (slot.as_str(), &below)).collect();
    let root = shard(&links);
    store.put(&root).unwrap();
    let (reason, asked) = refused(&store, &root);
    assert!(reason.contains("reached twice"), "{reason}");
    assert!(asked <= 3, "{asked}");

    // an entry and a node of the next level in one slot
    let root = shard(&[("07", &below), ("07name", &file)]);
    store.put(&root).unwrap();
    assert!(refused(&store, &root).0.contains("a slot twice"));

    // one link to it is a directory
    let root = shard(&[("00", &below)]);
    store.put(&root).unwrap();
    assert_eq!(dag::list(&store, root.cid()).unwrap().len(), 200);
}

/// Forty directories, each of which names the next one twice: 2^40 files.
#[test]
fn a_directory_that_unfolds_without_end_is_not_written() {
    let store = MemoryStore::new();
    let profile = Profile::default();
    let mut below = dag::add(&store, &b"a file"[..], profile).unwrap();
    for _ in 0..40 {
        below = dag::directory(&store, &[("a", below), ("b", below)], profile).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let error = dag::extract(&store, &below.cid, &out).unwrap_err();
    assert!(
        matches!(error, Error::TooLarge { what, limit, .. } if what.contains("entries") && limit == dag::MAX_BLOCKS),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// What an honest directory links to twice is written twice.
#[test]
fn copies_of_a_file_and_a_directory_come_out() {
    let store = MemoryStore::new();
    let profile = Profile::default();
    let file = dag::add(&store, &b"a file"[..], profile).unwrap();
    let inner = dag::directory(&store, &[("one", file), ("two", file)], profile).unwrap();
    let root = dag::directory(&store, &[("a", inner), ("b", inner)], profile).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    dag::extract(&store, &root.cid, &out).unwrap();
    for name in ["a/one", "a/two", "b/one", "b/two"] {
        assert_eq!(std::fs::read(out.join(name)).unwrap(), b"a file", "{name}");
    }
}

/// A node of a sharded directory, written out by hand: a fan-out of 256, and links with their slots.
fn shard(links: &[(&str, &Block)]) -> Block {
    let mut node = Vec::new();
    for (name, block) in links {
        let cid = block.cid().to_bytes();
        let mut link = vec![0x0a, cid.len() as u8];
        link.extend(cid);
        link.extend([0x12, name.len() as u8]);
        link.extend(name.as_bytes());
        link.extend([0x18, 0]);
        node.extend([0x12, link.len() as u8]);
        node.extend(link);
    }
    node.extend([0x0a, 7, 0x08, 5, 0x28, 0x22, 0x30, 0x80, 2]);
    Block::dag_pb(node).unwrap()
}

//! Properties of ipfs-store.

#![allow(
    clippy::missing_panics_doc,
    reason = "a property panics when it does not hold"
)]

use std::io::{Read as _, Seek as _, SeekFrom};

use ipfs_store::{
    Block, BlockStore as _, MAX_BLOCK, MemoryStore, Profile, car, dag, parse_cid, testing,
};

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[
    ("store_answer", answer),
    ("store_car", carried),
    ("store_cid", cid),
    ("store_file", file),
    ("store_node", node),
];

/// The answers of a Kubo daemon are read without a panic, whatever they are.
pub fn answer(data: &[u8]) {
    testing::read_answers(data);
}

/// A CAR file yields only blocks that hash to their CIDs; what was imported is exported and imported alike.
pub fn carried(data: &[u8]) {
    let store = MemoryStore::new();
    let Ok(carried) = car::import(&store, data) else {
        return;
    };
    assert!(carried.bytes <= data.len() as u64);
    for cid in store.cids() {
        let block = store.get(&cid).expect("memory").expect("it is listed");
        Block::new(cid, block.into_bytes()).expect("it was checked");
    }
    let mut out = Vec::new();
    if car::export(&store, &carried.roots, &mut out).is_ok() {
        let again = MemoryStore::new();
        let second = car::import(&again, out.as_slice()).expect("our own CAR file");
        assert_eq!(second.roots, carried.roots);
    }
}

/// Text that is a CID is one that its own text names.
pub fn cid(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(cid) = parse_cid(text) {
        assert_eq!(parse_cid(&cid.to_string()).expect("its own text"), cid);
        drop(Block::new(cid, Vec::new()));
        let store = MemoryStore::new();
        drop(store.get(&cid).expect("an accepted CID"));
    }
}

/// A file has the same root however it is read, and comes back, whole and from the middle. The first two bytes choose
/// profile and length beyond the bytes that are there.
pub fn file(data: &[u8]) {
    let Some((&[choice, more], rest)) = data.split_first_chunk() else {
        return;
    };
    let profile = Profile::ALL[usize::from(choice) % Profile::ALL.len()];
    let mut bytes = rest.to_vec();
    bytes.resize(rest.len() + usize::from(more) * 8192, choice);
    let store = MemoryStore::new();
    let node = dag::add(&store, bytes.as_slice(), profile).expect("memory");
    assert_eq!(
        dag::only_hash(
            bytes
                .chunks(77)
                .fold(Vec::new(), |mut all, part| {
                    all.extend_from_slice(part);
                    all
                })
                .as_slice(),
            profile
        )
        .expect("memory"),
        node
    );
    let mut reader = dag::cat(&store, &node.cid).expect("it was added");
    let mut read = Vec::new();
    reader.read_to_end(&mut read).expect("it is whole");
    assert!(read == bytes);
    let middle = bytes.len() / 3;
    reader.seek(SeekFrom::Start(middle as u64)).expect("within");
    read.clear();
    reader.read_to_end(&mut read).expect("it is whole");
    assert!(read == bytes[middle..]);
}

/// A node of dag-pb and UnixFS, whatever it is, is read or refused; what is read is as long as it says.
pub fn node(data: &[u8]) {
    if data.len() > MAX_BLOCK {
        return;
    }
    let store = MemoryStore::new();
    let leaf = Block::raw(b"leaf".to_vec()).expect("small");
    store.put(&leaf).expect("memory");
    let block = Block::dag_pb(data.to_vec()).expect("not over the limit");
    store.put(&block).expect("memory");
    if let Ok(reader) = dag::cat(&store, block.cid()) {
        let size = reader.size();
        let mut bytes = Vec::new();
        // a file may be longer than memory: nothing but what is there is read
        if reader.take(1 << 20).read_to_end(&mut bytes).is_ok() {
            assert_eq!(bytes.len() as u64, size.min(1 << 20));
        }
    }
    if let Ok(entries) = dag::list(&store, block.cid()) {
        for entry in &entries {
            let found = dag::resolve(&store, block.cid(), &entry.name).expect("it is listed");
            assert_eq!(found, entry.cid);
        }
    }
    if let (Ok(parts), Ok(node)) = (
        dag::parts(&store, block.cid()),
        dag::stat(&store, block.cid()),
    ) {
        let sum = parts
            .iter()
            .fold(0_u64, |sum, part| sum.saturating_add(part.size));
        assert!(sum <= node.size, "the rest is in the node itself");
        if !parts.is_empty() && parts.len() <= Profile::default().width() {
            drop(dag::concat(&store, &parts, Profile::default()));
        }
    }
    assert!(dag::walk(&store, block.cid()).count() >= 1);
}

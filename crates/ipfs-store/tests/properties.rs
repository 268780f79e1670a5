//! What must hold for all inputs; second opinions; a model of the durable store.

#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};

use cid::Cid;
use ipfs_store::{Block, BlockStore as _, EmbeddedStore, MemoryStore, Profile, dag};
use proptest::collection::vec;
use proptest::prelude::*;
use rust_unixfs::file::adder::{BalancedCollector, Chunker, FileAdder};

fn profiles() -> impl Strategy<Value = Profile> {
    prop::sample::select(Profile::ALL.to_vec())
}

/// Lengths around the boundaries of chunks, with bytes that notice a swap.
fn files() -> impl Strategy<Value = Vec<u8>> {
    (0..10_usize, -2..=2_isize, any::<u64>()).prop_map(|(chunks, beside, seed)| {
        let len = (chunks << 18).saturating_add_signed(beside);
        let mut state = seed | 1;
        let next = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        (0..len).map(next).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rust_unixfs_makes_the_same_blocks(bytes in files(), profile in profiles()) {
        let store = MemoryStore::new();
        let node = dag::add(&store, bytes.as_slice(), profile).unwrap();
        let (root, blocks) = others_blocks(&bytes, profile);
        prop_assert_eq!(node.cid, root);
        prop_assert_eq!(dag::only_hash_bytes(&bytes, profile).unwrap(), node);
        prop_assert_eq!(store.len(), blocks.len());
        for (cid, block) in blocks {
            prop_assert!(store.get(&cid).unwrap().unwrap().bytes() == block);
        }
    }

    #[test]
    fn aleph_cid_computes_the_same_roots(bytes in files()) {
        for (profile, mut hasher) in [
            (Profile::LegacyCidv0, aleph_cid::verify::Hasher::for_ipfs()),
            (Profile::Cidv1_256k, aleph_cid::verify::Hasher::for_ipfs_v1_raw_leaves()),
        ] {
            hasher.update(&bytes);
            let node = dag::only_hash(bytes.as_slice(), profile).unwrap();
            let other = hasher.finalize();
            prop_assert_eq!(node.cid.to_string(), other.as_str());
        }
    }

    #[test]
    fn any_range_comes_back(bytes in files(), profile in profiles(), at in any::<prop::sample::Index>(), len in 0..600_000_usize) {
        let store = MemoryStore::new();
        let node = dag::add(&store, bytes.as_slice(), profile).unwrap();
        let from = at.index(bytes.len() + 1);
        let mut reader = dag::cat(&store, &node.cid).unwrap();
        reader.seek(SeekFrom::Start(from as u64)).unwrap();
        let mut read = Vec::new();
        reader.take(len as u64).read_to_end(&mut read).unwrap();
        prop_assert!(read == bytes[from..bytes.len().min(from + len)]);
    }

    #[test]
    fn names_resolve_whatever_they_are(names in prop::collection::btree_set("[^/\0]{1,8}", 0..40)) {
        let names: Vec<_> = names.iter().map(String::as_str).filter(|name| ![".", ".."].contains(name)).collect();
        let store = MemoryStore::new();
        let file = |name: &str| dag::add(&store, name.as_bytes(), Profile::default()).unwrap();
        let entries: Vec<_> = names.iter().map(|name| (*name, file(name))).collect();
        let root = dag::directory(&store, &entries, Profile::default()).unwrap();
        for (name, node) in &entries {
            prop_assert_eq!(dag::resolve(&store, &root.cid, name).unwrap(), node.cid);
        }
        prop_assert_eq!(dag::list(&store, &root.cid).unwrap().len(), names.len());
    }
}

/// The root and the blocks, as rust-unixfs makes them.
fn others_blocks(bytes: &[u8], profile: Profile) -> (Cid, BTreeMap<Cid, Vec<u8>>) {
    let version = match profile {
        Profile::LegacyCidv0 => cid::Version::V0,
        _ => cid::Version::V1,
    };
    let mut adder = FileAdder::builder()
        .with_chunker(Chunker::Size(profile.chunk()))
        .with_collector(BalancedCollector::with_branching_factor(profile.width()))
        .with_cid_version(version)
        .build();
    let mut blocks = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (made, used) = adder.push(rest);
        blocks.extend(made);
        rest = &rest[used..];
    }
    blocks.extend(adder.finish());
    (blocks.last().unwrap().0, blocks.into_iter().collect())
}

/// What is done to a durable store, and to its model.
#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    Delete(u8),
    Pin(u8),
    Unpin(u8),
    Collect,
    Sync,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 0..12_u8;
    vec(
        prop_oneof![
            6 => number.clone().prop_map(Step::Put),
            2 => number.clone().prop_map(Step::Delete),
            3 => number.clone().prop_map(Step::Pin),
            1 => number.prop_map(Step::Unpin),
            1 => Just(Step::Collect),
            1 => Just(Step::Sync),
            1 => Just(Step::Reopen),
        ],
        0..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_durable_store_is_a_map_with_pins(steps in steps()) {
        let blocks: Vec<_> = (0..12_u8).map(|number| Block::raw(vec![number; usize::from(number) * 700]).unwrap()).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut store = EmbeddedStore::open(folder.path()).unwrap();
        let mut model: BTreeMap<u8, bool> = BTreeMap::new(); // and whether it is pinned
        let mut pinned = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Put(number) => {
                    store.put(&blocks[usize::from(number)]).unwrap();
                    model.entry(number).or_default();
                }
                Step::Delete(number) => {
                    let deleted = store.delete(blocks[usize::from(number)].cid()).unwrap();
                    prop_assert_eq!(deleted, model.remove(&number).is_some());
                }
                Step::Pin(number) => {
                    let done = store.pin(blocks[usize::from(number)].cid());
                    prop_assert_eq!(done.is_ok(), model.contains_key(&number));
                    if done.is_ok() {
                        pinned.insert(number);
                    }
                }
                Step::Unpin(number) => {
                    prop_assert_eq!(store.unpin(blocks[usize::from(number)].cid()).unwrap(), pinned.remove(&number));
                }
                Step::Collect => {
                    // a pinned leaf that was deleted stops the collection
                    let whole = pinned.iter().all(|number| model.contains_key(number));
                    prop_assert_eq!(store.gc().is_ok(), whole);
                    if whole {
                        model.retain(|number, _| pinned.contains(number));
                    }
                }
                Step::Sync => store.sync().unwrap(),
                Step::Reopen => {
                    drop(store);
                    store = EmbeddedStore::open(folder.path()).unwrap();
                }
            }
            for (number, block) in (0..).zip(&blocks) {
                let there = model.contains_key(&number);
                prop_assert_eq!(store.has(block.cid()).unwrap(), there);
                prop_assert_eq!(store.get(block.cid()).unwrap().as_ref() == Some(block), there);
            }
        }
        prop_assert_eq!(store.size().unwrap().blocks, model.len() as u64);
        prop_assert_eq!(store.pins().unwrap().len(), pinned.len());
    }
}

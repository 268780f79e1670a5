//! CAR files: there and back, and each rejection by one change.

#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

mod common;

use std::io::Read as _;

use common::Stream;
use ipfs_store::{
    Block, BlockStore as _, Cid, EmbeddedStore, Error, MemoryStore, Profile, car, dag,
};

#[test]
fn a_dag_is_carried() {
    let (store, file) = (car_of(3 << 20), 3 << 20);
    let (bytes, root) = store;
    let there = MemoryStore::new();
    let carried = car::import(&there, bytes.as_slice()).unwrap();
    assert_eq!(carried.roots, [root]);
    assert_eq!(carried.blocks, 4);
    assert!(common::same(
        dag::cat(&there, &root).unwrap(),
        Stream::new("car").take(file)
    ));
}

#[test]
fn the_packs_of_a_store_are_carv2_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let node = dag::add(&store, Stream::new("car").take(3 << 20), Profile::default()).unwrap();
    store.pin(&node.cid).unwrap();
    let pack = std::fs::read_dir(folder.path().join("packs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = std::fs::read(pack).unwrap();
    let there = MemoryStore::new();
    assert_eq!(car::import(&there, bytes.as_slice()).unwrap().blocks, 4);
    assert!(common::same(
        dag::cat(&there, &node.cid).unwrap(),
        Stream::new("car").take(3 << 20)
    ));
    // the end of the payload is known, so a cut is noticed wherever it is
    let end = bytes
        .windows(2)
        .rposition(|pair| pair == [0x81, 0x08])
        .unwrap();
    for cut in [10, 30, 51, 60, 5000, end - 1] {
        let error = car::import(&MemoryStore::new(), &bytes[..cut]).unwrap_err();
        assert!(matches!(error, Error::Car { .. }), "{cut}: {error}");
    }
}

#[test]
fn every_cut_is_noticed_or_ends_between_blocks() {
    let (bytes, _) = car_of(3000);
    let whole = car::blocks(bytes.as_slice()).unwrap().count();
    assert_eq!(whole, 1);
    for cut in 0..bytes.len() {
        let blocks =
            car::blocks(&bytes[..cut]).and_then(|blocks| blocks.collect::<Result<Vec<_>, _>>());
        match blocks {
            Ok(blocks) => assert!(blocks.is_empty(), "a CARv1 does not say where it ends"),
            Err(error) => assert!(matches!(error, Error::Car { .. }), "{cut}: {error}"),
        }
    }
}

#[test]
fn one_changed_bit_is_noticed() {
    let (bytes, _) = car_of(100);
    let (mut refused, mut roots) = (0, 0);
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let store = MemoryStore::new();
        match car::import(&store, bytes.as_slice()) {
            Ok(_) => roots += 1, // the root's digest in the header: pinning finds no such block
            Err(_) => {
                refused += 1;
                assert!(store.is_empty());
            }
        }
    }
    assert!(roots <= 40 && refused >= 140, "{roots} {refused}");
}

#[test]
fn trailing_bytes_are_noticed() {
    let (bytes, _) = car_of(100);
    for tail in [&[1][..], &[0], &[0xff; 12]] {
        let error =
            car::import(&MemoryStore::new(), [&bytes, tail].concat().as_slice()).unwrap_err();
        assert!(matches!(error, Error::Car { .. }), "{error}");
    }
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let (bytes, _) = car_of(0);
    let huge = [
        bytes.as_slice(),
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ]
    .concat();
    assert!(matches!(
        car::import(&MemoryStore::new(), huge.as_slice()),
        Err(Error::Car { .. })
    ));
    assert!(matches!(
        car::blocks(&[0xff, 0xff, 0xff, 0xff, 0x0f][..]),
        Err(Error::Car { .. })
    ));
}

#[test]
fn a_hole_is_found_by_export_and_by_pinning() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let node = dag::add(&store, Stream::new("car").take(3 << 20), Profile::default()).unwrap();
    let leaf = dag::parts(&store, &node.cid).unwrap()[1].cid;
    store.delete(&leaf).unwrap();
    assert!(
        matches!(car::export(&store, &[node.cid], Vec::new()), Err(Error::Missing { cid }) if *cid == leaf)
    );
}

fn car_of(len: u64) -> (Vec<u8>, Cid) {
    let store = MemoryStore::new();
    let node = dag::add(&store, Stream::new("car").take(len), Profile::default()).unwrap();
    store
        .put(&Block::raw(b"not under the root".to_vec()).unwrap())
        .unwrap();
    let mut bytes = Vec::new();
    car::export(&store, &[node.cid], &mut bytes).unwrap();
    (bytes, node.cid)
}

//! The log as an independent reader of C2SP tlog-tiles sees it over HTTP: the crate `tlog_tiles` fetches, checks every tile
//! against the checkpoint, and proves with what it fetched.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::cell::RefCell;
use std::collections::BTreeSet;

use ledger_core::testing::{Person, share};
use ledger_core::{Checkpoint, Transaction};
use ledger_node::http::Settings;
use ledger_node::{Founding, Node};
use server::Running;
use tlog_tiles::tile::{Tile, TileHashReader, TileReader};
use tlog_tiles::tlog::{
    Error, Hash, HashReader as _, check_record, check_tree, prove_record, prove_tree, record_hash,
    stored_hash_index, tree_hash,
};

/// The checkpoints that are read: five tiles of hashes and a part, and one above them; and an earlier one.
const SIZE: u64 = 1_300;
const EARLIER: u64 = 700;

/// Fetches tiles over HTTP, and notes which.
struct Fetched<'a> {
    agent: ureq::Agent,
    running: &'a Running,
    /// Changes a byte of the tiles of this level.
    lying: Option<u8>,
    paths: RefCell<BTreeSet<String>>,
}

impl Fetched<'_> {
    fn get(&self, path: &str) -> Option<Vec<u8>> {
        let url = format!("{}/{path}", self.running.url);
        let mut response = self.agent.get(url).call().ok()?;
        response.body_mut().read_to_vec().ok()
    }
}

impl TileReader for Fetched<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read = |tile: &Tile| {
            // the crate writes the height into the path, as Go's sumdb does; C2SP's is always eight and left out
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            let mut bytes = self.get(&path).ok_or(Error::InvalidTile)?;
            if self.lying == Some(tile.level()) {
                *bytes.last_mut().ok_or(Error::InvalidTile)? ^= 1;
            }
            self.paths.borrow_mut().insert(path);
            Ok(bytes)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn fetching(running: &Running, lying: Option<u8>) -> Fetched<'_> {
    Fetched {
        agent: ureq::Agent::new_with_defaults(),
        running,
        lying,
        paths: RefCell::default(),
    }
}

/// A served log, its root after the first transactions, and these.
fn served() -> (Running, Hash, Vec<Transaction>) {
    let folder = tempfile::tempdir().unwrap();
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
    let txs: Vec<_> = (0..SIZE)
        .map(|n| server::signed(&node, 0, n, share(n, &[&Person::new(0)])))
        .collect();
    let (first, rest) = txs.split_at(usize::try_from(EARLIER).unwrap());
    assert!(node.submit_all(first).unwrap().iter().all(Result::is_ok));
    let earlier = Hash(*node.head().unwrap().log_root.as_bytes());
    assert!(node.submit_all(rest).unwrap().iter().all(Result::is_ok));
    let running = Running::serve(folder, node, Settings::new().rate(None));
    (running, earlier, txs)
}

#[test]
fn an_independent_reader_proves_every_entry_from_the_tiles() {
    let (running, earlier, txs) = served();
    let tiles = fetching(&running, None);
    let note = String::from_utf8(tiles.get("checkpoint").unwrap()).unwrap();
    // its signature by ours, its text by theirs
    Checkpoint::open(&note, &running.log).unwrap();
    let (text, _) = note.split_once("\n\n").unwrap();
    let text = format!("{text}\n");
    let theirs = tlog_tiles::checkpoint::Checkpoint::from_bytes(text.as_bytes()).unwrap();
    assert_eq!(theirs.size(), SIZE);
    let root = Hash(theirs.hash().0);

    let reader = TileHashReader::new(SIZE, root, &tiles);
    assert_eq!(tree_hash(SIZE, &reader).unwrap(), root);
    // all leaves at once, each tile checked against the root
    let indices: Vec<_> = (0..SIZE).map(|n| stored_hash_index(0, n)).collect();
    let leaves = reader.read_hashes(&indices).unwrap();
    for (leaf, tx) in leaves.iter().zip(&txs) {
        assert_eq!(*leaf, record_hash(tx.as_bytes()));
    }
    // around each boundary of tiles, with proofs made and checked by theirs
    for index in [
        0, 1, 255, 256, 257, 511, 512, 699, 700, 1_023, 1_024, 1_279, 1_280, 1_299,
    ] {
        let proof = prove_record(SIZE, index, &reader).unwrap();
        let leaf = record_hash(txs[usize::try_from(index).unwrap()].as_bytes());
        check_record(&proof, SIZE, root, index, leaf).unwrap();
        let other = record_hash(b"another");
        assert!(check_record(&proof, SIZE, root, index, other).is_err());
    }
    let growth = prove_tree(SIZE, EARLIER, &reader).unwrap();
    check_tree(&growth, SIZE, root, EARLIER, earlier).unwrap();
    assert!(check_tree(&growth, SIZE, root, EARLIER, root).is_err());
    // whole tiles, parts of tiles, and the level above
    let paths = tiles.paths.borrow();
    for path in [
        "tile/0/000",
        "tile/0/004",
        "tile/0/005.p/20",
        "tile/1/000.p/5",
    ] {
        assert!(paths.contains(path), "{path} of {paths:?}");
    }
    drop(paths);

    // the earlier checkpoint, from parts of tiles that have grown since
    let reader = TileHashReader::new(EARLIER, earlier, &tiles);
    assert_eq!(tree_hash(EARLIER, &reader).unwrap(), earlier);
    prove_record(EARLIER, 699, &reader).unwrap();
    assert!(tiles.paths.borrow().contains("tile/0/002.p/188"));

    // the reader does check: one changed byte of any tile is noticed
    for level in [0, 1] {
        let lying = fetching(&running, Some(level));
        let reader = TileHashReader::new(SIZE, root, &lying);
        let index = stored_hash_index(0, 3);
        assert!(reader.read_hashes(&[index]).is_err(), "level {level}");
    }
}

/// Enough for a tile that stands above 256 tiles that stand above 256 tiles of leaves.
#[test]
fn an_independent_reader_proves_entries_below_tiles_of_level_two() {
    /// One tile of level 2 with one hash, a part of one of level 1, and one of leaves.
    const DEEP: u64 = 65_536 + 2 * 256 + 20;
    let folder = tempfile::tempdir().unwrap();
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
    let sign = |n| server::signed(&node, 0, n, share(n, &[&Person::new(0)]));
    // signing is half of the work
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| (0..DEEP / 2).map(sign).collect::<Vec<_>>());
        let second = (DEEP / 2..DEEP).map(sign).collect::<Vec<_>>();
        (first.join().unwrap(), second)
    });
    let txs = [first, second].concat();
    assert!(node.submit_all(&txs).unwrap().iter().all(Result::is_ok));
    let root = Hash(*node.head().unwrap().log_root.as_bytes());
    let running = Running::serve(folder, node, Settings::new().rate(None));

    let tiles = fetching(&running, None);
    let reader = TileHashReader::new(DEEP, root, &tiles);
    for index in [0, 255, 256, 65_535, 65_536, 65_537, 66_047, DEEP - 1] {
        let proof = prove_record(DEEP, index, &reader).unwrap();
        let leaf = record_hash(txs[usize::try_from(index).unwrap()].as_bytes());
        check_record(&proof, DEEP, root, index, leaf).unwrap();
        assert!(check_record(&proof, DEEP, root, index, record_hash(b"another")).is_err());
    }
    // from just below the level to now
    let earlier = TileHashReader::new(65_535, root, &tiles);
    assert!(
        tree_hash(65_535, &earlier).is_err(),
        "another size has another root"
    );
    let growth = prove_tree(DEEP, 65_535, &reader).unwrap();
    let older = tree_hash(65_535, &reader).unwrap();
    check_tree(&growth, DEEP, root, 65_535, older).unwrap();
    let paths = tiles.paths.borrow();
    for path in [
        "tile/0/000",
        "tile/0/255",
        "tile/0/258.p/20",
        "tile/1/000",
        "tile/1/001.p/2",
        "tile/2/000.p/1",
    ] {
        assert!(paths.contains(path), "{path} of {paths:?}");
    }
    drop(paths);
    let lying = fetching(&running, Some(2));
    let reader = TileHashReader::new(DEEP, root, &lying);
    assert!(reader.read_hashes(&[stored_hash_index(0, 3)]).is_err());
}

//! The durable store: what it keeps, what it deletes, and what it says about damage.

#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

mod common;

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::Stream;
use ipfs_store::{Block, BlockStore, Cid, EmbeddedStore, Error, Profile, dag};

#[test]
fn what_is_pinned_survives_collection_and_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let (kept, dropped) = (add(&store, "kept"), add(&store, "dropped"));
    store.pin(&kept).unwrap();
    let before = store.size().unwrap();
    let collected = store.gc().unwrap();
    let after = store.size().unwrap();
    assert_eq!(collected.blocks, 11, "ten leaves and their root");
    assert_eq!(before.blocks - after.blocks, collected.blocks);
    assert_eq!(before.bytes - after.bytes, collected.bytes);
    assert_eq!(after.bytes, bytes_in(&folder.path().join("packs")));
    drop(store);

    let store = EmbeddedStore::open(folder.path()).unwrap();
    assert_eq!(store.pins().unwrap(), [kept]);
    assert_eq!(store.size().unwrap(), after);
    assert!(common::same(
        dag::cat(&store, &kept).unwrap(),
        Stream::new("kept").take(LEN)
    ));
    assert!(!store.has(&dropped).unwrap());
    assert!(store.unpin(&kept).unwrap());
    assert!(!store.unpin(&kept).unwrap());
    store.gc().unwrap();
    assert_eq!(store.size().unwrap().blocks, 0);
    assert_eq!(bytes_in(&folder.path().join("packs")), 0);
}

/// Pins and lock could be read by the accounts that the umask names, packs and format by one account alone: no other could open the store.
#[cfg(unix)]
#[test]
fn every_file_has_the_mode_that_the_umask_gives() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let any = folder.path().join("any");
    fs::write(&any, "a new file").unwrap();
    let (any, root) = (mode(&any), folder.path().join("store"));
    let store = EmbeddedStore::open(&root).unwrap();
    let pinned = add(&store, "a pack");
    store.pin(&pinned).unwrap();
    let folders = [&root, &root.join("packs"), &root.join("pins")].map(fs::read_dir);
    let files: Vec<_> = folders
        .into_iter()
        .flat_map(|entries| entries.unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.is_file())
        .collect();
    assert!(files.len() >= 4, "format, lock, a pack, a pin: {files:?}");
    for file in files {
        assert_eq!(mode(&file), any, "{}", file.display());
    }
}

#[test]
fn a_pin_is_refused_for_a_dag_with_a_hole() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let root = add(&store, "hole");
    let leaf = *dag::walk(&store, &root).nth(5).unwrap().unwrap().cid();
    assert!(store.delete(&leaf).unwrap());
    assert!(!store.delete(&leaf).unwrap());
    assert!(matches!(store.pin(&root), Err(Error::Missing { cid }) if *cid == leaf));
    assert!(store.pins().unwrap().is_empty());
}

#[test]
fn nothing_is_collected_while_a_pinned_dag_cannot_be_followed() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let (root, other) = (add(&store, "pinned"), add(&store, "other"));
    store.pin(&root).unwrap();
    store.delete(&root).unwrap();
    assert!(matches!(store.gc(), Err(Error::Missing { cid }) if *cid == root));
    assert!(store.has(&other).unwrap());
}

#[test]
fn two_processes_see_what_the_other_made_durable() {
    let folder = tempfile::tempdir().unwrap();
    // two handles take the lock as two processes do
    let one = EmbeddedStore::open_waiting(folder.path(), Duration::from_millis(50)).unwrap();
    let two = EmbeddedStore::open_waiting(folder.path(), Duration::from_millis(50)).unwrap();
    let block = Block::raw(b"from one".to_vec()).unwrap();
    one.put(&block).unwrap();
    assert_eq!(one.get(block.cid()).unwrap().as_ref(), Some(&block));
    assert_eq!(two.get(block.cid()).unwrap(), None, "not durable yet");
    assert!(matches!(two.gc(), Err(Error::Busy { .. })), "one is adding");
    one.sync().unwrap();
    assert_eq!(two.get(block.cid()).unwrap().as_ref(), Some(&block));
    assert_eq!(two.gc().unwrap().blocks, 1);
    assert_eq!(one.get(block.cid()).unwrap(), None);
    assert!(!one.has(block.cid()).unwrap());
    one.put(&block).unwrap();
    one.sync().unwrap();
    assert!(two.has(block.cid()).unwrap());
}

/// Another thread's `sync` let go of the lock that `pin` held: what it had found could be collected before it was pinned.
#[test]
fn a_pin_keeps_its_promise_while_others_sync_and_collect() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let other = EmbeddedStore::open(folder.path()).unwrap();
    let ended = AtomicBool::new(false);
    let until_ended = |run: &dyn Fn()| {
        while !ended.load(Ordering::Relaxed) {
            run();
        }
    };
    let (mut pinned, mut failed) = (0, None);
    thread::scope(|scope| {
        scope.spawn(|| until_ended(&|| store.sync().unwrap()));
        let collecting = scope.spawn(|| {
            until_ended(&|| {
                // it follows every pin, and so finds one that was not kept
                other.gc().unwrap();
                thread::sleep(Duration::from_millis(2)); // or whoever pins has no turn
            });
        });
        for round in 0..40 {
            let root = add(&store, &format!("round {round}"));
            match store.pin(&root) {
                Ok(()) => pinned += 1,
                // collected before: it promised nothing
                Err(Error::Missing { .. }) => {}
                Err(error) => failed = Some(error),
            }
            if failed.is_some() || collecting.is_finished() {
                break;
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
    assert!(failed.is_none(), "{failed:?}");
    assert!(pinned > 0);
}

#[test]
fn a_hold_keeps_what_is_durable_and_not_pinned_yet() {
    let folder = tempfile::tempdir().unwrap();
    let open = || EmbeddedStore::open_waiting(folder.path(), Duration::from_millis(50)).unwrap();
    let (one, two) = (open(), open());
    let hold = one.hold().unwrap();
    let roots = ["first", "second"].map(|seed| add(&one, seed));
    one.sync().unwrap();
    for root in &roots {
        for store in [&one, &two] {
            assert!(matches!(store.gc(), Err(Error::Busy { .. })));
            assert!(matches!(store.delete(root), Err(Error::Busy { .. })));
        }
        one.pin(root).unwrap();
    }
    // of this process too, which does not keep who holds from putting
    let patient = EmbeddedStore::open(folder.path()).unwrap();
    let held = patient.hold().unwrap();
    drop(hold);
    thread::scope(|scope| {
        let collecting = scope.spawn(|| patient.gc().unwrap());
        let late = add(&patient, "late");
        patient.sync().unwrap();
        patient.pin(&late).unwrap();
        drop(held);
        assert_eq!(collecting.join().unwrap().blocks, 0);
        assert!(patient.has(&late).unwrap());
    });
}

#[test]
fn one_bit_of_damage_anywhere_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocks: Vec<_> = ["first", "second", "third"]
        .map(|text| Block::raw(text.as_bytes().to_vec()).unwrap())
        .into();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    blocks.iter().for_each(|block| store.put(block).unwrap());
    store.sync().unwrap();
    drop(store);
    let pack = only_file(&folder.path().join("packs"));
    let mut named = 0;
    for at in 0..fs::metadata(&pack).unwrap().len() {
        flip(&pack, at);
        let store = EmbeddedStore::open(folder.path()).unwrap();
        for block in &blocks {
            match store.get(block.cid()) {
                Ok(Some(found)) => assert_eq!(&found, block),
                Ok(None) => panic!("byte {at}: a damaged block is not a missing one"),
                Err(Error::Damaged { cid, path, .. }) => {
                    assert_eq!((&*cid, &path), (block.cid(), &pack));
                    named += 1;
                }
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
        flip(&pack, at);
    }
    assert!(named > 15, "only {named}");
}

#[test]
fn putting_a_damaged_block_again_heals_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let block = Block::raw(vec![7; 1000]).unwrap();
    store.put(&block).unwrap();
    store.pin(block.cid()).unwrap();
    flip(&only_file(&folder.path().join("packs")), 600);
    assert!(matches!(store.get(block.cid()), Err(Error::Damaged { .. })));
    store.put(&block).unwrap();
    store.sync().unwrap();
    for _ in 0..2 {
        assert_eq!(store.get(block.cid()).unwrap().as_ref(), Some(&block));
        assert_eq!(
            EmbeddedStore::open(folder.path())
                .unwrap()
                .get(block.cid())
                .unwrap()
                .as_ref(),
            Some(&block)
        );
        store.gc().unwrap(); // keeps the whole copy of the two
    }
    assert_eq!(store.size().unwrap().blocks, 1);
}

/// A pack whose index is damaged was left as it is: what had been erased stayed in it, and nobody was told.
#[test]
fn what_is_erased_is_gone_from_a_pack_with_a_damaged_index_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let (kept, dropped) = (add(&store, "kept"), add(&store, "dropped"));
    store.pin(&kept).unwrap();
    drop(store);
    let packs = folder.path().join("packs");
    let pack = only_file(&packs);
    flip(&pack, fs::metadata(&pack).unwrap().len() - 1);

    let store = EmbeddedStore::open(folder.path()).unwrap();
    let error = store.delete(&dropped).unwrap_err();
    assert!(
        matches!(&error, Error::Damaged { path, .. } if *path == pack),
        "{error}"
    );
    let collected = store.gc().unwrap();
    assert_eq!(collected.blocks, 11, "ten leaves and their root");
    for store in [store, EmbeddedStore::open(folder.path()).unwrap()] {
        assert!(!store.has(&dropped).unwrap());
        assert!(!store.delete(&dropped).unwrap());
        assert_eq!(dag::walk(&store, &kept).map(Result::unwrap).count(), 11);
    }
    let gone = dag::only_hash(Stream::new("dropped").take(LEN), Profile::Cidv1_256k).unwrap();
    assert_eq!(gone.cid, dropped);
    let left = fs::read(only_file(&packs)).unwrap();
    let first = Stream::bytes("dropped", 64);
    assert!(!left.windows(64).any(|window| window == first));

    // nothing goes: the new pack has the name of the damaged one
    let pack = only_file(&packs);
    flip(&pack, left.len() as u64 - 1);
    let store = EmbeddedStore::open(folder.path()).unwrap();
    assert!(matches!(store.has(&dropped), Err(Error::Damaged { .. })));
    assert_eq!(store.gc().unwrap().blocks, 0);
    assert!(!store.has(&dropped).unwrap());
    assert_eq!(only_file(&packs), pack);
    assert_eq!(fs::read(&pack).unwrap(), left);
}

#[test]
fn a_directory_with_other_files_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "all of it").unwrap();
    assert!(matches!(
        EmbeddedStore::open(folder.path()),
        Err(Error::NotAStore { .. })
    ));
    fs::remove_file(folder.path().join("thesis.txt")).unwrap();
    fs::write(folder.path().join("format"), "ipfs-store 2\n").unwrap();
    assert!(matches!(
        EmbeddedStore::open(folder.path()),
        Err(Error::NotAStore { .. })
    ));
}

const LEN: u64 = 10 << 18;

fn add(store: &EmbeddedStore, seed: &str) -> Cid {
    let reader = Stream::new(seed).take(LEN);
    dag::add(store, reader, Profile::Cidv1_256k).unwrap().cid
}

fn bytes_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(folder).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

fn flip(path: &Path, at: u64) {
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
}

//! The conformance suite, once per store.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ledger_core::Error;
use ledger_core::store::{Batch, LedgerStore, MemoryStore, Opening, RedbStore, Snapshot, Table};
use ledger_core::testing::{check_failing, check_reopening, check_store};
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

/// Paths in a folder, another one each time.
fn paths(folder: &Path) -> impl Fn() -> PathBuf {
    let number = Cell::new(0);
    move || {
        number.set(number.get() + 1);
        folder.join(format!("{}.redb", number.get()))
    }
}

#[test]
fn the_memory_store_keeps_every_rule() {
    check_store(MemoryStore::new);
    // it ends when it is dropped, and nothing is left to open
    check_reopening(MemoryStore::new, std::convert::identity);
}

#[test]
fn the_redb_store_keeps_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let path = paths(folder.path());
    check_store(|| RedbStore::open(&path(), Opening::Create).unwrap());
}

#[test]
fn the_scratch_store_keeps_every_rule_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    check_store(|| RedbStore::scratch(folder.path()).unwrap());
    // more than waits in memory, so that some of it is read from the file
    let store = RedbStore::scratch(folder.path()).unwrap();
    let value = |number: u8| vec![number; 1 << 20];
    for number in 0..80 {
        let mut batch = Batch::new();
        batch.put(Table::State, [number], value(number));
        store.commit(&batch).unwrap();
    }
    let snapshot = store.snapshot().unwrap();
    for number in 0..80 {
        let found = snapshot.get(Table::State, &[number]).unwrap();
        assert!(found == Some(value(number)), "{number}");
    }
    // where files cannot be without a name, it is gone when the store is
    #[cfg(unix)]
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    drop((snapshot, store));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let missing = folder.path().join("missing");
    let missing = RedbStore::scratch(&missing);
    assert!(matches!(missing, Err(Error::Store { .. })), "{missing:?}");
}

/// Small enough that some commits find the tables being written.
const FULL: usize = 96 << 10;

/// The next path, which is the current one from now on.
fn next(current: &Cell<PathBuf>, path: &impl Fn() -> PathBuf) -> PathBuf {
    let path = path();
    current.set(path.clone());
    path
}

#[test]
fn the_redb_store_is_closed_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = paths(folder.path());
    let current = Cell::new(path());
    let open =
        || RedbStore::open_with_threshold(&next(&current, &path), Opening::Create, FULL).unwrap();
    check_reopening(open, |store| {
        store.close().unwrap();
        let path = current.take();
        current.set(path.clone());
        RedbStore::open_with_threshold(&path, Opening::Existing, FULL).unwrap()
    });
}

/// What a process leaves that is killed now: the three files as they are, while it has them open.
#[test]
fn the_redb_store_is_killed_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = paths(folder.path());
    let current = Cell::new(path());
    let open = || RedbStore::open(&next(&current, &path), Opening::Create).unwrap();
    check_reopening(open, |store| {
        let (old, new) = (current.take(), path());
        for end in ["", "-journal0", "-journal1"] {
            let named = |path: &Path| format!("{}{end}", path.display());
            match fs::copy(named(&old), named(&new)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !end.is_empty() => {}
                copied => drop(copied.unwrap()),
            }
        }
        // only now: closing tidies up
        drop(store);
        current.set(new.clone());
        RedbStore::open(&new, Opening::Existing).unwrap()
    });
}

/// A disk in memory that is full when told so.
#[derive(Clone, Debug)]
struct Disk(Arc<InMemoryBackend>, Arc<AtomicBool>);

impl Disk {
    fn room(&self) -> io::Result<()> {
        match self.1.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.room()?;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room()?;
        self.0.write(offset, data)
    }
}

#[test]
fn a_commit_of_the_redb_store_that_fails_writes_nothing() {
    let full = Arc::new(AtomicBool::new(false));
    let disks = [(); 3].map(|()| Disk(Arc::new(InMemoryBackend::new()), Arc::clone(&full)));
    let open = || RedbStore::over(disks.clone(), 1 << 20).unwrap();
    check_failing(
        open(),
        |fails| full.store(fails, Ordering::SeqCst),
        |store| {
            store.close().unwrap();
            open()
        },
    );
}

//! The audit compares every table: one entry changed, missing or too many in each of them is named.

#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    reason = "a test that cannot go on should stop there"
)]

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::{fs, io};

use ledger_core::store::{
    Batch, LedgerStore, MemorySnapshot, MemoryStore, Order, RedbStore, Snapshot, Table,
};
use ledger_core::testing::{Chain, Person, genesis, share};
use ledger_core::{Audit, Error, Ledger, Result};

/// A ledger with a share, and something kept beside it.
fn ledger() -> Ledger<MemoryStore> {
    let extra: [(&str, &[u8]); 1] = [("beside", b"kept")];
    let ledger = Ledger::found_with(MemoryStore::new(), genesis(1, 1), &extra).unwrap();
    let mut chain = Chain::open(ledger);
    let authority = Person::new(0);
    for number in 0..3 {
        chain
            .send(&authority, share(number, &[&authority]))
            .unwrap();
    }
    chain.ledger
}

fn names(ledger: &Ledger<MemoryStore>, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let snapshot = ledger.store().snapshot().unwrap();
    let all = snapshot.range(table, &[], &[0xff; 41], Order::Ascending, 1000);
    all.unwrap()
}

/// Audits in memory and in a scratch file: both find the same, and the file is gone.
fn audited(ledger: &Ledger<MemoryStore>) -> Result<Audit> {
    let folder = tempfile::tempdir().unwrap();
    let mut heard = [Vec::new(), Vec::new()];
    let [first, second] = &mut heard;
    let found = ledger.audit(|done, all| first.push((done, all)));
    let scratch = RedbStore::scratch(folder.path()).unwrap();
    let same = ledger.audit_into(scratch, |done, all| second.push((done, all)));
    assert_eq!(format!("{same:?}"), format!("{found:?}"));
    assert_eq!(heard[0], heard[1]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    found
}

/// A store whose disk is full after some commits.
struct Filling {
    store: MemoryStore,
    room: AtomicU32,
}

impl LedgerStore for Filling {
    type Snapshot = MemorySnapshot;

    fn snapshot(&self) -> Result<MemorySnapshot> {
        self.store.snapshot()
    }

    fn commit(&self, batch: &Batch) -> Result<()> {
        let room = |left: u32| left.checked_sub(1);
        match self.room.fetch_update(SeqCst, SeqCst, room) {
            Ok(_) => self.store.commit(batch),
            Err(_) => Err(Error::Store {
                action: "writing a block",
                source: Box::new(io::Error::from(io::ErrorKind::StorageFull)),
            }),
        }
    }
}

/// A disk that is full says nothing about the ledger.
#[test]
fn a_failure_of_the_store_that_is_built_in_is_no_damage() {
    let ledger = ledger();
    let into = |room: u32| {
        let store = MemoryStore::new();
        let room = room.into();
        ledger.audit_into(Filling { store, room }, |_, _| {})
    };
    for room in 0..4 {
        let failed = into(room);
        let source = match failed {
            Err(Error::Rebuilding { source }) => source,
            other => panic!("room for {room} commits: {other:?}"),
        };
        assert!(matches!(*source, Error::Store { .. }), "{source:?}");
    }
    assert_eq!(into(4).unwrap().blocks, 4);
    // nor does one that holds a ledger already
    let full = ledger.audit_into(ledger.store().clone(), |_, _| {});
    assert!(matches!(full, Err(Error::Exists { .. })), "{full:?}");
}

#[test]
fn every_entry_of_every_table_is_compared() {
    audited(&ledger()).unwrap();
    let mut entries = 0;
    for table in Table::ALL {
        for (key, value) in names(&ledger(), table) {
            let mut changed = value.clone();
            match changed.last_mut() {
                Some(last) => *last ^= 1,
                None => changed.push(0),
            }
            for new in [Some(changed), None] {
                let ledger = ledger();
                let mut batch = Batch::new();
                match new {
                    Some(new) => batch.put(table, key.clone(), new),
                    None => batch.remove(table, key.clone()),
                }
                ledger.store().commit(&batch).unwrap();
                let audited = audited(&ledger);
                // what is kept beside the ledger follows from nothing
                if key.starts_with(b"extra ") {
                    audited.unwrap();
                } else {
                    let name = String::from_utf8_lossy(&key);
                    let damaged = matches!(audited, Err(Error::Damaged { .. }));
                    assert!(damaged, "{} {name}: {audited:?}", table.name());
                }
            }
            entries += 1;
        }
        let ledger = ledger();
        let mut batch = Batch::new();
        batch.put(table, *b"more", *b"");
        ledger.store().commit(&batch).unwrap();
        let audited = audited(&ledger);
        assert!(audited.is_err(), "one more in {}", table.name());
    }
    assert!(entries > 24, "{entries} entries");
}

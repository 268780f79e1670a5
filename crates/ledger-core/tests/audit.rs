//! The audit compares every table: one entry changed, missing or too many in each of them is named.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::store::{Batch, LedgerStore, MemoryStore, Order, Snapshot, Table};
use ledger_core::testing::{Chain, Person, genesis, share};
use ledger_core::{Error, Ledger};

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

#[test]
fn every_entry_of_every_table_is_compared() {
    ledger().audit(|_, _| {}).unwrap();
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
                let audited = ledger.audit(|_, _| {});
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
        let audited = ledger.audit(|_, _| {});
        assert!(audited.is_err(), "one more in {}", table.name());
    }
    assert!(entries > 24, "{entries} entries");
}

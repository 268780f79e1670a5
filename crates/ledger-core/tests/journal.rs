//! The journal before the tables: a moment stays what it was while they change, and a killed store's files open again, or
//! name what is damaged.

#![cfg(feature = "redb")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::fs;
use std::path::Path;

use ledger_core::store::{
    Batch, LedgerStore, MemoryStore, Opening, Order, RedbStore, Snapshot, Table,
};
use ledger_core::testing::{Chain, Person, check_store, genesis, share, share_id};
use ledger_core::{Error, Ledger};
use proptest::prelude::*;
use redb::backends::InMemoryBackend;

fn over(full: usize) -> RedbStore {
    RedbStore::over([(); 3].map(|()| InMemoryBackend::new()), full).unwrap()
}

#[test]
fn the_store_keeps_every_rule_whenever_it_writes_to_its_tables() {
    for full in [0, 1, 100, 1 << 20] {
        check_store(|| over(full));
    }
}

type Change = (u8, u8, Option<Vec<u8>>);

fn batch(changes: &[Change]) -> Batch {
    let mut batch = Batch::new();
    for (table, key, value) in changes {
        let table = Table::ALL[usize::from(*table) % 2 + 5];
        match value {
            Some(value) => batch.put(table, [*key], value.clone()),
            None => batch.remove(table, [*key]),
        }
    }
    batch
}

fn same(ours: &impl Snapshot, model: &impl Snapshot) {
    for table in [Table::ALL[5], Table::ALL[6]] {
        for key in 0..20 {
            assert_eq!(
                ours.get(table, &[key]).unwrap(),
                model.get(table, &[key]).unwrap()
            );
        }
        for (from, to, limit) in [(0, 255, 100), (3, 12, 4), (5, 6, 1), (9, 2, 9), (0, 255, 0)] {
            for order in [Order::Ascending, Order::Descending] {
                assert_eq!(
                    ours.range(table, &[from], &[to], order, limit).unwrap(),
                    model.range(table, &[from], &[to], order, limit).unwrap(),
                    "{from} {to} {limit} {order:?}"
                );
            }
        }
    }
}

proptest! {
    /// Every moment that was held is what a store in memory held then, whatever went to the tables since.
    #[test]
    fn every_moment_stays_what_it_was(
        batches in prop::collection::vec(
            prop::collection::vec((0_u8..2, 0_u8..20, prop::option::of(prop::collection::vec(any::<u8>(), 0..40))), 0..12),
            1..16,
        ),
        full in prop::sample::select(vec![0_usize, 50, 300, 100_000]),
    ) {
        let (ours, model) = (over(full), MemoryStore::new());
        let mut moments = Vec::new();
        for changes in &batches {
            let batch = batch(changes);
            ours.commit(&batch).unwrap();
            model.commit(&batch).unwrap();
            moments.push((ours.snapshot().unwrap(), model.snapshot().unwrap()));
        }
        for (ours, model) in &moments {
            same(ours, model);
        }
    }
}

const FILES: [&str; 3] = ["ledger", "ledger-journal0", "ledger-journal1"];

/// The files that a process leaves which is killed after it has recorded so many shares, in blocks of one.
fn killed(shares: u64) -> (tempfile::TempDir, Ledger<RedbStore>) {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    let store = RedbStore::open(&open.join("ledger"), Opening::Create).unwrap();
    let mut chain = Chain::over(store, genesis(1, 1), 1);
    let sender = Person::new(1);
    for number in 0..shares {
        chain.send(&sender, share(number, &[&sender])).unwrap();
    }
    for name in FILES {
        let from = open.join(name);
        if from.exists() {
            fs::copy(from, folder.path().join(name)).unwrap();
        }
    }
    (folder, chain.ledger)
}

fn reopen(folder: &Path) -> ledger_core::Result<Ledger<RedbStore>> {
    Ledger::open(RedbStore::open(&folder.join("ledger"), Opening::Existing)?)
}

#[test]
fn a_killed_store_has_everything_and_closing_leaves_one_file() {
    let (folder, alive) = killed(20);
    assert!(folder.path().join("ledger-journal0").exists());
    let ledger = reopen(folder.path()).unwrap();
    assert_eq!(ledger.view().unwrap().head(), alive.view().unwrap().head());
    ledger.audit(|_, _| {}).unwrap();
    for number in 0..20 {
        let view = ledger.view().unwrap();
        assert!(view.share(&share_id(number)).unwrap().is_some());
    }
    ledger.into_store().close().unwrap();
    for name in &FILES[1..] {
        assert!(!folder.path().join(name).exists(), "{name}");
    }
    let ledger = reopen(folder.path()).unwrap();
    assert_eq!(ledger.view().unwrap().head(), alive.view().unwrap().head());
}

/// What was answered is missing only when nothing behind it tells that it was answered: the last commit.
#[test]
fn a_damaged_journal_is_named_or_ends_one_commit_early() {
    let (folder, alive) = killed(12);
    let head = alive.view().unwrap().head().clone();
    drop(alive);
    let journal = folder.path().join("ledger-journal0");
    let whole = fs::read(&journal).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let main = fs::read(folder.path().join("ledger")).unwrap();
    let (mut named, mut early, mut unread) = (0, 0, 0);
    for round in 0..200_usize {
        let mut bytes = whole.clone();
        let at = round * 2_654_435_761 % used;
        match round % 3 {
            0 => bytes[at] ^= 1 << (round % 8),
            1 => bytes[at..(at + 512).min(used)].fill(0),
            _ => bytes.truncate(at),
        }
        fs::write(&journal, &bytes).unwrap();
        fs::write(folder.path().join("ledger"), &main).unwrap();
        match reopen(folder.path()) {
            Ok(ledger) => {
                let found = ledger.view().unwrap().head().clone();
                ledger.audit(|_, _| {}).unwrap();
                match head.height.0 - found.height.0 {
                    0 => unread += 1,
                    // a file cut short is as one that was never longer
                    _ if round % 3 == 2 => early += 1,
                    1 => early += 1,
                    lost => panic!("round {round}, place {at}: {lost} blocks are lost unnoticed"),
                }
            }
            Err(Error::Damaged { what }) => {
                assert!(what.contains("journal"), "{what}");
                named += 1;
            }
            Err(other) => panic!("round {round}, place {at}: {other}"),
        }
    }
    assert!(named > 60, "{named} named, {early} early, {unread} unread");
}

#[test]
fn a_commit_after_another_moment_is_named() {
    let (folder, _alive) = killed(3);
    let path = folder.path().join("ledger-journal0");
    let mut bytes = fs::read(&path).unwrap();
    // the digest of the commit before, in the first page of the second commit
    let second =
        |page: &[u8]| page[20..28] == 2_u64.to_be_bytes() && page[4..8] == 0_u32.to_be_bytes();
    let page = bytes.chunks(4096).position(second).unwrap();
    bytes[page * 4096 + 32] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = reopen(folder.path()).unwrap_err();
    assert!(error.to_string().contains("does not continue"), "{error}");
}

#[test]
fn what_another_time_left_is_not_read() {
    let (folder, alive) = killed(5);
    drop(alive);
    let path = folder.path().join("ledger-journal0");
    let left = fs::read(&path).unwrap();
    // closed, the tables have it all; then the old journal comes back
    drop(reopen(folder.path()).unwrap());
    fs::write(&path, &left).unwrap();
    let sender = Person::new(1);
    let mut chain = Chain::open(reopen(folder.path()).unwrap());
    let before = chain.ledger.view().unwrap().head().log_size;
    let tx = chain.sign_as(&sender, 5, share(5, &[&sender]));
    chain.put(&tx).unwrap();
    drop(chain);
    let ledger = reopen(folder.path()).unwrap();
    assert_eq!(ledger.audit(|_, _| {}).unwrap().transactions, before + 1);
}

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

/// What was answered is missing only when nothing behind it tells that it was answered: the last commit. A file that was cut
/// short is named wherever the cut is.
#[test]
fn a_damaged_journal_is_named_or_ends_one_commit_early() {
    let (folder, alive) = killed(12);
    let head = alive.view().unwrap().head().clone();
    drop(alive);
    let journal = folder.path().join("ledger-journal0");
    let whole = fs::read(&journal).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let [main, other] = ["ledger", "ledger-journal1"].map(|name| folder.path().join(name));
    let [main, other] = [main, other].map(|path| fs::read(path).unwrap());
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
        fs::write(folder.path().join("ledger-journal1"), &other).unwrap();
        fs::write(folder.path().join("ledger"), &main).unwrap();
        match reopen(folder.path()) {
            Ok(_) if round % 3 == 2 => panic!("cut at {at}, unnoticed"),
            Ok(ledger) => {
                let found = ledger.view().unwrap().head().clone();
                ledger.audit(|_, _| {}).unwrap();
                match head.height.0 - found.height.0 {
                    0 => unread += 1,
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
    assert!(named > 110, "{named} named, {early} early, {unread} unread");
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

/// Replaces some of a killed store's files; why it does not open any more.
fn refused(folder: &Path, change: impl FnOnce(&Path)) -> String {
    let scratch = tempfile::tempdir().unwrap();
    for name in FILES {
        fs::copy(folder.join(name), scratch.path().join(name)).unwrap();
    }
    change(scratch.path());
    match reopen(scratch.path()) {
        Err(Error::Damaged { what }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_journal_that_is_missing_is_named() {
    let (folder, alive) = killed(3);
    let remove = |names: &'static [&'static str]| {
        move |folder: &Path| {
            let files = names.iter().map(|name| folder.join(name));
            files.for_each(|path| fs::remove_file(path).unwrap());
        }
    };
    for names in [&FILES[1..], &FILES[1..2], &FILES[2..]] {
        let words = refused(folder.path(), remove(names));
        assert!(words.contains("is missing"), "{words}");
    }
    for name in &FILES[1..] {
        for length in [0, 4096, 255 * 4096] {
            let words = refused(folder.path(), |folder| {
                let file = fs::OpenOptions::new().write(true).open(folder.join(name));
                file.unwrap().set_len(length).unwrap();
            });
            assert!(words.contains("cut short"), "{name}, {length}: {words}");
        }
    }
    // the file alone, copied while it was in use
    fs::copy(
        folder.path().join("open/ledger"),
        folder.path().join("alone"),
    )
    .unwrap();
    let alone = RedbStore::open(&folder.path().join("alone"), Opening::Existing);
    assert!(matches!(alone, Err(Error::Damaged { .. })), "{alone:?}");
    drop(alive);
}

/// A file that has grown is missed when it is shorter again. Only a cut to a length that it had before, behind which no commit
/// is left that says otherwise, looks like a process that was killed then.
#[test]
fn a_journal_that_had_grown_and_was_cut_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(&folder.path().join("ledger"), Opening::Create).unwrap();
    let mut large = Batch::new();
    large.put(Table::Meta, *b"large", vec![1; 900 << 10]);
    for _ in 0..5 {
        store.commit(&large).unwrap();
    }
    let cut = |pages: u64| {
        let copy = tempfile::tempdir().unwrap();
        for name in FILES {
            fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        let path = copy.path().join("ledger-journal0");
        let journal = fs::OpenOptions::new().write(true).open(path).unwrap();
        assert_eq!(journal.metadata().unwrap().len(), 4 << 20);
        journal.set_len(pages * 4096).unwrap();
        RedbStore::open(&copy.path().join("ledger"), Opening::Existing)
    };
    for pages in [1023, 769, 767, 700, 513, 300] {
        let error = cut(pages).unwrap_err();
        assert!(error.to_string().contains("cut short"), "{pages}: {error}");
    }
    // lengths that it had
    for pages in [768, 512] {
        cut(pages).unwrap();
    }
}

#[test]
fn a_journal_of_another_time_or_ledger_is_named() {
    let (first, alive) = killed(3);
    drop(alive);
    // the same ledger, closed and killed again: further fills of the journal
    let (second, alive) = killed(3);
    drop(alive);
    drop(reopen(second.path()).unwrap());
    let mut chain = Chain::open(reopen(second.path()).unwrap());
    let sender = Person::new(1);
    let tx = chain.sign_as(&sender, 3, share(3, &[&sender]));
    chain.put(&tx).unwrap();
    let later = tempfile::tempdir().unwrap();
    for name in FILES {
        fs::copy(second.path().join(name), later.path().join(name)).unwrap();
    }
    for (ledger, journal) in [(&first, &later), (&later, &first)] {
        let words = refused(ledger.path(), |folder| {
            for name in &FILES[1..] {
                fs::copy(journal.path().join(name), folder.join(name)).unwrap();
            }
        });
        assert!(words.contains("journal"), "{words}");
    }
    // another ledger's, of the same fill
    let other = tempfile::tempdir().unwrap();
    let store = RedbStore::open(&other.path().join("ledger"), Opening::Create).unwrap();
    let mut founding = genesis(1, 1);
    founding.name = "another".to_owned();
    let other_chain = Chain::over(store, founding, 2);
    let words = refused(first.path(), |folder| {
        for name in &FILES[1..] {
            fs::copy(other.path().join(name), folder.join(name)).unwrap();
        }
    });
    assert!(words.contains("journal"), "{words}");
    drop(other_chain);
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

//! What every store must do, one rule a function.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use crate::store::{Batch, LedgerStore, Order, Snapshot, Table};

/// What every store must do; `open` gives a new, empty one.
///
/// # Panics
///
/// With the rule that the store breaks.
pub fn check_store<S: LedgerStore>(open: impl Fn() -> S) {
    reads_what_was_written(&open());
    replaces_and_removes(&open());
    orders_ranges(&open());
    keeps_snapshots(&open());
    keeps_tables_apart(&open());
    ranges_over_nothing(&open());
    keeps_the_longest_keys(&open());
    keeps_values_of_any_size(&open());
    takes_the_last_change_of_a_batch(&open());
    shows_whole_commits_only(&open());
}

/// What every store must do that is closed and opened again; `reopen` ends a store, gently or not, and opens what it left.
///
/// # Panics
///
/// With the rule that the store breaks.
pub fn check_reopening<S: LedgerStore>(open: impl Fn() -> S, reopen: impl Fn(S) -> S) {
    let mut store = reopen(open());
    let mut written: Written = BTreeMap::new();
    same(&store, &written, "a store that nobody wrote to");
    for round in 0..16_u8 {
        let mut batch = Batch::new();
        // every fourth has nothing in it
        for (table, number) in Table::ALL.into_iter().zip(0..).filter(|_| round % 4 != 3) {
            let key = [round % 5, number];
            let value = vec![round; 1 << (number + round)];
            batch.put(table, key, value.as_slice());
            written.insert((table, key.to_vec()), value);
            let gone = [(round + 2) % 5, number];
            batch.remove(table, gone);
            written.remove(&(table, gone.to_vec()));
        }
        store.commit(&batch).expect("a batch is written");
        // some are closed with one commit to go, some with several, some with none but an empty one
        if round % 3 != 1 {
            store = reopen(store);
        }
        same(&store, &written, &format!("after commit {round}"));
    }
}

/// What every store must do whose commits can fail: while `fail` was told so, each does. `reopen` as in
/// [`check_reopening`].
///
/// # Panics
///
/// With the rule that the store breaks.
pub fn check_failing<S: LedgerStore>(
    store: S,
    mut fail: impl FnMut(bool),
    reopen: impl Fn(S) -> S,
) {
    let mut written: Written = BTreeMap::new();
    let put = |written: &mut Written, value: &[u8]| {
        let mut batch = Batch::new();
        for table in Table::ALL {
            batch.put(table, b"key", value);
            written.insert((table, b"key".to_vec()), value.to_vec());
        }
        batch
    };
    for value in [b"1", b"2"] {
        let batch = put(&mut written, value);
        store.commit(&batch).expect("a batch is written");
    }
    let mut never = put(&mut Written::new(), b"never");
    never.put(Table::Meta, b"another", b"never");
    never.remove(Table::Node, b"key");
    fail(true);
    for _ in 0..3 {
        assert!(store.commit(&never).is_err(), "a failure is an error");
        same(&store, &written, "a commit that failed writes nothing");
    }
    fail(false);
    same(&store, &written, "nor does it later");
    let batch = put(&mut written, b"3");
    store.commit(&batch).expect("it goes on when it can");
    same(&store, &written, "a commit after one that failed");
    let store = reopen(store);
    same(&store, &written, "a commit that failed is not there later");
}

/// What should be in a store.
type Written = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// Reads every table, forwards, backwards and key by key.
fn same<S: LedgerStore>(store: &S, written: &Written, when: &str) {
    let snapshot = store.snapshot().expect("a snapshot");
    for table in Table::ALL {
        let mut expected: Vec<_> = written
            .iter()
            .filter(|((of, _), _)| *of == table)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect();
        let all = |order| {
            let found = snapshot.range(table, b"", &[0xff; 80], order, usize::MAX);
            found.expect("a range is read")
        };
        // not assert_eq: the values are long
        let name = table.name();
        assert!(all(Order::Ascending) == expected, "{when}: {name}");
        for (key, value) in &expected {
            let found = snapshot.get(table, key).expect("a key is read");
            assert!(found.as_ref() == Some(value), "{when}: {name} {key:?}");
        }
        expected.reverse();
        assert!(
            all(Order::Descending) == expected,
            "{when}: {name} backwards"
        );
    }
}

fn write<S: LedgerStore>(store: &S, entries: &[(&[u8], Option<&[u8]>)]) {
    let mut batch = Batch::new();
    for (key, value) in entries {
        match value {
            Some(value) => batch.put(Table::State, *key, *value),
            None => batch.remove(Table::State, *key),
        }
    }
    store.commit(&batch).expect("a batch is written");
}

fn get<S: LedgerStore>(store: &S, key: &[u8]) -> Option<Vec<u8>> {
    store
        .snapshot()
        .and_then(|snapshot| snapshot.get(Table::State, key))
        .expect("a key is read")
}

fn reads_what_was_written<S: LedgerStore>(store: &S) {
    assert_eq!(get(store, b"a"), None, "a new store is empty");
    write(store, &[]);
    write(
        store,
        &[
            (b"a", Some(b"1")),
            (b"", Some(b"empty key")),
            (b"b", Some(b"")),
        ],
    );
    assert_eq!(
        get(store, b"a").as_deref(),
        Some(b"1".as_slice()),
        "a value is read back"
    );
    assert_eq!(
        get(store, b"").as_deref(),
        Some(b"empty key".as_slice()),
        "the empty key is a key"
    );
    assert_eq!(
        get(store, b"b").as_deref(),
        Some(b"".as_slice()),
        "the empty value is a value"
    );
    let large = vec![0xa5; 100_000];
    write(store, &[(b"large", Some(&large))]);
    assert_eq!(
        get(store, b"large"),
        Some(large),
        "a large value is read back"
    );
}

fn replaces_and_removes<S: LedgerStore>(store: &S) {
    write(store, &[(b"a", Some(b"1")), (b"b", Some(b"2"))]);
    write(store, &[(b"a", Some(b"3")), (b"b", None), (b"never", None)]);
    assert_eq!(
        get(store, b"a").as_deref(),
        Some(b"3".as_slice()),
        "a later value replaces an earlier one"
    );
    assert_eq!(get(store, b"b"), None, "a removed key is gone");
}

fn orders_ranges<S: LedgerStore>(store: &S) {
    let keys: [&[u8]; 5] = [b"\x00", b"a", b"a\x00", b"b", b"\xff\xff"];
    let entries: Vec<(&[u8], Option<&[u8]>)> =
        keys.iter().rev().map(|key| (*key, Some(*key))).collect();
    write(store, &entries);
    let range = |from: &[u8], to: &[u8], order, limit| {
        let snapshot = store.snapshot().expect("a snapshot");
        let found = snapshot
            .range(Table::State, from, to, order, limit)
            .expect("a range is read");
        assert!(
            found.iter().all(|(key, value)| key == value),
            "each key comes with its value"
        );
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(
        range(b"", b"\xff\xff\xff", Order::Ascending, 9),
        keys,
        "a range is ordered by the keys' bytes"
    );
    let mut reversed = keys;
    reversed.reverse();
    assert_eq!(
        range(b"", b"\xff\xff\xff", Order::Descending, 9),
        reversed,
        "a range is read backwards"
    );
    assert_eq!(
        range(b"a", b"b", Order::Ascending, 9),
        [b"a".as_slice(), b"a\x00"],
        "from is inside, to is outside"
    );
    assert_eq!(
        range(b"a", b"b", Order::Descending, 1),
        [b"a\x00"],
        "the limit counts from the far end"
    );
    assert_eq!(
        range(b"a", b"c", Order::Ascending, 0),
        [[]; 0],
        "a limit of nothing gives nothing"
    );
    assert_eq!(
        range(b"c", b"a", Order::Ascending, 9),
        [[]; 0],
        "a reversed range is empty"
    );
    assert_eq!(
        range(b"a", b"a", Order::Ascending, 9),
        [[]; 0],
        "an empty range is empty"
    );
}

fn keeps_snapshots<S: LedgerStore>(store: &S) {
    write(store, &[(b"a", Some(b"1"))]);
    let before = store.snapshot().expect("a snapshot");
    write(store, &[(b"a", Some(b"2")), (b"b", Some(b"3"))]);
    let then = |key: &[u8]| before.get(Table::State, key).expect("a key is read");
    assert_eq!(
        then(b"a").as_deref(),
        Some(b"1".as_slice()),
        "a snapshot keeps the value of its moment"
    );
    assert_eq!(then(b"b"), None, "a snapshot does not see later keys");
    assert_eq!(
        get(store, b"b").as_deref(),
        Some(b"3".as_slice()),
        "a new snapshot sees them"
    );
}

fn keeps_tables_apart<S: LedgerStore>(store: &S) {
    let mut batch = Batch::new();
    for table in Table::ALL {
        batch.put(table, b"key", table.name());
    }
    store.commit(&batch).expect("a batch is written");
    let snapshot = store.snapshot().expect("a snapshot");
    for table in Table::ALL {
        let value = snapshot.get(table, b"key").expect("a key is read");
        assert_eq!(
            value.as_deref(),
            Some(table.name().as_bytes()),
            "a table has its own keys"
        );
    }
}

fn ranges_over_nothing<S: LedgerStore>(store: &S) {
    let empty = |from: &[u8], to: &[u8]| {
        let snapshot = store.snapshot().expect("a snapshot");
        for order in [Order::Ascending, Order::Descending] {
            for limit in [0, 1, usize::MAX] {
                let found = snapshot.range(Table::State, from, to, order, limit);
                let found = found.expect("a range is read");
                assert_eq!(found, [], "nothing from {from:?} to {to:?}, {order:?}");
            }
        }
    };
    empty(b"", &[0xff; 41]);
    // the tables before and after it in order are full
    let mut batch = Batch::new();
    for table in Table::ALL
        .into_iter()
        .filter(|table| *table != Table::State)
    {
        for key in [b"".as_slice(), b"m", &[0xff; 40]] {
            batch.put(table, key, b"1");
        }
    }
    store.commit(&batch).expect("a batch is written");
    empty(b"", &[0xff; 41]);
    write(store, &[(b"b", Some(b"1")), (b"d", Some(b"1"))]);
    for (from, to) in [
        (b"".as_slice(), b"".as_slice()),
        (b"", b"b"),
        (b"b\x00", b"d"),
        (b"c", b"c"),
        (b"d\x00", &[0xff; 41]),
        // the wrong way round
        (b"d", b"b"),
        (&[0xff; 41], b""),
    ] {
        empty(from, to);
    }
    write(store, &[(b"b", None), (b"d", None)]);
    empty(b"", &[0xff; 41]);
}

fn keeps_the_longest_keys<S: LedgerStore>(store: &S) {
    // 40 bytes are the longest that the ledger uses; the first and the last that there can be
    let mut keys: Vec<Vec<u8>> = vec![Vec::new()];
    keys.extend([0x00, 0xff].into_iter().flat_map(|byte| {
        let of = move |length| vec![byte; length];
        [1, 39, 40].map(of)
    }));
    let mut written = Written::new();
    let mut batch = Batch::new();
    for (number, table) in Table::ALL.into_iter().enumerate() {
        for key in &keys {
            let value = vec![0xa5; number];
            batch.put(table, key.as_slice(), value.as_slice());
            written.insert((table, key.clone()), value);
        }
    }
    store.commit(&batch).expect("a batch is written");
    same(
        store,
        &written,
        "the first and the last keys of every table",
    );
    for key in keys {
        let mut batch = Batch::new();
        batch.remove(Table::Tile, key.as_slice());
        written.remove(&(Table::Tile, key));
        store.commit(&batch).expect("a batch is written");
        same(store, &written, "removed from one table");
    }
}

fn keeps_values_of_any_size<S: LedgerStore>(store: &S) {
    let mut written = Written::new();
    for bits in 0..=20 {
        let mut batch = Batch::new();
        for length in [(1 << bits) - 1, 1 << bits, (1 << bits) + 1] {
            let value: Vec<u8> = (0..length)
                .map(|n: u32| n.to_be_bytes()[3] ^ 0x5a)
                .collect();
            let key = length.to_be_bytes();
            batch.put(Table::Transaction, key, value.as_slice());
            written.insert((Table::Transaction, key.to_vec()), value);
        }
        store.commit(&batch).expect("a batch is written");
    }
    same(store, &written, "values of any size");
}

fn takes_the_last_change_of_a_batch<S: LedgerStore>(store: &S) {
    write(store, &[(b"a", Some(b"1")), (b"b", Some(b"1"))]);
    write(
        store,
        &[
            (b"a", None),
            (b"b", Some(b"2")),
            (b"c", Some(b"2")),
            (b"a", Some(b"3")),
            (b"b", None),
            (b"c", Some(b"3")),
            (b"d", Some(b"3")),
            (b"d", None),
        ],
    );
    for (key, value) in [
        (b"a", Some(b"3".as_slice())),
        (b"b", None),
        (b"c", Some(b"3")),
        (b"d", None),
    ] {
        assert_eq!(
            get(store, key).as_deref(),
            value,
            "the last change of a key in a batch counts"
        );
    }
}

/// Says so when it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

fn shows_whole_commits_only<S: LedgerStore>(store: &S) {
    const COMMITS: u32 = 500;
    // a commit begins when a reader does, so that they meet however fast the store is
    let (begun, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let count = || {
        let snapshot = store.snapshot().expect("a snapshot");
        let counts = Table::ALL.map(|table| {
            let value = snapshot.get(table, b"count").expect("a key is read");
            let range = snapshot.range(table, b"", b"d", Order::Ascending, 2);
            let range = range.expect("a range is read");
            let ranged = range.into_iter().next().map(|(_, value)| value);
            assert_eq!(value, ranged, "a key and a range are of one moment");
            value.map_or(0, |value| {
                u32::from_be_bytes(value.try_into().expect("four bytes"))
            })
        });
        let first = counts.first().copied().unwrap_or_default();
        assert_eq!(
            counts, [first; 8],
            "a snapshot sees all of a commit or none"
        );
        first
    };
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..=COMMITS {
                let seen = begun.load(SeqCst);
                while begun.load(SeqCst) == seen && !over.load(SeqCst) {
                    std::thread::yield_now();
                }
                let mut batch = Batch::new();
                for table in Table::ALL {
                    batch.put(table, b"count", number.to_be_bytes());
                }
                store.commit(&batch).expect("a batch is written");
            }
        });
        // also when an assertion below fails: nobody waits for a reader that is gone
        let _over = Over(&over);
        let mut last = 0;
        while !writer.is_finished() {
            begun.fetch_add(1, SeqCst);
            let now = count();
            assert!(now >= last, "commits come in order: {now} after {last}");
            last = now;
        }
    });
    assert_eq!(count(), COMMITS, "the last commit is there");
}

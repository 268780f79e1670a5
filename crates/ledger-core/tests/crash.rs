//! A disk frozen at every single write, length change and sync: what was answered is there, and the chain verifies.

#![allow(
    clippy::disallowed_methods,
    reason = "the length of the test is the caller's"
)]
#![allow(
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::io;
use std::sync::{Arc, Mutex};

use ledger_core::store::{Batch, LedgerStore, RedbStore, Snapshot, Table};
use ledger_core::testing::{Chain, Person, genesis, share, share_id};
use ledger_core::{Error, Ledger, TxId};
use redb::StorageBackend;

/// The disks of one machine: the ledger's and the journal's two, which freeze at the same moment.
#[derive(Clone, Debug, Default)]
struct Machine(Arc<Mutex<State>>);

/// One of them.
#[derive(Clone, Debug)]
struct Disk(Machine, usize);

#[derive(Debug, Default)]
struct State {
    disks: [Content; 3],
    /// Changes until the disks freeze.
    left: Option<usize>,
    /// Changes so far.
    done: usize,
    /// Whether what stops them is that the disk is full.
    full: bool,
}

/// A disk that loses what was not synced.
#[derive(Clone, Debug, Default)]
struct Content {
    /// What a program sees.
    live: Vec<u8>,
    /// What is on the platter.
    synced: Vec<u8>,
    /// What was changed since: a new length, or bytes at a place.
    pending: Vec<(u64, Option<Vec<u8>>)>,
}

impl State {
    fn count(&mut self) -> io::Result<()> {
        self.done += 1;
        match &mut self.left {
            Some(0) if self.full => Err(io::ErrorKind::StorageFull.into()),
            Some(0) => Err(io::Error::other("the disk is frozen")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn place(bytes: &mut Vec<u8>, change: &(u64, Option<Vec<u8>>)) {
    let at = usize::try_from(change.0).unwrap();
    match &change.1 {
        None => bytes.resize(at, 0),
        Some(new) => {
            bytes.resize(bytes.len().max(at + new.len()), 0);
            bytes[at..at + new.len()].copy_from_slice(new);
        }
    }
}

impl Disk {
    fn with<T>(&self, run: impl FnOnce(&mut Content) -> T) -> T {
        run(&mut self.0.0.lock().unwrap().disks[self.1])
    }

    /// Counts a change, and makes it unless the machine is frozen.
    fn change(&self, run: impl FnOnce(&mut Content)) -> io::Result<()> {
        self.0.0.lock().unwrap().count()?;
        self.with(run);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|disk| disk.live.len().try_into().unwrap()))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        self.with(|disk| {
            let bytes = disk.live.get(at..at + out.len());
            out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|disk| {
            place(&mut disk.live, &(len, None));
            disk.pending.push((len, None));
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|disk| {
            disk.synced = disk.live.clone();
            disk.pending.clear();
        })
    }

    /// A full disk takes the first half.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let stopped = self.0.0.lock().unwrap().count().err();
        let taken = match &stopped {
            None => data.len(),
            Some(error) if error.kind() == io::ErrorKind::StorageFull => data.len() / 2,
            Some(_) => 0,
        };
        self.with(|disk| {
            let change = (offset, Some(data[..taken].to_vec()));
            place(&mut disk.live, &change);
            disk.pending.push(change);
        });
        stopped.map_or(Ok(()), Err)
    }
}

impl Content {
    /// The disk after the power came back: of what was not synced, some changes made it and some did not; of a long write
    /// each page for itself.
    fn after_power_loss(&self, chance: u64) -> Self {
        let mut live = self.synced.clone();
        let mut number = 0_u32;
        for (at, bytes) in &self.pending {
            let Some(bytes) = bytes else {
                // a file system keeps the order of lengths and of what lies in them
                place(&mut live, &(*at, None));
                continue;
            };
            for (part, page) in (0..).zip(bytes.chunks(4096)) {
                number += 1;
                if chance.rotate_left(number % 64) & 1 == 1 {
                    place(&mut live, &(at + part * 4096, Some(page.to_vec())));
                }
            }
        }
        Self {
            synced: live.clone(),
            live,
            pending: Vec::new(),
        }
    }
}

impl Machine {
    fn disks(&self) -> [Disk; 3] {
        [0, 1, 2].map(|number| Disk(self.clone(), number))
    }

    /// The store on its disks, which writes to its tables often.
    fn store(&self) -> ledger_core::Result<RedbStore> {
        RedbStore::over(self.disks(), 24 << 10)
    }

    /// The machine when only the process was killed: what was not synced is seen by the next one, and still lost with the power.
    fn after_a_kill(&self) -> Self {
        let state = State {
            disks: self.0.lock().unwrap().disks.clone(),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn after_power_loss(&self, chance: u64) -> Self {
        let state = self.0.lock().unwrap();
        let disks = state.disks.each_ref();
        let state = State {
            disks: disks.map(|disk| disk.after_power_loss(chance)),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }
}

/// Records shares until the disk freezes; the names of those that were answered.
fn work(machine: &Machine, shares: u64) -> Vec<TxId> {
    let mut answered = Vec::new();
    let alice = Person::new(0);
    let Ok(store) = machine.store() else {
        return answered;
    };
    let Ok(ledger) = Ledger::found(store, genesis(1, 1)) else {
        return answered;
    };
    let mut chain = Chain::open(ledger);
    for number in 0..shares {
        let tx = chain.sign_as(&alice, number, share(number, &[&alice]));
        match chain.put(&tx) {
            Ok(receipt) => answered.push(receipt.id),
            Err(_) => break,
        }
    }
    answered
}

#[test]
fn nothing_answered_is_lost_whenever_the_disk_freezes() {
    const SHARES: u64 = 6;
    let whole = Machine::default();
    assert_eq!(work(&whole, SHARES).len(), 6);
    let changes = whole.0.lock().unwrap().done;
    assert!(changes > 50, "{changes} changes");
    for left in 0..changes {
        let machine = Machine::default();
        machine.0.lock().unwrap().left = Some(left);
        let answered = work(&machine, SHARES);
        for chance in CHANCES {
            let ledger = match machine
                .after_power_loss(chance)
                .store()
                .and_then(Ledger::open)
            {
                Ok(ledger) => ledger,
                // frozen before the founding was answered
                Err(_) if answered.is_empty() => continue,
                Err(error) => panic!(
                    "frozen after {left} changes, {} answered: {error}",
                    answered.len()
                ),
            };
            recorded(&ledger, &answered, &format!("frozen after {left} changes"));
            let audit = ledger.audit(|_, _| {}).unwrap();
            let some = u64::try_from(answered.len()).unwrap();
            // the block that was being written when the disk froze may be there or not
            assert!(audit.transactions == some || audit.transactions == some + 1);
        }
    }
}

/// Killed at any moment, opened again, and only then the power fails: what a ledger showed when it was opened again, and signed
/// checkpoints over, is there, and what it recorded since.
#[test]
fn nothing_that_was_shown_after_a_kill_is_lost_with_the_power() {
    const SHARES: u64 = 3;
    let whole = Machine::default();
    work(&whole, SHARES);
    let changes = whole.0.lock().unwrap().done;
    let alice = Person::new(0);
    for left in 0..changes {
        for (more, chance) in [0, 1, 3]
            .into_iter()
            .flat_map(|more| CHANCES.map(|chance| (more, chance)))
        {
            let machine = Machine::default();
            machine.0.lock().unwrap().left = Some(left);
            let answered = work(&machine, SHARES);
            let machine = machine.after_a_kill();
            let Ok(ledger) = machine.store().and_then(Ledger::open) else {
                assert!(answered.is_empty(), "killed after {left} changes");
                continue;
            };
            let shown = ledger.view().unwrap().head().log_size;
            let mut chain = Chain::open(ledger);
            for number in shown..shown + more {
                let tx = chain.sign_as(&alice, number, share(number, &[&alice]));
                chain.put(&tx).unwrap();
            }
            let after = machine.after_power_loss(chance);
            // the process of before writes nothing any more
            machine.0.lock().unwrap().left = Some(0);
            drop(chain);
            let when = format!("killed after {left} changes, {more} more, chance {chance:x}");
            let ledger = after.store().and_then(Ledger::open);
            let ledger = ledger.unwrap_or_else(|error| panic!("{when}: {error}"));
            recorded(&ledger, &answered, &when);
            let found = ledger.audit(|_, _| {}).unwrap().transactions;
            assert_eq!(found, shown + more, "{when}");
        }
    }
}

/// Random moments and random losses; `MEDSHARE_CRASH_CYCLES=5000 cargo test -p ledger-core --test crash` is the long mode.
#[test]
fn nothing_answered_is_lost_at_random_moments() {
    let cycles = std::env::var("MEDSHARE_CRASH_CYCLES");
    let cycles: u64 = cycles.map_or(40, |cycles| cycles.parse().unwrap());
    // splitmix64: the same moments in every run
    let random = |seed: u64| {
        let mut mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    };
    for cycle in 1..=cycles {
        let machine = Machine::default();
        machine.0.lock().unwrap().left = Some(60 + usize::try_from(random(cycle) % 400).unwrap());
        let answered = work(&machine, 40);
        let after = machine.after_power_loss(random(cycle + cycles));
        let ledger = match after.store().and_then(Ledger::open) {
            Ok(ledger) => ledger,
            Err(_) if answered.is_empty() => continue,
            Err(error) => panic!("cycle {cycle}, {} answered: {error}", answered.len()),
        };
        recorded(&ledger, &answered, &format!("cycle {cycle}"));
        ledger.audit(|_, _| {}).unwrap();
    }
}

/// Wherever in a commit the disk is full, the commit fails, and the next one goes on when there is room, on the same ledger; what
/// was answered before and after is there under its name.
#[test]
fn a_full_disk_is_an_error_and_the_ledger_goes_on_after() {
    let alice = Person::new(0);
    let mut failed = 0;
    for room in 0..8 {
        let machine = Machine::default();
        let mut answered = work(&machine, 2);
        assert_eq!(answered.len(), 2);
        let store = machine.store().unwrap();
        let mut chain = Chain::open(Ledger::open(store).unwrap());
        let send = |chain: &mut Chain<RedbStore>, number| {
            let tx = chain.sign_as(&alice, number, share(number, &[&alice]));
            chain.put(&tx).map(|receipt| receipt.id)
        };
        answered.push(send(&mut chain, 2).unwrap());
        {
            let mut state = machine.0.lock().unwrap();
            (state.left, state.full) = (Some(room), true);
        }
        for _ in 0..2 {
            match send(&mut chain, u64::try_from(answered.len()).unwrap()) {
                Ok(id) => answered.push(id),
                Err(Error::Store { .. }) => failed += 1,
                Err(error) => panic!("room for {room} changes: {error}"),
            }
        }
        machine.0.lock().unwrap().left = None;
        let last = u64::try_from(answered.len()).unwrap();
        answered.push(send(&mut chain, last).unwrap());
        for chance in [0, u64::MAX] {
            let after = machine.after_power_loss(chance);
            let ledger = after.store().and_then(Ledger::open).unwrap();
            recorded(&ledger, &answered, &format!("room for {room} changes"));
            let audit = ledger.audit(|_, _| {}).unwrap();
            assert_eq!(audit.transactions, last + 1);
        }
    }
    assert!(failed >= 4, "the disk was full {failed} times");
}

/// A commit of so many bytes under a name.
fn value(name: u8, bytes: usize) -> Batch {
    let mut batch = Batch::new();
    batch.put(Table::Meta, [name], vec![name; bytes]);
    batch
}

/// Which of the names 0 to 3 are there when the power comes back.
fn names(machine: &Machine, chance: u64, when: &str) -> [bool; 4] {
    let store = machine.after_power_loss(chance).store();
    let store = store.unwrap_or_else(|error| panic!("{when}: {error}"));
    let snapshot = store.snapshot().unwrap();
    [0, 1, 2, 3].map(|name| snapshot.get(Table::Meta, &[name]).unwrap().is_some())
}

const CHANCES: [u64; 4] = [0, u64::MAX, 0x5555_5555_5555_5555, 0x9249_2492_4924_9249];

/// A large commit failed, a small one got its place and its number, and the process was killed: the pages behind it were taken
/// for damage, and the ledger did not open.
#[test]
fn a_commit_that_failed_leaves_nothing_behind_a_shorter_one() {
    let mut failed = 0;
    for room in 0..5 {
        let machine = Machine::default();
        let store = machine.store().unwrap();
        [0, 1]
            .iter()
            .for_each(|name| store.commit(&value(*name, 8)).unwrap());
        {
            let mut state = machine.0.lock().unwrap();
            (state.left, state.full) = (Some(room), true);
        }
        let large = store.commit(&value(2, 40_000)).is_ok();
        failed += u32::from(!large);
        machine.0.lock().unwrap().left = None;
        // killed at once, it may be there
        for chance in CHANCES {
            let names = names(
                &machine,
                chance,
                &format!("room for {room} changes, killed"),
            );
            assert!(names[0] && names[1] && (names[2] || !large), "{names:?}");
        }
        store.commit(&value(3, 8)).unwrap();
        for chance in CHANCES {
            let names = names(&machine, chance, &format!("room for {room} changes"));
            assert_eq!(names, [true, true, large, true]);
        }
    }
    assert_eq!(failed, 4, "a length, zeros, the commit, a sync");
}

/// A process that was started on a disk with room for the journal's files, but not for the tables' note of them, waited for room with
/// its first commit, and did not end meanwhile.
#[test]
fn the_first_commit_on_a_full_disk_fails_and_the_store_can_be_closed() {
    let mut noted = 0;
    for room in 0..20 {
        let machine = Machine::default();
        let store = machine.store().unwrap();
        store.commit(&value(0, 8)).unwrap();
        store.close().unwrap();
        let store = machine.store().unwrap();
        let full = |left| {
            let mut state = machine.0.lock().unwrap();
            (state.left, state.full) = (left, true);
        };
        full(Some(room));
        let fails = |name| match store.commit(&value(name, 8)) {
            Ok(()) => false,
            Err(Error::Store { .. }) => true,
            Err(error) => panic!("room for {room} changes: {error}"),
        };
        if !fails(1) {
            continue;
        }
        assert!(fails(1), "room for {room} changes");
        // what was made by then: both files have their length
        let made = |disk: &Content| disk.live.len() == 4 * 4096;
        let waits = machine.0.lock().unwrap().disks[1..].iter().all(made);
        if room % 2 == 1 {
            // it is not waited for
            drop(store);
            full(None);
            assert_eq!(names(&machine, 0, "closed"), [true, false, false, false]);
            continue;
        }
        full(None);
        noted += u32::from(waits);
        // it looks again every so often
        while fails(2) {
            std::thread::yield_now();
        }
        let when = format!("room for {room} changes");
        assert_eq!(names(&machine, 0, &when), [true, false, true, false]);
    }
    assert!(noted > 1, "the note waited {noted} times");
}

/// The same where the large commit was cut off by a kill, and the small one is the first of the next process.
#[test]
fn a_commit_that_was_cut_off_leaves_nothing_behind_a_shorter_one() {
    for left in 0..5 {
        for chance in CHANCES {
            let machine = Machine::default();
            let store = machine.store().unwrap();
            [0, 1]
                .iter()
                .for_each(|name| store.commit(&value(*name, 8)).unwrap());
            machine.0.lock().unwrap().left = Some(left);
            let large = store.commit(&value(2, 40_000)).is_ok();
            let machine = machine.after_power_loss(chance);
            let store = machine.store().unwrap();
            store.commit(&value(3, 8)).unwrap();
            for again in CHANCES {
                let when = format!("frozen after {left} changes, {chance:x}, {again:x}");
                let names = names(&machine, again, &when);
                assert!(names[0] && names[1] && names[3], "{when}: {names:?}");
                assert!(names[2] || !large, "{when}: {names:?}");
            }
        }
    }
}

/// Checks that what was answered stands where it was said to stand: its name, its bytes, and the share that it made.
fn recorded(ledger: &Ledger<RedbStore>, answered: &[TxId], when: &str) {
    let view = ledger.view().unwrap();
    for (index, id) in (0..).zip(answered) {
        assert_eq!(view.find(id).unwrap(), Some(index), "{when}");
        let tx = view.transaction(index).unwrap();
        assert_eq!(tx.map(|tx| tx.id()), Some(*id), "{when}");
        let share = view.share(&share_id(index)).unwrap();
        assert_eq!(share.map(|share| share.index), Some(index), "{when}");
    }
}

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

use ledger_core::store::RedbStore;
use ledger_core::testing::{Chain, Person, genesis, share, share_id};
use ledger_core::{Error, Ledger, TxId};
use redb::StorageBackend;

/// A disk that loses what was not synced.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What a program sees.
    live: Vec<u8>,
    /// What is on the platter.
    synced: Vec<u8>,
    /// What was changed since: a new length, or bytes at a place.
    pending: Vec<(u64, Option<Vec<u8>>)>,
    /// Changes until the disk freezes.
    left: Option<usize>,
    /// Changes so far.
    done: usize,
}

impl State {
    fn count(&mut self) -> io::Result<()> {
        self.done += 1;
        match &mut self.left {
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

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().live.len().try_into().unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let at = usize::try_from(offset).unwrap();
        out.copy_from_slice(
            state
                .live
                .get(at..at + out.len())
                .ok_or(io::ErrorKind::UnexpectedEof)?,
        );
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.count()?;
        place(&mut state.live, &(len, None));
        state.pending.push((len, None));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.count()?;
        state.synced = state.live.clone();
        state.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.count()?;
        let change = (offset, Some(data.to_vec()));
        place(&mut state.live, &change);
        state.pending.push(change);
        Ok(())
    }
}

impl Disk {
    /// The disk after the power came back: of what was not synced, some changes made it and some did not.
    fn after_power_loss(&self, chance: u64) -> Self {
        let state = self.0.lock().unwrap();
        let mut live = state.synced.clone();
        for (number, change) in (0..).zip(&state.pending) {
            let lucky = chance.rotate_left(number % 64) & 1 == 1;
            // a file system keeps the order of lengths and of what lies in them
            if lucky || change.1.is_none() {
                place(&mut live, change);
            }
        }
        let state = State {
            synced: live.clone(),
            live,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }
}

/// Records shares until the disk freezes; the names of those that were answered.
fn work(disk: Disk, shares: u64) -> Vec<TxId> {
    let mut answered = Vec::new();
    let alice = Person::new(0);
    let Ok(store) = RedbStore::over(disk) else {
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
    let whole = Disk::default();
    assert_eq!(work(whole.clone(), SHARES).len(), 6);
    let changes = whole.0.lock().unwrap().done;
    assert!(changes > 50, "{changes} changes");
    for left in 0..changes {
        let disk = Disk::default();
        disk.0.lock().unwrap().left = Some(left);
        let answered = work(disk.clone(), SHARES);
        for chance in [0, u64::MAX, 0x5555_5555_5555_5555, 0x9249_2492_4924_9249] {
            let ledger = match RedbStore::over(disk.after_power_loss(chance)).and_then(Ledger::open)
            {
                Ok(ledger) => ledger,
                // frozen before the founding was answered
                Err(_) if answered.is_empty() => continue,
                Err(error) => panic!(
                    "frozen after {left} changes, {} answered: {error}",
                    answered.len()
                ),
            };
            let view = ledger.view().unwrap();
            for (index, id) in (0..).zip(&answered) {
                assert_eq!(
                    view.find(id).unwrap(),
                    Some(index),
                    "frozen after {left} changes"
                );
                assert!(view.share(&share_id(index)).unwrap().is_some());
            }
            let audit = ledger.audit(|_, _| {}).unwrap();
            let some = u64::try_from(answered.len()).unwrap();
            // the block that was being written when the disk froze may be there or not
            assert!(audit.transactions == some || audit.transactions == some + 1);
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
        let disk = Disk::default();
        disk.0.lock().unwrap().left = Some(60 + usize::try_from(random(cycle) % 400).unwrap());
        let answered = work(disk.clone(), 40);
        let after = disk.after_power_loss(random(cycle + cycles));
        let ledger = match RedbStore::over(after).and_then(Ledger::open) {
            Ok(ledger) => ledger,
            Err(_) if answered.is_empty() => continue,
            Err(error) => panic!("cycle {cycle}, {} answered: {error}", answered.len()),
        };
        let view = ledger.view().unwrap();
        for (index, id) in (0..).zip(&answered) {
            assert_eq!(view.find(id).unwrap(), Some(index), "cycle {cycle}");
        }
        ledger.audit(|_, _| {}).unwrap();
    }
}

#[test]
fn a_full_disk_is_an_error_and_the_ledger_goes_on_after() {
    let disk = Disk::default();
    work(disk.clone(), 2);
    disk.0.lock().unwrap().left = Some(3);
    let ledger = RedbStore::over(disk.clone()).and_then(Ledger::open);
    if let Ok(ledger) = ledger {
        let alice = Person::new(0);
        let mut staged = ledger.begin(0).unwrap();
        let time = staged.time();
        let tx =
            ledger_core::Unsigned::new(ledger.chain(), alice.address, 2, time, share(2, &[&alice]));
        staged.apply(&tx.sign(&alice.key)).unwrap();
        let error = ledger.commit(&staged.finish().unwrap()).unwrap_err();
        assert!(matches!(error, Error::Store { .. }), "{error}");
    }
    let ledger = RedbStore::over(disk.after_power_loss(0))
        .and_then(Ledger::open)
        .unwrap();
    assert_eq!(ledger.audit(|_, _| {}).unwrap().transactions, 2);
}

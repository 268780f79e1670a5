//! Signatures checked ahead of their turn, under keys that are kept.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use ledger_core::{Address, Height, Transaction, UnpackedKey, Verified};

use super::{Node, lock};

/// From how many transactions on their signatures are checked on several threads.
const PARALLEL: usize = 16;
/// How many members' keys are kept unpacked, in three hundred bytes each.
const KEYS: usize = 4096;
/// How many of them are kept prepared, in 113 kB each: 29 MB. The first that sign often have them, so that members who come in
/// turns, more than these, do not take them from each other.
const PREPARED: usize = 256;

/// The keys that signatures are checked under ahead; one that is not valid any more is noticed in turn.
#[derive(Default)]
pub(super) struct Keys(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    keys: BTreeMap<Address, Known>,
    prepared: usize,
}

struct Known {
    key: UnpackedKey,
    uses: u32,
    // or about to be
    prepared: bool,
}

impl Keys {
    /// The key of a member, to be used once.
    fn known(&self, member: &Address) -> Option<UnpackedKey> {
        let mut kept = lock(&self.0);
        let room = kept.prepared < PREPARED;
        let known = kept.keys.get_mut(member)?;
        known.uses = known.uses.saturating_add(1);
        let key = known.key.clone();
        if known.prepared || known.uses < UnpackedKey::OFTEN || !room {
            return Some(key);
        }
        known.prepared = true;
        kept.prepared += 1;
        // others go on meanwhile, without
        drop(kept);
        let key = key.prepared();
        if let Some(known) = lock(&self.0).keys.get_mut(member)
            && known.prepared
            && known.key.key() == key.key()
        {
            known.key = key.clone();
        }
        Some(key)
    }

    fn keep(&self, member: &Address, key: &UnpackedKey) {
        let mut kept = lock(&self.0);
        if kept.keys.len() >= KEYS {
            *kept = Kept::default();
        }
        let known = Known {
            key: key.clone(),
            uses: 0,
            prepared: false,
        };
        let before = kept.keys.insert(*member, known);
        kept.prepared -= usize::from(before.is_some_and(|before| before.prepared));
    }
}

impl Node {
    /// Checks the signatures of many transactions on every core.
    pub(super) fn verify_all(&self, txs: &[Transaction]) -> Vec<Option<Verified>> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        if threads == 1 || txs.len() < PARALLEL {
            return self.verify_each(txs);
        }
        thread::scope(|scope| {
            let (first, rest) = txs.split_at(txs.len().div_ceil(threads));
            let parts: Vec<_> = rest
                .chunks(first.len())
                .map(|part| (part.len(), scope.spawn(move || self.verify_each(part))))
                .collect();
            let mut verified = self.verify_each(first);
            for (length, part) in parts {
                // a thread that cannot answer leaves its part to be checked in turn
                verified.extend(part.join().unwrap_or_else(|_| vec![None; length]));
            }
            verified
        })
    }

    /// Checks the signatures of many transactions together.
    pub(crate) fn verify_each(&self, txs: &[Transaction]) -> Vec<Option<Verified>> {
        let keys = txs.iter().map(|tx| self.keys.known(tx.sender()));
        let keys: Vec<_> = keys.collect();
        let pairs = txs.iter().zip(&keys);
        let signed: Vec<_> = pairs
            .filter_map(|(tx, key)| Some((tx, key.as_ref()?)))
            .collect();
        let mut verified = Verified::each(&signed).into_iter();
        let each = |(tx, key): (&Transaction, Option<UnpackedKey>)| match &key {
            Some(key) => verified
                .next()
                .flatten()
                .or_else(|| self.verify_anew(tx, Some(key))),
            None => self.verify_ahead(tx),
        };
        txs.iter().zip(keys).map(each).collect()
    }

    /// Checks a transaction's signature under the key that its sender has now, ahead of its turn and on any thread. What
    /// does not hold is decided in its turn.
    pub(crate) fn verify_ahead(&self, tx: &Transaction) -> Option<Verified> {
        let known = self.keys.known(tx.sender());
        let holds = |key| Verified::new(tx, key).ok();
        let verified = known.as_ref().and_then(holds);
        verified.or_else(|| self.verify_anew(tx, known.as_ref()))
    }

    /// Looks the sender's key up, for a signature that does not hold under the key that was known.
    fn verify_anew(&self, tx: &Transaction, known: Option<&UnpackedKey>) -> Option<Verified> {
        let reading = self.view().ok()?;
        let member = reading.member(tx.sender()).ok()??;
        let next = Height(reading.head().height.0.saturating_add(1));
        let key = member.key_at(next)?;
        if known.is_some_and(|known| known.key() == key) {
            return None;
        }
        let key = UnpackedKey::new(key)?;
        self.keys.keep(tx.sender(), &key);
        Verified::new(tx, &key).ok()
    }
}

#[cfg(test)]
mod tests {
    use ledger_core::testing::Person;

    use super::*;

    fn unpacked(number: u32) -> (Address, UnpackedKey) {
        let person = Person::new(number);
        let key = UnpackedKey::new(&(&person.key).into());
        (person.address, key.unwrap())
    }

    fn prepared(keys: &Keys) -> (usize, usize) {
        let kept = lock(&keys.0);
        let marked = kept.keys.values().filter(|known| known.prepared);
        (kept.prepared, marked.count())
    }

    fn often(keys: &Keys, member: &Address) {
        for _ in 0..UnpackedKey::OFTEN + 1 {
            assert!(keys.known(member).is_some());
        }
    }

    /// Each table is 113 kB: there must not be more of them than is said, and a place is free again when its key is replaced.
    #[test]
    fn no_more_keys_are_prepared_than_there_are_places() {
        let keys = Keys::default();
        let many = u32::try_from(PREPARED).unwrap() + 2;
        let members: Vec<_> = (0..many).map(unpacked).collect();
        for (address, key) in &members {
            keys.keep(address, key);
            assert_eq!(keys.known(address).unwrap().key(), key.key());
        }
        assert_eq!(prepared(&keys), (0, 0), "used once");
        for (address, _) in &members {
            often(&keys, address);
        }
        assert_eq!(prepared(&keys), (PREPARED, PREPARED));
        // a rotated key: its place goes to whoever signs next, and has signed often
        let (rotated, (last, _)) = (&members[0], &members[members.len() - 1]);
        keys.keep(&rotated.0, &unpacked(many).1);
        assert_eq!(prepared(&keys), (PREPARED - 1, PREPARED - 1));
        often(&keys, last);
        assert_eq!(prepared(&keys), (PREPARED, PREPARED));
        assert!(lock(&keys.0).keys[last].prepared);
        assert!(!lock(&keys.0).keys[&rotated.0].prepared);
    }
}

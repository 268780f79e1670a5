//! What is in the journal and not yet in the tables, in memory: every version of every value, so that a moment stays what
//! it was.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, Range};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::super::batch::Key;
use super::super::{Batch, Table};

/// A value, or that it was removed.
type Value = Option<Piece>;

/// A value among all those of its commit, which share one piece of memory: what another thread lets go of later is then some
/// hundred pieces, and not a million, each under the lock of the allocator that the committing thread needs too.
#[derive(Debug)]
struct Piece {
    all: Arc<[u8]>,
    place: Range<usize>,
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        // within: it was made with its place
        self.all.get(self.place.clone()).unwrap_or_default()
    }
}

/// The values of one generation of the journal.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    tables: RwLock<Tables>,
}

/// The content of an [`Overlay`], while nobody writes to it.
#[derive(Debug, Default)]
pub(super) struct Tables {
    entries: [BTreeMap<Key, Versions>; Table::ALL.len()],
    bytes: usize,
}

/// The values of one key, each with the number of the commit that set it.
#[derive(Debug)]
struct Versions {
    newest: (u64, Value),
    // the oldest first; empty, and so without memory of its own, for most keys
    older: Vec<(u64, Value)>,
}

impl Versions {
    fn newest(&self) -> Option<&[u8]> {
        self.newest.1.as_ref().map(Piece::bytes)
    }

    fn at(&self, commit: u64) -> Option<Option<&[u8]>> {
        if self.newest.0 <= commit {
            return Some(self.newest());
        }
        let older = self.older.iter().rev();
        older
            .skip_while(|(number, _)| *number > commit)
            .map(|(_, value)| value.as_ref().map(Piece::bytes))
            .next()
    }
}

impl Overlay {
    /// Adds the changes of one commit.
    pub(super) fn insert(&self, commit: u64, batch: &Batch) {
        let all: Arc<[u8]> = batch.values().into();
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.bytes += batch.bytes();
        for (table, changes) in batch.places() {
            let Some(entries) = tables.entries.get_mut(table as usize) else {
                continue;
            };
            for (key, place) in changes {
                let piece = place.map(|place| Piece {
                    all: Arc::clone(&all),
                    place: place.clone(),
                });
                let new = (commit, piece);
                match entries.entry(key.clone()) {
                    Entry::Occupied(versions) => {
                        let versions = versions.into_mut();
                        let before = std::mem::replace(&mut versions.newest, new);
                        versions.older.push(before);
                    }
                    Entry::Vacant(place) => {
                        let older = Vec::new();
                        place.insert(Versions { newest: new, older });
                    }
                }
            }
        }
    }

    /// The bytes of everything that was added.
    pub(super) fn bytes(&self) -> usize {
        self.read().bytes
    }

    /// Lets go of everything, key by key; `pace` hears after each how many that were.
    pub(super) fn forget(self, mut pace: impl FnMut(usize)) {
        let tables = self.tables.into_inner();
        let tables = tables.unwrap_or_else(PoisonError::into_inner);
        for (number, entry) in (1..).zip(tables.entries.into_iter().flatten()) {
            drop(entry);
            pace(number);
        }
    }

    /// Keeps writers out while its content is looked at.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// What a key had after this commit; none when nothing was said about it.
    pub(super) fn get(&self, table: Table, key: &[u8], commit: u64) -> Option<Option<&[u8]>> {
        self.entries
            .get(table as usize)?
            .get(&Key::new(key))?
            .at(commit)
    }

    /// The keys of a range with what they had after this commit, in ascending order.
    pub(super) fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        commit: u64,
    ) -> impl DoubleEndedIterator<Item = (&[u8], Option<&[u8]>)> {
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        let entries = self.entries.get(table as usize).into_iter();
        entries
            .flat_map(move |entries| entries.range::<[u8], _>(bounds))
            .filter_map(move |(key, versions)| Some((key.as_slice(), versions.at(commit)?)))
    }

    /// How many keys have changed, in all tables.
    pub(super) fn keys(&self) -> usize {
        self.entries.iter().map(BTreeMap::len).sum()
    }

    /// The newest value of every key of a table, in order.
    pub(super) fn newest(&self, table: Table) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let entries = self.entries.get(table as usize).into_iter().flatten();
        entries.map(|(key, versions)| (key.as_slice(), versions.newest()))
    }
}

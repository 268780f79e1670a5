//! What is in the journal and not yet in the tables, in memory: every version of every value, so that a moment stays what
//! it was.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::super::{Batch, Table};

/// A value, or that it was removed.
pub(super) type Value = Option<Box<[u8]>>;

/// The values of one generation of the journal.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    tables: RwLock<Tables>,
}

/// The content of an [`Overlay`], while nobody writes to it.
#[derive(Debug, Default)]
pub(super) struct Tables {
    entries: [BTreeMap<Vec<u8>, Versions>; Table::ALL.len()],
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
    fn at(&self, commit: u64) -> Option<&Value> {
        if self.newest.0 <= commit {
            return Some(&self.newest.1);
        }
        let older = self.older.iter().rev();
        older
            .skip_while(|(number, _)| *number > commit)
            .map(|(_, value)| value)
            .next()
    }
}

impl Overlay {
    /// Adds the changes of one commit.
    pub(super) fn insert(&self, commit: u64, batch: &Batch) {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.bytes += batch.bytes();
        for (table, changes) in batch.changes() {
            let Some(entries) = tables.entries.get_mut(table as usize) else {
                continue;
            };
            for (key, value) in changes {
                let new = (commit, value.map(Box::from));
                match entries.get_mut(key) {
                    Some(versions) => {
                        let before = std::mem::replace(&mut versions.newest, new);
                        versions.older.push(before);
                    }
                    None => {
                        let older = Vec::new();
                        entries.insert(key.to_vec(), Versions { newest: new, older });
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
    pub(super) fn get(&self, table: Table, key: &[u8], commit: u64) -> Option<&Value> {
        self.entries.get(table as usize)?.get(key)?.at(commit)
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
            .filter_map(move |(key, versions)| {
                Some((key.as_slice(), versions.at(commit)?.as_deref()))
            })
    }

    /// How many keys have changed, in all tables.
    pub(super) fn keys(&self) -> usize {
        self.entries.iter().map(BTreeMap::len).sum()
    }

    /// The newest value of every key of a table, in order.
    pub(super) fn newest(&self, table: Table) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let entries = self.entries.get(table as usize).into_iter().flatten();
        entries.map(|(key, versions)| (key.as_slice(), versions.newest.1.as_deref()))
    }
}

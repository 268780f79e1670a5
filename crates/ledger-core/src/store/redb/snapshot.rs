//! One moment: the tables as they were, and over them what the journal had.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, OnceLock};

use redb::{ReadOnlyTable, StorageError, TableError};

use super::super::{Entry, Order, Snapshot, Table};
use super::overlay::Overlay;
use super::tables::{checked, definition, failed, guarded};
use crate::Result;

type Found<'a> = (
    redb::AccessGuard<'a, &'static [u8]>,
    redb::AccessGuard<'a, &'static [u8]>,
);
type Opened = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// One moment of a [`super::RedbStore`].
pub struct RedbSnapshot {
    pub(super) transaction: redb::ReadTransaction,
    /// What is not in the tables, the newest first.
    pub(super) overlays: [Option<Arc<Overlay>>; 2],
    /// The last commit that shows.
    pub(super) commit: u64,
    /// Tables that were asked for; none for one to which nothing was ever written.
    pub(super) opened: [OnceLock<Option<Opened>>; Table::ALL.len()],
}

impl fmt::Debug for RedbSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbSnapshot").finish_non_exhaustive()
    }
}

impl RedbSnapshot {
    /// A table, or none when nothing was ever written to it.
    fn table(&self, table: Table) -> Result<Option<&Opened>> {
        let Some(place) = self.opened.get(table as usize) else {
            return Ok(None);
        };
        if let Some(opened) = place.get() {
            return Ok(opened.as_ref());
        }
        let opened = match self.transaction.open_table(definition(table)) {
            Ok(entries) => Some(entries),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(failed("reading", error)),
        };
        Ok(place.get_or_init(|| opened).as_ref())
    }

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(entries) = self.table(table)? else {
            return Ok(None);
        };
        let value = entries.get(key).map_err(|error| failed("reading", error))?;
        value
            .map(|value| checked(table, key, value.value()))
            .transpose()
    }

    fn read_range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        if from >= to {
            return Ok(Vec::new());
        }
        let overlays = self.overlays.each_ref();
        let overlays = overlays.map(|overlay| overlay.as_ref().map(|overlay| overlay.read()));
        let [new, old] = overlays.each_ref().map(|tables| {
            let tables = tables.as_ref().into_iter();
            tables.flat_map(|tables| tables.range(table, from, to, self.commit))
        });
        let owned =
            |(key, value): (&[u8], Option<&[u8]>)| Ok((key.to_vec(), value.map(<[u8]>::to_vec)));
        let stored = |entry: Result<Found<'_>, StorageError>| {
            let (key, value) = entry.map_err(|error| failed("reading", error))?;
            let value = checked(table, key.value(), value.value())?;
            Ok((key.value().to_vec(), Some(value)))
        };
        let entries = self.table(table)?.map(|entries| entries.range(from..to));
        let entries = entries
            .transpose()
            .map_err(|error| failed("reading", error))?;
        let entries = entries.into_iter().flatten();
        match order {
            Order::Ascending => merge(
                Ordering::Less,
                [
                    &mut new.map(owned),
                    &mut old.map(owned),
                    &mut entries.map(stored),
                ],
                limit,
            ),
            Order::Descending => merge(
                Ordering::Greater,
                [
                    &mut new.rev().map(owned),
                    &mut old.rev().map(owned),
                    &mut entries.rev().map(stored),
                ],
                limit,
            ),
        }
    }
}

/// A key with its value, or with its removal.
type Changed = Result<(Vec<u8>, Option<Vec<u8>>)>;

/// The entries of several sources in order, of which an earlier one hides the keys of a later one.
fn merge(
    first: Ordering,
    sources: [&mut dyn Iterator<Item = Changed>; 3],
    limit: usize,
) -> Result<Vec<Entry>> {
    let mut sources = sources.map(Iterator::peekable);
    let mut merged = Vec::new();
    while merged.len() < limit {
        let mut next: Option<&[u8]> = None;
        for source in &mut sources {
            let key = match source.peek() {
                Some(Ok((key, _))) => key,
                // taken, so that the caller gets it
                Some(Err(_)) => {
                    return source
                        .next()
                        .map_or(Ok(merged), |error| error.map(|_| Vec::new()));
                }
                None => continue,
            };
            if next.is_none_or(|next| key.as_slice().cmp(next) == first) {
                next = Some(key);
            }
        }
        let Some(key) = next.map(<[u8]>::to_vec) else {
            break;
        };
        let mut value = None;
        for source in &mut sources {
            let taken = source.next_if(|entry| matches!(entry, Ok((found, _)) if *found == key));
            if let Some(Ok((_, found))) = taken {
                value = value.or(Some(found));
            }
        }
        if let Some(Some(value)) = value {
            merged.push((key, value));
        }
    }
    Ok(merged)
}

impl Snapshot for RedbSnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        for overlay in self.overlays.iter().flatten() {
            if let Some(value) = overlay.read().get(table, key, self.commit) {
                return Ok(value.map(<[u8]>::to_vec));
            }
        }
        guarded(|| self.read(table, key))
    }

    fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        guarded(|| self.read_range(table, from, to, order, limit))
    }
}

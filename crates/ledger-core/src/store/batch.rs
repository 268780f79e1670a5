//! What is written at once.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use smallvec::SmallVec;

use super::Table;

/// A key in the order of its bytes. Nearly all lie in the map's own nodes, and the first eight bytes tell most of them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Those eight, the first the highest, zeros behind a shorter key.
    first: u64,
    bytes: SmallVec<[u8; 40]>,
}

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut first = [0; 8];
        first
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        Self {
            first: u64::from_be_bytes(first),
            bytes: SmallVec::from_slice(bytes),
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let first = self.first.cmp(&other.first);
        first.then_with(|| self.bytes.cmp(&other.bytes))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.bytes
    }
}

/// Changes that are written together: for each table, the keys with their new values, or none to remove them.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    changes: [BTreeMap<Key, Option<Range<usize>>>; Table::ALL.len()],
    /// The values that the changes name by their places, one behind the other: a block has a thousand, and no memory of its
    /// own for each. One that was replaced stays here.
    values: Vec<u8>,
}

impl Batch {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value.
    pub fn put(&mut self, table: Table, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let start = self.values.len();
        self.values.extend_from_slice(value.as_ref());
        self.set(table, key.as_ref(), Some(start..self.values.len()));
    }

    /// Removes a value.
    pub fn remove(&mut self, table: Table, key: impl AsRef<[u8]>) {
        self.set(table, key.as_ref(), None);
    }

    fn set(&mut self, table: Table, key: &[u8], place: Option<Range<usize>>) {
        if let Some(changes) = self.changes.get_mut(table as usize) {
            changes.insert(Key::new(key), place);
        }
    }

    /// The changes by table, keys in order; tables without changes are left out.
    pub fn changes(
        &self,
    ) -> impl Iterator<Item = (Table, impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)>)> {
        self.places().map(|(table, changes)| {
            // within: each was noted as its value was added
            let value = |place: &Range<usize>| self.values.get(place.clone()).unwrap_or_default();
            (
                table,
                changes.map(move |(key, place)| (key.as_slice(), place.map(value))),
            )
        })
    }

    /// As [`Batch::changes`], with the place of each value in [`Batch::values`].
    pub(super) fn places(
        &self,
    ) -> impl Iterator<
        Item = (
            Table,
            impl ExactSizeIterator<Item = (&Key, Option<&Range<usize>>)>,
        ),
    > {
        let tables = Table::ALL.into_iter().zip(&self.changes);
        let changed = tables.filter(|(_, changes)| !changes.is_empty());
        changed.map(|(table, changes)| {
            let changes = changes.iter();
            (table, changes.map(|(key, place)| (key, place.as_ref())))
        })
    }

    /// All values.
    #[cfg(feature = "redb")]
    pub(super) fn values(&self) -> &[u8] {
        &self.values
    }

    /// The bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.each()
            .map(|(_, key, value)| key.len() + value.map_or(0, <[u8]>::len))
            .sum()
    }

    fn each(&self) -> impl Iterator<Item = (Table, &[u8], Option<&[u8]>)> {
        self.changes()
            .flat_map(|(table, changes)| changes.map(move |(key, value)| (table, key, value)))
    }
}

impl PartialEq for Batch {
    fn eq(&self, other: &Self) -> bool {
        self.each().eq(other.each())
    }
}

impl Eq for Batch {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_their_bytes() {
        let ends: [&[u8]; 6] = [&[], &[0], &[0, 0], &[1], &[255], &[0, 255, 7]];
        let long = [[7; 8].as_slice(), &[7; 39], &[7; 40], &[7; 41], &[7, 6]];
        let keys: Vec<Vec<u8>> = long
            .iter()
            .chain(&ends)
            .flat_map(|front| ends.iter().map(|end| [front, *end].concat()))
            .collect();
        for a in &keys {
            for b in &keys {
                assert_eq!(Key::new(a).cmp(&Key::new(b)), a.cmp(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn the_last_value_of_a_key_is_written() {
        let mut batch = Batch::new();
        batch.put(Table::Meta, b"a", b"longer than the next");
        batch.put(Table::Meta, b"a", b"1");
        batch.put(Table::Node, b"", b"");
        batch.put(Table::State, b"gone", b"value");
        batch.remove(Table::State, b"gone");
        let mut same = Batch::new();
        same.remove(Table::State, b"gone");
        same.put(Table::Node, b"", b"");
        same.put(Table::Meta, b"a", b"1");
        assert_eq!(batch, same);
        assert_eq!((batch.bytes(), same.bytes()), (6, 6));
        same.put(Table::Meta, b"a", b"2");
        assert_ne!(batch, same);
        let tables: Vec<Table> = batch.each().map(|(table, ..)| table).collect();
        assert_eq!(tables, [Table::Meta, Table::State, Table::Node]);
        let values: Vec<_> = batch.each().map(|(_, _, value)| value).collect();
        assert_eq!(values, [Some(b"1".as_slice()), None, Some(b"")]);
    }
}

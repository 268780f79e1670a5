//! A store that forgets: for tests and for replaying a chain.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Batch, Entry, LedgerStore, Order, Snapshot, Table};
use crate::Result;

type Tables = BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>;

/// A ledger in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    tables: Arc<RwLock<Arc<Tables>>>,
}

/// One moment of a [`MemoryStore`].
#[derive(Clone, Debug)]
pub struct MemorySnapshot {
    tables: Arc<Tables>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl LedgerStore for MemoryStore {
    type Snapshot = MemorySnapshot;

    fn snapshot(&self) -> Result<MemorySnapshot> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        Ok(MemorySnapshot {
            tables: Arc::clone(&tables),
        })
    }

    fn commit(&self, batch: &Batch) -> Result<()> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        // copied only while a snapshot is held
        let tables = Arc::make_mut(&mut tables);
        for (table, changes) in batch.changes() {
            let entries = tables.entry(table).or_default();
            for (key, value) in changes {
                match value {
                    Some(value) => entries.insert(key.to_vec(), value.to_vec()),
                    None => entries.remove(key),
                };
            }
        }
        Ok(())
    }
}

impl Snapshot for MemorySnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self
            .tables
            .get(&table)
            .and_then(|entries| entries.get(key))
            .cloned())
    }

    fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        let Some(entries) = self.tables.get(&table).filter(|_| from < to) else {
            return Ok(Vec::new());
        };
        let owned = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        let found = entries.range::<[u8], _>((
            std::ops::Bound::Included(from),
            std::ops::Bound::Excluded(to),
        ));
        Ok(match order {
            Order::Ascending => found.take(limit).map(owned).collect(),
            Order::Descending => found.rev().take(limit).map(owned).collect(),
        })
    }
}

//! The durable store: one redb file.

use std::fmt;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{
    CommitError, Database, DatabaseError, Durability, ReadOnlyTable, ReadableDatabase,
    StorageError, TableDefinition, TableError,
};

use super::{Batch, Entry, LedgerStore, Order, Snapshot, Table};
use crate::hash::sha256;
use crate::{Error, Result};

type Found<'a> = (
    redb::AccessGuard<'a, &'static [u8]>,
    redb::AccessGuard<'a, &'static [u8]>,
);
type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

const fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// A ledger in one redb file; one process at a time has it open.
///
/// Every commit is durable when it returns. redb's quick repair is on: a commit syncs twice, and a file left behind by a
/// killed process opens at once instead of after a walk over all of it; the second sync also means that the newest
/// commit is known by its place and not by a checksum that whoever fills the ledger could aim at.
pub struct RedbStore {
    database: Database,
}

/// What to do about a path where no file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Opening {
    /// Makes the file.
    Create,
    /// Fails.
    Existing,
}

/// One moment of a [`RedbStore`].
pub struct RedbSnapshot {
    transaction: redb::ReadTransaction,
}

impl RedbStore {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] while another process has it open, [`Error::Damaged`] when redb notices damage, [`Error::Store`]
    /// when the storage fails or there is no file.
    pub fn open(path: &Path, opening: Opening) -> Result<Self> {
        Self::open_with_cache(path, opening, 64 << 20)
    }

    /// Opens a file with another amount of memory for pages than 64 MiB.
    ///
    /// # Errors
    ///
    /// As [`RedbStore::open`].
    pub fn open_with_cache(path: &Path, opening: Opening, bytes: usize) -> Result<Self> {
        let mut builder = Database::builder();
        builder.set_cache_size(bytes);
        guarded(|| {
            let database = match opening {
                Opening::Create => builder.create(path),
                Opening::Existing => builder.open(path),
            };
            database.map(|database| Self { database }).map_err(opened)
        })
    }

    /// A ledger over another disk than a file: for tests that break it on purpose.
    ///
    /// # Errors
    ///
    /// As [`RedbStore::open`].
    #[cfg(feature = "testing")]
    pub fn over(disk: impl redb::StorageBackend) -> Result<Self> {
        Database::builder()
            .create_with_backend(disk)
            .map(|database| Self { database })
            .map_err(opened)
    }

    /// Checks every page of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when one is not what was written.
    pub fn check_pages(&mut self) -> Result<()> {
        guarded(|| match self.database.check_integrity() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::damaged("a page of the file is not what was written")),
            Err(error) => Err(opened(error)),
        })
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").finish_non_exhaustive()
    }
}

impl fmt::Debug for RedbSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbSnapshot").finish_non_exhaustive()
    }
}

impl LedgerStore for RedbStore {
    type Snapshot = RedbSnapshot;

    fn snapshot(&self) -> Result<RedbSnapshot> {
        let transaction = self
            .database
            .begin_read()
            .map_err(|error| failed("starting to read", error))?;
        Ok(RedbSnapshot { transaction })
    }

    fn commit(&self, batch: &Batch) -> Result<()> {
        guarded(|| self.write(batch))
    }
}

impl RedbStore {
    fn write(&self, batch: &Batch) -> Result<()> {
        const ACTION: &str = "writing a block";
        let mut transaction = self
            .database
            .begin_write()
            .map_err(|error| failed(ACTION, error))?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(|error| failed(ACTION, error))?;
        transaction.set_quick_repair(true);
        for (table, changes) in batch.changes() {
            let mut entries = transaction
                .open_table(definition(table))
                .map_err(|error| failed(ACTION, error))?;
            for (key, value) in changes {
                match value {
                    Some(value) => {
                        let sealed = [value, &checksum(table, key, value)].concat();
                        entries
                            .insert(key, sealed.as_slice())
                            .map_err(|error| failed(ACTION, error))?
                    }
                    None => entries.remove(key).map_err(|error| failed(ACTION, error))?,
                };
            }
        }
        transaction
            .commit()
            .map_err(|error: CommitError| failed(ACTION, error))
    }
}

impl RedbSnapshot {
    /// A table, or none when nothing was ever written to it.
    fn table(&self, table: Table) -> Result<Option<ReadOnlyTable<&'static [u8], &'static [u8]>>> {
        match self.transaction.open_table(definition(table)) {
            Ok(entries) => Ok(Some(entries)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(failed("reading", error)),
        }
    }
}

impl Snapshot for RedbSnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
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

impl RedbSnapshot {
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
        let Some(entries) = self.table(table)?.filter(|_| from < to) else {
            return Ok(Vec::new());
        };
        let found = entries
            .range(from..to)
            .map_err(|error| failed("reading", error))?;
        let owned = |entry: Result<Found<'_>, StorageError>| {
            let (key, value) = entry.map_err(|error| failed("reading", error))?;
            Ok((
                key.value().to_vec(),
                checked(table, key.value(), value.value())?,
            ))
        };
        match order {
            Order::Ascending => found.take(limit).map(owned).collect(),
            Order::Descending => found.rev().take(limit).map(owned).collect(),
        }
    }
}

/// What stands behind each value: redb does not check its pages when it reads them, and a flipped bit must not become
/// part of a state root.
fn checksum(table: Table, key: &[u8], value: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = sha256(&[table.name().as_bytes(), &[0], key, &[0], value]);
    [a, b, c, d, e, f, g, h]
}

/// A value whose checksum fits.
fn checked(table: Table, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    match sealed.split_last_chunk::<8>() {
        Some((value, sum)) if *sum == checksum(table, key, value) => Ok(value.to_vec()),
        _ => Err(Error::damaged(format!(
            "the value of {} in table {} is not what was written",
            key.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
            table.name(),
        ))),
    }
}

/// Runs redb where the file may be damaged: it meets some bytes that it did not write with a panic, most of all in debug
/// builds, and a damaged file is no reason to stop a program. Nothing of redb is used after that but its closing.
fn guarded<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(Error::damaged(
            "redb stopped at bytes that it did not write",
        ))
    })
}

/// What a failure to open means.
fn opened(error: DatabaseError) -> Error {
    match error {
        DatabaseError::DatabaseAlreadyOpen => Error::Busy,
        DatabaseError::Storage(StorageError::Io(source))
            if source.kind() == ErrorKind::InvalidData =>
        {
            Error::NotALedger {
                reason: source.to_string(),
            }
        }
        DatabaseError::UpgradeRequired(version) => Error::damaged(format!(
            "the file has the format {version} of an older redb"
        )),
        other => failed("opening the file", other),
    }
}

/// What a failure while reading or writing means.
fn failed(action: &'static str, error: impl Into<redb::Error>) -> Error {
    match error.into() {
        redb::Error::Corrupted(what) => Error::damaged(what),
        source => Error::Store {
            action,
            source: Box::new(source),
        },
    }
}

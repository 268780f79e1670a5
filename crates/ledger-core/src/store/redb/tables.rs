//! The tables: redb's B-trees, one per table, with a checksum behind each value.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{
    CommitError, Database, DatabaseError, Durability, ReadableDatabase, StorageError,
    TableDefinition, TableError,
};

use super::super::Table;
use super::journal::Mark;
use super::overlay::Tables;
use crate::hash::sha256;
use crate::{Error, Result};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// How far the journal has been written to the tables: generation and number, 8 bytes each, and the digest.
const JOURNAL: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("journal");
const DONE: &str = "done";

pub(super) const fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// The generation of the journal that comes next, and the commits that the tables have; none in a file that was never
/// written by way of a journal.
pub(super) fn done(database: &Database) -> Result<Option<(u64, Mark)>> {
    let transaction = database
        .begin_read()
        .map_err(|error| failed("starting to read", error))?;
    let entries = match transaction.open_table(JOURNAL) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        other => other.map_err(|error| failed("reading", error))?,
    };
    let value = entries
        .get(DONE)
        .map_err(|error| failed("reading", error))?;
    let sealed = value
        .as_ref()
        .map(redb::AccessGuard::value)
        .unwrap_or_default();
    let damaged = || Error::damaged("how far the journal was written to the tables");
    let (value, sum) = sealed.split_last_chunk::<8>().ok_or_else(damaged)?;
    if *sum != sum_of("journal", DONE.as_bytes(), value) {
        return Err(damaged());
    }
    let fields = (|| {
        let (generation, rest) = value.split_first_chunk::<8>()?;
        let (commit, digest) = rest.split_first_chunk::<8>()?;
        let mark = Mark {
            commit: u64::from_be_bytes(*commit),
            digest: digest.try_into().ok()?,
        };
        Some((u64::from_be_bytes(*generation), mark))
    })();
    fields.map(Some).ok_or_else(damaged)
}

/// Writes the newest values of some commits and how far they go, all or none, durably; `pace` hears after each how many of
/// how many that were.
pub(super) fn write(
    database: &Database,
    new: &Tables,
    next: u64,
    mark: &Mark,
    mut pace: impl FnMut(usize, usize),
) -> Result<()> {
    const ACTION: &str = "writing a block";
    let wrong = |error: redb::Error| failed(ACTION, error);
    let mut transaction = database
        .begin_write()
        .map_err(|error| wrong(error.into()))?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(|error| wrong(error.into()))?;
    transaction.set_quick_repair(true);
    let (mut written, all) = (0, new.keys());
    for table in Table::ALL {
        let mut changes = new.newest(table).peekable();
        if changes.peek().is_none() {
            continue;
        }
        let mut entries = transaction
            .open_table(definition(table))
            .map_err(|error| wrong(error.into()))?;
        let mut sealed = Vec::new();
        for (key, value) in changes {
            match value {
                Some(value) => {
                    sealed.clear();
                    sealed.extend_from_slice(value);
                    sealed.extend_from_slice(&sum_of(table.name(), key, value));
                    drop(
                        entries
                            .insert(key, sealed.as_slice())
                            .map_err(|error| wrong(error.into()))?,
                    );
                }
                None => drop(entries.remove(key).map_err(|error| wrong(error.into()))?),
            }
            written += 1;
            pace(written, all);
        }
    }
    let value = [
        next.to_be_bytes().as_slice(),
        &mark.commit.to_be_bytes(),
        &mark.digest,
    ]
    .concat();
    let sealed = [
        value.as_slice(),
        &sum_of("journal", DONE.as_bytes(), &value),
    ]
    .concat();
    let mut entries = transaction
        .open_table(JOURNAL)
        .map_err(|error| wrong(error.into()))?;
    drop(
        entries
            .insert(DONE, sealed.as_slice())
            .map_err(|error| wrong(error.into()))?,
    );
    drop(entries);
    transaction
        .commit()
        .map_err(|error: CommitError| wrong(error.into()))
}

/// What stands behind each value: redb does not check its pages when it reads them, and a flipped bit must not become
/// part of a state root.
fn sum_of(table: &str, key: &[u8], value: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = sha256(&[table.as_bytes(), &[0], key, &[0], value]);
    [a, b, c, d, e, f, g, h]
}

/// A value whose checksum fits.
pub(super) fn checked(table: Table, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    match sealed.split_last_chunk::<8>() {
        Some((value, sum)) if *sum == sum_of(table.name(), key, value) => Ok(value.to_vec()),
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
pub(super) fn guarded<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(Error::damaged(
            "redb stopped at bytes that it did not write",
        ))
    })
}

/// What a failure to open means.
pub(super) fn opened(error: DatabaseError) -> Error {
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
pub(super) fn failed(action: &'static str, error: impl Into<redb::Error>) -> Error {
    match error.into() {
        redb::Error::Corrupted(what) => Error::damaged(what),
        source => Error::Store {
            action,
            source: Box::new(source),
        },
    }
}

/// What a failure of a disk means.
pub(super) fn failed_disk(action: &'static str, error: io::Error) -> Error {
    Error::Store {
        action,
        source: Box::new(error),
    }
}

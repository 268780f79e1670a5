//! The tables: redb's B-trees, one per table, with a checksum behind each value.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{
    CommitError, Database, DatabaseError, Durability, ReadableDatabase, StorageError,
    TableDefinition, TableError,
};

use super::super::Table;
use super::journal::{Beside, Known, Mark};
use super::overlay::Tables;
use crate::hash::sha256;
use crate::{Error, Result};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// How far the journal has been written to the tables: generation and number, 8 bytes each, and the digest.
const JOURNAL: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("journal");
const DONE: &str = "done";
/// What lies beside, in the same table: pages, first generation and commit of [`Beside::Open`], 8 bytes each; all zero when
/// closed.
const BESIDE: &str = "beside";

pub(super) const fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// What the tables say about the journal; none in a file that was never written by way of one.
pub(super) fn known(database: &Database) -> Result<Option<Known>> {
    let transaction = database
        .begin_read()
        .map_err(|error| failed("starting to read", error))?;
    let entries = match transaction.open_table(JOURNAL) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        other => other.map_err(|error| failed("reading", error))?,
    };
    let damaged = || Error::damaged("how far the journal was written to the tables");
    let value = |key: &str| {
        let value = entries.get(key).map_err(|error| failed("reading", error))?;
        let Some(sealed) = value.as_ref().map(redb::AccessGuard::value) else {
            return Ok(None);
        };
        let (value, sum) = sealed.split_last_chunk::<8>().ok_or_else(damaged)?;
        if *sum != sum_of("journal", key.as_bytes(), value) {
            return Err(damaged());
        }
        Ok(Some(value.to_vec()))
    };
    let done = value(DONE)?.unwrap_or_default();
    let fields = (|| {
        let (generation, rest) = done.split_first_chunk::<8>()?;
        let (commit, digest) = rest.split_first_chunk::<8>()?;
        let mark = Mark {
            commit: u64::from_be_bytes(*commit),
            digest: digest.try_into().ok()?,
        };
        Some((u64::from_be_bytes(*generation), mark))
    })();
    let (next, mark) = fields.ok_or_else(damaged)?;
    let beside = value(BESIDE)?.map(|value| match value.as_chunks::<8>() {
        ([pages, since, reached], []) => {
            let [pages, since, reached] = [pages, since, reached].map(|n| u64::from_be_bytes(*n));
            Ok(match pages {
                0 => Beside::Closed,
                _ => Beside::Open {
                    pages,
                    since,
                    reached,
                },
            })
        }
        _ => Err(damaged()),
    });
    let beside = beside.transpose()?;
    Ok(Some(Known { next, mark, beside }))
}

/// Writes the newest values of some commits, how far they go and, as it is at the end, what lies beside; all or none, durably.
/// `pace` hears after each value how many of how many that were.
pub(super) fn write(
    database: &Database,
    new: &Tables,
    next: u64,
    mark: &Mark,
    beside: impl FnOnce() -> Beside,
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
    let done = [
        next.to_be_bytes().as_slice(),
        &mark.commit.to_be_bytes(),
        &mark.digest,
    ]
    .concat();
    let beside = match beside() {
        Beside::Closed => [0; 3],
        Beside::Open {
            pages,
            since,
            reached,
        } => [pages, since, reached],
    };
    let beside = beside.map(u64::to_be_bytes).concat();
    let mut entries = transaction
        .open_table(JOURNAL)
        .map_err(|error| wrong(error.into()))?;
    for (key, value) in [(DONE, done), (BESIDE, beside)] {
        let sum = sum_of("journal", key.as_bytes(), &value);
        let sealed = [value.as_slice(), &sum].concat();
        drop(
            entries
                .insert(key, sealed.as_slice())
                .map_err(|error| wrong(error.into()))?,
        );
    }
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

//! Re-computing a whole chain from its genesis, and comparing every stored entry with what comes out.

use crate::ledger::EXTRA;
use crate::store::{LedgerStore, MemoryStore, Order, Snapshot, Table};
use crate::{Error, Height, Ledger, Result, map};

/// How many entries of a table are compared at a time.
const PAGE: usize = 1024;

/// A chain that was re-computed and found to be what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audit {
    /// The number of blocks, the genesis' own included.
    pub blocks: u64,
    /// The number of transactions.
    pub transactions: u64,
}

impl<S: LedgerStore> Ledger<S> {
    /// Audits the ledger as [`Ledger::audit_into`], in memory: more bytes than the ledger has on disk.
    ///
    /// # Errors
    ///
    /// As [`Ledger::audit_into`].
    pub fn audit(&self, progress: impl FnMut(u64, u64)) -> Result<Audit> {
        self.audit_into(MemoryStore::new(), progress)
    }

    /// Computes every block again from the genesis, with every signature and every rule, and compares each table with
    /// what comes out, byte for byte; the state tree is computed by jmt itself, not by the code that makes blocks. `progress`
    /// hears the blocks done and the blocks there are.
    ///
    /// What was kept beside the ledger by [`Ledger::found_with`] follows from nothing, so it is left out; and so is what the store
    /// notes for itself. The durable store has a checksum behind both, as behind each value.
    ///
    /// The chain is built up in `store`, which must be empty: about as many bytes as the ledger has on disk. Beside that, one block
    /// at a time is in memory, and then one page of each table; so a store on a disk
    /// (`RedbStore::scratch`) makes the memory that this takes independent of how long the chain is.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] naming the first block or table entry that is not what the rules give, [`Error::Rebuilding`] when
    /// `store` fails.
    pub fn audit_into<T: LedgerStore>(
        &self,
        store: T,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Audit> {
        let reading = self.view()?;
        let last = reading.head().height;
        let again = Ledger::found_by(store, self.genesis().clone(), &[], map::by_jmt::update)
            .map_err(rebuilding)?;
        let wrong = |height, reason: String| Error::damaged(format!("block {height}: {reason}"));
        for height in 0..=last.0 {
            let height = Height(height);
            let block = reading
                .block(height)?
                .ok_or_else(|| wrong(height, "it is missing".to_owned()))?;
            if height == Height(0) {
                if block.header != *again.view()?.head() {
                    return Err(wrong(height, "it is not what the genesis gives".to_owned()));
                }
                continue;
            }
            again
                .replay_by(&block, map::by_jmt::update)
                .map_err(rebuilding)?;
            progress(height.0 + 1, last.0 + 1);
        }
        let computed = again.store().snapshot().map_err(rebuilding)?;
        for table in Table::ALL {
            compare(table, reading.snapshot(), &computed)?;
        }
        Ok(Audit {
            blocks: last.0 + 1,
            transactions: reading.head().log_size,
        })
    }
}

/// A failure of the store that the chain is built up in is none of the ledger's own.
fn rebuilding(error: Error) -> Error {
    match error {
        Error::Store { .. } => Error::Rebuilding {
            source: Box::new(error),
        },
        other => other,
    }
}

/// Compares a table entry by entry.
fn compare(table: Table, stored: &impl Snapshot, computed: &impl Snapshot) -> Result<()> {
    // every key begins with less than 41 bytes of 0xFF
    let end = [0xff; 41];
    let mut from = Vec::new();
    loop {
        let mut found = stored.range(table, &from, &end, Order::Ascending, PAGE)?;
        if table == Table::Meta {
            // a few names: all of them are on this page
            found.retain(|(key, _)| !key.starts_with(EXTRA));
        }
        let expected = computed
            .range(table, &from, &end, Order::Ascending, PAGE)
            .map_err(rebuilding)?;
        if found != expected {
            let differing = found
                .iter()
                .zip(&expected)
                .find(|(a, b)| a != b)
                .map_or_else(
                    || "an entry is missing or too many".to_owned(),
                    |(entry, _)| {
                        format!(
                            "the entry {} differs",
                            entry
                                .0
                                .iter()
                                .map(|b| format!("{b:02x}"))
                                .collect::<String>()
                        )
                    },
                );
            return Err(Error::damaged(format!(
                "table {}: {differing}",
                table.name()
            )));
        }
        match found.last() {
            Some((key, _)) if found.len() == PAGE => from = [key.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}

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
    /// Computes every block again from the genesis, with every signature and every rule, and compares each table with
    /// what comes out, byte for byte; the state tree is computed by jmt itself, not by the code that makes blocks. `progress` hears the blocks done and the blocks there are.
    ///
    /// What was kept beside the ledger by [`Ledger::found_with`] follows from nothing, so it is left out; and so is what the store
    /// notes for itself. The durable store has a checksum behind both, as behind each value.
    ///
    /// The state is built up in memory meanwhile: about as many bytes as the ledger has on disk.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] naming the first block or table entry that is not what the rules give.
    pub fn audit(&self, mut progress: impl FnMut(u64, u64)) -> Result<Audit> {
        let reading = self.view()?;
        let last = reading.head().height;
        let (store, genesis) = (MemoryStore::new(), self.genesis().clone());
        let again = Ledger::found_by(store, genesis, &[], map::by_jmt::update)?;
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
            again.replay_by(&block, map::by_jmt::update)?;
            progress(height.0 + 1, last.0 + 1);
        }
        let (stored, computed) = (reading.snapshot(), again.store().snapshot()?);
        for table in Table::ALL {
            compare(table, stored, &computed)?;
        }
        Ok(Audit {
            blocks: last.0 + 1,
            transactions: reading.head().log_size,
        })
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
        let expected = computed.range(table, &from, &end, Order::Ascending, PAGE)?;
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

//! The whole chain, fetched block by block and computed again.

use std::path::Path;

use ledger_core::store::{LedgerStore, RedbStore};
use ledger_core::{Height, Ledger, Rejected};

use super::Client;
use crate::{Error, Result};

impl Client<'_> {
    /// Fetches and computes the whole chain as [`Client::replica`], in a temporary file in this folder, which takes about as
    /// much room as the server's ledger and is gone when the replica is dropped, or the process ends.
    ///
    /// # Errors
    ///
    /// [`Error::Scratch`] when there is no room, or as [`Client::replica`].
    pub fn replica_in(
        &self,
        folder: &Path,
        progress: impl FnMut(u64, u64),
    ) -> Result<Ledger<RedbStore>> {
        let scratch = RedbStore::scratch(folder).map_err(|error| Error::scratch(folder, error))?;
        self.replica(scratch, progress)
            .map_err(|error| match error {
                // no other store takes part
                Error::Ledger(source @ ledger_core::Error::Store { .. }) => {
                    Error::scratch(folder, source)
                }
                other => other,
            })
    }

    /// Fetches every block up to the newest checkpoint into an empty store, and computes each again, with every signature
    /// and every rule. What comes out is what the server's checkpoint commits to: nothing that the rules forbid stands in
    /// that chain, and asked here, no list leaves anything out. `progress` hears the blocks done and the blocks there are.
    ///
    /// # Errors
    ///
    /// [`Error::Ledger`] with [`ledger_core::Error::Damaged`] naming the first block that breaks a rule, a failure of the
    /// store, or what every question fails with.
    pub fn replica<S: LedgerStore>(
        &self,
        store: S,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Ledger<S>> {
        let checkpoint = self.checkpoint()?;
        let last = checkpoint.height();
        let ledger = Ledger::found(store, self.genesis.clone()).map_err(Error::Ledger)?;
        for height in 1..=last.0 {
            let block = self.block(Height(height))?.ok_or_else(|| {
                let path = format!("/v1/blocks/{height}");
                self.unanswered(&path, "a block below its checkpoint")
            })?;
            ledger.replay(&block).map_err(Error::Ledger)?;
            progress(height + 1, last.0 + 1);
        }
        let head = ledger.view().map_err(Error::Ledger)?.head().digest();
        if head != checkpoint.header() {
            return Err(Error::Unproven(Rejected::Header));
        }
        Ok(ledger)
    }
}

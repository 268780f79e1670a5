//! What a receiver was given: nothing of it is believed.

use core::fmt;

use ipfs_store::BlockStore;

/// The evidence for a claim: the ledger's proof, and blocks from wherever they came.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    bundle: &'a [u8],
    blocks: &'a dyn BlockStore,
}

impl<'a> Evidence<'a> {
    /// Brings a proof bundle of the ledger and a store that holds the blocks of the share and of the sender's cert.
    #[must_use]
    pub const fn new(bundle: &'a [u8], blocks: &'a dyn BlockStore) -> Self {
        Self { bundle, blocks }
    }

    /// The ledger's proof bundle.
    #[must_use]
    pub const fn bundle(&self) -> &'a [u8] {
        self.bundle
    }

    /// The blocks.
    #[must_use]
    pub const fn blocks(&self) -> &'a dyn BlockStore {
        self.blocks
    }
}

impl fmt::Debug for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("bundle", &self.bundle.len())
            .finish_non_exhaustive()
    }
}

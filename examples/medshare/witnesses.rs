//! Which witnesses have to cosign what is believed.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use ledger_core::WitnessKey;

/// Witnesses that are known, and how many of them count.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct WitnessArgs {
    /// A witness whose cosignature counts; may be repeated.
    #[arg(long, value_name = "KEY")]
    pub(crate) witness: Vec<WitnessKey>,
    /// How many of the witnesses must have cosigned; without it, all.
    #[arg(long, value_name = "N", requires = "witness")]
    pub(crate) quorum: Option<usize>,
}

impl WitnessArgs {
    /// How many of them must have cosigned.
    pub(crate) fn needed(&self) -> Result<usize> {
        // one key is one witness, however often and by whatever names it is given
        let different: BTreeSet<_> = self.witness.iter().map(WitnessKey::public_key).collect();
        let quorum = self.quorum.unwrap_or(different.len());
        ensure!(
            quorum <= different.len(),
            "a quorum of {quorum} among {} different witnesses",
            different.len()
        );
        Ok(quorum)
    }
}

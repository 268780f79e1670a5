//! Which witnesses have to cosign what is believed.

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
        let quorum = self.quorum.unwrap_or(self.witness.len());
        ensure!(
            quorum <= self.witness.len(),
            "a quorum of {quorum} among {} witnesses",
            self.witness.len()
        );
        Ok(quorum)
    }
}

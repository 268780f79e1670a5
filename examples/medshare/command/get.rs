use std::path::PathBuf;

use anyhow::Result;
use ipfs_store::dag;
use serde_json::json;

use crate::blocks::{StoreArgs, resolve};
use crate::output::{Outcome, Output, place};

/// Writes a file or directory of the store to disk: whole, or not at all.
///
/// Until it is whole it lies in a folder `.ipfs-...` beside its place, which can be removed if the command is interrupted.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The root, or CID/NAME for something in a directory
    cid: String,
    /// Where to; nothing may be there yet
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(crate) fn run(&self, _: &Output) -> Result<Outcome> {
        let store = self.store.open()?;
        let root = resolve(store.as_store(), &self.cid)?;
        dag::extract(store.as_store(), &root, &self.out)?;
        Ok(Outcome::done(
            json!({ "cid": root.to_string(), "out": place(&self.out) }),
        ))
    }
}

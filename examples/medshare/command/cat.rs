use std::io::{self, Write as _};

use anyhow::Result;
use ipfs_store::dag;
use serde_json::json;

use crate::blocks::{StoreArgs, resolve};
use crate::output::{Outcome, Output};

/// Writes a file of the store to stdout: every block is checked, and at the first fault it ends with an error.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file's root, or CID/NAME for a file in a directory
    cid: String,
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(crate) fn run(&self, _: &Output) -> Result<Outcome> {
        let store = self.store.open()?;
        let root = resolve(store.as_store(), &self.cid)?;
        let mut reader = dag::cat(store.as_store(), &root)?;
        let mut stdout = io::stdout().lock();
        let size = reader.copy_to(&mut stdout)?;
        stdout.flush()?;
        // with --json the object would follow the bytes
        Ok(Outcome::done(
            json!({ "cid": root.to_string(), "size": size }),
        ))
    }
}

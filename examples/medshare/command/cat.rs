use std::io::{self, Write as _};

use anyhow::{Result, bail};
use ipfs_store::dag;

use crate::blocks::{StoreArgs, resolve};
use crate::output::{Outcome, Output};

/// Writes a file of the store to stdout: every block is checked, and at the first fault it ends with an error.
///
/// It takes no `--json`, whose object would follow the file: `get` writes the file elsewhere.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file's root, or CID/NAME for a file in a directory
    cid: String,
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        if output.is_json() {
            bail!(
                "the file goes to stdout, where --json writes its object: `get` writes it to a file"
            );
        }
        let store = self.store.open()?;
        let root = resolve(store.as_store(), &self.cid)?;
        let mut reader = dag::cat(store.as_store(), &root)?;
        let mut stdout = io::stdout().lock();
        reader.copy_to(&mut stdout)?;
        stdout.flush()?;
        Ok(Outcome::Told)
    }
}

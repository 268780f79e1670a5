use anyhow::Result;
use ipfs_store::dag;
use serde_json::json;

use crate::blocks::{StoreArgs, resolve};
use crate::output::{Outcome, Output};

/// Lists a directory of the store: root, bytes of all blocks, name.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory's root, or CID/NAME for a directory in a directory
    cid: String,
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let store = self.store.open()?;
        let root = resolve(store.as_store(), &self.cid)?;
        let entries = dag::list(store.as_store(), &root)?;
        for entry in &entries {
            output.line(format_args!(
                "{} {:>12} {}",
                entry.cid,
                entry.size,
                entry.name.escape_debug()
            ));
        }
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| json!({ "name": entry.name, "cid": entry.cid.to_string(), "tree_size": entry.size }))
            .collect();
        Ok(Outcome::done(json!({ "entries": entries })))
    }
}

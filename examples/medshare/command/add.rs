use std::io;
use std::path::PathBuf;

use anyhow::Result;
use ipfs_store::{Profile, dag};
use serde_json::json;

use crate::blocks::StoreArgs;
use crate::output::{Outcome, Output};

/// Adds a file or a directory to the store, pins it, and prints its root CID.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file or directory; `-` is a file from stdin
    path: PathBuf,
    /// Which CIDs: unixfs-v1-2025, test-cid-v1 or legacy-cid-v0
    #[arg(long, default_value_t, value_name = "NAME")]
    profile: Profile,
    /// Print the CID and store nothing
    #[arg(long)]
    only_hash: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let stdin = self.path.as_os_str() == "-";
        let node = if self.only_hash {
            if stdin {
                dag::only_hash(io::stdin().lock(), self.profile)?
            } else {
                dag::only_hash_path(&self.path, self.profile)?
            }
        } else {
            let store = self.store.open()?;
            let node = if stdin {
                dag::add(store.as_store(), io::stdin().lock(), self.profile)?
            } else {
                dag::add_path(store.as_store(), &self.path, self.profile)?
            };
            store.pin(&node.cid)?;
            node
        };
        output.line(node.cid);
        Ok(Outcome::done(json!({
            "cid": node.cid.to_string(),
            "size": node.size,
            "tree_size": node.tree_size,
            "profile": self.profile.name(),
        })))
    }
}

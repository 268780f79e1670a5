use anyhow::{Result, bail};
use ipfs_store::parse_cid;
use serde_json::json;

use crate::blocks::StoreArgs;
use crate::output::{Outcome, Output};

/// Pins roots, lets go of them, or lists them: what is not pinned, `gc` deletes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Keeps everything under a root; all of it must be there
    Add(One),
    /// Lets go of a root
    Rm(One),
    /// Lists the pinned roots
    Ls(All),
}

#[derive(Debug, clap::Args)]
struct One {
    /// The root
    cid: String,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, clap::Args)]
struct All {
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        match &self.what {
            What::Add(One { cid, store }) => {
                let root = parse_cid(cid)?;
                store.open()?.pin(&root)?;
                Ok(Outcome::done(json!({ "pinned": root.to_string() })))
            }
            What::Rm(One { cid, store }) => {
                let root = parse_cid(cid)?;
                if !store.open()?.unpin(&root)? {
                    bail!("{root} is not pinned");
                }
                Ok(Outcome::done(json!({ "unpinned": root.to_string() })))
            }
            What::Ls(All { store }) => {
                let pins = store.open()?.pins()?;
                pins.iter().for_each(|pin| output.line(pin));
                let pins: Vec<_> = pins.iter().map(ToString::to_string).collect();
                Ok(Outcome::done(json!({ "pins": pins })))
            }
        }
    }
}

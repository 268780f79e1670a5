use anyhow::Result;
use serde_json::json;

use crate::blocks::{Blocks, StoreArgs};
use crate::output::{Outcome, Output, size};

/// Deletes every block that no pin reaches.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        match self.store.open()? {
            Blocks::Embedded(store) => {
                let collected = store.gc()?;
                let left = store.size()?;
                output.line(format_args!(
                    "removed {} blocks, {}; {} blocks, {}, are left",
                    collected.blocks,
                    size(collected.bytes),
                    left.blocks,
                    size(left.bytes)
                ));
                Ok(Outcome::done(json!({
                    "removed_blocks": collected.blocks,
                    "removed_bytes": collected.bytes,
                    "left_blocks": left.blocks,
                    "left_bytes": left.bytes,
                })))
            }
            Blocks::Kubo(kubo) => {
                let removed = kubo.gc()?;
                output.line(format_args!("removed {removed} blocks"));
                Ok(Outcome::done(json!({ "removed_blocks": removed })))
            }
        }
    }
}

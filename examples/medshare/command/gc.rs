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
        let store = self.store.open()?;
        let (removed, bytes) = store.gc()?;
        let Blocks::Embedded(store) = store else {
            output.line(format_args!("removed {removed} blocks"));
            return Ok(Outcome::done(json!({ "removed_blocks": removed })));
        };
        let left = store.size()?;
        output.line(format_args!(
            "removed {removed} blocks, {}; {} blocks, {}, are left",
            size(bytes.unwrap_or(0)),
            left.blocks,
            size(left.bytes)
        ));
        Ok(Outcome::done(json!({
            "removed_blocks": removed,
            "removed_bytes": bytes,
            "left_blocks": left.blocks,
            "left_bytes": left.bytes,
        })))
    }
}

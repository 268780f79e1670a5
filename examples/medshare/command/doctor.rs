use anyhow::Result;
use serde_json::json;

use crate::blocks::{Blocks, StoreArgs};
use crate::output::{Outcome, Output, size};

/// Examines a store: every pinned block of a directory, or what a Kubo daemon would tell the public.
///
/// Rejects (exit code 3) what it finds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let blocks = self.store.open()?;
        let mut warnings = Vec::new();
        match &blocks {
            Blocks::Kubo(kubo) => {
                output.line(format_args!("Kubo {}", kubo.version()?));
                warnings.extend(kubo.doctor()?.iter().map(ToString::to_string));
            }
            Blocks::Embedded(store) => {
                for root in store.pins()? {
                    for block in ipfs_store::dag::walk(store, &root) {
                        if let Err(error) = block {
                            warnings.push(format!("under {root}: {error}"));
                        }
                    }
                }
                let held = store.size()?;
                output.line(format_args!("{} blocks, {}", held.blocks, size(held.bytes)));
            }
        }
        for warning in &warnings {
            output.line(format_args!("warning: {warning}"));
        }
        let fields = json!({ "warnings": warnings });
        match warnings.first() {
            None => Ok(Outcome::done(fields)),
            Some(first) => Ok(Outcome::rejected(None, first, fields)),
        }
    }
}

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use ipfs_store::{car, parse_cid};
use serde_json::json;

use crate::blocks::StoreArgs;
use crate::file::{self, Target};
use crate::output::{Outcome, Output, size};

/// Carries blocks by hand, in CAR files that every IPFS program reads.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Writes everything under a root to a file
    Export(Export),
    /// Adds what is in a file to the store, and pins its roots
    Import(Import),
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The root
    cid: String,
    /// The file to write; `-` is stdout
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// The CAR file, of version 1 or 2
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        match &self.what {
            What::Export(args) => args.run(output),
            What::Import(args) => args.run(output),
        }
    }
}

impl Export {
    fn run(&self, output: &Output) -> Result<Outcome> {
        output.check_target(&self.out)?;
        let root = parse_cid(&self.cid)?;
        let store = self.store.open()?;
        // one that is cut short shows that it is
        let mut target = Target::streamed(&self.out)?;
        let carried = car::export(store.as_store(), &[root], &mut target)?;
        target.commit()?;
        Ok(Outcome::done(
            json!({ "blocks": carried.blocks, "bytes": carried.bytes }),
        ))
    }
}

impl Import {
    fn run(&self, output: &Output) -> Result<Outcome> {
        let store = self.store.open()?;
        let file = file::open(&self.file)?;
        // until the roots are pinned: what is imported is garbage before
        let _hold = store.hold()?;
        let carried = car::import(store.as_store(), std::io::BufReader::new(file))
            .with_context(|| format!("cannot import {}", self.file.display()))?;
        if carried.roots.is_empty() {
            bail!(
                "{} names no root: nothing would be kept",
                self.file.display()
            );
        }
        for root in &carried.roots {
            store.pin(root)?;
            output.line(root);
        }
        output.note(format_args!(
            "{} blocks, {}",
            carried.blocks,
            size(carried.bytes)
        ));
        let roots: Vec<_> = carried.roots.iter().map(ToString::to_string).collect();
        Ok(Outcome::done(
            json!({ "roots": roots, "blocks": carried.blocks, "bytes": carried.bytes }),
        ))
    }
}

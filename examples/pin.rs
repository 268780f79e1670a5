//! Adds a file to a store, pins it, and reads it back by its CID alone.
//!
//!     cargo run --example pin -- STORE FILE

use std::path::Path;

use anyhow::{Context, Result};
use ipfs_store::{EmbeddedStore, Profile, dag};

#[allow(clippy::print_stdout, reason = "the example's purpose")]
fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1);
    let (Some(store), Some(file)) = (args.next(), args.next()) else {
        anyhow::bail!("usage: pin STORE FILE");
    };
    let store = EmbeddedStore::open(Path::new(&store))?;
    let added = dag::add_path(&store, Path::new(&file), Profile::default())?;
    store.pin(&added.cid)?; // from here on it survives power failures and garbage collections
    println!("{} is {} bytes", added.cid, added.size);

    for block in dag::walk(&store, &added.cid) {
        let block = block?; // hashed again: what the disk changed does not get here
        println!("{} {:>8} bytes", block.cid(), block.bytes().len());
    }
    let mut copy = dag::cat(&store, &added.cid).context("only a file can be read")?;
    let read = std::io::copy(&mut copy, &mut std::io::sink())?;
    println!("{read} bytes came back");
    Ok(())
}

//! Copies of a whole ledger: a backup that is the same node, and an export that anyone may read.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ledger_core::store::{Opening as FileOpening, RedbStore};
use ledger_core::{Genesis, Height, Ledger};

use super::opening::{at, make_private, wait_for};
use super::{NODE_KEY, Node, Opening, node_key};
use crate::{Error, Result};

impl Node {
    /// Writes the genesis and every block up to now into a stream, without the node's key; the node goes on meanwhile.
    /// `progress` hears the blocks done and the blocks there are. Returns the height of the last block.
    ///
    /// # Errors
    ///
    /// A failure of the store or of the writer.
    pub fn export(&self, to: impl Write, progress: impl FnMut(u64, u64)) -> Result<Height> {
        self.ledger
            .export(to, progress)
            .map_err(|error| self.at(error))
    }

    /// Copies the ledger as it is now into a new file, with the node's key: what is opened there is this node. The node
    /// goes on meanwhile. `progress` hears the entries copied so far.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when something is at `path` already, or a failure of either store; nothing is left at `path` then.
    pub fn backup(&self, path: &Path, progress: impl FnMut(u64)) -> Result<()> {
        write_new(path, |store| {
            self.ledger.copy_to(&store, progress)?;
            store.close()
        })
    }

    /// Reads an export into a new file, with every signature and every rule, and opens it.
    ///
    /// An export has no key. With the node's `secret` the copy is this node; without, it can be read, verified and queried,
    /// but records and signs nothing. `progress` hears the height of each block.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when something is at `path` already, [`Error::WrongKey`], or what is wrong with the export; nothing
    /// is left at `path` then.
    pub fn import(
        path: &Path,
        from: impl Read,
        secret: Option<&[u8; 32]>,
        progress: impl FnMut(u64),
    ) -> Result<Self> {
        let extra: Vec<(&str, &[u8])> = secret
            .iter()
            .map(|secret| (NODE_KEY, secret.as_slice()))
            .collect();
        let mut fits = true;
        let right =
            |genesis: &Genesis| secret.is_none_or(|secret| node_key(secret, genesis).is_some());
        write_new(path, |store| {
            let ledger = Ledger::import(store, from, &extra, progress)?;
            fits = right(ledger.genesis());
            if fits {
                ledger.into_store().close()
            } else {
                Err(ledger_core::Error::Empty)
            }
        })
        .map_err(|error| if fits { error } else { Error::WrongKey })?;
        Self::open(path)
    }
}

/// Fills a new ledger under a temporary name beside `path` and renames it when it is whole; `fill` closes the store, so
/// that one file is all of it.
fn write_new(path: &Path, fill: impl FnOnce(RedbStore) -> ledger_core::Result<()>) -> Result<()> {
    let file = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    if path.exists() {
        return Err(file(std::io::ErrorKind::AlreadyExists.into()));
    }
    let mut name = OsString::from(path);
    name.push(".partial");
    let partial = PathBuf::from(name);
    // what an interrupted copy left behind
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file(error)),
        _ => {}
    }
    make_private(&partial)?;
    let filled = wait_for(&partial, FileOpening::Create, &mut Opening::new())
        .and_then(|store| fill(store).map_err(|error| at(path, error)))
        .and_then(|()| std::fs::rename(&partial, path).map_err(file));
    if filled.is_err() {
        // the error that is returned says more than a failure to clean up after it
        let _ = std::fs::remove_file(&partial);
    }
    filled
}

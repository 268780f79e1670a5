//! What may not be collected: one empty file for each root, named by its CID.

use std::fs::{self, File};
use std::io;

use super::{Committed, EmbeddedStore, sync_directory};
use crate::{BlockStore, Cid, Error, Result, dag, hash, parse_cid};

impl EmbeddedStore {
    /// Keeps the DAG under a root, all of it, through every garbage collection. When it returns, DAG and pin are durable.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] when a block of the DAG is not there: a pin never promises what it cannot keep; else what
    /// [`dag::cids`] finds; [`Error::Busy`] while another process collects garbage; [`Error::Io`].
    pub fn pin(&self, root: &Cid) -> Result<()> {
        hash::accept(root)?;
        let at = |source| self.failed("pinning", source);
        // nobody collects garbage until the pin is there, though another thread may sync
        let hold = self.hold_committed()?;
        for cid in dag::cids(&Committed(self), root) {
            cid?;
        }
        let folder = self.pinned();
        let file = File::create(folder.join(root.to_string())).map_err(at)?;
        file.sync_all().map_err(at)?;
        sync_directory(&folder).map_err(at)?;
        drop(hold);
        self.sync()
    }

    /// Lets go of a DAG, and says whether it was pinned. Its blocks are there until [`EmbeddedStore::gc`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn unpin(&self, root: &Cid) -> Result<bool> {
        let at = |source| self.failed("unpinning", source);
        match fs::remove_file(self.pinned().join(root.to_string())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at(error)),
            Ok(()) => sync_directory(&self.pinned()).map_err(at).map(|()| true),
        }
    }

    /// The roots that are pinned, in the order of their text.
    ///
    /// # Errors
    ///
    /// [`Error::NotAStore`] when a foreign file lies among the pins: then nobody knows what was pinned; [`Error::Io`].
    pub fn pins(&self) -> Result<Vec<Cid>> {
        let at = |source| self.failed("reading the pins", source);
        let mut names = Vec::new();
        for entry in fs::read_dir(self.pinned()).map_err(at)? {
            names.push(entry.map_err(at)?.file_name());
        }
        names.sort();
        names
            .iter()
            .map(|name| {
                let name = name.to_string_lossy();
                parse_cid(&name).map_err(|error| Error::NotAStore {
                    path: self.pinned(),
                    reason: error.to_string(),
                })
            })
            .collect()
    }
}

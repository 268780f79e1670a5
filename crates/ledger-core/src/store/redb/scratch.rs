//! A store for what is computed, compared and thrown away: in a file that nobody can find, without a journal.

use std::io;
use std::path::Path;

use redb::Database;

use super::journal::{Beside, Disk};
use super::tables::{failed_disk, guarded, opened};
use super::{Flushing, RedbStore, lock};
use crate::Result;

/// The memory for pages.
const CACHE: usize = 64 << 20;
/// From how many bytes on changes go from memory to the file.
const FULL: usize = 32 << 20;

impl RedbStore {
    /// An empty store in a file without a name in this folder, which the system removes when the store is dropped or the
    /// process ends, however it ends. Nothing in it outlives that, so a commit waits for no disk and has no journal.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Store`] when no file can be made there.
    pub fn scratch(folder: &Path) -> Result<Self> {
        let failed = |error| failed_disk("making a temporary file", error);
        let file = tempfile::tempfile_in(folder).map_err(failed)?;
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let nowhere = [(); 2].map(|()| Box::new(Nowhere) as Box<dyn Disk>);
        let store = guarded(|| {
            let backend = redb::backends::FileBackend::new(file).map_err(opened)?;
            // on the committing thread a full disk is heard of at once: there is no journal that says so
            Self::with(&builder, backend, nowhere, 1, FULL, Flushing::Inline)
        })?;
        // nothing has to be made before the first commit: that would wait for room on a full disk
        *lock(&store.shared.beside) = Beside::Open {
            pages: 1,
            since: 0,
            reached: 0,
        };
        Ok(store)
    }
}

/// In place of a journal's file: takes everything and keeps nothing, because nobody opens a scratch store again.
#[derive(Debug)]
struct Nowhere;

impl Disk for Nowhere {
    /// Room for whatever comes, so that none is made.
    fn len(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn read(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn clear(&self) -> io::Result<()> {
        Ok(())
    }
}

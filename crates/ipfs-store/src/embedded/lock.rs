//! Who may do what at the same time, among processes.
//!
//! Putting and pinning share the lock; garbage collection has it alone; reading does without.

use std::fs::{File, OpenOptions, TryLockError};
use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::EmbeddedStore;
use super::pack::Writer;
use crate::{Error, Result};

/// How often a held lock is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// The lock is held until the file is dropped, or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

/// Holds off the garbage collection of a store until it is dropped: from [`EmbeddedStore::hold`].
#[derive(Debug)]
#[must_use = "garbage collection is held off until this is dropped"]
pub struct Hold {
    _lock: Lock,
    /// Counted by the store: its own collection lets it end before it takes the writer.
    _held: Arc<()>,
}

impl EmbeddedStore {
    /// Holds off the garbage collection of every process and thread, whoever pins or syncs, until what it returns is dropped: for what is
    /// pinned only after something else was made durable, as the roots of a CAR file are.
    ///
    /// A thread that collects or deletes while it holds waits for itself, and gets [`Error::Busy`].
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] while another process collects garbage; [`Error::Io`].
    ///
    /// # Example
    ///
    /// ```
    /// # use ipfs_store::{EmbeddedStore, MemoryStore, Profile, car, dag};
    /// # let other = MemoryStore::new();
    /// # let root = dag::add(&other, &b"an image"[..], Profile::default())?.cid;
    /// # let mut file = Vec::new();
    /// # car::export(&other, &[root], &mut file)?;
    /// # let folder = tempfile::tempdir()?;
    /// let store = EmbeddedStore::open(folder.path())?;
    /// let hold = store.hold()?;
    /// for root in car::import(&store, file.as_slice())?.roots {
    ///     store.pin(&root)?;
    /// }
    /// drop(hold);
    /// # assert_eq!(store.gc()?.blocks, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hold(&self) -> Result<Hold> {
        self.hold_under(&self.writer())
    }

    /// Holds off the garbage collection of others.
    pub(super) fn lock_shared(&self) -> Result<Lock> {
        self.lock(File::try_lock_shared)
    }

    /// Holds off everybody who puts or pins.
    pub(super) fn lock_exclusive(&self) -> Result<Lock> {
        self.lock(File::try_lock)
    }

    /// Makes what is pending durable and visible, and holds off every garbage collection, as [`EmbeddedStore::hold`] does.
    pub(super) fn hold_committed(&self) -> Result<Hold> {
        let mut writer = self.writer();
        let hold = self.hold_under(&writer)?;
        self.commit(&mut writer)?;
        Ok(hold)
    }

    /// At once when the writer has its lock, since that is shared.
    fn hold_under(&self, _: &MutexGuard<'_, Writer>) -> Result<Hold> {
        let lock = self.lock_shared()?;
        Ok(Hold {
            _lock: lock,
            _held: Arc::clone(&self.held),
        })
    }

    /// The writer, once nothing in this process holds off garbage collection but what it may release itself. Who holds may put
    /// meanwhile; nobody holds anew without the writer.
    pub(super) fn writer_unheld(&self) -> Result<MutexGuard<'_, Writer>> {
        self.patiently(|| {
            let writer = self.writer();
            Ok((Arc::strong_count(&self.held) == 1).then_some(writer))
        })
    }

    fn lock(&self, try_lock: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Lock> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.root.join("lock"))
            .map_err(|source| self.failed("opening the store's lock", source))?;
        self.patiently(|| match try_lock(&file) {
            Ok(()) => Ok(Some(())),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(self.failed("locking the store", source)),
        })?;
        Ok(Lock(file))
    }

    /// Tries again what others hold up, for as long as this store waits.
    fn patiently<T>(&self, attempt: impl Fn() -> Result<Option<T>>) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(done) = attempt()? {
                return Ok(done);
            }
            if start.elapsed() >= self.wait {
                return Err(Error::Busy {
                    path: self.root.clone(),
                    waited: start.elapsed(),
                });
            }
            thread::sleep(PAUSE);
        }
    }
}

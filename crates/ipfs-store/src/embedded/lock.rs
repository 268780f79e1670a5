//! Who may do what at the same time, among processes.
//!
//! Putting and pinning share the lock; garbage collection has it alone; reading does without.

use std::fs::{File, OpenOptions, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::EmbeddedStore;
use crate::{Error, Result};

/// How often a held lock is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// The lock is held until the file is dropped, or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

impl EmbeddedStore {
    /// Holds off the garbage collection of others.
    pub(super) fn lock_shared(&self) -> Result<Lock> {
        self.lock(File::try_lock_shared)
    }

    /// Holds off everybody who puts or pins.
    pub(super) fn lock_exclusive(&self) -> Result<Lock> {
        self.lock(File::try_lock)
    }

    fn lock(&self, try_lock: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Lock> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.root.join("lock"))
            .map_err(|source| self.failed("opening the store's lock", source))?;
        let start = Instant::now();
        loop {
            match try_lock(&file) {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::WouldBlock) if start.elapsed() < self.wait => {
                    thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Busy {
                        path: self.root.clone(),
                        waited: start.elapsed(),
                    });
                }
                Err(TryLockError::Error(source)) => {
                    return Err(self.failed("locking the store", source));
                }
            }
        }
    }
}

//! A disk that may be full for a while.

use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use redb::{BackendError, StorageBackend};

use super::tables::failed_disk;

/// How long to wait before the disk is tried again.
const PAUSE: Duration = Duration::from_millis(50);
/// After how many bytes they are synced while commits go on and there is time: a commit's own sync then never waits behind
/// tens of MiB, and the core is free meanwhile.
const BEHIND: usize = 256 << 10;
/// For how long the disk then is the commits' alone: about what such a sync takes.
const REST: Duration = Duration::from_millis(1);
/// What all of it is, for shares of it.
const ALL: usize = 1 << 10;
/// Of the way to the tables the share that is done when every change is handed to redb, and its pages are to be written.
const HANDED: usize = ALL / 2;
/// By how much the tables may be behind and still rest.
const MARGIN: usize = ALL / 8;

/// A disk that waits for room instead of failing, as long as it is told to be patient.
///
/// redb does nothing more after its disk failed once, not even read. The journal has everything that was answered, so the
/// tables can wait until there is room again; who commits meanwhile hears from the journal that the disk is full.
#[derive(Debug)]
pub(super) struct Patient<B> {
    disk: B,
    patience: Arc<Patience>,
    unsynced: AtomicUsize,
}

/// Whether a full disk is waited for, as it is while a thread writes beside commits, and whether it is now; and whether
/// that thread has time.
#[derive(Debug, Default)]
pub(super) struct Patience {
    pub(super) patient: AtomicBool,
    waiting: AtomicBool,
    /// The share of the overlay that has filled again.
    filled: AtomicUsize,
    /// The share of what leaves that is written.
    written: AtomicUsize,
}

impl Patience {
    /// Says that the disk is full, while that is waited for.
    pub(super) fn heard(&self) -> crate::Result<()> {
        if self.waiting.load(Ordering::Acquire) {
            return Err(failed_disk(
                "writing a block",
                io::ErrorKind::StorageFull.into(),
            ));
        }
        Ok(())
    }

    /// So many bytes are in an overlay that is full with so many.
    pub(super) fn filled(&self, bytes: usize, full: usize) {
        let share = bytes.saturating_mul(ALL) / full.max(1);
        self.filled.store(share, Ordering::Release);
    }

    /// So many changes are handed to redb, of so many.
    pub(super) fn handed(&self, changes: usize, all: usize) {
        let share = changes.saturating_mul(HANDED) / all.max(1);
        self.written.store(share, Ordering::Release);
    }

    /// Everything is in the tables.
    pub(super) fn written(&self) {
        self.written.store(ALL, Ordering::Release);
    }

    /// There is no time at all.
    pub(super) fn hurry(&self) {
        self.filled.store(usize::MAX, Ordering::Release);
    }

    /// Whether hardly more has filled again than has been written: then the tables are done when the overlay is full, and
    /// have time. Behind that, every rest would be paid by commits that wait, and by the memory of what they wait for.
    pub(super) fn has_time(&self) -> bool {
        let filled = self.filled.load(Ordering::Acquire);
        self.written.load(Ordering::Acquire).saturating_add(MARGIN) > filled
    }
}

impl<B> Patient<B> {
    pub(super) const fn new(disk: B, patience: Arc<Patience>) -> Self {
        Self {
            disk,
            patience,
            unsynced: AtomicUsize::new(0),
        }
    }

    fn wait<T>(&self, run: impl Fn(&B) -> io::Result<T>) -> io::Result<T> {
        loop {
            match run(&self.disk) {
                Err(error) if full(&error) && self.patience.patient.load(Ordering::Acquire) => {
                    self.patience.waiting.store(true, Ordering::Release);
                    thread::sleep(PAUSE);
                }
                other => {
                    self.patience.waiting.store(false, Ordering::Release);
                    return other;
                }
            }
        }
    }
}

fn full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

impl<B: StorageBackend> StorageBackend for Patient<B> {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.wait(|disk| disk.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.unsynced.store(0, Ordering::Relaxed);
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.wait(|disk| disk.write(offset, data))?;
        let unsynced = self.unsynced.fetch_add(data.len(), Ordering::Relaxed) + data.len();
        let beside = self.patience.patient.load(Ordering::Acquire);
        if beside && unsynced >= BEHIND && self.patience.has_time() {
            self.sync_data()?;
            thread::sleep(REST);
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.disk.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.disk.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.disk.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.disk.unlock_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.disk.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.disk.lock_shared_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.disk.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_time_until_the_overlay_fills_faster_than_the_tables() {
        let patience = Patience::default();
        let full = 1 << 20;
        let has_time = |filled: usize, handed: usize| {
            patience.filled(filled, full);
            patience.handed(handed, 100);
            patience.has_time()
        };
        // from the first change on
        assert!(has_time(0, 0) && has_time(full / 16, 0));
        assert!(!has_time(full / 4, 0));
        assert!(has_time(full / 4, 50));
        // handed to redb: half of the way
        assert!(has_time(full / 2, 100));
        assert!(!has_time(full, 100));
        patience.written();
        assert!(patience.has_time());
        patience.hurry();
        assert!(!patience.has_time());
    }
}

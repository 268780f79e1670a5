//! The durable store: a redb file, with a journal before it.
//!
//! ```text
//! commit ──▶ journal, one write and one sync ──▶ answered
//!        ──▶ overlay in memory ─────────────────▶ read from now on
//!                 └──▶ 64 MiB later, on a thread of its own: sorted, into the tables
//! ```

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redb::{Database, ReadableDatabase};

use self::disk::{Patience, Patient};
use self::journal::{Beside, Disk, Journal, Known, Lazy, Mark};
use self::overlay::Overlay;
use self::tables::{failed, failed_disk, guarded, opened};
use super::{Batch, LedgerStore};
use crate::{Error, Result};

mod disk;
mod journal;
mod overlay;
mod record;
mod scratch;
mod snapshot;
mod tables;

pub use self::snapshot::RedbSnapshot;

/// From how many bytes on the overlay goes to the tables. Half as many cost about a tenth of the rate in blocks of 1,000, because twice as
/// many pages are written (`ledger -- path` in `benches/compare`), and take some 200 MB less memory at a million transactions (`growth`).
const FULL: usize = 64 << 20;
/// How long to wait for the tables before looking again.
const PAUSE: Duration = Duration::from_millis(1);
/// After how many changes the thread that writes to the tables rests: about half a millisecond's work.
const STRETCH: usize = 256;
/// How long it rests.
const REST: Duration = Duration::from_micros(500);
/// How many pauses long what has left for the tables is kept for those who still read it.
const KEPT: u32 = 2000;
/// How many pages of 4 KiB a file of the journal grows by at least.
const GROWTH: u64 = 256;

/// A ledger in one redb file; one process at a time has it open.
///
/// Every commit is durable when it returns: it is appended to a journal, two files beside the ledger's, with one sync.
/// From time to time what the journal has goes to the file's tables; on closing all of it goes there, and the journal is
/// removed. A process that was killed leaves the journal, and the next opening reads it: the three files belong together
/// then, and one that is missing is [`Error::Damaged`]. At most 256 MiB of changes wait for the tables.
///
/// redb's quick repair is on, so that a file left behind by a killed process opens at once instead of after a walk over
/// all of it; its second sync also means that the newest state of the tables is known by its place and not by a checksum
/// that whoever fills the ledger could aim at.
pub struct RedbStore {
    shared: Arc<Shared>,
    writer: Mutex<Writer>,
    /// How many bytes make the overlay full, and which thread writes it to the tables then.
    full: usize,
    flushing: Flushing,
}

/// Which thread writes to the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flushing {
    /// One of its own, while commits go on.
    Aside,
    /// The one that commits.
    Inline,
}

/// What the thread that writes to the tables needs.
struct Shared {
    database: Closing,
    /// A full disk is waited for while a thread of its own writes to the tables.
    patience: Arc<Patience>,
    view: Mutex<View>,
    /// What the tables say about the journal; the commit that they know of is that of the next writing.
    beside: Mutex<Beside>,
    /// Whether writing that failed: the tables may then say either.
    uncertain: AtomicBool,
}

/// A database that is closed as carefully as it is read: redb writes once more then, and meets a damaged file with a panic.
struct Closing(Option<Database>);

impl Deref for Closing {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.0.as_ref().expect("it is taken by dropping alone")
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let database = self.0.take();
        // everything that was answered is in it or in the journal, and whoever opens it next hears of the damage
        let _ = guarded(|| {
            drop(database);
            Ok(())
        });
    }
}

/// What the next snapshot sees.
struct View {
    commit: u64,
    overlay: Arc<Overlay>,
    /// What is on its way to the tables.
    leaving: Option<Leaving>,
}

#[derive(Clone)]
struct Leaving {
    overlay: Arc<Overlay>,
    /// The generation of the journal that follows it, and the last commit in it.
    next: u64,
    mark: Mark,
}

/// What only one thread at a time does.
struct Writer {
    journal: Journal,
    /// The first commit of all goes to the tables: an older version of this program, which knows no journal, must find the
    /// new format's number there.
    direct: bool,
    /// What is being written to the tables, or was.
    flush: Option<JoinHandle<Result<()>>>,
}

/// What to do about a path where no file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Opening {
    /// Makes the file.
    Create,
    /// Fails.
    Existing,
}

impl RedbStore {
    /// Opens a file, with the journal beside it if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] while another process has it open, [`Error::Empty`], [`Error::Damaged`] when redb notices damage or the journal is not
    /// what was written, [`Error::Store`] when the storage fails or there is no file.
    pub fn open(path: &Path, opening: Opening) -> Result<Self> {
        Self::open_with_cache(path, opening, 64 << 20)
    }

    /// Opens a file with another amount of memory for pages than 64 MiB.
    ///
    /// # Errors
    ///
    /// As [`RedbStore::open`].
    pub fn open_with_cache(path: &Path, opening: Opening, bytes: usize) -> Result<Self> {
        Self::open_file(path, opening, bytes, FULL)
    }

    /// Opens a file, and writes to its tables already after `full` bytes: for tests that stop a process while it does.
    ///
    /// # Errors
    ///
    /// As [`RedbStore::open`].
    #[cfg(feature = "testing")]
    pub fn open_with_threshold(path: &Path, opening: Opening, full: usize) -> Result<Self> {
        Self::open_file(path, opening, 64 << 20, full)
    }

    fn open_file(path: &Path, opening: Opening, cache: usize, full: usize) -> Result<Self> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true);
        options.create(opening == Opening::Create);
        let failed = |error| failed_disk("opening the file", error);
        let file = options.open(path).map_err(failed)?;
        // redb would make a database of it
        if opening == Opening::Existing && file.metadata().map_err(failed)?.len() == 0 {
            return Err(Error::Empty);
        }
        let journal = [0, 1].map(|number| Box::new(Lazy::beside(path, number)) as Box<dyn Disk>);
        let mut builder = Database::builder();
        builder.set_cache_size(cache);
        guarded(|| {
            let backend = redb::backends::FileBackend::new(file).map_err(opened)?;
            Self::with(&builder, backend, journal, GROWTH, full, Flushing::Aside)
        })
    }

    /// A ledger over other disks than files, the second and the third for the journal, which writes to its tables on the
    /// committing thread after `full` bytes: for tests that break disks on purpose.
    ///
    /// # Errors
    ///
    /// As [`RedbStore::open`].
    #[cfg(feature = "testing")]
    pub fn over<D: redb::StorageBackend>(disks: [D; 3], full: usize) -> Result<Self> {
        let [file, even, odd] = disks;
        let journal: [Box<dyn Disk>; 2] = [Box::new(even), Box::new(odd)];
        let builder = Database::builder();
        Self::with(&builder, file, journal, 4, full, Flushing::Inline)
    }

    fn with(
        builder: &redb::Builder,
        file: impl redb::StorageBackend,
        disks: [Box<dyn Disk>; 2],
        growth: u64,
        full: usize,
        flushing: Flushing,
    ) -> Result<Self> {
        let patience = Arc::new(Patience::default());
        let file = Patient::new(file, Arc::clone(&patience));
        let database = Closing(Some(builder.create_with_backend(file).map_err(opened)?));
        let known = tables::known(&database)?;
        let direct = known.is_none();
        let known = known.unwrap_or(Known {
            next: 0,
            mark: Mark::default(),
            beside: Some(Beside::Closed),
        });
        let first = known.next;
        let overlays = [(); 2].map(|()| Arc::new(Overlay::default()));
        // up to where the first of both goes
        let mut turned = known.mark;
        let journal = Journal::open(disks, growth, known, |generation, mark, batch| {
            let [old, new] = &overlays;
            if generation == first {
                turned = mark;
                old.insert(mark.commit, batch);
            } else {
                new.insert(mark.commit, batch);
            }
        })?;
        let (generation, mark) = journal.position();
        let [old, new] = overlays;
        let (overlay, leaving) = if generation == first {
            (old, None)
        } else {
            let leaving = Leaving {
                overlay: old,
                next: generation,
                mark: turned,
            };
            (new, Some(leaving))
        };
        let view = View {
            commit: mark.commit,
            overlay,
            leaving,
        };
        let shared = Shared {
            database,
            patience,
            view: Mutex::new(view),
            // a journal of format 2 is one that the tables do not know of
            beside: Mutex::new(known.beside.unwrap_or(Beside::Closed)),
            uncertain: AtomicBool::new(false),
        };
        let writer = Writer {
            journal,
            direct,
            flush: None,
        };
        Ok(Self {
            shared: Arc::new(shared),
            writer: Mutex::new(writer),
            full,
            flushing,
        })
    }

    /// Writes everything to the tables and removes the journal; so does dropping, which cannot tell whether it went well.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] when the storage fails: nothing is lost then, and the next opening reads the journal.
    pub fn close(mut self) -> Result<()> {
        self.settle()
    }

    /// Writes everything to the tables and empties the journal.
    fn settle(&mut self) -> Result<()> {
        self.shared.patience.patient.store(false, Ordering::Release);
        self.shared.patience.hurry();
        let writer = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(flush) = writer.flush.take() {
            // tried once more below
            let _ = joined(flush);
        }
        self.shared.drain(&mut writer.journal)?;
        if self.shared.uncertain.load(Ordering::Acquire) {
            // the tables may say that files lie beside them: those that need not be there are not looked at
            return Ok(());
        }
        writer.journal.clear()
    }

    /// Makes the journal's files, and then notes in the tables that they belong to them: before the first commit in them,
    /// so that they are missed when they are lost.
    ///
    /// A thread of its own writes the note: redb does nothing more after a write that failed, so there a full disk is waited
    /// for, while whoever commits hears of it.
    fn begin(&self, writer: &mut Writer) -> Result<()> {
        let note = match writer.flush.take() {
            Some(note) => note,
            None => {
                // what a version left that did not note it
                self.shared.drain(&mut writer.journal)?;
                let pages = writer.journal.make()?;
                let (since, mark) = writer.journal.position();
                let open = Beside::Open {
                    pages,
                    since,
                    reached: mark.commit,
                };
                let shared = Arc::clone(&self.shared);
                self.aside(move || shared.note(open, since, &mark))?
            }
        };
        while !note.is_finished() {
            if let Err(full) = self.shared.patience.heard() {
                writer.flush = Some(note);
                return Err(full);
            }
            thread::sleep(PAUSE);
        }
        joined(note)
    }

    /// Begins to write to the tables beside the commits, where a full disk is waited for.
    fn aside(
        &self,
        write: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<JoinHandle<Result<()>>> {
        // before it begins: closing takes it back, and must not be overtaken
        self.shared.patience.patient.store(true, Ordering::Release);
        let thread = thread::Builder::new().name("ledger-tables".to_owned());
        thread
            .spawn(write)
            .map_err(|error| failed_disk("writing a block", error))
    }

    /// Makes room before a commit: starts writing a full overlay to the tables, and waits for the one before when two
    /// times as much waits as that should be.
    fn make_room(&self, writer: &mut Writer) -> Result<()> {
        let bytes = lock(&self.shared.view).overlay.bytes();
        self.shared.patience.filled(bytes, self.full);
        if bytes < self.full {
            return Ok(());
        }
        let most = bytes >= self.full.saturating_mul(2);
        while most
            && writer
                .flush
                .as_ref()
                .is_some_and(|flush| !flush.is_finished())
        {
            self.shared.patience.heard()?;
            thread::sleep(PAUSE);
        }
        if writer.flush.as_ref().is_some_and(JoinHandle::is_finished) {
            match writer.flush.take().map(joined) {
                Some(Err(error)) if most => return Err(error),
                _ => {}
            }
        }
        if writer.flush.is_some() {
            return Ok(());
        }
        if lock(&self.shared.view).leaving.is_none() {
            self.shared.turn(&mut writer.journal);
            self.shared.patience.filled(0, self.full);
        }
        match self.flushing {
            Flushing::Aside => {
                let shared = Arc::clone(&self.shared);
                let flush = move || {
                    shared.patience.handed(0, 1);
                    let left = shared.flush(|handed, all| {
                        if handed.is_multiple_of(STRETCH) {
                            shared.patience.handed(handed, all);
                        }
                        rest(handed, &shared.patience);
                    })?;
                    shared.patience.written();
                    forget(left, Arc::clone(&shared.patience));
                    Ok(())
                };
                writer.flush = Some(self.aside(flush)?);
                Ok(())
            }
            Flushing::Inline => self.shared.flush(|_, _| {}).map(drop),
        }
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        // what did not reach the tables is in the journal
        let _ = self.settle();
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").finish_non_exhaustive()
    }
}

impl LedgerStore for RedbStore {
    type Snapshot = RedbSnapshot;

    fn snapshot(&self) -> Result<RedbSnapshot> {
        let view = lock(&self.shared.view);
        // under the lock: what leaves the overlay is in the tables that are seen
        let transaction = self
            .shared
            .database
            .begin_read()
            .map_err(|error| failed("starting to read", error))?;
        let leaving = view.leaving.as_ref();
        Ok(RedbSnapshot {
            transaction,
            overlays: [
                Some(Arc::clone(&view.overlay)),
                leaving.map(|leaving| Arc::clone(&leaving.overlay)),
            ],
            commit: view.commit,
            opened: std::array::from_fn(|_| std::sync::OnceLock::new()),
        })
    }

    fn commit(&self, batch: &Batch) -> Result<()> {
        let mut writer = lock(&self.writer);
        if writer.direct {
            let alone = Overlay::default();
            alone.insert(0, batch);
            let (generation, _) = writer.journal.position();
            let mark = writer.journal.after(batch);
            let write = || {
                let new = alone.read();
                let closed = || Beside::Closed;
                tables::write(
                    &self.shared.database,
                    &new,
                    generation,
                    &mark,
                    closed,
                    |_, _| {},
                )
            };
            guarded(write)?;
            writer.journal.pass(mark);
            writer.direct = false;
            lock(&self.shared.view).commit = mark.commit;
            return Ok(());
        }
        if *lock(&self.shared.beside) == Beside::Closed {
            self.begin(&mut writer)?;
        }
        self.make_room(&mut writer)?;
        let commit = writer.journal.append(batch)?;
        let mut view = lock(&self.shared.view);
        view.overlay.insert(commit, batch);
        view.commit = commit;
        Ok(())
    }
}

impl Shared {
    /// Gives the overlay away to the tables, and begins another one with another fill of the journal.
    fn turn(&self, journal: &mut Journal) {
        let mut view = lock(&self.view);
        journal.turn();
        let (next, mark) = journal.position();
        let overlay = std::mem::take(&mut view.overlay);
        view.leaving = Some(Leaving {
            overlay,
            next,
            mark,
        });
    }

    /// Writes everything to the tables, which then say that no journal lies beside them.
    fn drain(&self, journal: &mut Journal) -> Result<()> {
        self.flush(|_, _| {})?;
        let open = *lock(&self.beside) != Beside::Closed;
        if open || lock(&self.view).overlay.bytes() > 0 {
            *lock(&self.beside) = Beside::Closed;
            self.turn(journal);
            self.flush(|_, _| {})?;
        }
        Ok(())
    }

    /// Notes in the tables what lies beside them.
    fn note(&self, open: Beside, since: u64, mark: &Mark) -> Result<()> {
        let none = Overlay::default();
        let written = guarded(|| {
            let none = none.read();
            tables::write(&self.database, &none, since, mark, || open, |_, _| {})
        });
        self.patience.patient.store(false, Ordering::Release);
        self.uncertain.store(written.is_err(), Ordering::Release);
        written?;
        *lock(&self.beside) = open;
        Ok(())
    }

    /// What the tables are to say about the journal now.
    fn beside(&self) -> Beside {
        let mut beside = *lock(&self.beside);
        if let Beside::Open { reached, .. } = &mut beside {
            // it was answered, so it is durable, in the other file or in the one whose commits leave
            *reached = lock(&self.view).commit;
        }
        beside
    }

    /// Writes to the tables what is on its way there, and returns it.
    fn flush(&self, pace: impl FnMut(usize, usize)) -> Result<Option<Arc<Overlay>>> {
        let leaving = lock(&self.view).leaving.clone();
        let Some(leaving) = leaving else {
            return Ok(None);
        };
        guarded(|| {
            let new = leaving.overlay.read();
            let beside = || self.beside();
            tables::write(
                &self.database,
                &new,
                leaving.next,
                &leaving.mark,
                beside,
                pace,
            )
        })?;
        lock(&self.view).leaving = None;
        Ok(Some(leaving.overlay))
    }
}

/// Rests half of the time while the tables keep up with the commits: whoever commits meanwhile finds a core that is free.
fn rest(done: usize, patience: &Patience) {
    if done.is_multiple_of(STRETCH) && patience.has_time() {
        thread::sleep(REST);
    }
}

/// Lets go of what has left for the tables, on a thread of its own: that takes long, and the last one to
/// hold it would otherwise be a commit's snapshot.
fn forget(left: Option<Arc<Overlay>>, patience: Arc<Patience>) {
    let Some(mut left) = left else {
        return;
    };
    let wait = move || {
        for _ in 0..KEPT {
            left = match Arc::try_unwrap(left) {
                // with rests: the allocator's lock is the committing thread's too
                Ok(alone) => return alone.forget(|done| rest(done, &patience)),
                Err(shared) => shared,
            };
            thread::sleep(PAUSE);
        }
    };
    // a system without threads to give drops it here
    let _ = thread::Builder::new()
        .name("ledger-forget".to_owned())
        .spawn(wait);
}

/// What a thread had to say; one that panicked met bytes that redb did not write.
fn joined(flush: JoinHandle<Result<()>>) -> Result<()> {
    guarded(|| {
        flush
            .join()
            .unwrap_or_else(|_| Err(Error::damaged("writing to the tables stopped")))
    })
}

/// A lock's content also after a panic elsewhere: what it guards is whole at any moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Snapshot as _, Table};
    use super::*;

    fn put(store: &RedbStore, number: u8) {
        let mut batch = Batch::new();
        batch.put(Table::Meta, [number], [number; 8]);
        store.commit(&batch).unwrap();
    }

    /// Commits 1 to 3 go to the tables while 4 and 5 are answered: then the tables know that there is a 5.
    #[test]
    fn a_journal_that_lost_its_end_after_the_tables_knew_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("open");
        let store = RedbStore::open(&path, Opening::Create).unwrap();
        [0, 1, 2].into_iter().for_each(|number| put(&store, number));
        store.shared.turn(&mut lock(&store.writer).journal);
        [3, 4].into_iter().for_each(|number| put(&store, number));
        store.shared.flush(|_, _| {}).unwrap();
        let copy = folder.path().join("copy");
        let file = |path: &Path, end: &str| format!("{}{end}", path.display());
        for end in ["", "-journal0", "-journal1"] {
            fs::copy(file(&path, end), file(&copy, end)).unwrap();
        }
        let journal = file(&copy, "-journal1");
        let whole = fs::read(&journal).unwrap();
        let (tables, pages) = (fs::read(&copy).unwrap(), whole.len() / 4096);
        for (kept, words) in [(2, None), (1, Some("commit 4")), (0, Some("commit 3"))] {
            let mut cut = whole.clone();
            cut[kept * 4096..].fill(0);
            fs::write(&journal, cut).unwrap();
            fs::write(&copy, &tables).unwrap();
            match (RedbStore::open(&copy, Opening::Existing), words) {
                (Ok(store), None) => {
                    let snapshot = store.snapshot().unwrap();
                    for number in 0..=4 {
                        let value = snapshot.get(Table::Meta, &[number]).unwrap();
                        assert_eq!(value, Some(vec![number; 8]));
                    }
                    // closing has removed them
                    drop(store);
                    fs::write(file(&copy, "-journal0"), vec![0; pages * 4096]).unwrap();
                }
                (Err(error), Some(words)) => {
                    let error = error.to_string();
                    let known = error.contains("the tables know of commit 5");
                    assert!(known && error.contains(words), "{error}");
                }
                (other, _) => panic!("{kept} pages kept: {other:?}"),
            }
        }
    }
}

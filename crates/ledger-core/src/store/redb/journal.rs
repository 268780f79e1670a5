//! The journal: each commit appended whole to one of two files, so that a commit is one write and one sync in one place.
//!
//! `record.rs` draws what a commit looks like.
//!
//! Both files are made, and durable, before the tables say that a journal lies beside them ([`Beside::Open`]), and are
//! removed after the tables say that none does. So a file that is missing, shorter than it was made, shorter than one of its
//! own records says, of another time, or without a commit that the tables know of, is damage too.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::super::Batch;
use super::record::{self, Header, PAGE, allocate, decode, encode};
use super::tables::failed_disk;
use crate::hash::sha256;
use crate::{Error, Result};

/// How many bytes a commit's memory keeps for the next.
const REUSED: usize = 4 << 20;

/// Where a file of the journal lies.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    fn len(&self) -> io::Result<u64>;
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;
    fn set_len(&self, length: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
    /// Forgets everything, not durably.
    fn clear(&self) -> io::Result<()>;
}

impl<B: StorageBackend> Disk for B {
    fn len(&self) -> io::Result<u64> {
        StorageBackend::len(self)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        StorageBackend::read(self, offset, out)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        StorageBackend::write(self, offset, data)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        StorageBackend::set_len(self, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn clear(&self) -> io::Result<()> {
        StorageBackend::set_len(self, 0)
    }
}

/// A file that is there only while something is in it.
#[derive(Debug)]
pub(super) struct Lazy {
    path: PathBuf,
    file: Mutex<Option<FileBackend>>,
}

impl Lazy {
    /// A file beside the ledger's.
    pub(super) fn beside(path: &Path, number: usize) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("-journal{number}"));
        Self {
            path: name.into(),
            file: Mutex::new(None),
        }
    }

    /// Does something with the file, if it is there or may be made.
    fn with<T>(
        &self,
        make: bool,
        run: impl FnOnce(&FileBackend) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(make);
            // the node's key may be in it
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let opened = match options.open(&self.path) {
                Err(error) if !make && error.kind() == io::ErrorKind::NotFound => return Ok(None),
                other => other?,
            };
            if make {
                self.sync_name()?;
            }
            *file = Some(FileBackend::new(opened).map_err(io::Error::other)?);
        }
        file.as_ref().map(run).transpose()
    }

    /// Makes the file's name durable.
    #[cfg(unix)]
    fn sync_name(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_name(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for Lazy {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(false, Disk::len)?.unwrap_or(0))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let read = self.with(false, |file| Disk::read(file, offset, out))?;
        read.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(true, |file| Disk::write(file, offset, data))
            .map(drop)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.with(true, |file| Disk::set_len(file, length))
            .map(drop)
    }

    fn sync(&self) -> io::Result<()> {
        self.with(true, Disk::sync).map(drop)
    }

    fn clear(&self) -> io::Result<()> {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Up to where commits are known: the number of the last one, and its digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) commit: u64,
    pub(super) digest: [u8; 32],
}

/// What the tables say about the journal beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// There is none: the tables have everything, and files that lie there are of another time.
    Closed,
    /// Its two files belong to the tables.
    Open {
        /// How many pages each file was made with.
        pages: u64,
        /// The first generation in them.
        since: u64,
        /// A commit that is in them or in the tables.
        reached: u64,
    },
}

/// How far the journal was written to the tables, and what they say about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The generation that comes next.
    pub(super) next: u64,
    /// The commits that the tables have.
    pub(super) mark: Mark,
    /// None in a file of format 1 or 2, whose journal may be there or not.
    pub(super) beside: Option<Beside>,
}

/// The journal of a store.
pub(super) struct Journal {
    disks: [Box<dyn Disk>; 2],
    /// By how many pages a file grows at least: zeros are written ahead, so that a commit changes no length.
    growth: u64,
    generation: u64,
    /// Pages of this generation.
    end: u64,
    mark: Mark,
    /// In which generation, and from which page on, a commit may stand that failed.
    failed: Option<(u64, u64)>,
    /// Memory for a commit's pages, from the last one.
    bytes: Vec<u8>,
}

impl Journal {
    /// The journal that the tables know; `found` gets each commit that they do not have, with its generation and the mark
    /// after it.
    pub(super) fn open(
        disks: [Box<dyn Disk>; 2],
        growth: u64,
        known: Known,
        mut found: impl FnMut(u64, Mark, &Batch),
    ) -> Result<Self> {
        let Known { next, mark, beside } = known;
        let mut journal = Self {
            disks,
            growth,
            generation: next,
            end: 0,
            mark,
            failed: None,
            bytes: Vec::new(),
        };
        if beside == Some(Beside::Closed) {
            return Ok(journal);
        }
        if let Some(Beside::Open { pages, since, .. }) = beside {
            journal.growth = pages;
            journal.belongs(since)?;
        }
        let mut last = None;
        for generation in [next, next.saturating_add(1)] {
            last = journal.replay(generation, &mut found)?.or(last);
        }
        if let Some(pages) = last {
            journal.settle(pages)?;
        }
        match beside {
            Some(Beside::Open { reached, .. }) if journal.mark.commit < reached => {
                Err(Error::damaged(format!(
                    "the journal ends at commit {}, but the tables know of commit {reached}",
                    journal.mark.commit
                )))
            }
            _ => Ok(journal),
        }
    }

    /// Checks that both files are there, of a length that they can have had, and begin with nothing or with a commit of this
    /// time.
    fn belongs(&self, since: u64) -> Result<()> {
        let step = self.growth * PAGE as u64;
        for (number, disk) in self.disks.iter().enumerate() {
            let failed = |error| failed_disk("reading the journal", error);
            let length = disk.len().map_err(failed)?;
            if length == 0 || !length.is_multiple_of(step) {
                return Err(Error::damaged(format!(
                    "file {number} of the journal is missing or was cut short: {length} bytes, expected a multiple of \
                     {step}, because the ledger was not closed"
                )));
            }
            let mut first = [0; PAGE];
            disk.read(0, &mut first).map_err(failed)?;
            let expected = since..=self.generation.saturating_add(1);
            if let Some(found) = Header::read(&first)
                .map(|header| header.generation)
                .filter(|generation| !expected.contains(generation))
            {
                return Err(Error::damaged(format!(
                    "file {number} of the journal is of another time: fill {found}, expected {since} to {}",
                    expected.end()
                )));
            }
        }
        Ok(())
    }

    /// Makes both files, durably, so that they are missed if they are not there any more; how many pages each has. What lay
    /// there is of another time.
    pub(super) fn make(&mut self) -> Result<u64> {
        let failed = |error| failed_disk("making the journal", error);
        let pages = self.growth.max(1);
        let zeros = vec![0; usize::try_from(pages).unwrap_or_default() * PAGE];
        for disk in &self.disks {
            disk.clear().map_err(failed)?;
            disk.set_len(pages * PAGE as u64).map_err(failed)?;
            disk.write(0, &zeros).map_err(failed)?;
            disk.sync().map_err(failed)?;
        }
        (self.end, self.failed) = (0, None);
        Ok(pages)
    }

    fn disk(&self, generation: u64) -> &dyn Disk {
        let [even, odd] = &self.disks;
        if generation.is_multiple_of(2) {
            even
        } else {
            odd
        }
        .as_ref()
    }

    /// Reads a generation from its start to the last commit that is whole, whose pages it gives. Behind it may lie what was never
    /// answered, pages of commits that failed or were cut off by a kill, and were written over by shorter ones.
    fn replay(
        &mut self,
        generation: u64,
        found: &mut impl FnMut(u64, Mark, &Batch),
    ) -> Result<Option<Range<u64>>> {
        let disk = self.disk(generation);
        let length = disk
            .len()
            .map_err(|error| failed_disk("reading the journal", error))?;
        let pages = length / PAGE as u64;
        let read = |page: u64| -> Result<[u8; PAGE]> {
            let mut bytes = [0; PAGE];
            disk.read(page * PAGE as u64, &mut bytes)
                .map_err(|error| failed_disk("reading the journal", error))?;
            Ok(bytes)
        };
        let (mut page, mut mark) = (0, self.mark);
        let (mut allocated, mut last) = (0, None);
        while page < pages {
            let number = mark.commit + 1;
            let Some(record) = record::read(&read, page, pages, generation, number)? else {
                break;
            };
            let (taken, pages, previous, digest, body) = record;
            if previous != mark.digest {
                return Err(Error::damaged(format!(
                    "commit {number} in the journal does not continue what lies in the ledger"
                )));
            }
            if sha256(&[&previous, &body]) != digest {
                break;
            }
            let batch = decode(&body).ok_or_else(|| {
                Error::damaged(format!("commit {number} in the journal has no content"))
            })?;
            mark = Mark {
                commit: number,
                digest,
            };
            found(generation, mark, &batch);
            last = Some(page..page + taken);
            page += taken;
            allocated = allocated.max(pages);
        }
        if pages < allocated {
            return Err(Error::damaged(format!(
                "a file of the journal was cut short: it had {allocated} pages, it has {pages}"
            )));
        }
        // commits up to this number were read, or not answered: only a later one shows that an answered one is missing
        let number = mark.commit + 1;
        for later in page..pages {
            let header = Header::read(&read(later)?);
            if header
                .is_some_and(|header| header.generation == generation && header.number > number)
            {
                return Err(Error::damaged(format!(
                    "commit {number} in the journal is not what was written"
                )));
            }
        }
        if page > 0 {
            (self.generation, self.end, self.mark) = (generation, page, mark);
        }
        Ok(last)
    }

    /// Makes the last commit durable, which is shown and built upon from now on: a kill, or a sync that failed, may have left it in the
    /// memory of the system alone. It is written again, because what a sync has failed for is not always synced later.
    fn settle(&self, pages: Range<u64>) -> Result<()> {
        let failed = |error| failed_disk("reading the journal", error);
        let disk = self.disk(self.generation);
        let at = pages.start * PAGE as u64;
        let length = usize::try_from(pages.end - pages.start).unwrap_or_default() * PAGE;
        let mut bytes = vec![0; length];
        disk.read(at, &mut bytes).map_err(failed)?;
        disk.write(at, &bytes).map_err(failed)?;
        disk.sync().map_err(failed)
    }

    /// Which fill of the journal this is, and up to where it goes.
    pub(super) const fn position(&self) -> (u64, Mark) {
        (self.generation, self.mark)
    }

    /// Begins the next fill, in the other file; what is in that one must be in the tables.
    pub(super) const fn turn(&mut self) {
        self.generation += 1;
        self.end = 0;
    }

    /// The mark after a commit that goes straight to the tables: its digest is that of its content, so that no other store's
    /// journal continues it.
    pub(super) fn after(&self, batch: &Batch) -> Mark {
        encode(batch, self.generation, self.mark, &mut Vec::new())
    }

    /// Goes on after a commit that the tables have.
    pub(super) const fn pass(&mut self, mark: Mark) {
        self.mark = mark;
    }

    /// Takes its first page from a commit that failed, durably: written whole, it would be read as the one that now gets its
    /// number, also when that lies in the other file.
    fn erase(&mut self) -> io::Result<()> {
        if let Some((generation, page)) = self.failed {
            let disk = self.disk(generation);
            disk.write(page * PAGE as u64, &[0; PAGE])?;
            disk.sync()?;
            self.failed = None;
        }
        Ok(())
    }

    /// Appends a commit, durably; its number. One that fails is erased, at once or, when the disk does not take that either,
    /// before the next one is written.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<u64> {
        let failed = |error| failed_disk("writing a block", error);
        self.erase().map_err(failed)?;
        let mut bytes = std::mem::take(&mut self.bytes);
        let mark = encode(batch, self.generation, self.mark, &mut bytes);
        let pages = bytes.len() as u64 / PAGE as u64;
        let disk = self.disk(self.generation);
        let mut length = disk.len().map_err(failed)? / PAGE as u64;
        let end = self.end + pages;
        if end > length {
            // a little at a time: zeros of many MiB would keep everybody waiting
            length = end.next_multiple_of(self.growth.max(1));
            disk.set_len(length * PAGE as u64).map_err(failed)?;
            let zeros = usize::try_from(length - end).unwrap_or_default() * PAGE;
            disk.write(end * PAGE as u64, &vec![0; zeros])
                .map_err(failed)?;
        }
        allocate(&mut bytes, length);
        let written = disk.write(self.end * PAGE as u64, &bytes);
        if let Err(error) = written.and_then(|()| disk.sync()) {
            self.failed = Some((self.generation, self.end));
            let _ = self.erase();
            return Err(failed(error));
        }
        (self.end, self.mark) = (end, mark);
        // a large commit is rare
        bytes.clear();
        bytes.shrink_to(REUSED);
        self.bytes = bytes;
        Ok(mark.commit)
    }

    /// Forgets both files, when the tables have everything.
    pub(super) fn clear(&self) -> Result<()> {
        for disk in &self.disks {
            disk.clear()
                .map_err(|error| failed_disk("emptying the journal", error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::super::Table;
    use super::*;

    /// A disk that other journals may open too. Of its next writes and syncs those fail whose bits are set, the lowest first.
    #[derive(Clone, Debug, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>, Arc<AtomicUsize>);

    impl Shared {
        fn with<T>(&self, run: impl FnOnce(&mut Vec<u8>) -> T) -> T {
            run(&mut self.0.lock().unwrap())
        }

        fn next(&self) -> io::Result<()> {
            let fails = self.1.load(Ordering::Relaxed);
            self.1.store(fails >> 1, Ordering::Relaxed);
            match fails & 1 {
                0 => Ok(()),
                _ => Err(io::Error::other("the cable is out")),
            }
        }

        fn range(offset: u64, length: usize) -> Range<usize> {
            let at = usize::try_from(offset).unwrap();
            at..at + length
        }
    }

    impl StorageBackend for Shared {
        fn len(&self) -> io::Result<u64> {
            Ok(self.with(|bytes| bytes.len() as u64))
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.with(|bytes| out.copy_from_slice(&bytes[Self::range(offset, out.len())]));
            Ok(())
        }

        fn set_len(&self, length: u64) -> io::Result<()> {
            self.with(|bytes| bytes.resize(usize::try_from(length).unwrap(), 0));
            Ok(())
        }

        fn sync_data(&self) -> io::Result<()> {
            self.next()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.next()?;
            self.with(|bytes| bytes[Self::range(offset, data.len())].copy_from_slice(data));
            Ok(())
        }
    }

    /// The journal on these disks, and the names of the commits in it.
    fn open(disks: &[Shared; 2], beside: Beside) -> (Journal, Vec<u8>) {
        let boxed = disks.clone().map(|disk| Box::new(disk) as Box<dyn Disk>);
        let known = Known {
            next: 0,
            mark: Mark::default(),
            beside: Some(beside),
        };
        let mut names = Vec::new();
        let found = |_, _, batch: &Batch| {
            let (_, mut changes) = batch.changes().next().unwrap();
            names.push(changes.next().unwrap().0[0]);
        };
        let journal = Journal::open(boxed, 4, known, found).unwrap();
        (journal, names)
    }

    fn named(name: u8) -> Batch {
        let mut batch = Batch::new();
        batch.put(Table::Meta, [name], [name; 8]);
        batch
    }

    /// A commit that is whole but was not answered, at the end of a file, has the number of the first one in the other file: it
    /// must not be read in its place.
    #[test]
    fn a_commit_that_failed_is_not_read_for_the_one_in_the_other_file() {
        // its own sync fails; and what is to erase it, the write or the sync
        for (fails, killed) in [(0b10, &[1][..]), (0b110, &[1, 2]), (0b1010, &[1])] {
            let disks = [(); 2].map(|()| Shared::default());
            let (mut journal, _) = open(&disks, Beside::Closed);
            let pages = journal.make().unwrap();
            journal.append(&named(1)).unwrap();
            disks[0].1.store(fails, Ordering::Relaxed);
            journal.append(&named(2)).unwrap_err();
            let beside = Beside::Open {
                pages,
                since: 0,
                reached: 0,
            };
            // killed now, it is there only where the disk has not taken that it was erased
            assert_eq!(open(&disks, beside).1, killed, "{fails:b} fail");
            journal.turn();
            journal.append(&named(3)).unwrap();
            journal.append(&named(4)).unwrap();
            assert_eq!(open(&disks, beside).1, [1, 3, 4], "{fails:b} fail");
        }
    }
}

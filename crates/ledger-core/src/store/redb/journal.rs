//! The journal: each commit appended whole to one of two files, so that a commit is one write and one sync in one place.
//!
//! ```text
//! page, 4096 bytes
//!    0  "mslj"                 4 bytes
//!    4  part, parts            4 bytes each, big-endian: which page of how many this is of its record
//!   12  generation             8 bytes: which fill of the journal; even ones in file 0, odd ones in file 1
//!   20  number                 8 bytes: which commit
//!   28  allocated              4 bytes: how many pages the file had when this was written
//!   32  4064 bytes of the record, zero behind its end
//!
//! record
//!    0  previous               32 bytes: the digest of the commit before
//!   32  digest                 32 bytes: SHA-256 of previous and body
//!   64  length                 8 bytes
//!   72  body                   table, entries: 1 and 4 bytes; then for each entry the length of its key, the key, the length
//!                              of its value plus one (0: removed), the value; lengths of 4 bytes
//! ```
//!
//! Headers stand where no content can stand, so nothing that somebody records can look like one. A record that does not
//! have its digest was being written when the machine stopped, and was not answered; unless a later record follows, which
//! is written only after an answer: then it is damage.
//!
//! Both files are made, and durable, before the tables say that a journal lies beside them ([`Beside::Open`]), and are
//! removed after the tables say that none does. So a file that is missing, shorter than it was made, shorter than one of its
//! own records says, of another time, or without a commit that the tables know of, is damage too.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::super::{Batch, Table};
use super::tables::failed_disk;
use crate::hash::sha256;
use crate::{Error, Result};

const PAGE: usize = 4096;
const HEADER: usize = 32;
const MAGIC: [u8; 4] = *b"mslj";
/// How many bytes a commit's memory keeps for the next.
const REUSED: usize = 4 << 20;
/// What stands before the body of a record.
const FRONT: usize = 72;

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
            bytes: Vec::new(),
        };
        if beside == Some(Beside::Closed) {
            return Ok(journal);
        }
        if let Some(Beside::Open { pages, since, .. }) = beside {
            journal.growth = pages;
            journal.belongs(since)?;
        }
        for generation in [next, next.saturating_add(1)] {
            journal.replay(generation, beside, &mut found)?;
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
        self.end = 0;
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

    /// Reads a generation from its start to the last commit that was answered. Files that belong to the tables have nothing
    /// else of this generation; in others it is left by another time.
    fn replay(
        &mut self,
        generation: u64,
        beside: Option<Beside>,
        found: &mut impl FnMut(u64, Mark, &Batch),
    ) -> Result<()> {
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
        let mut allocated = 0;
        while page < pages {
            let number = mark.commit + 1;
            let Some(record) = record(&read, page, pages, generation, number)? else {
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
            page += taken;
            allocated = allocated.max(pages);
        }
        if pages < allocated {
            return Err(Error::damaged(format!(
                "a file of the journal was cut short: it had {allocated} pages, it has {pages}"
            )));
        }
        // what follows an unanswered commit is older, or nothing
        for later in page..pages {
            let header = Header::read(&read(later)?);
            if header.is_some_and(|header| {
                let number = mark.commit + 1;
                // the commit that was being written, and in a file of another time older ones
                let expected =
                    header.number == number || (beside.is_none() && header.number < number);
                header.generation == generation && !expected
            }) {
                return Err(Error::damaged(format!(
                    "commit {} in the journal is not what was written",
                    mark.commit + 1
                )));
            }
        }
        if page > 0 {
            (self.generation, self.end, self.mark) = (generation, page, mark);
        }
        Ok(())
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

    /// Appends a commit, durably; its number.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<u64> {
        let failed = |error| failed_disk("writing a block", error);
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
        disk.write(self.end * PAGE as u64, &bytes).map_err(failed)?;
        disk.sync().map_err(failed)?;
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

/// What stands before the content of a page.
struct Header {
    part: u32,
    parts: u32,
    generation: u64,
    number: u64,
    allocated: u32,
}

impl Header {
    fn read(page: &[u8; PAGE]) -> Option<Self> {
        let (magic, rest) = page.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_first_chunk::<4>()?;
        let (parts, rest) = rest.split_first_chunk::<4>()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let (allocated, _) = rest.split_first_chunk::<4>()?;
        (*magic == MAGIC).then_some(Self {
            part: u32::from_be_bytes(*part),
            parts: u32::from_be_bytes(*parts),
            generation: u64::from_be_bytes(*generation),
            number: u64::from_be_bytes(*number),
            allocated: u32::from_be_bytes(*allocated),
        })
    }

    fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let parts = [
            MAGIC.as_slice(),
            &self.part.to_be_bytes(),
            &self.parts.to_be_bytes(),
            &self.generation.to_be_bytes(),
            &self.number.to_be_bytes(),
            &self.allocated.to_be_bytes(),
        ];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }
}

/// A record's pages, those of its file, previous digest, digest and body.
type Record = (u64, u64, [u8; 32], [u8; 32], Vec<u8>);

/// The record that starts at a page, when all its pages are there. Memory grows with the pages that are, not with what one
/// claims.
fn record(
    read: &impl Fn(u64) -> Result<[u8; PAGE]>,
    first: u64,
    pages: u64,
    generation: u64,
    number: u64,
) -> Result<Option<Record>> {
    let mut bytes = Vec::new();
    let (mut parts, mut allocated) = (1, 0);
    let mut part = 0;
    while part < parts {
        if first + u64::from(part) >= pages {
            return Ok(None);
        }
        let page = read(first + u64::from(part))?;
        let Some(header) = Header::read(&page) else {
            return Ok(None);
        };
        if part == 0 {
            (parts, allocated) = (header.parts, header.allocated);
        }
        let fits = (header.part, header.parts) == (part, parts)
            && (header.generation, header.number) == (generation, number);
        if !fits {
            return Ok(None);
        }
        bytes.extend_from_slice(page.get(HEADER..).unwrap_or_default());
        part += 1;
    }
    let read = (|| {
        let (previous, rest) = bytes.split_first_chunk::<32>()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        Some((
            u64::from(parts),
            u64::from(allocated),
            *previous,
            *digest,
            rest.get(..length)?.to_vec(),
        ))
    })();
    Ok(read)
}

/// Content that is laid out in pages, each with room for its header.
struct Pages<'a>(&'a mut Vec<u8>);

impl Pages<'_> {
    fn extend(&mut self, mut content: &[u8]) {
        while !content.is_empty() {
            if self.0.len().is_multiple_of(PAGE) {
                self.0.extend([0; HEADER]);
            }
            let room = PAGE - self.0.len() % PAGE;
            let (now, later) = content.split_at(room.min(content.len()));
            self.0.extend_from_slice(now);
            content = later;
        }
    }
}

/// Writes the pages of a commit over what was there; the mark after it.
fn encode(batch: &Batch, generation: u64, before: Mark, bytes: &mut Vec<u8>) -> Mark {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    bytes.clear();
    let mut pages = Pages(bytes);
    pages.extend(&before.digest);
    pages.extend(&[0; FRONT - 32]);
    for (table, changes) in batch.changes() {
        pages.extend(&[table as u8]);
        pages.extend(&length(changes.len()));
        for (key, value) in changes {
            pages.extend(&length(key.len()));
            pages.extend(key);
            pages.extend(&length(value.map_or(0, |value| value.len() + 1)));
            pages.extend(value.unwrap_or_default());
        }
    }
    let parts = bytes.len().div_ceil(PAGE);
    let body = bytes.len() - parts * HEADER - FRONT;
    let bodies = bytes.chunks(PAGE).enumerate().map(|(part, page)| {
        let front = HEADER + if part == 0 { FRONT } else { 0 };
        page.get(front..).unwrap_or_default()
    });
    let hashed: Vec<_> = [before.digest.as_slice()]
        .into_iter()
        .chain(bodies)
        .collect();
    let digest = sha256(&hashed);
    let mark = Mark {
        commit: before.commit + 1,
        digest,
    };
    let size = u64::try_from(body).unwrap_or(u64::MAX).to_be_bytes();
    let front = bytes.iter_mut().skip(HEADER + 32);
    for (to, from) in front.zip(digest.iter().chain(&size)) {
        *to = *from;
    }
    bytes.resize(parts * PAGE, 0);
    for (part, page) in (0..).zip(bytes.chunks_mut(PAGE)) {
        let header = Header {
            part,
            parts: u32::try_from(parts).unwrap_or(u32::MAX),
            generation,
            number: mark.commit,
            allocated: 0,
        };
        if let Some(place) = page.first_chunk_mut() {
            *place = header.bytes();
        }
    }
    mark
}

/// Notes in each page how many the file has.
fn allocate(pages: &mut [u8], allocated: u64) {
    let allocated = u32::try_from(allocated).unwrap_or_default().to_be_bytes();
    for page in pages.chunks_mut(PAGE) {
        if let Some(place) = page.get_mut(HEADER - 4..HEADER) {
            place.copy_from_slice(&allocated);
        }
    }
}

/// The changes that a body spells.
fn decode(mut rest: &[u8]) -> Option<Batch> {
    fn length(rest: &mut &[u8]) -> Option<usize> {
        let (bytes, behind) = rest.split_first_chunk::<4>()?;
        *rest = behind;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    }
    fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
        let (taken, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        Some(taken)
    }
    let mut batch = Batch::new();
    while let Some((table, behind)) = rest.split_first() {
        rest = behind;
        let table = *Table::ALL.get(usize::from(*table))?;
        for _ in 0..length(&mut rest)? {
            let key = length(&mut rest)?;
            let key = take(&mut rest, key)?;
            match length(&mut rest)? {
                0 => batch.remove(table, key),
                size => batch.put(table, key, take(&mut rest, size - 1)?),
            }
        }
    }
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.put(Table::Meta, *b"head", *b"value");
        batch.put(Table::Node, [], []);
        batch.put(Table::Transaction, [7; 8], vec![3; 3 * PAGE]);
        batch.remove(Table::State, [1; 32]);
        batch
    }

    /// The pages of a commit as the drawing has them, without a page before the record is whole.
    fn drawn(batch: &Batch, generation: u64, before: Mark) -> Vec<u8> {
        let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
        let mut body = Vec::new();
        for (table, changes) in batch.changes() {
            body.push(table as u8);
            body.extend(length(changes.len()));
            for (key, value) in changes {
                body.extend(length(key.len()));
                body.extend(key);
                body.extend(length(value.map_or(0, |value| value.len() + 1)));
                body.extend(value.unwrap_or_default());
            }
        }
        let digest = sha256(&[&before.digest, &body]);
        let size = u64::try_from(body.len()).unwrap().to_be_bytes();
        let record = [&before.digest[..], &digest, &size, &body].concat();
        let contents: Vec<_> = record.chunks(PAGE - HEADER).collect();
        let parts = u32::try_from(contents.len()).unwrap();
        let pages = (0..).zip(&contents).flat_map(|(part, content)| {
            let header = Header {
                part,
                parts,
                generation,
                number: before.commit + 1,
                allocated: 0,
            };
            let mut page = [&header.bytes(), *content].concat();
            page.resize(PAGE, 0);
            page
        });
        pages.collect()
    }

    /// Records that end a little before a page does, with it and behind it, in memory that had something else in it.
    #[test]
    fn a_commit_of_any_length_is_laid_out_as_it_is_drawn() {
        let before = Mark {
            commit: 3,
            digest: [5; 32],
        };
        let mut bytes = vec![1; 9 * PAGE];
        for pages in [1, 2, 3] {
            for end in 0..60 {
                let mut batch = Batch::new();
                batch.remove(Table::State, [7; 3]);
                // 72 bytes of front, two tables of 5 and their entries of 11 stand before the value
                batch.put(
                    Table::Involved,
                    [7; 3],
                    vec![9; pages * 4064 - 104 - 30 + end],
                );
                encode(&batch, 8, before, &mut bytes);
                assert!(bytes == drawn(&batch, 8, before), "{pages} pages, {end}");
            }
        }
        encode(&Batch::new(), 8, before, &mut bytes);
        assert!(bytes == drawn(&Batch::new(), 8, before));
    }

    #[test]
    fn a_commit_is_read_as_it_was_written() {
        let before = Mark {
            commit: 41,
            digest: [9; 32],
        };
        let mut bytes = vec![1; 5];
        let mark = encode(&batch(), 6, before, &mut bytes);
        assert_eq!((bytes.len(), mark.commit), (4 * PAGE, 42));
        allocate(&mut bytes, 1000);
        let read = |page: u64| {
            let at = usize::try_from(page).unwrap() * PAGE;
            Ok(*bytes[at..].first_chunk::<PAGE>().unwrap())
        };
        let found = record(&read, 0, 4, 6, 42).unwrap().unwrap();
        assert_eq!(
            (found.0, found.1, found.2, found.3),
            (4, 1000, [9; 32], mark.digest)
        );
        assert_eq!(decode(&found.4), Some(batch()));
        for (first, pages, generation, number) in
            [(1, 4, 6, 42), (0, 3, 6, 42), (0, 4, 5, 42), (0, 4, 6, 41)]
        {
            assert!(
                record(&read, first, pages, generation, number)
                    .unwrap()
                    .is_none()
            );
        }
    }

    #[test]
    fn a_body_that_ends_early_is_none() {
        let mut bytes = Vec::new();
        encode(&batch(), 0, Mark::default(), &mut bytes);
        let body: Vec<_> = bytes
            .chunks(PAGE)
            .flat_map(|page| &page[HEADER..])
            .copied()
            .collect();
        let length = u64::from_be_bytes(*body[64..].first_chunk().unwrap());
        let body = &body[FRONT..FRONT + usize::try_from(length).unwrap()];
        assert_eq!(decode(body), Some(batch()));
        // a body may end between two tables, so cut inside each
        let whole = (0..body.len())
            .filter(|&end| decode(&body[..end]).is_some())
            .count();
        assert_eq!(whole, 4, "the empty body and one, two and three tables");
    }
}

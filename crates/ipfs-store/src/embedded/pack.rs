//! Writing packs: CARv2 files with an index, under temporary names until they are durable.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::mem;
use std::path::Path;
use std::thread::{self, JoinHandle};

use tempfile::NamedTempFile;

use super::index::{self, Entry};
use super::lock::Lock;
use super::{sync_directory, temporary};
use crate::hash::Key;
use crate::{Block, Cid, Error, Result, car};

/// A pack that reaches this is closed: what one deletion writes anew is bounded, and what is closed is made durable while
/// the next one is written.
pub(super) const PACK: u64 = 128 << 20;

/// Small blocks are collected into writes of this size.
const BUFFER: usize = 1 << 20;

/// Every file of the directory `packs` that is no pack yet, or no longer, starts with this; so does the store's format until it is durable.
pub(super) const TEMPORARY: &str = "tmp-";

/// What was put and is not durable yet.
#[derive(Debug, Default)]
pub(super) struct Writer {
    lock: Option<Lock>,
    packs: Vec<Pack>,
    /// Where a block is: the pack's number, and its place there.
    places: HashMap<Key, (usize, Entry)>,
}

impl Writer {
    /// Holds off the garbage collection of others; says whether that is new.
    pub(super) fn hold(&mut self, lock: impl FnOnce() -> Result<Lock>) -> Result<bool> {
        if self.lock.is_some() {
            return Ok(false);
        }
        self.lock = Some(lock()?);
        Ok(true)
    }

    /// Lets others collect garbage, unless something is pending.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            self.lock = None;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packs.is_empty()
    }

    pub(super) fn holds(&self, key: &Key) -> bool {
        self.places.contains_key(key)
    }

    /// The block, if it is pending.
    pub(super) fn read(&mut self, cid: &Cid) -> Result<Option<Block>> {
        let Some((pack, entry)) = self.places.get(&Key::of(cid.hash())) else {
            return Ok(None);
        };
        let Some(pack) = self.packs.get_mut(*pack) else {
            return Ok(None);
        };
        pack.flush()
            .map_err(|source| Error::io("storing a block", source))?;
        let mut file = pack
            .file
            .reopen()
            .map_err(|source| Error::io("reading a block", source))?;
        index::read_section(&mut file, pack.file.path(), entry.offset, entry.len, cid).map(Some)
    }

    /// Appends a block; on failure everything pending is gone.
    pub(super) fn append(&mut self, folder: &Path, block: &Block) -> io::Result<()> {
        let appended = self.try_append(folder, block);
        if appended.is_err() {
            self.abandon();
        }
        appended
    }

    fn try_append(&mut self, folder: &Path, block: &Block) -> io::Result<()> {
        if self.packs.last().is_none_or(|pack| pack.len >= PACK) {
            if let Some(full) = self.packs.last_mut() {
                full.close()?;
            }
            self.packs.push(Pack::new(folder)?);
        }
        let number = self.packs.len().saturating_sub(1);
        if let Some(pack) = self.packs.last_mut() {
            let entry = pack.append(block.cid(), block.bytes())?;
            self.places.insert(entry.key, (number, entry));
        }
        Ok(())
    }

    /// Makes everything durable and visible; on failure everything pending is gone.
    pub(super) fn commit(&mut self, folder: &Path) -> io::Result<()> {
        self.places.clear();
        let mut packs = mem::take(&mut self.packs);
        for pack in &mut packs {
            pack.close()?;
        }
        for pack in packs {
            pack.publish(folder)?;
        }
        sync_directory(folder)
    }

    fn abandon(&mut self) {
        self.places.clear();
        self.packs.clear();
    }
}

/// A pack being written.
#[derive(Debug)]
pub(super) struct Pack {
    file: NamedTempFile,
    /// The end of the file, with what is still in the buffer.
    len: u64,
    buffer: Vec<u8>,
    entries: Vec<(Cid, u64)>,
    closed: Option<(String, JoinHandle<io::Result<()>>)>,
}

impl Pack {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = temporary(folder, ".car")?;
        let mut buffer = car::PRAGMA.to_vec();
        buffer.extend([0; car::HEADER]); // until it is closed, which makes it what it is
        buffer.extend(car::write_header(&[]));
        Ok(Self {
            file,
            len: buffer.len() as u64,
            buffer,
            entries: Vec::new(),
            closed: None,
        })
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn append(&mut self, cid: &Cid, bytes: &[u8]) -> io::Result<Entry> {
        let offset = self.len;
        let before = self.buffer.len();
        car::push_section(&mut self.buffer, cid, bytes.len());
        self.len += (self.buffer.len() - before + bytes.len()) as u64;
        if bytes.len() < BUFFER / 8 {
            self.buffer.extend_from_slice(bytes);
            if self.buffer.len() >= BUFFER {
                self.flush()?;
            }
        } else {
            self.flush()?;
            self.file.as_file_mut().write_all(bytes)?;
        }
        self.entries.push((*cid, offset));
        Ok(Entry {
            key: Key::of(cid.hash()),
            offset,
            len: self.len - offset,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes index and header, and starts to make the file durable.
    fn close(&mut self) -> io::Result<()> {
        if self.closed.is_some() {
            return Ok(());
        }
        let start = car::FRONT as u64;
        let end = self.len;
        let entries = self
            .entries
            .iter()
            .map(|(cid, at)| (*cid.hash(), at - start));
        let index = car::write_index(entries);
        let header = car::Header {
            start,
            len: end - start,
            index: end,
        }
        .to_bytes();
        let name = index::name(&header, &index);
        self.buffer.extend_from_slice(&index);
        self.flush()?;
        let file = self.file.as_file_mut();
        file.seek(SeekFrom::Start(car::PRAGMA.len() as u64))?;
        file.write_all(&header)?;
        let file = file.try_clone()?;
        self.closed = Some((name, thread::spawn(move || file.sync_all())));
        Ok(())
    }

    /// Waits until the file is durable, and gives it its name.
    pub(super) fn publish(mut self, folder: &Path) -> io::Result<String> {
        self.close()?;
        let early = || io::Error::other("the thread that syncs ended early");
        let (name, durable) = self.closed.take().ok_or_else(early)?;
        durable.join().map_err(|_| early())??;
        let path = folder.join(&name);
        self.file.persist(path).map_err(|error| error.error)?;
        Ok(name)
    }
}

/// Copies one section as it is.
pub(super) fn read_raw(file: &mut File, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut section = Vec::new();
    file.take(len).read_to_end(&mut section)?;
    Ok(section)
}

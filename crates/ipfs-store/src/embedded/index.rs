//! Which pack holds a block, and where.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Size;
use super::opened::Opened;
use super::pack::{TEMPORARY, read_raw};
use crate::hash::Key;
use crate::{Block, Cid, Error, MAX_BLOCK, Result, car};

/// What this process knows of the packs.
#[derive(Debug, Default)]
pub(super) struct Index {
    packs: BTreeMap<OsString, Arc<Table>>,
    places: HashMap<Key, Place>,
}

/// A block's section in a pack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// Where the section starts in the file.
    pub(super) offset: u64,
    /// The bytes of the section.
    pub(super) len: u64,
}

/// A pack, and what is in it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) path: Arc<Path>,
    /// The bytes of the file.
    pub(super) bytes: u64,
    pub(super) entries: Vec<Entry>,
    /// What part of the pack could not be read at all, and so may hold anything.
    pub(super) unreadable: Option<String>,
    /// The file, opened once for the small blocks of it.
    opened: Opened,
}

/// Where a block is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    table: Arc<Table>,
    offset: u64,
    len: u64,
}

impl Index {
    /// Takes note of packs that appeared and disappeared.
    pub(super) fn refresh(&mut self, folder: &Path) -> io::Result<()> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            if !name.to_string_lossy().starts_with(TEMPORARY) {
                found.insert(name, ());
            }
        }
        let gone = self.packs.keys().any(|name| !found.contains_key(name));
        if gone {
            self.places.clear();
            self.packs.retain(|name, _| found.contains_key(name));
            for table in self.packs.values() {
                note(&mut self.places, table);
            }
        }
        for name in found.into_keys() {
            if !self.packs.contains_key(&name) {
                let table = match Table::read(&folder.join(&name)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    table => Arc::new(table?),
                };
                note(&mut self.places, &table);
                self.packs.insert(name, table);
            }
        }
        Ok(())
    }

    /// The next refresh reads the packs again that could not be read whole.
    pub(super) fn forget_unreadable(&mut self) {
        self.packs.retain(|_, table| table.unreadable.is_none());
        self.places.clear();
        for table in self.packs.values() {
            note(&mut self.places, table);
        }
    }

    pub(super) fn place(&self, key: &Key) -> Option<Place> {
        self.places.get(key).cloned()
    }

    pub(super) fn packs(&self) -> Vec<Arc<Table>> {
        self.packs.values().cloned().collect()
    }

    /// Every copy: several processes may have stored the same block.
    pub(super) fn every_place(&self, key: &Key) -> Vec<Place> {
        let entries = self.packs.values().flat_map(|table| {
            let entries = table.entries.iter().filter(|entry| entry.key == *key);
            entries.map(|entry| table.place(entry))
        });
        entries.collect()
    }

    /// A block that no pack names is missing, unless a pack is damaged so that it may be in there.
    pub(super) fn surely_missing(&self, cid: &Cid) -> Result<()> {
        let damaged = self
            .packs
            .values()
            .find_map(|table| Some((&table.path, table.unreadable.as_ref()?)));
        match damaged {
            None => Ok(()),
            Some((path, reason)) => Err(Error::Damaged {
                cid: (*cid).into(),
                path: path.to_path_buf(),
                reason: format!("it may be where the file cannot be read: {reason}"),
            }),
        }
    }

    pub(super) fn size(&self) -> Size {
        Size {
            blocks: self.places.len() as u64,
            bytes: self.packs.values().map(|table| table.bytes).sum(),
        }
    }
}

fn note(places: &mut HashMap<Key, Place>, table: &Arc<Table>) {
    places.extend(
        table
            .entries
            .iter()
            .map(|entry| (entry.key, table.place(entry))),
    );
}

impl Table {
    /// Reads a pack's index; when that is damaged, its sections one by one.
    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut table = Self {
            path: path.into(),
            bytes,
            entries: Vec::new(),
            unreadable: None,
            opened: Opened::default(),
        };
        match read_index(&mut file, path, bytes)? {
            Some((header, offsets)) => {
                let end = header.start + header.len;
                let mut offsets: Vec<_> = offsets
                    .into_iter()
                    .map(|(hash, offset)| (header.start.saturating_add(offset), Key::of(&hash)))
                    .collect();
                offsets.sort_unstable();
                let ends = offsets
                    .iter()
                    .skip(1)
                    .map(|(offset, _)| *offset)
                    .chain([end]);
                let entries = offsets.iter().zip(ends).map(|(&(offset, key), end)| Entry {
                    key,
                    offset,
                    len: end - offset,
                });
                table.entries = entries.collect();
            }
            None => table.scan(&mut file)?,
        }
        Ok(table)
    }

    /// Finds what sections there are. Where they end is unknown without the index: there may have been more.
    fn scan(&mut self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(car::FRONT as u64))?;
        let sections = car::scan(io::BufReader::new(file)).unwrap_or_default();
        let entries = sections.iter().map(|(cid, start, end)| Entry {
            key: Key::of(cid.hash()),
            offset: car::FRONT as u64 + start,
            len: end - start,
        });
        self.entries = entries.collect();
        let known = self.entries.len();
        self.unreadable = Some(format!("its index is damaged, and shows {known} blocks"));
        Ok(())
    }

    pub(super) fn place(self: &Arc<Self>, entry: &Entry) -> Place {
        Place {
            table: Arc::clone(self),
            offset: entry.offset,
            len: entry.len,
        }
    }
}

/// The index, if it is the one that the file's name is the digest of.
fn read_index(
    file: &mut File,
    path: &Path,
    bytes: u64,
) -> io::Result<Option<(car::Header, Vec<car::Offset>)>> {
    let mut front = Vec::new();
    file.by_ref()
        .take(car::FRONT as u64)
        .read_to_end(&mut front)?;
    let Some(header) = car::Header::read(&front) else {
        return Ok(None);
    };
    if header.index > bytes || header.start.checked_add(header.len) != Some(header.index) {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(header.index))?;
    let mut index = Vec::new();
    file.read_to_end(&mut index)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if self::name(&header.to_bytes(), &index) != name {
        return Ok(None);
    }
    Ok(car::read_index(&index).map(|offsets| (header, offsets)))
}

/// The name of a pack: it says what is in it, so that a damaged index is noticed.
pub(super) fn name(header: &[u8], index: &[u8]) -> String {
    let digest = Sha256::new()
        .chain_update(header)
        .chain_update(index)
        .finalize();
    let mut name: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    name.push_str(".car");
    name
}

impl Place {
    pub(super) fn read(&self, cid: &Cid) -> Result<Block> {
        let path = &self.table.path;
        let at = |source| Error::Io {
            action: "reading a pack",
            path: Some(path.to_path_buf()),
            source,
        };
        if self.len <= SMALL
            && let Some(section) = self
                .table
                .opened
                .read(path, self.offset, self.len)
                .map_err(at)?
        {
            return small_section(&section, path, self.offset, cid);
        }
        let mut file = File::open(path).map_err(at)?;
        read_section(&mut file, path, self.offset, self.len, cid)
    }

    pub(super) fn exists(&self) -> bool {
        self.table.path.exists()
    }

    /// Whether the section holds a block that hashes to the CID beside it.
    pub(super) fn is_whole(&self) -> bool {
        let read = || {
            let section = read_raw(&mut File::open(&self.table.path)?, self.offset, self.len)?;
            let whole = car::split_prefix(&section).is_some_and(|(size, cid, bytes)| {
                size == bytes.len() && Block::new(cid, bytes.to_vec()).is_ok()
            });
            io::Result::Ok(whole)
        };
        read().unwrap_or(false)
    }
}

/// Up to here a section is read at once, from a file that stays open; beyond, hashing outweighs opening.
const SMALL: u64 = 64 << 10;

fn small_section(section: &[u8], path: &Path, offset: u64, cid: &Cid) -> Result<Block> {
    let damaged = |reason: String| Error::Damaged {
        cid: (*cid).into(),
        path: path.to_owned(),
        reason,
    };
    match car::split_prefix(section) {
        None => Err(damaged(format!("no block starts at byte {offset}"))),
        Some((size, _, bytes)) if size != bytes.len() => Err(damaged(format!(
            "{} of its {size} bytes are there",
            bytes.len()
        ))),
        Some((_, found, _)) if found.hash() != cid.hash() => {
            Err(damaged(format!("at byte {offset} is the block {found}")))
        }
        Some((_, _, bytes)) => {
            Block::new(*cid, bytes.to_vec()).map_err(|error| damaged(error.to_string()))
        }
    }
}

/// Whether reading failed because another process removed the pack.
pub(super) fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// Reads a block from its section and hashes it.
pub(super) fn read_section(
    file: &mut File,
    path: &Path,
    offset: u64,
    len: u64,
    cid: &Cid,
) -> Result<Block> {
    let damaged = |reason: String| Error::Damaged {
        cid: (*cid).into(),
        path: path.to_owned(),
        reason,
    };
    let at = |source| Error::Io {
        action: "reading a block",
        path: Some(path.to_owned()),
        source,
    };
    file.seek(SeekFrom::Start(offset)).map_err(at)?;
    let mut section = file.take(len);
    let mut front = Vec::with_capacity(car::MAX_PREFIX);
    section
        .by_ref()
        .take(car::MAX_PREFIX as u64)
        .read_to_end(&mut front)
        .map_err(at)?;
    let (size, found, rest) = car::split_prefix(&front)
        .ok_or_else(|| damaged(format!("no block starts at byte {offset}")))?;
    if found.hash() != cid.hash() {
        return Err(damaged(format!("at byte {offset} is the block {found}")));
    }
    if size > MAX_BLOCK {
        return Err(damaged(format!(
            "at byte {offset} is a block of {size} bytes"
        )));
    }
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(rest);
    section.read_to_end(&mut bytes).map_err(at)?;
    if bytes.len() != size {
        return Err(damaged(format!(
            "{} of its {size} bytes are there",
            bytes.len()
        )));
    }
    Block::new(*cid, bytes).map_err(|error| damaged(error.to_string()))
}

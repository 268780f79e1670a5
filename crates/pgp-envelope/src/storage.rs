//! Where plaintext waits until it is verified: memory, then a temporary file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use tempfile::NamedTempFile;

use crate::aside::Sink;
use crate::memory::Memory;
use crate::{Error, Result};

/// Bytes in memory up to a limit, in a temporary file beyond it.
pub(crate) struct Storage {
    limit: usize,
    folder: Option<PathBuf>,
    memory: Memory,
    file: Option<Overflow>,
    len: u64,
}

/// The file: without a name, so that nothing is left behind whatever happens, or named in the caller's folder, so that it
/// can be renamed.
pub(crate) enum Overflow {
    Unnamed(File),
    Named(NamedTempFile),
}

impl Storage {
    pub(crate) const fn new(limit: usize, folder: Option<PathBuf>) -> Self {
        Self {
            limit,
            folder,
            memory: Memory::new(),
            file: None,
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// From the beginning.
    pub(crate) fn reader(&mut self) -> Result<Plaintext<'_>> {
        Ok(Plaintext(match &mut self.file {
            Some(file) => {
                let file = file.as_file();
                file.seek(SeekFrom::Start(0)).map_err(failed)?;
                Source::File(file)
            }
            None => Source::Memory(&self.memory, 0),
        }))
    }

    /// Whether no file was needed.
    pub(crate) const fn is_memory(&self) -> bool {
        self.file.is_none()
    }

    pub(crate) fn into_parts(self) -> (Memory, Option<Overflow>) {
        (self.memory, self.file)
    }
}

impl Sink for Storage {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.len += bytes.len() as u64;
        if self.file.is_none() {
            if self.memory.len() + bytes.len() <= self.limit {
                return self.memory.write(bytes).map_err(failed);
            }
            let mut file = match &self.folder {
                Some(folder) => NamedTempFile::new_in(folder).map(Overflow::Named),
                None => tempfile::tempfile().map(Overflow::Unnamed),
            }
            .map_err(failed)?;
            for piece in self.memory.pieces() {
                file.as_file().write_all(piece).map_err(failed)?;
            }
            self.memory = Memory::new();
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.as_file().write_all(bytes).map_err(failed),
            None => Ok(()),
        }
    }
}

impl Overflow {
    pub(crate) fn as_file(&mut self) -> &mut File {
        match self {
            Self::Unnamed(file) => file,
            Self::Named(file) => file.as_file_mut(),
        }
    }
}

/// Verified plaintext, to be read and searched.
#[derive(Debug)]
pub struct Plaintext<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Memory(&'a Memory, usize),
    File(&'a mut File),
}

impl Read for Plaintext<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Memory(memory, position) => {
                let n = memory.at(*position).read(into)?;
                *position += n;
                Ok(n)
            }
            Source::File(file) => file.read(into),
        }
    }
}

impl Seek for Plaintext<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Source::Memory(memory, position) => {
                let (from, offset) = match to {
                    SeekFrom::Start(offset) => (0, i128::from(offset)),
                    SeekFrom::End(offset) => (memory.len(), i128::from(offset)),
                    SeekFrom::Current(offset) => (*position, i128::from(offset)),
                };
                *position = usize::try_from(from as i128 + offset)
                    .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
                Ok(*position as u64)
            }
            Source::File(file) => file.seek(to),
        }
    }
}

pub(crate) fn failed(source: io::Error) -> Error {
    Error::Io {
        action: "keeping the plaintext until it is verified",
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_file_read_and_seek_alike() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
        for limit in [usize::MAX, 2_000_000, 0] {
            let mut storage = Storage::new(limit, None);
            bytes
                .chunks(70_000)
                .for_each(|chunk| storage.take(chunk).unwrap());
            assert_eq!(
                (storage.len(), storage.is_memory()),
                (3_000_000, limit == usize::MAX)
            );
            let mut plaintext = storage.reader().unwrap();
            let mut four = [0; 4];
            for (to, at) in [
                (SeekFrom::Start(1_048_574), 1_048_574_usize),
                (SeekFrom::Current(-4), 1_048_574),
                (SeekFrom::End(-4), 2_999_996),
            ] {
                assert_eq!(plaintext.seek(to).unwrap(), at as u64);
                plaintext.read_exact(&mut four).unwrap();
                assert!(bytes.iter().skip(at).take(4).eq(&four));
            }
            assert_eq!(plaintext.read(&mut four).unwrap(), 0, "the end");
            assert!(plaintext.seek(SeekFrom::Current(-3_000_001)).is_err());
            assert_eq!(plaintext.seek(SeekFrom::End(9)).unwrap(), 3_000_009);
            assert_eq!(plaintext.read(&mut four).unwrap(), 0, "behind the end");
            plaintext.rewind().unwrap();
            let mut all = Vec::new();
            plaintext.read_to_end(&mut all).unwrap();
            assert!(all == bytes);
        }
    }
}

//! Where plaintext waits until it is verified: memory, then a temporary file.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// Bytes in memory up to a limit, in a temporary file beyond it.
pub(crate) struct Spool {
    limit: usize,
    folder: Option<PathBuf>,
    memory: Vec<u8>,
    file: Option<Overflow>,
    len: u64,
}

/// The file: without a name, so that nothing is left behind whatever happens, or named in the caller's folder, so that it
/// can be renamed.
pub(crate) enum Overflow {
    Unnamed(File),
    Named(NamedTempFile),
}

impl Spool {
    pub(crate) const fn new(limit: usize, folder: Option<PathBuf>) -> Self {
        Self {
            limit,
            folder,
            memory: Vec::new(),
            file: None,
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.len += bytes.len() as u64;
        if self.file.is_none() {
            if self.memory.len() + bytes.len() <= self.limit {
                self.memory.extend_from_slice(bytes);
                return Ok(());
            }
            let mut file = match &self.folder {
                Some(folder) => NamedTempFile::new_in(folder).map(Overflow::Named),
                None => tempfile::tempfile().map(Overflow::Unnamed),
            }
            .map_err(failed)?;
            file.as_file().write_all(&self.memory).map_err(failed)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.as_file().write_all(bytes).map_err(failed),
            None => Ok(()),
        }
    }

    /// From the beginning.
    pub(crate) fn reader(&mut self) -> Result<Plaintext<'_>> {
        Ok(Plaintext(match &mut self.file {
            Some(file) => {
                let file = file.as_file();
                file.seek(SeekFrom::Start(0)).map_err(failed)?;
                Source::File(file)
            }
            None => Source::Memory(Cursor::new(&self.memory)),
        }))
    }

    pub(crate) fn into_parts(self) -> (Vec<u8>, Option<Overflow>) {
        (self.memory, self.file)
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
    Memory(Cursor<&'a Vec<u8>>),
    File(&'a mut File),
}

impl Read for Plaintext<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Memory(bytes) => bytes.read(into),
            Source::File(file) => file.read(into),
        }
    }
}

impl Seek for Plaintext<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Source::Memory(bytes) => bytes.seek(to),
            Source::File(file) => file.seek(to),
        }
    }
}

fn failed(source: io::Error) -> Error {
    Error::Io {
        action: "keeping the plaintext until it is verified",
        source,
    }
}

//! The last checkpoint that was believed, in memory and in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ledger_core::{Checkpoint, LogKey};

use crate::{Error, Result, file};

pub(super) struct Memory {
    file: Option<PathBuf>,
    log: LogKey,
    last: Mutex<Option<Checkpoint>>,
}

impl Memory {
    /// Reads what was kept; a file that is not there yet is no error, one that is no checkpoint of this log is.
    pub(super) fn open(file: Option<PathBuf>, log: &LogKey) -> Result<Self> {
        let last = match &file {
            Some(path) => read(path, log)?,
            None => None,
        };
        Ok(Self {
            file,
            log: *log,
            last: Mutex::new(last),
        })
    }

    pub(super) fn last(&self) -> Option<Checkpoint> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// Remembers a checkpoint that was compared with the last one known, unless that is later. Another one that is known by now, to
    /// another thread or to another process by the file, is returned: it was not compared with that. Nothing is remembered then.
    pub(super) fn keep(
        &self,
        found: &Checkpoint,
        compared: Option<&Checkpoint>,
    ) -> Result<Option<Checkpoint>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().map(Checkpoint::note) != compared.map(Checkpoint::note) {
            return Ok(last.clone());
        }
        if last
            .as_ref()
            .is_some_and(|known| known.height() >= found.height())
        {
            return Ok(None);
        }
        if let Some(path) = &self.file {
            let failed = |error: io::Error| kept(path, &error.to_string());
            let _alone = kept_lock(path).map_err(failed)?;
            let there = read(path, &self.log)?;
            if let Some(there) = there
                && last.as_ref().map(Checkpoint::note) != Some(there.note())
            {
                *last = Some(there);
                return Ok(last.clone());
            }
            file::write(path, found.note().as_bytes()).map_err(failed)?;
        }
        *last = Some(found.clone());
        Ok(None)
    }
}

/// Whoever holds it alone reads the file that a checkpoint is kept in, and writes it: a file beside it, as a new one takes its place.
///
/// # Errors
///
/// When that file cannot be made or locked.
pub fn kept_lock(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).open(name)?;
    file.lock()?;
    Ok(file)
}

fn read(path: &Path, log: &LogKey) -> Result<Option<Checkpoint>> {
    let note = match std::fs::read_to_string(path) {
        Ok(note) => note,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(kept(path, &error.to_string())),
    };
    Checkpoint::open(&note, log)
        .map(Some)
        .map_err(|rejected| kept(path, &rejected.to_string()))
}

fn kept(path: &Path, reason: &str) -> Error {
    Error::Kept {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

//! The last checkpoint that was believed, in memory and in a file.

use std::io::ErrorKind;
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

    /// Remembers a checkpoint that was compared with the last one known, unless that is later. Another one that is known by now,
    /// with which it was not compared, is returned, and nothing is remembered. A later one of another process stays in the file.
    pub(super) fn keep(
        &self,
        found: &Checkpoint,
        compared: Option<&Checkpoint>,
    ) -> Result<Option<Checkpoint>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().map(Checkpoint::note) != compared.map(Checkpoint::note) {
            return Ok(last.clone());
        }
        let is_newer = |known: &Option<Checkpoint>| {
            known
                .as_ref()
                .is_none_or(|known| known.height() < found.height())
        };
        if is_newer(&last) {
            if let Some(path) = &self.file
                && is_newer(&read(path, &self.log)?)
            {
                file::write(path, found.note().as_bytes())
                    .map_err(|error| kept(path, &error.to_string()))?;
            }
            *last = Some(found.clone());
        }
        Ok(None)
    }
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

//! Witnessing the ledgers of others: their checkpoints are cosigned, each only if it continues the last one.
//!
//! ```text
//! FOLDER/key                 32 bytes: the secret key, made when the folder is first used
//! FOLDER/CHAIN.checkpoint    the last checkpoint of that chain that was cosigned, written before the cosignature goes out
//! ```
//!
//! Key and checkpoints lie together: who loses the folder is another witness, and not one who has forgotten.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ledger_core::{
    AddCheckpoint, ChainId, Checkpoint, Digest, LogKey, NotCosigned, PublicKey, Witness, WitnessKey,
};
use zeroize::Zeroizing;

use crate::{Error, Result, file};

/// A witness of several ledgers, one process at a time (C2SP tlog-witness).
pub struct Witnessing {
    key: WitnessKey,
    folder: PathBuf,
    logs: BTreeMap<String, Mutex<Witnessed>>,
    // locked for as long as it is open
    _key_file: File,
}

/// The witness of one log, and the header of the checkpoint that is on disk.
struct Witnessed {
    witness: Witness,
    on_disk: Option<Digest>,
}

impl fmt::Debug for Witnessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witnessing")
            .field("key", &self.key)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Witnessing {
    /// Opens a folder, or makes it with a new key, to witness these logs under a name (`hospital.example/witness`).
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Busy`] while another process has it, [`Error::Damaged`] for a key that is none,
    /// [`Error::Kept`] for a checkpoint that is none of its log, or a name that a signed note cannot carry.
    pub fn open(folder: &Path, name: &str, logs: &[LogKey]) -> Result<Self> {
        let path = folder.join("key");
        let failed = |source| Error::File {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        if !path.exists() {
            let mut secret = Zeroizing::new([0; 32]);
            getrandom::fill(secret.as_mut()).map_err(|_| Error::Random)?;
            file::write(&path, secret.as_slice()).map_err(failed)?;
        }
        let key_file = File::open(&path).map_err(failed)?;
        match key_file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let waited = Duration::ZERO;
                return Err(Error::Busy { path, waited });
            }
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        let secret = Zeroizing::new(fs::read(&path).map_err(failed)?);
        let key = SigningKey::try_from(secret.as_slice()).map_err(|_| Error::Damaged {
            path: path.clone(),
            what: "the witness' key".to_owned(),
        })?;
        let mut witnesses = BTreeMap::new();
        for log in logs {
            let last = last(&kept_in(folder, log.chain()), log)?;
            let on_disk = last.as_ref().map(Checkpoint::header);
            let witness = Witness::new(name, key.clone(), *log, last).map_err(Error::Ledger)?;
            witnesses.insert(log.origin(), Mutex::new(Witnessed { witness, on_disk }));
        }
        Ok(Self {
            key: WitnessKey::new(name, PublicKey::from(&key)).map_err(Error::Ledger)?,
            folder: folder.to_owned(),
            logs: witnesses,
            _key_file: key_file,
        })
    }

    /// The name and the key, for those who count on this witness.
    #[must_use]
    pub const fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// How many logs it witnesses.
    #[cfg(feature = "http")]
    pub(crate) fn logs(&self) -> usize {
        self.logs.len()
    }

    /// Answers the body of an `add-checkpoint`, at a time in seconds since 1970: the line of the cosignature, or why there is
    /// none. What is cosigned is on disk before this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Kept`] when the checkpoint cannot be written: then there is no cosignature.
    pub fn add_checkpoint(&self, body: &[u8], time: u64) -> Result<Result<String, NotCosigned>> {
        let request = std::str::from_utf8(body)
            .map_err(|error| error.to_string())
            .and_then(|body| {
                let request = body.parse::<AddCheckpoint>();
                request.map_err(|error| error.to_string())
            });
        let request = match request {
            Ok(request) => request,
            Err(reason) => return Ok(Err(NotCosigned::Malformed { reason })),
        };
        let Some(witnessed) = self.logs.get(request.origin()) else {
            let origin = request.origin().chars().take(128).collect();
            return Ok(Err(NotCosigned::UnknownLog { origin }));
        };
        // held until it is on disk: two requests at once cannot take the file back
        let mut witnessed = witnessed.lock().unwrap_or_else(PoisonError::into_inner);
        let Witnessed { witness, on_disk } = &mut *witnessed;
        let cosigned = witness.add_checkpoint(&request, time);
        if let (Ok(_), Some(last)) = (&cosigned, witness.last()) {
            // whoever repeats the newest note would have the disk synced each time
            if *on_disk != Some(last.header()) {
                let path = kept_in(&self.folder, last.chain());
                file::write(&path, last.note().as_bytes()).map_err(|error| kept(&path, &error))?;
                *on_disk = Some(last.header());
            }
        }
        Ok(cosigned)
    }
}

fn kept_in(folder: &Path, chain: ChainId) -> PathBuf {
    folder.join(format!("{chain}.checkpoint"))
}

/// The checkpoint that was kept; none before the first one.
fn last(path: &Path, log: &LogKey) -> Result<Option<Checkpoint>> {
    match fs::read_to_string(path) {
        Ok(note) => Checkpoint::open(&note, log)
            .map(Some)
            .map_err(|error| kept(path, &io::Error::other(error))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(kept(path, &error)),
    }
}

fn kept(path: &Path, error: &io::Error) -> Error {
    Error::Kept {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use ledger_core::testing::{Chain, Person, share};

    use super::*;

    #[test]
    fn only_what_is_not_on_disk_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut chain = Chain::new(1);
        let log = chain.ledger.genesis().log_key();
        let witnessing = Witnessing::open(folder.path(), "witness.example/w", &[log]).unwrap();
        let path = kept_in(folder.path(), log.chain());
        let cosign = |chain: &Chain, old: u64| {
            let view = chain.ledger.view().unwrap();
            let size = view.head().log_size;
            let grown = (1..size).contains(&old);
            let path = grown.then(|| view.consistency(old, size).unwrap().path);
            let request =
                AddCheckpoint::new(old, path.unwrap_or_default(), chain.checkpoint()).to_string();
            witnessing.add_checkpoint(request.as_bytes(), 9)
        };
        cosign(&chain, 0).unwrap().unwrap();
        fs::remove_file(&path).unwrap();
        cosign(&chain, 1).unwrap().unwrap();
        assert!(!path.exists(), "the same again");
        // one that could not be written is not taken for written
        let person = Person::new(0);
        chain.send(&person, share(1, &[&person])).unwrap();
        fs::create_dir_all(path.join("in the way")).unwrap();
        assert!(matches!(cosign(&chain, 1), Err(Error::Kept { .. })));
        fs::remove_dir_all(&path).unwrap();
        cosign(&chain, 2).unwrap().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), chain.checkpoint());
    }
}

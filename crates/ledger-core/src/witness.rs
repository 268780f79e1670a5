//! Witnesses: those who have seen a log's checkpoints, checked that it only grew, and say so (C2SP tlog-witness).

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signer as _, SigningKey};

use crate::checkpoint::{Checkpoint, LogKey, MAX_NOTE, WitnessKey, cosigned_message};
use crate::merkle::ConsistencyProof;
use crate::proof::{Rejected, verify_checkpoint};
use crate::{Digest, Error, PublicKey, Result, Trust};

/// The most hashes of a consistency proof that a witness is sent (C2SP tlog-witness).
const MAX_PATH: usize = 63;
/// The most bytes of a request to a witness: a note, a line for the size, and a line of 45 for each hash.
pub const MAX_ADD_CHECKPOINT: usize = MAX_NOTE + 64 + MAX_PATH * 45;

/// What a log sends to a witness: its checkpoint, and the proof that it continues the one which the witness cosigned last.
///
/// The body of `POST /add-checkpoint` (C2SP tlog-witness); reading it believes nothing.
///
/// ```text
/// old 20852014                                     the number of leaves that the witness cosigned last
/// PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=     the consistency proof, a hash a line
///
/// medshare/1f0c…e9                                 the signed note
/// …
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    path: Vec<Digest>,
    note: String,
}

impl AddCheckpoint {
    /// Asks for a cosignature on a note that continues a log of `old` leaves.
    #[must_use]
    pub const fn new(old: u64, path: Vec<Digest>, note: String) -> Self {
        Self { old, path, note }
    }

    /// The first line of the note: which log it says it is of.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.note.lines().next().unwrap_or_default()
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.path {
            writeln!(f, "{}", BASE64_STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for AddCheckpoint {
    type Err = Error;

    /// Reads a request: exactly what [`AddCheckpoint`] is written as, at most [`MAX_ADD_CHECKPOINT`].
    fn from_str(text: &str) -> Result<Self> {
        const WHAT: &str = "a request to a witness";
        if text.len() > MAX_ADD_CHECKPOINT {
            return Err(Error::TooLarge {
                what: WHAT,
                limit: MAX_ADD_CHECKPOINT,
                found: text.len(),
            });
        }
        let wrong = |reason: &str| Error::Malformed {
            what: WHAT,
            reason: reason.to_owned(),
        };
        let (head, note) = text
            .split_once("\n\n")
            .ok_or_else(|| wrong("expected an empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(|old| old.parse().ok());
        let old = old.ok_or_else(|| wrong("expected \"old\" and a size"))?;
        let hash = |line: &str| {
            let hash = BASE64_STANDARD.decode(line).ok()?;
            <[u8; 32]>::try_from(hash).ok().map(Digest::new)
        };
        let path = lines.map(hash).collect::<Option<Vec<_>>>();
        let path = path.ok_or_else(|| wrong("expected hashes of 32 bytes in base64"))?;
        if path.len() > MAX_PATH {
            return Err(wrong("expected at most 63 hashes"));
        }
        let read = Self::new(old, path, note.to_owned());
        // one spelling only: no zeros or plus in front of the size
        if read.to_string() == text {
            Ok(read)
        } else {
            Err(wrong("expected the size without zeros in front"))
        }
    }
}

/// Why a witness does not cosign (C2SP tlog-witness has an HTTP status for each).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotCosigned {
    /// 400: the checkpoint or its size is not what a log sends.
    #[error("{reason}")]
    Malformed {
        /// What was expected and what was found.
        reason: String,
    },
    /// 403: the log's key did not sign it.
    #[error("the checkpoint is not signed by the log's key")]
    Signature,
    /// 404: another log's.
    #[error("this witness does not know the log {origin:?}")]
    UnknownLog {
        /// The first line of the checkpoint.
        origin: String,
    },
    /// 409: the log continues something else than what was cosigned last; or shows another history of the same size.
    #[error("the last checkpoint that was cosigned has {size} transactions")]
    Conflict {
        /// The size of the last checkpoint that was cosigned; 0 when none was.
        size: u64,
    },
    /// 422: the proof does not show that the checkpoint continues the last one.
    #[error("the checkpoint is not shown to continue the last one: {0}")]
    Inconsistent(#[source] Rejected),
}

impl NotCosigned {
    /// The status that C2SP's tlog-witness gives it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed { .. } => 400,
            Self::Signature => 403,
            Self::UnknownLog { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::Inconsistent(_) => 422,
        }
    }
}

/// One who cosigns the checkpoints of one log, each only if it continues the last one.
///
/// What makes a node that shows two histories notice: it cannot have both cosigned. It holds its last checkpoint; whoever
/// runs it keeps that where a restart finds it, before the cosignature goes out.
#[derive(Clone)]
pub struct Witness {
    name: String,
    key: SigningKey,
    log: LogKey,
    last: Option<Checkpoint>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("name", &self.name)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

impl Witness {
    /// A witness of a log; `last` is the last checkpoint that it cosigned.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Malformed`] for a name that a signed note cannot carry.
    pub fn new(name: &str, key: SigningKey, log: LogKey, last: Option<Checkpoint>) -> Result<Self> {
        // the same rules as for a key that is read
        WitnessKey::new(name, PublicKey::from(&key))?;
        Ok(Self {
            name: name.to_owned(),
            key,
            log,
            last,
        })
    }

    /// Its name and key, for those who count on it.
    ///
    /// # Panics
    ///
    /// Never: the name was checked when it was made.
    #[must_use]
    pub fn key(&self) -> WitnessKey {
        WitnessKey::new(&self.name, PublicKey::from(&self.key)).expect("the name was checked")
    }

    /// The last checkpoint that it cosigned.
    #[must_use]
    pub const fn last(&self) -> Option<&Checkpoint> {
        self.last.as_ref()
    }

    /// Answers a log's request, at a time in seconds since 1970: the line to append to the note, or why there is none.
    ///
    /// # Errors
    ///
    /// The first check of C2SP's tlog-witness that fails; the last checkpoint is then as it was.
    pub fn add_checkpoint(
        &mut self,
        request: &AddCheckpoint,
        time: u64,
    ) -> Result<String, NotCosigned> {
        if request.origin() != self.log.origin() {
            let origin = request.origin().chars().take(128).collect();
            return Err(NotCosigned::UnknownLog { origin });
        }
        let checkpoint = Checkpoint::open(&request.note, &self.log).map_err(|why| match why {
            Rejected::Signature => NotCosigned::Signature,
            other => NotCosigned::Malformed {
                reason: other.to_string(),
            },
        })?;
        if request.old > checkpoint.size() {
            return Err(NotCosigned::Malformed {
                reason: format!(
                    "an old size of {}, more than the {} of the checkpoint",
                    request.old,
                    checkpoint.size()
                ),
            });
        }
        let size = self.last.as_ref().map_or(0, Checkpoint::size);
        if request.old != size {
            return Err(NotCosigned::Conflict { size });
        }
        let (old, new) = (request.old, checkpoint.size());
        let proof = ConsistencyProof::claim(old, new, request.path.clone());
        // a proof from nothing, or from the same size, is an empty one
        if (old == 0 || old == new) && !request.path.is_empty() {
            let known = old;
            return Err(NotCosigned::Inconsistent(Rejected::NoConsistency { known }));
        }
        self.cosign(&request.note, Some(&proof), time)
            .map_err(|why| match why {
                // two histories of the same size
                _ if old == new => NotCosigned::Conflict { size },
                why => NotCosigned::Inconsistent(why),
            })
    }

    /// Cosigns a checkpoint that continues the last one, at a time in seconds since 1970: the line to append to the note.
    ///
    /// # Errors
    ///
    /// Why it is no checkpoint of this log, or does not continue the last one.
    pub fn cosign(
        &mut self,
        note: &str,
        consistency: Option<&ConsistencyProof>,
        time: u64,
    ) -> Result<String, Rejected> {
        let mut trust = Trust::new(self.log);
        if let Some(last) = &self.last {
            trust = trust.older(last.clone());
        }
        let checkpoint = verify_checkpoint(note, consistency, &trust)?;
        // a blank line ends what is signed; the checkpoint was read, so there is one
        let text = note.split_inclusive("\n\n").next().unwrap_or_default();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let signature = self.key.sign(&cosigned_message(time, text.as_bytes()));
        let id = self.key().id().to_be_bytes();
        let line = [id.as_slice(), &time.to_be_bytes(), &signature.to_bytes()].concat();
        self.last = Some(checkpoint);
        Ok(format!(
            "\u{2014} {} {}\n",
            self.name,
            BASE64_STANDARD.encode(line)
        ))
    }
}

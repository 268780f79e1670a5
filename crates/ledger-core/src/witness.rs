//! Witnesses: those who have seen a log's checkpoints, checked that it only grew, and say so (C2SP tlog-witness).

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signer as _, SigningKey};

use crate::checkpoint::{Checkpoint, LogKey, WitnessKey, cosigned_message};
use crate::merkle::ConsistencyProof;
use crate::proof::{Rejected, verify_checkpoint};
use crate::{PublicKey, Result, Trust};

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

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

    /// The last checkpoint that it cosigned.
    #[must_use]
    pub const fn last(&self) -> Option<&Checkpoint> {
        self.last.as_ref()
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
        let key = WitnessKey::new(&self.name, PublicKey::from(&self.key));
        let id = key.map_or(0, |key| key.id()).to_be_bytes();
        let line = [id.as_slice(), &time.to_be_bytes(), &signature.to_bytes()].concat();
        self.last = Some(checkpoint);
        Ok(format!(
            "\u{2014} {} {}\n",
            self.name,
            BASE64_STANDARD.encode(line)
        ))
    }
}

//! What was verified, released together.

use core::fmt;

use ledger_core::Proven;
use pgp_envelope::SessionKey;

use crate::{Check, HiddenRecord, HidingKey};

/// A share that passed all seven steps; only [`crate::verify`] makes one.
pub struct Verified {
    pub(crate) checks: Vec<Check>,
    pub(crate) proven: Proven,
    pub(crate) record: HiddenRecord,
    pub(crate) hiding_key: Option<HidingKey>,
    pub(crate) name: String,
    pub(crate) original: Vec<u8>,
    pub(crate) stego: Vec<u8>,
    pub(crate) session_keys: Vec<(String, SessionKey)>,
}

impl Verified {
    /// What was compared, step by step.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The ledger's proven record.
    #[must_use]
    pub const fn proven(&self) -> &Proven {
        &self.proven
    }

    /// The record that was hidden in the image, the patient's description in it.
    #[must_use]
    pub const fn record(&self) -> &HiddenRecord {
        &self.record
    }

    /// The key of the share's hidden records, to keep for verifying stego images later; none when they are readable.
    #[must_use]
    pub const fn hiding_key(&self) -> Option<&HidingKey> {
        self.hiding_key.as_ref()
    }

    /// What the sender called the file: a name without folders. Its sender signed it, nobody else vouches for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The original file, byte for byte.
    #[must_use]
    pub fn original(&self) -> &[u8] {
        &self.original
    }

    /// The stego image, as it was sent.
    #[must_use]
    pub fn stego(&self) -> &[u8] {
        &self.stego
    }

    /// The session key of each envelope by its name, with which its head can be made again for another receiver.
    #[must_use]
    pub fn session_keys(&self) -> &[(String, SessionKey)] {
        &self.session_keys
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("share_id", self.proven.share_id())
            .field("original", &self.original.len())
            .finish_non_exhaustive()
    }
}

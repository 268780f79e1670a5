//! The hidden record: what a sender hides in the image, sealed so that only receivers read it.

use core::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ledger_core::{Address, Commitment, ShareId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize;

use crate::codec::{byte_string, decode, encode};
use crate::image::HidingScheme;
use crate::{ContentDigest, Description, Error, Result, Salt};

/// The most bytes of a hidden record, sealed or not.
pub const MAX_HIDDEN: usize = 128 * 1024;

/// What is hashed before a record, so that a commitment is nothing else.
const DOMAIN: &[u8] = b"medshare commitment v2\0";
/// The version of the payload. In version 1 the ledger's commitment was to salt and description alone.
const VERSION: u8 = 2;
/// The second byte of a payload that everybody can read.
const PLAIN: u8 = 0;
/// The second byte of a payload that needs the hiding key.
const SEALED: u8 = 1;
/// Bytes before the nonce: version and kind. They are the associated data.
const PREFIX: usize = 2;
/// Bytes of XChaCha20-Poly1305's nonce.
const NONCE: usize = 24;

/// What is hidden in an image: whose it is, for whom, which share it belongs to, and which image it is.
///
/// Canonical DAG-CBOR, as drawn in the crate's DESIGN.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "senders build it field by field")]
pub struct HiddenRecord {
    /// The share.
    pub share_id: ShareId,
    /// The salt of the commitment.
    pub salt: Salt,
    /// The patient's description.
    pub description: Description,
    /// Who sends it.
    pub sender: Address,
    /// For whom, in the order of the record on the ledger.
    pub receivers: Vec<Address>,
    /// When, by the sender's clock: RFC 3339 in UTC, whole seconds, as [`rfc3339`] writes it.
    pub created_at: String,
    /// Which image it is hidden in.
    pub image: Binding,
}

/// What ties a hidden record to one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "complete by nature: DESIGN.md draws it"
)]
pub struct Binding {
    /// How the record was hidden, and so what `samples` is about.
    pub scheme: HidingScheme,
    /// The original file.
    pub file: ContentDigest,
    /// The original samples; under replacement with the payload-bearing bits cleared.
    pub samples: ContentDigest,
    /// The clinical header.
    pub header: ContentDigest,
}

impl HiddenRecord {
    /// What the ledger keeps of it: SHA-256 of a domain and of the record's canonical DAG-CBOR, which has 32 random bytes of
    /// salt in it, so that nobody can test guesses. It covers the image too: whoever learned salt and description cannot make
    /// a record of another image that the ledger knows.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        let record = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(encode(self));
        Commitment::new(record.finalize().into())
    }

    /// The payload to hide: sealed with a hiding key, or readable by everybody who extracts it, as the paper has it.
    ///
    /// # Errors
    ///
    /// [`Error::Random`], and [`Error::Malformed`] above [`MAX_HIDDEN`].
    pub fn to_payload(&self, key: Option<&HidingKey>) -> Result<Vec<u8>> {
        let record = encode(self);
        let mut payload = match key {
            None => vec![VERSION, PLAIN],
            Some(_) => vec![VERSION, SEALED],
        };
        match key {
            None => payload.extend(record),
            Some(key) => {
                let nonce = random::<NONCE>()?;
                let sealed = key
                    .cipher()
                    .encrypt(
                        &XNonce::from(nonce),
                        Payload {
                            msg: &record,
                            aad: &payload,
                        },
                    )
                    .map_err(|_| Error::Malformed {
                        what: "a hidden record",
                        reason: "too long for its cipher".to_owned(),
                    })?;
                payload.extend(nonce);
                payload.extend(sealed);
            }
        }
        if payload.len() > MAX_HIDDEN {
            return Err(Error::Malformed {
                what: "a hidden record",
                reason: format!(
                    "expected at most {MAX_HIDDEN} bytes, found {}",
                    payload.len()
                ),
            });
        }
        Ok(payload)
    }

    /// Reads a payload with whichever of the keys opens it.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for bytes that are no payload, [`Error::WrongHidingKey`] when no key opens it.
    pub fn from_payload(payload: &[u8], keys: &[HidingKey]) -> Result<Self> {
        const WHAT: &str = "a hidden record";
        let malformed = |reason: String| Error::Malformed { what: WHAT, reason };
        if payload.len() > MAX_HIDDEN {
            return Err(malformed(format!(
                "expected at most {MAX_HIDDEN} bytes, found {}",
                payload.len()
            )));
        }
        match payload.split_at_checked(PREFIX) {
            Some(([VERSION, PLAIN], record)) => decode(record, WHAT, MAX_HIDDEN),
            Some((prefix @ [VERSION, SEALED], rest)) => {
                let (nonce, sealed) = rest
                    .split_first_chunk::<NONCE>()
                    .ok_or_else(|| malformed(format!("cut after {} bytes", payload.len())))?;
                let record = keys
                    .iter()
                    .find_map(|key| {
                        let payload = Payload {
                            msg: sealed,
                            aad: prefix,
                        };
                        key.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
                    })
                    .ok_or(Error::WrongHidingKey { keys: keys.len() })?;
                decode(&record, WHAT, MAX_HIDDEN)
            }
            Some((prefix, _)) => Err(malformed(format!(
                "expected version {VERSION}, plain ({PLAIN}) or sealed ({SEALED}), found {prefix:?}"
            ))),
            None => Err(malformed(format!("found {} bytes", payload.len()))),
        }
    }
}

/// Seconds since 1970 as RFC 3339 in UTC: `2026-11-24T08:30:00Z`. Beyond the year 9999, the number itself.
#[must_use]
pub fn rfc3339(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| seconds.to_string(), |time| time.to_string())
}

/// The key that hidden records of one share are sealed with. It travels in the manifest and stays with the receivers.
#[derive(Clone, PartialEq, Eq)]
pub struct HidingKey([u8; 32]);

impl HidingKey {
    /// Wraps random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Random bytes of the operating system.
    ///
    /// # Errors
    ///
    /// [`Error::Random`].
    pub fn random() -> Result<Self> {
        random().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

impl Drop for HidingKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for HidingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HidingKey(..)")
    }
}

byte_string!(HidingKey, 32);

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

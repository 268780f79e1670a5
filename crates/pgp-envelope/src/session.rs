//! Session keys and what they are used with.

use std::fmt;

use openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use sequoia_openpgp as openpgp;

use crate::{Error, Result};

/// The secret that encrypts one container: whoever has it reads the message. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct SessionKey(openpgp::crypto::SessionKey);

impl SessionKey {
    /// A random one of 256 bits.
    pub(crate) fn generate() -> Result<Self> {
        openpgp::crypto::SessionKey::new(32)
            .map(Self)
            .map_err(Error::library("asking for randomness"))
    }

    /// From its bytes: 16, 24 or 32 of them.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for any other number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        match bytes.len() {
            16 | 24 | 32 => Ok(Self(bytes.into())),
            found => Err(Error::malformed(
                "a session key",
                format!("expected 16, 24 or 32 bytes, found {found}"),
            )),
        }
    }

    /// The secret bytes, to be kept as secret as the message.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_sequoia(key: openpgp::crypto::SessionKey) -> Result<Self> {
        match key.len() {
            16 | 24 | 32 => Ok(Self(key)),
            _ => Err(Error::NotForMe),
        }
    }

    pub(crate) const fn sequoia(&self) -> &openpgp::crypto::SessionKey {
        &self.0
    }

    /// AES with a key of this length: the only cipher this crate encrypts with.
    pub(crate) fn cipher(&self) -> SymmetricAlgorithm {
        match self.0.len() {
            16 => SymmetricAlgorithm::AES128,
            24 => SymmetricAlgorithm::AES192,
            _ => SymmetricAlgorithm::AES256,
        }
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({} bits)", self.0.len() * 8)
    }
}

/// How the content of a message is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// RFC 4880's: AES in CFB mode and a SHA-1 digest inside.
    SeipdV1,
    /// RFC 9580's: AES in an authenticated mode, chunk by chunk.
    SeipdV2 {
        /// The mode.
        mode: Mode,
        /// Bytes of plaintext in each chunk.
        chunk: u32,
    },
}

/// An authenticated mode of a block cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// RFC 9580 asks everybody to have it; Nettle before 4 has not.
    Ocb,
    /// Written where the backend has no OCB; OpenSSL has no EAX.
    Eax,
    /// Read, not written.
    Gcm,
}

impl Mode {
    pub(crate) const fn to_sequoia(self) -> AEADAlgorithm {
        match self {
            Self::Ocb => AEADAlgorithm::OCB,
            Self::Eax => AEADAlgorithm::EAX,
            Self::Gcm => AEADAlgorithm::GCM,
        }
    }

    /// Whether the backend that this crate was built with has it.
    ///
    /// ```
    /// use pgp_envelope::Mode;
    ///
    /// assert!(Mode::Ocb.is_supported() || Mode::Eax.is_supported());
    /// ```
    #[must_use]
    pub fn is_supported(self) -> bool {
        self.to_sequoia().is_supported()
    }

    /// What to encrypt with: OCB, which everybody reads, or EAX where the backend has no OCB.
    pub(crate) fn preferred() -> Self {
        match Self::Ocb.is_supported() {
            true => Self::Ocb,
            false => Self::Eax,
        }
    }

    pub(crate) fn refuse_unsupported(self, what: &'static str) -> Result<()> {
        match self.is_supported() {
            true => Ok(()),
            false => Err(Error::Unsupported {
                what,
                reason: format!("{self}, which the backend of this build lacks"),
            }),
        }
    }

    pub(crate) fn from_id(id: u8) -> Result<Self> {
        match id {
            1 => Ok(Self::Eax),
            2 => Ok(Self::Ocb),
            3 => Ok(Self::Gcm),
            _ => Err(Error::Unsupported {
                what: "the container's mode",
                reason: format!("AEAD algorithm {id}"),
            }),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ocb => "OCB",
            Self::Eax => "EAX",
            Self::Gcm => "GCM",
        })
    }
}

//! What can go wrong, as the caller sees it.

use std::error::Error as StdError;
use std::io;
use std::panic::{self, AssertUnwindSafe};

use crate::Fingerprint;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that this crate's operations fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // Opening: who.
    /// No key at hand opens the message. A damaged key packet looks the same, and so do its words.
    #[error("the message is not for any key at hand")]
    NotForMe,
    /// The message carries no signature.
    #[error("the message is not signed")]
    NotSigned,
    /// The message is signed by a key of which no cert is at hand.
    #[error("the signer {issuer} is unknown")]
    SignerUnknown {
        /// The fingerprint or key id that the signature names, in hex.
        issuer: String,
    },
    /// The message is signed by somebody else than expected.
    #[error("signed by {found}, who is not the signer that is expected")]
    SignerUnexpected {
        /// Whose cert the signing key belongs to.
        found: Fingerprint,
    },
    /// The signer wrote the message for others: somebody has forwarded it in a new envelope.
    #[error("the signer did not write the message for any key at hand")]
    NotIntended,

    // Opening: what.
    /// The signature does not hold.
    #[error("the signature does not hold: {reason}")]
    BadSignature {
        /// What is wrong with it.
        reason: String,
    },
    /// The signature was made, or expires, at a time that does not fit the policy's.
    #[error("the signature {reason} at the time that is asked about")]
    SignatureNotAlive {
        /// "has expired" or "was made later".
        reason: &'static str,
    },
    /// The encrypted content was changed after it was encrypted.
    #[error("the message was tampered with")]
    Tampered,
    /// The bytes end before the message does.
    #[error("the message is truncated")]
    Truncated,
    /// Something follows where the message should end.
    #[error("bytes follow the end of {what}")]
    TrailingBytes {
        /// What should have been last.
        what: &'static str,
    },
    /// The bytes are no OpenPGP message, or not one by the grammar of RFC 9580.
    #[error("{what} is malformed: {reason}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// What was expected and what was found.
        reason: String,
    },
    /// The bytes are a message, but not an encrypted one.
    #[error("the message is not encrypted")]
    NotEncrypted,
    /// An algorithm that no longer protects anything.
    #[error("{what} is too weak: {reason}")]
    WeakAlgorithm {
        /// Where it is used.
        what: &'static str,
        /// Which it is.
        reason: String,
    },
    /// Something that the standard has, and this crate or its backend does not.
    #[error("{what} is not supported: {reason}")]
    Unsupported {
        /// Which feature.
        what: &'static str,
        /// What was found.
        reason: String,
    },
    /// A limit of the policy is exceeded.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The most that is allowed.
        limit: u64,
    },

    // Certs and keys.
    /// The cert has expired, or does not yet exist, at the time that is asked about.
    #[error("the cert {fingerprint} is not valid at the time that is asked about: {reason}")]
    CertExpired {
        /// Which cert.
        fingerprint: Fingerprint,
        /// The validity in words.
        reason: String,
    },
    /// The cert, or the key of it that is needed, is revoked.
    #[error("the cert {fingerprint} is revoked: {reason}")]
    CertRevoked {
        /// Which cert.
        fingerprint: Fingerprint,
        /// The reason that the revocation gives.
        reason: String,
    },
    /// The cert has no valid key with the flag that is needed.
    #[error("the cert {fingerprint} has no valid key for {purpose}")]
    CertWithoutFlag {
        /// Which cert.
        fingerprint: Fingerprint,
        /// "signing", "encryption" or "ledger signatures".
        purpose: &'static str,
    },
    /// The cert has no valid self-signature at the time that is asked about.
    #[error("the cert {fingerprint} is not usable: {reason}")]
    CertInvalid {
        /// Which cert.
        fingerprint: Fingerprint,
        /// Why.
        reason: String,
    },
    /// Two certs that should be the same one are not.
    #[error("expected the cert {expected}, found {found}")]
    OtherCert {
        /// The cert that was asked for.
        expected: Fingerprint,
        /// The cert that was given.
        found: Fingerprint,
    },
    /// The key is protected by a passphrase: unlock it first.
    #[error("the key {fingerprint} is locked")]
    Locked {
        /// Which key.
        fingerprint: Fingerprint,
    },
    /// The secret key that is needed is not there.
    #[error("the secret key for {purpose} of {fingerprint} is missing")]
    SecretMissing {
        /// Which key.
        fingerprint: Fingerprint,
        /// What it is needed for.
        purpose: &'static str,
    },
    /// The passphrase is not the one that the key was locked with.
    #[error("wrong passphrase")]
    WrongPassphrase,

    // Sealing and the machine.
    /// Nobody is named to seal for.
    #[error("a message needs at least one recipient")]
    NoRecipients,
    /// The progress callback asked to stop.
    #[error("cancelled after {bytes} bytes")]
    Cancelled {
        /// How many bytes had been read.
        bytes: u64,
    },
    /// Reading or writing failed.
    #[error("{action} failed")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The OpenPGP library failed where it should not.
    #[error("{action} failed in the OpenPGP library")]
    Library {
        /// What was being done.
        action: &'static str,
        /// The library's own words.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// Whether this is a verdict on the message, its signer or a cert, and not a failure of the machine or a key that is
    /// locked or incomplete.
    #[must_use]
    pub const fn is_rejection(&self) -> bool {
        !matches!(
            self,
            Self::Locked { .. }
                | Self::SecretMissing { .. }
                | Self::WrongPassphrase
                | Self::NoRecipients
                | Self::Cancelled { .. }
                | Self::Io { .. }
                | Self::Library { .. }
        )
    }

    pub(crate) fn malformed(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed {
            what,
            reason: reason.into(),
        }
    }

    /// Names a failure of sequoia, whose errors are `anyhow`'s.
    pub(crate) fn library<E>(action: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        move |source| Self::Library {
            action,
            source: source.into(),
        }
    }

    /// Names a failure of reading or writing; an error of ours that travelled inside comes out as it was.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.downcast::<Self>() {
            Ok(ours) => ours,
            Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => Self::Truncated,
            Err(source) => Self::Io { action, source },
        }
    }

    /// Travels through [`io::Read`].
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Truncated => io::ErrorKind::UnexpectedEof.into(),
            Self::Io { source, .. } => source,
            other => io::Error::other(other),
        }
    }
}

/// Gives a panic inside sequoia a name: its parsers meet bytes that nobody has seen before.
pub(crate) fn guarded<T>(action: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What the work borrowed is dropped with the error, not looked at again.
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::library(action)(
            "it panicked, which is a fault of the library",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let error = guarded::<()>("reading a cert", || panic!("on purpose")).unwrap_err();
        assert!(matches!(
            error,
            Error::Library {
                action: "reading a cert",
                ..
            }
        ));
        assert!(guarded("reading a cert", || Ok(1)).is_ok_and(|one| one == 1));
    }
}

//! Certs: what others have of a person or institution.

use std::fmt;
use std::time::SystemTime;

use openpgp::cert::ValidCert;
use openpgp::cert::amalgamation::ValidAmalgamation as _;
use openpgp::crypto::mpi;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::parse::Parse as _;
use openpgp::serialize::SerializeInto as _;
use openpgp::types::{ReasonForRevocation, RevocationStatus};
use sequoia_openpgp as openpgp;

use crate::error::guarded;
use crate::signer::{LEDGER, ledger_signing_key};
use crate::{Error, Fingerprint, Policy, Result};

pub(crate) type PublicKey = openpgp::packet::Key<PublicParts, UnspecifiedRole>;

/// The most bytes that are read as a cert or key.
pub const MAX_CERT: usize = 4 << 20;

/// How often a cert is written and read again until it stays the same: sequoia sorts the components of strange certs anew each
/// time. Honest certs need one.
const REWRITES: usize = 4;

/// Which edition of OpenPGP: the newest that everybody concerned understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third edition would be another API"
)]
pub enum Profile {
    /// RFC 9580 (2024): version 6 certs, encrypted containers of version 2, Argon2.
    Rfc9580,
    /// RFC 4880 (2007): version 4 certs, encrypted containers of version 1. Every OpenPGP program reads it.
    Rfc4880,
}

/// A person's or an institution's public cert.
///
/// That a cert reads says nothing about whose it is: pin its fingerprint, or have it enrolled.
#[derive(Clone)]
pub struct Cert {
    pub(crate) inner: openpgp::Cert,
    fingerprint: Fingerprint,
}

impl Cert {
    /// Reads exactly one cert, armored or binary, at most [`MAX_CERT`] bytes. Secret parts are left behind,
    /// and what is kept is written as the same bytes ever after.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] when it is none or several, [`Error::Limit`] when it is too large.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut cert = read_one(bytes).and_then(Self::from_sequoia)?;
        for _ in 0..REWRITES {
            let written = cert.to_bytes();
            if written.is_empty() {
                return Err(Error::malformed(
                    "a cert",
                    "its key signs nothing about itself that is for export".to_owned(),
                ));
            }
            let again = read_one(&written).and_then(Self::from_sequoia)?;
            if again.to_bytes() == written {
                return Ok(cert);
            }
            cert = again;
        }
        Err(Error::malformed(
            "a cert",
            "it is another each time that it is written".to_owned(),
        ))
    }

    pub(crate) fn from_sequoia(cert: openpgp::Cert) -> Result<Self> {
        Ok(Self {
            fingerprint: Fingerprint::of(&cert.fingerprint())?,
            inner: cert.strip_secret_key_material(),
        })
    }

    /// The binary form, without what its owner marked as not for export.
    #[expect(
        clippy::missing_panics_doc,
        reason = "what was parsed or built is written to memory, and armor is ASCII"
    )]
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.inner
            .export_to_vec()
            .expect("a cert that was parsed or built is written to memory")
    }

    /// The form for e-mail and clipboards.
    #[expect(
        clippy::missing_panics_doc,
        reason = "what was parsed or built is written to memory, and armor is ASCII"
    )]
    #[must_use]
    pub fn to_armored(&self) -> String {
        let bytes = self
            .inner
            .armored()
            .export_to_vec()
            .expect("a cert that was parsed or built is written to memory");
        String::from_utf8(bytes).expect("armor is ASCII, its headers UTF-8")
    }

    /// What names the cert.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The names that the cert claims, as UTF-8 where they are; nobody has checked them.
    #[must_use]
    pub fn userids(&self) -> Vec<String> {
        self.inner
            .userids()
            .map(|userid| String::from_utf8_lossy(userid.userid().value()).into_owned())
            .collect()
    }

    /// The name and the e-mail address in the user ID that the cert calls its primary one at the policy's time, where it has
    /// them; nobody has checked them.
    ///
    /// # Errors
    ///
    /// As [`Cert::ledger_key`], without a signing key being asked for.
    pub fn owner(&self, policy: &Policy) -> Result<(Option<String>, Option<String>)> {
        let valid = self.valid(policy)?;
        guarded("looking at a user ID", || {
            let Ok(primary) = valid.primary_userid() else {
                return Ok((None, None));
            };
            // where every one is revoked it is one of those
            if matches!(primary.revocation_status(), RevocationStatus::Revoked(_)) {
                return Ok((None, None));
            }
            let userid = primary.userid();
            // a user ID that follows no convention has neither
            let part = |part: openpgp::Result<Option<&str>>| part.ok().flatten().map(str::to_owned);
            Ok((part(userid.name()), part(userid.email())))
        })
    }

    /// The edition of OpenPGP that the cert's own key has.
    #[must_use]
    pub fn profile(&self) -> Profile {
        match self.inner.primary_key().key().version() {
            6 => Profile::Rfc9580,
            _ => Profile::Rfc4880,
        }
    }

    /// When the newest self-signature lets the cert expire; `None` for never, and for a cert without valid self-signature.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        let expiry = || {
            let policy = Policy::at(self.newest_signature()?);
            let valid = self.inner.with_policy(&policy.standard, policy.time).ok()?;
            valid.primary_key().key_expiration_time()
        };
        guarded("looking at a cert", || Ok(expiry())).ok()?
    }

    /// When the owner last signed anything in the cert.
    fn newest_signature(&self) -> Option<SystemTime> {
        let primary = self.inner.primary_key();
        let userids = self.inner.userids();
        primary
            .self_signatures()
            .filter_map(|signature| signature.signature_creation_time())
            .chain(userids.flat_map(|userid| {
                let times: Vec<_> = userid
                    .self_signatures()
                    .filter_map(|signature| signature.signature_creation_time())
                    .collect();
                times
            }))
            .max()
    }

    /// Both certs' packets: new self-signatures, subkeys, revocations.
    ///
    /// # Errors
    ///
    /// [`Error::OtherCert`] when the other is another cert.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        if self.fingerprint != other.fingerprint {
            return Err(Error::OtherCert {
                expected: self.fingerprint,
                found: other.fingerprint,
            });
        }
        let failed = "merging certs";
        guarded(failed, || {
            let merged = self.inner.clone().merge_public(other.inner.clone());
            Self::from_sequoia(merged.map_err(Error::library(failed))?)
        })
    }

    /// The Ed25519 public key that ledger signatures are made with at the policy's time: of the newest valid signing key.
    ///
    /// # Errors
    ///
    /// What is wrong with the cert at that time; [`Error::CertWithoutFlag`] when it has no Ed25519 signing key.
    pub fn ledger_key(&self, policy: &Policy) -> Result<[u8; 32]> {
        let valid = self.valid(policy)?;
        ledger_signing_key(&valid)
            .and_then(|key| ed25519(key.key()))
            .ok_or(Error::CertWithoutFlag {
                fingerprint: self.fingerprint,
                purpose: LEDGER,
            })
    }

    /// The Ed25519 public keys of all subkeys that were ever bound for signing, the oldest first, valid or not.
    #[must_use]
    pub fn ledger_keys(&self) -> Vec<[u8; 32]> {
        let mut keys: Vec<_> = self
            .inner
            .keys()
            .filter(|key| {
                key.self_signatures().any(|signature| {
                    signature
                        .key_flags()
                        .is_some_and(|flags| flags.for_signing())
                })
            })
            .filter_map(|key| Some((key.key().creation_time(), ed25519(key.key())?)))
            .collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// Why its owner has revoked it, when it is revoked at the policy's time, also where it is expired besides.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when looking at its signatures fails: nothing is known then.
    pub fn revoked(&self, policy: &Policy) -> Result<Option<String>> {
        let revoked = || {
            let status = self.inner.revocation_status(&policy.standard, policy.time);
            refuse_revoked(self.fingerprint, &status)
        };
        match guarded("looking at a cert", revoked) {
            Ok(()) => Ok(None),
            Err(Error::CertRevoked { reason, .. }) => Ok(Some(reason)),
            Err(error) => Err(error),
        }
    }

    /// The cert at the policy's time: self-signed, neither revoked nor expired.
    pub(crate) fn valid<'a>(&'a self, policy: &'a Policy) -> Result<ValidCert<'a>> {
        guarded("looking at a cert", || self.valid_at(policy))
    }

    fn valid_at<'a>(&'a self, policy: &'a Policy) -> Result<ValidCert<'a>> {
        let fingerprint = self.fingerprint;
        let valid = self
            .inner
            .with_policy(&policy.standard, policy.time)
            .map_err(|error| self.unusable(&error))?;
        refuse_revoked(fingerprint, &valid.revocation_status())?;
        valid.alive().map_err(|error| Error::CertExpired {
            fingerprint,
            reason: match self.expires_at() {
                Some(expiry) if expiry <= policy.time => "it has expired".to_owned(),
                _ => error.to_string(),
            },
        })?;
        Ok(valid)
    }

    /// Why sequoia's policy does not accept the cert.
    fn unusable(&self, error: &dyn fmt::Display) -> Error {
        Error::CertInvalid {
            fingerprint: self.fingerprint,
            reason: error.to_string(),
        }
    }
}

impl PartialEq for Cert {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Cert {}

impl fmt::Debug for Cert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cert({})", self.fingerprint)
    }
}

/// One cert, with its secret parts if it has any.
pub(crate) fn read_one(bytes: &[u8]) -> Result<openpgp::Cert> {
    guarded("reading a cert", || parse_one(bytes))
}

fn parse_one(bytes: &[u8]) -> Result<openpgp::Cert> {
    const WHAT: &str = "a cert";
    if bytes.len() > MAX_CERT {
        return Err(Error::Limit {
            what: "the size of a cert",
            limit: MAX_CERT as u64,
        });
    }
    let malformed = |error: &dyn fmt::Display| Error::malformed(WHAT, error.to_string());
    let mut certs =
        openpgp::cert::CertParser::from_bytes(bytes).map_err(|error| malformed(&error))?;
    let cert = match certs.next() {
        Some(Ok(cert)) => cert,
        Some(Err(error)) => return Err(malformed(&error)),
        None => return Err(Error::malformed(WHAT, "nothing is there")),
    };
    // Some that it reads it cannot write: with a signature, say, that names a fingerprint of an unknown kind.
    cert.as_tsk().to_vec().map_err(|error| malformed(&error))?;
    match certs.next() {
        None => Ok(cert),
        Some(_) => Err(Error::malformed(WHAT, "expected one, found more")),
    }
}

/// The 32 bytes of an Ed25519 key: version 4's `EdDSA` (RFC 9580 section 5.5.5.5: a point after 0x40), or Ed25519 proper.
pub(crate) fn ed25519(key: &PublicKey) -> Option<[u8; 32]> {
    match key.mpis() {
        mpi::PublicKey::Ed25519 { a } => Some(*a),
        mpi::PublicKey::EdDSA {
            curve: openpgp::types::Curve::Ed25519,
            q,
        } => q.value().strip_prefix(&[0x40])?.try_into().ok(),
        _ => None,
    }
}

/// Refuses what its owner has revoked; a possible revocation by somebody else does not count.
pub(crate) fn refuse_revoked(
    fingerprint: Fingerprint,
    status: &RevocationStatus<'_>,
) -> Result<()> {
    let RevocationStatus::Revoked(signatures) = status else {
        return Ok(());
    };
    let reason = signatures
        .iter()
        .find_map(|signature| signature.reason_for_revocation());
    let (code, text) = reason.unwrap_or((ReasonForRevocation::Unspecified, b""));
    Err(Error::CertRevoked {
        fingerprint,
        reason: match String::from_utf8_lossy(text) {
            text if text.is_empty() => code.to_string(),
            text => format!("{code}: {text}"),
        },
    })
}

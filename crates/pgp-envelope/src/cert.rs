//! Certs, and the two roles in which the policy accepts them: recipient and signer.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use openpgp::cert::amalgamation::key::PrimaryKey as _;
use openpgp::cert::amalgamation::key::ValidErasedKeyAmalgamation;
use openpgp::cert::{Preferences as _, ValidCert};
use openpgp::crypto::mpi;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::parse::Parse as _;
use openpgp::serialize::SerializeInto as _;
use openpgp::types::{HashAlgorithm, ReasonForRevocation, RevocationStatus};
use sequoia_openpgp as openpgp;

use crate::error::guarded;
use crate::{Error, Fingerprint, Key, Policy, Result};

type PublicKey = openpgp::packet::Key<PublicParts, UnspecifiedRole>;
pub(crate) type BoxedSigner = Box<dyn openpgp::crypto::Signer + Send + Sync>;

/// The most bytes that are read as a cert or key.
pub const MAX_CERT: usize = 4 << 20;

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
    /// Reads exactly one cert, armored or binary, at most [`MAX_CERT`] bytes. Secret parts are left behind.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] when it is none or several, [`Error::Limit`] when it is too large.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let cert = read_one(bytes).and_then(Self::from_sequoia)?;
        if cert.to_bytes().is_empty() {
            return Err(Error::malformed(
                "a cert",
                "its owner marked all of it as not for export".to_owned(),
            ));
        }
        Ok(cert)
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
        let policy = Policy::at(self.newest_signature()?);
        let valid = self.inner.with_policy(&policy.standard, policy.time).ok()?;
        valid.primary_key().key_expiration_time()
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
        self.inner
            .clone()
            .merge_public(other.inner.clone())
            .map_err(Error::library("merging certs"))
            .and_then(Self::from_sequoia)
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

    /// The cert at the policy's time: self-signed, neither revoked nor expired.
    pub(crate) fn valid<'a>(&'a self, policy: &'a Policy) -> Result<ValidCert<'a>> {
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

pub(crate) const LEDGER: &str = "ledger signatures";

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
    match certs.next() {
        None => Ok(cert),
        Some(_) => Err(Error::malformed(WHAT, "expected one, found more")),
    }
}

/// The newest valid key with the flag: subkeys before the primary key, then the latest creation time.
fn newest<'a>(
    keys: impl Iterator<Item = ValidErasedKeyAmalgamation<'a, PublicParts>>,
) -> Option<ValidErasedKeyAmalgamation<'a, PublicParts>> {
    keys.max_by_key(|key| {
        (
            !key.primary(),
            key.key().creation_time(),
            key.key().fingerprint(),
        )
    })
}

fn signing_key<'a>(valid: &ValidCert<'a>) -> Option<ValidErasedKeyAmalgamation<'a, PublicParts>> {
    newest(
        valid
            .keys()
            .supported()
            .alive()
            .revoked(false)
            .for_signing(),
    )
}

fn ledger_signing_key<'a>(
    valid: &ValidCert<'a>,
) -> Option<ValidErasedKeyAmalgamation<'a, PublicParts>> {
    let keys = valid
        .keys()
        .supported()
        .alive()
        .revoked(false)
        .for_signing();
    newest(keys.filter(|key| ed25519(key.key()).is_some()))
}

/// The 32 bytes of an Ed25519 key: version 4's `EdDSA` (RFC 9580 section 5.5.5.5: a point after 0x40), or Ed25519 proper.
fn ed25519(key: &PublicKey) -> Option<[u8; 32]> {
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

/// Somebody to seal for: a cert that the policy accepts, with its encryption keys.
#[derive(Clone)]
pub struct Recipient {
    fingerprint: Fingerprint,
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) profile: Profile,
}

impl Recipient {
    /// Accepts a cert with at least one key for encryption, all of it valid at the policy's time.
    ///
    /// # Errors
    ///
    /// [`Error::CertExpired`], [`Error::CertRevoked`], [`Error::CertInvalid`], [`Error::CertWithoutFlag`].
    pub fn new(cert: &Cert, policy: &Policy) -> Result<Self> {
        let valid = cert.valid(policy)?;
        let keys: Vec<_> = valid
            .keys()
            .supported()
            .alive()
            .revoked(false)
            .for_transport_encryption()
            .for_storage_encryption()
            .map(|key| key.key().clone())
            .collect();
        if keys.is_empty() {
            return Err(Error::CertWithoutFlag {
                fingerprint: cert.fingerprint,
                purpose: "encryption",
            });
        }
        let modern = valid
            .features()
            .is_some_and(|features| features.supports_seipdv2());
        Ok(Self {
            fingerprint: cert.fingerprint,
            keys,
            profile: match modern || cert.profile() == Profile::Rfc9580 {
                true => Profile::Rfc9580,
                false => Profile::Rfc4880,
            },
        })
    }

    /// What names the cert.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The newest edition of OpenPGP that the cert says its owner reads.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.fingerprint)
    }
}

/// Somebody who signs: a cert that the policy accepts, and its secret signing key.
#[derive(Clone)]
pub struct Signer {
    fingerprint: Fingerprint,
    time: SystemTime,
    pub(crate) key: PublicKey,
    keypair: Arc<Mutex<BoxedSigner>>,
    ledger: Option<([u8; 32], Arc<Mutex<BoxedSigner>>)>,
}

impl Signer {
    /// Takes the newest signing key of an unlocked key that is valid at the policy's time, which is also when signatures
    /// are made unless the sealer is told otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::SecretMissing`], [`Error::CertExpired`], [`Error::CertRevoked`],
    /// [`Error::CertInvalid`], [`Error::CertWithoutFlag`].
    pub fn new(key: &Key, policy: &Policy) -> Result<Self> {
        Self::with(&key.cert(), policy, |public| key.signer(public))
    }

    /// The same with secret keys from anywhere.
    pub(crate) fn with(
        cert: &Cert,
        policy: &Policy,
        secret: impl Fn(&PublicKey) -> Result<BoxedSigner>,
    ) -> Result<Self> {
        let valid = cert.valid(policy)?;
        let signing = signing_key(&valid).ok_or(Error::CertWithoutFlag {
            fingerprint: cert.fingerprint,
            purpose: "signing",
        })?;
        let keypair = Arc::new(Mutex::new(secret(signing.key())?));
        let ledger = match ledger_signing_key(&valid) {
            Some(key) if key.key().fingerprint() == signing.key().fingerprint() => {
                ed25519(key.key()).map(|public| (public, Arc::clone(&keypair)))
            }
            Some(key) => match (ed25519(key.key()), secret(key.key())) {
                (Some(public), Ok(keypair)) => Some((public, Arc::new(Mutex::new(keypair)))),
                _ => None,
            },
            None => None,
        };
        Ok(Self {
            fingerprint: cert.fingerprint,
            time: policy.time,
            key: signing.key().clone(),
            keypair,
            ledger,
        })
    }

    /// What names the cert.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// When signatures are made.
    pub(crate) const fn time(&self) -> SystemTime {
        self.time
    }

    /// The edition of OpenPGP that the signatures have: the signing key's.
    #[must_use]
    pub fn profile(&self) -> Profile {
        match self.key.version() {
            6 => Profile::Rfc9580,
            _ => Profile::Rfc4880,
        }
    }

    /// Lets the secret key sign.
    pub(crate) fn sign_with<T>(
        &self,
        sign: impl FnOnce(&mut BoxedSigner) -> Result<T>,
    ) -> Result<T> {
        sign(
            &mut self
                .keypair
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        )
    }

    /// Signs a ledger message: Ed25519 over SHA-512(message || [`crate::LEDGER_SUFFIX`]). See [`crate::verify_ledger`].
    ///
    /// # Errors
    ///
    /// [`Error::CertWithoutFlag`] when the cert has no Ed25519 signing key; [`Error::Library`] when the key's keeper fails.
    pub fn sign_ledger(&self, message: &[u8]) -> Result<[u8; 64]> {
        let (public, keypair) = self.ledger.as_ref().ok_or(Error::CertWithoutFlag {
            fingerprint: self.fingerprint,
            purpose: LEDGER,
        })?;
        let digest = crate::ledger::digest(message);
        let signature = keypair
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .sign(HashAlgorithm::SHA512, &digest)
            .map_err(Error::library("signing for the ledger"))?;
        let bytes = match &signature {
            mpi::Signature::Ed25519 { s } => **s,
            mpi::Signature::EdDSA { r, s } => {
                let mut bytes = [0; 64];
                let (first, second) = bytes.split_at_mut(32);
                pad_left(first, r.value());
                pad_left(second, s.value());
                bytes
            }
            _ => [0; 64],
        };
        if crate::verify_ledger(public, message, &bytes) {
            Ok(bytes)
        } else {
            Err(Error::library("signing for the ledger")(
                "the signature does not verify",
            ))
        }
    }
}

/// An MPI has lost its leading zeros (RFC 9580 section 3.2): gives them back.
fn pad_left(field: &mut [u8], value: &[u8]) {
    let zeros = field.len().saturating_sub(value.len());
    field
        .iter_mut()
        .skip(zeros)
        .zip(value)
        .for_each(|(to, from)| *to = *from);
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.fingerprint)
    }
}

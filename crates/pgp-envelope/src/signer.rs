//! Keys in the role of a signer, accepted by the policy, and the ledger's signatures.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use openpgp::cert::ValidCert;
use openpgp::cert::amalgamation::key::PrimaryKey as _;
use openpgp::cert::amalgamation::key::ValidErasedKeyAmalgamation;
use openpgp::crypto::mpi;
use openpgp::packet::key::PublicParts;
use openpgp::types::HashAlgorithm;
use sequoia_openpgp as openpgp;

use crate::cert::{PublicKey, ed25519};
use crate::{Cert, Error, Fingerprint, Key, Policy, Profile, Result};

pub(crate) type BoxedSigner = Box<dyn openpgp::crypto::Signer + Send + Sync>;

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

    /// The same with a cert whose secret keys an agent keeps. It is asked for each signature.
    ///
    /// # Errors
    ///
    /// As [`Signer::new`]; [`Error::Library`] when the agent does not answer.
    #[cfg(feature = "gpg-agent")]
    pub fn with_agent(cert: &Cert, agent: &crate::Agent, policy: &Policy) -> Result<Self> {
        Self::with(cert, policy, |public| agent.signer(cert, public))
    }

    /// The same with secret keys from anywhere.
    pub(crate) fn with(
        cert: &Cert,
        policy: &Policy,
        secret: impl Fn(&PublicKey) -> Result<BoxedSigner>,
    ) -> Result<Self> {
        let valid = cert.valid(policy)?;
        let signing = signing_key(&valid).ok_or(Error::CertWithoutFlag {
            fingerprint: cert.fingerprint(),
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
            fingerprint: cert.fingerprint(),
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

pub(crate) const LEDGER: &str = "ledger signatures";

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

pub(crate) fn ledger_signing_key<'a>(
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

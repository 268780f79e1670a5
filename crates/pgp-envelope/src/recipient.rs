//! Certs in the role of a recipient, accepted by the policy.

use std::fmt;

use openpgp::cert::Preferences as _;
use sequoia_openpgp as openpgp;

use crate::cert::PublicKey;
use crate::{Cert, Error, Fingerprint, Policy, Profile, Result};

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
                fingerprint: cert.fingerprint(),
                purpose: "encryption",
            });
        }
        let modern = valid
            .features()
            .is_some_and(|features| features.supports_seipdv2());
        Ok(Self {
            fingerprint: cert.fingerprint(),
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

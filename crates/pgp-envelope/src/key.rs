//! Secret keys: made, read, locked and unlocked.

use std::fmt;
use std::time::{Duration, SystemTime};

use openpgp::cert::{CertBuilder, CipherSuite};
use openpgp::crypto::{Password, S2K};
use openpgp::packet::key::{
    KeyRole, PrimaryRole, PublicParts, SecretKeyMaterial, SecretParts, SubordinateRole,
    UnspecifiedRole,
};
use openpgp::packet::{Key as AnyKey, Packet};
use openpgp::serialize::SerializeInto as _;
use openpgp::types::{Features, KeyFlags, SymmetricAlgorithm};
use sequoia_openpgp as openpgp;
use zeroize::Zeroizing;

use crate::cert::read_one;
use crate::error::guarded;
use crate::signer::BoxedSigner;
use crate::{Cert, Error, Fingerprint, Mode, Profile, Result};

/// Argon2's memory, as a power of two of KiB, that unlocking a key may ask for: 2 GiB, RFC 9580's first recommendation.
const MAX_ARGON2_MEMORY: u8 = 21;

/// How long before now a new key claims to be made, as sequoia's own programs do.
const BACKDATED: Duration = Duration::from_secs(60);

/// What a new key is to be.
///
/// Its primary key certifies; one subkey signs and one encrypts, so that the primary key can be kept away from both.
#[derive(Clone, Debug)]
pub struct KeyOptions {
    userid: String,
    profile: Profile,
    created: Option<SystemTime>,
    validity: Option<Duration>,
}

impl KeyOptions {
    /// For a person or institution, customarily `Name <address@domain.example>`: RFC 9580, made now, valid for three years.
    #[must_use]
    pub fn new(userid: impl Into<String>) -> Self {
        Self {
            userid: userid.into(),
            profile: Profile::Rfc9580,
            created: None,
            validity: Some(Duration::from_secs(3 * 366 * 24 * 3600)),
        }
    }

    /// The edition of OpenPGP.
    #[must_use]
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// When it is made, in whole seconds; a minute before now unless said, so that a clock that is a little behind, or a policy
    /// from a moment ago, finds the key valid.
    #[must_use]
    pub const fn created(mut self, time: SystemTime) -> Self {
        self.created = Some(time);
        self
    }

    /// How long it is valid; `None` for ever.
    #[must_use]
    pub const fn validity(mut self, validity: Option<Duration>) -> Self {
        self.validity = validity;
        self
    }
}

/// A new key and what takes it back.
#[derive(Debug)]
#[non_exhaustive]
pub struct Generated {
    /// The key, unlocked.
    pub key: Key,
    /// An armored revocation certificate, to be kept apart from the key: whoever has it can revoke.
    pub revocation: Vec<u8>,
}

/// A cert with its secret parts, locked by a passphrase or not.
///
/// Debug prints the fingerprint alone, and secrets are wiped when they are dropped.
#[derive(Clone)]
pub struct Key {
    pub(crate) inner: openpgp::Cert,
    fingerprint: Fingerprint,
}

impl Key {
    /// Makes a new key with Ed25519 and X25519.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] when the backend lacks an algorithm or the system randomness.
    pub fn generate(options: &KeyOptions) -> Result<Generated> {
        let failed = "generating a key";
        let (profile, features) = match options.profile {
            Profile::Rfc9580 => (openpgp::Profile::RFC9580, Features::sequoia()),
            Profile::Rfc4880 => (openpgp::Profile::RFC4880, Features::empty().set_seipdv1()),
        };
        let (cert, revocation) = CertBuilder::new()
            .set_cipher_suite(CipherSuite::Cv25519)
            .set_profile(profile)
            .and_then(|builder| builder.set_features(features))
            .map_err(Error::library(failed))?
            .set_creation_time(
                options
                    .created
                    .unwrap_or_else(|| SystemTime::now() - BACKDATED),
            )
            .set_validity_period(options.validity)
            .add_userid(options.userid.as_str())
            .add_signing_subkey()
            .add_subkey(
                KeyFlags::empty()
                    .set_transport_encryption()
                    .set_storage_encryption(),
                None,
                None,
            )
            .generate()
            .map_err(Error::library(failed))?;
        let key = Self::from_sequoia(cert)?;
        let revocation = crate::lifecycle::armored_revocation(&key.inner, revocation)?;
        Ok(Generated { key, revocation })
    }

    /// Reads exactly one key, armored or binary, at most [`crate::MAX_CERT`] bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] when it is none, several, or has no secret part; [`Error::Limit`] when it is too large.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let cert = read_one(bytes)?;
        if cert.is_tsk() {
            Self::from_sequoia(cert)
        } else {
            Err(Error::malformed("a key", "it has no secret part"))
        }
    }

    pub(crate) fn from_sequoia(cert: openpgp::Cert) -> Result<Self> {
        Ok(Self {
            fingerprint: Fingerprint::of(&cert.fingerprint())?,
            inner: cert,
        })
    }

    /// The form in which keys are stored: as locked, or as open, as the key is. The text is wiped when it is dropped.
    #[expect(
        clippy::missing_panics_doc,
        reason = "what was parsed or built is written to memory, and armor is ASCII"
    )]
    #[must_use]
    pub fn to_armored(&self) -> Zeroizing<String> {
        let bytes = self
            .inner
            .as_tsk()
            .armored()
            .to_vec()
            .expect("a key that was parsed or built is written to memory");
        Zeroizing::new(String::from_utf8(bytes).expect("armor is ASCII, its headers UTF-8"))
    }

    /// The public part.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the fingerprint was read when the key was"
    )]
    #[must_use]
    pub fn cert(&self) -> Cert {
        Cert::from_sequoia(self.inner.clone()).expect("its fingerprint was read before")
    }

    /// What names the cert.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether a passphrase protects any of its secret parts.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.inner
            .keys()
            .secret()
            .any(|key| key.key().secret().is_encrypted())
    }

    /// Protects every secret part with a passphrase: Argon2 (64 MiB) and AES-256-OCB in version 6, iterated and salted
    /// SHA-256 in version 4, which has nothing better.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when it is locked already: unlock it first.
    pub fn lock(self, passphrase: &Passphrase) -> Result<Self> {
        if self.is_locked() {
            return Err(Error::Locked {
                fingerprint: self.fingerprint,
            });
        }
        guarded("locking a key", || self.map_secrets(&Lock(passphrase)))
    }

    /// Takes the protection off.
    ///
    /// # Errors
    ///
    /// [`Error::WrongPassphrase`]; [`Error::Limit`] when the key asks for more than 2 GiB of memory; [`Error::Unsupported`]
    /// when the backend lacks the mode that it was locked with.
    pub fn unlock(self, passphrase: &Passphrase) -> Result<Self> {
        guarded("unlocking a key", || self.map_secrets(&Unlock(passphrase)))
    }

    /// Locks with another passphrase.
    ///
    /// # Errors
    ///
    /// As [`Key::unlock`] and [`Key::lock`].
    pub fn change_passphrase(self, old: &Passphrase, new: &Passphrase) -> Result<Self> {
        self.unlock(old)?.lock(new)
    }

    /// The secret part that belongs to a public key, able to sign.
    pub(crate) fn signer(
        &self,
        public: &AnyKey<PublicParts, UnspecifiedRole>,
    ) -> Result<BoxedSigner> {
        let missing = Error::SecretMissing {
            fingerprint: self.fingerprint,
            purpose: "signing",
        };
        let key = self
            .inner
            .keys()
            .secret()
            .find(|key| key.key().fingerprint() == public.fingerprint())
            .ok_or(missing)?;
        self.keypair(key.key())
            .map(|keypair| Box::new(keypair) as _)
    }

    pub(crate) fn keypair(
        &self,
        key: &AnyKey<SecretParts, UnspecifiedRole>,
    ) -> Result<openpgp::crypto::KeyPair> {
        if key.secret().is_encrypted() {
            return Err(Error::Locked {
                fingerprint: self.fingerprint,
            });
        }
        key.clone()
            .into_keypair()
            .map_err(Error::library("using a secret key"))
    }

    /// Replaces each secret part.
    fn map_secrets(self, change: &impl Change) -> Result<Self> {
        let fingerprint = self.fingerprint;
        let packets = self
            .inner
            .as_tsk()
            .into_packets()
            .map(|packet| {
                Ok(match packet {
                    Packet::SecretKey(key) => Packet::SecretKey(change.apply::<PrimaryRole>(key)?),
                    Packet::SecretSubkey(key) => {
                        Packet::SecretSubkey(change.apply::<SubordinateRole>(key)?)
                    }
                    other => other,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let inner = openpgp::Cert::from_packets(packets.into_iter())
            .map_err(Error::library("assembling a key"))?;
        Ok(Self { inner, fingerprint })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.fingerprint)
    }
}

/// A change to one secret part.
trait Change {
    fn apply<R: KeyRole>(&self, key: AnyKey<SecretParts, R>) -> Result<AnyKey<SecretParts, R>>;
}

struct Lock<'a>(&'a Passphrase);
struct Unlock<'a>(&'a Passphrase);

impl Change for Lock<'_> {
    fn apply<R: KeyRole>(&self, key: AnyKey<SecretParts, R>) -> Result<AnyKey<SecretParts, R>> {
        let failed = "locking a key";
        let (public, secret) = key.take_secret();
        let SecretKeyMaterial::Unencrypted(open) = secret else {
            return Ok(public.add_secret(secret).0);
        };
        // Argon2 asks for an authenticated mode (RFC 9580 section 3.7.2.1): a backend without OCB has EAX.
        let (s2k, aead) = match public.version() {
            6 => (argon2()?, Some(Mode::preferred().to_sequoia())),
            _ => (S2K::default(), None),
        };
        let locked = open
            .encrypt_with(
                &public,
                s2k,
                SymmetricAlgorithm::AES256,
                aead,
                &self.0.to_sequoia(),
            )
            .map_err(Error::library(failed))?;
        Ok(public.add_secret(locked.into()).0)
    }
}

impl Change for Unlock<'_> {
    fn apply<R: KeyRole>(&self, key: AnyKey<SecretParts, R>) -> Result<AnyKey<SecretParts, R>> {
        if let SecretKeyMaterial::Encrypted(locked) = key.secret() {
            if matches!(locked.s2k(), S2K::Argon2 { m, .. } if *m > MAX_ARGON2_MEMORY) {
                return Err(Error::Limit {
                    what: "the memory that a locked key asks for",
                    limit: 1 << (MAX_ARGON2_MEMORY + 10),
                });
            }
            if let Some(mode) = locked.aead_algo() {
                Mode::from_id(mode.into())?
                    .refuse_unsupported("the mode that the key is locked with")?;
            }
            key.decrypt_secret(&self.0.to_sequoia())
                .map_err(|_| Error::WrongPassphrase)
        } else {
            Ok(key)
        }
    }
}

/// RFC 9580 section 3.7.1.4 takes the parameters from RFC 9106 section 4: the second recommendation, 64 MiB three times.
fn argon2() -> Result<S2K> {
    let mut salt = [0; 16];
    openpgp::crypto::random(&mut salt).map_err(Error::library("asking for randomness"))?;
    Ok(S2K::Argon2 {
        salt,
        t: 3,
        p: 4,
        m: 16,
    })
}

/// A passphrase: wiped when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    pub(crate) fn to_sequoia(&self) -> Password {
        Password::from(self.0.as_bytes())
    }
}

impl From<String> for Passphrase {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Passphrase {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// The decryption keys of a key, whatever their validity: an old message is read with an old key.
pub(crate) fn decryption_keys(key: &Key) -> Result<Vec<BoxedDecryptor>> {
    key.inner
        .keys()
        .secret()
        .filter(|found| found.key().pk_algo().for_encryption())
        .map(|found| {
            key.keypair(found.key())
                .map(|keypair| Box::new(keypair) as _)
        })
        .collect()
}

/// Whoever can decrypt: a key in memory, or its keeper.
pub(crate) type BoxedDecryptor = Box<dyn openpgp::crypto::Decryptor + Send + Sync>;

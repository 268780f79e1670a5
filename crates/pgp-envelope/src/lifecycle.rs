//! What happens to a key in its life: its expiry is moved, its subkeys are renewed, it is revoked.

use std::time::{Duration, SystemTime};

use openpgp::cert::{CertRevocationBuilder, SubkeyRevocationBuilder};
use openpgp::packet::key::{Key4, Key6, PublicParts, SecretParts, SubordinateRole};
use openpgp::packet::signature::SignatureBuilder;
use openpgp::packet::{Key as AnyKey, Packet, Signature};
use openpgp::serialize::Serialize as _;
use openpgp::types::{Curve, HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};
use sequoia_openpgp as openpgp;

use crate::error::guarded;
use crate::{Cert, Error, Key, Policy, Profile, Result};

/// Why a key is revoked (RFC 9580 section 5.2.3.31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "complete by the standard")]
pub enum Reason {
    /// Somebody else may have it: what it has ever signed is doubtful, at whatever time.
    Compromised,
    /// Another key takes its place: what it signed before stays good.
    Superseded,
    /// It is no longer used: what it signed before stays good.
    Retired,
}

impl Reason {
    const fn code(self) -> ReasonForRevocation {
        match self {
            Self::Compromised => ReasonForRevocation::KeyCompromised,
            Self::Superseded => ReasonForRevocation::KeySuperseded,
            Self::Retired => ReasonForRevocation::KeyRetired,
        }
    }
}

impl Key {
    /// Revokes the whole cert at the policy's time: gives the revocation certificate, and the key with it inside.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::SecretMissing`].
    pub fn revoke(self, reason: Reason, text: &str, policy: &Policy) -> Result<(Self, Vec<u8>)> {
        let failed = "revoking a key";
        let mut primary = self.primary()?;
        let signature = CertRevocationBuilder::new()
            .set_signature_creation_time(policy.time)
            .and_then(|builder| builder.set_reason_for_revocation(reason.code(), text.as_bytes()))
            .and_then(|builder| builder.build(&mut primary, &self.inner, None))
            .map_err(Error::library(failed))?;
        let armored = armored_revocation(&self.inner, signature.clone())?;
        Ok((self.with_packets(vec![signature.into()])?, armored))
    }

    /// Lets the key and its valid subkeys expire later (or sooner): `validity` after the policy's time, or never.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::SecretMissing`]; [`Error::CertInvalid`] and [`Error::CertRevoked`] when there is nothing
    /// to extend.
    pub fn extend(self, validity: Option<Duration>, policy: &Policy) -> Result<Self> {
        let failed = "extending a key";
        let cert = self.cert();
        let valid = cert
            .inner
            .with_policy(&policy.standard, policy.time)
            .map_err(|error| Error::CertInvalid {
                fingerprint: cert.fingerprint(),
                reason: error.to_string(),
            })?;
        crate::cert::refuse_revoked(cert.fingerprint(), &valid.revocation_status())?;
        let expires = validity.map(|validity| policy.time + validity);
        // A key's validity counts from its own creation (section 5.2.3.13).
        let renewed = |old: &Signature, made: SystemTime| {
            let validity = expires.and_then(|expires| expires.duration_since(made).ok());
            SignatureBuilder::from(old.clone())
                .set_hash_algo(HashAlgorithm::SHA512)
                .set_signature_creation_time(policy.time)
                .and_then(|builder| builder.set_key_validity_period(validity))
        };
        let mut primary = self.primary()?;
        let made = valid.primary_key().key().creation_time();
        let mut packets = Vec::new();
        if let Ok(old) = valid.direct_key_signature() {
            let signature = renewed(old, made)
                .and_then(|builder| builder.sign_direct_key(&mut primary, None))
                .map_err(Error::library(failed))?;
            packets.push(Packet::from(signature));
        }
        for userid in valid.userids().revoked(false) {
            let signature = renewed(userid.binding_signature(), made)
                .and_then(|builder| {
                    builder.sign_userid_binding(&mut primary, None, userid.userid())
                })
                .map_err(Error::library(failed))?;
            packets.push(Packet::from(userid.userid().clone()));
            packets.push(signature.into());
        }
        for subkey in valid.keys().subkeys().revoked(false) {
            let key = subkey.key();
            let mut builder = renewed(subkey.binding_signature(), key.creation_time())
                .map_err(Error::library(failed))?;
            if subkey.for_signing() {
                let mut own = self.signer(key.role_as_unspecified())?;
                builder = sign_back(&mut own, &cert, key, policy.time)
                    .and_then(|back| builder.set_embedded_signature(back))
                    .map_err(Error::library(failed))?;
            }
            let signature = builder
                .sign_subkey_binding(&mut primary, None, key)
                .map_err(Error::library(failed))?;
            packets.push(signature.into());
        }
        self.with_packets(packets)
    }

    /// Adds new subkeys for signing and encryption, made at the policy's time, and retires those that were valid. Messages
    /// signed before stay good, messages encrypted before stay readable.
    ///
    /// The ledger's key changes with it: see [`Cert::ledger_keys`].
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::SecretMissing`], and what is wrong with the cert at the policy's time.
    pub fn rotate_subkeys(self, policy: &Policy) -> Result<Self> {
        let failed = "rotating subkeys";
        let cert = self.cert();
        let valid = cert.valid(policy)?;
        let mut primary = self.primary()?;
        let validity = valid
            .primary_key()
            .key_expiration_time()
            .and_then(|expires| expires.duration_since(policy.time).ok());
        let mut packets = Vec::new();
        for subkey in valid.keys().subkeys().revoked(false) {
            let signature = SubkeyRevocationBuilder::new()
                .set_signature_creation_time(policy.time)
                .and_then(|builder| {
                    builder.set_reason_for_revocation(ReasonForRevocation::KeyRetired, b"rotated")
                })
                .and_then(|builder| builder.build(&mut primary, &cert.inner, subkey.key(), None))
                .map_err(Error::library(failed))?;
            packets.push(Packet::from(signature));
        }
        for role in [Role::Signing, Role::Encryption] {
            let subkey = new_subkey(cert.profile(), role, policy.time)?;
            let binding = bind(&subkey, role, validity, &cert, &mut primary, policy.time)
                .map_err(Error::library(failed))?;
            packets.push(subkey.into());
            packets.push(binding.into());
        }
        self.with_packets(packets)
    }

    /// Takes in what others have of the cert: newer self-signatures, revocations.
    ///
    /// # Errors
    ///
    /// [`Error::OtherCert`].
    pub fn merge(self, cert: &Cert) -> Result<Self> {
        if self.fingerprint() != cert.fingerprint() {
            return Err(Error::OtherCert {
                expected: self.fingerprint(),
                found: cert.fingerprint(),
            });
        }
        let failed = "merging certs";
        guarded(failed, || {
            let inner = self.inner.merge_public(cert.inner.clone());
            Self::from_sequoia(inner.map_err(Error::library(failed))?)
        })
    }

    /// The certifying key, able to sign.
    fn primary(&self) -> Result<openpgp::crypto::KeyPair> {
        let primary = self.inner.primary_key().key().clone();
        let secret = primary
            .parts_into_secret()
            .map_err(|_| Error::SecretMissing {
                fingerprint: self.fingerprint(),
                purpose: "certifying",
            })?;
        self.keypair(secret.role_as_unspecified())
    }

    fn with_packets(self, packets: Vec<Packet>) -> Result<Self> {
        let failed = "changing a key";
        guarded(failed, || {
            let changed = self.inner.insert_packets(packets);
            Self::from_sequoia(changed.map_err(Error::library(failed))?.0)
        })
    }
}

impl Cert {
    /// Takes in a revocation certificate, armored or binary, as [`Key::generate`] and other programs give it.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] when it is none; [`Error::OtherCert`] when it revokes another cert, where it says which.
    pub fn apply_revocation(&self, revocation: &[u8]) -> Result<Self> {
        if revocation.len() > crate::MAX_CERT {
            return Err(Error::Limit {
                what: "the size of a revocation certificate",
                limit: crate::MAX_CERT as u64,
            });
        }
        guarded("applying a revocation", || self.with_revocation(revocation))
    }

    fn with_revocation(&self, revocation: &[u8]) -> Result<Self> {
        use openpgp::parse::Parse as _;
        let bad = |reason: &str| Error::malformed("a revocation certificate", reason);
        let pile =
            openpgp::PacketPile::from_bytes(revocation).map_err(|error| bad(&error.to_string()))?;
        let mut signatures = Vec::new();
        for packet in pile.into_children() {
            match packet {
                Packet::PublicKey(key) if key.fingerprint() != self.inner.fingerprint() => {
                    return Err(Error::OtherCert {
                        expected: self.fingerprint(),
                        found: crate::Fingerprint::of(&key.fingerprint())?,
                    });
                }
                Packet::Signature(signature) if signature.typ() == SignatureType::KeyRevocation => {
                    let primary = self.inner.primary_key();
                    signature
                        .verify_primary_key_revocation(primary.key(), primary.key())
                        .map_err(|error| bad(&error.to_string()))?;
                    signatures.push(Packet::from(signature));
                }
                _ => {}
            }
        }
        if signatures.is_empty() {
            return Err(bad("it holds no revocation of a cert"));
        }
        let (inner, _) = self
            .inner
            .clone()
            .insert_packets(signatures)
            .map_err(Error::library("applying a revocation"))?;
        Self::from_sequoia(inner)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Signing,
    Encryption,
}

fn new_subkey(
    profile: Profile,
    role: Role,
    time: SystemTime,
) -> Result<AnyKey<SecretParts, SubordinateRole>> {
    let key: openpgp::Result<AnyKey<SecretParts, SubordinateRole>> = match (profile, role) {
        (Profile::Rfc9580, Role::Signing) => Key6::generate_ed25519().map(Into::into),
        (Profile::Rfc9580, Role::Encryption) => Key6::generate_x25519().map(Into::into),
        (Profile::Rfc4880, Role::Signing) => {
            Key4::generate_ecc(true, Curve::Ed25519).map(Into::into)
        }
        (Profile::Rfc4880, Role::Encryption) => {
            Key4::generate_ecc(false, Curve::Cv25519).map(Into::into)
        }
    };
    let mut key = key.map_err(Error::library("generating a subkey"))?;
    key.set_creation_time(time)
        .map_err(Error::library("generating a subkey"))?;
    Ok(key)
}

/// The binding of a subkey (RFC 9580 section 5.2.1.8), with the subkey's own signature back when it signs (5.2.1.9).
fn bind(
    subkey: &AnyKey<SecretParts, SubordinateRole>,
    role: Role,
    validity: Option<Duration>,
    cert: &Cert,
    primary: &mut openpgp::crypto::KeyPair,
    time: SystemTime,
) -> openpgp::Result<Signature> {
    let flags = match role {
        Role::Signing => KeyFlags::empty().set_signing(),
        Role::Encryption => KeyFlags::empty()
            .set_transport_encryption()
            .set_storage_encryption(),
    };
    let mut builder = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_hash_algo(HashAlgorithm::SHA512)
        .set_signature_creation_time(time)?
        .set_key_flags(flags)?
        .set_key_validity_period(validity)?;
    if role == Role::Signing {
        let mut own = subkey.clone().into_keypair()?;
        let back = sign_back(&mut own, cert, subkey.parts_as_public(), time)?;
        builder = builder.set_embedded_signature(back)?;
    }
    builder.sign_subkey_binding(primary, cert.inner.primary_key().key(), subkey)
}

/// The subkey's own word that it belongs to the cert (section 5.2.1.9): without it, anybody could claim it.
fn sign_back(
    own: &mut dyn openpgp::crypto::Signer,
    cert: &Cert,
    subkey: &AnyKey<PublicParts, SubordinateRole>,
    time: SystemTime,
) -> openpgp::Result<Signature> {
    SignatureBuilder::new(SignatureType::PrimaryKeyBinding)
        .set_hash_algo(HashAlgorithm::SHA512)
        .set_signature_creation_time(time)?
        .sign_primary_key_binding(own, cert.inner.primary_key().key(), subkey)
}

/// A revocation as people keep it: the primary key and the revoking signature, armored.
pub(crate) fn armored_revocation(cert: &openpgp::Cert, revocation: Signature) -> Result<Vec<u8>> {
    let failed = "writing a revocation certificate";
    let mut armored = openpgp::armor::Writer::with_headers(
        Vec::new(),
        openpgp::armor::Kind::PublicKey,
        [("Comment", "This is a revocation certificate")],
    )
    .map_err(Error::io(failed))?;
    let primary = Packet::from(cert.primary_key().key().clone());
    for packet in [primary, revocation.into()] {
        packet
            .serialize(&mut armored)
            .map_err(Error::library(failed))?;
    }
    armored.finalize().map_err(Error::io(failed))
}

//! Whether a signature holds, and whether its signer could make it.

use std::time::SystemTime;

use openpgp::cert::amalgamation::{ValidAmalgamation as _, ValidateAmalgamation as _};
use openpgp::crypto::hash;
use openpgp::packet::Signature;
use openpgp::policy::{HashAlgoSecurity, Policy as _};
use openpgp::types::SignatureType;
use sequoia_openpgp as openpgp;

use crate::cert::refuse_revoked;
use crate::error::guarded;
use crate::{Cert, Error, Fingerprint, Policy, Result};

/// A signature that holds.
pub(crate) struct Verified {
    pub(crate) signer: Fingerprint,
    pub(crate) signed_at: SystemTime,
    pub(crate) intended: Vec<Fingerprint>,
}

/// A signature and the hash of what it signs; the hash is `None` where the message did not announce the signature.
pub(crate) struct Signed {
    pub(crate) signature: Signature,
    pub(crate) hash: Option<hash::Context>,
}

/// Checks signatures until one by an expected signer holds; otherwise the first reason why the first one does not.
pub(crate) fn verify(
    signatures: Vec<Signed>,
    expected: &[Cert],
    known: &[Cert],
    policy: &Policy,
) -> Result<Verified> {
    let mut reason = None;
    for signed in signatures {
        match guarded("verifying a signature", || {
            verify_one(signed, expected, known, policy)
        }) {
            Ok(verified) => return Ok(verified),
            // A signature by somebody we expect says more than one by a stranger.
            Err(error @ (Error::SignerUnknown { .. } | Error::SignerUnexpected { .. })) => {
                reason = reason.or(Some(error));
            }
            Err(error) => match reason {
                None | Some(Error::SignerUnknown { .. } | Error::SignerUnexpected { .. }) => {
                    reason = Some(error);
                }
                Some(_) => {}
            },
        }
    }
    Err(reason.unwrap_or(Error::NotSigned))
}

fn verify_one(
    signed: Signed,
    expected: &[Cert],
    known: &[Cert],
    policy: &Policy,
) -> Result<Verified> {
    let Signed { signature, hash } = signed;
    let issuers = signature.get_issuers();
    let find = |certs: &'_ [Cert]| -> Option<usize> {
        certs.iter().position(|cert| {
            issuers.iter().any(|issuer| {
                cert.inner
                    .keys()
                    .key_handle(issuer.clone())
                    .next()
                    .is_some()
            })
        })
    };
    let Some(cert) = find(expected).and_then(|at| expected.get(at)) else {
        return Err(match find(known).and_then(|at| known.get(at)) {
            Some(cert) => Error::SignerUnexpected {
                found: cert.fingerprint(),
            },
            None => Error::SignerUnknown {
                issuer: issuers.first().map_or_else(
                    || "without a name".to_owned(),
                    |issuer| format!("{issuer:X}"),
                ),
            },
        });
    };
    let key = issuers
        .iter()
        .find_map(|issuer| cert.inner.keys().key_handle(issuer.clone()).next())
        .ok_or(Error::NotSigned)?;

    // The mathematics first: what the cert says matters only of a signature that its key made.
    let bad = |reason: String| Error::BadSignature { reason };
    // The packet before the content says what is hashed, and whoever encrypted wrote it: a back-signature, whose hash starts
    // with keys that everybody has, would hold over these keys as a message.
    let kind = signature.typ();
    if !matches!(kind, SignatureType::Binary | SignatureType::Text) {
        return Err(bad(format!("it signs no message: its type is {kind}")));
    }
    let hash = hash.ok_or_else(|| bad("the message does not announce it".to_owned()))?;
    signature
        .verify_hash(key.key(), hash)
        .map_err(|error| bad(error.to_string()))?;
    policy
        .standard
        .signature(&signature, HashAlgoSecurity::CollisionResistance)
        .map_err(|error| Error::WeakAlgorithm {
            what: "the signature",
            reason: error.to_string(),
        })?;

    // Then its time: by a clock that is at most the tolerance ahead.
    let signed_at = signature
        .signature_creation_time()
        .ok_or_else(|| bad("it does not say when it was made".to_owned()))?;
    if signed_at > policy.time + policy.tolerance {
        return Err(Error::SignatureNotAlive {
            reason: "was made later",
        });
    }
    if signature
        .signature_expiration_time()
        .is_some_and(|expires| expires <= policy.time)
    {
        return Err(Error::SignatureNotAlive {
            reason: "has expired",
        });
    }

    // The cert at the time that is asked about; its signing key when it signed, so that messages outlive a rotation. A
    // revocation for compromise counts at any time.
    cert.valid(policy)?;
    let signer = cert.fingerprint();
    let at_signing = key
        .with_policy(&policy.standard, signed_at)
        .map_err(|error| match error.downcast_ref::<openpgp::Error>() {
            Some(openpgp::Error::PolicyViolation(..)) => Error::WeakAlgorithm {
                what: "the signer's key",
                reason: error.to_string(),
            },
            _ => Error::CertInvalid {
                fingerprint: signer,
                reason: error.to_string(),
            },
        })?;
    if !at_signing.for_signing() {
        return Err(Error::CertWithoutFlag {
            fingerprint: signer,
            purpose: "signing",
        });
    }
    refuse_revoked(signer, &at_signing.revocation_status())?;
    at_signing.alive().map_err(|error| Error::CertExpired {
        fingerprint: signer,
        reason: error.to_string(),
    })?;
    Ok(Verified {
        signer,
        signed_at,
        intended: signature
            .intended_recipients()
            .map(Fingerprint::of)
            .collect::<Result<_>>()?,
    })
}

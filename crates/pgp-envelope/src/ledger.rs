//! Ed25519 signatures for the ledger, by the OpenPGP signing key.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha512};

/// What is hashed behind a ledger message: 30 letters and ten bytes of 0xFF, with which no OpenPGP signature's input ends.
pub const LEDGER_SUFFIX: [u8; 40] =
    *b"medshare ledger transaction v1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";

/// The 64 bytes that Ed25519 signs.
pub(crate) fn digest(message: &[u8]) -> [u8; 64] {
    Sha512::new()
        .chain_update(message)
        .chain_update(LEDGER_SUFFIX)
        .finalize()
        .into()
}

/// Whether a ledger signature holds: strict Ed25519 verification, no weak keys, no second encoding of a signature.
///
/// It needs no OpenPGP. That the key is its sender's is another question, and the ledger's.
///
/// # Why no ledger signature passes for an OpenPGP signature, nor the other way round
///
/// Both are Ed25519 signatures by one key, over a digest. The ledger's digest is SHA-512(message || [`LEDGER_SUFFIX`]); it
/// has 64 bytes, and what is hashed ends with ten bytes 0xFF.
///
/// 1. An OpenPGP signature with Ed25519 signs the digest of its own hash algorithm. A digest of another length (SHA-256,
///    SHA-384) is another Ed25519 message. A digest of 64 bytes from another function (SHA3-512) equals ours only if two
///    different hash functions collide.
/// 2. With SHA-512, what OpenPGP hashes ends with a trailer (RFC 9580 section 5.2.4) in which a byte other than 0xFF has a
///    fixed place among the last ten:
///
///    ```text
///    version 3    ... type  time(4)            the type is the fifth from the end; 0xFF is no signature type
///    version 4    ... 04 FF length(4)          04 is the sixth from the end
///    version 5    ... 05 FF length(8)          05 is the tenth from the end (LibrePGP)
///    version 6    ... 06 FF length(4)          06 is the sixth from the end
///    ledger       ... FF FF FF FF FF FF FF FF FF FF
///    ```
///
///    So the two inputs differ for every message, and equal digests would be a collision of SHA-512.
///
/// Ed25519 is unforgeable, so a signature under one message is none under another. A version beyond 6 would have to
/// keep a byte other than 0xFF there for this to go on holding.
#[must_use]
pub fn verify_ledger(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public).is_ok_and(|key| {
        !key.is_weak()
            && key
                .verify_strict(&digest(message), &Signature::from_bytes(signature))
                .is_ok()
    })
}

//! Fixed-size byte strings of the ledger: digests, identifiers, keys. Shown and parsed as hexadecimal.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::strict::UnpackedKey;

/// SHA-256 of the parts one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Writes bytes as lower-case hexadecimal.
pub(crate) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digit = |value: u8| match value {
        0..10 => b'0' + value,
        _ => b'a' + value - 10,
    };
    bytes.chunks(32).try_for_each(|chunk| {
        let mut text = [0; 64];
        for ([high, low], byte) in text.as_chunks_mut().0.iter_mut().zip(chunk) {
            (*high, *low) = (digit(byte >> 4), digit(byte & 15));
        }
        let text = text.get(..2 * chunk.len()).unwrap_or_default();
        f.write_str(std::str::from_utf8(text).unwrap_or_default())
    })
}

/// Reads hexadecimal of either case; `None` when a character is no digit or one is missing.
pub(crate) fn read_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| {
            let digit = |c: u8| {
                char::from(c)
                    .to_digit(16)
                    .and_then(|d| u8::try_from(d).ok())
            };
            Some(digit(*pair.first()?)? << 4 | digit(*pair.last()?)?)
        })
        .collect()
}

/// Defines a newtype of N bytes: a byte string in DAG-CBOR, hexadecimal for people.
macro_rules! byte_string {
    ($(#[$doc:meta])* $name:ident, $size:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $size]);

        impl $name {
            #[doc = concat!("Wraps ", $what, ".")]
            #[must_use]
            pub const fn new(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }
        }

        impl From<[u8; $size]> for $name {
            fn from(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::hash::write_hex(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::hash::read_hex(text)
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or_else(|| $crate::Error::Malformed {
                        what: $what,
                        reason: format!(
                            concat!("expected ", stringify!($size), " bytes in hexadecimal, found {:?}"),
                            text.chars().take(2 * $size + 1).collect::<String>(),
                        ),
                    })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = <&serde_bytes::Bytes>::deserialize(deserializer)?;
                <[u8; $size]>::try_from(&**bytes).map(Self).map_err(|_| {
                    serde::de::Error::custom(format!(
                        concat!("expected ", stringify!($size), " bytes for ", $what, ", found {}"),
                        bytes.len(),
                    ))
                })
            }
        }
    };
}

byte_string! {
    /// A SHA-256 digest: the hash of a leaf, a node, a root, a header.
    Digest, 32, "a SHA-256 digest"
}
byte_string! {
    /// The name of a share: 32 random bytes that its sender chose.
    ShareId, 32, "a share id"
}
byte_string! {
    /// What the ledger keeps of what is hidden: a salted hash that nobody can open without the salt.
    Commitment, 32, "a commitment"
}
byte_string! {
    /// The name of a chain: SHA-256 of its genesis.
    ChainId, 32, "a chain id"
}
byte_string! {
    /// Random bytes that make two ledgers of one name different.
    Nonce, 32, "a nonce"
}
byte_string! {
    /// The name of a transaction: SHA-256 of its bytes, and so the digest inside its CID.
    TxId, 32, "a transaction id"
}
byte_string! {
    /// An Ed25519 public key.
    PublicKey, 32, "an Ed25519 public key"
}
byte_string! {
    /// An Ed25519 signature.
    Signature, 64, "an Ed25519 signature"
}

impl Digest {
    /// SHA-256 of the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(&[bytes]))
    }
}

impl PublicKey {
    /// The key as a point of the curve, when it is one and not of small order.
    #[must_use]
    pub fn point(&self) -> Option<ed25519_dalek::VerifyingKey> {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0)
            .ok()
            .filter(|key| !key.is_weak())
    }

    /// True when the signature over `message` holds under Ed25519's strict rules: canonical S, no point of small
    /// order, the equation without the cofactor.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        UnpackedKey::new(self).is_some_and(|key| key.verifies(message, signature))
    }
}

impl From<&ed25519_dalek::SigningKey> for PublicKey {
    fn from(key: &ed25519_dalek::SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }
}

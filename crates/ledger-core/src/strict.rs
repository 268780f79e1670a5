//! Ed25519 under its strict rules, with keys that are unpacked once.

use ed25519_dalek::VerifyingKey;

use crate::{PublicKey, Signature};

/// A usable public key as a point of the curve: whoever checks many signatures under one key unpacks it once.
#[derive(Clone, Copy, Debug)]
pub struct UnpackedKey {
    key: PublicKey,
    point: VerifyingKey,
}

impl UnpackedKey {
    /// Unpacks a key; none when it is no point of the curve, or one of small order.
    #[must_use]
    pub fn new(key: &PublicKey) -> Option<Self> {
        let point = VerifyingKey::from_bytes(key.as_bytes()).ok()?;
        (!point.is_weak()).then_some(Self { key: *key, point })
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// True when the signature over `message` holds: S below the group's order, neither R nor the key of small order, and
    /// R = SB - kA without the cofactor (RFC 8032, section 5.1.7, and ed25519-dalek's `verify_strict`, with the checks of
    /// Chalkias, Garillot and Nikolaenko, eprint 2020/1244).
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        self.point.verify_strict(message, &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The y coordinates of points of order 1, 2 and 4, and one that belongs to no point (RFC 8032, section 5.1.3).
    #[test]
    fn only_usable_keys_are_unpacked() {
        let first = |byte: u8| {
            let mut key = [0; 32];
            key[0] = byte;
            key
        };
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        for key in [first(1), first(0), minus_one, first(2)] {
            assert!(UnpackedKey::new(&PublicKey::new(key)).is_none(), "{key:?}");
        }
    }
}

//! Ed25519 under its strict rules, with keys that are unpacked once.

use ed25519_dalek::{Verifier as _, VerifyingKey};

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
    /// R = SB - kA without the cofactor (RFC 8032, section 5.1.7, with the checks of Chalkias, Garillot and Nikolaenko,
    /// eprint 2020/1244).
    ///
    /// The verdict is that of ed25519-dalek's `verify_strict`, which unpacks R to see its order. Its `verify` is the same but
    /// for the orders of R and of the key: it computes SB - kA and accepts only that point's own spelling as R. So what it accepts has
    /// one of small order as R exactly when R is one of eight byte strings; the key was looked at when it was unpacked.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        !SMALL_ORDER.contains(signature.r_bytes()) && self.point.verify(message, &signature).is_ok()
    }
}

/// The eight points whose order divides eight, each in its own spelling: y in little-endian order, and the sign of x.
const SMALL_ORDER: [[u8; 32]; 8] = {
    /// One byte, the same one 30 times, and one byte.
    const fn spelled(first: u8, between: u8, last: u8) -> [u8; 32] {
        let mut bytes = [between; 32];
        bytes[0] = first;
        bytes[31] = last;
        bytes
    }
    /// The same y with the other x.
    const fn opposite(mut bytes: [u8; 32]) -> [u8; 32] {
        bytes[31] |= 0x80;
        bytes
    }
    let one = *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a";
    let other = *b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05";
    [
        spelled(1, 0, 0),           // order 1: y = 1
        spelled(0xec, 0xff, 0x7f),  // order 2: y = -1
        spelled(0, 0, 0),           // order 4: y = 0
        opposite(spelled(0, 0, 0)), // order 4
        one,                        // order 8
        opposite(one),              // order 8
        other,                      // order 8
        opposite(other),            // order 8
    ]
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use curve25519_dalek::Scalar;
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::scalar::clamp_integer;
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;
    use sha2::Digest as _;

    use super::*;

    /// The curve has eight points whose order divides its cofactor (RFC 8032, section 5.1); one string belongs to no point.
    #[test]
    fn only_usable_keys_are_unpacked() {
        let mut no_point = [0; 32];
        no_point[0] = 2;
        for key in SMALL_ORDER.into_iter().chain([no_point]) {
            assert!(UnpackedKey::new(&PublicKey::new(key)).is_none(), "{key:?}");
        }
    }

    #[test]
    fn all_eight_points_of_small_order_are_named_as_they_are_spelled() {
        let named = BTreeSet::from(SMALL_ORDER);
        let points = EIGHT_TORSION.map(|point| point.compress().to_bytes());
        assert_eq!(named, BTreeSet::from(points));
    }

    /// With S = ka the point SB - kA is the identity, and a signer may send that as R: what `verify` alone would take.
    #[test]
    fn a_signature_with_r_of_small_order_is_refused_though_its_equation_holds() {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let (point, message, r) = (secret.verifying_key(), b"message", SMALL_ORDER[0]);
        let hash = sha2::Sha512::new()
            .chain_update(r)
            .chain_update(point.as_bytes())
            .chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let a = Scalar::from_bytes_mod_order(clamp_integer(secret.to_scalar_bytes()));
        let signature = ed25519_dalek::Signature::from_components(r, (k * a).to_bytes());
        assert!(point.verify(message, &signature).is_ok());
        assert!(point.verify_strict(message, &signature).is_err());
        let key = UnpackedKey::new(&PublicKey::new(point.to_bytes())).unwrap();
        assert!(!key.verifies(message, &Signature::new(signature.to_bytes())));
    }

    proptest! {
        /// One byte of the signature, of the key or of the message is another, R is one of small order, or nothing is wrong.
        #[test]
        fn the_verdict_is_that_of_verify_strict(
            secret: [u8; 32], mut message in prop::collection::vec(any::<u8>(), 1..80),
            what in 0..5, at: prop::sample::Index, bit in 0_u32..8,
        ) {
            let secret = SigningKey::from_bytes(&secret);
            let mut key = secret.verifying_key().to_bytes();
            let mut signature = secret.sign(&message).to_bytes();
            match what {
                0 => *at.get_mut(&mut signature) ^= 1_u8 << bit,
                1 => *at.get_mut(&mut key) ^= 1_u8 << bit,
                2 => *at.get_mut(&mut message) ^= 1_u8 << bit,
                3 => signature[..32].copy_from_slice(&SMALL_ORDER[at.index(8)]),
                _ => {}
            }
            let strict = VerifyingKey::from_bytes(&key).is_ok_and(|key| {
                let signature = ed25519_dalek::Signature::from_bytes(&signature);
                key.verify_strict(&message, &signature).is_ok()
            });
            let ours = UnpackedKey::new(&PublicKey::new(key))
                .is_some_and(|key| key.verifies(&message, &Signature::new(signature)));
            prop_assert_eq!(ours, strict);
        }
    }
}

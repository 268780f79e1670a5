//! Ed25519 under its strict rules, with keys that are unpacked once.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity as _;
use sha2::{Digest as _, Sha512};

use crate::{PublicKey, Signature};

/// A usable public key as a point of the curve: whoever checks many signatures under one key unpacks it once.
#[derive(Clone, Copy)]
pub struct UnpackedKey {
    key: PublicKey,
    /// The point's negative, which the equation wants.
    minus: EdwardsPoint,
}

impl UnpackedKey {
    /// Unpacks a key; none when it is no point of the curve, or one of small order.
    #[must_use]
    pub fn new(key: &PublicKey) -> Option<Self> {
        let point = CompressedEdwardsY(*key.as_bytes()).decompress()?;
        let minus = -point;
        (!minus.is_small_order()).then_some(Self { key: *key, minus })
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// True when the signature over `message` holds: S below the group's order, neither R nor the key of small order, and
    /// R = SB - kA without the cofactor (RFC 8032, section 5.1.7, with the checks of Chalkias, Garillot and Nikolaenko,
    /// eprint 2020/1244, and of ed25519-dalek's `verify_strict`, which is the tests' oracle).
    ///
    /// R is not unpacked: its 32 bytes are compared with those of the computed point, so they are right only as that
    /// point's one canonical spelling, and the computed point tells whether it is of small order. This saves a square root,
    /// a tenth of the time.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let Some((r, s)) = signature.as_bytes().split_first_chunk::<32>() else {
            return false;
        };
        let s = <[u8; 32]>::try_from(s).ok();
        let Some(s) = s.and_then(|s| Scalar::from_canonical_bytes(s).into_option()) else {
            return false;
        };
        let k = Sha512::new()
            .chain_update(r)
            .chain_update(self.key.as_bytes())
            .chain_update(message)
            .finalize();
        let k = Scalar::from_bytes_mod_order_wide(&k.into());
        let point = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &self.minus, &s);
        !point.mul_by_cofactor().is_identity() && point.compress().as_bytes() == r
    }
}

impl std::fmt::Debug for UnpackedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UnpackedKey").field(&self.key).finish()
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;

    use super::*;

    /// What ed25519-dalek says.
    fn oracle(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(key).is_ok_and(|key| {
            key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
                .is_ok()
        })
    }

    fn ours(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        UnpackedKey::new(&PublicKey::new(*key))
            .is_some_and(|key| key.verifies(message, &Signature::new(*signature)))
    }

    /// A signature that fulfils the equation with the cofactor, for a key and an R that each carry some torsion.
    fn crooked(a: usize, r: usize, message: &[u8]) -> ([u8; 32], [u8; 64]) {
        let (secret, nonce) = (Scalar::from(77_777_u64), Scalar::from(1234 + r as u64));
        let key = (EdwardsPoint::mul_base(&secret) + EIGHT_TORSION[a]).compress();
        let point = (EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[r]).compress();
        let k = Sha512::new()
            .chain_update(point.as_bytes())
            .chain_update(key.as_bytes())
            .chain_update(message)
            .finalize();
        let s = nonce + Scalar::from_bytes_mod_order_wide(&k.into()) * secret;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(point.as_bytes());
        signature[32..].copy_from_slice(s.as_bytes());
        (key.to_bytes(), signature)
    }

    #[test]
    fn torsion_is_judged_as_the_oracle_judges_it() {
        let mut held = 0;
        for a in 0..8 {
            for r in 0..8 {
                for message in 0..16_u8 {
                    let (key, signature) = crooked(a, r, &[message]);
                    let expected = oracle(&key, &[message], &signature);
                    assert_eq!(
                        ours(&key, &[message], &signature),
                        expected,
                        "{a} {r} {message}"
                    );
                    held += usize::from(expected);
                }
            }
        }
        // without torsion always, with torsion now and then
        assert!((16..300).contains(&held), "{held} of 1024 hold");
    }

    #[test]
    fn points_of_small_order_are_refused() {
        for point in EIGHT_TORSION {
            let key = point.compress().to_bytes();
            assert!(UnpackedKey::new(&PublicKey::new(key)).is_none());
            // with S = k·a a small R would hold under a key whose secret is known
            for other in EIGHT_TORSION {
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(other.compress().as_bytes());
                assert!(!ours(&key, b"", &signature) && !oracle(&key, b"", &signature));
            }
        }
        let secret = Scalar::from(5_u64);
        let key = EdwardsPoint::mul_base(&secret).compress().to_bytes();
        for point in EIGHT_TORSION {
            let r = point.compress();
            let k = Sha512::new()
                .chain_update(r.as_bytes())
                .chain_update(key)
                .finalize();
            let s = Scalar::from_bytes_mod_order_wide(&k.into()) * secret;
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(r.as_bytes());
            signature[32..].copy_from_slice(s.as_bytes());
            assert!(!ours(&key, b"", &signature) && !oracle(&key, b"", &signature));
        }
    }

    proptest! {
        #[test]
        fn every_signature_is_judged_as_the_oracle_judges_it(
            seed: [u8; 32], message: Vec<u8>, at in 0_usize..96, flip: u8, high: bool,
        ) {
            let key = SigningKey::from_bytes(&seed);
            let mut bytes = [0; 96];
            bytes[..32].copy_from_slice(key.verifying_key().as_bytes());
            bytes[32..].copy_from_slice(&key.sign(&message).to_bytes());
            bytes[at] ^= flip;
            if high {
                // S plus the group's order, when that fits 256 bits
                let order = [0xed_u8, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14];
                let mut carry = 0_u16;
                for (at, byte) in bytes[64..].iter_mut().enumerate() {
                    let add = if at == 31 { 0x10 } else { u16::from(*order.get(at).unwrap_or(&0)) };
                    carry += u16::from(*byte) + add;
                    [*byte, _] = carry.to_le_bytes();
                    carry >>= 8;
                }
            }
            let (key, signature) = bytes.split_first_chunk::<32>().unwrap();
            let signature = signature.try_into().unwrap();
            let expected = oracle(key, &message, signature);
            prop_assert_eq!(ours(key, &message, signature), expected);
            prop_assert_eq!(expected, flip == 0 && !high);
        }
    }
}

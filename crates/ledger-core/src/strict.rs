//! Ed25519 under its strict rules, with keys that are unpacked once and, where they are used often, with their multiples.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use curve25519_dalek::{EdwardsPoint, Scalar, constants};
use ed25519_dalek::{Verifier as _, VerifyingKey};
use sha2::{Digest as _, Sha512};

use crate::multiples::Multiples;
use crate::{PublicKey, Signature};

/// The multiples of a key with the sign changed: 704 points, 112,640 bytes.
type KeyMultiples = Multiples<6, 2>;

/// The multiples of the group's base point, which every signature needs: 4,096 points, 655,360 bytes for the process.
static BASE: LazyLock<Multiples<8, 1>> =
    LazyLock::new(|| Multiples::new(&constants::ED25519_BASEPOINT_POINT));

/// A usable public key as a point of the curve: whoever checks many signatures under one key unpacks it once.
#[derive(Clone, Debug)]
pub struct UnpackedKey {
    key: PublicKey,
    point: VerifyingKey,
    multiples: Option<Arc<KeyMultiples>>,
}

impl UnpackedKey {
    /// From how many signatures on [`UnpackedKey::prepared`] pays: it costs three verifications and saves half of each.
    pub const OFTEN: u32 = 8;

    /// Unpacks a key; none when it is no point of the curve, or one of small order.
    #[must_use]
    pub fn new(key: &PublicKey) -> Option<Self> {
        let point = VerifyingKey::from_bytes(key.as_bytes()).ok()?;
        (!point.is_weak()).then_some(Self {
            key: *key,
            point,
            multiples: None,
        })
    }

    /// The key with a table of its multiples, in 113 kB that all clones share: its signatures are then checked in about half of
    /// the time. The verdict is the same.
    #[must_use]
    pub fn prepared(mut self) -> Self {
        let multiples = || Arc::new(Multiples::new(&-self.point.to_edwards()));
        self.multiples.get_or_insert_with(multiples);
        self
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
        if SMALL_ORDER.contains(signature.r_bytes()) {
            return false;
        }
        match &self.multiples {
            None => self.point.verify(message, &signature).is_ok(),
            Some(multiples) => self
                .expected(multiples, message, &signature)
                .is_some_and(|point| point.compress().as_bytes() == signature.r_bytes()),
        }
    }

    /// As [`UnpackedKey::verifies`] for many signatures, each with its key and message: what they share is computed once.
    #[must_use]
    pub fn verify_each<M: AsRef<[u8]>>(signed: &[(&Self, M, &Signature)]) -> Vec<bool> {
        let mut verdicts = vec![false; signed.len()];
        let (mut points, mut places) = (Vec::new(), Vec::new());
        // those of one key one after the other: from the second on its multiples are in a fast cache
        let mut order: Vec<_> = verdicts.iter_mut().zip(signed).collect();
        order.sort_by_key(|(_, (key, ..))| key.key);
        for (verdict, (key, message, signature)) in order {
            let Some(multiples) = &key.multiples else {
                *verdict = key.verifies(message.as_ref(), signature);
                continue;
            };
            let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
            let point = key.expected(multiples, message.as_ref(), &signature);
            if let Some(point) = point.filter(|_| !SMALL_ORDER.contains(signature.r_bytes())) {
                points.push(point);
                places.push((verdict, *signature.r_bytes()));
            }
        }
        // one inversion for all of them
        let spelled = EdwardsPoint::compress_batch_alloc(&points);
        for (spelled, (verdict, r)) in spelled.iter().zip(places) {
            *verdict = *spelled.as_bytes() == r;
        }
        verdicts
    }

    /// SB - kA, which R has to be; none when S is not below the group's order.
    fn expected(
        &self,
        multiples: &KeyMultiples,
        message: &[u8],
        signature: &ed25519_dalek::Signature,
    ) -> Option<EdwardsPoint> {
        let s = Scalar::from_canonical_bytes(*signature.s_bytes()).into_option()?;
        let hash = Sha512::new()
            .chain_update(signature.r_bytes())
            .chain_update(self.key.as_bytes())
            .chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        Some(BASE.times(&s) + multiples.times(&k))
    }
}

/// A key that is kept: unpacked when it is first used, and prepared when it was used often.
#[derive(Debug)]
pub(crate) struct KeptKey {
    key: PublicKey,
    uses: AtomicU32,
    unpacked: OnceLock<Option<UnpackedKey>>,
    prepared: OnceLock<Option<UnpackedKey>>,
}

impl KeptKey {
    pub(crate) const fn new(key: PublicKey) -> Self {
        Self {
            key,
            uses: AtomicU32::new(0),
            unpacked: OnceLock::new(),
            prepared: OnceLock::new(),
        }
    }

    /// As [`UnpackedKey::verifies`].
    pub(crate) fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let unpacked = self.unpacked.get_or_init(|| UnpackedKey::new(&self.key));
        let often = self.uses.fetch_add(1, Ordering::Relaxed) >= UnpackedKey::OFTEN;
        let prepare = || unpacked.clone().map(UnpackedKey::prepared);
        let key = if often {
            self.prepared.get_or_init(prepare)
        } else {
            unpacked
        };
        key.as_ref()
            .is_some_and(|key| key.verifies(message, signature))
    }
}

/// The keys of those who send to one receiver: the first of them are kept, so that no later ones take their tables from them.
#[derive(Debug, Default)]
pub(crate) struct KeptKeys(Mutex<BTreeMap<PublicKey, Arc<KeptKey>>>);

impl KeptKeys {
    /// How many, in up to 113 kB each: 14 MB.
    const MOST: usize = 128;

    /// As [`UnpackedKey::verifies`], under this key.
    pub(crate) fn verifies(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match keys.get(key) {
            Some(kept) => Arc::clone(kept),
            None => {
                let new = Arc::new(KeptKey::new(*key));
                if keys.len() < Self::MOST {
                    keys.insert(*key, Arc::clone(&new));
                }
                new
            }
        };
        // others are looked up meanwhile
        drop(keys);
        kept.verifies(message, signature)
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

    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::scalar::clamp_integer;
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;

    use super::*;

    /// The verdict of ed25519-dalek, after it was compared with ours by each way that there is.
    fn strict(key: [u8; 32], message: &[u8], signature: [u8; 64]) -> bool {
        let dalek = VerifyingKey::from_bytes(&key).is_ok_and(|key| {
            let signature = ed25519_dalek::Signature::from_bytes(&signature);
            key.verify_strict(message, &signature).is_ok()
        });
        let (key, signature) = (PublicKey::new(key), Signature::new(signature));
        assert_eq!(key.verifies(message, &signature), dalek);
        let Some(unpacked) = UnpackedKey::new(&key) else {
            assert!(!dalek);
            return false;
        };
        let prepared = unpacked.clone().prepared();
        assert_eq!(unpacked.verifies(message, &signature), dalek);
        assert_eq!(prepared.verifies(message, &signature), dalek);
        // among others, which must not answer for it
        let other = SigningKey::from_bytes(&[9; 32]);
        let others = Signature::new(other.sign(message).to_bytes());
        let other = UnpackedKey::new(&PublicKey::from(&other))
            .unwrap()
            .prepared();
        let verdicts = UnpackedKey::verify_each(&[
            (&other, message, &others),
            (&prepared, message, &signature),
            (&unpacked, message, &signature),
            (&other, b"another", &others),
            (&prepared, message, &signature),
        ]);
        assert_eq!(verdicts, [true, dalek, dalek, false, dalek]);
        let (kept, keys) = (KeptKey::new(key), KeptKeys::default());
        for _ in 0..UnpackedKey::OFTEN + 2 {
            assert_eq!(kept.verifies(message, &signature), dalek);
            assert_eq!(keys.verifies(&key, message, &signature), dalek);
        }
        dalek
    }

    fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
        let hash = Sha512::new().chain_update(r).chain_update(key);
        Scalar::from_bytes_mod_order_wide(&hash.chain_update(message).finalize().into())
    }

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
        let k = challenge(&r, point.as_bytes(), message);
        let a = Scalar::from_bytes_mod_order(clamp_integer(secret.to_scalar_bytes()));
        let signature = ed25519_dalek::Signature::from_components(r, (k * a).to_bytes());
        assert!(point.verify(message, &signature).is_ok());
        assert!(!strict(point.to_bytes(), message, signature.to_bytes()));
    }

    /// A key may have a part of small order, and then a signature holds when k cancels it: all sums must be of whole points.
    /// R may have one too, and never holds, though an equation with the cofactor would.
    #[test]
    fn parts_of_small_order_are_judged_as_they_are_by_dalek() {
        let a = Scalar::from(0x1234_5678_9abc_def1_u64);
        let (mut accepted, mut refused) = (0, 0);
        for (torsion, nonce) in (0..8).flat_map(|t| (1_u64..33).map(move |nonce| (t, nonce))) {
            let key = EdwardsPoint::mul_base(&a) + EIGHT_TORSION[torsion];
            let (key, nonce) = (key.compress().to_bytes(), Scalar::from(nonce));
            for of_r in [0, 1, 4] {
                let r = EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[of_r];
                let r = r.compress().to_bytes();
                let s = nonce + challenge(&r, &key, b"message") * a;
                let signature = ed25519_dalek::Signature::from_components(r, s.to_bytes());
                match strict(key, b"message", signature.to_bytes()) {
                    true => accepted += 1,
                    false => refused += 1,
                }
            }
        }
        assert!(accepted > 32 && refused > 400, "{accepted} {refused}");
    }

    /// Whoever sees the keys of a thousand senders needs no more memory than for some.
    #[test]
    fn no_more_keys_are_kept_than_there_are_places() {
        let keys = KeptKeys::default();
        let kept = || keys.0.lock().unwrap().len();
        for (number, seed) in (1..KeptKeys::MOST + 3).zip((0_u64..).map(u64::to_be_bytes)) {
            let mut secret = [1; 32];
            secret[..8].copy_from_slice(&seed);
            let secret = SigningKey::from_bytes(&secret);
            let key = PublicKey::from(&secret);
            let signature = Signature::new(secret.sign(b"message").to_bytes());
            for _ in 0..2 {
                assert!(keys.verifies(&key, b"message", &signature));
                assert!(!keys.verifies(&key, b"another", &signature));
            }
            assert_eq!(kept(), number.min(KeptKeys::MOST));
        }
    }

    proptest! {
        /// One byte of the signature, of the key or of the message is another, R is one of small order, S is not below the
        /// group's order, or nothing is wrong.
        #[test]
        fn the_verdict_is_that_of_verify_strict(
            secret: [u8; 32], mut message in prop::collection::vec(any::<u8>(), 1..80),
            what in 0..6, at: prop::sample::Index, bit in 0_u32..8,
        ) {
            const ORDER: [u8; 32] = *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
            let secret = SigningKey::from_bytes(&secret);
            let mut key = secret.verifying_key().to_bytes();
            let mut signature = secret.sign(&message).to_bytes();
            match what {
                0 => *at.get_mut(&mut signature) ^= 1_u8 << bit,
                1 => *at.get_mut(&mut key) ^= 1_u8 << bit,
                2 => *at.get_mut(&mut message) ^= 1_u8 << bit,
                3 => signature[..32].copy_from_slice(&SMALL_ORDER[at.index(8)]),
                4 => {
                    let mut carry = 0;
                    for (byte, add) in signature[32..].iter_mut().zip(ORDER) {
                        carry += u16::from(*byte) + u16::from(add);
                        [*byte, _] = carry.to_le_bytes();
                        carry >>= 8;
                    }
                }
                _ => {}
            }
            let holds = strict(key, &message, signature);
            prop_assert_eq!(holds, what == 5);
        }
    }
}

//! One table: every operation of every level against the portable token, and that against plain loops.

use std::vec::Vec;

use super::scalar::Portable;
use super::{BLOCK, Level, Simd, Task, dispatch};

/// The results of every operation on one set of inputs, in bytes and words.
struct Operations {
    words: [u64; 4],
    mask: u64,
    block8: [u8; BLOCK],
    block16: [u16; BLOCK],
}

impl Task for &Operations {
    type Output = (Vec<u64>, Vec<u8>, Vec<u16>);

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> Self::Output {
        let Operations { words, mask, .. } = *self;
        let [a, b, c, d] = words;
        let (mut numbers, mut bytes, mut samples) = (Vec::new(), Vec::new(), Vec::new());
        let spread = [
            simd.spread([a]),
            simd.spread([a, b]),
            simd.spread([a, b, c]),
            simd.spread([a, b, c, d]),
        ];
        let masks = [1, 3, 7, 15].map(|value| simd.select(mask, value));
        for (value, select) in spread.into_iter().zip(masks) {
            let mut block = [0; BLOCK];
            simd.insert8(&mut block, value, simd.splat(0xff));
            bytes.extend(block);
            let (mut block8, mut block16) = (self.block8, self.block16);
            simd.insert8(&mut block8, simd.and(value, select), select);
            simd.insert16(&mut block16, simd.and(value, select), select);
            bytes.extend(block8);
            samples.extend(block16);
        }
        let (mut block8, mut block16) = (self.block8, self.block16);
        simd.replace8(&mut block8, a);
        simd.replace16(&mut block16, a);
        bytes.extend(block8);
        samples.extend(block16);
        let lanes = simd.load16(&self.block16);
        numbers.extend(simd.gather::<1>(lanes));
        numbers.extend(simd.gather::<2>(lanes));
        numbers.extend(simd.gather::<3>(lanes));
        numbers.extend(simd.gather::<4>(simd.load8(&self.block8)));
        numbers.extend([
            simd.deposit(a, mask),
            simd.compress(a, mask),
            simd.deposit(a, !0),
            simd.compress(a, !0),
        ]);
        for (low, high) in [(0, 0), (3, 200), (128, 255), (255, 255)] {
            numbers.push(simd.within8(&self.block8, 0x7f, low, high));
            let [low, high] = [u16::from(low) * 257, u16::from(high) * 257];
            numbers.push(simd.within16(&self.block16, 0xfff0, low, high));
        }
        (numbers, bytes, samples)
    }
}

/// Numbers that look random, the same ever after (splitmix64).
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (1u64..).map(move |i| {
        let z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

fn operations(seed: u64) -> Operations {
    let mut next = numbers(seed);
    let mut word = || next.next().unwrap();
    Operations {
        words: core::array::from_fn(|_| word()),
        mask: [word(), 0, !0, 1, 1 << 63][usize::try_from(seed).unwrap() % 5],
        block8: core::array::from_fn(|_| word().to_le_bytes()[0]),
        block16: core::array::from_fn(|_| {
            u16::from_le_bytes([word().to_le_bytes()[0], word().to_le_bytes()[1]])
        }),
    }
}

#[test]
fn levels_agree() {
    // Miri takes three seconds for each.
    for seed in 0..if cfg!(miri) { 5 } else { 200 } {
        let operations = operations(seed);
        let expected = dispatch(Level::portable(), &operations);
        for level in Level::available() {
            assert!(
                dispatch(level, &operations) == expected,
                "{level:?}, seed {seed}"
            );
        }
    }
}

#[test]
fn portable_is_plain() {
    let simd = Portable;
    for seed in 0..if cfg!(miri) { 5 } else { 50 } {
        let Operations {
            words,
            mask,
            block8,
            block16,
        } = operations(seed);
        let bit = |i: usize| u8::try_from(words[i / 64] >> (i % 64) & 1).unwrap();
        let mut lanes = [0; BLOCK];
        simd.insert8(
            &mut lanes,
            simd.spread([words[0], words[1], words[2]]),
            simd.splat(7),
        );
        for (j, lane) in lanes.into_iter().enumerate() {
            assert_eq!(lane, bit(3 * j) | bit(3 * j + 1) << 1 | bit(3 * j + 2) << 2);
        }
        assert_eq!(
            simd.gather::<3>(simd.load8(&lanes)),
            [words[0], words[1], words[2]]
        );
        let mut widened = block16;
        simd.insert16(&mut widened, simd.load8(&lanes), simd.splat(7));
        for ((after, before), lane) in widened.into_iter().zip(block16).zip(lanes) {
            assert_eq!(after, before & !7 | u16::from(lane));
        }
        let inside = simd.within8(&block8, 0xff, 10, 20);
        let set: Vec<usize> = (0..64).filter(|i| mask >> i & 1 == 1).collect();
        for (i, sample) in block8.into_iter().enumerate() {
            assert_eq!(inside >> i & 1 == 1, (10..=20).contains(&sample));
        }
        for (i, &at) in set.iter().enumerate() {
            assert_eq!(simd.deposit(words[0], mask) >> at & 1, words[0] >> i & 1);
            assert_eq!(simd.compress(words[0], mask) >> i & 1, words[0] >> at & 1);
        }
        assert_eq!(simd.deposit(words[0], mask) & !mask, 0);
    }
}

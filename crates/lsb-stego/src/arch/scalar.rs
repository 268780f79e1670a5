//! The portable token: eight samples at a time in a 64-bit word (SWAR). Always available, without `unsafe`.

#![forbid(unsafe_code)]

use super::simd::{BLOCK, Simd};

/// The token of [`Level::portable`](super::Level::portable).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

/// The value in each of eight lanes.
const fn repeat(value: u64) -> u64 {
    value * 0x0101_0101_0101_0101
}

/// `count` low bits.
const fn ones(count: usize) -> u64 {
    u64::MAX >> (64 - count)
}

/// `K` bits in each of eight lanes, from `8 * K` bits: halves move apart, then quarters, then eighths.
#[inline(always)]
fn spread_word<const K: usize>(bits: u64) -> u64 {
    let bits = (bits | bits << (4 * (8 - K))) & (ones(4 * K) * 0x0000_0001_0000_0001);
    let bits = (bits | bits << (2 * (8 - K))) & (ones(2 * K) * 0x0001_0001_0001_0001);
    (bits | bits << (8 - K)) & repeat(ones(K))
}

/// The inverse of `spread_word`.
#[inline(always)]
fn gather_word<const K: usize>(lanes: u64) -> u64 {
    let lanes = lanes & repeat(ones(K));
    if K == 1 {
        // One product moves bit 8 i to bit 56 + i for every i, without carries.
        return lanes.wrapping_mul(0x0102_0408_1020_4080) >> 56;
    }
    let lanes = (lanes | lanes >> (8 - K)) & (ones(2 * K) * 0x0001_0001_0001_0001);
    let lanes = (lanes | lanes >> (2 * (8 - K))) & (ones(4 * K) * 0x0000_0001_0000_0001);
    (lanes | lanes >> (4 * (8 - K))) & ones(8 * K)
}

/// The eight bytes of half a word, low then high half, as sixteen-bit lanes.
#[inline(always)]
const fn widen(lanes: u64) -> [u64; 2] {
    const fn half(bytes: u64) -> u64 {
        let bytes = (bytes | bytes << 16) & 0x0000_ffff_0000_ffff;
        (bytes | bytes << 8) & 0x00ff_00ff_00ff_00ff
    }
    [half(lanes & 0xffff_ffff), half(lanes >> 32)]
}

/// The low bytes of four sixteen-bit lanes, as half a word.
#[inline(always)]
const fn narrow(lanes: u64) -> u64 {
    let lanes = lanes & 0x00ff_00ff_00ff_00ff;
    let lanes = (lanes | lanes >> 8) & 0x0000_ffff_0000_ffff;
    (lanes | lanes >> 16) & 0xffff_ffff
}

#[inline(always)]
fn word16(samples: [u16; 4]) -> u64 {
    let [a, b, c, d] = samples.map(u64::from);
    a | b << 16 | c << 32 | d << 48
}

#[inline(always)]
fn samples16(word: u64) -> [u16; 4] {
    let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
    [[a, b], [c, d], [e, f], [g, h]].map(u16::from_le_bytes)
}

impl Simd for Portable {
    type Bytes = [u64; 8];

    #[inline(always)]
    fn splat(self, value: u8) -> Self::Bytes {
        [repeat(u64::from(value)); 8]
    }

    #[inline(always)]
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        core::array::from_fn(|i| a[i] & b[i])
    }

    #[inline(always)]
    fn spread<const K: usize>(self, payload: [u64; K]) -> Self::Bytes {
        core::array::from_fn(|i| {
            let (word, at) = (8 * K * i / 64, 8 * K * i % 64);
            let low = payload[word] >> at;
            let bits = if at + 8 * K > 64 {
                low | payload[word + 1] << (64 - at)
            } else {
                low
            };
            spread_word::<K>(bits & ones(8 * K))
        })
    }

    #[inline(always)]
    fn gather<const K: usize>(self, lanes: Self::Bytes) -> [u64; K] {
        let mut payload = [0; K];
        for (i, lanes) in lanes.into_iter().enumerate() {
            let (word, at) = (8 * K * i / 64, 8 * K * i % 64);
            let bits = gather_word::<K>(lanes);
            payload[word] |= bits << at;
            if at + 8 * K > 64 {
                payload[word + 1] |= bits >> (64 - at);
            }
        }
        payload
    }

    #[inline(always)]
    fn select(self, mask: u64, value: u8) -> Self::Bytes {
        let value = u64::from(value);
        self.spread([mask]).map(|lanes| lanes * value)
    }

    #[inline(always)]
    fn load8(self, block: &[u8; BLOCK]) -> Self::Bytes {
        let (words, _) = block.as_chunks::<8>();
        core::array::from_fn(|i| u64::from_le_bytes(words[i]))
    }

    #[inline(always)]
    fn load16(self, block: &[u16; BLOCK]) -> Self::Bytes {
        let (words, _) = block.as_chunks::<4>();
        core::array::from_fn(|i| {
            narrow(word16(words[2 * i])) | narrow(word16(words[2 * i + 1])) << 32
        })
    }

    #[inline(always)]
    fn insert8(self, block: &mut [u8; BLOCK], value: Self::Bytes, mask: Self::Bytes) {
        let (words, _) = block.as_chunks_mut::<8>();
        for ((word, value), mask) in words.iter_mut().zip(value).zip(mask) {
            *word = (u64::from_le_bytes(*word) & !mask | value).to_le_bytes();
        }
    }

    #[inline(always)]
    fn insert16(self, block: &mut [u16; BLOCK], value: Self::Bytes, mask: Self::Bytes) {
        let (words, _) = block.as_chunks_mut::<4>();
        let (pairs, _) = words.as_chunks_mut::<2>();
        for ((pair, value), mask) in pairs.iter_mut().zip(value).zip(mask) {
            for ((word, value), mask) in pair.iter_mut().zip(widen(value)).zip(widen(mask)) {
                *word = samples16(word16(*word) & !mask | value);
            }
        }
    }

    #[inline(always)]
    fn within8(self, block: &[u8; BLOCK], stored: u8, low: u8, high: u8) -> u64 {
        fold_mask(block, |sample| (low..=high).contains(&(sample & stored)))
    }

    #[inline(always)]
    fn within16(self, block: &[u16; BLOCK], stored: u16, low: u16, high: u16) -> u64 {
        fold_mask(block, |sample| (low..=high).contains(&(sample & stored)))
    }

    #[inline(always)]
    fn deposit(self, mut bits: u64, mut mask: u64) -> u64 {
        if mask == !0 {
            return bits;
        }
        let mut deposited = 0;
        while mask != 0 {
            deposited |= (mask & mask.wrapping_neg()) * (bits & 1);
            bits >>= 1;
            mask &= mask - 1;
        }
        deposited
    }

    #[inline(always)]
    fn compress(self, bits: u64, mut mask: u64) -> u64 {
        if mask == !0 {
            return bits;
        }
        let (mut compressed, mut at) = (0, 0);
        while mask != 0 {
            compressed |= (bits >> mask.trailing_zeros() & 1) << at;
            at += 1;
            mask &= mask - 1;
        }
        compressed
    }
}

#[inline(always)]
fn fold_mask<S: Copy>(block: &[S; BLOCK], holds: impl Fn(S) -> bool) -> u64 {
    block
        .iter()
        .rev()
        .fold(0, |mask, &sample| mask << 1 | u64::from(holds(sample)))
}

//! The portable token: eight samples at a time in a 64-bit word (SWAR). Always available, without `unsafe`.

#![forbid(unsafe_code)]

use super::lanes::Plain;
use super::simd::{BLOCK, CHACHA, ChaCha, Ends, KEYSTREAM, Lane, QUARTERS, Simd};

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
    if K == 1 {
        // All eight in each lane, of which it keeps its own: a lane that is not zero then carries into its highest bit.
        let own = repeat(bits) & 0x8040_2010_0804_0201;
        return (((own & repeat(0x7f)) + repeat(0x7f)) | own) >> 7 & repeat(1);
    }
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

impl Portable {
    /// A bit for each sample of which it holds: as bytes first, which compilers know how to compare many at a time.
    #[inline(always)]
    fn mask<S: Copy>(self, block: &[S; BLOCK], holds: impl Fn(S) -> bool) -> u64 {
        let mut lanes = [0; BLOCK];
        for (lane, &sample) in lanes.iter_mut().zip(block) {
            *lane = u8::from(holds(sample));
        }
        let [bits] = self.gather(self.load8(&lanes));
        bits
    }
}

impl Simd for Portable {
    type Bytes = [u64; 8];
    type Narrow = Plain<u8>;
    type Wide = Plain<u16>;

    const ABREAST: bool = true;

    #[inline(always)]
    fn splat(self, value: u8) -> Self::Bytes {
        [repeat(u64::from(value)); 8]
    }

    #[inline(always)]
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        core::array::from_fn(|i| a[i] & b[i])
    }

    #[inline(always)]
    fn and_not(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        core::array::from_fn(|i| a[i] & !b[i])
    }

    #[inline(always)]
    fn xor(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        core::array::from_fn(|i| a[i] ^ b[i])
    }

    #[inline(always)]
    fn words_in(self, words: [u64; 8]) -> Self::Bytes {
        words
    }

    #[inline(always)]
    fn words_out(self, bytes: Self::Bytes) -> [u64; 8] {
        bytes
    }

    #[inline(always)]
    fn left<const N: i32>(self, words: Self::Bytes) -> Self::Bytes {
        words.map(|word| word << N)
    }

    #[inline(always)]
    fn right<const N: i32>(self, words: Self::Bytes) -> Self::Bytes {
        words.map(|word| word >> N)
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
    fn step8(self, block: &mut [u8; BLOCK], bits: u64, mask: u64, up: u64, ends: &Ends) {
        step(block, self.lowest8(block), [bits, mask, up], ends);
    }

    #[inline(always)]
    fn step16(self, block: &mut [u16; BLOCK], bits: u64, mask: u64, up: u64, ends: &Ends) {
        step(block, self.lowest16(block), [bits, mask, up], ends);
    }

    #[inline(always)]
    fn toggle8(self, block: &mut [u8; BLOCK], lanes: Self::Bytes) {
        let (words, _) = block.as_chunks_mut::<8>();
        for (word, lanes) in words.iter_mut().zip(lanes) {
            *word = (u64::from_le_bytes(*word) ^ lanes).to_le_bytes();
        }
    }

    #[inline(always)]
    fn toggle16(self, block: &mut [u16; BLOCK], lanes: Self::Bytes) {
        let (words, _) = block.as_chunks_mut::<4>();
        let (pairs, _) = words.as_chunks_mut::<2>();
        for (pair, lanes) in pairs.iter_mut().zip(lanes) {
            for (word, lanes) in pair.iter_mut().zip(widen(lanes)) {
                *word = samples16(word16(*word) ^ lanes);
            }
        }
    }

    fn chacha8(self, state: &ChaCha, counter: u64, blocks: &mut [u8; KEYSTREAM]) {
        let (quads, _) = blocks.as_chunks_mut::<256>();
        for (counter, quad) in (counter..).step_by(4).zip(quads) {
            chacha8(state, counter, quad);
        }
    }

    #[inline(always)]
    fn within8(self, block: &[u8; BLOCK], stored: u8, low: u8, high: u8) -> u64 {
        self.mask(block, |sample| (low..=high).contains(&(sample & stored)))
    }

    #[inline(always)]
    fn within16(self, block: &[u16; BLOCK], stored: u16, low: u16, high: u16) -> u64 {
        self.mask(block, |sample| (low..=high).contains(&(sample & stored)))
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

/// Of the samples whose lowest bit differs, each by one; `low` are the lowest bits.
#[inline(always)]
fn step<S: Lane>(block: &mut [S; BLOCK], low: u64, [bits, mask, up]: [u64; 3], ends: &Ends) {
    let mut differ = (low ^ bits) & mask;
    while differ != 0 {
        let at = differ.trailing_zeros() as usize;
        let sample = &mut block[at];
        *sample = ends.step(*sample, up >> at & 1 == 1);
        differ &= differ - 1;
    }
}

/// Four blocks of `ChaCha8` side by side: compilers know how to keep four lanes of 32 bits in one register.
fn chacha8(state: &ChaCha, counter: u64, quad: &mut [u8; 256]) {
    type Lanes = [u32; 4];
    let counters: [[u8; 8]; 4] =
        core::array::from_fn(|lane| (counter.wrapping_add(lane as u64)).to_le_bytes());
    let half =
        |from: usize| counters.map(|counter| u32::from_le_bytes(counter.as_chunks().0[from]));
    let mut start = [[0; 4]; 16];
    for (lanes, word) in start.iter_mut().zip(CHACHA.into_iter().chain(state.key)) {
        *lanes = [word; 4];
    }
    (start[12], start[13]) = (half(0), half(1));
    (start[14], start[15]) = ([state.nonce[0]; 4], [state.nonce[1]; 4]);
    let mut x = start;
    let mix = |x: &mut [Lanes; 16], to: usize, add: usize, rotated: usize, by: u32| {
        let (adding, mut sum) = (x[add], x[to]);
        for (sum, adding) in sum.iter_mut().zip(adding) {
            *sum = sum.wrapping_add(adding);
        }
        x[to] = sum;
        for (word, sum) in x[rotated].iter_mut().zip(sum) {
            *word = (*word ^ sum).rotate_left(by);
        }
    };
    for _ in 0..4 {
        for [a, b, c, d] in QUARTERS {
            mix(&mut x, a, b, d, 16);
            mix(&mut x, c, d, b, 12);
            mix(&mut x, a, b, d, 8);
            mix(&mut x, c, d, b, 7);
        }
    }
    let (blocks, _) = quad.as_chunks_mut::<64>();
    for (lane, block) in blocks.iter_mut().enumerate() {
        for ((word, x), start) in block.as_chunks_mut().0.iter_mut().zip(&x).zip(&start) {
            *word = x[lane].wrapping_add(start[lane]).to_le_bytes();
        }
    }
}

//! The token of AVX-512: F, BW, VL and VBMI, with BMI2 for PDEP and PEXT (Intel since Ice Lake, AMD since Zen 4).
//!
//! A block is one register of bytes, and 64 bits are a mask, so that most operations are one or two instructions.

use core::arch::x86_64::*;

use super::chacha::chacha8_avx512;
use super::{Narrow512, Wide512, ahead, crc32c};
use crate::arch::Task;
use crate::arch::simd::{BLOCK, ChaCha, Ends, KEYSTREAM, Simd};

/// The proof of AVX-512 F, BW, VL and VBMI, of BMI2 and POPCNT. Only `run_avx512` makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// Asks the CPU, or, without `std`, what the program was compiled for.
    pub(crate) fn found() -> bool {
        #[cfg(feature = "std")]
        let found = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512vbmi")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("popcnt");
        #[cfg(not(feature = "std"))]
        let found = cfg!(all(
            target_feature = "avx512f",
            target_feature = "avx512bw",
            target_feature = "avx512vl",
            target_feature = "avx512vbmi",
            target_feature = "bmi2",
            target_feature = "popcnt"
        ));
        found
    }
}

/// Runs the task with the token; the task is inlined here and so compiled for these instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,bmi2,popcnt")]
pub(crate) fn run_avx512<T: Task>(task: T) -> T::Output {
    task.run(Avx512(()))
}

/// Wraps value intrinsics of the features that the token proves.
macro_rules! avx512 {
    ($($body:tt)*) => {{
        // SAFETY: only functions compiled for AVX-512 F, BW, VL and VBMI, BMI2 and POPCNT make the token, and `self` is
        // one; the intrinsics within take and give values, or read and write references of exactly the bytes they touch.
        unsafe { $($body)* }
    }};
}

/// Brings `K` bytes, which hold eight lanes, to each word.
const fn bytes_of_words(each: usize) -> [u8; 64] {
    let mut index = [0; 64];
    let mut lane = 0;
    let mut word = 0u8;
    while lane < 64 {
        let byte = lane % 8;
        #[expect(clippy::cast_possible_truncation, reason = "below 8")]
        if byte < each {
            index[lane] = word * each as u8 + byte as u8;
        }
        lane += 1;
        if lane % 8 == 0 {
            word += 1;
        }
    }
    index
}

/// The first bit of each lane within its word.
const fn bits_of_lanes(each: u8) -> [u8; 64] {
    let mut shifts = [0; 64];
    let mut lane = 0;
    while lane < 64 {
        if lane % 8 > 0 {
            shifts[lane] = shifts[lane - 1] + each;
        }
        lane += 1;
    }
    shifts
}

/// The three low bytes of each word, without gaps.
const THREE_OF_EIGHT: [u8; 64] = {
    let mut index = [0; 64];
    let (mut at, mut from) = (0, 0);
    while at < 24 {
        index[at] = from;
        from += if at % 3 == 2 { 6 } else { 1 };
        at += 1;
    }
    index
};

impl Avx512 {
    #[inline(always)]
    fn load(self, bytes: &[u8; 64]) -> __m512i {
        avx512!(_mm512_loadu_si512(bytes.as_ptr().cast()))
    }

    /// In halves: a whole one nearly always crosses a line of the cache, and took 1.5 times as long on Zen 4.
    #[inline(always)]
    fn store(self, bytes: &mut [u8; 64], value: __m512i) {
        let (halves, _) = bytes.as_chunks_mut::<32>();
        avx512!(
            _mm256_storeu_si256(halves[0].as_mut_ptr().cast(), _mm512_castsi512_si256(value));
            _mm256_storeu_si256(halves[1].as_mut_ptr().cast(), _mm512_extracti64x4_epi64::<1>(value));
        );
    }

    #[inline(always)]
    fn load_words(self, words: &[u16; 32]) -> __m512i {
        avx512!(_mm512_loadu_si512(words.as_ptr().cast()))
    }

    /// As `store`.
    #[inline(always)]
    fn store_words(self, words: &mut [u16; 32], value: __m512i) {
        let (halves, _) = words.as_chunks_mut::<16>();
        avx512!(
            _mm256_storeu_si256(halves[0].as_mut_ptr().cast(), _mm512_castsi512_si256(value));
            _mm256_storeu_si256(halves[1].as_mut_ptr().cast(), _mm512_extracti64x4_epi64::<1>(value));
        );
    }

    #[inline(always)]
    fn first<const K: usize>(self, words: __m512i) -> [u64; K] {
        let words = self.words_out(words);
        core::array::from_fn(|word| words[word])
    }

    #[inline(always)]
    fn bytes(self, value: u8) -> __m512i {
        avx512!(_mm512_set1_epi8(value.cast_signed()))
    }

    #[inline(always)]
    fn words(self, value: u16) -> __m512i {
        avx512!(_mm512_set1_epi16(value.cast_signed()))
    }
}

/// The 32 bits of each half.
#[inline(always)]
const fn halves(bits: u64) -> [u32; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "halves")]
    [bits as u32, (bits >> 32) as u32]
}

/// The low half first.
#[inline(always)]
fn join([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

impl Simd for Avx512 {
    type Bytes = __m512i;
    type Narrow = Narrow512;
    type Wide = Wide512;

    #[inline(always)]
    fn splat(self, value: u8) -> Self::Bytes {
        self.bytes(value)
    }

    #[inline(always)]
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        avx512!(_mm512_and_si512(a, b))
    }

    #[inline(always)]
    fn and_not(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        avx512!(_mm512_andnot_si512(b, a))
    }

    #[inline(always)]
    fn xor(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        avx512!(_mm512_xor_si512(a, b))
    }

    #[inline(always)]
    fn words_in(self, words: [u64; 8]) -> Self::Bytes {
        avx512!(_mm512_loadu_si512(words.as_ptr().cast()))
    }

    #[inline(always)]
    fn words_out(self, bytes: Self::Bytes) -> [u64; 8] {
        let mut words = [0; 8];
        avx512!(_mm512_storeu_si512(words.as_mut_ptr().cast(), bytes));
        words
    }

    #[inline(always)]
    fn ahead<S>(self, block: &[S; BLOCK]) {
        ahead(block);
    }

    #[inline(always)]
    fn left<const N: i32>(self, words: Self::Bytes) -> Self::Bytes {
        avx512!(_mm512_sll_epi64(words, _mm_cvtsi32_si128(N)))
    }

    #[inline(always)]
    fn right<const N: i32>(self, words: Self::Bytes) -> Self::Bytes {
        avx512!(_mm512_srl_epi64(words, _mm_cvtsi32_si128(N)))
    }

    #[inline(always)]
    fn spread<const K: usize>(self, payload: [u64; K]) -> Self::Bytes {
        if K == 1 {
            return self.select(payload[0], 1);
        }
        let words = core::array::from_fn(|word| if word < K { payload[word] } else { 0 });
        let (index, shifts, mask) = match K {
            2 => const { (bytes_of_words(2), bits_of_lanes(2), 3) },
            3 => const { (bytes_of_words(3), bits_of_lanes(3), 7) },
            _ => const { (bytes_of_words(4), bits_of_lanes(4), 15) },
        };
        avx512!(
            let words = _mm512_permutexvar_epi8(self.load(&index), self.words_in(words));
            let lanes = _mm512_multishift_epi64_epi8(self.load(&shifts), words);
            _mm512_and_si512(lanes, self.bytes(mask))
        )
    }

    #[inline(always)]
    fn gather<const K: usize>(self, lanes: Self::Bytes) -> [u64; K] {
        avx512!(match K {
            1 => [_mm512_test_epi8_mask(lanes, self.bytes(1)); K],
            2 => {
                let bits = _mm512_and_si512(lanes, self.bytes(3));
                let bits = _mm512_maddubs_epi16(bits, self.words(0x0401));
                let bits = _mm512_madd_epi16(bits, _mm512_set1_epi32(0x0010_0001));
                let bytes = _mm512_castsi128_si512(_mm512_cvtepi32_epi8(bits));
                self.first(bytes)
            }
            3 => {
                let bits = _mm512_and_si512(lanes, self.bytes(7));
                let bits = _mm512_maddubs_epi16(bits, self.words(0x0801));
                let bits = _mm512_madd_epi16(bits, _mm512_set1_epi32(0x0040_0001));
                let bits = _mm512_or_si512(bits, _mm512_srli_epi64::<20>(bits));
                self.first(_mm512_permutexvar_epi8(self.load(&THREE_OF_EIGHT), bits))
            }
            _ => {
                let bits = _mm512_and_si512(lanes, self.bytes(15));
                let bits = _mm512_maddubs_epi16(bits, self.words(0x1001));
                self.first(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(bits)))
            }
        })
    }

    #[inline(always)]
    fn select(self, mask: u64, value: u8) -> Self::Bytes {
        avx512!(_mm512_maskz_mov_epi8(mask, self.bytes(value)))
    }

    #[inline(always)]
    fn load8(self, block: &[u8; BLOCK]) -> Self::Bytes {
        self.load(block)
    }

    #[inline(always)]
    fn load16(self, block: &[u16; BLOCK]) -> Self::Bytes {
        let (parts, _) = block.as_chunks::<32>();
        avx512!(
            let low = _mm512_cvtepi16_epi8(self.load_words(&parts[0]));
            let high = _mm512_cvtepi16_epi8(self.load_words(&parts[1]));
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
        )
    }

    #[inline(always)]
    fn insert8(self, block: &mut [u8; BLOCK], value: Self::Bytes, mask: Self::Bytes) {
        // sample & !mask | value
        let samples = avx512!(_mm512_ternarylogic_epi64::<0xba>(
            self.load(block),
            mask,
            value
        ));
        self.store(block, samples);
    }

    #[inline(always)]
    fn insert16(self, block: &mut [u16; BLOCK], value: Self::Bytes, mask: Self::Bytes) {
        let (parts, _) = block.as_chunks_mut::<32>();
        let (value, mask) = (self.widen(value), self.widen(mask));
        for ((part, value), mask) in parts.iter_mut().zip(value).zip(mask) {
            let samples = avx512!(_mm512_ternarylogic_epi64::<0xba>(
                self.load_words(part),
                mask,
                value
            ));
            self.store_words(part, samples);
        }
    }

    #[inline(always)]
    fn replace16(self, block: &mut [u16; BLOCK], payload: u64) {
        let (parts, _) = block.as_chunks_mut::<32>();
        for (part, bits) in parts.iter_mut().zip(halves(payload)) {
            let one = self.words(1);
            let samples = avx512!(_mm512_ternarylogic_epi64::<0xba>(
                self.load_words(part),
                one,
                _mm512_maskz_mov_epi16(bits, one)
            ));
            self.store_words(part, samples);
        }
    }

    #[inline(always)]
    fn replace_some8(self, block: &mut [u8; BLOCK], bits: u64, mask: u64) {
        let differ = (self.lowest8(block) ^ bits) & mask;
        self.toggle8(block, self.select(differ, 1));
    }

    #[inline(always)]
    fn replace_some16(self, block: &mut [u16; BLOCK], bits: u64, mask: u64) {
        let differ = (self.lowest16(block) ^ bits) & mask;
        let (parts, _) = block.as_chunks_mut::<32>();
        for (part, differ) in parts.iter_mut().zip(halves(differ)) {
            let samples = avx512!(_mm512_xor_si512(
                self.load_words(part),
                _mm512_maskz_mov_epi16(differ, self.words(1))
            ));
            self.store_words(part, samples);
        }
    }

    #[inline(always)]
    fn lowest16(self, block: &[u16; BLOCK]) -> u64 {
        let (parts, _) = block.as_chunks::<32>();
        // Each by itself: a closure within `map` may become a call, which took ten times as long.
        let [low, high] = [self.load_words(&parts[0]), self.load_words(&parts[1])];
        let one = self.words(1);
        avx512!(join([
            _mm512_test_epi16_mask(low, one),
            _mm512_test_epi16_mask(high, one),
        ]))
    }

    #[inline(always)]
    fn step8(self, block: &mut [u8; BLOCK], bits: u64, mask: u64, up: u64, ends: &Ends) {
        let samples = self.load(block);
        let splat = |value: u16| self.bytes(value.to_le_bytes()[0]);
        let stepped = avx512!(
            let differ = (_mm512_test_epi8_mask(samples, self.bytes(1)) ^ bits) & mask;
            let value = _mm512_and_si512(samples, splat(ends.stored));
            let equal = |end: u16| _mm512_cmpeq_epi8_mask(value, splat(end));
            let [mut low, mut high] = [equal(ends.low[0]), equal(ends.high[0])];
            if ends.reserved() {
                low |= equal(ends.low[1]);
                high |= equal(ends.high[1]);
            }
            let up = up & !high | low;
            let one = self.bytes(1);
            let samples = _mm512_mask_add_epi8(samples, differ & up, samples, one);
            _mm512_mask_sub_epi8(samples, differ & !up, samples, one)
        );
        self.store(block, stepped);
    }

    #[inline(always)]
    fn step16(self, block: &mut [u16; BLOCK], bits: u64, mask: u64, up: u64, ends: &Ends) {
        let (parts, _) = block.as_chunks_mut::<32>();
        let [bits, mask, up] = [bits, mask, up].map(halves);
        for (half, part) in parts.iter_mut().enumerate() {
            let samples = self.load_words(part);
            let stepped = avx512!(
                let one = self.words(1);
                let differ = (_mm512_test_epi16_mask(samples, one) ^ bits[half]) & mask[half];
                let value = _mm512_and_si512(samples, self.words(ends.stored));
                let equal = |end: u16| _mm512_cmpeq_epi16_mask(value, self.words(end));
                let low = equal(ends.low[0]) | equal(ends.low[1]);
                let high = equal(ends.high[0]) | equal(ends.high[1]);
                let up = up[half] & !high | low;
                let samples = _mm512_mask_add_epi16(samples, differ & up, samples, one);
                _mm512_mask_sub_epi16(samples, differ & !up, samples, one)
            );
            self.store_words(part, stepped);
        }
    }

    #[inline(always)]
    fn toggle8(self, block: &mut [u8; BLOCK], lanes: Self::Bytes) {
        let samples = self.xor(self.load(block), lanes);
        self.store(block, samples);
    }

    #[inline(always)]
    fn toggle16(self, block: &mut [u16; BLOCK], lanes: Self::Bytes) {
        let (parts, _) = block.as_chunks_mut::<32>();
        for (part, lanes) in parts.iter_mut().zip(self.widen(lanes)) {
            let samples = self.xor(self.load_words(part), lanes);
            self.store_words(part, samples);
        }
    }

    #[inline(always)]
    fn chacha8(self, state: &ChaCha, counter: u64, blocks: &mut [u8; KEYSTREAM]) {
        avx512!(chacha8_avx512(state, counter, blocks));
    }

    #[inline(always)]
    fn crc32c(self, state: u32, bytes: &[u8]) -> u32 {
        avx512!(crc32c(state, bytes))
    }

    #[inline(always)]
    fn within8(self, block: &[u8; BLOCK], stored: u8, low: u8, high: u8) -> u64 {
        avx512!(
            let value = _mm512_and_si512(self.load(block), self.bytes(stored));
            _mm512_cmpge_epu8_mask(value, self.bytes(low)) & _mm512_cmple_epu8_mask(value, self.bytes(high))
        )
    }

    #[inline(always)]
    fn within16(self, block: &[u16; BLOCK], stored: u16, low: u16, high: u16) -> u64 {
        let (parts, _) = block.as_chunks::<32>();
        let (stored, low, high) = (self.words(stored), self.words(low), self.words(high));
        avx512!(
            let a = _mm512_and_si512(self.load_words(&parts[0]), stored);
            let b = _mm512_and_si512(self.load_words(&parts[1]), stored);
            join([
                _mm512_cmpge_epu16_mask(a, low) & _mm512_cmple_epu16_mask(a, high),
                _mm512_cmpge_epu16_mask(b, low) & _mm512_cmple_epu16_mask(b, high),
            ])
        )
    }

    #[inline(always)]
    fn deposit(self, bits: u64, mask: u64) -> u64 {
        avx512!(_pdep_u64(bits, mask))
    }

    #[inline(always)]
    fn compress(self, bits: u64, mask: u64) -> u64 {
        avx512!(_pext_u64(bits, mask))
    }
}

impl Avx512 {
    /// 64 lanes to two times 32 of sixteen bits.
    #[inline(always)]
    fn widen(self, lanes: __m512i) -> [__m512i; 2] {
        avx512!([
            _mm512_cvtepu8_epi16(_mm512_castsi512_si256(lanes)),
            _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(lanes)),
        ])
    }
}

//! The token of AVX2, with BMI2 for PDEP and PEXT.
//!
//! Those two are slow on AMD before Zen 3, and right. No level is chosen by it: what carries in every sample uses neither, and
//! what uses them (masks of samples, the keyed path, the reversible scheme) was never measured on such a machine by us.

use core::arch::x86_64::*;

use super::chacha::chacha8_avx2;
use super::{Narrow256, Wide256, ahead, crc32c};
use crate::arch::Task;
use crate::arch::simd::{BLOCK, ChaCha, Ends, KEYSTREAM, Simd};

/// The proof of AVX2, BMI2 and POPCNT. Only `run_avx2` makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Asks the CPU, or, without `std`, what the program was compiled for.
    pub(crate) fn found() -> bool {
        #[cfg(feature = "std")]
        let found = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("popcnt");
        #[cfg(not(feature = "std"))]
        let found = cfg!(all(
            target_feature = "avx2",
            target_feature = "bmi2",
            target_feature = "popcnt"
        ));
        found
    }
}

/// Runs the task with the token; the task is inlined here and so compiled for these instructions.
#[target_feature(enable = "avx2,bmi2,popcnt")]
pub(crate) fn run_avx2<T: Task>(task: T) -> T::Output {
    task.run(Avx2(()))
}

/// Wraps value intrinsics of the features that the token proves.
macro_rules! avx2 {
    ($($body:tt)*) => {{
        // SAFETY: only functions compiled for AVX2, BMI2 and POPCNT make the token, and `self` is one; the intrinsics
        // within take and give values, or read and write references of exactly the bytes they touch.
        unsafe { $($body)* }
    }};
}

/// Brings byte `j / each` of eight, from `first` on, to lane `j`.
const fn index(first: i8, each: usize) -> [i8; 32] {
    let mut index = [first; 32];
    let mut lane = each;
    while lane < 32 {
        index[lane] = index[lane - each] + 1;
        lane += 1;
    }
    index
}

/// Brings bytes `first` and `first + 1` to every lane of sixteen bits.
const fn pair(first: i8) -> [i8; 32] {
    let mut index = [first; 32];
    let mut lane = 1;
    while lane < 32 {
        index[lane] = first + 1;
        lane += 2;
    }
    index
}

impl Avx2 {
    #[inline(always)]
    fn set(self, bytes: [i8; 32]) -> __m256i {
        avx2!(_mm256_loadu_si256(bytes.as_ptr().cast()))
    }

    #[inline(always)]
    fn load(self, bytes: &[u8; 32]) -> __m256i {
        avx2!(_mm256_loadu_si256(bytes.as_ptr().cast()))
    }

    #[inline(always)]
    fn store(self, bytes: &mut [u8; 32], value: __m256i) {
        avx2!(_mm256_storeu_si256(bytes.as_mut_ptr().cast(), value));
    }

    #[inline(always)]
    fn load_words(self, words: &[u16; 16]) -> __m256i {
        avx2!(_mm256_loadu_si256(words.as_ptr().cast()))
    }

    #[inline(always)]
    fn store_words(self, words: &mut [u16; 16], value: __m256i) {
        avx2!(_mm256_storeu_si256(words.as_mut_ptr().cast(), value));
    }

    /// Eight bytes, four times: one load, from which each part of a block takes its own.
    #[inline(always)]
    fn broadcast(self, payload: u64) -> __m256i {
        avx2!(_mm256_set1_epi64x(payload.cast_signed()))
    }

    /// Lanes of 0xff where the bit is set, else 0; the index says where the 32 bits begin.
    #[inline(always)]
    fn lanes(self, payload: __m256i, index: [i8; 32]) -> __m256i {
        avx2!(
            let bytes = _mm256_shuffle_epi8(payload, self.set(index));
            let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
            _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit)
        )
    }

    /// As `lanes`, for sixteen lanes of sixteen bits.
    #[inline(always)]
    fn word_lanes(self, payload: __m256i, index: [i8; 32]) -> __m256i {
        avx2!(
            let bit = _mm256_setr_epi16(
                1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, -32768,
            );
            let bits = _mm256_shuffle_epi8(payload, self.set(index));
            _mm256_cmpeq_epi16(_mm256_and_si256(bits, bit), bit)
        )
    }

    /// 12 bytes to 32 lanes of three bits.
    #[inline(always)]
    fn spread3(self, low: u64, high: u64) -> __m256i {
        avx2!(
            let bytes = _mm256_broadcastsi128_si256(_mm_set_epi64x(high.cast_signed(), low.cast_signed()));
            let bits = _mm256_shuffle_epi8(bytes, _mm256_setr_epi8(
                0, 1, 2, -1, -1, -1, -1, -1, 3, 4, 5, -1, -1, -1, -1, -1,
                6, 7, 8, -1, -1, -1, -1, -1, 9, 10, 11, -1, -1, -1, -1, -1,
            ));
            let bits = _mm256_or_si256(bits, _mm256_slli_epi64::<20>(bits));
            let bits = _mm256_and_si256(bits, _mm256_set1_epi32(0xfff));
            let bits = _mm256_or_si256(bits, _mm256_slli_epi64::<10>(bits));
            let bits = _mm256_and_si256(bits, _mm256_set1_epi16(0x3f));
            let bits = _mm256_or_si256(bits, _mm256_slli_epi64::<5>(bits));
            _mm256_and_si256(bits, _mm256_set1_epi8(7))
        )
    }

    /// 8 bytes to 32 lanes of two bits.
    #[inline(always)]
    fn spread2(self, word: u64) -> __m256i {
        avx2!(
            let bits = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(word.cast_signed()));
            let bits = _mm256_or_si256(bits, _mm256_slli_epi32::<12>(bits));
            let bits = _mm256_and_si256(bits, _mm256_set1_epi32(0x000f_000f));
            let bits = _mm256_or_si256(bits, _mm256_slli_epi32::<6>(bits));
            _mm256_and_si256(bits, _mm256_set1_epi8(3))
        )
    }

    /// 16 bytes to 32 lanes of four bits.
    #[inline(always)]
    fn spread4(self, low: u64, high: u64) -> __m256i {
        avx2!(
            let bits = _mm256_cvtepu8_epi16(_mm_set_epi64x(high.cast_signed(), low.cast_signed()));
            let bits = _mm256_or_si256(bits, _mm256_slli_epi16::<4>(bits));
            _mm256_and_si256(bits, _mm256_set1_epi8(15))
        )
    }

    /// 32 lanes, of whom bit 0 counts, to 32 bits.
    #[inline(always)]
    fn gather1(self, lanes: __m256i) -> u64 {
        avx2!(self.signs(_mm256_slli_epi16::<7>(lanes)))
    }

    /// The highest bits of 32 lanes.
    #[inline(always)]
    fn signs(self, lanes: __m256i) -> u64 {
        avx2!(u64::from(_mm256_movemask_epi8(lanes).cast_unsigned()))
    }

    /// 32 lanes of two bits to 8 bytes.
    #[inline(always)]
    fn gather2(self, lanes: __m256i) -> u64 {
        avx2!(
            let bits = _mm256_and_si256(lanes, _mm256_set1_epi8(3));
            let bits = _mm256_maddubs_epi16(bits, _mm256_set1_epi16(0x0401));
            let bits = _mm256_madd_epi16(bits, _mm256_set1_epi32(0x0010_0001));
            let bytes = _mm256_shuffle_epi8(bits, _mm256_setr_epi8(
                0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                -1, -1, -1, -1, 0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1,
            ));
            let bytes = _mm_or_si128(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
            _mm_cvtsi128_si64(bytes).cast_unsigned()
        )
    }

    /// 32 lanes of three bits to 48 + 48 bits.
    #[inline(always)]
    fn gather3(self, lanes: __m256i) -> [u64; 2] {
        avx2!(
            let bits = _mm256_and_si256(lanes, _mm256_set1_epi8(7));
            let bits = _mm256_maddubs_epi16(bits, _mm256_set1_epi16(0x0801));
            let bits = _mm256_madd_epi16(bits, _mm256_set1_epi32(0x0040_0001));
            let bits = _mm256_or_si256(bits, _mm256_srli_epi64::<20>(bits));
            let bytes = _mm256_shuffle_epi8(bits, _mm256_setr_epi8(
                0, 1, 2, 8, 9, 10, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                0, 1, 2, 8, 9, 10, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
            ));
            [
                _mm256_extract_epi64::<0>(bytes).cast_unsigned(),
                _mm256_extract_epi64::<2>(bytes).cast_unsigned(),
            ]
        )
    }

    /// 64 lanes of four bits to 32 bytes.
    #[inline(always)]
    fn gather4(self, [a, b]: [__m256i; 2]) -> [u64; 4] {
        avx2!(
            let half = |lanes| {
                let bits = _mm256_and_si256(lanes, _mm256_set1_epi8(15));
                _mm256_maddubs_epi16(bits, _mm256_set1_epi16(0x1001))
            };
            let bytes = self.narrow(half(a), half(b));
            [
                _mm256_extract_epi64::<0>(bytes).cast_unsigned(),
                _mm256_extract_epi64::<1>(bytes).cast_unsigned(),
                _mm256_extract_epi64::<2>(bytes).cast_unsigned(),
                _mm256_extract_epi64::<3>(bytes).cast_unsigned(),
            ]
        )
    }

    /// 32 lanes of sixteen bits, none above 255, to bytes.
    #[inline(always)]
    fn narrow(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_permute4x64_epi64::<0b11_01_10_00>(
            _mm256_packus_epi16(a, b)
        ))
    }

    /// 32 lanes to two times 16 of sixteen bits.
    #[inline(always)]
    fn widen(self, lanes: __m256i) -> [__m256i; 2] {
        avx2!([
            _mm256_cvtepu8_epi16(_mm256_castsi256_si128(lanes)),
            _mm256_cvtepu8_epi16(_mm256_extracti128_si256::<1>(lanes)),
        ])
    }

    #[inline(always)]
    fn replace(self, samples: __m256i, value: __m256i, mask: __m256i) -> __m256i {
        avx2!(_mm256_or_si256(_mm256_andnot_si256(mask, samples), value))
    }

    /// The low bytes of sixteen words, in words.
    #[inline(always)]
    fn low_bytes(self, words: &[u16; 16]) -> __m256i {
        avx2!(_mm256_and_si256(
            self.load_words(words),
            _mm256_set1_epi16(0xff)
        ))
    }

    /// A bit for each lane that is at least `low` and at most `high` after `& stored`.
    #[inline(always)]
    fn within_bytes(self, lanes: __m256i, [stored, low, high]: [__m256i; 3]) -> u64 {
        avx2!(
            let lanes = _mm256_and_si256(lanes, stored);
            self.signs(_mm256_and_si256(
                _mm256_cmpeq_epi8(_mm256_max_epu8(lanes, low), lanes),
                _mm256_cmpeq_epi8(_mm256_min_epu8(lanes, high), lanes),
            ))
        )
    }

    /// 0xffff where a lane is at least `low` and at most `high` after `& stored`.
    #[inline(always)]
    fn within_words(self, words: &[u16; 16], [stored, low, high]: [__m256i; 3]) -> __m256i {
        avx2!(
            let words = _mm256_and_si256(self.load_words(words), stored);
            _mm256_and_si256(
                _mm256_cmpeq_epi16(_mm256_max_epu16(words, low), words),
                _mm256_cmpeq_epi16(_mm256_min_epu16(words, high), words),
            )
        )
    }

    /// A bit for each of 32 such lanes.
    #[inline(always)]
    fn within_pair(self, [a, b]: &[[u16; 16]; 2], limits: [__m256i; 3]) -> u64 {
        avx2!(
            let lanes = _mm256_packs_epi16(self.within_words(a, limits), self.within_words(b, limits));
            self.signs(_mm256_permute4x64_epi64::<0b11_01_10_00>(lanes))
        )
    }
}

/// The low half first.
#[inline(always)]
const fn join(low: u64, high: u64) -> u64 {
    low | high << 32
}

impl Simd for Avx2 {
    type Bytes = [__m256i; 2];
    type Narrow = Narrow256;
    type Wide = Wide256;

    #[inline(always)]
    fn splat(self, value: u8) -> Self::Bytes {
        avx2!([_mm256_set1_epi8(value.cast_signed()); 2])
    }

    #[inline(always)]
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        avx2!([_mm256_and_si256(a[0], b[0]), _mm256_and_si256(a[1], b[1])])
    }

    #[inline(always)]
    fn and_not(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        avx2!([
            _mm256_andnot_si256(b[0], a[0]),
            _mm256_andnot_si256(b[1], a[1])
        ])
    }

    #[inline(always)]
    fn xor(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        avx2!([_mm256_xor_si256(a[0], b[0]), _mm256_xor_si256(a[1], b[1])])
    }

    #[inline(always)]
    fn words_in(self, words: [u64; 8]) -> Self::Bytes {
        let [a, b, c, d, e, f, g, h] = words.map(u64::cast_signed);
        avx2!([
            _mm256_setr_epi64x(a, b, c, d),
            _mm256_setr_epi64x(e, f, g, h)
        ])
    }

    #[inline(always)]
    fn words_out(self, bytes: Self::Bytes) -> [u64; 8] {
        let mut words = [0; 8];
        let (halves, _) = words.as_chunks_mut::<4>();
        avx2!(
            _mm256_storeu_si256(halves[0].as_mut_ptr().cast(), bytes[0]);
            _mm256_storeu_si256(halves[1].as_mut_ptr().cast(), bytes[1]);
        );
        words
    }

    #[inline(always)]
    fn ahead<S>(self, block: &[S; BLOCK]) {
        ahead(block);
    }

    #[inline(always)]
    fn left<const N: i32>(self, words: Self::Bytes) -> Self::Bytes {
        avx2!([
            _mm256_slli_epi64::<N>(words[0]),
            _mm256_slli_epi64::<N>(words[1])
        ])
    }

    #[inline(always)]
    fn right<const N: i32>(self, words: Self::Bytes) -> Self::Bytes {
        avx2!([
            _mm256_srli_epi64::<N>(words[0]),
            _mm256_srli_epi64::<N>(words[1])
        ])
    }

    #[inline(always)]
    fn spread<const K: usize>(self, payload: [u64; K]) -> Self::Bytes {
        match K {
            1 => self.select(payload[0], 1),
            2 => [self.spread2(payload[0]), self.spread2(payload[1])],
            3 => [
                self.spread3(payload[0], payload[1]),
                self.spread3(payload[1] >> 32 | payload[2] << 32, payload[2] >> 32),
            ],
            _ => [
                self.spread4(payload[0], payload[1]),
                self.spread4(payload[2], payload[3]),
            ],
        }
    }

    #[inline(always)]
    fn gather<const K: usize>(self, lanes: Self::Bytes) -> [u64; K] {
        let [low, high] = lanes;
        let mut payload = [0; K];
        match K {
            1 => payload[0] = join(self.gather1(low), self.gather1(high)),
            2 => payload.copy_from_slice(&[self.gather2(low), self.gather2(high)]),
            3 => {
                let ([a, b], [c, d]) = (self.gather3(low), self.gather3(high));
                payload.copy_from_slice(&[a | b << 48, b >> 16 | c << 32, c >> 32 | d << 16]);
            }
            _ => payload.copy_from_slice(&self.gather4(lanes)),
        }
        payload
    }

    #[inline(always)]
    fn select(self, mask: u64, value: u8) -> Self::Bytes {
        let mask = self.broadcast(mask);
        let lanes = [
            self.lanes(mask, const { index(0, 8) }),
            self.lanes(mask, const { index(4, 8) }),
        ];
        self.and(lanes, self.splat(value))
    }

    #[inline(always)]
    fn load8(self, block: &[u8; BLOCK]) -> Self::Bytes {
        let (parts, _) = block.as_chunks::<32>();
        [self.load(&parts[0]), self.load(&parts[1])]
    }

    #[inline(always)]
    fn load16(self, block: &[u16; BLOCK]) -> Self::Bytes {
        let (parts, _) = block.as_chunks::<16>();
        [
            self.narrow(self.low_bytes(&parts[0]), self.low_bytes(&parts[1])),
            self.narrow(self.low_bytes(&parts[2]), self.low_bytes(&parts[3])),
        ]
    }

    #[inline(always)]
    fn insert8(self, block: &mut [u8; BLOCK], value: Self::Bytes, mask: Self::Bytes) {
        let (parts, _) = block.as_chunks_mut::<32>();
        for ((part, value), mask) in parts.iter_mut().zip(value).zip(mask) {
            self.store(part, self.replace(self.load(part), value, mask));
        }
    }

    #[inline(always)]
    fn insert16(self, block: &mut [u16; BLOCK], value: Self::Bytes, mask: Self::Bytes) {
        let (parts, _) = block.as_chunks_mut::<16>();
        let (pairs, _) = parts.as_chunks_mut::<2>();
        for ((pair, value), mask) in pairs.iter_mut().zip(value).zip(mask) {
            let lanes = self.widen(value).into_iter().zip(self.widen(mask));
            for (part, (value, mask)) in pair.iter_mut().zip(lanes) {
                self.store_words(part, self.replace(self.load_words(part), value, mask));
            }
        }
    }

    #[inline(always)]
    fn replace8(self, block: &mut [u8; BLOCK], payload: u64) {
        let payload = self.broadcast(payload);
        let (parts, _) = block.as_chunks_mut::<32>();
        for (part, index) in parts
            .iter_mut()
            .zip([const { index(0, 8) }, const { index(4, 8) }])
        {
            let (samples, set) = (self.load(part), self.lanes(payload, index));
            // A set lane is -1: subtracted from a sample whose lowest bit is cleared, it sets the bit.
            let samples = avx2!(_mm256_and_si256(samples, _mm256_set1_epi8(-2)));
            self.store(part, avx2!(_mm256_sub_epi8(samples, set)));
        }
    }

    #[inline(always)]
    fn replace16(self, block: &mut [u16; BLOCK], payload: u64) {
        let payload = self.broadcast(payload);
        let (parts, _) = block.as_chunks_mut::<16>();
        for (part, index) in parts
            .iter_mut()
            .zip(const { [pair(0), pair(2), pair(4), pair(6)] })
        {
            let samples = self.load_words(part);
            let samples = avx2!(
                let set = self.word_lanes(payload, index);
                _mm256_sub_epi16(_mm256_and_si256(samples, _mm256_set1_epi16(-2)), set)
            );
            self.store_words(part, samples);
        }
    }

    #[inline(always)]
    fn replace_some8(self, block: &mut [u8; BLOCK], bits: u64, mask: u64) {
        let differ = self.broadcast((self.lowest8(block) ^ bits) & mask);
        let (parts, _) = block.as_chunks_mut::<32>();
        for (part, index) in parts
            .iter_mut()
            .zip([const { index(0, 8) }, const { index(4, 8) }])
        {
            let differ = self.lanes(differ, index);
            let samples = avx2!(_mm256_xor_si256(
                self.load(part),
                _mm256_and_si256(differ, _mm256_set1_epi8(1))
            ));
            self.store(part, samples);
        }
    }

    #[inline(always)]
    fn step8(self, block: &mut [u8; BLOCK], bits: u64, mask: u64, up: u64, ends: &Ends) {
        let (bits, up, some) = (
            self.broadcast(bits),
            self.broadcast(up),
            self.broadcast(mask),
        );
        let splat = |value: u16| avx2!(_mm256_set1_epi8(value.to_le_bytes()[0].cast_signed()));
        let (parts, _) = block.as_chunks_mut::<32>();
        for (part, index) in parts
            .iter_mut()
            .zip([const { index(0, 8) }, const { index(4, 8) }])
        {
            let (samples, bits, up) = (
                self.load(part),
                self.lanes(bits, index),
                self.lanes(up, index),
            );
            let stepped = avx2!(
                // 1 where a sample is to be another.
                let differ = _mm256_and_si256(_mm256_xor_si256(samples, bits), _mm256_set1_epi8(1));
                let differ = if mask == !0 {
                    differ
                } else {
                    _mm256_and_si256(differ, self.lanes(some, index))
                };
                let value = _mm256_and_si256(samples, splat(ends.stored));
                let up = if ends.reserved() {
                    let equal = |end: [u16; 2]| _mm256_or_si256(
                        _mm256_cmpeq_epi8(value, splat(end[0])),
                        _mm256_cmpeq_epi8(value, splat(end[1])),
                    );
                    _mm256_or_si256(_mm256_andnot_si256(equal(ends.high), up), equal(ends.low))
                } else {
                    // The only ends are 0 and the peak, and the peak is all stored bits.
                    let end = _mm256_and_si256(up, splat(ends.stored));
                    _mm256_xor_si256(up, _mm256_cmpeq_epi8(value, end))
                };
                // -1 where up, else 1: what is subtracted.
                let step = _mm256_or_si256(up, _mm256_set1_epi8(1));
                _mm256_sub_epi8(samples, _mm256_sign_epi8(differ, step))
            );
            self.store(part, stepped);
        }
    }

    #[inline(always)]
    fn step16(self, block: &mut [u16; BLOCK], bits: u64, mask: u64, up: u64, ends: &Ends) {
        let (bits, up, some) = (
            self.broadcast(bits),
            self.broadcast(up),
            self.broadcast(mask),
        );
        let splat = |value: u16| avx2!(_mm256_set1_epi16(value.cast_signed()));
        let (parts, _) = block.as_chunks_mut::<16>();
        for (part, index) in parts
            .iter_mut()
            .zip(const { [pair(0), pair(2), pair(4), pair(6)] })
        {
            let samples = self.load_words(part);
            let stepped = avx2!(
                let [bits, up] = [self.word_lanes(bits, index), self.word_lanes(up, index)];
                let differ = _mm256_and_si256(_mm256_xor_si256(samples, bits), _mm256_set1_epi16(1));
                let differ = if mask == !0 {
                    differ
                } else {
                    _mm256_and_si256(differ, self.word_lanes(some, index))
                };
                let value = _mm256_and_si256(samples, splat(ends.stored));
                let equal = |end: [u16; 2]| _mm256_or_si256(
                    _mm256_cmpeq_epi16(value, splat(end[0])),
                    _mm256_cmpeq_epi16(value, splat(end[1])),
                );
                let up = _mm256_or_si256(_mm256_andnot_si256(equal(ends.high), up), equal(ends.low));
                let step = _mm256_or_si256(up, _mm256_set1_epi16(1));
                _mm256_sub_epi16(samples, _mm256_sign_epi16(differ, step))
            );
            self.store_words(part, stepped);
        }
    }

    #[inline(always)]
    fn toggle8(self, block: &mut [u8; BLOCK], lanes: Self::Bytes) {
        let (parts, _) = block.as_chunks_mut::<32>();
        for (part, lanes) in parts.iter_mut().zip(lanes) {
            self.store(part, avx2!(_mm256_xor_si256(self.load(part), lanes)));
        }
    }

    #[inline(always)]
    fn toggle16(self, block: &mut [u16; BLOCK], lanes: Self::Bytes) {
        let (parts, _) = block.as_chunks_mut::<16>();
        let (pairs, _) = parts.as_chunks_mut::<2>();
        for (pair, lanes) in pairs.iter_mut().zip(lanes) {
            for (part, lanes) in pair.iter_mut().zip(self.widen(lanes)) {
                self.store_words(part, avx2!(_mm256_xor_si256(self.load_words(part), lanes)));
            }
        }
    }

    #[inline(always)]
    fn chacha8(self, state: &ChaCha, counter: u64, blocks: &mut [u8; KEYSTREAM]) {
        avx2!(chacha8_avx2(state, counter, blocks));
    }

    #[inline(always)]
    fn crc32c(self, state: u32, bytes: &[u8]) -> u32 {
        avx2!(crc32c(state, bytes))
    }

    #[inline(always)]
    fn within8(self, block: &[u8; BLOCK], stored: u8, low: u8, high: u8) -> u64 {
        avx2!(
            let limits = [
                _mm256_set1_epi8(stored.cast_signed()),
                _mm256_set1_epi8(low.cast_signed()),
                _mm256_set1_epi8(high.cast_signed()),
            ];
            let [a, b] = self.load8(block);
            join(self.within_bytes(a, limits), self.within_bytes(b, limits))
        )
    }

    #[inline(always)]
    fn within16(self, block: &[u16; BLOCK], stored: u16, low: u16, high: u16) -> u64 {
        avx2!(
            let limits = [
                _mm256_set1_epi16(stored.cast_signed()),
                _mm256_set1_epi16(low.cast_signed()),
                _mm256_set1_epi16(high.cast_signed()),
            ];
            let (parts, _) = block.as_chunks::<16>();
            let (pairs, _) = parts.as_chunks::<2>();
            join(self.within_pair(&pairs[0], limits), self.within_pair(&pairs[1], limits))
        )
    }

    #[inline(always)]
    fn deposit(self, bits: u64, mask: u64) -> u64 {
        avx2!(_pdep_u64(bits, mask))
    }

    #[inline(always)]
    fn compress(self, bits: u64, mask: u64) -> u64 {
        avx2!(_pext_u64(bits, mask))
    }
}

//! Lanes in registers of AVX2 and of AVX-512.

use core::arch::x86_64::*;
use core::ops::{BitAnd, BitOr, BitXor, Not};

use super::squares::{near_squares256, near_squares512};
use super::{Avx2, Avx512};
use crate::arch::lanes::{Lanes, NEAR};
use crate::arch::simd::{BLOCK, Simd};

/// 64 samples of eight bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Narrow256([__m256i; 2]);

/// 64 samples of sixteen bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide256([__m256i; 4]);

/// 64 samples of eight bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Narrow512([__m512i; 1]);

/// 64 samples of sixteen bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide512([__m512i; 2]);

/// Wraps intrinsics of the features that lanes prove.
macro_rules! proven {
    ($($body:tt)*) => {{
        // SAFETY: lanes are made from a token only, so that the CPU has the instructions of its level, and what uses them
        // is inlined where that level is compiled for; the intrinsics take and give values, or read and write references
        // of exactly the bytes they touch.
        unsafe { $($body)* }
    }};
}

/// Register by register.
macro_rules! each {
    ($a:expr, $b:expr, $each:expr) => {{
        let mut lanes = $a;
        for (a, b) in lanes.0.iter_mut().zip($b.0) {
            *a = proven!($each(*a, b));
        }
        lanes
    }};
}

/// What every width has, operation by operation.
macro_rules! lanes {
    (
        $lanes:ident, $token:ident, $sample:ty, $registers:literal;
        $(operators $op:ident $operator:ident $operation:expr;)*
        load $load:expr; store $store:expr; splat $splat:expr; not $not:expr; half $half:expr;
        $(means $means:expr;)?
        masks { $($masks:tt)* }
        $($method:ident $each:expr;)*
    ) => {
        $(impl $op for $lanes {
            type Output = Self;

            #[inline(always)]
            fn $operator(self, other: Self) -> Self {
                each!(self, other, $operation)
            }
        })*

        impl Not for $lanes {
            type Output = Self;

            #[inline(always)]
            fn not(self) -> Self {
                each!(self, self, $not)
            }
        }

        impl Lanes for $lanes {
            type Sample = $sample;
            type Token = $token;

            #[inline(always)]
            fn load(token: $token, block: &[$sample; BLOCK]) -> Self {
                let mut lanes = Self::splat(token, 0);
                let (parts, _) = block.as_chunks::<{ BLOCK / $registers }>();
                for (register, part) in lanes.0.iter_mut().zip(parts) {
                    *register = proven!($load(part.as_ptr().cast()));
                }
                lanes
            }

            #[inline(always)]
            fn splat(_: $token, value: $sample) -> Self {
                Self([proven!($splat(value.cast_signed())); $registers])
            }

            #[inline(always)]
            fn store(self, block: &mut [$sample; BLOCK]) {
                let (parts, _) = block.as_chunks_mut::<{ BLOCK / $registers }>();
                for (part, register) in parts.iter_mut().zip(self.0) {
                    proven!($store(part.as_mut_ptr().cast(), register));
                }
            }

            #[inline(always)]
            fn half(self) -> Self {
                each!(self, self, $half)
            }

            $(#[inline(always)]
            fn mean_of_means(self, other: Self) -> Self {
                each!(self, other, $means)
            })?

            $(#[inline(always)]
            fn $method(self, other: Self) -> Self {
                each!(self, other, $each)
            })*

            $($masks)*
        }
    };
}

macro_rules! near_squares {
    ($token:ident, $near:ident) => {
        #[inline(always)]
        fn near_squares(_: $token, blocks: [&[[u8; BLOCK]]; 2]) -> Option<u64> {
            proven!($near(blocks))
        }
    };
}

/// Masks that are lanes of AVX2.
macro_rules! masks256 {
    ($spread:expr, $bits:expr, $at_least:expr, $equal:expr) => {
        masks_are_lanes!();

        #[inline(always)]
        fn spread(token: Avx2, bits: u64) -> Self {
            Self($spread(token, bits))
        }

        #[inline(always)]
        fn bits(mask: Self) -> u64 {
            $bits(mask.0)
        }

        #[inline(always)]
        fn at_least(self, other: Self) -> Self {
            each!(self, other, $at_least)
        }

        #[inline(always)]
        fn equal(self, other: Self) -> Self {
            each!(self, other, $equal)
        }
    };
}

/// The lanes of each register of AVX-512, as bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Masks<M, const N: usize>([M; N]);

macro_rules! mask_operators {
    ($op:ident $operator:ident) => {
        impl<M: Copy + $op<Output = M>, const N: usize> $op for Masks<M, N> {
            type Output = Self;

            #[inline(always)]
            fn $operator(mut self, other: Self) -> Self {
                for (a, b) in self.0.iter_mut().zip(other.0) {
                    *a = (*a).$operator(b);
                }
                self
            }
        }
    };
}

mask_operators!(BitAnd bitand);
mask_operators!(BitOr bitor);

impl<M: Copy + Not<Output = M>, const N: usize> Not for Masks<M, N> {
    type Output = Self;

    #[inline(always)]
    fn not(mut self) -> Self {
        for mask in &mut self.0 {
            *mask = !*mask;
        }
        self
    }
}

/// Masks that are bits.
macro_rules! masks512 {
    (
        $mask:ty, $registers:literal, $spread:expr, $bits:expr; ones $ones:ident;
        lanes $spread_lanes:ident;
        at_least $at_least:ident; equal $equal:ident; only $only:ident; where_or $where_or:ident;
        plus $plus:ident; minus $minus:ident; one $one:ident; tally $tally:ident;
    ) => {
        type Mask = Masks<$mask, $registers>;

        #[inline(always)]
        fn spread(_: Avx512, bits: u64) -> Self::Mask {
            Masks($spread(bits))
        }

        #[inline(always)]
        fn bits(mask: Self::Mask) -> u64 {
            $bits(mask.0)
        }

        #[inline(always)]
        fn ones(self) -> Self::Mask {
            let mut masks = Masks([0; $registers]);
            for (mask, a) in masks.0.iter_mut().zip(self.0) {
                *mask = proven!($ones(a));
            }
            masks
        }

        #[inline(always)]
        fn at_least(self, other: Self) -> Self::Mask {
            let mut masks = Masks([0; $registers]);
            for ((mask, a), b) in masks.0.iter_mut().zip(self.0).zip(other.0) {
                *mask = proven!($at_least(a, b));
            }
            masks
        }

        #[inline(always)]
        fn equal(self, other: Self) -> Self::Mask {
            let mut masks = Masks([0; $registers]);
            for ((mask, a), b) in masks.0.iter_mut().zip(self.0).zip(other.0) {
                *mask = proven!($equal(a, b));
            }
            masks
        }

        #[inline(always)]
        fn turn(mut self, mask: Self::Mask) -> Self {
            for (a, mask) in self.0.iter_mut().zip(mask.0) {
                *a = proven!(_mm512_xor_si512(*a, $spread_lanes(mask)));
            }
            self
        }

        #[inline(always)]
        fn only(mut self, mask: Self::Mask) -> Self {
            for (a, mask) in self.0.iter_mut().zip(mask.0) {
                *a = proven!($only(mask, *a));
            }
            self
        }

        #[inline(always)]
        fn where_or(mut self, mask: Self::Mask, other: Self) -> Self {
            for ((a, mask), b) in self.0.iter_mut().zip(mask.0).zip(other.0) {
                *a = proven!($where_or(b, mask, *a));
            }
            self
        }

        #[inline(always)]
        fn plus_one(mut self, mask: Self::Mask) -> Self {
            for (a, mask) in self.0.iter_mut().zip(mask.0) {
                *a = proven!($minus(*a, mask, *a, $one(-1)));
            }
            self
        }

        #[inline(always)]
        fn away(mut self, by: Self, up: Self::Mask) -> Self {
            for ((a, by), up) in self.0.iter_mut().zip(by.0).zip(up.0) {
                *a = proven!(
                    let moved = $plus(*a, up, *a, by);
                    $minus(moved, !up, moved, by)
                );
            }
            self
        }

        #[inline(always)]
        fn tally(_: Avx512, blocks: &[[Self::Sample; BLOCK]], counts: &mut [u32; NEAR]) -> bool {
            proven!($tally(blocks, counts));
            true
        }

        #[inline(always)]
        fn count(mut self, lanes: Self, value: Self) -> Self {
            for ((sum, lane), value) in self.0.iter_mut().zip(lanes.0).zip(value.0) {
                *sum = proven!($minus(*sum, $equal(lane, value), *sum, $one(-1)));
            }
            self
        }
    };
}

lanes! {
    Narrow256, Avx2, u8, 2;
    operators BitAnd bitand _mm256_and_si256;
    operators BitOr bitor _mm256_or_si256;
    operators BitXor bitxor _mm256_xor_si256;
    load _mm256_loadu_si256;
    store _mm256_storeu_si256;
    splat _mm256_set1_epi8;
    not |a, _| _mm256_xor_si256(a, _mm256_set1_epi8(-1));
    half |a, _| _mm256_and_si256(_mm256_srli_epi16::<1>(a), _mm256_set1_epi8(0x7f));
    means |a, b| means256(a, b);
    masks {
        masks256!(
            |token: Avx2, bits| token.select(bits, 0xff),
            |[a, b]: [__m256i; 2]| proven!(signs(_mm256_movemask_epi8(a), _mm256_movemask_epi8(b))),
            |a, b| _mm256_cmpeq_epi8(_mm256_max_epu8(a, b), a),
            _mm256_cmpeq_epi8
        );
        near_squares!(Avx2, near_squares256);
    }
    plus _mm256_add_epi8;
    minus _mm256_sub_epi8;
    mean _mm256_avg_epu8;
    min _mm256_min_epu8;
    max _mm256_max_epu8;
}

lanes! {
    Wide256, Avx2, u16, 4;
    operators BitAnd bitand _mm256_and_si256;
    operators BitOr bitor _mm256_or_si256;
    operators BitXor bitxor _mm256_xor_si256;
    load _mm256_loadu_si256;
    store _mm256_storeu_si256;
    splat _mm256_set1_epi16;
    not |a, _| _mm256_xor_si256(a, _mm256_set1_epi8(-1));
    half |a, _| _mm256_srli_epi16::<1>(a);
    masks {
        masks256!(
            spread_wide,
            signs_wide,
            |a, b| _mm256_cmpeq_epi16(_mm256_max_epu16(a, b), a),
            _mm256_cmpeq_epi16
        );
    }
    plus _mm256_add_epi16;
    minus _mm256_sub_epi16;
    mean _mm256_avg_epu16;
    min _mm256_min_epu16;
    max _mm256_max_epu16;
}

lanes! {
    Narrow512, Avx512, u8, 1;
    operators BitAnd bitand _mm512_and_si512;
    operators BitOr bitor _mm512_or_si512;
    operators BitXor bitxor _mm512_xor_si512;
    load _mm512_loadu_si512;
    store store512;
    splat _mm512_set1_epi8;
    not |a, _| _mm512_xor_si512(a, _mm512_set1_epi8(-1));
    half |a, _| _mm512_and_si512(_mm512_srli_epi16::<1>(a), _mm512_set1_epi8(0x7f));
    means |a, b| means512(a, b);
    masks {
        masks512!(
            __mmask64, 1, |bits| [bits], |[bits]: [u64; 1]| bits; ones _mm512_movepi8_mask;
            lanes _mm512_movm_epi8;
            at_least _mm512_cmpge_epu8_mask; equal _mm512_cmpeq_epi8_mask;
            only _mm512_maskz_mov_epi8; where_or _mm512_mask_mov_epi8;
            plus _mm512_mask_add_epi8; minus _mm512_mask_sub_epi8; one _mm512_set1_epi8;
            tally tally_bytes;
        );
        near_squares!(Avx512, near_squares512);
    }
    plus _mm512_add_epi8;
    minus _mm512_sub_epi8;
    mean _mm512_avg_epu8;
    min _mm512_min_epu8;
    max _mm512_max_epu8;
}

lanes! {
    Wide512, Avx512, u16, 2;
    operators BitAnd bitand _mm512_and_si512;
    operators BitOr bitor _mm512_or_si512;
    operators BitXor bitxor _mm512_xor_si512;
    load _mm512_loadu_si512;
    store store512;
    splat _mm512_set1_epi16;
    not |a, _| _mm512_xor_si512(a, _mm512_set1_epi8(-1));
    half |a, _| _mm512_srli_epi16::<1>(a);
    masks {
        masks512!(
            __mmask32, 2, |bits| [low(bits), low(bits >> 32)],
            |[a, b]: [u32; 2]| u64::from(a) | u64::from(b) << 32; ones _mm512_movepi16_mask;
            lanes _mm512_movm_epi16;
            at_least _mm512_cmpge_epu16_mask; equal _mm512_cmpeq_epi16_mask;
            only _mm512_maskz_mov_epi16; where_or _mm512_mask_mov_epi16;
            plus _mm512_mask_add_epi16; minus _mm512_mask_sub_epi16; one _mm512_set1_epi16;
            tally tally_words;
        );
    }
    plus _mm512_add_epi16;
    minus _mm512_sub_epi16;
    mean _mm512_avg_epu16;
    min _mm512_min_epu16;
    max _mm512_max_epu16;
}

/// A bit for each of eight values, at the value: those from 2 to 9, and those from 10 to 15.
const BITS: [[u8; 16]; 2] = [
    [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32],
];

/// Adds how often values are among blocks: `Lanes::tally`.
///
/// ```text
/// bits <- for each sample the one bit of its value, of eight values
/// ones, twos, fours, eights <- how often each bit has been there, as digits, eight blocks at once (Harley and Seal)
/// counts[value] <- the samples that have its bit in each digit
/// ```
///
/// Value by value, each took more than two cycles per block.
macro_rules! tally {
    ($tally:ident, $sample:ty, $bytes:ident) => {
        #[target_feature(enable = "avx512f,avx512bw,popcnt")]
        fn $tally(blocks: &[[$sample; BLOCK]], counts: &mut [u32; NEAR]) {
            let (eights, rest) = blocks.as_chunks::<8>();
            for (table, counts) in BITS.iter().zip(counts[2..].chunks_mut(8)) {
                // SAFETY: the table has 16 bytes.
                let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
                let table = _mm512_broadcast_i32x4(table);
                let [mut ones, mut twos, mut fours] = [_mm512_setzero_si512(); 3];
                for [a, b, c, d, e, f, g, h] in eights {
                    let (one, a) = digits(ones, bits(table, $bytes(a)), bits(table, $bytes(b)));
                    let (one, b) = digits(one, bits(table, $bytes(c)), bits(table, $bytes(d)));
                    let (two, a) = digits(twos, a, b);
                    let (one, c) = digits(one, bits(table, $bytes(e)), bits(table, $bytes(f)));
                    let (one, d) = digits(one, bits(table, $bytes(g)), bits(table, $bytes(h)));
                    let (two, b) = digits(two, c, d);
                    let (four, eight) = digits(fours, a, b);
                    [ones, twos, fours] = [one, two, four];
                    add(counts, eight, 8);
                }
                for block in rest {
                    add(counts, bits(table, $bytes(block)), 1);
                }
                for (digit, times) in [(ones, 1), (twos, 2), (fours, 4)] {
                    add(counts, digit, times);
                }
            }
        }
    };
}

tally!(tally_bytes, u8, bytes);
tally!(tally_words, u16, low_bytes);

#[inline]
#[target_feature(enable = "avx512f")]
fn bytes(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: a block has 64 bytes.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

/// Of values below 256, in some order.
#[inline]
#[target_feature(enable = "avx512bw")]
fn low_bytes(block: &[u16; BLOCK]) -> __m512i {
    let (halves, _) = block.as_chunks::<32>();
    let [a, b] = [halves[0].as_ptr(), halves[1].as_ptr()];
    // SAFETY: a half has 64 bytes.
    unsafe { _mm512_packus_epi16(_mm512_loadu_si512(a.cast()), _mm512_loadu_si512(b.cast())) }
}

/// The bit of each value, by the table in every quarter.
#[inline]
#[target_feature(enable = "avx512bw")]
fn bits(table: __m512i, values: __m512i) -> __m512i {
    _mm512_shuffle_epi8(table, values)
}

/// The sum of three digits, bit by bit, as two.
#[inline]
#[target_feature(enable = "avx512f")]
fn digits(a: __m512i, b: __m512i, c: __m512i) -> (__m512i, __m512i) {
    (
        _mm512_ternarylogic_epi64::<0x96>(a, b, c),
        _mm512_ternarylogic_epi64::<0xe8>(a, b, c),
    )
}

/// Adds to each count how many bytes have its bit, so many times.
#[inline]
#[target_feature(enable = "avx512bw,popcnt")]
fn add(counts: &mut [u32], bytes: __m512i, times: u32) {
    for (bit, count) in counts.iter_mut().enumerate() {
        let bit = _mm512_set1_epi8(1i8 << bit);
        *count += times * _mm512_test_epi8_mask(bytes, bit).count_ones();
    }
}

/// The mean, rounded up, of lanes that are means themselves: of two intrinsics in a row LLVM makes lanes of sixteen bits, and
/// of `(a | b) - ((a ^ b) >> 1)` the instruction only for those.
#[inline]
#[target_feature(enable = "avx2")]
fn means256(a: __m256i, b: __m256i) -> __m256i {
    if cfg!(miri) {
        return _mm256_avg_epu8(a, b);
    }
    let mean;
    // SAFETY: the CPU has the instruction, which has no effect but its result.
    unsafe {
        core::arch::asm!(
            "vpavgb {}, {}, {}",
            out(ymm_reg) mean, in(ymm_reg) a, in(ymm_reg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    mean
}

/// As [`means256`].
#[inline]
#[target_feature(enable = "avx512bw")]
fn means512(a: __m512i, b: __m512i) -> __m512i {
    if cfg!(miri) {
        return _mm512_avg_epu8(a, b);
    }
    let mean;
    // SAFETY: the CPU has the instruction, which has no effect but its result.
    unsafe {
        core::arch::asm!(
            "vpavgb {}, {}, {}",
            out(zmm_reg) mean, in(zmm_reg) a, in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    mean
}

#[inline(always)]
fn spread_wide(token: Avx2, bits: u64) -> [__m256i; 4] {
    let [a, b] = token.select(bits, 0xff);
    proven!([
        _mm256_cvtepi8_epi16(_mm256_castsi256_si128(a)),
        _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(a)),
        _mm256_cvtepi8_epi16(_mm256_castsi256_si128(b)),
        _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(b)),
    ])
}

#[inline(always)]
fn signs_wide([a, b, c, d]: [__m256i; 4]) -> u64 {
    proven!(
        let low = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(a, b));
        let high = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(c, d));
        signs(_mm256_movemask_epi8(low), _mm256_movemask_epi8(high))
    )
}

/// In halves, as in `Avx512::store`.
///
/// # Safety
///
/// 64 bytes are there to write.
#[inline(always)]
unsafe fn store512(bytes: *mut __m256i, value: __m512i) {
    // SAFETY: as the caller says; that the CPU has the instructions, `proven` argues.
    unsafe {
        _mm256_storeu_si256(bytes, _mm512_castsi512_si256(value));
        _mm256_storeu_si256(bytes.add(1), _mm512_extracti64x4_epi64::<1>(value));
    }
}

/// The low half first.
#[inline(always)]
const fn signs(low: i32, high: i32) -> u64 {
    low.cast_unsigned() as u64 | (high.cast_unsigned() as u64) << 32
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "half of the bits are asked for"
)]
const fn low(bits: u64) -> u32 {
    bits as u32
}

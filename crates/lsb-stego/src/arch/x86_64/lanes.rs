//! Lanes in registers of AVX2 and of AVX-512.

use core::arch::x86_64::*;
use core::ops::{BitAnd, BitOr, BitXor, Not};

use super::{Avx2, Avx512};
use crate::arch::lanes::{Lanes, masks_are_lanes};
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
            fn $method(self, other: Self) -> Self {
                each!(self, other, $each)
            })*

            $($masks)*
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
        at_least $at_least:ident; equal $equal:ident; only $only:ident; where_or $where_or:ident;
        plus $plus:ident; minus $minus:ident; one $one:ident;
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
        fn less_one(mut self, mask: Self::Mask) -> Self {
            for (a, mask) in self.0.iter_mut().zip(mask.0) {
                *a = proven!($plus(*a, mask, *a, $one(-1)));
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
    masks {
        masks256!(
            |token: Avx2, bits| token.select(bits, 0xff),
            |[a, b]: [__m256i; 2]| proven!(signs(_mm256_movemask_epi8(a), _mm256_movemask_epi8(b))),
            |a, b| _mm256_cmpeq_epi8(_mm256_max_epu8(a, b), a),
            _mm256_cmpeq_epi8
        );
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
    masks {
        masks512!(
            __mmask64, 1, |bits| [bits], |[bits]: [u64; 1]| bits; ones _mm512_movepi8_mask;
            at_least _mm512_cmpge_epu8_mask; equal _mm512_cmpeq_epi8_mask;
            only _mm512_maskz_mov_epi8; where_or _mm512_mask_mov_epi8;
            plus _mm512_mask_add_epi8; minus _mm512_mask_sub_epi8; one _mm512_set1_epi8;
        );
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
            at_least _mm512_cmpge_epu16_mask; equal _mm512_cmpeq_epi16_mask;
            only _mm512_maskz_mov_epi16; where_or _mm512_mask_mov_epi16;
            plus _mm512_mask_add_epi16; minus _mm512_mask_sub_epi16; one _mm512_set1_epi16;
        );
    }
    plus _mm512_add_epi16;
    minus _mm512_sub_epi16;
    mean _mm512_avg_epu16;
    min _mm512_min_epu16;
    max _mm512_max_epu16;
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

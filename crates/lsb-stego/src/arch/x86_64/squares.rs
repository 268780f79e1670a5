//! Sums of squared differences that are small, as embedding makes them: `Lanes::near_squares`.
//!
//! ```text
//! d <- max(a, b) - min(a, b), of 0 to 15
//! squares <- one byte each, by a table of sixteen
//! sum <- sum + squares, eight bytes at once
//! ```
//!
//! Products take more instructions, as differences must be widened first.

use core::arch::x86_64::*;

use super::ahead;
use crate::arch::simd::BLOCK;

const SQUARES: [u8; 16] = [
    0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121, 144, 169, 196, 225,
];

#[target_feature(enable = "avx2")]
pub(super) fn near_squares256([a, b]: [&[[u8; BLOCK]]; 2]) -> Option<u64> {
    // SAFETY: the table has 16 bytes.
    let squares = unsafe { _mm_loadu_si128(SQUARES.as_ptr().cast()) };
    let squares = _mm256_broadcastsi128_si256(squares);
    let zero = _mm256_setzero_si256();
    let (mut sum, mut all) = (zero, zero);
    for (a, b) in a.iter().zip(b) {
        ahead(a);
        ahead(b);
        let [a, b] = [a, b].map(|block| block.as_chunks::<32>().0);
        for (a, b) in a.iter().zip(b) {
            // SAFETY: halves have 32 bytes.
            let [a, b] = [a, b].map(|half| unsafe { _mm256_loadu_si256(half.as_ptr().cast()) });
            let d = _mm256_sub_epi8(_mm256_max_epu8(a, b), _mm256_min_epu8(a, b));
            all = _mm256_or_si256(all, d);
            let near = _mm256_sad_epu8(_mm256_shuffle_epi8(squares, d), zero);
            sum = _mm256_add_epi64(sum, near);
        }
    }
    let near = _mm256_testz_si256(all, _mm256_set1_epi8(0xf0_u8.cast_signed())) == 1;
    let mut sums = [0u64; 4];
    // SAFETY: the sums have 32 bytes.
    unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), sum) };
    near.then(|| sums.iter().sum())
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn near_squares512([a, b]: [&[[u8; BLOCK]]; 2]) -> Option<u64> {
    // SAFETY: the table has 16 bytes.
    let squares = unsafe { _mm_loadu_si128(SQUARES.as_ptr().cast()) };
    let squares = _mm512_broadcast_i32x4(squares);
    let zero = _mm512_setzero_si512();
    let (mut sum, mut all) = (zero, zero);
    for (a, b) in a.iter().zip(b) {
        ahead(a);
        ahead(b);
        // SAFETY: blocks have 64 bytes.
        let [a, b] = [a, b].map(|block| unsafe { _mm512_loadu_si512(block.as_ptr().cast()) });
        let d = _mm512_sub_epi8(_mm512_max_epu8(a, b), _mm512_min_epu8(a, b));
        all = _mm512_or_si512(all, d);
        let near = _mm512_sad_epu8(_mm512_shuffle_epi8(squares, d), zero);
        sum = _mm512_add_epi64(sum, near);
    }
    let far = _mm512_test_epi8_mask(all, _mm512_set1_epi8(0xf0_u8.cast_signed()));
    (far == 0).then(|| _mm512_reduce_add_epi64(sum).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::super::{Avx2, Avx512};
    use super::*;

    /// Every difference that there is, alone among equal samples, in every lane: its square up to 15, nothing above.
    #[test]
    fn squares_up_to_fifteen_and_nothing_above() {
        for difference in [0, 1, 2, 3, 7, 14, 15, 16, 17, 31, 128, 240, 255] {
            for lane in (0..2 * BLOCK).step_by(if cfg!(miri) { 31 } else { 1 }) {
                let (a, mut b) = ([[0; BLOCK]; 2], [[0; BLOCK]; 2]);
                b[lane / BLOCK][lane % BLOCK] = difference;
                let square = u64::from(difference) * u64::from(difference);
                let expected = (difference <= 15).then_some(square);
                for blocks in [[&a[..], &b[..]], [&b, &a]] {
                    if Avx2::found() {
                        // SAFETY: the CPU has AVX2.
                        assert_eq!(unsafe { near_squares256(blocks) }, expected);
                    }
                    if Avx512::found() {
                        // SAFETY: the CPU has AVX-512 F and BW.
                        assert_eq!(unsafe { near_squares512(blocks) }, expected);
                    }
                }
            }
        }
    }
}

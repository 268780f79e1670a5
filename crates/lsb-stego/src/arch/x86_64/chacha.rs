//! `ChaCha8` side by side: every block has its lane of 32 bits, and a transposition brings the blocks in order.

use core::arch::x86_64::*;

use crate::arch::simd::{CHACHA, ChaCha, KEYSTREAM};

/// Eight rounds on sixteen vectors of words.
macro_rules! rounds {
    ($x:ident, $add:ident, $xor:ident, $rotate:ident) => {
        for _ in 0..4 {
            quarters!($x, $add, $xor, $rotate, [0 4 8 12] [1 5 9 13] [2 6 10 14] [3 7 11 15]);
            quarters!($x, $add, $xor, $rotate, [0 5 10 15] [1 6 11 12] [2 7 8 13] [3 4 9 14]);
        }
    };
}

/// Quarter rounds step by step, four at a time, as none waits for another (RFC 8439, section 2.1).
macro_rules! quarters {
    ($x:ident, $add:ident, $xor:ident, $rotate:ident, $([$a:literal $b:literal $c:literal $d:literal])*) => {
        $( $x[$a] = $add($x[$a], $x[$b]); $x[$d] = $rotate!(16, $xor($x[$d], $x[$a])); )*
        $( $x[$c] = $add($x[$c], $x[$d]); $x[$b] = $rotate!(12, $xor($x[$b], $x[$c])); )*
        $( $x[$a] = $add($x[$a], $x[$b]); $x[$d] = $rotate!(8, $xor($x[$d], $x[$a])); )*
        $( $x[$c] = $add($x[$c], $x[$d]); $x[$b] = $rotate!(7, $xor($x[$b], $x[$c])); )*
    };
}

/// AVX2 has no rotation: two by shuffles, two by shifts.
macro_rules! rotate256 {
    (16, $x:expr) => {
        _mm256_shuffle_epi8(
            $x,
            _mm256_setr_epi8(
                2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10,
                11, 8, 9, 14, 15, 12, 13,
            ),
        )
    };
    (8, $x:expr) => {
        _mm256_shuffle_epi8(
            $x,
            _mm256_setr_epi8(
                3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3, 0, 1, 2, 7, 4, 5, 6, 11,
                8, 9, 10, 15, 12, 13, 14,
            ),
        )
    };
    ($by:literal, $x:expr) => {{
        let x = $x;
        _mm256_or_si256(
            _mm256_slli_epi32::<$by>(x),
            _mm256_srli_epi32::<{ 32 - $by }>(x),
        )
    }};
}

macro_rules! rotate512 {
    ($by:literal, $x:expr) => {
        _mm512_rol_epi32::<$by>($x)
    };
}

#[inline]
fn words(counter: u64) -> [i32; 2] {
    let bytes = counter.to_le_bytes();
    let (halves, _) = bytes.as_chunks::<4>();
    [halves[0], halves[1]].map(i32::from_le_bytes)
}

/// Sixteen blocks, eight at a time.
#[target_feature(enable = "avx2")]
pub(super) fn chacha8_avx2(state: &ChaCha, counter: u64, blocks: &mut [u8; KEYSTREAM]) {
    let (halves, _) = blocks.as_chunks_mut::<512>();
    for (counter, half) in (counter..).step_by(8).zip(halves) {
        let [low, high] = words(counter);
        let (low, high) = (_mm256_set1_epi32(low), _mm256_set1_epi32(high));
        let counters = _mm256_add_epi32(low, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        // -1 where the sum has wrapped: compared without sign, by turning the highest bits.
        let top = _mm256_set1_epi32(i32::MIN);
        let carry = _mm256_cmpgt_epi32(_mm256_xor_si256(low, top), _mm256_xor_si256(counters, top));
        let mut start = [_mm256_setzero_si256(); 16];
        for (lanes, word) in start.iter_mut().zip(CHACHA.into_iter().chain(state.key)) {
            *lanes = _mm256_set1_epi32(word.cast_signed());
        }
        (start[12], start[13]) = (counters, _mm256_sub_epi32(high, carry));
        (start[14], start[15]) = (
            _mm256_set1_epi32(state.nonce[0].cast_signed()),
            _mm256_set1_epi32(state.nonce[1].cast_signed()),
        );
        let mut x = start;
        rounds!(x, _mm256_add_epi32, _mm256_xor_si256, rotate256);
        for (x, start) in x.iter_mut().zip(start) {
            *x = _mm256_add_epi32(*x, start);
        }
        let (low, high) = (transposed256(&x, 0), transposed256(&x, 8));
        let (blocks, _) = half.as_chunks_mut::<32>();
        let (blocks, _) = blocks.as_chunks_mut::<2>();
        for ([to_low, to_high], (low, high)) in blocks.iter_mut().zip(low.into_iter().zip(high)) {
            store256(to_low, low);
            store256(to_high, high);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store256(bytes: &mut [u8; 32], value: __m256i) {
    // SAFETY: `bytes` is 32 bytes to write, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), value) }
}

/// Eight vectors from `first` on, as a square of words.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed256(x: &[__m256i; 16], first: usize) -> [__m256i; 8] {
    macro_rules! quad {
        ($first:expr) => {{
            let [a, b, c, d] = [x[$first], x[$first + 1], x[$first + 2], x[$first + 3]];
            let (p, q) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let (r, s) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
            [
                _mm256_unpacklo_epi64(p, r),
                _mm256_unpackhi_epi64(p, r),
                _mm256_unpacklo_epi64(q, s),
                _mm256_unpackhi_epi64(q, s),
            ]
        }};
    }
    let (low, high) = (quad!(first), quad!(first + 4));
    [
        _mm256_permute2x128_si256::<0x20>(low[0], high[0]),
        _mm256_permute2x128_si256::<0x20>(low[1], high[1]),
        _mm256_permute2x128_si256::<0x20>(low[2], high[2]),
        _mm256_permute2x128_si256::<0x20>(low[3], high[3]),
        _mm256_permute2x128_si256::<0x31>(low[0], high[0]),
        _mm256_permute2x128_si256::<0x31>(low[1], high[1]),
        _mm256_permute2x128_si256::<0x31>(low[2], high[2]),
        _mm256_permute2x128_si256::<0x31>(low[3], high[3]),
    ]
}

/// Sixteen blocks at once.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn chacha8_avx512(state: &ChaCha, counter: u64, blocks: &mut [u8; KEYSTREAM]) {
    let [low, high] = words(counter);
    let (low, high) = (_mm512_set1_epi32(low), _mm512_set1_epi32(high));
    let places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let counters = _mm512_add_epi32(low, places);
    let carry = _mm512_cmplt_epu32_mask(counters, low);
    let high = _mm512_mask_add_epi32(high, carry, high, _mm512_set1_epi32(1));
    let mut start = [_mm512_setzero_si512(); 16];
    for (lanes, word) in start.iter_mut().zip(CHACHA.into_iter().chain(state.key)) {
        *lanes = _mm512_set1_epi32(word.cast_signed());
    }
    (start[12], start[13]) = (counters, high);
    (start[14], start[15]) = (
        _mm512_set1_epi32(state.nonce[0].cast_signed()),
        _mm512_set1_epi32(state.nonce[1].cast_signed()),
    );
    let mut x = start;
    rounds!(x, _mm512_add_epi32, _mm512_xor_si512, rotate512);
    for (x, start) in x.iter_mut().zip(start) {
        *x = _mm512_add_epi32(*x, start);
    }
    // Squares of four words within each quarter of a register, then quarters across registers. Macros rather than
    // closures, of which some would be calls.
    macro_rules! square {
        ($a:literal $b:literal $c:literal $d:literal) => {{
            let (p, q) = (
                _mm512_unpacklo_epi32(x[$a], x[$b]),
                _mm512_unpackhi_epi32(x[$a], x[$b]),
            );
            let (r, s) = (
                _mm512_unpacklo_epi32(x[$c], x[$d]),
                _mm512_unpackhi_epi32(x[$c], x[$d]),
            );
            [
                _mm512_unpacklo_epi64(p, r),
                _mm512_unpackhi_epi64(p, r),
                _mm512_unpacklo_epi64(q, s),
                _mm512_unpackhi_epi64(q, s),
            ]
        }};
    }
    let a = square!(0 1 2 3);
    let b = square!(4 5 6 7);
    let c = square!(8 9 10 11);
    let d = square!(12 13 14 15);
    let (blocks, _) = blocks.as_chunks_mut::<64>();
    for lane in 0..4 {
        let (a, b, c, d) = (a[lane], b[lane], c[lane], d[lane]);
        let even = [
            _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b),
            _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d),
        ];
        let odd = [
            _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d),
        ];
        store512(
            &mut blocks[lane],
            _mm512_shuffle_i32x4::<0b10_00_10_00>(even[0], even[1]),
        );
        store512(
            &mut blocks[4 + lane],
            _mm512_shuffle_i32x4::<0b10_00_10_00>(odd[0], odd[1]),
        );
        store512(
            &mut blocks[8 + lane],
            _mm512_shuffle_i32x4::<0b11_01_11_01>(even[0], even[1]),
        );
        store512(
            &mut blocks[12 + lane],
            _mm512_shuffle_i32x4::<0b11_01_11_01>(odd[0], odd[1]),
        );
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store512(bytes: &mut [u8; 64], value: __m512i) {
    // SAFETY: `bytes` is 64 bytes to write, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), value) }
}

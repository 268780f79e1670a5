//! The tokens of x86-64: AVX2, AVX-512.

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

mod avx2;
mod avx512;
mod chacha;
mod crc;
mod lanes;
mod squares;

pub(crate) use self::avx2::{Avx2, run_avx2};
pub(crate) use self::avx512::{Avx512, run_avx512};
use self::crc::crc32c;
pub(crate) use self::lanes::{Narrow256, Narrow512, Wide256, Wide512};
use super::Ends;
use super::simd::BLOCK;

impl Ends {
    /// Whether there are others than 0 and the peak: steps that instructions of their own do not make.
    #[inline(always)]
    const fn reserved(&self) -> bool {
        self.low[0] != self.low[1] || self.high[0] != self.high[1]
    }
}

/// How far ahead memory is asked for, in bytes: the CPU itself looks no farther than a page.
const AHEAD: usize = 16384;

/// `Simd::ahead`.
#[inline(always)]
fn ahead<S>(block: &[S; BLOCK]) {
    let first = core::ptr::from_ref(block).cast::<i8>().wrapping_add(AHEAD);
    for line in (0..size_of_val(block)).step_by(64) {
        // SAFETY: SSE belongs to x86-64. The instruction gives nothing to the program, and at an address where nothing is it
        // does nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(line)) };
    }
}

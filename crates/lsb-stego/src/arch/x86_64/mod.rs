//! The tokens of x86-64: AVX2, AVX-512.

mod avx2;
mod avx512;
mod chacha;
mod crc;
mod lanes;

pub(crate) use self::avx2::{Avx2, run_avx2};
pub(crate) use self::avx512::{Avx512, run_avx512};
use self::crc::crc32c;
pub(crate) use self::lanes::{Narrow256, Narrow512, Wide256, Wide512};
use super::Ends;

impl Ends {
    /// Whether there are others than 0 and the peak: steps that instructions of their own do not make.
    #[inline(always)]
    const fn reserved(&self) -> bool {
        self.low[0] != self.low[1] || self.high[0] != self.high[1]
    }
}

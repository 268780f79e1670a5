//! A block of samples in registers: one lane per sample, as wide as it.

use core::fmt::Debug;
use core::ops::{BitAnd, BitOr, BitXor, Not};

use super::scalar::Portable;
use super::simd::BLOCK;

/// 64 samples in registers of a level. Only its token makes one, so that holding one is the proof of the instructions.
#[expect(unnameable_types, reason = "sealed: named in the types of `Lane` only")]
pub trait Lanes:
    Copy
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Not<Output = Self>
    + Debug
{
    type Sample;
    type Token;

    /// Some of the lanes: a bit for each where the CPU has registers of bits, else all ones or zero in each.
    type Mask: Copy
        + BitAnd<Output = Self::Mask>
        + BitOr<Output = Self::Mask>
        + Not<Output = Self::Mask>
        + Debug;

    /// The samples, as they are.
    fn load(token: Self::Token, block: &[Self::Sample; BLOCK]) -> Self;

    /// Every lane has this value.
    fn splat(token: Self::Token, value: Self::Sample) -> Self;

    /// The lanes whose bit is set.
    fn spread(token: Self::Token, bits: u64) -> Self::Mask;

    /// A bit for each lane.
    fn bits(mask: Self::Mask) -> u64;

    /// The lanes that are all ones; the others are zero.
    fn ones(self) -> Self::Mask;

    fn store(self, block: &mut [Self::Sample; BLOCK]);

    /// The sum, without what does not fit.
    fn plus(self, other: Self) -> Self;

    /// The difference, without what does not fit.
    fn minus(self, other: Self) -> Self;

    /// The mean, rounded up.
    fn mean(self, other: Self) -> Self;

    /// As `mean`, of lanes that are means themselves.
    #[inline(always)]
    fn mean_of_means(self, other: Self) -> Self {
        // Step by step: LLVM makes the instruction of one mean, but widens the lanes for two.
        (self | other).minus((self ^ other).half())
    }

    /// Half, rounded down.
    fn half(self) -> Self;

    fn min(self, other: Self) -> Self;

    fn max(self, other: Self) -> Self;

    /// All bits turned where the mask is.
    fn turn(self, mask: Self::Mask) -> Self;

    /// The lanes that are at least the other's.
    fn at_least(self, other: Self) -> Self::Mask;

    /// The lanes that are the other's.
    fn equal(self, other: Self) -> Self::Mask;

    /// Its own lanes where the mask is, zero elsewhere.
    fn only(self, mask: Self::Mask) -> Self;

    /// Its own lanes where the mask is, those of the other elsewhere.
    fn where_or(self, mask: Self::Mask, other: Self) -> Self;

    /// One more where the mask is.
    fn plus_one(self, mask: Self::Mask) -> Self;

    /// The sum where the mask is, the difference elsewhere, without what does not fit.
    fn away(self, by: Self, up: Self::Mask) -> Self;

    /// One more where `lanes` are `value`.
    fn count(self, lanes: Self, value: Self) -> Self;

    /// The sum of the squared differences of as many blocks; nothing where one is above 15, or no instructions do it at once.
    #[inline(always)]
    fn near_squares(_: Self::Token, _: [&[[Self::Sample; BLOCK]]; 2]) -> Option<u64> {
        None
    }

    /// Adds how often each value from 2 on is among these blocks, all of whose values are below `counts.len()`; false, and
    /// nothing, where no instructions do it at once.
    #[inline(always)]
    fn tally(_: Self::Token, _: &[[Self::Sample; BLOCK]], _: &mut [u32; NEAR]) -> bool {
        false
    }
}

/// The values that [`Lanes::tally`] tells apart.
pub(crate) const NEAR: usize = 16;

/// What follows from operations on lanes where masks are lanes too.
macro_rules! masks_are_lanes {
    () => {
        type Mask = Self;

        #[inline(always)]
        fn ones(self) -> Self {
            self
        }

        #[inline(always)]
        fn turn(self, mask: Self) -> Self {
            self ^ mask
        }

        #[inline(always)]
        fn only(self, mask: Self) -> Self {
            self & mask
        }

        #[inline(always)]
        fn where_or(self, mask: Self, other: Self) -> Self {
            self & mask | other & !mask
        }

        #[inline(always)]
        fn plus_one(self, mask: Self) -> Self {
            self.minus(mask)
        }

        #[inline(always)]
        fn away(self, by: Self, up: Self) -> Self {
            // The negative of a number is one more than the number with all bits turned.
            self.plus(by ^ !up).minus(!up)
        }

        #[inline(always)]
        fn count(self, lanes: Self, value: Self) -> Self {
            self.minus(lanes.equal(value))
        }
    };
}

/// Lanes without instructions: compilers make vectors of loops over arrays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain<S>([S; BLOCK]);

macro_rules! plain {
    ($sample:ty) => {
        impl Plain<$sample> {
            #[inline(always)]
            fn zip(mut self, other: Self, each: impl Fn($sample, $sample) -> $sample) -> Self {
                for (lane, other) in self.0.iter_mut().zip(other.0) {
                    *lane = each(*lane, other);
                }
                self
            }
        }

        plain!($sample: BitAnd bitand, BitOr bitor, BitXor bitxor);

        impl Not for Plain<$sample> {
            type Output = Self;

            #[inline(always)]
            fn not(self) -> Self {
                self.zip(self, |a, _| !a)
            }
        }

        impl Lanes for Plain<$sample> {
            type Sample = $sample;
            type Token = Portable;

            masks_are_lanes!();

            #[inline(always)]
            fn load(_: Portable, block: &[$sample; BLOCK]) -> Self {
                Self(*block)
            }

            #[inline(always)]
            fn splat(_: Portable, value: $sample) -> Self {
                Self([value; BLOCK])
            }

            #[inline(always)]
            fn spread(_: Portable, bits: u64) -> Self {
                let mut lanes = [0; BLOCK];
                for (at, lane) in lanes.iter_mut().enumerate() {
                    *lane = if bits >> at & 1 == 1 { !0 } else { 0 };
                }
                Self(lanes)
            }

            #[inline(always)]
            fn store(self, block: &mut [$sample; BLOCK]) {
                *block = self.0;
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.zip(other, <$sample>::wrapping_add)
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.zip(other, <$sample>::wrapping_sub)
            }

            #[inline(always)]
            fn mean(self, other: Self) -> Self {
                self.zip(other, |a, b| (a | b) - ((a ^ b) >> 1))
            }

            #[inline(always)]
            fn half(self) -> Self {
                self.zip(self, |a, _| a >> 1)
            }

            #[inline(always)]
            fn min(self, other: Self) -> Self {
                self.zip(other, Ord::min)
            }

            #[inline(always)]
            fn max(self, other: Self) -> Self {
                self.zip(other, Ord::max)
            }

            #[inline(always)]
            fn at_least(self, other: Self) -> Self {
                self.zip(other, |a, b| if a >= b { !0 } else { 0 })
            }

            #[inline(always)]
            fn equal(self, other: Self) -> Self {
                self.zip(other, |a, b| if a == b { !0 } else { 0 })
            }

            #[inline(always)]
            fn bits(mask: Self) -> u64 {
                let mut bits = 0;
                for lane in mask.0.iter().rev() {
                    bits = bits << 1 | u64::from(lane >> (<$sample>::BITS - 1));
                }
                bits
            }
        }
    };
    ($sample:ty: $($op:ident $method:ident),*) => {
        $(impl $op for Plain<$sample> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.zip(other, <$sample>::$method)
            }
        })*
    };
}

plain!(u8);
plain!(u16);

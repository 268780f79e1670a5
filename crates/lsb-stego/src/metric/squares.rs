//! The sum of squared differences, at the speed of reading both images.

use alloc::vec::Vec;
use core::ops::Range;

use crate::arch::lanes::Lanes;
use crate::arch::{BLOCK, Simd, Task, dispatch};
use crate::join::Join;
use crate::plane::{PART, fold};
use crate::{Cover, Layout, Level, Sample};

/// Samples after which sums of 32 bits are emptied.
pub(super) const CHUNK: usize = 1 << 14;

/// The sum over the carrying channels; both covers have the layout of the first and as many samples.
pub(super) fn squares<J: Join, S: Sample>(
    level: Level,
    cover: Cover<'_, S>,
    stego: Cover<'_, S>,
) -> u128 {
    let layout = cover.layout();
    let (a, b) = (cover.samples(), stego.samples());
    let mask = Mask::<S>::new(&layout);
    // Cut between pixels, so that each part's mask begins with the first channel.
    let channels = usize::from(layout.channels());
    let sum = |pixels: Range<usize>| {
        let samples = pixels.start * channels..pixels.end * channels;
        let (a, b) = (&a[samples.clone()], &b[samples]);
        u128::from(dispatch(level, Squares { a, b, mask: &mask }))
    };
    fold::<J, u128>(0..a.len() / channels, PART, &sum, &|a, b| a + b)
}

/// Which bits of a sample count.
enum Mask<S> {
    /// All of every sample.
    All,
    /// These, over a whole number of pixels.
    Pattern(Vec<S>),
}

impl<S: Sample> Mask<S> {
    fn new(layout: &Layout) -> Self {
        let channels = usize::from(layout.channels());
        let carries = |channel: usize| layout.carrying() >> channel & 1 == 1;
        if u32::from(layout.bits_stored()) == S::BITS && (0..channels).all(carries) {
            return Self::All;
        }
        let stored = |channel| S::cut(if carries(channel) { layout.peak() } else { 0 });
        let pattern = (0..channels).map(stored).cycle();
        Self::Pattern(pattern.take(channels * (CHUNK / 8)).collect())
    }
}

struct Squares<'a, S> {
    a: &'a [S],
    b: &'a [S],
    mask: &'a Mask<S>,
}

impl<S: Sample> Task for Squares<'_, S> {
    type Output = u64;

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> u64 {
        match self.mask {
            Mask::All => {
                let chunks = self.a.chunks(CHUNK).zip(self.b.chunks(CHUNK));
                chunks
                    .map(|(a, b)| {
                        if let Some(sum) = near(simd, a, b) {
                            return sum;
                        }
                        chunk(
                            a.iter().zip(b).map(|(&a, &b)| (a.into(), b.into())),
                            S::WIDTH,
                        )
                    })
                    .sum()
            }
            Mask::Pattern(mask) => {
                let chunks = self.a.chunks(mask.len()).zip(self.b.chunks(mask.len()));
                chunks
                    .map(|(a, b)| {
                        let pairs = a.iter().zip(b).zip(mask).map(|((&a, &b), &mask)| {
                            let mask: u16 = mask.into();
                            (a.into() & mask, b.into() & mask)
                        });
                        chunk(pairs, S::WIDTH)
                    })
                    .sum()
            }
        }
    }
}

/// Of at most [`CHUNK`] samples that are near everywhere, as embedding leaves them: nowhere 16 apart, or 256 where they have
/// sixteen bits.
#[inline(always)]
fn near<V: Simd, S: Sample>(simd: V, a: &[S], b: &[S]) -> Option<u64> {
    if S::WIDTH == 8 {
        let [(a, a_rest), (b, b_rest)] = [a, b].map(<[S]>::as_chunks::<BLOCK>);
        let rest = a_rest.iter().zip(b_rest);
        let sum = S::Block::<V>::near_squares(simd, [a, b])?;
        return Some(sum + chunk(rest.map(|(&a, &b)| (a.into(), b.into())), 8));
    }
    let (mut sum, mut differences) = (0i32, 0u16);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b): (u16, u16) = (a.into(), b.into());
        let difference = a.abs_diff(b);
        // signed for the sake of `pmaddwd`: where that makes it another, it is above 255
        let factor = i32::from(difference.cast_signed());
        sum = sum.wrapping_add(factor * factor);
        differences |= difference;
    }
    // below 2^14 times 2^16
    (differences < 256).then(|| u64::from(sum.unsigned_abs()))
}

/// Of at most [`CHUNK`] pairs, which the compiler turns into SIMD instructions of the level.
#[inline(always)]
fn chunk(pairs: impl Iterator<Item = (u16, u16)>, width: u32) -> u64 {
    if width == 8 {
        // at most 255^2 each
        let sum: i32 = pairs
            .map(|(a, b)| {
                let difference = i32::from(a.cast_signed() - b.cast_signed());
                difference * difference
            })
            .sum();
        return u64::from(sum.unsigned_abs());
    }
    // A square has 32 bits: its halves are summed apart.
    let (mut low, mut high) = (0u32, 0u32);
    for (a, b) in pairs {
        let difference = a.abs_diff(b);
        let square = u32::from(difference) * u32::from(difference);
        low += square & 0xffff;
        high += square >> 16;
    }
    u64::from(low) + (u64::from(high) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::join::Serial;

    /// Every length around the lanes and the chunks, differences of four bits, of a little more, of fewer than eight and any, masks: what plain loops sum.
    #[test]
    fn every_level_sums_what_plain_loops_sum() {
        fn check<S: Sample + From<u8>>(samples: &[[S; 2]], layout: Layout) {
            let channels = usize::from(layout.channels());
            let carries = |i: usize| layout.carrying() >> (i % channels) & 1 == 1;
            let expected = samples.iter().enumerate().filter(|&(i, _)| carries(i));
            let expected: u128 = expected
                .map(|(_, pair)| {
                    let [a, b] = pair.map(|sample| Into::<u16>::into(sample) & layout.peak());
                    u128::from(a.abs_diff(b)).pow(2)
                })
                .sum();
            let [a, b] = [0, 1].map(|at| samples.iter().map(|pair| pair[at]).collect::<Vec<S>>());
            let [a, b] = [&a, &b].map(|samples| Cover::new(samples, layout).unwrap());
            for level in Level::available() {
                let found = squares::<Serial, S>(level, a, b);
                assert_eq!(found, expected, "{level:?}, {} samples", samples.len());
            }
        }
        for most in [0xf, 0x1f, 0x7f, u16::MAX] {
            let mut state = 1_u32;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let [_, _, low, high] = state.to_be_bytes();
                let a = u16::from_be_bytes([state.to_be_bytes()[0], state.to_be_bytes()[1]]);
                let b = u16::from_be_bytes([high, low]);
                [a, a ^ (b & most)]
            };
            let samples: Vec<[u16; 2]> = (0..40_000).map(|_| next()).collect();
            for pixels in (0..140).chain([4095, 4096, 4097, 13_000]) {
                for (channels, carrying) in [(1, 1), (3, 0b101)] {
                    let samples = &samples[..pixels * usize::from(channels)];
                    let layout = |bits: u8| {
                        let layout = Layout::new(bits).unwrap();
                        layout.with_channels(channels, carrying).unwrap()
                    };
                    check::<u16>(samples, layout(16));
                    check::<u16>(samples, layout(11));
                    let bytes = samples.iter().map(|pair| pair.map(|s| s.to_le_bytes()[0]));
                    let bytes: Vec<[u8; 2]> = bytes.collect();
                    check::<u8>(&bytes, layout(8));
                    check::<u8>(&bytes, layout(5));
                }
            }
        }
    }

    /// Differences above 65280 wrapped to less than 256 and were taken for them: 65535 alone counted 1. One difference alone,
    /// at either end of the samples, both ways: its square.
    #[test]
    fn no_difference_alone_is_taken_for_another() {
        let alone = [0, 1, 15, 16, 127, 128, 254, 255, 256, 257, 32_767, 32_768];
        for difference in alone.into_iter().chain(65_279..=u16::MAX) {
            for at in [0, 69] {
                let [mut a, b] = [[0; 70]; 2];
                a[at] = difference;
                let expected = u128::from(difference).pow(2);
                sums_to(&a, &b, expected);
                if let Ok(difference) = u8::try_from(difference) {
                    let [mut a, b] = [[0; 70]; 2];
                    a[at] = difference;
                    sums_to(&a, &b, expected);
                }
            }
        }
    }

    fn sums_to<S: Sample>(a: &[S], b: &[S], expected: u128) {
        let layout = Layout::new(u8::try_from(S::WIDTH).unwrap()).unwrap();
        for level in Level::available() {
            for [a, b] in [[a, b], [b, a]] {
                let [a, b] = [a, b].map(|samples| Cover::new(samples, layout).unwrap());
                let found = squares::<Serial, S>(level, a, b);
                assert_eq!(found, expected, "{level:?}");
            }
        }
    }
}

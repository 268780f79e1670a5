use core::ops::Range;

use super::roots;
use crate::arch::lanes::Lanes;
use crate::arch::{BLOCK, Simd, Task, dispatch};
use crate::cover::{Carriers, Reserved};
use crate::join::{Join, Serial};
use crate::plane::{PART, fold, planes};
use crate::{Bits, Cover, Level, Result, Sample};

/// Sample Pairs analysis: the estimated embedding rate of replacement, in bits per sample; about 0 for a cover.
///
/// Counts pairs of neighbours in a row. Natural images have as many pairs that rise from an even value as fall from one;
/// replacement moves pairs across in a way that a quadratic tells. Dumitrescu, Wu and Wang, "Detection of LSB steganography
/// via sample pair analysis", IEEE Transactions on Signal Processing 51 (2003), all pairs taken together. On small and
/// noisy images, and on sparse histograms of 16 bits, the estimate is far off, and leaves 0 to 1 by as much
/// on both sides. It is 0 where there is nothing to count.
///
/// # Errors
///
/// [`Error::Columns`](crate::Error::Columns) when the layout names no columns.
pub fn sample_pairs<S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    sample_pairs_at(Level::default(), cover)
}

/// [`sample_pairs`] at a level of SIMD instructions, for tests and measurements; every level gives the same, to the last bit.
///
/// # Errors
///
/// As [`sample_pairs`].
pub fn sample_pairs_at<S: Sample>(level: Level, cover: Cover<'_, S>) -> Result<f64> {
    sample_pairs_with::<Serial, S>(level, cover)
}

/// [`sample_pairs`] on every core, which pays from half a million samples on; below, it is the same.
///
/// # Errors
///
/// As [`sample_pairs`].
#[cfg(feature = "rayon")]
pub fn sample_pairs_par<S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    sample_pairs_with::<crate::join::Rayon, S>(Level::default(), cover)
}

fn sample_pairs_with<J: Join, S: Sample>(level: Level, cover: Cover<'_, S>) -> Result<f64> {
    let counts = count_pairs::<J, S>(level, cover)?;
    let [pairs, equal, close, x] =
        [counts.pairs, counts.equal, counts.close, counts.x].map(|count| count as f64);
    let y = pairs - equal - x;
    let roots = roots(close / 2.0, 2.0 * x - pairs, y - x);
    Ok(roots.map_or(0.0, |[a, b]| a.min(b)))
}

fn count_pairs<J: Join, S: Sample>(level: Level, cover: Cover<'_, S>) -> Result<Counts> {
    let layout = cover.layout();
    let (columns, channels) = (layout.columns(), usize::from(layout.channels()));
    let every = layout.carrying().count_ones() == u32::from(layout.channels());
    let reserved = Carriers::new(&layout, Bits::One)?.reserved();
    if let Ok(columns) = usize::try_from(columns)
        && columns > 0
        && every
    {
        let image = Image {
            samples: cover.samples(),
            columns,
            channels,
            stored: layout.peak(),
            reserved,
        };
        return Ok(image.count::<J>(level));
    }
    let mut counts = Counts::default();
    for plane in planes(cover)? {
        let image = Image {
            samples: &plane.values,
            columns: plane.columns,
            channels: 1,
            stored: layout.peak(),
            reserved: plane.reserved,
        };
        counts = counts.add(image.count::<J>(level));
    }
    Ok(counts)
}

/// Pairs of neighbours `r`, `s` in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    pairs: u64,
    equal: u64,
    /// Equal but for the lowest bit.
    close: u64,
    /// Rising to an even `s`, or falling to an odd one. The other unequal pairs are the paper's Y.
    x: u64,
}

impl Counts {
    fn add(self, other: Self) -> Self {
        Self {
            pairs: self.pairs + other.pairs,
            equal: self.equal + other.equal,
            close: self.close + other.close,
            x: self.x + other.x,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            pairs: self.pairs - other.pairs,
            equal: self.equal - other.equal,
            close: self.close - other.close,
            x: self.x - other.x,
        }
    }
}

#[derive(Clone, Copy)]
struct Image<'a, S> {
    samples: &'a [S],
    columns: usize,
    channels: usize,
    stored: u16,
    reserved: Option<Reserved>,
}

impl<S: Sample> Image<'_, S> {
    fn count<J: Join>(&self, level: Level) -> Counts {
        let stride = self.columns * self.channels;
        let rows = self.samples.len() / stride;
        let part = |rows: Range<usize>| {
            let samples = &self.samples[rows.start * stride..rows.end * stride];
            dispatch(level, Count(Image { samples, ..*self }))
        };
        fold::<J, Counts>(0..rows, PART.div_ceil(stride), &part, &Counts::add)
    }
}

struct Count<'a, S>(Image<'a, S>);

impl<S: Sample> Task for Count<'_, S> {
    type Output = Counts;

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> Counts {
        let Image {
            samples,
            columns,
            channels,
            stored,
            reserved,
        } = self.0;
        let stride = columns * channels;
        let mut counts = Counts::default();
        // Some rows as one, and then without the pairs across their ends, while those are in the cache: short rows would spend
        // their time on tails.
        for rows in samples.chunks(IN_CACHE.div_ceil(stride) * stride) {
            let pairs = rows.len().saturating_sub(channels);
            let (r, s) = (&rows[..pairs], &rows[channels..]);
            counts = counts.add(match reserved {
                None => neighbours::<V, S, false>(simd, r, s, stored, NONE),
                Some(reserved) => neighbours::<V, S, true>(simd, r, s, stored, reserved),
            });
            let mut across = Counts::default();
            for start in (stride..rows.len()).step_by(stride) {
                let (r, s) = (&rows[start - channels..start], &rows[start..][..channels]);
                across.pairs(r, s, stored, reserved.unwrap_or(NONE));
            }
            counts = counts.without(across);
        }
        counts
    }
}

/// No value is reserved.
const NONE: Reserved = Reserved {
    stored: 0,
    low: 1,
    high: 0,
};

/// Samples whose pairs across the ends of rows are looked at before they leave the first cache, mostly.
const IN_CACHE: usize = 1 << 14;

impl Counts {
    /// Of samples at one place, those of which neither is reserved.
    #[inline(always)]
    fn pairs<S: Sample>(&mut self, r: &[S], s: &[S], stored: u16, reserved: Reserved) {
        for (&r, &s) in r.iter().zip(s) {
            let (r, s) = (r.into() & stored, s.into() & stored);
            if !reserved.holds(r) && !reserved.holds(s) {
                self.pair(r, s);
            }
        }
    }

    #[inline(always)]
    fn pair(&mut self, r: u16, s: u16) {
        // With every bit inverted, greater is less.
        let odd = 0u16.wrapping_sub(s & 1);
        self.pairs += 1;
        self.equal += u64::from(r == s);
        self.close += u64::from(r ^ s < 2);
        self.x += u64::from(r ^ odd < s ^ odd);
    }
}

/// Blocks after which lanes that count are emptied: fewer than a lane of eight bits can count.
const FULL: usize = 255;

/// Counts pairs of samples at one place, 64 at a time, and looks for reserved ones only where it is told that there may be some.
#[inline(always)]
fn neighbours<V: Simd, S: Sample, const SOME: bool>(
    simd: V,
    r: &[S],
    s: &[S],
    stored: u16,
    reserved: Reserved,
) -> Counts {
    let splat = |value: u16| S::Block::<V>::splat(simd, S::cut(value));
    let (zero, one, mask) = (splat(0), splat(1), splat(stored));
    let (low, high) = (splat(reserved.low), splat(reserved.high));
    let mut counts = Counts::default();
    let (r, r_rest) = r.as_chunks::<BLOCK>();
    let (s, s_rest) = s.as_chunks::<BLOCK>();
    for (r, s) in r.chunks(FULL).zip(s.chunks(FULL)) {
        let (mut equal, mut close, mut x, mut left_out) = (zero, zero, zero, zero);
        for (r, s) in r.iter().zip(s) {
            simd.ahead(r);
            let mut r = S::Block::<V>::load(simd, r) & mask;
            let mut s = S::Block::<V>::load(simd, s) & mask;
            if SOME {
                let of_r = r.at_least(low) & high.at_least(r);
                let of_s = s.at_least(low) & high.at_least(s);
                // Two zeros are equal and close, and count for nothing else.
                (r, s) = (r.only(!(of_r | of_s)), s.only(!(of_r | of_s)));
                left_out = left_out.plus_one(of_r | of_s);
            }
            let odd = zero.minus(s & one);
            equal = equal.count(r, s);
            close = close.count((r ^ s).max(one), one);
            // Where r is at least s, which is where it does not count.
            x = x.count((r ^ odd).max(s ^ odd), r ^ odd);
        }
        let blocks = BLOCK as u64 * r.len() as u64;
        let left_out = total(left_out);
        counts.pairs += blocks - left_out;
        counts.equal += total(equal) - left_out;
        counts.close += total(close) - left_out;
        counts.x += blocks - total(x);
    }
    counts.pairs(r_rest, s_rest, stored, reserved);
    counts
}

/// The sum of all lanes.
#[inline(always)]
fn total<S: Sample, L: Lanes<Sample = S>>(lanes: L) -> u64 {
    let mut counts = [S::default(); BLOCK];
    lanes.store(&mut counts);
    counts
        .into_iter()
        .map(|count| u64::from(count.into()))
        .sum()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Every length around the lanes, both ends of the range often, lanes that overflow were they not emptied, values that are
    /// reserved: what plain loops count.
    #[test]
    fn every_level_counts_what_plain_loops_count() {
        fn check<S: Sample>(samples: &[S], columns: usize, channels: usize, stored: u16) {
            let some = Reserved {
                stored,
                low: 0x0808 & stored,
                high: 0x0fff & stored,
            };
            for reserved in [None, Some(some)] {
                check_reserved(samples, columns, channels, stored, reserved);
            }
        }
        fn check_reserved<S: Sample>(
            samples: &[S],
            columns: usize,
            channels: usize,
            stored: u16,
            reserved: Option<Reserved>,
        ) {
            let mut expected = Counts::default();
            for row in samples.chunks(columns * channels) {
                for (&r, &s) in row.iter().zip(row.iter().skip(channels)) {
                    let [r, s] = [r, s].map(|sample| Into::<u16>::into(sample) & stored);
                    let is_out = |value: &u16| {
                        reserved.is_some_and(|out| (out.low..=out.high).contains(value))
                    };
                    if [r, s].iter().any(is_out) {
                        continue;
                    }
                    expected.pairs += 1;
                    expected.equal += u64::from(r == s);
                    expected.close += u64::from(r / 2 == s / 2);
                    expected.x += u64::from(if s % 2 == 0 { r < s } else { r > s });
                }
            }
            let image = Image {
                samples,
                columns,
                channels,
                stored,
                reserved,
            };
            for level in Level::available() {
                let found = image.count::<Serial>(level);
                let size = (samples.len(), columns, channels, reserved);
                assert_eq!(found, expected, "{level:?}, {size:?}");
            }
        }
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match state >> 29 {
                0 => 0,
                1 => u16::MAX,
                2 | 3 => 0x0808 | u16::from(state.to_be_bytes()[0] & 1),
                _ => u16::from_be_bytes([state.to_be_bytes()[0], state.to_be_bytes()[1]]),
            }
        };
        let samples: Vec<u16> = (0..70_000).map(|_| next()).collect();
        for (columns, rows) in (1..140).map(|columns| (columns, 3)).chain([(23_000, 1)]) {
            for channels in [1, 3] {
                let samples = &samples[..columns * rows * channels];
                check::<u16>(samples, columns, channels, u16::MAX);
                check::<u16>(samples, columns, channels, 0x07ff);
                let bytes: Vec<u8> = samples.iter().map(|s| s.to_le_bytes()[0]).collect();
                check::<u8>(&bytes, columns, channels, 0xff);
            }
        }
    }
}

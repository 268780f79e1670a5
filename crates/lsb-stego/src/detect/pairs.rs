use core::ops::Range;

use super::roots;
use crate::arch::{Lane, Simd, Task, dispatch};
use crate::join::{Join, Serial};
use crate::plane::{PART, fold, planes};
use crate::{Cover, Level, Result, Sample};

/// Sample Pairs analysis: the estimated embedding rate of replacement, in bits per sample; about 0 for a cover.
///
/// Counts pairs of neighbours in a row. Natural images have as many pairs that rise from an even value as fall from one;
/// replacement moves pairs across in a way that a quadratic tells. Dumitrescu, Wu and Wang, "Detection of LSB steganography
/// via sample pair analysis", IEEE Transactions on Signal Processing 51 (2003), all pairs taken together. The estimate can
/// leave 0 to 1 a little, and is 0 where there is nothing to count.
///
/// # Errors
///
/// [`Error::Columns`](crate::Error::Columns) when the layout names no columns.
pub fn sample_pairs<S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    sample_pairs_with::<Serial, S>(cover)
}

/// [`sample_pairs`] on every core, which pays from half a million samples on; below, it is the same.
///
/// # Errors
///
/// As [`sample_pairs`].
#[cfg(feature = "rayon")]
pub fn sample_pairs_par<S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    sample_pairs_with::<crate::join::Rayon, S>(cover)
}

fn sample_pairs_with<J: Join, S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    let counts = count_pairs::<J, S>(cover)?;
    let [pairs, equal, close, x] =
        [counts.pairs, counts.equal, counts.close, counts.x].map(|count| count as f64);
    let y = pairs - equal - x;
    let roots = roots(close / 2.0, 2.0 * x - pairs, y - x);
    Ok(roots.map_or(0.0, |[a, b]| a.min(b)))
}

fn count_pairs<J: Join, S: Sample>(cover: Cover<'_, S>) -> Result<Counts> {
    let layout = cover.layout();
    let (columns, channels) = (layout.columns(), usize::from(layout.channels()));
    let every = layout.carrying().count_ones() == u32::from(layout.channels());
    if let Ok(columns) = usize::try_from(columns)
        && columns > 0
        && every
    {
        let image = Image {
            samples: cover.samples(),
            columns,
            channels,
            stored: layout.peak(),
        };
        return Ok(image.count::<J>());
    }
    let mut counts = Counts::default();
    for plane in planes(cover)? {
        let image = Image {
            samples: &plane.values,
            columns: plane.columns,
            channels: 1,
            stored: layout.peak(),
        };
        counts = counts.add(image.count::<J>());
    }
    Ok(counts)
}

/// Pairs of neighbours `r`, `s` in a row.
#[derive(Clone, Copy, Default)]
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
}

impl<S: Sample> Image<'_, S> {
    fn count<J: Join>(&self) -> Counts {
        let stride = self.columns * self.channels;
        let rows = self.samples.len() / stride;
        let level = Level::detect();
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
    fn run<V: Simd>(self, _: V) -> Counts {
        let Image {
            samples,
            columns,
            channels,
            stored,
        } = self.0;
        // All rows as one, and then without the pairs across their ends: short rows would spend their time on tails.
        let neighbours = |from: usize, to: usize| {
            let (r, s) = (&samples[from..to - channels], &samples[from + channels..to]);
            if S::WIDTH == 8 {
                neighbours8(r, s, stored)
            } else {
                neighbours16(r, s, stored)
            }
        };
        if samples.is_empty() {
            return Counts::default();
        }
        let mut counts = neighbours(0, samples.len());
        for start in (columns * channels..samples.len()).step_by(columns * channels) {
            counts = counts.without(neighbours(start - channels, start + channels));
        }
        counts
    }
}

/// Defines a function that counts over 32 lanes at once, as wide as the samples; they are emptied before they overflow.
///
/// A macro and plain indices, because the compiler turns these loops into SIMD instructions of the level, and the same loops
/// generic over the width, or all three in one, into code that is seven times slower.
macro_rules! neighbours {
    ($name:ident, $lane:ty) => {
        #[inline(always)]
        #[allow(
            clippy::cast_possible_truncation,
            trivial_numeric_casts,
            reason = "the samples are as wide as the lanes, of one width or the other"
        )]
        fn $name<S: Lane>(r: &[S], s: &[S], stored: u16) -> Counts {
            const N: usize = 32;
            let mask = stored as $lane;
            let mut counts = Counts {
                pairs: r.len() as u64,
                ..Counts::default()
            };
            let (r, r_rest) = r.as_chunks::<N>();
            let (s, s_rest) = s.as_chunks::<N>();
            for (r, s) in r
                .chunks(<$lane>::MAX as usize)
                .zip(s.chunks(<$lane>::MAX as usize))
            {
                let mut lanes = [[0 as $lane; N]; 3];
                let [equal, close, in_x] = &mut lanes;
                for (r, s) in r.iter().zip(s) {
                    let (mut a, mut b) = ([0 as $lane; N], [0 as $lane; N]);
                    for i in 0..N {
                        a[i] = r[i].into() as $lane & mask;
                    }
                    for i in 0..N {
                        b[i] = s[i].into() as $lane & mask;
                    }
                    for i in 0..N {
                        equal[i] = equal[i].wrapping_add((a[i] == b[i]) as $lane);
                    }
                    for i in 0..N {
                        close[i] = close[i].wrapping_add(((a[i] ^ b[i]) < 2) as $lane);
                    }
                    for i in 0..N {
                        // With every bit inverted, greater is less.
                        let odd = (0 as $lane).wrapping_sub(b[i] & 1);
                        in_x[i] = in_x[i].wrapping_add(((a[i] ^ odd) < (b[i] ^ odd)) as $lane);
                    }
                }
                let [equal, close, in_x] =
                    lanes.map(|lanes| lanes.into_iter().map(u64::from).sum::<u64>());
                counts.equal += equal;
                counts.close += close;
                counts.x += in_x;
            }
            for (&r, &s) in r_rest.iter().zip(s_rest) {
                let (r, s) = (r.into() & stored, s.into() & stored);
                counts.equal += u64::from(r == s);
                counts.close += u64::from(r ^ s < 2);
                counts.x += u64::from(if s & 1 == 0 { r < s } else { r > s });
            }
            counts
        }
    };
}

neighbours!(neighbours8, u8);
neighbours!(neighbours16, u16);

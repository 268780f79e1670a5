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
        let mut counts = Counts::default();
        for row in samples.chunks_exact(columns * channels) {
            let (r, s) = (&row[..row.len() - channels], &row[channels..]);
            counts = counts.add(if S::WIDTH == 8 {
                neighbours::<S, u8, 64>(r, s, stored)
            } else {
                neighbours::<S, u16, 32>(r, s, stored)
            });
        }
        counts
    }
}

/// Counts over `N` lanes at once, in lanes as wide as the samples, which are emptied before they can overflow.
#[inline(always)]
fn neighbours<S: Lane, C: Lanes, const N: usize>(r: &[S], s: &[S], stored: u16) -> Counts {
    let mut counts = Counts {
        pairs: r.len() as u64,
        ..Counts::default()
    };
    let (r, r_rest) = r.as_chunks::<N>();
    let (s, s_rest) = s.as_chunks::<N>();
    for (r, s) in r.chunks(C::MOST).zip(s.chunks(C::MOST)) {
        let (mut equal, mut close, mut x) = ([C::ZERO; N], [C::ZERO; N], [C::ZERO; N]);
        for (r, s) in r.iter().zip(s) {
            for lane in 0..N {
                let found = look(r[lane].into() & stored, s[lane].into() & stored);
                equal[lane].count(found[0]);
                close[lane].count(found[1]);
                x[lane].count(found[2]);
            }
        }
        let sum = |lanes: [C; N]| lanes.into_iter().map(Into::<u64>::into).sum::<u64>();
        counts.equal += sum(equal);
        counts.close += sum(close);
        counts.x += sum(x);
    }
    for (&r, &s) in r_rest.iter().zip(s_rest) {
        let [equal, close, x] = look(r.into() & stored, s.into() & stored);
        counts.equal += u64::from(equal);
        counts.close += u64::from(close);
        counts.x += u64::from(x);
    }
    counts
}

/// Whether a pair is equal, close, and in X.
#[inline(always)]
const fn look(r: u16, s: u16) -> [bool; 3] {
    let differs = r ^ s;
    let even = s & 1 == 0;
    [r == s, differs < 2, (even & (r < s)) | (!even & (r > s))]
}

/// A lane that counts.
trait Lanes: Copy + Into<u64> {
    const ZERO: Self;
    /// The most that it counts to.
    const MOST: usize;

    fn count(&mut self, found: bool);
}

impl Lanes for u8 {
    const ZERO: Self = 0;
    const MOST: usize = 255;

    #[inline(always)]
    fn count(&mut self, found: bool) {
        *self += Self::from(found);
    }
}

impl Lanes for u16 {
    const ZERO: Self = 0;
    const MOST: usize = 65_535;

    #[inline(always)]
    fn count(&mut self, found: bool) {
        *self += Self::from(found);
    }
}

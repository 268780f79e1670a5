//! What a change of a sample costs, for embedding that adapts to the content: texture hides changes, smooth ground does not.
//!
//! Every channel is a picture of its own. At its borders it is mirrored, edge samples included, as the reference
//! implementations do; frames of a series are more rows. Costs are relative: only their ratios matter.
//!
//! ```
//! use lsb_stego::cost::{self, Costs};
//! use lsb_stego::{Cover, Layout};
//!
//! // smooth on the left, rough on the right
//! let samples: Vec<u8> = (0..64 * 64u32)
//!     .map(|i| if i % 64 < 32 { 100 } else { 100 + (i * i / 7 % 50) as u8 })
//!     .collect();
//! let cover = Cover::new(&samples, Layout::new(8)?.with_columns(64)?)?;
//! for model in [Costs::Hill, Costs::Suniward] {
//!     let costs = cost::map(cover, model)?;
//!     assert!(costs[32 * 64 + 4] > 3.0 * costs[32 * 64 + 60]);
//! }
//! # Ok::<(), lsb_stego::Error>(())
//! ```

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::adaptive::Movable;
use crate::arch::{Level, Simd, Task, dispatch};
use crate::join::{Join, Serial};
use crate::{Cover, Error, Result, Sample};

mod hill;
mod lines;
mod suniward;

/// A model of what changes cost.
///
/// ```
/// use lsb_stego::cost::Costs;
///
/// assert_eq!(Costs::default(), Costs::Hill);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Costs {
    /// Every sample the same: fewest changes, wherever they fall.
    Uniform,
    /// HILL (Li, Wang, Huang, Li 2014): the Ker-Böhme residual, averaged over 3 x 3; its inverse, averaged over 15 x 15.
    #[default]
    Hill,
    /// S-UNIWARD (Holub, Fridrich, Denemark 2014): relative changes of the wavelet coefficients that a sample takes part in,
    /// Daubechies 8, one level, three directions; sigma is 1.
    Suniward,
}

/// What a change of each sample by one costs: finite for those that the adaptive scheme may move, infinite for all others
/// (values at an end of the stored range or beside it with no way to move, reserved values, channels that do not carry).
///
/// Samples count as whole numbers from 0 to the largest stored value, whatever the bits stored. It is `f32` all through: of the same in
/// `f64` it is off by less than one in 10^6, and under S-UNIWARD, in noise between the ends of the range, by less than 6 in 10^8
/// times the largest stored value (0.0015 % at 8 bits, 0.4 % at 16). Memory: the result, and a few dozen rows.
///
/// # Errors
///
/// [`Error::Columns`] when the layout names no columns.
pub fn map<S: Sample>(cover: Cover<'_, S>, model: Costs) -> Result<Vec<f32>> {
    map_at(Level::default(), cover, model)
}

/// [`map`] at a level of SIMD instructions, for tests and measurements; every level gives the same costs, to the last bit: the
/// same operations on `f32` in the same order, none of them fused.
///
/// # Errors
///
/// As [`map`].
pub fn map_at<S: Sample>(level: Level, cover: Cover<'_, S>, model: Costs) -> Result<Vec<f32>> {
    map_with::<Serial, S>(level, cover, model)
}

/// [`map`] on every core.
///
/// # Errors
///
/// As [`map`].
#[cfg(feature = "rayon")]
pub fn map_par<S: Sample>(cover: Cover<'_, S>, model: Costs) -> Result<Vec<f32>> {
    map_with::<crate::join::Rayon, S>(Level::default(), cover, model)
}

pub(crate) fn map_with<J: Join, S: Sample>(
    level: Level,
    cover: Cover<'_, S>,
    model: Costs,
) -> Result<Vec<f32>> {
    let columns = columns(cover)?;
    let layout = cover.layout();
    let channels = usize::from(layout.channels());
    let mut costs = vec![f32::INFINITY; cover.samples().len()];
    if costs.is_empty() {
        return Ok(costs);
    }
    for channel in (0..channels).filter(|channel| layout.carrying() >> channel & 1 == 1) {
        let mut plane = Plane {
            samples: cover.samples(),
            columns,
            rows: cover.samples().len() / (columns * channels),
            channels,
            channel,
            stored: layout.peak(),
            mean: 0,
            movable: Movable::new(&layout),
        };
        plane.mean = plane.mean();
        let rows = 0..plane.rows;
        bands::<J, S>(&plane, model, level, rows, &mut costs);
    }
    Ok(costs)
}

/// The pixels of a row.
///
/// # Errors
///
/// [`Error::Columns`] when the layout names none.
pub(crate) fn columns<S: Sample>(cover: Cover<'_, S>) -> Result<usize> {
    // A cover whose layout names columns has whole rows of them.
    match usize::try_from(cover.layout().columns()) {
        Ok(columns) if columns > 0 => Ok(columns),
        _ => Err(Error::Columns {
            columns: cover.layout().columns(),
            samples: cover.samples().len(),
        }),
    }
}

/// Rows that are worth a task of their own: a band works on up to 30 rows beyond its own.
const ROWS: usize = 128;

fn bands<J: Join, S: Sample>(
    plane: &Plane<'_, S>,
    model: Costs,
    level: Level,
    rows: Range<usize>,
    costs: &mut [f32],
) {
    if J::PART == usize::MAX || rows.len() < 2 * ROWS {
        let band = Band {
            plane,
            model,
            rows,
            costs,
        };
        return dispatch(level, band);
    }
    let middle = rows.start + rows.len() / 2;
    let before = (middle - rows.start) * plane.columns * plane.channels;
    let (first, second) = costs.split_at_mut(before);
    J::join(
        || bands::<J, S>(plane, model, level, rows.start..middle, first),
        || bands::<J, S>(plane, model, level, middle..rows.end, second),
    );
}

/// One channel of a cover.
pub(crate) struct Plane<'a, S> {
    samples: &'a [S],
    columns: usize,
    rows: usize,
    channels: usize,
    channel: usize,
    stored: u16,
    /// About the mean value: taken off before filters that do not see it, so that `f32` rounds the rest only.
    mean: u16,
    movable: Movable,
}

impl<S: Sample> Plane<'_, S> {
    fn mean(&self) -> u16 {
        let values = self
            .samples
            .iter()
            .skip(self.channel)
            .step_by(self.channels);
        let sum: u64 = values
            .map(|&sample| u64::from(Into::<u16>::into(sample) & self.stored))
            .sum();
        u16::try_from(sum / (self.rows * self.columns) as u64).unwrap_or(0)
    }

    /// A row and `pad` samples on either side of it; rows above the first and below the last are mirrored.
    #[inline(always)]
    fn row(&self, row: isize, pad: usize, line: &mut [f32]) {
        let start = mirrored(row, self.rows) * self.columns * self.channels;
        let source = &self.samples[start..][..self.columns * self.channels];
        let number = |sample: S| {
            let value = i32::from(Into::<u16>::into(sample) & self.stored) - i32::from(self.mean);
            // Exact: 17 bits.
            value as f32
        };
        let inner = &mut line[pad..][..self.columns];
        if self.channels == 1 {
            for (value, &sample) in inner.iter_mut().zip(source) {
                *value = number(sample);
            }
        } else {
            let source = source.iter().skip(self.channel).step_by(self.channels);
            for (value, &sample) in inner.iter_mut().zip(source) {
                *value = number(sample);
            }
        }
        for beside in 1..=pad {
            let beyond = beside.cast_signed();
            line[pad - beside] = line[pad + mirrored(-beyond, self.columns)];
            let after = self.columns.cast_signed() - 1 + beyond;
            line[pad + self.columns - 1 + beside] = line[pad + mirrored(after, self.columns)];
        }
    }

    /// Writes costs of a row where samples can move.
    #[inline(always)]
    fn put(&self, row: usize, line: &[f32], costs: &mut [f32]) {
        let start = row * self.columns * self.channels;
        let width = self.columns * self.channels;
        let samples = &self.samples[start..][..width];
        for (column, &cost) in line[..self.columns].iter().enumerate() {
            let at = column * self.channels + self.channel;
            if self.movable.value_holds(samples[at].into()) {
                costs[at] = cost;
            }
        }
    }
}

/// The place of `index` in a line of `count` that is mirrored at both ends, edges included, again and again.
fn mirrored(index: isize, count: usize) -> usize {
    let count = count.cast_signed();
    let within = index.rem_euclid(2 * count);
    if within < count {
        within
    } else {
        2 * count - 1 - within
    }
    .unsigned_abs()
}

/// Rows of a plane, and the costs of all channels in them.
struct Band<'a, S> {
    plane: &'a Plane<'a, S>,
    model: Costs,
    rows: Range<usize>,
    costs: &'a mut [f32],
}

impl<S: Sample> Task for Band<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, _: V) {
        let Self {
            plane,
            model,
            rows,
            costs,
        } = self;
        let width = plane.columns * plane.channels;
        let first = rows.start;
        let put = |row: usize, line: &[f32]| {
            plane.put(row, line, &mut costs[(row - first) * width..][..width]);
        };
        match model {
            Costs::Uniform => lines::constant(plane.columns, rows, put),
            Costs::Hill => hill::band(plane, rows, put),
            Costs::Suniward => suniward::band(plane, rows, put),
        }
    }
}

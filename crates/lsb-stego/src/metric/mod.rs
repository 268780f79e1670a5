//! How far a stego image is from its cover: distortion, similarity, what changed.
//!
//! Every figure is of the carrying channels; bits that are not stored do not count.
//!
//! ```
//! use lsb_stego::metric::{Peak, compare};
//! use lsb_stego::{Cover, Layout};
//!
//! let layout = Layout::new(8)?;
//! let compared = compare(Cover::new(&[10u8, 20, 30, 40], layout)?, Cover::new(&[11u8, 20, 30, 40], layout)?)?;
//! assert_eq!(compared.changed(), 1);
//! assert_eq!(compared.mse(), 0.25);
//! assert!((compared.psnr(Peak::Stored) - 54.151_4).abs() < 1e-4);
//! # Ok::<(), lsb_stego::Error>(())
//! ```

#![expect(
    clippy::cast_precision_loss,
    reason = "figures for people, right to 15 digits"
)]

use core::ops::Range;
use std::vec;
use std::vec::Vec;

use crate::arch::{Simd, Task, dispatch};
use crate::join::{Join, Serial};
use crate::plane::{PART, fold};
use crate::{Cover, Error, Level, Result, Sample};

mod squares;
mod ssim;

use squares::CHUNK;

pub use ssim::ssim;
#[cfg(feature = "rayon")]
pub use ssim::{ssim_against_par, ssim_par};

/// What a signal's power is measured against; a PSNR without it is half a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peak {
    /// The largest value that can be stored, `2^bits_stored - 1`.
    Stored,
    /// The range that the cover really uses, its largest value minus its smallest: 0 where it has one value, against which
    /// nothing can be measured but that two images are equal.
    Range,
}

/// A stego image beside its cover.
#[derive(Clone, Debug)]
pub struct Comparison {
    samples: u64,
    changed: u64,
    largest: u16,
    squares: u128,
    stored: u16,
    low: u16,
    high: u16,
    correlation: f64,
    /// Sum over all values of how often it is in one and not in the other.
    moved: u64,
}

/// Compares two images of one layout, sample by sample.
///
/// # Errors
///
/// [`Error::Lengths`] when one has more samples than the other. The layout is the cover's.
pub fn compare<S: Sample>(cover: Cover<'_, S>, stego: Cover<'_, S>) -> Result<Comparison> {
    compare_at(Level::default(), cover, stego)
}

/// [`compare`] at a level of SIMD instructions, for tests and measurements; every level gives the same figures, to the last bit.
///
/// # Errors
///
/// As [`compare`].
pub fn compare_at<S: Sample>(
    level: Level,
    cover: Cover<'_, S>,
    stego: Cover<'_, S>,
) -> Result<Comparison> {
    compare_with::<Serial, S>(level, cover, stego)
}

/// [`compare`] on every core, which pays from half a million pixels on; below, it is the same.
///
/// # Errors
///
/// As [`compare`].
#[cfg(feature = "rayon")]
pub fn compare_par<S: Sample>(cover: Cover<'_, S>, stego: Cover<'_, S>) -> Result<Comparison> {
    compare_with::<crate::join::Rayon, S>(Level::default(), cover, stego)
}

/// Mean squared error alone, at the speed of reading both images.
///
/// # Errors
///
/// As [`compare`].
///
/// ```
/// use lsb_stego::{Cover, Layout, metric};
///
/// let layout = Layout::new(8)?;
/// let (cover, stego) = ([10u8, 20, 30, 40], [12u8, 20, 30, 40]);
/// assert_eq!(metric::mse(Cover::new(&cover, layout)?, Cover::new(&stego, layout)?)?, 1.0);
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn mse<S: Sample>(cover: Cover<'_, S>, stego: Cover<'_, S>) -> Result<f64> {
    mse_at(Level::default(), cover, stego)
}

/// [`mse`] at a level of SIMD instructions, for tests and measurements; every level gives the same, to the last bit.
///
/// # Errors
///
/// As [`compare`].
///
/// ```
/// use lsb_stego::{Cover, Layout, Level, metric};
///
/// let layout = Layout::new(8)?;
/// let (cover, stego) = ([10u8, 20, 30, 40], [12u8, 20, 30, 40]);
/// let [cover, stego] = [&cover, &stego].map(|samples| Cover::new(samples, layout).unwrap());
/// for level in Level::available() {
///     assert_eq!(metric::mse_at(level, cover, stego)?, 1.0);
/// }
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn mse_at<S: Sample>(level: Level, cover: Cover<'_, S>, stego: Cover<'_, S>) -> Result<f64> {
    mse_with::<Serial, S>(level, cover, stego)
}

/// [`mse`] on every core, which pays from half a million pixels on; below, it is the same.
///
/// # Errors
///
/// As [`compare`].
#[cfg(feature = "rayon")]
pub fn mse_par<S: Sample>(cover: Cover<'_, S>, stego: Cover<'_, S>) -> Result<f64> {
    mse_with::<crate::join::Rayon, S>(Level::default(), cover, stego)
}

/// Peak signal-to-noise ratio in decibels for a mean squared error, `10 log10(peak^2 / mse)`; infinite when nothing differs,
/// whatever the peak, and minus infinity when something does and the peak is 0.
///
/// ```
/// assert_eq!(lsb_stego::metric::psnr(255, 65025.0), 0.0);
/// assert_eq!(lsb_stego::metric::psnr(0, 0.0), f64::INFINITY);
/// assert_eq!(lsb_stego::metric::psnr(0, 1.0), f64::NEG_INFINITY);
/// ```
#[must_use]
pub fn psnr(peak: u16, mse: f64) -> f64 {
    let peak = f64::from(peak);
    if mse == 0.0 {
        f64::INFINITY
    } else {
        10.0 * (peak * peak / mse).log10()
    }
}

fn lengths<S: Sample>(cover: Cover<'_, S>, stego: Cover<'_, S>) -> Result<()> {
    let (expected, found) = (cover.samples().len(), stego.samples().len());
    if expected == found {
        Ok(())
    } else {
        Err(Error::Lengths { expected, found })
    }
}

fn mse_with<J: Join, S: Sample>(
    level: Level,
    cover: Cover<'_, S>,
    stego: Cover<'_, S>,
) -> Result<f64> {
    lengths(cover, stego)?;
    let layout = cover.layout();
    let pixels = cover.samples().len() / usize::from(layout.channels());
    let carrying = pixels as u64 * u64::from(layout.carrying().count_ones());
    Ok(ratio(
        squares::squares::<J, S>(level, cover, stego) as f64,
        carrying,
    ))
}

fn compare_with<J: Join, S: Sample>(
    level: Level,
    cover: Cover<'_, S>,
    stego: Cover<'_, S>,
) -> Result<Comparison> {
    lengths(cover, stego)?;
    let layout = cover.layout();
    let channels = usize::from(layout.channels());
    let all: Vec<(&[S], &[S])> = (0..channels)
        .filter(|channel| layout.carrying() >> channel & 1 == 1)
        .map(|channel| {
            let (a, b) = (cover.samples(), stego.samples());
            let channel = channel.min(a.len());
            (&a[channel..], &b[channel..])
        })
        .collect();
    let part = |pixels: Range<usize>| {
        let mut part = Part::new(layout.peak());
        for (a, b) in &all {
            let samples = pixels.start * channels..(pixels.end * channels).min(a.len());
            let [a, b] = [a, b].map(|of| of.get(samples.clone()).unwrap_or_default());
            let part = &mut part;
            dispatch(
                level,
                Channel {
                    a,
                    b,
                    channels,
                    part,
                },
            );
        }
        part
    };
    let pixels = cover.samples().len() / channels;
    let whole = fold::<J, Part>(0..pixels, PART, &part, &Part::join);
    Ok(Comparison {
        samples: u64::try_from(whole.sums.n).unwrap_or(u64::MAX),
        changed: whole.changed,
        largest: whole.largest,
        squares: squares::squares::<J, S>(level, cover, stego),
        stored: layout.peak(),
        low: whole.low,
        high: whole.high,
        correlation: whole.sums.correlation(),
        moved: whole.histogram.iter().map(|n| n.unsigned_abs()).sum(),
    })
}

/// The samples of one channel of two images, with which both begin.
struct Channel<'a, S> {
    a: &'a [S],
    b: &'a [S],
    channels: usize,
    part: &'a mut Part,
}

impl<S: Sample> Task for Channel<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, _: V) {
        let Self {
            a,
            b,
            channels,
            part,
        } = self;
        let stored = u16::try_from(part.histogram.len() - 1).unwrap_or(u16::MAX);
        let value = |&sample: &S| Into::<u16>::into(sample) & stored;
        let length = CHUNK * channels;
        for (a, b) in a.chunks(length).zip(b.chunks(length)) {
            if channels == 1 {
                part.add(a.iter().map(value).zip(b.iter().map(value)));
            } else {
                let [a, b] = [a, b].map(|of| of.iter().step_by(channels).map(value));
                part.add(a.zip(b));
            }
        }
    }
}

/// What a part of two images says.
struct Part {
    changed: u64,
    largest: u16,
    low: u16,
    high: u16,
    sums: Sums,
    /// How often each value is in the cover, minus how often it is in the stego image.
    histogram: Vec<i64>,
}

impl Part {
    fn new(stored: u16) -> Self {
        Self {
            changed: 0,
            largest: 0,
            low: u16::MAX,
            high: 0,
            sums: Sums::default(),
            histogram: vec![0; usize::from(stored) + 1],
        }
    }

    /// Adds at most [`CHUNK`] pairs of samples, which the compiler turns into SIMD instructions of the level where they follow one another.
    #[inline(always)]
    fn add(&mut self, pairs: impl Iterator<Item = (u16, u16)> + Clone) {
        let (mut n, mut a_sum, mut b_sum, mut changed) = (0u32, 0u32, 0u32, 0u32);
        let (mut aa, mut bb, mut ab) = (0u64, 0u64, 0u64);
        let (mut largest, mut low, mut high) = (0u16, u16::MAX, 0u16);
        for (a, b) in pairs.clone() {
            let difference = a.abs_diff(b);
            changed += u32::from(difference > 0);
            largest = largest.max(difference);
            (low, high) = (low.min(a), high.max(a));
            let (a, b) = (u32::from(a), u32::from(b));
            n += 1;
            a_sum += a;
            b_sum += b;
            aa += u64::from(a * a);
            bb += u64::from(b * b);
            ab += u64::from(a * b);
        }
        self.changed += u64::from(changed);
        self.largest = self.largest.max(largest);
        (self.low, self.high) = (self.low.min(low), self.high.max(high));
        self.sums.add(Sums {
            n: n.into(),
            a: a_sum.into(),
            b: b_sum.into(),
            aa: aa.into(),
            bb: bb.into(),
            ab: ab.into(),
        });
        if changed > 0 {
            for (a, b) in pairs.filter(|(a, b)| a != b) {
                self.histogram[usize::from(a)] += 1;
                self.histogram[usize::from(b)] -= 1;
            }
        }
    }

    fn join(mut self, other: Self) -> Self {
        self.changed += other.changed;
        self.largest = self.largest.max(other.largest);
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self.sums.add(other.sums);
        for (count, other) in self.histogram.iter_mut().zip(other.histogram) {
            *count += other;
        }
        self
    }
}

impl Comparison {
    /// Samples of carrying channels.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// Samples that differ.
    #[must_use]
    pub const fn changed(&self) -> u64 {
        self.changed
    }

    /// The share of samples that differ, 0 to 1.
    #[must_use]
    pub fn changed_share(&self) -> f64 {
        ratio(self.changed as f64, self.samples)
    }

    /// The largest difference of a sample.
    #[must_use]
    pub const fn largest(&self) -> u16 {
        self.largest
    }

    /// Mean squared error.
    #[must_use]
    pub fn mse(&self) -> f64 {
        ratio(self.squares as f64, self.samples)
    }

    /// The value that [`psnr`](Self::psnr) takes as the peak.
    #[must_use]
    pub const fn peak(&self, peak: Peak) -> u16 {
        match peak {
            Peak::Stored => self.stored,
            Peak::Range => self.high.saturating_sub(self.low),
        }
    }

    /// Peak signal-to-noise ratio in decibels, `10 log10(peak^2 / mse)`; infinite when nothing differs. Against the range of a
    /// cover of one value, from which something differs, it is minus infinity, and says nothing.
    #[must_use]
    pub fn psnr(&self, peak: Peak) -> f64 {
        psnr(self.peak(peak), self.mse())
    }

    /// Normalised cross-correlation about the means (Pearson's), 1 for equal images.
    #[must_use]
    pub const fn ncc(&self) -> f64 {
        self.correlation
    }

    /// Total variation distance of the histograms: the share of samples that would have to take another value to make
    /// one histogram the other, 0 to 1.
    #[must_use]
    pub fn histogram_distance(&self) -> f64 {
        ratio(self.moved as f64 / 2.0, self.samples)
    }

    /// Embedding efficiency: payload bits per changed sample; infinite when nothing changed, and 0 without a payload.
    #[must_use]
    pub fn efficiency(&self, payload_bits: u64) -> f64 {
        if payload_bits == 0 {
            0.0
        } else {
            payload_bits as f64 / self.changed as f64
        }
    }
}

fn ratio(part: f64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part / whole as f64 }
}

/// Sums of values, squares and products, exact: of 2^63 samples at most, which no memory holds.
#[derive(Default)]
struct Sums {
    n: i128,
    a: i128,
    b: i128,
    aa: i128,
    bb: i128,
    ab: i128,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.n += other.n;
        self.a += other.a;
        self.b += other.b;
        self.aa += other.aa;
        self.bb += other.bb;
        self.ab += other.ab;
    }

    fn correlation(&self) -> f64 {
        let covariance = self.n * self.ab - self.a * self.b;
        let variances = (
            self.n * self.aa - self.a * self.a,
            self.n * self.bb - self.b * self.b,
        );
        match variances {
            (0, 0) => 1.0,
            (0, _) | (_, 0) => 0.0,
            (a, b) => covariance as f64 / ((a as f64).sqrt() * (b as f64).sqrt()),
        }
    }
}

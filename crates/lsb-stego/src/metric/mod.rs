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

use std::vec;
use std::vec::Vec;

use crate::{Cover, Error, Result, Sample};

mod ssim;

pub use ssim::ssim;

/// What a signal's power is measured against; a PSNR without it is half a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peak {
    /// The largest value that can be stored, `2^bits_stored - 1`.
    Stored,
    /// The range that the cover really uses, its largest value minus its smallest.
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
    let (a, b) = (cover.samples(), stego.samples());
    if a.len() != b.len() {
        return Err(Error::Lengths {
            expected: a.len(),
            found: b.len(),
        });
    }
    let layout = cover.layout();
    let stored = layout.peak();
    let carries = |channel: &u8| layout.carrying() >> channel & 1 == 1;
    let carrying: Vec<bool> = (0..layout.channels()).map(|c| carries(&c)).collect();
    let mut compared = Comparison {
        samples: 0,
        changed: 0,
        largest: 0,
        squares: 0,
        stored,
        low: u16::MAX,
        high: 0,
        correlation: 1.0,
        moved: 0,
    };
    let mut histogram = vec![0_i64; usize::from(stored) + 1];
    let mut sums = Sums::default();
    for ((&a, &b), _) in a
        .iter()
        .zip(b)
        .zip(carrying.iter().cycle())
        .filter(|(_, carries)| **carries)
    {
        let (a, b): (u16, u16) = (a.into(), b.into());
        let (a, b) = (a & stored, b & stored);
        let difference = a.abs_diff(b);
        compared.samples += 1;
        compared.changed += u64::from(difference > 0);
        compared.largest = compared.largest.max(difference);
        compared.squares += u128::from(u32::from(difference).pow(2));
        compared.low = compared.low.min(a);
        compared.high = compared.high.max(a);
        histogram[usize::from(a)] += 1;
        histogram[usize::from(b)] -= 1;
        sums.add(a, b);
    }
    compared.moved = histogram.iter().map(|n| n.unsigned_abs()).sum();
    compared.correlation = sums.correlation();
    Ok(compared)
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

    /// Peak signal-to-noise ratio in decibels, `10 log10(peak^2 / mse)`; infinite when nothing differs.
    #[must_use]
    pub fn psnr(&self, peak: Peak) -> f64 {
        let peak = f64::from(self.peak(peak));
        if self.squares == 0 {
            f64::INFINITY
        } else {
            10.0 * (peak * peak / self.mse()).log10()
        }
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

    /// Embedding efficiency: payload bits per changed sample; infinite when nothing changed.
    #[must_use]
    pub fn efficiency(&self, payload_bits: u64) -> f64 {
        payload_bits as f64 / self.changed as f64
    }
}

fn ratio(part: f64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part / whole as f64 }
}

/// Sums of values, squares and products, exact.
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
    fn add(&mut self, a: u16, b: u16) {
        let (a, b) = (i128::from(a), i128::from(b));
        self.n += 1;
        self.a += a;
        self.b += b;
        self.aa += a * a;
        self.bb += b * b;
        self.ab += a * b;
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

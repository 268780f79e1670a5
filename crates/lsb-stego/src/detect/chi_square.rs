use core::ops::Range;
use std::vec;
use std::vec::Vec;

use crate::cover::Carriers;
use crate::join::{Join, Serial};
use crate::plane::{PART, fold, planes};
use crate::{Bits, Cover, Result, Sample};

/// What the chi-square attack finds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChiSquare {
    /// The statistic: how far pairs of values are from being equally frequent.
    pub statistic: f64,
    /// Its degrees of freedom: pairs of values that were counted, minus one.
    pub degrees: u32,
    /// The probability that such equality is not chance: near 1 when a payload fills the image, near 0 otherwise.
    pub probability: f64,
}

/// Fewer samples than this in a pair of values say nothing (Westfeld and Pfitzmann's own limit).
const EXPECTED: u64 = 4;

/// Chi-square attack: replacement makes the values 2i and 2i+1 equally frequent.
///
/// Westfeld and Pfitzmann, "Attacks on steganographic systems", Information Hiding 1999. Over the whole image, so it sees
/// payloads that fill it; a payload at the beginning is seen by looking at the first rows alone.
///
/// # Errors
///
/// [`Error::Columns`](crate::Error::Columns) when the layout names no columns.
pub fn chi_square<S: Sample>(cover: Cover<'_, S>) -> Result<ChiSquare> {
    chi_square_with::<Serial, S>(cover)
}

/// [`chi_square`] on every core from half a million pixels on, or a million of 16 bits, with the same result to the last bit.
///
/// # Errors
///
/// As [`chi_square`].
#[cfg(feature = "rayon")]
pub fn chi_square_par<S: Sample>(cover: Cover<'_, S>) -> Result<ChiSquare> {
    chi_square_with::<crate::join::Rayon, S>(cover)
}

fn chi_square_with<J: Join, S: Sample>(cover: Cover<'_, S>) -> Result<ChiSquare> {
    let mut histogram = vec![0_u64; usize::from(cover.layout().peak()) + 2];
    let length = histogram.len();
    let sum = |mut first: Vec<u64>, second: Vec<u64>| {
        first
            .iter_mut()
            .zip(second)
            .for_each(|(sum, count)| *sum += count);
        first
    };
    for plane in planes(cover)? {
        let count = |part: Range<usize>| {
            let mut counts = vec![0; length];
            for &value in plane.values.get(part).unwrap_or_default() {
                counts[usize::from(value)] += 1;
            }
            counts
        };
        // Each part has a histogram of its own, which must be worth adding.
        let least = PART.max(8 * length);
        let found = fold::<J, _>(0..plane.values.len(), least, &count, &sum);
        histogram = sum(histogram, found);
    }
    if let Some(reserved) = Carriers::new(&cover.layout(), Bits::One)?.reserved() {
        // whole pairs, as what carries is the same before embedding and after
        histogram[usize::from(reserved.low)..=usize::from(reserved.high)].fill(0);
    }
    let mut statistic = 0.0;
    let mut pairs = 0_u32;
    for pair in histogram.chunks_exact(2) {
        let both = pair[0] + pair[1];
        if both > 2 * EXPECTED {
            let expected = both as f64 / 2.0;
            statistic += (pair[0] as f64 - expected).powi(2) / expected;
            pairs += 1;
        }
    }
    let degrees = pairs.saturating_sub(1);
    let probability = if degrees == 0 {
        0.0
    } else {
        upper_gamma(f64::from(degrees) / 2.0, statistic / 2.0)
    };
    Ok(ChiSquare {
        statistic,
        degrees,
        probability,
    })
}

/// The regularised upper incomplete gamma function Q(a, x): Abramowitz and Stegun 6.5.29 below a + 1, 6.5.31 above.
fn upper_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let mut term = 1.0 / a;
        let mut sum = term;
        let mut n = a;
        while term > sum * 1e-16 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - scale * sum;
    }
    // Lentz's method
    let mut b = x + 1.0 - a;
    let mut c = f64::MAX;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..100_000 {
        let i = f64::from(i);
        let step = -i * (i - a);
        b += 2.0;
        d = 1.0 / (step * d + b);
        c = b + step / c;
        let change = c * d;
        fraction *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    scale * fraction
}

/// The logarithm of the gamma function of `x` > 0: Stirling's series where it is exact to 15 digits, recurrence below.
fn ln_gamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 16.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series =
        (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    shift + (x - 0.5) * x.ln() - x + 0.5 * core::f64::consts::TAU.ln() + series
}

#[cfg(test)]
mod tests {
    use super::upper_gamma;

    /// From scipy.stats.chi2.sf (1.17).
    #[test]
    fn probabilities_are_those_of_scipy() {
        for (statistic, degrees, probability) in CASES {
            let found = upper_gamma(degrees / 2.0, statistic / 2.0);
            assert!(
                (found - probability).abs() < 1e-12,
                "{statistic} {degrees}: {found}"
            );
        }
    }

    const CASES: [(f64, f64, f64); 6] = [
        (10.0, 10.0, 0.440_493_285_065_212_57),
        (200.5, 255.0, 0.995_065_464_575_416_1),
        (300.25, 255.0, 0.027_100_317_306_549_142),
        (0.5, 3.0, 0.918_891_411_654_675_8),
        (32_000.0, 32_767.0, 0.998_724_528_419_152_7),
        (1_200.0, 1_000.0, 1.225_594_233_062_289_3e-5),
    ];
}

use core::ops::Range;

use super::roots;
use crate::join::{Join, Serial};
use crate::plane::{PART, Plane, fold, planes};
use crate::{Cover, Result, Sample};

/// Samples of a group, in a row.
const GROUP: usize = 4;
/// Which of them are flipped.
const MASK: [bool; GROUP] = [false, true, true, false];

/// RS analysis: the estimated embedding rate of replacement, in bits per sample; about 0 for a cover.
///
/// Groups of four neighbours in a row become more or less noisy when some of their lowest bits are flipped; how often each
/// happens tells the rate. Fridrich, Goljan and Du, "Reliable detection of LSB steganography in color and grayscale images",
/// ACM Workshop on Multimedia and Security 2001, with the mask 0 1 1 0. The estimate can leave 0 to 1, in small images far, is
/// 0 where there is nothing to count, and 1 at the formula's pole.
///
/// # Errors
///
/// [`Error::Columns`](crate::Error::Columns) when the layout names no columns.
pub fn regular_singular<S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    regular_singular_with::<Serial, S>(cover)
}

/// [`regular_singular`] on every core, which pays from half a million samples on; below, it is the same.
///
/// # Errors
///
/// As [`regular_singular`].
#[cfg(feature = "rayon")]
pub fn regular_singular_par<S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    regular_singular_with::<crate::join::Rayon, S>(cover)
}

fn regular_singular_with<J: Join, S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    let mut as_is = Counts::default();
    let mut inverted = Counts::default();
    for plane in planes(cover)? {
        let part = |rows: Range<usize>| {
            let of = |flip| Counts::of(&plane, rows.clone(), flip);
            [of(0), of(1)]
        };
        let add = |[a, b]: [Counts; 2], [c, d]: [Counts; 2]| [a.add(c), b.add(d)];
        let least = PART.div_ceil(plane.columns);
        let [of_plane, of_inverted] = fold::<J, [Counts; 2]>(0..plane.rows(), least, &part, &add);
        as_is = as_is.add(of_plane);
        inverted = inverted.add(of_inverted);
    }
    let (d0, m0) = (as_is.positive as f64, as_is.negative as f64);
    let (d1, m1) = (inverted.positive as f64, inverted.negative as f64);
    let roots = roots(2.0 * (d1 + d0), m0 - m1 - d1 - 3.0 * d0, d0 - m0);
    Ok(roots.map_or(0.0, |[a, b]| {
        let z = if a.abs() < b.abs() { a } else { b };
        let rate = z / (z - 0.5);
        // The pole is where the counts of negative flipping cancel: nothing but noise is left.
        if rate.is_finite() { rate } else { 1.0 }
    }))
}

/// Regular minus singular groups, under positive and negative flipping.
#[derive(Default)]
struct Counts {
    positive: i64,
    negative: i64,
}

impl Counts {
    /// Of rows of a plane whose lowest bits were all flipped when `flip` is 1.
    fn of(plane: &Plane, rows: Range<usize>, flip: i64) -> Self {
        let mut counts = Self::default();
        let values = &plane.values[rows.start * plane.columns..rows.end * plane.columns];
        for row in values.chunks_exact(plane.columns) {
            for group in row.chunks_exact(GROUP) {
                if let Some(reserved) = plane.reserved
                    && group.iter().any(|&value| reserved.holds(value))
                {
                    continue;
                }
                let mut values = [0; GROUP];
                for (value, sample) in values.iter_mut().zip(group) {
                    *value = i64::from(*sample) ^ flip;
                }
                let noise = noise(values);
                counts.positive += (self::noise(masked(values, |v| v ^ 1)) - noise).signum();
                // negative flipping exchanges 2i-1 and 2i
                counts.negative +=
                    (self::noise(masked(values, |v| ((v + 1) ^ 1) - 1)) - noise).signum();
            }
        }
        counts
    }

    fn add(self, other: Self) -> Self {
        Self {
            positive: self.positive + other.positive,
            negative: self.negative + other.negative,
        }
    }
}

fn masked(mut values: [i64; GROUP], flip: impl Fn(i64) -> i64) -> [i64; GROUP] {
    for (value, chosen) in values.iter_mut().zip(MASK) {
        if chosen {
            *value = flip(*value);
        }
    }
    values
}

fn noise(values: [i64; GROUP]) -> i64 {
    values
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .sum()
}

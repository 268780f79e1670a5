//! S-UNIWARD: V. Holub, J. Fridrich, T. Denemark: Universal distortion function for steganography in an arbitrary domain,
//! EURASIP Journal on Information Security 2014.
//!
//! ```text
//!   coefficients   W(u) = sum over k of F(k) X(u - k), F the outer product of two of the filters, high and low, three ways
//!   cost           sum over the three ways and k of |F(k)| / (|W(p + k)| + 1)
//! ```
//!
//! Both sums are of outer products and so are filtered along one axis, then along the other; what is filtered across last
//! is added before: ten passes of sixteen taps.

use alloc::vec;
use core::ops::Range;

use super::Plane;
use super::lines::Ring;
use crate::Sample;

const TAPS: usize = 16;

/// The decomposition filters of Daubechies 8 (I. Daubechies: Ten Lectures on Wavelets, 1992, table 6.1), to the digits of an `f32`.
const HIGH: [f32; TAPS] = [
    -0.054_415_84,
    0.312_871_6,
    -0.675_630_75,
    0.585_354_7,
    0.015_829_105,
    -0.284_015_54,
    -0.000_472_484_56,
    0.128_747_43,
    0.017_369_3,
    -0.044_088_256,
    -0.013_981_027_5,
    0.008_746_094,
    0.004_870_353,
    -0.000_391_740_38,
    -0.000_675_449_4,
    -0.000_117_476_78,
];

/// The other filter is this one from its end, every second sign turned.
const LOW: [f32; TAPS] = {
    let mut low = [0.0; TAPS];
    let mut tap = 0;
    while tap < TAPS {
        let value = HIGH[TAPS - 1 - tap];
        low[tap] = if tap % 2 == 0 { value } else { -value };
        tap += 1;
    }
    low
};

/// What the weight of a coefficient is of, besides the coefficient.
const SIGMA: f32 = 1.0;

/// Samples that are worked on at once.
const CHUNK: usize = 32;

#[inline(always)]
pub(super) fn band<S: Sample>(
    plane: &Plane<'_, S>,
    rows: Range<usize>,
    mut put: impl FnMut(usize, &[f32]),
) {
    // Whole chunks, and the taps beyond.
    let width = (plane.columns + TAPS - 1).next_multiple_of(CHUNK);
    let out = plane.columns.next_multiple_of(CHUNK);
    let [high, low] = [HIGH, LOW].map(|taps| taps.map(f32::abs));
    let mut line = vec![0.0; width + TAPS - 1];
    let mut highs = Ring::<TAPS>::new(width);
    let mut lows = Ring::<TAPS>::new(width);
    let mut weights: [Ring<TAPS>; 3] = core::array::from_fn(|_| Ring::new(width));
    let mut by_high = vec![0.0; width + TAPS];
    let mut by_low = vec![0.0; width + TAPS];
    let mut more = vec![0.0; width.max(out)];
    let mut costs = vec![0.0; out];
    for row in rows.start..rows.end + 2 * (TAPS - 1) {
        plane.row(row.cast_signed() - 15, TAPS - 1, &mut line);
        filter(highs.push(), back(|tap| &line[tap..]), &HIGH);
        filter(lows.push(), back(|tap| &line[tap..]), &LOW);
        let (Some(highs), Some(lows)) = (highs.all(), lows.all()) else {
            continue;
        };
        // The oldest line is the furthest back.
        let (highs, lows) = (back(|line| highs[line]), back(|line| lows[line]));
        let [low_high, high_low, high_high] = &mut weights;
        for (line, sources, taps) in [
            (low_high.push(), highs, &LOW),
            (high_low.push(), lows, &HIGH),
            (high_high.push(), highs, &HIGH),
        ] {
            filter(line, sources, taps);
            for weight in line {
                *weight = 1.0 / (weight.abs() + SIGMA);
            }
        }
        let [Some(low_high), Some(high_low), Some(high_high)] = weights.each_ref().map(Ring::all)
        else {
            continue;
        };
        filter(&mut by_high[..width], low_high, &low);
        filter(&mut more[..width], high_high, &high);
        add(&mut by_high, &more[..width]);
        filter(&mut by_low[..width], high_low, &high);
        filter(
            &mut costs,
            core::array::from_fn(|tap| &by_high[tap..]),
            &high,
        );
        filter(
            &mut more[..out],
            core::array::from_fn(|tap| &by_low[tap..]),
            &low,
        );
        add(&mut costs, &more[..out]);
        put(row - 2 * (TAPS - 1), &costs);
    }
}

/// Sources from the last tap's to the first's.
#[inline(always)]
fn back<'a>(source: impl Fn(usize) -> &'a [f32]) -> [&'a [f32]; TAPS] {
    core::array::from_fn(|tap| source(TAPS - 1 - tap))
}

#[inline(always)]
fn add(line: &mut [f32], more: &[f32]) {
    for (value, &more) in line.iter_mut().zip(more) {
        *value += more;
    }
}

/// The sum of sources by taps; `line` is whole chunks.
#[inline(always)]
fn filter(line: &mut [f32], sources: [&[f32]; TAPS], taps: &[f32; TAPS]) {
    for (index, chunk) in line.as_chunks_mut::<CHUNK>().0.iter_mut().enumerate() {
        let mut sums = [0.0; CHUNK];
        for (source, &tap) in sources.iter().zip(taps) {
            let source = &source[index * CHUNK..][..CHUNK];
            for (sum, &value) in sums.iter_mut().zip(source) {
                *sum += tap * value;
            }
        }
        *chunk = sums;
    }
}

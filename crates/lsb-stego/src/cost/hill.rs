//! HILL: B. Li, M. Wang, J. Huang, X. Li: A new cost function for spatial image steganography, ICIP 2014.
//!
//! The residual of Ker and Böhme is the second difference along both axes. A mean over 15 x 15 is one of three values, then of
//! five that lie three apart, along both axes: twelve additions per sample however large the picture, and, unlike sums that
//! run along, nothing is ever taken off again. Costs in smooth and in rough places differ by ten decimal digits.

use alloc::vec;
use core::ops::Range;

use super::Plane;
use super::lines::{Ring, combine, shifts};
use crate::Sample;

/// Samples on each side that a cost depends on.
const PAD: usize = 9;

#[inline(always)]
pub(super) fn band<S: Sample>(
    plane: &Plane<'_, S>,
    rows: Range<usize>,
    mut put: impl FnMut(usize, &[f32]),
) {
    let columns = plane.columns;
    let mut line = vec![0.0; columns + 2 * PAD];
    let mut across = Ring::<3>::new(columns + 16);
    let mut residual = vec![0.0; columns + 16];
    let mut near = Ring::<3>::new(columns + 14);
    let mut inverse = vec![0.0; columns + 14];
    let mut threes = vec![0.0; columns + 12];
    let mut wide = Ring::<3>::new(columns);
    let mut high = Ring::<13>::new(columns);
    let mut costs = vec![0.0; columns];
    for row in rows.start..rows.end + 2 * PAD {
        plane.row(row.cast_signed() - 9, PAD, &mut line);
        combine(across.push(), shifts(&line, 1), |[a, b, c]| a - 2.0 * b + c);
        let Some(lines) = across.all() else { continue };
        combine(&mut residual, lines, |[a, b, c]| (a - 2.0 * b + c).abs());
        combine(near.push(), shifts(&residual, 1), |[a, b, c]| a + b + c);
        let Some(lines) = near.all() else { continue };
        // The residual's kernel is a quarter of whole numbers, the mean one of nine.
        combine(&mut inverse, lines, |[a, b, c]| {
            1.0 / ((a + b + c) / 36.0 + 1e-10)
        });
        combine(&mut threes, shifts(&inverse, 1), |[a, b, c]| a + b + c);
        combine(wide.push(), shifts(&threes, 3), five);
        let Some(lines) = wide.all() else { continue };
        combine(high.push(), lines, |[a, b, c]| a + b + c);
        let Some(lines) = high.all() else { continue };
        let apart = core::array::from_fn(|line| lines[3 * line]);
        combine(&mut costs, apart, |lines| five(lines) / 225.0);
        put(row - 2 * PAD, &costs);
    }
}

#[inline(always)]
fn five([a, b, c, d, e]: [f32; 5]) -> f32 {
    (a + b) + (c + d) + e
}

use core::ops::Range;
use std::vec::Vec;

use crate::cover::Reserved;
use crate::join::{Join, Serial};
use crate::plane::{PART, Plane, fold, planes};
use crate::{Cover, Result, Sample};

/// Weighted stego analysis: the estimated embedding rate of replacement, in bits per sample; about 0 for a cover.
///
/// Predicts each inner sample from its eight neighbours and asks whether its lowest bit was flipped away from the
/// prediction, trusting smooth places more. Ker and Böhme, "Revisiting weighted stego-image steganalysis", SPIE 6819 (2008):
/// predictor (-1 2 -1, 2 0 2, -1 2 -1) / 4, weight 1 / (5 + variance of the neighbours), no bias correction. The estimate
/// can leave 0 to 1 a little, and is 0 where there is nothing to predict.
///
/// # Errors
///
/// [`Error::Columns`](crate::Error::Columns) when the layout names no columns.
pub fn weighted_stego<S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    weighted_stego_with::<Serial, S>(cover)
}

/// [`weighted_stego`] on every core from 65,536 pixels on, with the same result to the last bit.
///
/// # Errors
///
/// As [`weighted_stego`].
#[cfg(feature = "rayon")]
pub fn weighted_stego_par<S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    weighted_stego_with::<crate::join::Rayon, S>(cover)
}

fn weighted_stego_with<J: Join, S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for plane in planes(cover)? {
        let part = |rows: Range<usize>| -> Vec<[f64; 2]> {
            rows.map(|row| row_sums(&plane, row)).collect()
        };
        let join = |first: Vec<_>, second: Vec<_>| [first, second].concat();
        let inner = 1..plane.rows().saturating_sub(1).max(1);
        let least = PART.div_ceil(8 * plane.columns);
        // Rows are added one by one, so that the sum does not depend on the parts.
        for [of_row, weights_of_row] in fold::<J, Vec<[f64; 2]>>(inner, least, &part, &join) {
            sum += of_row;
            weights += weights_of_row;
        }
    }
    Ok(if weights == 0.0 {
        0.0
    } else {
        2.0 * sum / weights
    })
}

/// Of a row, the weighted sum of how far samples were flipped away from their predictions, and the sum of weights.
fn row_sums(plane: &Plane, row: usize) -> [f64; 2] {
    let (mut sum, mut weights) = (0.0, 0.0);
    let around = [row - 1, row, row + 1].map(|row| row * plane.columns);
    let is_reserved = |reserved: Reserved, column: usize| {
        let rows = around.iter();
        let mut windows =
            rows.filter_map(|start| plane.values.get(start + column - 1..=start + column + 1));
        windows.any(|window| window.iter().any(|&value| reserved.holds(value)))
    };
    for column in 1..plane.columns.saturating_sub(1) {
        if plane
            .reserved
            .is_some_and(|reserved| is_reserved(reserved, column))
        {
            continue;
        }
        let at = |down: usize, right: usize| plane.at(row + down - 1, column + right - 1);
        let edges = [at(0, 1), at(1, 0), at(1, 2), at(2, 1)];
        let corners = [at(0, 0), at(0, 2), at(2, 0), at(2, 2)];
        let all = || edges.iter().chain(&corners);
        let total: i64 = all().sum();
        let squares: i64 = all().map(|value| value * value).sum();
        // 64 times the variance, exact
        let variance = (8 * squares - total * total) as f64 / 64.0;
        let weight = 1.0 / (5.0 + variance);
        let predicted = (2 * edges.iter().sum::<i64>() - corners.iter().sum::<i64>()) as f64 / 4.0;
        let sample = plane.at(row, column);
        let towards = if sample % 2 == 0 { -1.0 } else { 1.0 };
        sum += weight * towards * (sample as f64 - predicted);
        weights += weight;
    }
    [sum, weights]
}

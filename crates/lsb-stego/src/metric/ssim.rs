use std::vec;
use std::vec::Vec;

use super::Peak;
use crate::plane::{Plane, planes};
use crate::{Cover, Error, Result, Sample};

/// Half the window: 11 x 11 samples.
const RADIUS: usize = 5;
const WINDOW: usize = 2 * RADIUS + 1;
const SIGMA: f64 = 1.5;
const K1: f64 = 0.01;
const K2: f64 = 0.03;

/// Structural similarity of two images of one layout, the mean over all windows that lie inside the image and over the
/// carrying channels; none when the image is smaller than a window.
///
/// Gaussian window of 11 x 11 with a standard deviation of 1.5, K1 = 0.01, K2 = 0.03, covariances without Bessel's
/// correction: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment", IEEE Transactions on Image Processing 13
/// (2004). Frames that follow one another in one cover are compared as one tall image.
///
/// # Errors
///
/// [`Error::Lengths`] when one has more samples than the other, [`Error::Columns`] when the layout names no columns.
pub fn ssim<S: Sample>(
    cover: Cover<'_, S>,
    stego: Cover<'_, S>,
    peak: Peak,
) -> Result<Option<f64>> {
    let (expected, found) = (cover.samples().len(), stego.samples().len());
    if expected != found {
        return Err(Error::Lengths { expected, found });
    }
    let stored = cover.layout().peak();
    let stego = Cover::new(stego.samples(), cover.layout())?;
    let (covers, stegos) = (planes(cover)?, planes(stego)?);
    let values = || covers.iter().flat_map(|plane| plane.values.iter().copied());
    let peak = match peak {
        Peak::Stored => stored,
        Peak::Range => values().max().unwrap_or(0) - values().min().unwrap_or(0),
    };
    let means: Option<Vec<f64>> = covers
        .iter()
        .zip(&stegos)
        .map(|(a, b)| mean(a, b, f64::from(peak)))
        .collect();
    Ok(means
        .filter(|means| !means.is_empty())
        .map(|means| means.iter().sum::<f64>() / means.len() as f64))
}

/// Means of a window: both images, both squares, the product.
type Moments = [f64; 5];

fn mean(a: &Plane, b: &Plane, peak: f64) -> Option<f64> {
    let (rows, columns) = (a.rows(), a.columns);
    if rows < WINDOW || columns < WINDOW {
        return None;
    }
    let window = gaussian();
    let (c1, c2) = ((K1 * peak).powi(2), (K2 * peak).powi(2));
    let mut sum = 0.0;
    // the window is a product: down the columns first, then along the row
    let mut down = vec![[0.0; 5]; columns];
    for top in 0..=rows - WINDOW {
        for (column, moments) in down.iter_mut().enumerate() {
            *moments = [0.0; 5];
            for (offset, weight) in window.iter().enumerate() {
                let at = (top + offset) * columns + column;
                let (a, b) = (f64::from(a.values[at]), f64::from(b.values[at]));
                add(moments, &[a, b, a * a, b * b, a * b], *weight);
            }
        }
        for place in down.windows(WINDOW) {
            let mut moments = [0.0; 5];
            for (part, weight) in place.iter().zip(&window) {
                add(&mut moments, part, *weight);
            }
            sum += similarity(moments, c1, c2);
        }
    }
    Some(sum / ((rows - WINDOW + 1) * (columns - WINDOW + 1)) as f64)
}

fn add(moments: &mut Moments, part: &Moments, weight: f64) {
    for (moment, part) in moments.iter_mut().zip(part) {
        *moment += weight * part;
    }
}

fn similarity([a, b, aa, bb, ab]: Moments, c1: f64, c2: f64) -> f64 {
    let (va, vb, covariance) = (aa - a * a, bb - b * b, ab - a * b);
    let luminance = (2.0 * a * b + c1) / (a * a + b * b + c1);
    luminance * (2.0 * covariance + c2) / (va + vb + c2)
}

fn gaussian() -> [f64; WINDOW] {
    let mut window = [0.0; WINDOW];
    for (i, weight) in window.iter_mut().enumerate() {
        let x = i as f64 - RADIUS as f64;
        *weight = (-x * x / (2.0 * SIGMA * SIGMA)).exp();
    }
    let sum: f64 = window.iter().sum();
    window.map(|weight| weight / sum)
}

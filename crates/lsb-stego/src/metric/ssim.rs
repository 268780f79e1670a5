use core::ops::Range;
use std::vec;
use std::vec::Vec;

use super::{Peak, lengths};
use crate::join::{Join, Serial};
use crate::plane::{PART, Plane, fold, planes};
use crate::{Cover, Result, Sample};

/// Half the window: 11 x 11 samples.
const RADIUS: usize = 5;
const WINDOW: usize = 2 * RADIUS + 1;
const SIGMA: f64 = 1.5;
const K1: f64 = 0.01;
const K2: f64 = 0.03;

/// Structural similarity of two images of one layout, the mean over all windows that lie inside the image and over the
/// carrying channels; none when the image is smaller than a window. It is 1 for equal images, and none where they differ and
/// the peak is 0, because the constants that keep it from being 0 / 0 on flat ground are parts of the peak.
///
/// Gaussian window of 11 x 11 with a standard deviation of 1.5, K1 = 0.01, K2 = 0.03, covariances without Bessel's
/// correction: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment", IEEE Transactions on Image Processing 13
/// (2004). Frames that follow one another in one cover are compared as one tall image.
///
/// # Errors
///
/// [`Error::Lengths`](crate::Error::Lengths) when one has more samples than the other,
/// [`Error::Columns`](crate::Error::Columns) when the layout names no columns.
pub fn ssim<S: Sample>(
    cover: Cover<'_, S>,
    stego: Cover<'_, S>,
    peak: Peak,
) -> Result<Option<f64>> {
    let [found] = ssim_with::<Serial, S, 1>(cover, stego, [peak])?;
    Ok(found)
}

/// [`ssim`] on every core from 32,768 pixels on, with the same result to the last bit.
///
/// # Errors
///
/// As [`ssim`].
#[cfg(feature = "rayon")]
pub fn ssim_par<S: Sample>(
    cover: Cover<'_, S>,
    stego: Cover<'_, S>,
    peak: Peak,
) -> Result<Option<f64>> {
    let [found] = ssim_with::<crate::join::Rayon, S, 1>(cover, stego, [peak])?;
    Ok(found)
}

/// [`ssim_par`] against several peaks, in little more time than against one: what takes long, the means of windows, is the same.
///
/// # Errors
///
/// As [`ssim`].
///
/// ```
/// use lsb_stego::metric::{Peak, ssim_against_par, ssim_par};
/// use lsb_stego::{Cover, Layout};
///
/// let cover: Vec<u8> = (0..16 * 16u32).map(|i| (i % 31) as u8).collect();
/// let stego: Vec<u8> = cover.iter().map(|sample| sample ^ 1).collect();
/// let layout = Layout::new(8)?.with_columns(16)?;
/// let [cover, stego] = [Cover::new(&cover, layout)?, Cover::new(&stego, layout)?];
/// let [stored, range] = ssim_against_par(cover, stego, [Peak::Stored, Peak::Range])?;
/// assert_eq!(stored, ssim_par(cover, stego, Peak::Stored)?);
/// assert_eq!(range, ssim_par(cover, stego, Peak::Range)?);
/// # Ok::<(), lsb_stego::Error>(())
/// ```
#[cfg(feature = "rayon")]
pub fn ssim_against_par<S: Sample, const N: usize>(
    cover: Cover<'_, S>,
    stego: Cover<'_, S>,
    peaks: [Peak; N],
) -> Result<[Option<f64>; N]> {
    ssim_with::<crate::join::Rayon, S, N>(cover, stego, peaks)
}

fn ssim_with<J: Join, S: Sample, const N: usize>(
    cover: Cover<'_, S>,
    stego: Cover<'_, S>,
    peaks: [Peak; N],
) -> Result<[Option<f64>; N]> {
    lengths(cover, stego)?;
    let stored = cover.layout().peak();
    let stego = Cover::new(stego.samples(), cover.layout())?;
    let (covers, stegos) = (planes(cover)?, planes(stego)?);
    let values = || covers.iter().flat_map(|plane| plane.values.iter().copied());
    let low = values().min().unwrap_or(0);
    let peaks = peaks.map(|peak| match peak {
        Peak::Stored => stored,
        Peak::Range => values().max().unwrap_or(0) - low,
    });
    let pairs = covers.iter().zip(&stegos);
    // of equal images it is 1 against any
    let against = peaks.map(|peak| f64::from(peak.max(1)));
    let means = pairs
        .clone()
        .map(|(a, b)| means::<J, N>(a, b, low, against));
    let means: Option<Vec<[f64; N]>> = means.collect();
    let Some(means) = means.filter(|means| !means.is_empty()) else {
        return Ok([None; N]);
    };
    let differs = || pairs.clone().any(|(a, b)| a.values != b.values);
    Ok(core::array::from_fn(|i| {
        let sum: f64 = means.iter().map(|of_plane| of_plane[i]).sum();
        (peaks[i] > 0 || !differs()).then_some(sum / means.len() as f64)
    }))
}

/// Means of a window: both images, both squares, the product.
type Moments = [f64; 5];

/// For each peak, the mean similarity; none when the plane is smaller than a window.
fn means<J: Join, const N: usize>(
    a: &Plane,
    b: &Plane,
    low: u16,
    peaks: [f64; N],
) -> Option<[f64; N]> {
    let (rows, columns) = (a.rows(), a.columns);
    if rows < WINDOW || columns < WINDOW {
        return None;
    }
    let constants = peaks.map(|peak| [(K1 * peak).powi(2), (K2 * peak).powi(2)]);
    let part = |tops: Range<usize>| row_sums(a, b, tops, f64::from(low), constants);
    // Rows are added one by one, so that the sum does not depend on the parts.
    let sums = fold::<J, Vec<[f64; N]>>(
        0..rows - WINDOW + 1,
        PART.div_ceil(16 * columns),
        &part,
        &|first, second| [first, second].concat(),
    );
    let windows = (rows - WINDOW + 1) * (columns - WINDOW + 1);
    Some(core::array::from_fn(|i| {
        let sum: f64 = sums.iter().map(|of_row| of_row[i]).sum();
        sum / windows as f64
    }))
}

/// For each row of windows, the sums of their similarities.
fn row_sums<const N: usize>(
    a: &Plane,
    b: &Plane,
    tops: Range<usize>,
    low: f64,
    constants: [[f64; 2]; N],
) -> Vec<[f64; N]> {
    let (columns, window) = (a.columns, gaussian());
    // the window is a product: down the columns first, then along the row
    let mut down = vec![[0.0; 5]; columns];
    let row_sum = |top: usize| {
        down.fill([0.0; 5]);
        for (offset, weight) in window.iter().enumerate() {
            let row = (top + offset) * columns..(top + offset + 1) * columns;
            let pairs = a.values[row.clone()].iter().zip(&b.values[row]);
            for (moments, (&a, &b)) in down.iter_mut().zip(pairs) {
                // From the cover's lowest value on, as variances of large values would drown in what their squares round.
                let (a, b) = (f64::from(a) - low, f64::from(b) - low);
                add(moments, &[a, b, a * a, b * b, a * b], *weight);
            }
        }
        let mut sums = [0.0; N];
        for place in down.windows(WINDOW) {
            let mut moments = [0.0; 5];
            for (part, weight) in place.iter().zip(&window) {
                add(&mut moments, part, *weight);
            }
            for (sum, constants) in sums.iter_mut().zip(constants) {
                *sum += similarity(moments, low, constants);
            }
        }
        sums
    };
    tops.map(row_sum).collect()
}

fn add(moments: &mut Moments, part: &Moments, weight: f64) {
    for (moment, part) in moments.iter_mut().zip(part) {
        *moment += weight * part;
    }
}

fn similarity([a, b, aa, bb, ab]: Moments, low: f64, [c1, c2]: [f64; 2]) -> f64 {
    let (va, vb, covariance) = (aa - a * a, bb - b * b, ab - a * b);
    let (a, b) = (a + low, b + low);
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

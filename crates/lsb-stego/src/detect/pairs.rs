use super::roots;
use crate::plane::planes;
use crate::{Cover, Result, Sample};

/// Sample Pairs analysis: the estimated embedding rate of replacement, in bits per sample; about 0 for a cover.
///
/// Counts pairs of neighbours in a row. Natural images have as many pairs that rise from an even value as fall from one;
/// replacement moves pairs across in a way that a quadratic tells. Dumitrescu, Wu and Wang, "Detection of LSB steganography
/// via sample pair analysis", IEEE Transactions on Signal Processing 51 (2003), all pairs taken together. The estimate can
/// leave 0 to 1 a little, and is 0 where there is nothing to count.
///
/// # Errors
///
/// [`Error::Columns`](crate::Error::Columns) when the layout names no columns.
pub fn sample_pairs<S: Sample>(cover: Cover<'_, S>) -> Result<f64> {
    let (mut pairs, mut close, mut x, mut y) = (0_u64, 0_u64, 0_u64, 0_u64);
    for plane in planes(cover)? {
        for row in plane.values.chunks_exact(plane.columns) {
            for pair in row.windows(2) {
                let (r, s) = (pair[0], pair[1]);
                let even = s.is_multiple_of(2);
                pairs += 1;
                x += u64::from((even && r < s) || (!even && r > s));
                y += u64::from((even && r > s) || (!even && r < s));
                close += u64::from(r / 2 == s / 2);
            }
        }
    }
    let (pairs, close, x, y) = (pairs as f64, close as f64, x as f64, y as f64);
    let roots = roots(close / 2.0, 2.0 * x - pairs, y - x);
    Ok(roots.map_or(0.0, |[a, b]| a.min(b)))
}

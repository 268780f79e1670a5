//! Multiples of a point, kept: another multiple is then a sum, where one from the point alone takes 250 doublings.

use std::fmt;

use curve25519_dalek::traits::Identity as _;
use curve25519_dalek::{EdwardsPoint, Scalar};

/// The multiples of one point P from which any other is a sum.
///
/// ```text
/// k = d0 + d1 2^BITS + d2 2^(2 BITS) + …                    digits from -HALF to HALF, HALF = 2^(BITS - 1)
/// row i:  Q, 2Q, …, HALF Q   with  Q = 2^(i PASSES BITS) P   every PASSES-th digit has a row
/// kP = sum of digits 0, PASSES, …  +  2^BITS (sum of digits 1, PASSES + 1, …  +  2^BITS (…))
/// ```
///
/// Sums and doublings are curve25519-dalek's, complete for every point of the curve, those of small order included, and k
/// is taken as an integer: so the result is exact whatever P's order is. It takes a time that depends on k, and so is for
/// what everybody may know.
pub(crate) struct Multiples<const BITS: usize, const PASSES: usize>(Vec<EdwardsPoint>);

/// A scalar is below the group's order, and so below 2^253.
const SCALAR_BITS: usize = 253;

impl<const BITS: usize, const PASSES: usize> Multiples<BITS, PASSES> {
    const HALF: usize = 1 << (BITS - 1);
    const DIGITS: usize = SCALAR_BITS.div_ceil(BITS);

    pub(crate) fn new(point: &EdwardsPoint) -> Self {
        let rows = Self::DIGITS.div_ceil(PASSES);
        let mut points = Vec::with_capacity(rows * Self::HALF);
        let mut first = *point;
        for _ in 0..rows {
            let mut multiple = EdwardsPoint::identity();
            for _ in 0..Self::HALF {
                multiple += &first;
                points.push(multiple);
            }
            // the last is 2^(BITS - 1) times the first
            first = doubled(multiple, (PASSES - 1) * BITS + 1);
        }
        Self(points)
    }

    /// kP.
    pub(crate) fn times(&self, k: &Scalar) -> EdwardsPoint {
        let digits = Self::digits(k);
        let digits = digits.iter().take(Self::DIGITS);
        // The points are copied before the first is added: a table is larger than a fast cache, and so they wait for memory
        // together, where each sum would wait for its own.
        let rows = self.0.chunks(Self::HALF);
        let rows = rows.flat_map(|row| std::iter::repeat_n(row, PASSES));
        let point = |(row, digit): (&[EdwardsPoint], &i16)| {
            // none for zero
            let place = usize::from(digit.unsigned_abs()).wrapping_sub(1);
            row.get(place).copied().unwrap_or_default()
        };
        let mut points = Vec::with_capacity(Self::DIGITS);
        points.extend(rows.zip(digits.clone()).map(point));
        let mut sum = EdwardsPoint::identity();
        for pass in (0..PASSES).rev() {
            if pass + 1 < PASSES {
                sum = doubled(sum, BITS);
            }
            let terms = digits.clone().zip(&points);
            for (digit, point) in terms.skip(pass).step_by(PASSES) {
                match digit.signum() {
                    1 => sum += point,
                    -1 => sum -= point,
                    _ => {}
                }
            }
        }
        sum
    }

    /// The scalar's digits, the lowest first; zeros behind the last.
    fn digits(k: &Scalar) -> [i16; SCALAR_BITS] {
        let byte = |at: usize| k.as_bytes().get(at).copied().map_or(0, u16::from);
        let mut digits = [0; SCALAR_BITS];
        let mut carry = 0_u16;
        for (number, digit) in digits.iter_mut().take(Self::DIGITS).enumerate() {
            let (at, shift) = (number * BITS / 8, number * BITS % 8);
            let bits = (byte(at) | byte(at + 1) << 8) >> shift;
            let value = bits % (1 << BITS) + carry;
            carry = u16::from(usize::from(value) > Self::HALF);
            *digit = value.cast_signed() - (carry << BITS).cast_signed();
        }
        digits
    }
}

impl<const BITS: usize, const PASSES: usize> fmt::Debug for Multiples<BITS, PASSES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Multiples({} points)", self.0.len())
    }
}

/// 2^times P: dalek lends its doubling in threes.
fn doubled(mut point: EdwardsPoint, times: usize) -> EdwardsPoint {
    for _ in 0..times / 3 {
        point = point.mul_by_cofactor();
    }
    for _ in 0..times % 3 {
        point += point;
    }
    point
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use proptest::prelude::*;

    use super::*;

    fn agrees<const BITS: usize, const PASSES: usize>(point: EdwardsPoint, k: &Scalar) {
        let ours = Multiples::<BITS, PASSES>::new(&point).times(k);
        assert_eq!(ours, k * point, "{BITS} {PASSES} {k:?}");
    }

    fn every_shape_agrees(point: EdwardsPoint, k: &Scalar) {
        agrees::<1, 1>(point, k);
        agrees::<4, 4>(point, k);
        agrees::<5, 3>(point, k);
        agrees::<6, 3>(point, k);
        agrees::<7, 2>(point, k);
        agrees::<8, 1>(point, k);
    }

    #[test]
    fn scalars_at_the_edges_of_digits_agree_with_dalek() {
        let order = Scalar::ZERO - Scalar::ONE;
        let mut power = Scalar::ONE;
        for bit in 0..SCALAR_BITS {
            for k in [power, power - Scalar::ONE, -power, order - power] {
                // one shape for each, and all for some
                agrees::<5, 3>(ED25519_BASEPOINT_POINT, &k);
                if bit % 31 == 0 {
                    every_shape_agrees(ED25519_BASEPOINT_POINT, &k);
                }
            }
            power += power;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// The point has any order: a part of small order is multiplied by the whole scalar.
        #[test]
        fn every_multiple_agrees_with_dalek(k: [u8; 32], of: [u8; 32], torsion in 0_usize..8, small: bool) {
            let point = if small { EdwardsPoint::identity() } else {
                EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(of))
            };
            every_shape_agrees(point + EIGHT_TORSION[torsion], &Scalar::from_bytes_mod_order(k));
        }
    }
}

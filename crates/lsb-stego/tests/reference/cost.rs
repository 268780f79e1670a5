//! HILL and S-UNIWARD in plain loops over `f64`, written from the papers: every filter whole, at every sample of a picture that
//! is mirrored at its borders for ever.

/// One channel: values by rows.
pub(crate) struct Plane {
    pub(crate) values: Vec<u32>,
    pub(crate) columns: usize,
}

/// A number at every place, also outside of the picture.
struct Field {
    /// The row and the column of the first one.
    first: isize,
    columns: usize,
    numbers: Vec<f64>,
}

impl Field {
    /// So many rows and columns beyond the picture on every side.
    fn new(plane: &Plane, beyond: isize, number: impl Fn(isize, isize) -> f64) -> Self {
        let [rows, columns] = [plane.values.len() / plane.columns, plane.columns]
            .map(|count| -beyond..count.cast_signed() + beyond);
        let each = rows.flat_map(|row| columns.clone().map(move |column| (row, column)));
        Self {
            first: -beyond,
            columns: columns.len(),
            numbers: each.map(|(row, column)| number(row, column)).collect(),
        }
    }

    fn at(&self, row: isize, column: isize) -> f64 {
        let [row, column] = [row, column].map(|place| (place - self.first).unsigned_abs());
        assert!(column < self.columns);
        self.numbers[row * self.columns + column]
    }

    /// The mean of a square about a place.
    fn mean(&self, side: isize, row: isize, column: isize) -> f64 {
        let half = -(side / 2)..side / 2 + 1;
        let square = half
            .clone()
            .flat_map(|down| half.clone().map(move |right| (down, right)));
        let sum: f64 = square
            .map(|(down, right)| self.at(row + down, column + right))
            .sum();
        sum / (side * side) as f64
    }
}

/// The value at a place of the picture that is mirrored, edges included, again and again.
fn value(plane: &Plane, row: isize, column: isize) -> f64 {
    let rows = plane.values.len() / plane.columns;
    let [row, column] = [(row, rows), (column, plane.columns)].map(|(mut place, count)| {
        let count = count.cast_signed();
        while !(0..count).contains(&place) {
            place = if place < 0 {
                -1 - place
            } else {
                2 * count - 1 - place
            };
        }
        place.unsigned_abs()
    });
    f64::from(plane.values[row * plane.columns + column])
}

/// Li, Wang, Huang and Li 2014: a high-pass filter, a low-pass one of 3 x 3 over what it leaves, and one of 15 x 15 over the
/// inverse of that.
pub(crate) fn hill(plane: &Plane) -> Vec<f64> {
    const KERNEL: [[f64; 3]; 3] = [[-0.25, 0.5, -0.25], [0.5, -1.0, 0.5], [-0.25, 0.5, -0.25]];
    let residual = Field::new(plane, 8, |row, column| {
        let mut sum = 0.0;
        for (down, weights) in (-1..).zip(KERNEL) {
            for (right, weight) in (-1..).zip(weights) {
                sum += weight * value(plane, row + down, column + right);
            }
        }
        sum.abs()
    });
    let inverse = Field::new(plane, 7, |row, column| {
        1.0 / (residual.mean(3, row, column) + 1e-10)
    });
    Field::new(plane, 0, |row, column| inverse.mean(15, row, column)).numbers
}

/// The high-pass decomposition filter of Daubechies 8 (Ten Lectures on Wavelets, table 6.1).
const HIGH: [f64; 16] = [
    -0.054_415_842_2,
    0.312_871_590_9,
    -0.675_630_736_3,
    0.585_354_683_7,
    0.015_829_105_3,
    -0.284_015_543_0,
    -0.000_472_484_6,
    0.128_747_426_6,
    0.017_369_301_0,
    -0.044_088_253_9,
    -0.013_981_027_9,
    0.008_746_094_0,
    0.004_870_353_0,
    -0.000_391_740_4,
    -0.000_675_449_4,
    -0.000_117_476_8,
];

/// Holub, Fridrich and Denemark 2014: by how much a change of a sample changes each of 3 x 16 x 16 wavelet coefficients, in
/// parts of it (plus one).
pub(crate) fn suniward(plane: &Plane) -> Vec<f64> {
    let low: Vec<f64> = (0..16)
        .map(|tap| HIGH[15 - tap] * if tap % 2 == 0 { 1.0 } else { -1.0 })
        .collect();
    let mut costs = vec![0.0; plane.values.len()];
    for [down, right] in [[&low[..], &HIGH], [&HIGH, &low], [&HIGH, &HIGH]] {
        let taps = || (0..16).flat_map(|row| (0..16).map(move |column| (row, column)));
        let weight =
            |row: isize, column: isize| down[row.unsigned_abs()] * right[column.unsigned_abs()];
        let coefficients = Field::new(plane, 15, |row, column| {
            taps()
                .map(|(a, b)| weight(a, b) * value(plane, row - a, column - b))
                .sum()
        });
        let part = Field::new(plane, 0, |row, column| {
            taps()
                .map(|(a, b)| {
                    weight(a, b).abs() / (coefficients.at(row + a, column + b).abs() + 1.0)
                })
                .sum()
        });
        costs
            .iter_mut()
            .zip(part.numbers)
            .for_each(|(cost, part)| *cost += part);
    }
    costs
}

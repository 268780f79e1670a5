use std::vec;
use std::vec::Vec;

use super::columns::{COLUMNS, columns};
use super::*;

/// Numbers that look random, the same ever after (splitmix64).
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (1u64..).map(move |i| {
        let z = (i + (seed << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

/// The parity-check matrix, as `DESIGN.md` draws it: for each element the payload bits that it takes part in.
fn matrix(height: u8, elements: usize, bits: usize) -> Vec<Vec<usize>> {
    let mut of_elements = vec![];
    for block in 0..bits {
        let [from, to] = [block, block + 1].map(|block| block * elements / bits);
        for within in 0..to - from {
            let column = columns(height)[within % COLUMNS];
            let rows = (0..usize::from(height)).filter(|row| column >> row & 1 == 1);
            of_elements.push(
                rows.map(|row| block + row)
                    .filter(|&row| row < bits)
                    .collect(),
            );
        }
    }
    of_elements
}

fn multiply(matrix: &[Vec<usize>], elements: &[u8], bits: usize) -> Vec<u8> {
    let mut product = vec![0; bits];
    for (rows, element) in matrix.iter().zip(elements) {
        rows.iter().for_each(|&row| product[row] ^= element);
    }
    product
}

/// The least cost, by the Viterbi algorithm in plain loops over all states, one matrix row after the other.
fn plain(height: u8, bits: &[u8], costs: &[f32], wanted: &[u8]) -> f64 {
    let mut metrics = vec![f64::INFINITY; 1 << height];
    metrics[0] = 0.0;
    let (elements, count) = (bits.len(), wanted.len());
    for (block, &wanted) in wanted.iter().enumerate() {
        let [from, to] = [block, block + 1].map(|block| block * elements / count);
        for element in from..to {
            let column = usize::from(columns(height)[(element - from) % COLUMNS]);
            let old = metrics.clone();
            for (state, metric) in metrics.iter_mut().enumerate() {
                // The state holds the syndrome of the stego bits: a 1 adds the column, a change costs.
                let [zero, one] = [0, 1].map(|bit| {
                    let cost = if bit == bits[element] {
                        0.0
                    } else {
                        f64::from(costs[element])
                    };
                    old[state ^ (column * usize::from(bit))] + cost
                });
                *metric = zero.min(one);
            }
        }
        let old = metrics.clone();
        for (state, metric) in metrics.iter_mut().enumerate() {
            let before = 2 * state + usize::from(wanted);
            *metric = old.get(before).copied().unwrap_or(f64::INFINITY);
        }
    }
    metrics.into_iter().fold(f64::INFINITY, f64::min)
}

/// What the fast pass finds, at a level: the bits changed and their cost.
fn fast(
    height: u8,
    level: Level,
    bits: &[u8],
    costs: &[f32],
    wanted: &[u8],
) -> Option<(Vec<u8>, f64)> {
    let mut worker = Worker::new(Trellis::new(height).unwrap(), level);
    let each = (0..bits.len()).map(|place| (place, bits[place], costs[place]));
    let carried = wanted.iter().copied();
    worker.solve(bits.len(), wanted.len(), each, carried).ok()?;
    let mut stego = bits.to_vec();
    worker.changes.iter().for_each(|&place| stego[place] ^= 1);
    let cost = worker
        .changes
        .iter()
        .map(|&place| f64::from(costs[place]))
        .sum();
    Some((stego, cost))
}

/// Whole costs, of which sums are exact, and every eleventh infinite.
fn case(seed: u64, elements: usize, bits: usize) -> (Vec<u8>, Vec<f32>, Vec<u8>) {
    let bit = |number: u64| u8::from(number & 1 == 1);
    let cost = |number: u64| match number % 11 {
        0 => f32::INFINITY,
        _ => f32::from(u16::try_from(number >> 40 & 0xFF).unwrap()),
    };
    let mut next = numbers(seed);
    let elements: Vec<u64> = next.by_ref().take(elements).collect();
    (
        elements.iter().map(|&number| bit(number >> 7)).collect(),
        elements.iter().map(|&number| cost(number)).collect(),
        next.take(bits).map(bit).collect(),
    )
}

/// At every level and height, for blocks of one element to more than there are columns, as cheap as the plain loops; the
/// same at every level; and the bits are those of the matrix.
#[test]
fn every_level_finds_what_plain_loops_find() {
    for height in 7..=12 {
        for (seed, (elements, bits)) in (0..).zip([
            (1, 1),
            (5, 3),
            (40, 40),
            (64, 33),
            (150, 75),
            (333, 100),
            (300, 4),
            (500, 7),
        ]) {
            // The greater heights cost the plain loops a thousand times more.
            if height > 9 && elements > 200 && bits > 50 {
                continue;
            }
            let (cover, costs, wanted) = case(seed, elements, bits);
            let expected = plain(height, &cover, &costs, &wanted);
            let mut first = None;
            for level in Level::available() {
                let found = fast(height, level, &cover, &costs, &wanted);
                assert_eq!(
                    found.as_ref().map_or(f64::INFINITY, |(_, cost)| *cost),
                    expected,
                    "{height} {elements} {bits} {level:?}"
                );
                if let Some((stego, _)) = &found {
                    let of_stego = multiply(&matrix(height, elements, bits), stego, bits);
                    assert_eq!(of_stego, wanted);
                }
                assert_eq!(first.get_or_insert_with(|| found.clone()), &found);
            }
        }
    }
}

/// No set of changes at all that carries the bits is cheaper, and none carries them when it says so.
#[test]
fn nothing_is_cheaper() {
    let mut refused = 0;
    for (seed, (elements, bits)) in
        (0..).zip([(1, 1), (8, 8), (10, 3), (12, 6), (13, 9), (14, 2), (14, 10)])
    {
        for again in 0..8 {
            let (cover, costs, wanted) = case(100 + seed + 10 * again, elements, bits);
            let matrix = matrix(7, elements, bits);
            let mut least = f64::INFINITY;
            for pattern in 0..1_u32 << elements {
                let flips = |place: usize| u8::from(pattern >> place & 1 == 1);
                let stego: Vec<u8> = (0..elements)
                    .map(|place| cover[place] ^ flips(place))
                    .collect();
                if multiply(&matrix, &stego, bits) == wanted {
                    let changed = (0..elements).filter(|&place| flips(place) == 1);
                    least = least.min(changed.map(|place| f64::from(costs[place])).sum());
                }
            }
            let found = fast(7, Level::default(), &cover, &costs, &wanted);
            refused += u32::from(found.is_none());
            assert_eq!(found.map_or(f64::INFINITY, |(_, cost)| cost), least);
        }
    }
    assert!((1..40).contains(&refused), "{refused}");
}

/// The search that the columns come from: the first two are the best of 64 pairs, each further one the best of 16 for blocks
/// of so many elements. Best is what embeds 2048 random bits at the least cost, where costs are spread evenly.
fn search(height: u8, count: usize) -> Vec<u16> {
    let mut candidates = numbers(u64::from(height)).map(|number| {
        let odd = u16::try_from(number >> 50).unwrap() | 1;
        odd & ((1 << height) - 1) | 1 << (height - 1)
    });
    let mut found = vec![];
    while found.len() < count {
        let (more, tries) = if found.is_empty() { (2, 64) } else { (1, 16) };
        let longer = core::iter::from_fn(|| {
            let mut longer = found.clone();
            let mut patience = 0;
            while longer.len() < found.len() + more {
                let column = candidates.next()?;
                // Half of the columns at height 7 are used up in the end.
                patience += 1;
                if patience > 1000 || !longer.contains(&column) {
                    longer.push(column);
                }
            }
            Some(longer)
        });
        let best = longer
            .take(tries)
            .min_by(|a, b| cost(height, a).total_cmp(&cost(height, b)));
        found = best.unwrap();
    }
    found.truncate(count);
    found
}

/// What 2048 bits cost with these columns.
fn cost(height: u8, chosen: &[u16]) -> f64 {
    let (bits, elements) = (2048, 2048 * chosen.len());
    let mut worker = Worker::new(Trellis::new(height).unwrap(), Level::default());
    for (column, &chosen) in worker.segment.columns.iter_mut().zip(chosen) {
        *column = chosen;
    }
    #[expect(clippy::cast_precision_loss, reason = "24 bits")]
    let costs: Vec<f32> = numbers(77)
        .take(elements)
        .map(|number| (number >> 40) as f32 / 16_777_216.0)
        .collect();
    let each = costs
        .iter()
        .enumerate()
        .map(|(place, &cost)| (place, 0, cost));
    let wanted = numbers(78).map(|number| u8::from(number & 1 == 1));
    worker.solve(elements, bits, each, wanted).unwrap();
    worker
        .changes
        .iter()
        .map(|&place| f64::from(costs[place]))
        .sum()
}

/// The table is what the search finds: the beginning at height 7, all of it with `LSB_STEGO_SEARCH=1` (a minute in a release
/// build).
#[test]
fn columns_are_those_of_the_search() {
    let all = std::env::var_os("LSB_STEGO_SEARCH").is_some();
    let (heights, count) = if all { (7..=12, COLUMNS) } else { (7..=7, 5) };
    for height in heights {
        let found = search(height, count);
        assert_eq!(found, columns(height)[..count], "{height}");
    }
}

/// What the fast pass rests on, and no column twice.
#[test]
fn columns_begin_and_end_with_a_one() {
    for height in 7..=12 {
        for column in columns(height) {
            assert_eq!((column & 1, column >> (height - 1)), (1, 1));
        }
        let mut sorted = *columns(height);
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

/// Of any 32 elements at once, the sum of the columns of those that are 1.
#[test]
fn sums_are_those_of_the_columns() {
    for height in 7..=12 {
        let trellis = Trellis::new(height).unwrap();
        let sums = Sums::new(trellis);
        let mut elements = 1_u32;
        for _ in 0..1000 {
            elements = elements.wrapping_mul(0x9e37_79b9).rotate_left(7) ^ 1;
            let ones = columns(height).iter().enumerate();
            let ones = ones.filter(|(at, _)| elements >> at & 1 == 1);
            let expected = ones.fold(0, |sum, (_, column)| sum ^ column);
            assert_eq!(sums.of(elements), expected, "{height}, {elements:#x}");
        }
    }
}

//! A pseudo-random order of the samples, of which any part can be had without the others.

use crate::Options;
use crate::arch::wipe;
use crate::key::{Stream, Use};

/// Places that are made at once.
pub(crate) const BATCH: usize = 64;

/// A permutation of `0 .. count`: four rounds of a Feistel network over `rows * columns >= count` places, which are barely
/// more, with places outside sent through again. Drawn in `DESIGN.md`.
///
/// It spreads elements, so that no block of a trellis code has only costly ones. What it hides rests on the whitening, not
/// on it.
#[derive(Clone)]
pub(crate) struct Order {
    count: u64,
    rows: u64,
    columns: u64,
    keys: [u64; 4],
}

impl Order {
    pub(crate) fn new(options: &Options, count: usize) -> Self {
        let mut keys = [[0; 8]; 4];
        let mut stream = Stream::new(options.level, options.key.as_ref(), Use::Path);
        stream.fill(keys.as_flattened_mut());
        let numbers = keys.map(u64::from_le_bytes);
        wipe(keys.as_flattened_mut());
        let count = count as u64;
        let root = count.isqrt();
        let rows = if root * root < count { root + 1 } else { root }.max(1);
        Self {
            count,
            rows,
            columns: count.div_ceil(rows).max(1),
            keys: numbers,
        }
    }

    /// Places number `from` up to `to` of the order.
    pub(crate) fn range(&self, from: usize, to: usize) -> impl Iterator<Item = usize> + use<> {
        let order = self.clone();
        (from..to).step_by(BATCH).flat_map(move |first| {
            let mut places = [0; BATCH];
            let here = BATCH.min(to - first);
            order.fill(first, &mut places[..here]);
            places.into_iter().take(here)
        })
    }

    /// The places from number `from` on. They are made before anybody looks at what is there: who asks memory for many places
    /// at once does not wait for each.
    #[inline]
    pub(crate) fn fill(&self, from: usize, places: &mut [usize]) {
        let (mut row, mut column) = (from as u64 / self.columns, from as u64 % self.columns);
        for place in places {
            *place = self.place(row, column);
            column += 1;
            if column == self.columns {
                (row, column) = (row + 1, 0);
            }
        }
    }

    #[inline(always)]
    fn place(&self, row: u64, column: u64) -> usize {
        let (mut row, mut column) = (row, column);
        loop {
            let [first, second, third, fourth] = self.keys;
            row = add(row, mix(column ^ first), self.rows);
            column = add(column, mix(row ^ second), self.columns);
            row = add(row, mix(column ^ third), self.rows);
            column = add(column, mix(row ^ fourth), self.columns);
            let place = row * self.columns + column;
            if place < self.count {
                return usize::try_from(place).unwrap_or(0);
            }
        }
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        wipe(&mut self.keys);
    }
}

/// `value` and a share of `modulus`, modulo it.
#[inline(always)]
fn add(value: u64, share: u64, modulus: u64) -> u64 {
    // At most 2^32: a root of what a `u64` counts.
    let sum = value + (((share >> 32) * modulus) >> 32);
    if sum < modulus { sum } else { sum - modulus }
}

/// Two rounds of multiplying and shifting, as splitmix64 ends.
#[inline(always)]
const fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 32).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (value ^ value >> 29).wrapping_mul(0x94d0_49bb_1331_11eb)
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::Key;

    /// Every place once, for counts around squares; parts are those of the whole; another key, another order.
    #[test]
    fn orders_are_permutations() {
        let options = Options::new();
        let keyed = Options::new().key(Key::new([5; 32]));
        let larger = [255, 256, 257, 999, 4096, 10_000, 65_537];
        // Miri is slow.
        let larger = &larger[..if cfg!(miri) { 3 } else { larger.len() }];
        for count in (0..70).chain(larger.iter().copied()) {
            let order = Order::new(&options, count);
            let all: Vec<usize> = order.range(0, count).collect();
            let mut seen = vec![false; count];
            for &place in &all {
                assert!(!core::mem::replace(&mut seen[place], true), "{count}");
            }
            let (third, half) = (count / 3, count / 2);
            assert!(
                order
                    .range(third, half)
                    .eq(all[third..half].iter().copied())
            );
            let other: Vec<usize> = Order::new(&keyed, count).range(0, count).collect();
            assert!(count < 10 || other != all);
        }
    }

    /// Neighbours do not stay together, and no place stays near its own.
    #[test]
    #[cfg(not(miri))] // a statistic of many, on arithmetic that the test above runs
    fn orders_spread() {
        let count = 100_000;
        let all: Vec<usize> = Order::new(&Options::new(), count).range(0, count).collect();
        let near = all
            .windows(2)
            .filter(|pair| pair[0].abs_diff(pair[1]) < 1000)
            .count();
        // 2 % of random pairs are that near
        assert!((1600..2400).contains(&near), "{near}");
        let first: usize = all[..1000].iter().sum::<usize>() / 1000;
        assert!((45_000..55_000).contains(&first), "{first}");
    }
}

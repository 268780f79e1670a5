//! The histogram of prediction errors, of which every choice of sides and bins follows.

use alloc::vec::Vec;
use core::ops::Range;

use super::lanes::{Lanes, NEAR};
use super::region::{Region, Strips, lead, side};
use super::simd::BLOCK;
use super::{Lane, Simd, Task};

/// Blocks of codes that are counted at once.
const ROOM: usize = 64;

/// Counts prediction errors: each column of `counts` gets an entry for each code that there is, and an even number of them;
/// the columns are to be added up.
///
/// A code is 0 where a sample does not carry, `2 e + 2` above and `2 e + 3` below, where larger distances than `most` count as
/// `most`. In most pictures nearly all errors are small: codes below [`NEAR`] are counted in vectors where there are no others;
/// else each sample adds to its count, which takes more than a cycle per sample.
///
/// Where a sample carries, the one an odd number of rows below does not: so two blocks make one of codes.
pub(crate) struct Tally<'a, S> {
    pub(crate) samples: &'a [S],
    pub(crate) region: Region<'a, S>,
    /// Parts of the region.
    pub(crate) parts: &'a [Range<usize>],
    pub(crate) most: S,
    pub(crate) counts: &'a mut Columns,
}

/// Counts in four columns, so that one count does not wait for itself where many errors are the same.
pub(crate) type Columns = [Vec<u32>; 4];

/// The lowest and the highest of the samples that may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) low: u16,
    pub(crate) high: u16,
}

/// The span of samples, whether they carry or not.
pub(crate) struct Spanned<'a, S> {
    pub(crate) samples: &'a [S],
    /// The stored bits.
    pub(crate) stored: S,
}

impl<S: Lane> Task for Spanned<'_, S> {
    type Output = Span;

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> Span {
        let stored = S::Block::<V>::splat(simd, self.stored);
        let mut low = S::Block::<V>::splat(simd, S::cut(u16::MAX));
        let mut high = S::Block::<V>::splat(simd, S::cut(0));
        let (blocks, rest) = self.samples.as_chunks();
        for block in blocks {
            let x = S::Block::<V>::load(simd, block) & stored;
            (low, high) = (low.min(x), high.max(x));
        }
        let span = Span::of(low, high);
        rest.iter().fold(span, |span, &x| {
            let x = x.into() & self.stored.into();
            span.and(Span { low: x, high: x })
        })
    }
}

impl Span {
    /// Of no samples.
    pub(crate) const NONE: Self = Self {
        low: u16::MAX,
        high: 0,
    };

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    /// Of the lowest and the highest in each lane.
    #[inline(always)]
    fn of<S: Lane, L: Lanes<Sample = S>>(low: L, high: L) -> Self {
        let [mut lows, mut highs] = [[S::default(); BLOCK]; 2];
        low.store(&mut lows);
        high.store(&mut highs);
        Self {
            low: lows.into_iter().map(Into::into).min().unwrap_or(0),
            high: highs.into_iter().map(Into::into).max().unwrap_or(0),
        }
    }
}

/// Codes on their way to the counts.
struct Codes<'a, S> {
    room: [[S; BLOCK]; ROOM],
    filled: usize,
    counts: &'a mut Columns,
}

/// What makes codes, in every lane.
#[derive(Clone, Copy)]
struct Coder<L> {
    most: L,
    two: L,
    three: L,
}

impl<S: Lane> Task for Tally<'_, S> {
    type Output = Span;

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> Span {
        let Self {
            samples,
            region,
            parts,
            most,
            counts,
        } = self;
        let stored = S::Block::<V>::splat(simd, region.stored);
        let coder = Coder {
            most: S::Block::<V>::splat(simd, most),
            two: S::Block::<V>::splat(simd, S::cut(2)),
            three: S::Block::<V>::splat(simd, S::cut(3)),
        };
        let mut codes = Codes {
            room: [[S::default(); BLOCK]; ROOM],
            filled: 0,
            counts,
        };
        // Not among the codes: those lie in memory, where each block would wait for the one before.
        let mut low = S::Block::<V>::splat(simd, S::cut(u16::MAX));
        let mut high = S::Block::<V>::splat(simd, S::cut(0));
        for &Range { start, end } in parts {
            let rows = (end.saturating_sub(start) / 2 / region.stride).saturating_sub(1) | 1;
            let apart = rows * region.stride;
            let paired = if end.saturating_sub(start) >= 2 * apart {
                start + apart
            } else {
                start
            };
            let last = paired + paired - start;
            // Loads across lines of the cache take longer, too.
            let lead = lead(start, samples);
            let mut upper = Strips::after(region.part(start, paired), lead);
            let mut lower = Strips::after(region.part(paired, last), lead);
            while let (Some(strip), Some(below)) =
                (upper.next(simd, samples), lower.next(simd, samples))
            {
                let (xs, ps, carrying) = upper.blocks(strip, samples);
                let (ys, qs, others) = lower.blocks(below, samples);
                let above = xs.iter().zip(ps).zip(carrying);
                let below = ys.iter().zip(qs).zip(others);
                let room = codes.room(simd, xs.len());
                for ((((x, p), carrying), ((y, q), others)), room) in above.zip(below).zip(room) {
                    let carrying = S::Block::<V>::load(simd, carrying);
                    let above = carrying.ones();
                    let x = S::Block::<V>::load(simd, x);
                    let x = x.where_or(above, S::Block::<V>::load(simd, y));
                    let p = S::Block::<V>::load(simd, p);
                    let p = p.where_or(above, S::Block::<V>::load(simd, q));
                    let carrying = carrying | S::Block::<V>::load(simd, others);
                    let x = x & stored;
                    (low, high) = (low.min(x | !carrying), high.max(x & carrying));
                    coder.code([x, p], carrying).store(room);
                }
            }
            if last == end {
                continue;
            }
            let mut rest = Strips::new(region.part(last, end));
            while let Some(strip) = rest.next(simd, samples) {
                let (xs, ps, carrying) = rest.blocks(strip, samples);
                let room = codes.room(simd, xs.len());
                for (((x, p), carrying), room) in xs.iter().zip(ps).zip(carrying).zip(room) {
                    let x = S::Block::<V>::load(simd, x) & stored;
                    let p = S::Block::<V>::load(simd, p);
                    let carrying = S::Block::<V>::load(simd, carrying);
                    (low, high) = (low.min(x | !carrying), high.max(x & carrying));
                    coder.code([x, p], carrying).store(room);
                }
            }
        }
        codes.count(simd);
        Span::of(low, high)
    }
}

impl<L: Lanes> Coder<L> {
    #[inline(always)]
    fn code(self, [x, p]: [L; 2], carrying: L) -> L {
        let (up, e) = side([x, p]);
        let e = e.min(self.most);
        e.plus(e).plus(self.two.where_or(up, self.three)) & carrying
    }
}

impl<S: Lane> Codes<'_, S> {
    /// Room for so many blocks of codes, of a strip at most.
    #[inline(always)]
    fn room<V: Simd>(&mut self, simd: V, blocks: usize) -> &mut [[S; BLOCK]] {
        if self.filled + blocks > ROOM {
            self.count(simd);
        }
        let start = self.filled;
        self.filled += blocks;
        self.room.get_mut(start..self.filled).unwrap_or_default()
    }

    #[inline(always)]
    fn count<V: Simd>(&mut self, simd: V) {
        let codes = self.room.get(..self.filled).unwrap_or_default();
        self.filled = 0;
        let mut most = S::Block::<V>::splat(simd, S::default());
        for block in codes {
            most = most.max(S::Block::<V>::load(simd, block));
        }
        let mut lanes = [S::default(); BLOCK];
        most.store(&mut lanes);
        let most: u16 = lanes.into_iter().map(Into::into).max().unwrap_or(0);
        let most = usize::from(most);
        grow(self.counts, NEAR.max(most + 1));
        let [a, b, c, d] = self.counts.each_mut().map(Vec::as_mut_slice);
        if let Some(near) = a.first_chunk_mut().filter(|_| most < NEAR) {
            if S::Block::<V>::tally(simd, codes, near) {
                return;
            }
            for (code, count) in near.iter_mut().enumerate().take(most + 1).skip(2) {
                *count += u32::try_from(equal(simd, codes, code)).unwrap_or(0);
            }
            return;
        }
        // Codes are read one by one: of four at once LLVM makes a word, and steps to take it apart.
        for four in codes.as_flattened().as_chunks::<4>().0 {
            // SAFETY: `most` is the largest of these codes, and `grow` has left each column more entries than that.
            unsafe {
                *a.get_unchecked_mut(usize::from(four[0].into())) += 1;
                *b.get_unchecked_mut(usize::from(four[1].into())) += 1;
                *c.get_unchecked_mut(usize::from(four[2].into())) += 1;
                *d.get_unchecked_mut(usize::from(four[3].into())) += 1;
            }
        }
    }
}

/// At least so many counts in each column, an even number.
#[cold]
#[inline(never)]
fn grow(columns: &mut Columns, least: usize) {
    for counts in columns {
        if counts.len() < least {
            counts.resize(least.next_multiple_of(2), 0);
        }
    }
}

/// How many of the codes, in fewer than 256 blocks, are this one.
#[inline(always)]
fn equal<V: Simd, S: Lane>(simd: V, codes: &[[S; BLOCK]], code: usize) -> usize {
    let splat = |value: usize| {
        let value = S::cut(u16::try_from(value).unwrap_or(0));
        S::Block::<V>::splat(simd, value)
    };
    let (code, mut sums) = (splat(code), splat(0));
    for block in codes {
        sums = sums.count(S::Block::<V>::load(simd, block), code);
    }
    let mut lanes = [S::default(); BLOCK];
    sums.store(&mut lanes);
    lanes.into_iter().map(|sum| usize::from(sum.into())).sum()
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::region::STRIP;
    use super::super::{Level, dispatch};
    use super::*;

    const COLUMNS: usize = 150;

    /// Codes of few values, of all that are counted at once, and of more; parts that are whole blocks, and that are not.
    #[test]
    fn every_level_counts_what_a_plain_loop_counts() {
        // Miri takes seconds for each.
        let every: [&[usize]; 2] = [&[4, 7, 40, 120], &[7]];
        for &rows in every[usize::from(cfg!(miri))] {
            let every: [&[u32]; 2] = [&[1, 3, 6, 8, 9, 60], &[6, 60]];
            for &noise in every[usize::from(cfg!(miri))] {
                counts_agree::<u8>(rows, noise);
                counts_agree::<u16>(rows, noise);
            }
            counts_agree::<u16>(rows, 9000);
        }
    }

    fn counts_agree<S: Lane>(rows: usize, noise: u32) {
        let mut state = 1u32;
        let samples: Vec<S> = (0..rows * COLUMNS)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                S::cut(u16::try_from(50 + (state >> 16) % noise).unwrap())
            })
            .collect();
        let carries = |at: usize| {
            (at / COLUMNS + at).is_multiple_of(2) && (1..COLUMNS - 1).contains(&(at % COLUMNS))
        };
        let lane = |at| if carries(at) { u16::MAX } else { 0 };
        let carrying: Vec<S> = (0..2 * COLUMNS + STRIP)
            .map(|at| S::cut(lane(at % (2 * COLUMNS))))
            .collect();
        let (start, end, most) = (2 * COLUMNS, (rows - 1) * COLUMNS, 64);

        let value = |at: usize| -> u32 { u32::from(samples[at].into()) };
        let mut expected = std::vec![0u32; 2 * usize::from(most) + 4];
        for at in (start..end).filter(|&at| carries(at)) {
            let mean = |a: u32, b: u32| (a + b).div_ceil(2);
            let beside = mean(value(at - 1), value(at + 1));
            let p = mean(beside, mean(value(at - COLUMNS), value(at + COLUMNS)));
            let (x, below) = (value(at), u32::from(value(at) < p));
            let e = (x.abs_diff(p) - below).min(u32::from(most));
            expected[usize::try_from(2 * e + 2 + below).unwrap()] += 1;
        }
        let part = start..end;
        for level in Level::available() {
            let mut counts = Columns::default();
            let region = Region {
                start,
                end,
                channels: 1,
                stride: COLUMNS,
                carrying: &carrying,
                stored: S::cut(u16::MAX),
            };
            let tally = Tally {
                samples: &samples,
                region,
                parts: core::slice::from_ref(&part),
                most: S::cut(most),
                counts: &mut counts,
            };
            dispatch(level, tally);
            for (code, expected) in expected.iter().enumerate().skip(2) {
                let found = counts
                    .iter()
                    .map(|column| column.get(code).unwrap_or(&0))
                    .sum::<u32>();
                assert_eq!(found, *expected, "{level:?}, {rows} rows, {noise}, {code}");
            }
        }
    }
}

//! The histogram of prediction errors, of which every choice of sides and bins follows.

use alloc::vec::Vec;

use super::lanes::Lanes;
use super::region::{Region, Strips, lead, side};
use super::simd::BLOCK;
use super::{Lane, Simd, Task};

/// Blocks of codes that are counted at once.
const ROOM: usize = 64;

/// Distances per side that are counted in vectors, one after the other until every error is.
const NEAR: usize = 8;

/// Counts prediction errors: `counts` gets an entry for each code that there is, in four columns that are to be added up.
///
/// A code is 0 where a sample does not carry, `2 e + 2` above and `2 e + 3` below, where larger distances than `most` count as
/// `most`. In most pictures nearly all errors are small, and those are counted in vectors, 64 samples in a few instructions
/// per code; else each sample adds to its count, which takes about a cycle per sample.
///
/// Where a sample carries, the one an odd number of rows below does not: so two blocks make one of codes.
pub(crate) struct Tally<'a, S> {
    pub(crate) samples: &'a [S],
    pub(crate) region: Region<'a, S>,
    pub(crate) most: S,
    pub(crate) counts: &'a mut Vec<[u32; 4]>,
}

/// The lowest and the highest of the samples that may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) low: u16,
    pub(crate) high: u16,
}

/// Codes on their way to the counts.
struct Codes<'a, S, L> {
    stored: L,
    most: L,
    three: L,
    room: [[S; BLOCK]; ROOM],
    filled: usize,
    counts: &'a mut Vec<[u32; 4]>,
    /// How many times vectors are not tried, as they have missed some.
    skip: u32,
}

impl<S: Lane> Task for Tally<'_, S> {
    type Output = Span;

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> Span {
        let Self {
            samples,
            region,
            most,
            counts,
        } = self;
        let Region { start, end, .. } = region;
        grow(counts, 2 * NEAR + 2);
        let mut codes = Codes {
            stored: S::Block::<V>::splat(simd, region.stored),
            most: S::Block::<V>::splat(simd, most),
            three: S::Block::<V>::splat(simd, S::cut(3)),
            room: [[S::default(); BLOCK]; ROOM],
            filled: 0,
            counts,
            skip: 0,
        };
        // Not among the codes: those lie in memory, where each block would wait for the one before.
        let mut low = S::Block::<V>::splat(simd, S::cut(u16::MAX));
        let mut high = S::Block::<V>::splat(simd, S::cut(0));
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
            for (((x, p), carrying), ((y, q), others)) in above.zip(below) {
                let carrying = S::Block::<V>::load(simd, carrying);
                let above = carrying.ones();
                let x = S::Block::<V>::load(simd, x);
                let x = x.where_or(above, S::Block::<V>::load(simd, y));
                let p = S::Block::<V>::load(simd, p);
                let p = p.where_or(above, S::Block::<V>::load(simd, q));
                let carrying = carrying | S::Block::<V>::load(simd, others);
                let x = x & codes.stored;
                (low, high) = (low.min(x | !carrying), high.max(x & carrying));
                codes.add(simd, [x, p], carrying);
            }
        }
        let mut rest = Strips::new(region.part(last, end));
        while let Some(strip) = rest.next(simd, samples) {
            let (xs, ps, carrying) = rest.blocks(strip, samples);
            for ((x, p), carrying) in xs.iter().zip(ps).zip(carrying) {
                let x = S::Block::<V>::load(simd, x) & codes.stored;
                let p = S::Block::<V>::load(simd, p);
                let carrying = S::Block::<V>::load(simd, carrying);
                (low, high) = (low.min(x | !carrying), high.max(x & carrying));
                codes.add(simd, [x, p], carrying);
            }
        }
        codes.count(simd);
        let [mut lows, mut highs] = [[S::default(); BLOCK]; 2];
        low.store(&mut lows);
        high.store(&mut highs);
        Span {
            low: lows.into_iter().map(Into::into).min().unwrap_or(0),
            high: highs.into_iter().map(Into::into).max().unwrap_or(0),
        }
    }
}

impl<S: Lane, L: Lanes<Sample = S>> Codes<'_, S, L> {
    #[inline(always)]
    fn add<V: Simd>(&mut self, simd: V, [x, p]: [L; 2], carrying: L)
    where
        L: Lanes<Token = V>,
    {
        let (up, e) = side([x, p]);
        let e = e.min(self.most);
        // Three less one above, and three below.
        let code = e.plus(e).plus(self.three).less_one(up) & carrying;
        if let Some(room) = self.room.get_mut(self.filled) {
            code.store(room);
            self.filled += 1;
        }
        if self.filled == ROOM {
            self.count(simd);
        }
    }

    #[inline(always)]
    fn count<V: Simd>(&mut self, simd: V)
    where
        L: Lanes<Token = V>,
    {
        let codes = self.room.get(..self.filled).unwrap_or_default();
        self.filled = 0;
        if self.skip == 0 {
            let all = codes.len() * BLOCK - equal(simd, codes, 0);
            let mut left = all;
            let mut found = [0; 2 * NEAR];
            let mut at = 0;
            // Where few errors are very small, not all of them will be small.
            while left > 0 && at < 2 * NEAR && (at < NEAR || left < all - all / 8) {
                let count = equal(simd, codes, at + 2);
                found[at] = count;
                left -= count;
                at += 1;
            }
            if left == 0 {
                for (count, found) in self.counts.iter_mut().skip(2).zip(found) {
                    count[0] += u32::try_from(found).unwrap_or(0);
                }
                return;
            }
            self.skip = 8;
        }
        self.skip -= 1;
        let mut most = S::Block::<V>::splat(simd, S::default());
        for block in codes {
            most = most.max(S::Block::<V>::load(simd, block));
        }
        let mut lanes = [S::default(); BLOCK];
        most.store(&mut lanes);
        let most: u16 = lanes.into_iter().map(Into::into).max().unwrap_or(0);
        grow(self.counts, usize::from(most) + 1);
        // Four columns, so that one count does not wait for itself where many errors are the same.
        let counts = self.counts.as_mut_slice();
        for four in codes.as_flattened().as_chunks::<4>().0 {
            for (column, &code) in four.iter().enumerate() {
                if let Some(count) = counts.get_mut(usize::from(code.into())) {
                    count[column] += 1;
                }
            }
        }
    }
}

/// At least so many counts.
#[cold]
#[inline(never)]
fn grow(counts: &mut Vec<[u32; 4]>, least: usize) {
    if counts.len() < least {
        counts.resize(least, [0; 4]);
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

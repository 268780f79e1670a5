//! The histogram of prediction errors, of which every choice of sides and bins follows.

use super::lanes::Lanes;
use super::region::{Blocks, Region, side};
use super::simd::BLOCK;
use super::{Lane, Simd, Task};

/// Blocks of codes that are counted at once.
const ROOM: usize = 64;

/// Distances per side that are counted in vectors, one after the other until every error is.
const NEAR: usize = 8;

/// Counts prediction errors; `counts` has two entries per code, in two tables, which are to be added up.
///
/// A code is 0 where a sample does not carry, `most + 2 + e` above and `most + 1 - e` below, where larger distances than
/// `most` count as `most`. In most pictures nearly all errors are small, and those are counted in vectors, 64 samples in
/// a few instructions per code; else each sample adds to its count, which takes about a cycle per sample.
///
/// Where a sample carries, the one an odd number of rows below does not: so two blocks make one of codes.
pub(crate) struct Tally<'a, S> {
    pub(crate) samples: &'a [S],
    pub(crate) region: Region<'a, S>,
    pub(crate) most: S,
    pub(crate) counts: &'a mut [u32],
}

/// The lowest and the highest of the samples that may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) low: u16,
    pub(crate) high: u16,
}

/// Codes on their way to the counts.
struct Codes<'a, S, L> {
    most: S,
    /// `most`, and the codes of distance 0 on both sides.
    ends: [L; 3],
    low: L,
    high: L,
    room: [[S; BLOCK]; ROOM],
    filled: usize,
    counts: &'a mut [u32],
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
        let [zero, ones] = [0, u16::MAX].map(|value| S::Block::<V>::splat(simd, S::cut(value)));
        let first: u16 = most.into();
        let mut codes = Codes {
            most,
            ends: [first, first + 2, first + 1].map(|end| S::Block::<V>::splat(simd, S::cut(end))),
            low: ones,
            high: zero,
            room: [[S::default(); BLOCK]; ROOM],
            filled: 0,
            counts,
            skip: 0,
        };
        let rows = (end.saturating_sub(start) / 2 / region.stride).saturating_sub(1) | 1;
        let apart = rows * region.stride;
        let paired = if end.saturating_sub(start) >= 2 * apart {
            start + apart
        } else {
            start
        };
        let part = |start, end| {
            Blocks::new(Region {
                start,
                end,
                ..region
            })
        };
        let (mut upper, mut lower) = (part(start, paired), part(paired, paired + paired - start));
        while let (Some((at, carrying)), Some((below, others))) =
            (upper.next(simd), lower.next(simd))
        {
            let [x, p] = region.values(simd, samples, at);
            let [y, q] = region.values(simd, samples, below);
            let both = [x.where_or(carrying, y), p.where_or(carrying, q)];
            codes.add(simd, both, carrying | others);
        }
        let mut rest = part(paired + paired - start, end);
        while let Some((at, carrying)) = rest.next(simd) {
            codes.add(simd, region.values(simd, samples, at), carrying);
        }
        codes.count(simd);
        let [mut low, mut high] = [[S::default(); BLOCK]; 2];
        codes.low.store(&mut low);
        codes.high.store(&mut high);
        Span {
            low: low.into_iter().map(Into::into).min().unwrap_or(0),
            high: high.into_iter().map(Into::into).max().unwrap_or(0),
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
        let [most, above, below] = self.ends;
        let e = e.min(most);
        let code = above.plus(e).where_or(up, below.minus(e)) & carrying;
        self.low = self.low.min(x | !carrying);
        self.high = self.high.max(x & carrying);
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
            let zero = usize::from(self.most.into()) + 2;
            let mut left = codes.len() * BLOCK - equal(simd, codes, 0);
            let mut found = [0; 2 * NEAR];
            let mut at = 0;
            while left > 0 && at < 2 * NEAR {
                let count = equal(simd, codes, near_code(zero, at));
                found[at] = count;
                left -= count;
                at += 1;
            }
            if left == 0 {
                for (at, found) in found.into_iter().enumerate().take(at) {
                    if let Some(count) = self.counts.get_mut(near_code(zero, at)) {
                        *count += u32::try_from(found).unwrap_or(0);
                    }
                }
                return;
            }
            self.skip = 8;
        }
        self.skip -= 1;
        // Two tables, so that one count does not wait for itself where many errors are the same.
        let (even, odd) = self.counts.split_at_mut(self.counts.len() / 2);
        for &[a, b] in codes.as_flattened().as_chunks().0 {
            if let Some(count) = even.get_mut(usize::from(a.into())) {
                *count += 1;
            }
            if let Some(count) = odd.get_mut(usize::from(b.into())) {
                *count += 1;
            }
        }
    }
}

/// The codes from distance 0 on, on both sides in turn.
#[inline(always)]
const fn near_code(zero: usize, at: usize) -> usize {
    if at.is_multiple_of(2) {
        zero + at / 2
    } else {
        zero.saturating_sub(at / 2 + 1)
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

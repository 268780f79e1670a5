//! Blocks of samples and their predictions: where the reversible scheme's passes go.
//!
//! Rows are not told apart: where a block crosses from one row to the next, samples at the edges get predictions that mean
//! nothing, and their lanes do not carry.

use super::kernel::low_bits;
use super::lanes::Lanes;
use super::simd::BLOCK;
use super::{Lane, Simd};

/// Where the samples are that may carry, of which the first is not in the first row and the last not in the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region<'a, S> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) channels: usize,
    pub(crate) stride: usize,
    /// All ones where a sample may carry: two rows from an even one on, and a block more.
    pub(crate) carrying: &'a [S],
    /// The stored bits.
    pub(crate) stored: S,
}

/// A block from any sample on; zeros after the last.
#[inline(always)]
pub(super) fn load<V: Simd, S: Lane>(simd: V, samples: &[S], at: usize) -> S::Block<V> {
    let whole = samples.get(at..at + BLOCK).and_then(<[S]>::first_chunk);
    match whole {
        Some(block) => S::Block::<V>::load(simd, block),
        None => S::Block::<V>::load(simd, &part(samples, at)),
    }
}

/// The last samples, and zeros.
#[cold]
#[inline(never)]
fn part<S: Lane>(samples: &[S], at: usize) -> [S; BLOCK] {
    let mut block = [S::default(); BLOCK];
    let rest = samples.get(at..).unwrap_or_default();
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
    }
    block
}

/// Walks along a region, block by block.
pub(super) struct Blocks<'a, S> {
    region: Region<'a, S>,
    at: usize,
    phase: usize,
}

impl<'a, S: Lane> Blocks<'a, S> {
    #[inline(always)]
    pub(super) fn new(region: Region<'a, S>) -> Self {
        Self {
            region,
            at: region.start,
            phase: region.start % (2 * region.stride).max(1),
        }
    }

    /// The next block: its first sample, and the lanes of those that carry.
    #[inline(always)]
    pub(super) fn next<V: Simd>(&mut self, simd: V) -> Option<(usize, S::Block<V>)> {
        let (at, end, period) = (self.at, self.region.end, 2 * self.region.stride);
        if at >= end {
            return None;
        }
        let mut carrying = load(simd, self.region.carrying, self.phase);
        if end - at < BLOCK {
            let present = low_bits(u32::try_from(end - at).unwrap_or(64));
            carrying = carrying & S::Block::<V>::spread(simd, present);
        }
        self.at += BLOCK;
        self.phase += BLOCK;
        if self.phase >= period {
            self.phase %= period;
        }
        Some((at, carrying))
    }
}

impl<S: Lane> Region<'_, S> {
    /// The values of a block and their predictions: means that round up, as SIMD instructions do.
    #[inline(always)]
    pub(super) fn values<V: Simd>(&self, simd: V, samples: &[S], at: usize) -> [S::Block<V>; 2] {
        let stored = S::Block::<V>::splat(simd, self.stored);
        let whole = self.stored == S::cut(u16::MAX);
        let [left, right] = [at - self.channels, at + self.channels];
        let [up, down] = [at - self.stride, at + self.stride];
        let value = |at: usize| {
            let value = load(simd, samples, at);
            if whole { value } else { value & stored }
        };
        let beside = value(left).mean(value(right));
        let across = value(up).mean(value(down));
        // The mean of means, step by step: LLVM makes the instruction of one mean, but widens the lanes for two.
        let mean = (beside | across).minus((beside ^ across).half());
        [value(at), mean]
    }
}

/// A walk along a region that is written to, in which a block is loaded before the one before it is stored: a load that
/// takes what was just stored in part waits for the cache. What predicts a sample that carries does not change.
pub(super) struct Ahead<'a, S: Lane, V: Simd> {
    blocks: Blocks<'a, S>,
    next: Option<Loaded<S, V>>,
}

/// The first sample of a block, values and predictions, and the lanes of those that carry.
pub(super) type Loaded<S, V> = (usize, [<S as Lane>::Block<V>; 2], <S as Lane>::Block<V>);

impl<'a, S: Lane, V: Simd> Ahead<'a, S, V> {
    #[inline(always)]
    pub(super) fn new(simd: V, region: Region<'a, S>, samples: &[S]) -> Self {
        let mut ahead = Self {
            blocks: Blocks::new(region),
            next: None,
        };
        ahead.next(simd, samples);
        ahead
    }

    #[inline(always)]
    pub(super) fn next(&mut self, simd: V, samples: &[S]) -> Option<Loaded<S, V>> {
        let region = self.blocks.region;
        let loaded = self.blocks.next(simd);
        let loaded = loaded.map(|(at, carrying)| (at, region.values(simd, samples, at), carrying));
        core::mem::replace(&mut self.next, loaded)
    }
}

/// Whether a sample is on the upper side of its prediction, and how far from it: from 0 on each side.
#[inline(always)]
pub(super) fn side<L: Lanes>([x, p]: [L; 2]) -> (L, L) {
    let up = x.at_least(p);
    (up, x.max(p).minus(x.min(p)).plus(!up))
}

//! Blocks of samples and their predictions: where the reversible scheme's passes go.
//!
//! Rows are not told apart: where a block crosses from one row to the next, samples at the edges get predictions that mean
//! nothing, and their lanes do not carry.

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
    /// All ones where a sample may carry: two rows from an even one on, and a strip more.
    pub(crate) carrying: &'a [S],
    /// The stored bits.
    pub(crate) stored: S,
}

impl<S: Copy> Region<'_, S> {
    /// A part of it.
    #[inline(always)]
    pub(crate) const fn part(self, start: usize, end: usize) -> Self {
        Self { start, end, ..self }
    }

    /// The most blocks that it is walked in: the first may be not whole, and the last.
    pub(crate) const fn blocks(&self) -> usize {
        self.end.saturating_sub(self.start).div_ceil(BLOCK) + 1
    }
}

/// Samples whose predictions are made at once.
pub(crate) const STRIP: usize = 16 * BLOCK;

/// Walks along a region, strip by strip, each with the predictions of all its blocks: made in a loop of their own, neither
/// that loop nor what follows checks a bound per block, and no load takes in part what was just stored, for which it would
/// have to wait. What predicts a sample that carries does not change.
pub(super) struct Strips<'a, S> {
    region: Region<'a, S>,
    at: usize,
    phase: usize,
    /// Samples before the first line of the cache: a strip of their own, if not 0.
    lead: usize,
    predicted: [[S; BLOCK]; STRIP / BLOCK],
    /// The last block, where it is not whole, and zeros; lanes of samples that are not there do not carry.
    values: [[S; BLOCK]; 1],
    carrying: [[S; BLOCK]; 1],
}

/// A strip of whole blocks, or of fewer samples than a block has: the first of them, and how many.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    at: usize,
    phase: usize,
    count: usize,
}

/// The blocks of a strip: values, predictions, and the lanes of those that carry.
pub(super) type Blocks<'a, S> = (&'a [[S; BLOCK]], &'a [[S; BLOCK]], &'a [[S; BLOCK]]);

/// As [`Blocks`], to be changed.
pub(super) type BlocksMut<'a, S> = (&'a mut [[S; BLOCK]], &'a [[S; BLOCK]], &'a [[S; BLOCK]]);

impl<'a, S: Lane> Strips<'a, S> {
    #[inline(always)]
    pub(super) fn new(region: Region<'a, S>) -> Self {
        let room = [S::default(); BLOCK];
        Self {
            region,
            at: region.start,
            phase: region.start % (2 * region.stride).max(1),
            lead: 0,
            predicted: [room; STRIP / BLOCK],
            values: [room],
            carrying: [room],
        }
    }

    /// With blocks that begin at lines of the cache, as these samples lie: a block across two is stored at half the speed.
    #[inline(always)]
    pub(super) fn aligned(region: Region<'a, S>, samples: &[S]) -> Self {
        Self::after(region, lead(region.start, samples))
    }

    /// With so many samples in a strip of their own before the first block.
    #[inline(always)]
    pub(super) fn after(region: Region<'a, S>, lead: usize) -> Self {
        Self {
            lead,
            ..Self::new(region)
        }
    }

    /// The next strip, whose predictions are then there.
    #[inline(always)]
    pub(super) fn next<V: Simd>(&mut self, simd: V, samples: &[S]) -> Option<Strip> {
        let left = self
            .region
            .end
            .checked_sub(self.at)
            .filter(|&left| left > 0)?;
        let left = match core::mem::take(&mut self.lead) {
            0 => left,
            lead => left.min(lead),
        };
        let whole = left.min(STRIP) / BLOCK * BLOCK;
        let strip = Strip {
            at: self.at,
            phase: self.phase,
            count: if whole == 0 { left } else { whole },
        };
        if whole == 0 {
            self.last(simd, samples, strip);
        } else if self.region.stored == S::cut(u16::MAX) {
            self.predict::<V, true>(simd, samples, strip);
        } else {
            self.predict::<V, false>(simd, samples, strip);
        }
        self.at += strip.count;
        self.phase += strip.count;
        let period = 2 * self.region.stride;
        if self.phase >= period {
            self.phase %= period.max(1);
        }
        Some(strip)
    }

    /// The blocks of the strip.
    #[inline(always)]
    pub(super) fn blocks<'b>(&'b self, strip: Strip, samples: &'b [S]) -> Blocks<'b, S> {
        if strip.count < BLOCK {
            (&self.values, &self.predicted, &self.carrying)
        } else {
            let values = blocks(samples, strip.at, strip.count);
            let carrying = blocks(self.region.carrying, strip.phase, strip.count);
            (values, &self.predicted, carrying)
        }
    }

    /// The blocks of the strip, to be changed; then [`Self::close`] them.
    #[inline(always)]
    pub(super) fn open<'b>(&'b mut self, strip: Strip, samples: &'b mut [S]) -> BlocksMut<'b, S> {
        if strip.count < BLOCK {
            (&mut self.values, &self.predicted, &self.carrying)
        } else {
            let values = samples.get_mut(strip.at..strip.at + strip.count);
            let values = values.unwrap_or_default().as_chunks_mut().0;
            let carrying = blocks(self.region.carrying, strip.phase, strip.count);
            (values, &self.predicted, carrying)
        }
    }

    /// Gives back to the samples what has changed.
    #[inline(always)]
    pub(super) fn close(&self, strip: Strip, samples: &mut [S]) {
        if strip.count < BLOCK
            && let Some(samples) = samples.get_mut(strip.at..strip.at + strip.count)
        {
            samples.copy_from_slice(&self.values.as_flattened()[..strip.count]);
        }
    }

    /// The predictions of whole blocks; `ALL` bits are stored.
    #[inline(always)]
    fn predict<V: Simd, const ALL: bool>(&mut self, simd: V, samples: &[S], strip: Strip) {
        let Region {
            channels, stride, ..
        } = self.region;
        let Strip { at, count, .. } = strip;
        let stored = S::Block::<V>::splat(simd, self.region.stored);
        let left = blocks(samples, at - channels, count);
        let right = blocks(samples, at + channels, count);
        let up = blocks(samples, at - stride, count);
        let down = blocks(samples, at + stride, count);
        let rows = left.iter().zip(right).zip(up).zip(down);
        for (predicted, (((left, right), up), down)) in self.predicted.iter_mut().zip(rows) {
            let mut near = [
                S::Block::<V>::load(simd, left),
                S::Block::<V>::load(simd, right),
                S::Block::<V>::load(simd, up),
                S::Block::<V>::load(simd, down),
            ];
            if !ALL {
                for value in &mut near {
                    *value = *value & stored;
                }
            }
            mean(near).store(predicted);
        }
    }

    /// The last samples, fewer than a block has.
    #[inline(always)]
    fn last<V: Simd>(&mut self, simd: V, samples: &[S], strip: Strip) {
        let Region {
            channels, stride, ..
        } = self.region;
        let Strip { at, phase, count } = strip;
        let [left, right, up, down] = [at - channels, at + channels, at - stride, at + stride];
        let stored = S::Block::<V>::splat(simd, self.region.stored);
        let mut near = [stored; 4];
        for (near, at) in near.iter_mut().zip([left, right, up, down]) {
            *near = *near & S::Block::<V>::load(simd, &part(samples, at, count));
        }
        mean(near).store(&mut self.predicted[0]);
        self.values = [part(samples, at, count)];
        self.carrying = [part(self.region.carrying, phase, count)];
    }
}

/// So many samples, and zeros.
#[inline(never)]
fn part<S: Lane>(samples: &[S], at: usize, count: usize) -> [S; BLOCK] {
    let mut block = [S::default(); BLOCK];
    if let (Some(to), Some(from)) = (block.get_mut(..count), samples.get(at..at + count)) {
        to.copy_from_slice(from);
    }
    block
}

/// The samples from `at` on that lie before the first line of the cache.
#[inline(always)]
pub(super) fn lead<S>(at: usize, samples: &[S]) -> usize {
    let first = samples.get(at..).unwrap_or_default();
    match first.as_ptr().align_offset(64) {
        lead @ 0..BLOCK => lead,
        _ => 0,
    }
}

/// The blocks from any sample on, which are there: a region ends a row before the samples do.
#[inline(always)]
fn blocks<S>(samples: &[S], at: usize, count: usize) -> &[[S; BLOCK]] {
    samples
        .get(at..at + count)
        .unwrap_or_default()
        .as_chunks()
        .0
}

/// The mean of means of left and right, up and down: both round up, as SIMD instructions do.
#[inline(always)]
fn mean<L: Lanes>([left, right, up, down]: [L; 4]) -> L {
    left.mean(right).mean_of_means(up.mean(down))
}

/// Whether a sample is on the upper side of its prediction, and how far from it: from 0 on each side.
#[inline(always)]
pub(super) fn side<L: Lanes>([x, p]: [L; 2]) -> (L::Mask, L) {
    let up = x.at_least(p);
    // The distance less one is the difference with all bits turned.
    (up, x.minus(p).turn(!up))
}

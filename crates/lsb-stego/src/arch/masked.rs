//! Loops over blocks of which masks select samples; and LSB matching where every sample is selected.
//!
//! The last block may be a part of one: its mask selects none that is missing.

use super::kernel::{Sink, Source, carrying_samples, payload_bits, read_block, write_block};
use super::simd::BLOCK;
use super::{Ends, Lane, Simd, Task};
use crate::cover::Carriers;

/// What is done to a block of which a mask, not empty, selects samples. A method rather than a closure: only what is marked
/// so is inlined in both places that call it, and so compiled for the level.
trait Each<S> {
    fn each<V: Simd>(&mut self, simd: V, block: &mut [S; BLOCK], mask: u64);
}

/// Every block and its mask; the last, if it is a part, in a copy.
#[inline(always)]
fn change<V: Simd, S: Lane>(simd: V, samples: &mut [S], masks: &[u64], mut task: impl Each<S>) {
    let (blocks, rest) = samples.as_chunks_mut::<BLOCK>();
    let (whole, last) = masks.split_at(blocks.len().min(masks.len()));
    for (block, &mask) in blocks.iter_mut().zip(whole) {
        if mask != 0 {
            simd.ahead(block);
            task.each(simd, block, mask);
        }
    }
    if let Some(&mask) = last.first()
        && mask != 0
    {
        let mut block = [S::default(); BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        task.each(simd, &mut block, mask);
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

/// The `K` low bits of the selected samples become those of `payload`, from bit `at` on.
pub(crate) struct WriteMasked<'a, S, const K: usize> {
    pub(crate) samples: &'a mut [S],
    pub(crate) masks: &'a [u64],
    pub(crate) payload: &'a [u8],
    pub(crate) at: usize,
}

impl<S: Lane, const K: usize> Task for WriteMasked<'_, S, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let source = Source::new(self.payload, self.at);
        change(simd, self.samples, self.masks, Write::<K> { source });
    }
}

struct Write<'a, const K: usize> {
    source: Source<'a>,
}

impl<S: Lane, const K: usize> Each<S> for Write<'_, K> {
    #[inline(always)]
    fn each<V: Simd>(&mut self, simd: V, block: &mut [S; BLOCK], mask: u64) {
        write_block::<V, S, K>(simd, block, payload_bits(simd, mask), &mut self.source);
    }
}

/// The inverse of `WriteMasked`; `payload` is zero from bit `at` on.
pub(crate) struct ReadMasked<'a, S, const K: usize> {
    pub(crate) samples: &'a [S],
    pub(crate) masks: &'a [u64],
    pub(crate) payload: &'a mut [u8],
    pub(crate) at: usize,
}

impl<S: Lane, const K: usize> Task for ReadMasked<'_, S, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let mut sink = Sink::new(self.payload, self.at);
        let (blocks, rest) = self.samples.as_chunks::<BLOCK>();
        let (whole, last) = self.masks.split_at(blocks.len().min(self.masks.len()));
        for (block, &mask) in blocks.iter().zip(whole) {
            read_block::<V, S, K>(simd, block, payload_bits(simd, mask), &mut sink);
        }
        if let Some(&mask) = last.first() {
            let mut block = [S::default(); BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            read_block::<V, S, K>(simd, &block, payload_bits(simd, mask), &mut sink);
        }
        sink.finish();
    }
}

/// LSB matching: as `WriteMasked` of one bit, by steps of one; `up` has a bit for every bit of `payload`.
pub(crate) struct StepMasked<'a, S> {
    pub(crate) samples: &'a mut [S],
    pub(crate) masks: &'a [u64],
    pub(crate) payload: &'a [u8],
    pub(crate) up: &'a [u8],
    pub(crate) at: usize,
    pub(crate) ends: &'a Ends,
}

impl<S: Lane> Task for StepMasked<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let step = Step {
            bits: Source::new(self.payload, self.at),
            up: Source::new(self.up, self.at),
            ends: *self.ends,
        };
        change(simd, self.samples, self.masks, step);
    }
}

struct Step<'a> {
    bits: Source<'a>,
    up: Source<'a>,
    ends: Ends,
}

impl<S: Lane> Each<S> for Step<'_> {
    #[inline(always)]
    fn each<V: Simd>(&mut self, simd: V, block: &mut [S; BLOCK], mask: u64) {
        let count = mask.count_ones();
        let bits = simd.deposit(self.bits.take(count), mask);
        let up = simd.deposit(self.up.take(count), mask);
        S::step(simd, block, bits, mask, up, &self.ends);
    }
}

/// LSB matching in whole blocks, of which every sample is selected: eight bytes of `payload` and of `up` each.
pub(crate) struct StepAll<'a, S> {
    pub(crate) blocks: &'a mut [[S; BLOCK]],
    pub(crate) payload: &'a [u8],
    pub(crate) up: &'a [u8],
    pub(crate) ends: &'a Ends,
}

impl<S: Lane> Task for StepAll<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let [payload, up] = [self.payload, self.up].map(|bytes| bytes.as_chunks::<8>().0);
        let ends = *self.ends;
        for ((block, &bits), &up) in self.blocks.iter_mut().zip(payload).zip(up) {
            let [bits, up] = [bits, up].map(u64::from_le_bytes);
            simd.ahead(block);
            S::step(simd, block, bits, !0, up, &ends);
        }
    }
}

/// The masks of the samples that carry; `first` is the number of the first block.
pub(crate) struct Carrying<'a, S> {
    pub(crate) samples: &'a [S],
    pub(crate) carriers: &'a Carriers,
    pub(crate) first: usize,
    pub(crate) masks: &'a mut [u64],
}

impl<S: Lane> Task for Carrying<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let (blocks, rest) = self.samples.as_chunks::<BLOCK>();
        let (whole, last) = self.masks.split_at_mut(blocks.len());
        for ((index, block), mask) in (self.first..).zip(blocks).zip(whole) {
            *mask = carrying_samples(simd, self.carriers, index, block);
        }
        if let Some(mask) = last.first_mut() {
            let mut block = [S::default(); BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            let present = super::kernel::low_bits(u32::try_from(rest.len()).unwrap_or(0));
            *mask =
                present & carrying_samples(simd, self.carriers, self.first + blocks.len(), &block);
        }
    }
}

/// Of the samples in masks, those whose number in order `select` has a bit for. It is asked for so many at a time.
pub(crate) struct Thin<'a, F> {
    pub(crate) masks: &'a mut [u64],
    pub(crate) select: F,
}

impl<F: FnMut(u32) -> u64> Task for Thin<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(mut self, simd: V) {
        for mask in self.masks {
            *mask = simd.deposit((self.select)(mask.count_ones()), *mask);
        }
    }
}

/// Counts the samples that masks select.
pub(crate) struct Ones<'a> {
    pub(crate) masks: &'a [u64],
}

impl Task for Ones<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<V: Simd>(self, _: V) -> usize {
        self.masks
            .iter()
            .map(|mask| mask.count_ones() as usize)
            .sum()
    }
}

//! Writing to the samples of a path, by replacement or matching.

use super::{Fill, MASKS, Payload, Route, low_bits, white};
use crate::arch::kernel::{WriteAll, WriteWhite};
use crate::arch::masked::{StepAll, StepMasked, WriteMasked};
use crate::arch::{BLOCK, dispatch};
use crate::bits::for_bits;
use crate::join::Join;
use crate::part::Part;
use crate::path::{Density, PART};
use crate::{Sample, Scheme};

impl Route<'_> {
    pub(super) fn write_part<J: Join, S: Sample>(
        &self,
        samples: &mut [S],
        part: Part,
        least: usize,
        payload: Payload<'_>,
    ) {
        let Some((first, second)) = self.halve(samples, part, least) else {
            return match self.scheme {
                Scheme::Matrix(code) => self.write_matrix_bits(code, samples, part, payload),
                _ => self.write_span(samples, part.before, payload),
            };
        };
        let (low, high) = samples.split_at_mut(first.samples);
        J::join(
            || self.write_part::<J, S>(low, first, least, payload),
            || self.write_part::<J, S>(high, second, least, payload),
        );
    }

    /// `at` is the number of the first carrying sample.
    fn write_span<S: Sample>(&self, samples: &mut [S], at: usize, payload: Payload<'_>) {
        let mut walk = self.walk();
        let mut bit = walk.path.seek(self.density, at) * self.depth();
        match (self.counted.carriers.every_sample(), self.density) {
            (true, Density::First(count)) => {
                let here = count.saturating_sub(at).min(samples.len());
                for part in samples[..here].chunks_mut(self.share() * BLOCK) {
                    self.write_all(&mut walk.fill, part, bit, payload);
                    bit += part.len() * self.depth();
                }
            }
            (true, Density::Blocks(_)) => {
                for part in samples.chunks_mut(PART) {
                    let masks = walk.path.masks(usize::MAX);
                    bit += self.write_masks(&mut walk.fill, part, masks, bit, payload);
                }
            }
            (true, Density::Strata(_)) => {
                while let Some(index) = walk.path.step() {
                    let sample = samples.get_mut(index - at..).unwrap_or_default();
                    let Some(sample) = sample.first_mut() else {
                        return;
                    };
                    let sample = core::slice::from_mut(sample);
                    bit += self.write_masks(&mut walk.fill, sample, &[1], bit, payload);
                }
            }
            (false, _) => {
                for (index, part) in samples.chunks_mut(PART).enumerate() {
                    let mut masks = [0; MASKS];
                    let masks = &mut masks[..part.len().div_ceil(BLOCK)];
                    self.select(&mut walk.path, part, index, masks);
                    bit += self.write_masks(&mut walk.fill, part, masks, bit, payload);
                }
            }
        }
    }

    /// Writes to every sample, from stream bit `bit` on, a multiple of eight.
    fn write_all<S: Sample>(
        &self,
        fill: &mut Fill,
        samples: &mut [S],
        bit: usize,
        payload: Payload<'_>,
    ) {
        let level = self.options.level;
        let at = bit / 8;
        let count = (samples.len() * self.depth()).div_ceil(8);
        let whole = samples.len() / BLOCK * BLOCK;
        if let (Some(stream), Some(payload)) = (&mut fill.whitening, payload.whole(at, count))
            && self.scheme == Scheme::Replacement
            && whole == samples.len()
        {
            let whitening = &mut fill.more[..count];
            stream.seek(at as u64);
            stream.fill(whitening);
            return for_bits!(self.options.bits, K => {
                let blocks = samples.as_chunks_mut().0;
                dispatch(level, WriteWhite::<S, K> { blocks, payload, whitening });
            });
        }
        let up = &mut fill.more[..count];
        if let Some(stream) = &mut fill.steps {
            stream.seek(at as u64);
            stream.fill(up);
        }
        let up = &fill.more[..count];
        let payload = white(&mut fill.whitening, &mut fill.payload, payload, at, count);
        let (blocks, rest) = samples.split_at_mut(whole);
        let blocks = blocks.as_chunks_mut().0;
        let masks = &[low_bits(rest.len())];
        if self.scheme == Scheme::Matching {
            let ends = &self.ends;
            dispatch(
                level,
                StepAll::<S> {
                    blocks,
                    payload,
                    up,
                    ends,
                },
            );
            dispatch(
                level,
                StepMasked::<S> {
                    samples: rest,
                    masks,
                    payload,
                    up,
                    at: whole,
                    ends,
                },
            );
        } else {
            for_bits!(self.options.bits, K => {
                dispatch(level, WriteAll::<S, K> { blocks, payload });
                dispatch(level, WriteMasked::<S, K> { samples: rest, masks, payload, at: whole * K });
            });
        }
    }

    /// Writes to the samples of the masks, from stream bit `bit` on; how many bits.
    fn write_masks<S: Sample>(
        &self,
        fill: &mut Fill,
        samples: &mut [S],
        masks: &[u64],
        bit: usize,
        payload: Payload<'_>,
    ) -> usize {
        let share = self.share();
        let parts = samples.chunks_mut(share * BLOCK).zip(masks.chunks(share));
        parts.fold(0, |done, (samples, masks)| {
            done + self.write_masked(fill, samples, masks, bit + done, payload)
        })
    }

    fn write_masked<S: Sample>(
        &self,
        fill: &mut Fill,
        samples: &mut [S],
        masks: &[u64],
        bit: usize,
        payload: Payload<'_>,
    ) -> usize {
        let level = self.options.level;
        let count = self.selected(masks) * self.depth();
        let (from, at) = (bit / 8, bit % 8);
        let bytes = (at + count).div_ceil(8);
        let payload = white(&mut fill.whitening, &mut fill.payload, payload, from, bytes);
        if let Some(stream) = &mut fill.steps {
            let up = &mut fill.more[..bytes];
            stream.seek(from as u64);
            stream.fill(up);
            let ends = &self.ends;
            dispatch(
                level,
                StepMasked::<S> {
                    samples,
                    masks,
                    payload,
                    up,
                    at,
                    ends,
                },
            );
        } else {
            for_bits!(self.options.bits, K => {
                dispatch(level, WriteMasked::<S, K> { samples, masks, payload, at });
            });
        }
        count
    }
}

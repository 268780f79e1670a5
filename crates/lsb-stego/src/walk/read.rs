//! Reading from the samples of a path: replacement and matching are the same here.

use super::{Clear, MASKS, Route, Walk, low_bits};
use crate::arch::kernel::ReadAll;
use crate::arch::masked::ReadMasked;
use crate::arch::{BLOCK, dispatch};
use crate::bits::for_bits;
use crate::join::Join;
use crate::part::Part;
use crate::path::{Density, PART};
use crate::{Sample, Scheme};

impl Route<'_> {
    /// `bytes` begin with the first bit of these samples; `most` bits are read at most.
    pub(super) fn read_part<J: Join, S: Sample>(
        &self,
        walk: &mut Walk,
        samples: &[S],
        part: Part,
        least: usize,
        bytes: &mut [u8],
        most: usize,
    ) {
        let Some((first, second)) = self.halve(samples, part, least) else {
            return match self.scheme {
                Scheme::Matrix(code) => {
                    self.read_matrix_bits(code, walk, samples, part, bytes, most);
                }
                _ => self.read_span(walk, samples, part.before, bytes, most),
            };
        };
        let here = self.bits_before(first.until) - self.bits_before(first.before);
        let before = here.min(most);
        let (low, high) = samples.split_at(first.samples);
        let (low_bytes, high_bytes) = bytes.split_at_mut(before.div_ceil(8));
        let left = most - before;
        J::join(
            || self.read_part::<J, S>(&mut self.walk(), low, first, least, low_bytes, before),
            || self.read_part::<J, S>(&mut self.walk(), high, second, least, high_bytes, left),
        );
    }

    /// `at` is the number of the first carrying sample.
    fn read_span<S: Sample>(
        &self,
        walk: &mut Walk,
        samples: &[S],
        at: usize,
        bytes: &mut [u8],
        most: usize,
    ) {
        let path = &mut walk.path;
        let first = path.seek(self.density, at) * self.depth() / 8;
        let mut clear = Clear {
            whitening: walk.fill.whitening.as_mut(),
            first,
            done: 0,
        };
        let mut bit = 0;
        match (self.counted.carriers.every_sample(), self.density) {
            (true, Density::First(_)) => {
                let here = most.div_ceil(self.depth()).min(samples.len());
                for part in samples[..here].chunks(PART) {
                    let part_bits = (part.len() * self.depth()).min(most - bit);
                    self.read_all(part, &mut bytes[bit / 8..], part_bits);
                    bit += part_bits;
                    clear.up_to(bytes, bit);
                }
            }
            (true, Density::Blocks(_)) => {
                for part in samples.chunks(PART) {
                    if bit >= most {
                        break;
                    }
                    let masks = path.masks((most - bit).div_ceil(self.depth()));
                    bit += self.read_masked(part, masks, bit, bytes);
                    clear.up_to(bytes, bit.min(most));
                }
            }
            (true, Density::Strata(_)) => {
                while bit < most
                    && let Some(index) = path.step()
                    && let Some(&sample) = samples.get(index - at)
                {
                    bit += self.read_masked(&[sample], &[1], bit, bytes);
                }
            }
            (false, _) => {
                for (index, part) in samples.chunks(PART).enumerate() {
                    if bit >= most {
                        break;
                    }
                    let mut masks = [0; MASKS];
                    let masks = &mut masks[..part.len().div_ceil(BLOCK)];
                    self.select(path, part, index, masks);
                    bit += self.read_masked(part, masks, bit, bytes);
                    clear.up_to(bytes, bit.min(most));
                }
            }
        }
        clear.up_to(bytes, 8 * bytes.len());
    }

    /// Reads `count` bits of every sample.
    fn read_all<S: Sample>(&self, samples: &[S], bytes: &mut [u8], count: usize) {
        let level = self.options.level;
        for_bits!(self.options.bits, K => {
            // The last block may end within a sample.
            let whole = count / (BLOCK * K);
            let (blocks, rest) = samples.split_at(whole * BLOCK);
            let (payload, last) = bytes.split_at_mut(8 * K * whole);
            dispatch(level, ReadAll::<S, K> { blocks: blocks.as_chunks().0, payload });
            let masks = &[low_bits(rest.len())];
            dispatch(level, ReadMasked::<S, K> { samples: rest, masks, payload: last, at: 0 });
        });
    }

    fn read_masked<S: Sample>(
        &self,
        samples: &[S],
        masks: &[u64],
        bit: usize,
        bytes: &mut [u8],
    ) -> usize {
        let payload = bytes.get_mut(bit / 8..).unwrap_or_default();
        for_bits!(self.options.bits, K => {
            let task = ReadMasked::<S, K> { samples, masks, payload, at: bit % 8 };
            dispatch(self.options.level, task);
        });
        self.selected(masks) * self.depth()
    }
}

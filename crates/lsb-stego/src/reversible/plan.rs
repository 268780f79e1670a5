//! Chooses sides and bins: the least distortion that makes enough room.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::field::Field;
use super::head::{FIXED, Head};
use super::map::MapWriter;
use super::shift::{Forward, Shift, Sides};
use crate::arch::dispatch;
use crate::arch::kernel::Count;
use crate::cover::Carriers;
use crate::{Bits, Cover, Error, Options, Result, Sample};

/// Sides and bins, held against a cover: what they carry, and the map that they need.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) shift: Shift,
    pub(super) guard_row: usize,
    pub(super) map: Vec<u8>,
    carrying: usize,
}

/// Finds plans for a cover.
pub(super) struct Planner<'a, S> {
    field: Field,
    samples: &'a [S],
    carriers: Carriers,
    options: &'a Options,
}

/// Sides and bins that may do.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    sides: Sides,
    bins: u16,
    /// At least what they carry.
    most: u64,
    /// The sum of squared changes, if the whole cover carried.
    distortion: u128,
}

impl Plan {
    /// Bits for the frame: what is left after the head's own bits, which the stream carries first.
    pub(super) fn bits(&self) -> usize {
        let head = 8 * (FIXED + self.map.len());
        let longest = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        self.carrying.min(longest).saturating_sub(head)
    }

    /// The head, with its map, for a frame of so many bits.
    pub(super) fn head(&self, frame_bits: usize) -> Result<Head> {
        let stream_bits = 8 * (FIXED + self.map.len()) + frame_bits;
        let word = |number: usize| {
            u32::try_from(number).map_err(|_| Error::PayloadTooLong {
                bytes: frame_bits / 8,
            })
        };
        Ok(Head {
            sides: self.shift.sides,
            bins: self.shift.bins,
            guard_row: word(self.guard_row)?,
            stream_bits: word(stream_bits)?,
            map_bytes: word(self.map.len())?,
        })
    }
}

impl<'a, S: Sample> Planner<'a, S> {
    pub(super) fn new(cover: Cover<'a, S>, options: &'a Options) -> Result<Self> {
        let field = Field::new(cover)?;
        let carriers = Carriers::new(&cover.layout(), Bits::One)?;
        Ok(Self {
            field,
            samples: cover.samples(),
            carriers,
            options,
        })
    }

    /// The plan that carries most.
    pub(super) fn largest(&self) -> Option<Plan> {
        let mut candidates = self.candidates();
        candidates.sort_by_key(|candidate| core::cmp::Reverse(candidate.most));
        let mut best: Option<Plan> = None;
        for candidate in candidates {
            let bits = best.as_ref().map_or(0, Plan::bits);
            if candidate.most <= u64::try_from(bits).unwrap_or(u64::MAX) {
                break;
            }
            best = self
                .plan(&candidate)
                .filter(|plan| plan.bits() > bits)
                .or(best);
        }
        best
    }

    /// The plan of least distortion that carries so many bits.
    pub(super) fn smallest(&self, bits: usize) -> Option<Plan> {
        let needed = u64::try_from(bits).unwrap_or(u64::MAX);
        let mut candidates = self.candidates();
        candidates.retain(|candidate| candidate.most >= needed);
        // The stream ends early where more is carried than needed.
        candidates.sort_by_key(|candidate| {
            candidate.distortion * u128::from(needed) / u128::from(candidate.most.max(1))
        });
        candidates
            .iter()
            .find_map(|candidate| self.plan(candidate).filter(|plan| plan.bits() >= bits))
    }

    /// The row after the first ones that hold so many bits under replacement: the guard row.
    pub(super) fn guard_row(&self, head_bits: usize) -> Option<usize> {
        let mut held = 0;
        (0..self.field.rows).find(|&row| {
            let enough = held >= head_bits;
            let samples = &self.samples[self.field.samples(row..row + 1)];
            held += dispatch(
                self.options.level,
                Count {
                    samples,
                    carriers: &self.carriers,
                },
            );
            enough
        })
    }

    /// Holds a candidate against the cover. The map belongs to the head, which moves the guard row, on which the map
    /// depends: the row moves down until the head fits above it.
    fn plan(&self, candidate: &Candidate) -> Option<Plan> {
        let shift = Shift::new(&self.field.layout, candidate.sides, candidate.bins);
        let mut guard_row = self.guard_row(8 * FIXED)?;
        loop {
            let (carrying, map) = self.carried(&shift, guard_row);
            let needed = self.guard_row(8 * (FIXED + map.len()))?;
            if needed <= guard_row {
                return Some(Plan {
                    shift,
                    guard_row,
                    map,
                    carrying,
                });
            }
            guard_row = needed;
        }
    }

    fn carried(&self, shift: &Shift, guard_row: usize) -> (usize, Vec<u8>) {
        let mut carrying = 0;
        let mut map = MapWriter::default();
        let _: ControlFlow<()> = self
            .field
            .visit(self.samples, guard_row, |sample, prediction| {
                match shift.forward(sample, prediction) {
                    Forward::Skip { flag } if flag => map.push(false),
                    Forward::Carry { flag, .. } => {
                        carrying += 1;
                        if flag {
                            map.push(true);
                        }
                    }
                    Forward::Move { flag, .. } if flag => map.push(true),
                    Forward::Skip { .. } | Forward::Move { .. } => {}
                }
                ControlFlow::Continue(())
            });
        (carrying, map.finish())
    }

    /// Every choice worth a look, from the histogram of prediction errors.
    fn candidates(&self) -> Vec<Candidate> {
        let most_bins = Shift::most_bins(self.field.layout.peak());
        let Some(guard_row) = self.guard_row(8 * FIXED) else {
            return Vec::new();
        };
        let mut above = vec![0u64; usize::from(most_bins) + 1];
        let mut below = above.clone();
        let _: ControlFlow<()> = self
            .field
            .visit(self.samples, guard_row, |sample, prediction| {
                let (side, distance) = if sample >= prediction {
                    (&mut above, sample - prediction)
                } else {
                    (&mut below, prediction - 1 - sample)
                };
                side[usize::from(distance.min(most_bins))] += 1;
                ControlFlow::Continue(())
            });
        let bins = (0..12)
            .flat_map(|power| [1 << power, 3 << power >> 1])
            .skip(1);
        let bins: Vec<u16> = bins
            .filter(|&bins| bins <= most_bins)
            .chain([most_bins])
            .collect();
        let (above, below) = (weigh(&above, &bins), weigh(&below, &bins));
        let mut candidates = Vec::new();
        for ((bins, (above, grows)), (below, falls)) in bins.into_iter().zip(above).zip(below) {
            for (sides, most, distortion) in [
                (Sides::Above, above, grows),
                (Sides::Below, below, falls),
                (Sides::Both, above + below, grows + falls),
            ] {
                candidates.push(Candidate {
                    sides,
                    bins,
                    most,
                    distortion,
                });
            }
        }
        candidates
    }
}

/// For each number of bins, the samples of a side that they hold and the squared changes of the side, times two.
fn weigh(histogram: &[u64], bins: &[u16]) -> Vec<(u64, u128)> {
    let all: u64 = histogram.iter().sum();
    let (mut held, mut moved, mut from) = (0, 0u128, 0);
    let weighed = bins.iter().map(|&bins| {
        let bins = usize::from(bins);
        for (distance, &count) in histogram.iter().enumerate().take(bins).skip(from) {
            // The bit is 0 or 1: a change by the distance or one more.
            let square = |change: usize| u128::try_from(change * change).unwrap_or(u128::MAX);
            held += count;
            moved += u128::from(count) * (square(distance) + square(distance + 1));
        }
        from = bins;
        let rest = u128::from(all - held) * 2 * u128::try_from(bins * bins).unwrap_or(u128::MAX);
        (held, moved + rest)
    });
    weighed.collect()
}

//! Chooses sides and bins: the least distortion that makes enough room.

use alloc::vec::Vec;
use core::ops::Range;
use core::slice;

use super::field::Field;
use super::head::{FIXED, Head};
use super::map::MapWriter;
use super::shift::{Shift, Sides};
use crate::arch::kernel::Count;
use crate::arch::region::Region;
use crate::arch::shift::Survey;
use crate::arch::tally::{Columns, Span, Spanned, Tally};
use crate::arch::{Simd, Task, dispatch};
use crate::cover::Carriers;
use crate::{Bits, Cover, Error, Options, Result, Sample};

/// Sides and bins, held against a cover: what they carry, and the map that they need.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) shift: Shift,
    pub(super) guard_row: usize,
    pub(super) map: Vec<u8>,
    /// Whether no sample is near an end of the range.
    pub(super) clear: bool,
    /// What it carries; of a clear plan by some rows, what those do.
    carrying: usize,
}

/// Rows by whose prediction errors a plan is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// Those of a few bands.
    Some,
    All,
}

/// Samples in bands that are enough to choose by: half as many errors tell a share of a fifth to 5 % of itself, mostly.
const ENOUGH: usize = 1 << 12;

/// Bands of rows.
const BANDS: usize = 8;

/// Finds plans for a cover.
pub(super) struct Planner<'a, S> {
    pub(super) field: Field<S>,
    samples: &'a [S],
    carriers: Carriers,
    options: &'a Options,
}

/// Sides and bins that may do.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    sides: Sides,
    bins: u16,
    /// At least what they carry, in the rows that were looked at.
    most: u64,
    /// The sum of squared changes there, if all of them carried.
    distortion: u128,
    /// Whether it carries that many, without a map.
    clear: bool,
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
        let (mut candidates, _) = self.candidates(Rows::All)?;
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

    /// The plan of least distortion that carries so many bits. By [`Rows::Some`] it is the one that promises so: none where that
    /// does not hold, or the cover is small; whether a clear one holds is found out when samples move.
    pub(super) fn smallest(&self, bits: usize, rows: Rows) -> Option<Plan> {
        // a stream says its length in 32 bits
        let with_head = bits.checked_add(8 * FIXED)?;
        u32::try_from(with_head).ok()?;
        let (mut candidates, part) = self.candidates(rows)?;
        let needed = part.of(with_head);
        candidates.retain_mut(|candidate| {
            // The stream ends early where more is carried than needed.
            let (all, most) = (
                candidate.distortion * u128::from(needed),
                candidate.most.max(1),
            );
            // Mostly 64 bits are enough, and their division takes a fraction of the time.
            candidate.distortion = match u64::try_from(all) {
                Ok(all) => u128::from(all / most),
                Err(_) => all / u128::from(most),
            };
            candidate.most >= needed
        });
        let holds = |plan: &Plan| plan.bits() >= bits || (rows == Rows::Some && plan.clear);
        // Mostly the first one does, and nothing need be sorted.
        loop {
            let least = (0..candidates.len()).min_by_key(|&at| candidates[at].distortion)?;
            let candidate = candidates.remove(least);
            let plan = self.plan(&candidate).filter(holds);
            if plan.is_some() || rows == Rows::Some {
                return plan;
            }
        }
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
        let shift = Shift {
            sides: candidate.sides,
            bins: candidate.bins,
        };
        let mut guard_row = self.guard_row(8 * FIXED)?;
        if candidate.clear {
            return Some(Plan {
                shift,
                guard_row,
                map: Vec::new(),
                clear: true,
                carrying: usize::try_from(candidate.most).unwrap_or(usize::MAX),
            });
        }
        loop {
            let (carrying, map) = self.carried(&shift, guard_row);
            let needed = self.guard_row(8 * (FIXED + map.len()))?;
            if needed <= guard_row {
                return Some(Plan {
                    shift,
                    guard_row,
                    map,
                    clear: false,
                    carrying,
                });
            }
            guard_row = needed;
        }
    }

    fn carried(&self, shift: &Shift, guard_row: usize) -> (usize, Vec<u8>) {
        let mut map = MapWriter::default();
        let survey = Survey {
            samples: self.samples,
            region: self.field.region(guard_row),
            rule: shift.rule(&self.field.layout),
            flags: |flags, count| map.push(flags, count),
        };
        let carrying = dispatch(self.options.level, survey);
        (carrying, map.finish())
    }

    /// Every choice worth a look, from the histogram of prediction errors, and the part of them that it counts; none where some
    /// rows would be half of them or more.
    fn candidates(&self, rows: Rows) -> Option<(Vec<Candidate>, Part)> {
        let layout = &self.field.layout;
        let most_bins = Shift::most_bins(layout.peak());
        // The most bins are a power of two, and so the last.
        let bins = BINS.iter().position(|&bins| bins > most_bins);
        let bins = BINS.get(..bins.unwrap_or(BINS.len())).unwrap_or_default();
        let [mut above, mut below] = [Weights::default(); 2];
        let region = self.field.region(self.guard_row(8 * FIXED)?);
        let Region { start, end, .. } = region;
        let all = end.saturating_sub(start);
        // Counts have 32 bits: no more samples at once.
        let mut weigh = |parts: &[Range<usize>]| -> Span {
            let mut counts = Columns::default();
            let tally = Tally {
                samples: self.samples,
                region,
                parts,
                most: S::cut(most_bins),
                counts: &mut counts,
            };
            let span = dispatch(self.options.level, tally);
            let weigh = Weigh {
                counts: &counts,
                bins,
                sides: [&mut above, &mut below],
            };
            dispatch(self.options.level, weigh);
            span
        };
        let (span, looked) = match rows {
            Rows::Some => {
                let bands = bands(&region)?;
                weigh(&bands);
                let spanned = Spanned {
                    samples: self.samples.get(start..end).unwrap_or_default(),
                    stored: region.stored,
                };
                let looked = bands.iter().map(ExactSizeIterator::len).sum();
                (dispatch(self.options.level, spanned), looked)
            }
            Rows::All => {
                let parts = (start..end).step_by(AT_ONCE);
                let parts = parts.map(|start| start..end.min(start + AT_ONCE));
                let spans = parts.map(|part| weigh(slice::from_ref(&part)));
                (spans.fold(Span::NONE, Span::and), all)
            }
        };
        let part = Part { looked, all };
        let mut candidates = Vec::with_capacity(3 * bins.len());
        for (index, &bins) in bins.iter().enumerate() {
            let (above, grows) = above.of(index, bins);
            let (below, falls) = below.of(index, bins);
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
                    clear: Shift { sides, bins }.clears(layout, span),
                });
            }
        }
        Some((candidates, part))
    }
}

/// Samples that are counted at once.
const AT_ONCE: usize = 1 << 30;

/// Bands of an even number of rows each, evenly spread: as many samples as are enough, if those are less than half.
fn bands<S>(region: &Region<'_, S>) -> Option<[Range<usize>; BANDS]> {
    let Region {
        start, end, stride, ..
    } = *region;
    let rows = end.checked_sub(start)?.checked_div(stride)?;
    let height = ENOUGH.div_ceil(2 * BANDS * stride) * 2;
    let few = 2 * BANDS * height < rows && BANDS * height * stride < AT_ONCE;
    few.then(|| {
        core::array::from_fn(|band| {
            let first = start + band * rows / BANDS * stride;
            first..first + height * stride
        })
    })
}

/// Samples that were looked at, of all.
#[derive(Clone, Copy, Debug)]
struct Part {
    looked: usize,
    all: usize,
}

impl Part {
    /// As many of those looked at as `count` are of all, rounded up.
    fn of(self, count: usize) -> u64 {
        let [count, looked, all] = [count, self.looked, self.all].map(|n| n as u128);
        let needed = (count * looked).div_ceil(all.max(1));
        u64::try_from(needed).unwrap_or(u64::MAX)
    }
}

/// Numbers of bins that are tried, up to a quarter of the range.
const BINS: [u16; 24] = [
    1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048,
    3072, 4096,
];

/// What a side of the histogram says, for each number of bins.
#[derive(Clone, Copy, Default)]
struct Weights {
    all: u64,
    /// The samples that the bins hold, and the sum of their squared changes, times two.
    held: [(u64, u128); BINS.len()],
}

impl Weights {
    /// The samples that so many bins hold, and the squared changes of the side, times two.
    fn of(&self, index: usize, bins: u16) -> (u64, u128) {
        let (held, moved) = self.held.get(index).copied().unwrap_or_default();
        let square = u128::from(bins) * u128::from(bins);
        (held, moved + u128::from(self.all - held) * 2 * square)
    }
}

/// Adds a histogram of errors to what is known of both sides: a task, so that its loops are compiled for the level.
struct Weigh<'a> {
    counts: &'a Columns,
    bins: &'a [u16],
    sides: [&'a mut Weights; 2],
}

impl Task for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, _: V) {
        // Codes of both sides in turn, after those of samples that do not carry.
        let columns = self.counts.each_ref();
        let [a, b, c, d] = columns.map(|column| column.as_chunks::<2>().0);
        let rows = a.iter().zip(b).zip(c).zip(d).skip(1);
        let distances: Vec<[u32; 2]> = rows
            .map(|(((a, b), c), d)| [a[0] + b[0] + c[0] + d[0], a[1] + b[1] + c[1] + d[1]])
            .collect();
        weigh(self.sides, &distances, self.bins);
    }
}

/// Adds a histogram of the distances of both sides; no sum of 2^30 of its entries and squares is above 64 bits.
#[inline(always)]
fn weigh(sides: [&mut Weights; 2], distances: &[[u32; 2]], bins: &[u16]) {
    let ([mut held, mut moved], mut from) = ([[0u64; 2]; 2], 0);
    let [above, below] = sides;
    for ((above, below), &bins) in above.held.iter_mut().zip(&mut below.held).zip(bins) {
        let end = usize::from(bins).min(distances.len());
        let new = distances.get(from..end).unwrap_or_default();
        let near = u32::try_from(from).unwrap_or(0)..;
        let [[mut h, mut i], [mut m, mut n]] = [held, moved];
        for (distance, &[above, below]) in near.zip(new) {
            // The bit is 0 or 1: a change by the distance or one more. At most 4096 bins: well within 32 bits.
            let weight = u64::from(2 * distance * (distance + 1) + 1);
            let [above, below] = [above, below].map(u64::from);
            (h, i) = (h + above, i + below);
            (m, n) = (m + above * weight, n + below * weight);
        }
        (held, moved) = ([h, i], [m, n]);
        from = end;
        for (sum, (held, moved)) in [above, below].into_iter().zip(held.into_iter().zip(moved)) {
            sum.0 += held;
            sum.1 += u128::from(moved);
        }
    }
    let rest = distances.get(from..).unwrap_or_default();
    let [all_above, all_below] = rest.iter().fold(held, |[a, b], &[above, below]| {
        [a + u64::from(above), b + u64::from(below)]
    });
    above.all += all_above;
    below.all += all_below;
}

//! The parts of a cover that cores work on at once, and how many samples carry before each.
//!
//! ```text
//!   samples   ├────────────────────┬──────────────────────┤
//!   carrying  0                 n · unit                all     before a cut: whole bytes, and whole blocks of a path or of a code
//! ```
//!
//! Where values are reserved, only looking tells how many samples carry before a place. They are looked at once, in sections, which
//! the capacity asks for anyway; a cut is then looked for from the beginning of a section on.

use crate::arch::kernel::Count;
use crate::arch::masked::Carrying;
use crate::arch::{BLOCK, dispatch};
use crate::cover::Carriers;
use crate::join::Join;
use crate::{Cover, Level, Sample};

/// Sections of a cover: so many cores find parts of about the same size.
const SECTIONS: usize = 64;

/// Samples that are looked at together, and the fewest of a section.
const LOOK: usize = 8192;

/// Samples that lie together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// The samples of the cover before these, and these.
    from: usize,
    pub(crate) samples: usize,
    /// The carrying samples of the cover before these, and before the next ones.
    pub(crate) before: usize,
    pub(crate) until: usize,
}

/// The samples of a cover that carry, counted.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub(crate) carriers: Carriers,
    level: Level,
    whole: Part,
    /// The samples of a section, and the carrying ones before each and before the end: where values are reserved.
    sections: Option<(usize, [usize; SECTIONS + 1])>,
}

impl Counted {
    /// By arithmetic, or by one pass where values are reserved.
    pub(crate) fn new<J: Join, S: Sample>(
        cover: Cover<'_, S>,
        carriers: Carriers,
        level: Level,
    ) -> Self {
        let samples = cover.samples();
        let channels = carriers.channel_count();
        let mut whole = Part {
            from: 0,
            samples: samples.len(),
            before: 0,
            until: samples.len() / channels * carriers.carrying_count(),
        };
        let mut sections = None;
        if carriers.reserved().is_some() {
            let length = samples.len().div_ceil(SECTIONS).max(LOOK);
            // each begins with a whole pixel
            let length = length.next_multiple_of(BLOCK * channels);
            let mut before = [0; SECTIONS + 1];
            let present = samples.len().div_ceil(length);
            let least = least::<J>(size_of_val(samples), J::PART);
            let count = |samples: &[S]| {
                let carriers = &carriers;
                dispatch(level, Count { samples, carriers })
            };
            count_each::<J, S>(samples, length, &mut before[1..=present], least, &count);
            let mut sum = 0;
            for before in &mut before {
                sum += *before;
                *before = sum;
            }
            whole.until = sum;
            sections = Some((length, before));
        }
        Self {
            carriers,
            level,
            whole,
            sections,
        }
    }

    /// The samples that carry.
    pub(crate) const fn count(&self) -> usize {
        self.whole.until
    }

    /// The cover up to where so many samples carry.
    pub(crate) fn first<S: Sample>(&self, samples: &[S], carrying: usize) -> Part {
        let mut part = self.whole;
        if carrying < part.until {
            part.until = carrying;
            part.samples = if self.sections.is_some() {
                self.find(samples, self.whole, carrying)
            } else if self.carriers.every_sample() {
                carrying
            } else {
                let carriers = &self.carriers;
                carrying.div_ceil(carriers.carrying_count()) * carriers.channel_count()
            };
        }
        part
    }

    /// Cuts these samples, which are those of the part, near their middle and where a multiple of `unit` carry before; not
    /// when there is no such place, or a half would have fewer than `least` bytes.
    pub(crate) fn halve<S: Sample>(
        &self,
        samples: &[S],
        part: Part,
        unit: usize,
        least: usize,
    ) -> Option<(Part, Part)> {
        if size_of_val(samples) / 2 < least {
            return None;
        }
        let (length, before) = match self.sections {
            Some((section, before)) => {
                // only there the first of the second half begins no pixel
                if !self.carriers.every_channel() {
                    return None;
                }
                let middle = before[(part.from + part.samples / 2) / section];
                // in fewer than two sections, where about half of them carry before
                let middle = match middle > part.before {
                    true => middle,
                    false => part.before + (part.until - part.before) / 2 / unit * unit,
                };
                let before = middle.next_multiple_of(unit);
                if before >= part.until {
                    return None;
                }
                (self.find(samples, part, before), before)
            }
            None if self.carriers.every_channel() => {
                let half = part.samples / 2 / unit * unit;
                (half, part.before + half)
            }
            None => {
                let carriers = &self.carriers;
                let pixels = part.samples / carriers.channel_count() / 2 / unit * unit;
                let carrying = pixels * carriers.carrying_count();
                (pixels * carriers.channel_count(), part.before + carrying)
            }
        };
        let rest = part.samples - length;
        if length.min(rest) * usize::from(S::BYTES) < least {
            return None;
        }
        let low = Part {
            samples: length,
            until: before,
            ..part
        };
        let high = Part {
            from: part.from + length,
            samples: rest,
            before,
            ..part
        };
        Some((low, high))
    }

    /// In the samples of a part, how many are before the carrying one of the cover that so many carry before.
    fn find<S: Sample>(&self, samples: &[S], part: Part, carrying: usize) -> usize {
        let Some((length, sections)) = &self.sections else {
            return part.samples;
        };
        let section = sections.partition_point(|&before| before <= carrying) - 1;
        let (mut at, mut before) = match (section * length).checked_sub(part.from) {
            Some(at) => (at, sections[section]),
            None => (0, part.before),
        };
        let mut masks = [0; LOOK / BLOCK];
        let looks = (0..).step_by(masks.len());
        for (first, near) in looks.zip(samples[at.min(samples.len())..].chunks(LOOK)) {
            let masks = &mut masks[..near.len().div_ceil(BLOCK)];
            let look = Carrying {
                samples: near,
                carriers: &self.carriers,
                first,
                masks,
            };
            dispatch(self.level, look);
            for (block, mask) in masks.iter().enumerate() {
                let here = mask.count_ones() as usize;
                if carrying - before < here {
                    let rest = (before..carrying).fold(*mask, |mask, _| mask & (mask - 1));
                    return at + block * BLOCK + rest.trailing_zeros() as usize;
                }
                before += here;
            }
            at += near.len();
        }
        samples.len()
    }
}

/// Of so many bytes of samples, the fewest that are worth a task.
pub(crate) fn least<J: Join>(bytes: usize, part: usize) -> usize {
    part.max(J::share(bytes)).max(1)
}

/// Counts each section of so many samples.
fn count_each<J: Join, S: Sample>(
    samples: &[S],
    length: usize,
    counts: &mut [usize],
    least: usize,
    count: &(impl Fn(&[S]) -> usize + Sync),
) {
    let half = counts.len() / 2;
    if half * length * usize::from(S::BYTES) < least {
        for (samples, counted) in samples.chunks(length).zip(counts) {
            *counted = count(samples);
        }
        return;
    }
    let (low, high) = samples.split_at(half * length);
    let (low_counts, high_counts) = counts.split_at_mut(half);
    J::join(
        || count_each::<J, S>(low, length, low_counts, least, count),
        || count_each::<J, S>(high, length, high_counts, least, count),
    );
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::join::Serial;
    use crate::{Bits, Layout};

    /// Runs of samples, of which those of value 0 do not carry.
    fn samples() -> impl Strategy<Value = Vec<u8>> {
        let run = (prop::sample::select(vec![0u8, 0, 5, 9]), 1usize..30_000);
        prop::collection::vec(run, 1..12).prop_map(|runs| {
            let run = |(value, count)| (0..count).map(move |at| value ^ u8::from(at % 7 == 0) << 3);
            runs.into_iter().flat_map(run).collect()
        })
    }

    fn carries(sample: u8) -> bool {
        sample > 1
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 64 }))]

        /// Every part that a cover is cut into holds what counting one by one says.
        #[test]
        fn parts_are_what_they_say(samples in samples(), unit in 1usize..9000, channels in 1u8..4) {
            let length = samples.len() / usize::from(channels) * usize::from(channels);
            let samples = &samples[..length];
            let layout = Layout::new(8).unwrap().with_channels(channels, 0xff >> (8 - channels));
            let layout = layout.unwrap().with_reserved(0, 0).unwrap();
            let carriers = Carriers::new(&layout, Bits::One).unwrap();
            let cover = Cover::new(samples, layout).unwrap();
            let counted = Counted::new::<Serial, u8>(cover, carriers, Level::detect());
            let count = |samples: &[u8]| samples.iter().filter(|&&sample| carries(sample)).count();
            prop_assert_eq!(counted.count(), count(samples));
            for carrying in [0, 1, counted.count() / 3, counted.count()] {
                let part = counted.first(samples, carrying);
                prop_assert_eq!(count(&samples[..part.samples]), carrying.min(counted.count()));
            }
            let mut parts = vec![counted.first(samples, counted.count())];
            let mut cuts = 0;
            while let Some(part) = parts.pop() {
                let here = &samples[part.from..][..part.samples];
                prop_assert_eq!(count(&samples[..part.from]), part.before);
                prop_assert_eq!(count(here), part.until - part.before);
                if let Some((low, high)) = counted.halve(here, part, unit, 4000) {
                    prop_assert!(low.samples >= 4000 && high.samples >= 4000);
                    prop_assert_eq!((low.from, high.from), (part.from, part.from + low.samples));
                    prop_assert!(low.until == high.before && low.until.is_multiple_of(unit));
                    parts.extend([low, high]);
                    cuts += 1;
                }
            }
            // no cover that carries everywhere stays whole
            prop_assert!(cuts > 0 || counted.count() < 4 * (unit + 8192) || counted.count() < length / 2);
        }
    }
}

//! Matrix embedding along a path: in blocks where every sample is selected, else in bits that are read and written
//! back, so many at a time.

use core::ops::Range;

use super::{Clear, Fill, MASKS, Payload, ROOM, Route, Walk, white};
use crate::arch::kernel::{ReadSome, Window, WriteSome};
use crate::arch::masked::{Ones, ReadMasked, WriteMasked};
use crate::arch::matrix::{ReadMatrix, WriteMatrix};
use crate::arch::{BLOCK, dispatch};
use crate::join::Join;
use crate::part::Part;
use crate::path::{Density, PART, Path};
use crate::{Hamming, Sample, matrix};

/// Runs `$body` with `$p` as the constant number of parity bits.
macro_rules! for_code {
    ($code:expr, $p:ident => $body:expr) => {
        match $code.bits() {
            2 => {
                const $p: usize = 2;
                $body
            }
            3 => {
                const $p: usize = 3;
                $body
            }
            4 => {
                const $p: usize = 4;
                $body
            }
            5 => {
                const $p: usize = 5;
                $body
            }
            6 => {
                const $p: usize = 6;
                $body
            }
            7 => {
                const $p: usize = 7;
                $body
            }
            _ => {
                const $p: usize = 8;
                $body
            }
        }
    };
}

impl Route<'_> {
    /// Groups of samples that lie side by side, every one of them; `part` is the number of the first 64 groups.
    pub(super) fn write_matrix<J: Join, S: Sample>(
        &self,
        code: Hamming,
        samples: &mut [S],
        part: usize,
        least: usize,
        payload: Payload<'_>,
    ) {
        let (size, bits) = (matrix::WIDTH * code.samples(), matrix::WIDTH * code.bits());
        let half = samples.len() / 2 / size;
        if half * size * usize::from(S::BYTES) >= least {
            let (low, high) = samples.split_at_mut(half * size);
            return J::join(
                || self.write_matrix::<J, S>(code, low, part, least, payload),
                || self.write_matrix::<J, S>(code, high, part + half, least, payload),
            );
        }
        let level = self.options.level;
        let Fill {
            mut whitening,
            payload: mut room,
            ..
        } = self.walk().fill;
        let left = self.bits.saturating_sub(part * bits);
        let whole = (samples.len() / size).min(left / bits);
        let (groups, rest) = samples.split_at_mut(whole * size);
        let each = ROOM / code.bits() / 8;
        for (index, samples) in groups.chunks_mut(each * size).enumerate() {
            let at = (part + index * each) * bits / 8;
            let payload = white(
                &mut whitening,
                &mut room,
                payload,
                at,
                samples.len() / size * bits / 8,
            );
            let blocks = samples.as_chunks_mut().0;
            for_code!(code, P => dispatch(level, WriteMatrix::<S, P> { blocks, payload }));
        }
        let left = left - whole * bits;
        let count = left
            .min(bits)
            .min(rest.len() / code.samples() * code.bits());
        if count > 0 {
            let samples = rest.len() / code.samples() * code.samples();
            let samples = &mut rest[..samples.min(size)];
            let payload = white(
                &mut whitening,
                &mut room,
                payload,
                (part + whole) * bits / 8,
                count.div_ceil(8),
            );
            let window = Window {
                skip: 0,
                count: samples.len(),
            };
            let mut lowest = [0; matrix::WIDTH * 255 / 8];
            let lowest = &mut lowest[..samples.len().div_ceil(8)];
            let carriers = &self.counted.carriers;
            dispatch(
                level,
                ReadSome::<S, 1> {
                    samples,
                    carriers,
                    window,
                    payload: lowest,
                },
            );
            matrix::embed(lowest, code, samples.len() / code.samples(), payload, count);
            dispatch(
                level,
                WriteSome::<S, 1> {
                    samples,
                    carriers,
                    window,
                    payload: lowest,
                },
            );
        }
    }

    pub(super) fn read_matrix<J: Join, S: Sample>(
        &self,
        code: Hamming,
        samples: &[S],
        part: usize,
        least: usize,
        bytes: &mut [u8],
        most: usize,
    ) {
        let (size, bits) = (matrix::WIDTH * code.samples(), matrix::WIDTH * code.bits());
        let half = samples.len() / 2 / size;
        if half * size * usize::from(S::BYTES) >= least {
            let before = (half * bits).min(most);
            let left = most - before;
            let (low, high) = samples.split_at(half * size);
            let (low_bytes, high_bytes) = bytes.split_at_mut(before.div_ceil(8));
            return J::join(
                || self.read_matrix::<J, S>(code, low, part, least, low_bytes, before),
                || self.read_matrix::<J, S>(code, high, part + half, least, high_bytes, left),
            );
        }
        let level = self.options.level;
        let mut whitening = self.walk().fill.whitening;
        let whole = (samples.len() / size).min(most / bits);
        let (groups, rest) = samples.split_at(whole * size);
        let mut clear = Clear {
            whitening: whitening.as_mut(),
            first: part * bits / 8,
            done: 0,
        };
        let each = ROOM / code.bits() / 8;
        for (index, samples) in groups.chunks(each * size).enumerate() {
            let count = samples.len() / size * bits / 8;
            let payload = &mut bytes[index * each * bits / 8..][..count];
            let blocks = samples.as_chunks().0;
            for_code!(code, P => dispatch(level, ReadMatrix::<S, P> { blocks, payload }));
            clear.up_to(bytes, (index * each * bits / 8 + count) * 8);
        }
        let count = (most - whole * bits).min(rest.len() / code.samples() * code.bits());
        if count > 0 {
            let samples = rest.len() / code.samples() * code.samples();
            let samples = &rest[..samples.min(size)];
            let window = Window {
                skip: 0,
                count: samples.len(),
            };
            let mut lowest = [0; matrix::WIDTH * 255 / 8];
            let lowest = &mut lowest[..samples.len().div_ceil(8)];
            let carriers = &self.counted.carriers;
            dispatch(
                level,
                ReadSome::<S, 1> {
                    samples,
                    carriers,
                    window,
                    payload: lowest,
                },
            );
            let mut read = [0; matrix::WIDTH];
            matrix::extract(lowest, code, samples.len() / code.samples(), &mut read);
            let last = &mut bytes[whole * bits / 8..][..count.div_ceil(8)];
            last.copy_from_slice(&read[..last.len()]);
        }
        clear.up_to(bytes, 8 * bytes.len());
    }

    /// The groups that so many bits take, in whole parts but for the last.
    pub(super) fn matrix_groups(&self, code: Hamming, bits: usize) -> usize {
        let groups = self.density.selected(self.count()) / code.samples();
        groups.min(bits.div_ceil(matrix::WIDTH * code.bits()) * matrix::WIDTH)
    }

    /// Those of them that a part holds.
    fn groups_of(&self, code: Hamming, part: Part, bits: usize) -> Range<usize> {
        let all = self.matrix_groups(code, bits);
        let before = |carrying| {
            let selected = self.density.selected(carrying);
            (selected / code.samples()).min(all)
        };
        before(part.before)..before(part.until)
    }

    /// Two walks along the path: one reads the lowest bits of so many groups as the room takes, and the other, which
    /// follows, writes what became of them.
    pub(super) fn write_matrix_bits<S: Sample>(
        &self,
        code: Hamming,
        samples: &mut [S],
        part: Part,
        payload: Payload<'_>,
    ) {
        let level = self.options.level;
        let groups = self.groups_of(code, part, self.bits);
        let Walk { path, fill } = self.walk();
        let count = groups.len() * code.samples();
        let mut reading = Cursor::new(self, path, part.before, count);
        let mut writing = Cursor::new(self, self.walk().path, part.before, count);
        let (mut whitening, mut room) = (fill.whitening, fill.payload);
        let mut lowest = [0; HELD];
        let each = groups_at_once(code);
        for first in groups.clone().step_by(each) {
            let here = each.min(groups.end - first);
            let count = here * code.samples();
            reading.read(samples, &mut lowest, count);
            let bits = (self.bits - first * code.bits()).min(here * code.bits());
            let at = first * code.bits() / 8;
            let payload = white(&mut whitening, &mut room, payload, at, bits.div_ceil(8));
            matrix::embed(&mut lowest, code, here, payload, bits);
            let mut done = 0;
            while let Some(run) = writing.run(samples, count - done) {
                let task = WriteMasked::<S, 1> {
                    samples: &mut samples[run.samples],
                    masks: &writing.masks[run.masks],
                    payload: &lowest[done / 8..],
                    at: done % 8,
                };
                dispatch(level, task);
                done += run.count;
            }
        }
    }

    pub(super) fn read_matrix_bits<S: Sample>(
        &self,
        code: Hamming,
        walk: &mut Walk,
        samples: &[S],
        part: Part,
        bytes: &mut [u8],
        most: usize,
    ) {
        let before = self.bits_before(part.before);
        let groups = self.groups_of(code, part, before + most);
        let path = core::mem::replace(&mut walk.path, Path::new(self.options, self.count()));
        let mut reading = Cursor::new(self, path, part.before, groups.len() * code.samples());
        let mut clear = Clear {
            whitening: walk.fill.whitening.as_mut(),
            first: before / 8,
            done: 0,
        };
        let mut lowest = [0; HELD];
        let each = groups_at_once(code);
        for first in groups.clone().step_by(each) {
            let here = each.min(groups.end - first);
            reading.read(samples, &mut lowest, here * code.samples());
            let bit = |group: usize| group * code.bits() - before;
            let [from, to] = [first, first + here].map(bit);
            let to = to.min(most);
            matrix::extract(&lowest, code, here, &mut bytes[from / 8..to.div_ceil(8)]);
            clear.up_to(bytes, to);
        }
        clear.up_to(bytes, 8 * bytes.len());
        walk.path = reading.path;
    }
}

/// Bytes for the lowest bits of selected samples: 64 groups of the longest code.
const HELD: usize = matrix::WIDTH * 255 / 8;

/// Groups, in whole parts, whose samples and payload there is room for.
fn groups_at_once(code: Hamming) -> usize {
    let parts = (8 * HELD / code.samples()).min(8 * ROOM / code.bits()) / matrix::WIDTH;
    parts.max(1) * matrix::WIDTH
}

/// Goes along the selected samples, any number of them at a time.
struct Cursor<'a> {
    route: &'a Route<'a>,
    path: Path,
    /// Selected samples to come.
    left: usize,
    /// Of the samples that were looked at last.
    masks: [u64; MASKS],
    /// How many of them there are, and the first that is not done.
    words: usize,
    next: usize,
    /// What is left of that one, where it is done in part.
    cut: u64,
    /// The sample that the masks begin with, and that after their last.
    begin: usize,
    end: usize,
}

/// Samples side by side, and the masks that select `count` of them.
struct Run {
    samples: Range<usize>,
    masks: Range<usize>,
    count: usize,
}

impl<'a> Cursor<'a> {
    /// Along `count` selected samples, from carrying sample `at` on.
    fn new(route: &'a Route<'a>, mut path: Path, at: usize, count: usize) -> Self {
        path.seek(route.density, at);
        Self {
            route,
            path,
            left: count,
            masks: [0; MASKS],
            words: 0,
            next: 0,
            cut: 0,
            begin: 0,
            end: 0,
        }
    }

    /// Reads the lowest bits of the next `count` selected samples.
    fn read<S: Sample>(&mut self, samples: &[S], bits: &mut [u8], count: usize) {
        bits.fill(0);
        let mut done = 0;
        while let Some(run) = self.run(samples, count - done) {
            let task = ReadMasked::<S, 1> {
                samples: &samples[run.samples],
                masks: &self.masks[run.masks],
                payload: &mut bits[done / 8..],
                at: done % 8,
            };
            dispatch(self.route.options.level, task);
            done += run.count;
        }
    }

    /// The next selected samples, `most` of them; `None` when that is none, and at the end.
    fn run<S: Sample>(&mut self, samples: &[S], most: usize) -> Option<Run> {
        let most = most.min(self.left);
        if most == 0 {
            return None;
        }
        if self.cut != 0 {
            self.masks[self.next] = core::mem::take(&mut self.cut);
        }
        while self.next == self.words {
            self.look(samples)?;
        }
        let first = self.next;
        let masks = &self.masks[first..self.words];
        let mut count = dispatch(self.route.options.level, Ones { masks });
        if count <= most {
            self.next = self.words;
        } else {
            count = 0;
            while count < most {
                let mask = self.masks[self.next];
                let ones = mask.count_ones() as usize;
                if count + ones > most {
                    let later = (count..most).fold(mask, |rest, _| rest & (rest - 1));
                    (self.masks[self.next], self.cut) = (mask ^ later, later);
                    count = most;
                } else {
                    count += ones;
                    self.next += 1;
                }
            }
        }
        self.left -= count;
        let last = self.next + usize::from(self.cut != 0);
        let sample = |word: usize| (self.begin + BLOCK * word).min(self.end);
        Some(Run {
            samples: sample(first)..sample(last),
            masks: first..last,
            count,
        })
    }

    /// Makes the masks of the next samples; `None` after the last.
    fn look<S: Sample>(&mut self, samples: &[S]) -> Option<()> {
        let route = self.route;
        (self.begin, self.next) = (self.end, 0);
        if let (true, Density::Strata(_)) = (route.counted.carriers.every_sample(), route.density) {
            let at = self.path.step().filter(|&at| at < samples.len())?;
            (self.begin, self.end) = (at, at + 1);
            (self.masks[0], self.words) = (1, 1);
            return Some(());
        }
        let part = samples.get(self.begin..).filter(|part| !part.is_empty())?;
        let part = &part[..part.len().min(PART)];
        self.end += part.len();
        if let (true, Density::Blocks(_)) = (route.counted.carriers.every_sample(), route.density) {
            let made = self.path.masks(self.left);
            self.words = made.len();
            self.masks[..made.len()].copy_from_slice(made);
        } else {
            self.words = part.len().div_ceil(BLOCK);
            let masks = &mut self.masks[..self.words];
            route.select(&mut self.path, part, self.begin / PART, masks);
        }
        Some(())
    }
}

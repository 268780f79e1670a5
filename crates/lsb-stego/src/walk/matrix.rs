//! Matrix embedding along a path: in blocks where every sample is selected, else in bits that are read and written back.

use alloc::vec;

use super::{Clear, Fill, Payload, ROOM, Route, Walk, white};
use crate::arch::dispatch;
use crate::arch::kernel::{ReadSome, Window, WriteSome};
use crate::arch::matrix::{ReadMatrix, WriteMatrix};
use crate::join::Join;
use crate::path::Density;
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
        payload: Payload<'_>,
    ) {
        let (size, bits) = (matrix::WIDTH * code.samples(), matrix::WIDTH * code.bits());
        let half = samples.len() / 2 / size;
        if half * size * usize::from(S::BYTES) >= self.part::<J>() && half > 0 {
            let (low, high) = samples.split_at_mut(half * size);
            return J::join(
                || self.write_matrix::<J, S>(code, low, part, payload),
                || self.write_matrix::<J, S>(code, high, part + half, payload),
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
            let carriers = &self.carriers;
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
        bytes: &mut [u8],
        most: usize,
    ) {
        let (size, bits) = (matrix::WIDTH * code.samples(), matrix::WIDTH * code.bits());
        let half = samples.len() / 2 / size;
        if half * size * usize::from(S::BYTES) >= self.part::<J>() && half > 0 {
            let before = (half * bits).min(most);
            let (low, high) = samples.split_at(half * size);
            let (low_bytes, high_bytes) = bytes.split_at_mut(before.div_ceil(8));
            return J::join(
                || self.read_matrix::<J, S>(code, low, part, low_bytes, before),
                || self.read_matrix::<J, S>(code, high, part + half, high_bytes, most - before),
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
            let carriers = &self.carriers;
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

    /// Samples, groups and payload bits that so many bits of a matrix take, in whole parts.
    fn matrix_extent(&self, code: Hamming, bits: usize) -> (usize, usize) {
        let groups = self.density.selected(self.count) / code.samples();
        let groups = groups.min(bits.div_ceil(matrix::WIDTH * code.bits()) * matrix::WIDTH);
        (groups, groups * code.samples())
    }

    pub(super) fn write_matrix_bits<S: Sample>(
        &self,
        code: Hamming,
        samples: &mut [S],
        payload: Payload<'_>,
    ) {
        let (groups, selected) = self.matrix_extent(code, self.bits);
        // A path cannot end early: its last samples, too few for a group, are written back as they were.
        let selected = match self.density {
            Density::First(_) => selected,
            density => density.selected(self.count),
        };
        let bare = self.bare(selected);
        let mut walk = bare.walk();
        let mut lowest = vec![0; selected.div_ceil(8)];
        bare.read_span(&mut walk, samples, 0, &mut lowest, selected);
        let mut ready = vec![0; self.bits.div_ceil(8)];
        payload.copy(0, &mut ready);
        if let Some(mut stream) = self.walk().fill.whitening {
            stream.apply(&mut ready);
        }
        matrix::embed(&mut lowest, code, groups, &ready, self.bits);
        let lowest = Payload {
            first: &[],
            second: &lowest,
            third: 0,
        };
        bare.write_span(samples, 0, lowest);
    }

    pub(super) fn read_matrix_bits<S: Sample>(
        &self,
        code: Hamming,
        walk: &mut Walk,
        samples: &[S],
        bytes: &mut [u8],
        most: usize,
    ) {
        let (groups, selected) = self.matrix_extent(code, most);
        let mut lowest = vec![0; selected.div_ceil(8)];
        let whitening = walk.fill.whitening.take();
        self.bare(selected)
            .read_span(walk, samples, 0, &mut lowest, selected);
        walk.fill.whitening = whitening;
        matrix::extract(&lowest, code, groups, bytes);
        if let Some(stream) = &mut walk.fill.whitening {
            stream.seek(0);
            stream.apply(bytes);
        }
    }
}

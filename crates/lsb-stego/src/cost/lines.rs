//! Lines of samples, and filters over a few of them.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

/// The newest lines of an endless picture.
pub(super) struct Ring<const LINES: usize> {
    lines: [Vec<f32>; LINES],
    made: usize,
}

impl<const LINES: usize> Ring<LINES> {
    pub(super) fn new(width: usize) -> Self {
        Self {
            lines: core::array::from_fn(|_| vec![0.0; width]),
            made: 0,
        }
    }

    /// The next line, to be written; it holds an old one.
    #[inline(always)]
    pub(super) fn push(&mut self) -> &mut [f32] {
        self.made += 1;
        &mut self.lines[(self.made - 1) % LINES]
    }

    /// All lines, the oldest first, once there are so many.
    #[inline(always)]
    pub(super) fn all(&self) -> Option<[&[f32]; LINES]> {
        (self.made >= LINES)
            .then(|| core::array::from_fn(|line| &*self.lines[(self.made + line) % LINES]))
    }
}

/// `line[i]` from `f` of the same place in every source.
#[inline(always)]
pub(super) fn combine<const SOURCES: usize>(
    line: &mut [f32],
    sources: [&[f32]; SOURCES],
    f: impl Fn([f32; SOURCES]) -> f32,
) {
    let sources = sources.map(|source| &source[..line.len()]);
    for (at, value) in line.iter_mut().enumerate() {
        *value = f(core::array::from_fn(|source| sources[source][at]));
    }
}

/// A line from so many places on, as many times, each `step` further.
#[inline(always)]
pub(super) fn shifts<const SHIFTS: usize>(line: &[f32], step: usize) -> [&[f32]; SHIFTS] {
    core::array::from_fn(|shift| &line[shift * step..])
}

/// The same cost everywhere.
pub(super) fn constant(columns: usize, rows: Range<usize>, mut put: impl FnMut(usize, &[f32])) {
    let line = vec![1.0; columns];
    for row in rows {
        put(row, &line);
    }
}

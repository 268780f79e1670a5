use alloc::vec::Vec;
use core::ops::Range;

use crate::cover::{Carriers, Reserved};
use crate::join::Join;
use crate::{Bits, Cover, Error, Result, Sample};

/// The samples of one carrying channel, by rows: what metrics and detectors look at.
#[derive(Debug)]
pub(crate) struct Plane {
    pub(crate) values: Vec<u16>,
    pub(crate) columns: usize,
    /// Of which values a sample does not carry one bit: detectors leave out whatever such a sample is a part of.
    pub(crate) reserved: Option<Reserved>,
}

impl Plane {
    /// The value at a place inside the plane, 0 outside.
    pub(crate) fn at(&self, row: usize, column: usize) -> i64 {
        self.values
            .get(row * self.columns + column)
            .copied()
            .map_or(0, i64::from)
    }

    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.columns
    }
}

/// Every carrying channel of a cover; bits that are not stored are cleared.
///
/// # Errors
///
/// [`Error::Columns`] when the layout names no columns, or some that do not divide the samples.
pub(crate) fn planes<S: Sample>(cover: Cover<'_, S>) -> Result<Vec<Plane>> {
    let layout = cover.layout();
    let samples = cover.samples();
    let channels = usize::from(layout.channels());
    let refused = Error::Columns {
        columns: layout.columns(),
        samples: samples.len(),
    };
    let Ok(columns) = usize::try_from(layout.columns()) else {
        return Err(refused);
    };
    if columns == 0 || !samples.len().is_multiple_of(columns * channels) {
        return Err(refused);
    }
    let stored = layout.peak();
    let reserved = Carriers::new(&layout, Bits::One)?.reserved();
    let plane = |channel: usize| Plane {
        values: samples
            .iter()
            .skip(channel)
            .step_by(channels)
            .map(|&sample| Into::<u16>::into(sample) & stored)
            .collect(),
        columns,
        reserved,
    };
    Ok((0..channels)
        .filter(|channel| layout.carrying() >> channel & 1 == 1)
        .map(plane)
        .collect())
}

/// Works on parts of a range, and adds what they give: the whole range at once under `Serial`, parts of at least `least`
/// on every core under `Rayon`. Parts are added in order.
pub(crate) fn fold<J: Join, T: Send>(
    range: Range<usize>,
    least: usize,
    part: &(impl Fn(Range<usize>) -> T + Sync),
    add: &(impl Fn(T, T) -> T + Sync),
) -> T {
    if J::PART == usize::MAX || range.len() < 2 * least.max(1) {
        return part(range);
    }
    let middle = range.start + range.len() / 2;
    let (mut first, mut second) = (None, None);
    J::join(
        || first = Some(fold::<J, T>(range.start..middle, least, part, add)),
        || second = Some(fold::<J, T>(middle..range.end, least, part, add)),
    );
    match (first, second) {
        (Some(first), Some(second)) => add(first, second),
        // `join` runs both.
        _ => part(range),
    }
}

/// Samples that are worth a task of their own.
pub(crate) const PART: usize = 1 << 18;

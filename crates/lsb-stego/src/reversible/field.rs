//! Which samples carry, and what predicts them.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::arch::region::{Region, STRIP};
use crate::{Cover, Error, Layout, Result, Sample};

/// The geometry of a cover.
#[derive(Debug)]
pub(super) struct Field<S> {
    pub(super) layout: Layout,
    pub(super) rows: usize,
    stride: usize,
    /// As in [`Region`].
    carrying: Vec<S>,
}

impl<S: Sample> Field<S> {
    /// # Errors
    ///
    /// [`Error::Columns`] when the layout names none.
    pub(super) fn new(cover: Cover<'_, S>) -> Result<Self> {
        let layout = cover.layout();
        let refused = Error::Columns {
            columns: layout.columns(),
            samples: cover.samples().len(),
        };
        let columns = usize::try_from(layout.columns()).map_err(|_| refused.clone())?;
        let channels = usize::from(layout.channels());
        let rows = (cover.samples().len() / channels)
            .checked_div(columns)
            .ok_or(refused)?;
        let mut field = Self {
            layout,
            rows,
            stride: columns * channels,
            carrying: Vec::new(),
        };
        if rows > 2 {
            field.carrying = field.carrying(columns, channels);
        }
        Ok(field)
    }

    /// The samples of two rows that may carry: where row + column is even, and never in the first or last column.
    fn carrying(&self, columns: usize, channels: usize) -> Vec<S> {
        let all = S::cut(u16::MAX);
        // A pixel that does not carry and one that does, again and again.
        let mut pixels = vec![S::default(); 2 * channels];
        for (channel, lane) in pixels[channels..].iter_mut().enumerate() {
            if self.layout.carrying() >> channel & 1 == 1 {
                *lane = all;
            }
        }
        while pixels.len() < self.stride + channels {
            pixels.extend_from_within(..);
        }
        let mut carrying = Vec::with_capacity(2 * self.stride + STRIP);
        for first in [channels, 0] {
            let start = carrying.len();
            carrying.extend_from_slice(&pixels[first..first + self.stride]);
            carrying[start..start + channels].fill(S::default());
            carrying[start + (columns - 1) * channels..].fill(S::default());
        }
        // A strip more, so that one can begin anywhere in the two rows.
        let mut missing = STRIP;
        while missing > 0 {
            let part = missing.min(2 * self.stride);
            carrying.extend_from_within(..part);
            missing -= part;
        }
        carrying
    }

    /// The samples of rows.
    pub(super) const fn samples(&self, rows: Range<usize>) -> Range<usize> {
        rows.start * self.stride..rows.end * self.stride
    }

    /// The samples below the guard row, but the last row.
    pub(super) fn region(&self, guard_row: usize) -> Region<'_, S> {
        let rows = guard_row.saturating_add(1).min(self.rows)..self.rows.saturating_sub(1);
        let Range { start, end } = self.samples(rows);
        Region {
            start,
            end,
            channels: usize::from(self.layout.channels()),
            stride: self.stride,
            carrying: &self.carrying,
            stored: S::cut(self.layout.peak()),
        }
    }
}

//! Which samples carry, in which order, and what predicts them.

use core::ops::{ControlFlow, Range};

use crate::{Cover, Error, Layout, Result, Sample};

/// The geometry of a cover.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) layout: Layout,
    pub(super) rows: usize,
    columns: usize,
    channels: usize,
}

impl Field {
    /// # Errors
    ///
    /// [`Error::Columns`] when the layout names none.
    pub(super) fn new<S: Sample>(cover: Cover<'_, S>) -> Result<Self> {
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
        Ok(Self {
            layout,
            rows,
            columns,
            channels,
        })
    }

    /// Samples per row.
    pub(super) const fn stride(&self) -> usize {
        self.columns * self.channels
    }

    /// The samples of rows.
    pub(super) const fn samples(&self, rows: Range<usize>) -> Range<usize> {
        rows.start * self.stride()..rows.end * self.stride()
    }

    /// The samples that may carry, below the guard row, in order.
    fn positions(&self, guard_row: usize) -> impl Iterator<Item = usize> {
        let (field, channels) = (*self, 0..self.channels);
        let carrying = move |&channel: &usize| field.layout.carrying() >> channel & 1 == 1;
        let rows = guard_row.saturating_add(1)..self.rows.saturating_sub(1);
        rows.flat_map(move |row| {
            let channels = channels.clone();
            (2 - row % 2..field.columns.saturating_sub(1))
                .step_by(2)
                .flat_map(move |column| {
                    let first = row * field.stride() + column * field.channels;
                    channels
                        .clone()
                        .filter(carrying)
                        .map(move |channel| first + channel)
                })
        })
    }

    /// Visits every sample that may carry, with its prediction.
    #[inline(always)]
    pub(super) fn visit<S: Sample, B>(
        &self,
        samples: &[S],
        guard_row: usize,
        mut each: impl FnMut(u16, u16) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut positions = self.positions(guard_row);
        positions.try_for_each(|at| each(self.value(samples, at), self.predict(samples, at)))
    }

    /// Changes every sample that may carry, given its prediction. What predicts does not change, so that the order
    /// does not matter.
    #[inline(always)]
    pub(super) fn change<S: Sample>(
        &self,
        samples: &mut [S],
        guard_row: usize,
        mut each: impl FnMut(u16, u16) -> ControlFlow<(), u16>,
    ) {
        let stored = self.layout.peak();
        let _ = self.positions(guard_row).try_for_each(|at| {
            let value = each(self.value(samples, at), self.predict(samples, at))?;
            let whole: u16 = samples[at].into();
            samples[at] = S::cut(whole & !stored | value & stored);
            ControlFlow::Continue(())
        });
    }

    #[inline(always)]
    fn value<S: Sample>(&self, samples: &[S], at: usize) -> u16 {
        let sample: u16 = samples[at].into();
        sample & self.layout.peak()
    }

    #[inline(always)]
    fn predict<S: Sample>(&self, samples: &[S], at: usize) -> u16 {
        let value = |at| self.value(samples, at);
        let beside = mean(value(at - self.channels), value(at + self.channels));
        let across = mean(value(at - self.stride()), value(at + self.stride()));
        mean(beside, across)
    }
}

/// The mean of two samples, rounded up: what SIMD instructions compute.
#[inline(always)]
const fn mean(a: u16, b: u16) -> u16 {
    (a | b) - ((a ^ b) >> 1)
}

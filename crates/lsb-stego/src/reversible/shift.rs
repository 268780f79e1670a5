//! The rule for one sample: expand, shift or skip, and the way back.
//!
//! A sample `x` is predicted as `p` from neighbours that never change. Its error falls on one of two sides, above (`x >= p`)
//! or below, and stays there. On a side that moves, the distance `e` from the prediction makes room:
//!
//! ```text
//!   e       0  1 ... T-1 | T  T+1 ...          e < T: 2 e + payload bit    (the T bins that carry)
//!           ▼            ▼                     e >= T: e + T               (the histogram beyond moves)
//!   e'    0 1 2 3 ... 2T-1 | 2T  2T+1 ...
//! ```
//!
//! A sample that could leave the stored range, or enter or cross the reserved values, is skipped: it lies in the side's
//! *zone*. A moved sample may end in the zone as well, and then a flag tells the two apart. Whether a flag is needed
//! follows from the sample before moving and not from the bit, so the flags are known before embedding.
//!
//! How the rule is applied stands in `arch::shift`; here is what it is made of.

use crate::arch::shift::{Clear, Reserved, Rule};
use crate::arch::tally::Span;
use crate::{Layout, Sample};

/// Which sides of the histogram move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sides {
    Above,
    Below,
    Both,
}

impl Sides {
    pub(super) const ALL: [Self; 3] = [Self::Above, Self::Below, Self::Both];

    pub(super) const fn above(self) -> bool {
        !matches!(self, Self::Below)
    }

    pub(super) const fn below(self) -> bool {
        !matches!(self, Self::Above)
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Above => 1,
            Self::Below => 2,
            Self::Both => 3,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|sides| sides.code() == code)
    }
}

/// The rule's sides and bins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    pub(super) sides: Sides,
    /// From 1 to [`Shift::most_bins`].
    pub(super) bins: u16,
}

impl Shift {
    pub(super) fn rule<S: Sample>(self, layout: &Layout) -> Rule<S> {
        let (bins, peak) = (self.bins, layout.peak());
        let reserved = layout.reserved().map(|(low, high)| Reserved {
            values: [low, high].map(S::cut),
            above: [low.saturating_sub(bins), high].map(S::cut),
            below: [low, high.saturating_add(bins).min(peak)].map(S::cut),
        });
        Rule {
            above: self.sides.above(),
            below: self.sides.below(),
            bins: S::cut(bins),
            top: S::cut(peak.saturating_sub(bins)),
            reserved,
            clear: self.clear(layout),
        }
    }

    /// Where samples neither lie in a zone nor could have come from one.
    fn clear<S: Sample>(self, layout: &Layout) -> Option<Clear<S>> {
        let (bins, peak) = (self.bins, layout.peak());
        let first = if self.sides.below() { bins + 1 } else { 0 };
        let last = if self.sides.above() {
            peak.checked_sub(bins + 1)?
        } else {
            peak
        };
        let others = last.checked_sub(first)?;
        layout.reserved().is_none().then(|| Clear {
            first: S::cut(first),
            others: S::cut(others),
        })
    }

    /// Whether no sample within the span lies in a zone, or moves to one.
    pub(super) fn clears(self, layout: &Layout, Span { low, high }: Span) -> bool {
        let twice = 2 * u32::from(self.bins);
        layout.reserved().is_none()
            && (!self.sides.above() || u32::from(high) + twice <= u32::from(layout.peak()))
            && (!self.sides.below() || u32::from(low) >= twice)
    }

    /// The most bins that are of use in samples of that peak.
    pub(super) const fn most_bins(peak: u16) -> u16 {
        match (peak >> 2) + 1 {
            bins @ 0..=4096 => bins,
            _ => 4096,
        }
    }
}

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

use crate::Layout;

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

/// The rule, with its sides and bins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    pub(super) sides: Sides,
    pub(super) bins: u16,
    peak: i32,
    low: i32,
    high: i32,
}

/// What the rule says of a sample before embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forward {
    /// It stays; `flag` when a moved sample could look like it.
    Skip { flag: bool },
    /// It takes a payload bit: `zero` or `one`.
    Carry { zero: u16, one: u16, flag: bool },
    /// It moves to make room.
    Move { to: u16, flag: bool },
}

/// What the rule says of a sample after embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// It never moved.
    Skip,
    /// It moved, or, where `flag`, only if its flag is set: it was `from`, and carries `bit` if it carries.
    Moved {
        from: u16,
        bit: Option<bool>,
        flag: bool,
    },
}

impl Shift {
    pub(super) fn new(layout: &Layout, sides: Sides, bins: u16) -> Self {
        // Without reserved values, a range that no sample comes near.
        let (low, high) = layout
            .reserved()
            .map_or((-(1 << 20), -(1 << 20)), |(low, high)| {
                (i32::from(low), i32::from(high))
            });
        Self {
            sides,
            bins,
            peak: i32::from(layout.peak()),
            low,
            high,
        }
    }

    /// The most bins that are of use in samples of that peak.
    pub(super) const fn most_bins(peak: u16) -> u16 {
        match (peak >> 2) + 1 {
            bins @ 0..=4096 => bins,
            _ => 4096,
        }
    }

    #[inline(always)]
    pub(super) fn forward(&self, sample: u16, prediction: u16) -> Forward {
        let (x, p) = (i32::from(sample), i32::from(prediction));
        if !self.moves(x, p) {
            return Forward::Skip { flag: false };
        }
        if self.zone(x, p) {
            let (from, _) = self.inverse(x, p);
            return Forward::Skip {
                flag: !self.zone(from, p),
            };
        }
        let (zero, one, carries) = self.outcomes(x, p);
        let flag = self.zone(zero, p) || self.zone(one, p);
        if carries {
            Forward::Carry {
                zero: stored(zero),
                one: stored(one),
                flag,
            }
        } else {
            Forward::Move {
                to: stored(zero),
                flag,
            }
        }
    }

    #[inline(always)]
    pub(super) fn back(&self, sample: u16, prediction: u16) -> Back {
        let (y, p) = (i32::from(sample), i32::from(prediction));
        if !self.moves(y, p) {
            return Back::Skip;
        }
        let (from, bit) = self.inverse(y, p);
        if self.zone(from, p) {
            return Back::Skip;
        }
        let (zero, one, _) = self.outcomes(from, p);
        let flag = self.zone(zero, p) || self.zone(one, p);
        Back::Moved {
            from: stored(from),
            bit,
            flag,
        }
    }

    /// Whether the sample's side moves at all, and the sample is not reserved: the same before embedding and after.
    #[inline(always)]
    fn moves(&self, x: i32, p: i32) -> bool {
        let side = if x >= p {
            self.sides.above()
        } else {
            self.sides.below()
        };
        side && !(self.low..=self.high).contains(&x)
    }

    /// Whether a sample of this value and side may not move.
    #[inline(always)]
    fn zone(&self, x: i32, p: i32) -> bool {
        let bins = i32::from(self.bins);
        if x >= p {
            x > self.peak - bins || (self.low - bins..=self.high).contains(&x)
        } else {
            x < bins || (self.low..=self.high + bins).contains(&x)
        }
    }

    /// Where a sample goes with payload bit 0 and 1, and whether it carries; else both are the same.
    #[inline(always)]
    fn outcomes(&self, x: i32, p: i32) -> (i32, i32, bool) {
        let bins = i32::from(self.bins);
        if x >= p {
            let e = x - p;
            if e < bins {
                (x + e, x + e + 1, true)
            } else {
                (x + bins, x + bins, false)
            }
        } else {
            let e = p - 1 - x;
            if e < bins {
                (x - e, x - e - 1, true)
            } else {
                (x - bins, x - bins, false)
            }
        }
    }

    /// Where a moved sample came from, and its bit.
    #[inline(always)]
    fn inverse(&self, y: i32, p: i32) -> (i32, Option<bool>) {
        let bins = i32::from(self.bins);
        if y >= p {
            let e = y - p;
            if e < 2 * bins {
                (p + (e >> 1), Some(e & 1 == 1))
            } else {
                (y - bins, None)
            }
        } else {
            let e = p - 1 - y;
            if e < 2 * bins {
                (p - 1 - (e >> 1), Some(e & 1 == 1))
            } else {
                (y + bins, None)
            }
        }
    }
}

/// A sample outside of its zone and every place it moves to lie within the stored range.
#[inline(always)]
fn stored(value: i32) -> u16 {
    u16::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sample, prediction, side and small number of bins, with and without reserved values: whatever the bit, the
    /// way back leads to the sample, and flags are asked for by both or by none.
    #[test]
    fn the_way_back() {
        let plain = Layout::new(5).unwrap();
        let layouts = [
            plain,
            plain.with_reserved(0, 0).unwrap(),
            plain.with_reserved(9, 12).unwrap(),
        ];
        for layout in layouts {
            for (sides, bins) in Sides::ALL
                .into_iter()
                .flat_map(|sides| (1..=8).map(move |bins| (sides, bins)))
            {
                let shift = Shift::new(&layout, sides, bins);
                for (x, p) in (0..32).flat_map(|x| (0..32).map(move |p| (x, p))) {
                    check(&shift, x, p);
                }
            }
        }
    }

    fn check(shift: &Shift, x: u16, p: u16) {
        let reserved = |v: u16| (shift.low..=shift.high).contains(&i32::from(v));
        let case = (shift, x, p);
        match shift.forward(x, p) {
            Forward::Skip { flag: false } => assert_eq!(shift.back(x, p), Back::Skip, "{case:?}"),
            Forward::Skip { flag: true } => {
                assert!(
                    matches!(shift.back(x, p), Back::Moved { flag: true, .. }),
                    "{case:?}"
                );
            }
            Forward::Carry { zero, one, flag } => {
                for (y, bit) in [(zero, false), (one, true)] {
                    assert!(y < 32 && !reserved(y));
                    assert_eq!(
                        shift.back(y, p),
                        Back::Moved {
                            from: x,
                            bit: Some(bit),
                            flag
                        },
                        "{case:?}"
                    );
                }
            }
            Forward::Move { to, flag } => {
                assert!(to < 32 && !reserved(to));
                assert_eq!(
                    shift.back(to, p),
                    Back::Moved {
                        from: x,
                        bit: None,
                        flag
                    },
                    "{case:?}"
                );
            }
        }
    }
}

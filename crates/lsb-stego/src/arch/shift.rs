//! The passes of the reversible scheme, over blocks of neighbouring samples whether they carry or not.
//!
//! ```text
//! for every block of 64 samples    x        <- samples, and p <- their predictions from left, right, above and below
//!                                  carrying <- lanes of those that may carry, which repeat every two rows
//!                                  side, e  <- x >= p, and the distance on that side
//!    Tally    counts[side, e] += 1           what every choice of sides and bins would carry
//!    Survey   counts those that carry, and says which need a flag
//!    Shift    x <- x moved away from p by min(e, T), and by the next payload bit where e < T
//!    Unshift  next payload bit <- lowest bit of e where e < 2 T
//!    Restore  does so, and x <- x moved back
//! ```
//!
//! Blocks are those of `region`, and `Tally` stands in a file of its own. Masks are what the level has for them, and 64 bits
//! only where bits of the payload are counted.

use super::kernel::{Sink, Source};
use super::lanes::Lanes;
use super::region::{Region, Strips, side};
use super::simd::BLOCK;
use super::{Lane, Simd, Task};

/// What is said of a sample: drawn in `DESIGN.md`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<T> {
    /// The sides that move.
    pub(crate) above: bool,
    pub(crate) below: bool,
    pub(crate) bins: T,
    /// Above it, a sample on the upper side may not move.
    pub(crate) top: T,
    pub(crate) reserved: Option<Reserved<T>>,
    pub(crate) clear: Option<Clear<T>>,
}

/// First of the values so far from both ends of the range that samples there move whatever they are, and their number less
/// one: those that move, and those that have moved, are then told apart without a look at the zones. There are none where
/// values are reserved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clear<T> {
    pub(crate) first: T,
    pub(crate) others: T,
}

/// First and last of the reserved values, and of those from where a sample on the upper side, or on the lower, might reach
/// one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reserved<T> {
    pub(crate) values: [T; 2],
    pub(crate) above: [T; 2],
    pub(crate) below: [T; 2],
}

impl<S: Lane> Rule<S> {
    #[inline(always)]
    fn lanes<V: Simd>(self, simd: V, stored: S) -> Lined<S::Block<V>> {
        let splat = |value: S| S::Block::<V>::splat(simd, value);
        let both = |[a, b]: [S; 2]| [splat(a), splat(b)];
        let all = |moves: bool| S::Block::<V>::spread(simd, if moves { !0 } else { 0 });
        let bins = splat(self.bins);
        Lined {
            above: all(self.above),
            below: all(self.below),
            bins,
            twice: bins.plus(bins),
            top: splat(self.top),
            reserved: self.reserved.map(|reserved| Reserved {
                values: both(reserved.values),
                above: both(reserved.above),
                below: both(reserved.below),
            }),
            clear: self.clear.map(|clear| Clear {
                first: splat(clear.first),
                others: splat(clear.others),
            }),
            stored: splat(stored),
            one: splat(S::cut(1)),
            zero: splat(S::default()),
        }
    }
}

/// The rule in every lane.
#[derive(Clone, Copy)]
struct Lined<L: Lanes> {
    above: L::Mask,
    below: L::Mask,
    bins: L,
    twice: L,
    top: L,
    reserved: Option<Reserved<L>>,
    clear: Option<Clear<L>>,
    stored: L,
    one: L,
    zero: L,
}

/// What the rule says of samples before embedding.
#[derive(Clone, Copy)]
struct Forward<L: Lanes> {
    up: L::Mask,
    /// It moves, or carries.
    go: L::Mask,
    /// It carries, if it goes.
    inner: L::Mask,
    /// By how much it moves, without its bit.
    step: L,
    /// Its distance.
    e: L,
}

/// What the rule says of samples after embedding.
#[derive(Clone, Copy)]
struct Back<L: Lanes> {
    up: L::Mask,
    /// It moved, or, where flagged, only if its flag says so.
    moved: L::Mask,
    /// It has a flag.
    flags: u64,
    /// It carries, if it moved.
    inner: L::Mask,
    /// By how much it moved, its bit included.
    by: L,
    /// Its distance, of which the lowest bit is its bit.
    e: L,
}

/// The lanes of `above` where `up` is, else those of `below`.
#[inline(always)]
fn sided<L: Lanes>(up: L::Mask, above: L::Mask, below: L::Mask) -> L::Mask {
    up & above | !up & below
}

#[inline(always)]
fn within<L: Lanes>(x: L, [low, high]: [L; 2]) -> L::Mask {
    x.at_least(low) & high.at_least(x)
}

impl<L: Lanes> Lined<L> {
    /// Whether the sample's side moves at all, and the sample is not reserved: the same before embedding and after.
    #[inline(always)]
    fn moves(&self, x: L, up: L::Mask, carrying: L::Mask) -> L::Mask {
        let moves = carrying & sided::<L>(up, self.above, self.below);
        match self.reserved {
            None => moves,
            Some(reserved) => moves & !within(x, reserved.values),
        }
    }

    /// Whether a sample of this value and side may not move.
    #[inline(always)]
    fn zone(&self, x: L, up: L::Mask) -> L::Mask {
        let ends = !sided::<L>(up, self.top.at_least(x), x.at_least(self.bins));
        match self.reserved {
            None => ends,
            Some(reserved) => {
                ends | sided::<L>(up, within(x, reserved.above), within(x, reserved.below))
            }
        }
    }

    /// Whether a sample is in its zone after moving, with payload bit 0 or 1 if it carries: the bit does not matter.
    #[inline(always)]
    fn meets(&self, zero: L, inner: L::Mask, up: L::Mask) -> L::Mask {
        let one = zero.away(self.one.only(inner), up);
        match self.reserved {
            // The end of the range is nearer to the farther one.
            None => self.zone(one, up),
            Some(_) => self.zone(zero, up) | self.zone(one, up),
        }
    }

    /// Whether no sample that may carry is near an end of the range or reserved.
    #[inline(always)]
    fn clear(&self, x: L, carrying: L::Mask) -> bool {
        match self.clear {
            None => false,
            Some(Clear { first, others }) => {
                L::bits(carrying & !others.at_least(x.minus(first))) == 0
            }
        }
    }

    /// `clear`, as asked; what is said is the same.
    #[inline(always)]
    fn forward(&self, [x, p]: [L; 2], carrying: L::Mask, clear: bool) -> Forward<L> {
        let (up, e) = side([x, p]);
        Forward {
            up,
            go: if clear {
                carrying & sided::<L>(up, self.above, self.below)
            } else {
                self.moves(x, up, carrying) & !self.zone(x, up)
            },
            inner: !e.at_least(self.bins),
            step: e.min(self.bins),
            e,
        }
    }

    /// Whether samples can be told from others only by a flag.
    #[inline(always)]
    fn flag(&self, x: L, carrying: L::Mask, forward: Forward<L>) -> L::Mask {
        let Forward {
            up,
            go,
            inner,
            step,
            e,
        } = forward;
        let moved = self.meets(x.away(step, up), inner, up);
        let from = x.away(self.by(e), !up);
        let skipped = self.moves(x, up, carrying) & !self.zone(from, up);
        sided::<L>(go, moved, skipped)
    }

    /// By how much a sample moved that has this distance now: half of it, rounded up, and never more than the bins.
    #[inline(always)]
    fn by(&self, e: L) -> L {
        e.mean(self.zero).min(self.bins)
    }

    #[inline(always)]
    fn back(&self, [y, p]: [L; 2], carrying: L::Mask) -> Back<L> {
        let (up, e) = side([y, p]);
        let (by, inner) = (self.by(e), !e.at_least(self.twice));
        let (moved, flags) = if self.clear(y, carrying) {
            (carrying & sided::<L>(up, self.above, self.below), 0)
        } else {
            let moves = self.moves(y, up, carrying);
            let moved = moves & !self.zone(y.away(by, !up), up);
            let zero = y.away((e & self.one).only(inner), !up);
            (moved, L::bits(moved & self.meets(zero, inner, up)))
        };
        Back {
            up,
            moved,
            flags,
            inner,
            by,
            e,
        }
    }
}

/// Counts the samples that carry; `flags` is called with flags, in order, and how many they are.
pub(crate) struct Survey<'a, S, F> {
    pub(crate) samples: &'a [S],
    pub(crate) region: Region<'a, S>,
    pub(crate) rule: Rule<S>,
    pub(crate) flags: F,
}

impl<S: Lane, F: FnMut(u64, u32)> Task for Survey<'_, S, F> {
    type Output = usize;

    #[inline(always)]
    fn run<V: Simd>(mut self, simd: V) -> usize {
        let rule = self.rule.lanes(simd, self.region.stored);
        let mut carrying_count = 0;
        let mut strips = Strips::new(self.region);
        while let Some(strip) = strips.next(simd, self.samples) {
            let (values, predicted, carrying) = strips.blocks(strip, self.samples);
            for ((value, p), carrying) in values.iter().zip(predicted).zip(carrying) {
                let carrying = S::Block::<V>::load(simd, carrying).ones();
                let x = S::Block::<V>::load(simd, value) & rule.stored;
                let both = [x, S::Block::<V>::load(simd, p)];
                let forward = rule.forward(both, carrying, false);
                let carries = S::Block::<V>::bits(forward.go & forward.inner);
                carrying_count += carries.count_ones() as usize;
                let flag = S::Block::<V>::bits(rule.flag(x, carrying, forward));
                if flag != 0 {
                    let moved = simd.compress(S::Block::<V>::bits(forward.go), flag);
                    (self.flags)(moved, flag.count_ones());
                }
            }
        }
        carrying_count
    }
}

/// Moves samples until the stream ends, `bits` of it: those that the rule says, or those that have moved before. The bits for
/// which there was no sample.
pub(crate) struct Shift<'a, S> {
    pub(crate) samples: &'a mut [S],
    pub(crate) region: Region<'a, S>,
    pub(crate) rule: Rule<S>,
    pub(crate) stream: &'a [u8],
    pub(crate) bits: usize,
    pub(crate) moved: Option<&'a [u64]>,
    /// Whether it is known that no sample is near an end of the range or reserved.
    pub(crate) clear: bool,
}

impl<S: Lane> Task for Shift<'_, S> {
    type Output = usize;

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> usize {
        // The loop that is taken mostly has a copy of its own, in whose registers nothing else must stay.
        if self.clear && self.moved.is_none() {
            self.walk::<V, true>(simd)
        } else {
            self.walk::<V, false>(simd)
        }
    }
}

impl<S: Lane> Shift<'_, S> {
    #[inline(always)]
    fn walk<V: Simd, const CLEAR: bool>(self, simd: V) -> usize {
        let mut strips = Strips::aligned(self.region, self.samples);
        let mut mover = Mover {
            rule: self.rule.lanes(simd, self.region.stored),
            source: Source::new(self.stream, 0),
            left: self.bits,
            again: self.moved.map(<[u64]>::iter),
        };
        while mover.left > 0
            && let Some(strip) = strips.next(simd, self.samples)
        {
            let (values, predicted, carrying) = strips.open(strip, self.samples);
            let inside = mover.left > values.len() * BLOCK;
            for ((value, p), carrying) in values.iter_mut().zip(predicted).zip(carrying) {
                let p = S::Block::<V>::load(simd, p);
                let carrying = S::Block::<V>::load(simd, carrying).ones();
                if inside {
                    mover.block::<V, S, CLEAR, false>(simd, value, p, carrying);
                } else {
                    mover.block::<V, S, CLEAR, true>(simd, value, p, carrying);
                    if mover.left == 0 {
                        break;
                    }
                }
            }
            strips.close(strip, self.samples);
        }
        mover.left
    }
}

/// Moves samples, block by block.
struct Mover<'a, L: Lanes> {
    rule: Lined<L>,
    source: Source<'a>,
    /// The bits that are still to be embedded.
    left: usize,
    again: Option<core::slice::Iter<'a, u64>>,
}

impl<L: Lanes> Mover<'_, L> {
    /// A block: `CLEAR` of the ends of the range, as is known, and moved for the first time; within which the stream does not
    /// end unless it `MAY_END`.
    #[inline(always)]
    fn block<V: Simd, S: Lane, const CLEAR: bool, const MAY_END: bool>(
        &mut self,
        simd: V,
        value: &mut [S; BLOCK],
        p: L,
        carrying: L::Mask,
    ) where
        L: Lanes<Sample = S, Token = V>,
    {
        let rule = &self.rule;
        let sample = L::load(simd, value);
        let x = sample & rule.stored;
        let clear = CLEAR || rule.clear(x, carrying);
        let Forward {
            up,
            mut go,
            inner,
            step,
            e,
        } = rule.forward([x, p], carrying, clear);
        if !CLEAR && let Some(again) = &mut self.again {
            go = L::spread(simd, again.next().copied().unwrap_or(0));
        }
        let mut carry = L::bits(go & inner);
        let mut count = carry.count_ones();
        if MAY_END {
            let keep;
            (keep, count) = first(simd, carry, self.left);
            carry &= keep;
            if count as usize == self.left {
                go = go & L::spread(simd, keep);
            }
        }
        self.left -= count as usize;
        let bits = simd.deposit(self.source.take(count), carry);
        let e = e.plus(step.only(go)).plus_one(L::spread(simd, bits));
        // From the prediction, which takes fewer steps than from the sample; the bits that are not stored stay.
        let moved = p.plus(e.turn(!up));
        (sample & !rule.stored | moved).store(value);
    }
}

/// The samples up to the one that carries the last of so many bits, one at least, and how many of the bits are here.
#[inline(always)]
fn first<V: Simd>(simd: V, carry: u64, left: usize) -> (u64, u32) {
    let found = carry.count_ones();
    if left > found as usize {
        return (!0, found);
    }
    let left = u32::try_from(left).unwrap_or(found);
    let last = simd.deposit(1 << (left.max(1) - 1), carry);
    (last | last.saturating_sub(1), left)
}

/// Reads `bits` of the stream, or those that there are; `flags` gives the next so many flags, as low bits.
pub(crate) struct Unshift<'a, S, F> {
    pub(crate) samples: &'a [S],
    pub(crate) region: Region<'a, S>,
    pub(crate) rule: Rule<S>,
    pub(crate) stream: &'a mut [u8],
    pub(crate) bits: usize,
    pub(crate) flags: F,
}

impl<S: Lane, F: FnMut(u32) -> u64> Task for Unshift<'_, S, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(mut self, simd: V) {
        let rule = self.rule.lanes(simd, self.region.stored);
        let mut reader = Reader::new(rule, self.stream, self.bits, &mut self.flags);
        let mut strips = Strips::new(self.region);
        while reader.left > 0
            && let Some(strip) = strips.next(simd, self.samples)
        {
            let (values, predicted, carrying) = strips.blocks(strip, self.samples);
            for ((value, p), carrying) in values.iter().zip(predicted).zip(carrying) {
                let y = S::Block::<V>::load(simd, value);
                let p = S::Block::<V>::load(simd, p);
                let _ = reader.read(simd, [y, p], S::Block::<V>::load(simd, carrying));
                if reader.left == 0 {
                    break;
                }
            }
        }
        reader.sink.finish();
    }
}

/// Moves samples back and reads `bits` of the stream, or those that there are; `flags` as in `Unshift`. What moved is kept,
/// a bit for each sample of the region, so that `Shift` can do it again.
pub(crate) struct Restore<'a, S, F> {
    pub(crate) samples: &'a mut [S],
    pub(crate) region: Region<'a, S>,
    pub(crate) rule: Rule<S>,
    pub(crate) stream: &'a mut [u8],
    pub(crate) bits: usize,
    pub(crate) flags: F,
    pub(crate) moved: &'a mut [u64],
}

impl<S: Lane, F: FnMut(u32) -> u64> Task for Restore<'_, S, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(mut self, simd: V) {
        let rule = self.rule.lanes(simd, self.region.stored);
        let mut reader = Reader::new(rule, self.stream, self.bits, &mut self.flags);
        let mut strips = Strips::aligned(self.region, self.samples);
        let mut kept = self.moved.iter_mut();
        while reader.left > 0
            && let Some(strip) = strips.next(simd, self.samples)
        {
            let (values, predicted, carrying) = strips.open(strip, self.samples);
            let blocks = values.iter_mut().zip(predicted).zip(carrying);
            for (((value, p), carrying), kept) in blocks.zip(kept.by_ref()) {
                let y = S::Block::<V>::load(simd, value);
                let p = S::Block::<V>::load(simd, p);
                let (Back { up, by, moved, .. }, keep) =
                    reader.read(simd, [y, p], S::Block::<V>::load(simd, carrying));
                let moved = if keep == !0 {
                    moved
                } else {
                    moved & S::Block::<V>::spread(simd, keep)
                };
                *kept = S::Block::<V>::bits(moved);
                y.away(by.only(moved), !up).store(value);
                if reader.left == 0 {
                    break;
                }
            }
            strips.close(strip, self.samples);
        }
        reader.sink.finish();
    }
}

/// Reads the stream, block by block.
struct Reader<'a, L: Lanes, F> {
    rule: Lined<L>,
    sink: Sink<'a>,
    /// The bits that are still to be read.
    left: usize,
    flags: &'a mut F,
}

impl<'a, L: Lanes, F: FnMut(u32) -> u64> Reader<'a, L, F> {
    #[inline(always)]
    fn new(rule: Lined<L>, stream: &'a mut [u8], bits: usize, flags: &'a mut F) -> Self {
        Self {
            rule,
            sink: Sink::new(stream, 0),
            left: bits,
            flags,
        }
    }

    /// Reads the bits of a block of samples, whose predictions are `p`; what the rule says of it, and of the samples that
    /// moved by it those that did: neither a flag nor the end of the stream came before.
    #[inline(always)]
    fn read<V: Simd>(&mut self, simd: V, [y, p]: [L; 2], carrying: L) -> (Back<L>, u64) {
        let back = self.rule.back([y & self.rule.stored, p], carrying.ones());
        let skipped = skipped(simd, back.flags, self.flags);
        let carry = L::bits(back.moved & back.inner) & !skipped;
        let (keep, count) = first(simd, carry, self.left);
        self.left -= count as usize;
        let bits = L::bits((back.e & self.rule.one).equal(self.rule.one));
        self.sink.put(simd.compress(bits, carry & keep), count);
        (back, keep & !skipped)
    }
}

/// The samples whose flag says that they did not move.
#[inline(always)]
fn skipped<V: Simd>(simd: V, flagged: u64, flags: &mut impl FnMut(u32) -> u64) -> u64 {
    if flagged == 0 {
        return 0;
    }
    flagged & !simd.deposit(flags(flagged.count_ones()), flagged)
}

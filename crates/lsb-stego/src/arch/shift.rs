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
//! Blocks are those of `region`, and `Tally` stands in a file of its own. Masks are lanes, and bits only where bits of the
//! payload are counted.

use super::kernel::{Sink, Source};
use super::lanes::Lanes;
use super::region::{Ahead, Blocks, Region, load, side};
use super::simd::BLOCK;
use super::{Lane, Simd, Task};

/// Away from the prediction on the sample's side.
#[inline(always)]
fn away<L: Lanes>(x: L, by: L, up: L) -> L {
    x.plus(by ^ !up).minus(!up)
}

/// What is said of a sample: drawn in `DESIGN.md`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<T> {
    /// The sides that move: all ones or zero.
    pub(crate) above: T,
    pub(crate) below: T,
    pub(crate) bins: T,
    /// Above it, a sample on the upper side may not move.
    pub(crate) top: T,
    pub(crate) reserved: Option<Reserved<T>>,
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
    fn lanes<V: Simd>(self, simd: V) -> Lined<S::Block<V>> {
        let splat = |value: S| S::Block::<V>::splat(simd, value);
        let (bins, one) = (splat(self.bins), splat(S::cut(1)));
        let reserved = self.reserved.map(|reserved| Reserved {
            values: reserved.values.map(splat),
            above: reserved.above.map(splat),
            below: reserved.below.map(splat),
        });
        Lined {
            rule: Rule {
                above: splat(self.above),
                below: splat(self.below),
                bins,
                top: splat(self.top),
                reserved,
            },
            twice: bins.plus(bins),
            one,
        }
    }
}

/// The rule in every lane.
#[derive(Clone, Copy)]
struct Lined<L> {
    rule: Rule<L>,
    twice: L,
    one: L,
}

/// What the rule says of samples before embedding: masks, but `step`.
#[derive(Clone, Copy)]
struct Forward<L> {
    up: L,
    /// It moves, or carries.
    go: L,
    /// It carries, if it goes.
    inner: L,
    /// By how much it moves, without its bit.
    step: L,
}

/// What the rule says of samples after embedding: masks, but `from` and `bit`.
#[derive(Clone, Copy)]
struct Back<L> {
    /// It moved, or, where `flag`, only if its flag says so.
    moved: L,
    flag: L,
    /// It carries, if it moved.
    inner: L,
    from: L,
    /// 1 or 0.
    bit: L,
}

#[inline(always)]
fn within<L: Lanes>(x: L, [low, high]: [L; 2]) -> L {
    x.at_least(low) & high.at_least(x)
}

impl<L: Lanes> Lined<L> {
    /// Whether the sample's side moves at all, and the sample is not reserved: the same before embedding and after.
    #[inline(always)]
    fn moves(&self, x: L, up: L, carrying: L) -> L {
        let moves = carrying & self.rule.above.where_or(up, self.rule.below);
        match self.rule.reserved {
            None => moves,
            Some(reserved) => moves & !within(x, reserved.values),
        }
    }

    /// Whether a sample of this value and side may not move.
    #[inline(always)]
    fn zone(&self, x: L, up: L) -> L {
        let [above, below] = [self.rule.top.at_least(x), x.at_least(self.rule.bins)];
        let ends = !above.where_or(up, below);
        match self.rule.reserved {
            None => ends,
            Some(reserved) => {
                ends | within(x, reserved.above).where_or(up, within(x, reserved.below))
            }
        }
    }

    /// Whether a sample is in its zone after moving, with payload bit 0 or 1 if it carries: the bit does not matter.
    #[inline(always)]
    fn meets(&self, zero: L, inner: L, up: L) -> L {
        let one = away(zero, inner & self.one, up);
        match self.rule.reserved {
            // The end of the range is nearer to the farther one.
            None => self.zone(one, up),
            Some(_) => self.zone(zero, up) | self.zone(one, up),
        }
    }

    #[inline(always)]
    fn forward(&self, [x, p]: [L; 2], carrying: L) -> Forward<L> {
        let (up, e) = side([x, p]);
        Forward {
            up,
            go: self.moves(x, up, carrying) & !self.zone(x, up),
            inner: !e.at_least(self.rule.bins),
            step: e.min(self.rule.bins),
        }
    }

    /// Whether samples can be told from others only by a flag.
    #[inline(always)]
    fn flag(&self, [x, p]: [L; 2], carrying: L, forward: Forward<L>) -> L {
        let Forward {
            up,
            go,
            inner,
            step,
        } = forward;
        let moved = self.meets(away(x, step, up), inner, up);
        let (_, e) = side([x, p]);
        let (from, _) = self.inverse(x, e, up);
        let skipped = self.moves(x, up, carrying) & !self.zone(from, up);
        moved.where_or(go, skipped)
    }

    /// Where moved samples came from, and whether they carry.
    #[inline(always)]
    fn inverse(&self, y: L, e: L, up: L) -> (L, L) {
        let inner = !e.at_least(self.twice);
        let before = e.half().where_or(inner, e.minus(self.rule.bins));
        (away(y, e.minus(before), !up), inner)
    }

    #[inline(always)]
    fn back(&self, [y, p]: [L; 2], carrying: L) -> Back<L> {
        let (up, e) = side([y, p]);
        let (from, inner) = self.inverse(y, e, up);
        let (moves, bit) = (self.moves(y, up, carrying), e & self.one);
        // Elsewhere a moved sample neither came from a zone nor could be in one, whatever its bit.
        let near = y.at_least(self.rule.top);
        let ends = moves & near.where_or(up, self.rule.bins.at_least(y));
        let (moved, flag) = if self.rule.reserved.is_none() && ends.signs() == 0 {
            (moves, ends)
        } else {
            let moved = moves & !self.zone(from, up);
            let zero = away(y, bit & inner, !up);
            (moved, moved & self.meets(zero, inner, up))
        };
        Back {
            moved,
            flag,
            inner,
            from,
            bit,
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
        let rule = self.rule.lanes(simd);
        let mut carrying_count = 0;
        let mut blocks = Blocks::new(self.region);
        while let Some((at, carrying)) = blocks.next(simd) {
            let values = self.region.values(simd, self.samples, at);
            let forward = rule.forward(values, carrying);
            carrying_count += (forward.go & forward.inner).signs().count_ones() as usize;
            let flag = rule.flag(values, carrying, forward).signs();
            if flag != 0 {
                let moved = simd.compress(forward.go.signs(), flag);
                (self.flags)(moved, flag.count_ones());
            }
        }
        carrying_count
    }
}

/// Moves samples until the stream ends, `bits` of it: those that the rule says, or those that have moved before.
pub(crate) struct Shift<'a, S> {
    pub(crate) samples: &'a mut [S],
    pub(crate) region: Region<'a, S>,
    pub(crate) rule: Rule<S>,
    pub(crate) stream: &'a [u8],
    pub(crate) bits: usize,
    pub(crate) moved: Option<&'a [u64]>,
}

impl<S: Lane> Task for Shift<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let rule = self.rule.lanes(simd);
        let mut left = self.bits;
        let mut source = Source::new(self.stream, 0);
        let mut ahead = Ahead::new(simd, self.region, self.samples);
        while left > 0
            && let Some((at, [x, p], carrying)) = ahead.next(simd, self.samples)
        {
            let Forward {
                up,
                go,
                inner,
                step,
            } = rule.forward([x, p], carrying);
            let go = match self.moved {
                None => go,
                Some(moved) => {
                    let moved = moved.get((at - self.region.start) / BLOCK);
                    S::Block::<V>::spread(simd, moved.copied().unwrap_or(0))
                }
            };
            let carry = (go & inner).signs();
            let (keep, count) = first(simd, carry, left);
            left -= count as usize;
            let go = if left == 0 {
                go & S::Block::<V>::spread(simd, keep)
            } else {
                go
            };
            let bits = simd.deposit(source.take(count), carry & keep);
            let bits = S::Block::<V>::spread(simd, bits) & rule.one;
            let moved = away(x, (step & go).plus(bits), up);
            replace(simd, self.samples, &self.region, at, moved);
        }
    }
}

/// The stored bits of a block, as much of it as the region has, become those of `value`, which has no others.
#[inline(always)]
fn replace<V: Simd, S: Lane>(
    simd: V,
    samples: &mut [S],
    region: &Region<'_, S>,
    at: usize,
    value: S::Block<V>,
) {
    let whole = if region.stored == S::cut(u16::MAX) {
        value
    } else {
        load(simd, samples, at) & !S::Block::<V>::splat(simd, region.stored) | value
    };
    let rest = samples.get_mut(at..region.end).unwrap_or_default();
    if let Some(block) = rest.first_chunk_mut() {
        whole.store(block);
    } else {
        let mut block = [S::default(); BLOCK];
        whole.store(&mut block);
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

/// The samples up to the one that carries the last of so many bits, and how many of the bits are here.
#[inline(always)]
fn first<V: Simd>(simd: V, carry: u64, left: usize) -> (u64, u32) {
    let found = carry.count_ones();
    match u32::try_from(left) {
        Ok(left @ 1..) if left <= found => {
            let last = simd.deposit(1 << (left - 1), carry);
            (last | (last - 1), left)
        }
        _ => (!0, found),
    }
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
        let rule = self.rule.lanes(simd);
        let mut sink = Sink::new(self.stream, 0);
        let mut left = self.bits;
        let mut blocks = Blocks::new(self.region);
        while left > 0
            && let Some((at, carrying)) = blocks.next(simd)
        {
            let values = self.region.values(simd, self.samples, at);
            let back = rule.back(values, carrying);
            let skipped = skipped(simd, back.flag.signs(), &mut self.flags);
            let carry = (back.moved & back.inner).signs() & !skipped;
            let (keep, count) = first(simd, carry, left);
            left -= count as usize;
            let bits = back.bit.equal(rule.one).signs();
            sink.put(simd.compress(bits, carry & keep), count);
        }
        sink.finish();
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
        let rule = self.rule.lanes(simd);
        let mut sink = Sink::new(self.stream, 0);
        let mut left = self.bits;
        let mut ahead = Ahead::new(simd, self.region, self.samples);
        for kept in self.moved {
            if left == 0 {
                break;
            }
            let Some((at, [y, p], carrying)) = ahead.next(simd, self.samples) else {
                break;
            };
            let back = rule.back([y, p], carrying);
            let skipped = skipped(simd, back.flag.signs(), &mut self.flags);
            let carry = (back.moved & back.inner).signs() & !skipped;
            let (keep, count) = first(simd, carry, left);
            left -= count as usize;
            let bits = back.bit.equal(rule.one).signs();
            sink.put(simd.compress(bits, carry & keep), count);
            let keep = keep & !skipped;
            let moved = if keep == !0 {
                back.moved
            } else {
                back.moved & S::Block::<V>::spread(simd, keep)
            };
            *kept = moved.signs();
            let restored = back.from.where_or(moved, y);
            replace(simd, self.samples, &self.region, at, restored);
        }
        sink.finish();
    }
}

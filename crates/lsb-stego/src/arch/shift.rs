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
//! Rows are not told apart: where a block crosses from one row to the next, samples at the edges get predictions that mean
//! nothing, and their lanes do not carry. What is said of one lane is written for one sample, without branches, so that the
//! compiler makes vectors of it; masks are bits only where bits of the payload are counted.

use super::kernel::{Sink, Source, low_bits};
use super::lanes::Lanes;
use super::simd::BLOCK;
use super::{Lane, Simd, Task};

/// Where the samples are that may carry, of which the first is not in the first row and the last not in the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region<'a, S> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) channels: usize,
    pub(crate) stride: usize,
    /// All ones where a sample may carry: two rows from an even one on, and a block more.
    pub(crate) carrying: &'a [S],
    /// The stored bits.
    pub(crate) stored: S,
}

/// A block from any sample on; zeros after the last.
#[inline(always)]
fn load<V: Simd, S: Lane>(simd: V, samples: &[S], at: usize) -> S::Block<V> {
    let whole = samples.get(at..at + BLOCK).and_then(<[S]>::first_chunk);
    match whole {
        Some(block) => S::Block::<V>::load(simd, block),
        None => S::Block::<V>::load(simd, &part(samples, at)),
    }
}

/// The last samples, and zeros.
#[cold]
#[inline(never)]
fn part<S: Lane>(samples: &[S], at: usize) -> [S; BLOCK] {
    let mut block = [S::default(); BLOCK];
    let rest = samples.get(at..).unwrap_or_default();
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
    }
    block
}

/// Walks along a region, block by block.
struct Blocks<'a, S> {
    region: Region<'a, S>,
    at: usize,
    phase: usize,
}

impl<'a, S: Lane> Blocks<'a, S> {
    #[inline(always)]
    fn new(region: Region<'a, S>) -> Self {
        Self {
            region,
            at: region.start,
            phase: region.start % (2 * region.stride).max(1),
        }
    }

    /// The next block: its first sample, and the lanes of those that carry.
    #[inline(always)]
    fn next<V: Simd>(&mut self, simd: V) -> Option<(usize, S::Block<V>)> {
        let (at, end, period) = (self.at, self.region.end, 2 * self.region.stride);
        if at >= end {
            return None;
        }
        let mut carrying = load(simd, self.region.carrying, self.phase);
        if end - at < BLOCK {
            let present = low_bits(u32::try_from(end - at).unwrap_or(64));
            carrying = carrying & S::Block::<V>::spread(simd, present);
        }
        self.at += BLOCK;
        self.phase += BLOCK;
        if self.phase >= period {
            self.phase %= period;
        }
        Some((at, carrying))
    }
}

impl<S: Lane> Region<'_, S> {
    /// The values of a block and their predictions: means that round up, as SIMD instructions do.
    #[inline(always)]
    fn values<V: Simd>(&self, simd: V, samples: &[S], at: usize) -> [S::Block<V>; 2] {
        let stored = S::Block::<V>::splat(simd, self.stored);
        let whole = self.stored == S::cut(u16::MAX);
        let [left, right] = [at - self.channels, at + self.channels];
        let [up, down] = [at - self.stride, at + self.stride];
        let value = |at: usize| {
            let value = load(simd, samples, at);
            if whole { value } else { value & stored }
        };
        let beside = value(left).mean(value(right));
        let across = value(up).mean(value(down));
        // The mean of means, step by step: LLVM makes the instruction of one mean, but widens the lanes for two.
        let mean = (beside | across).minus((beside ^ across).half());
        [value(at), mean]
    }
}

/// A walk along a region that is written to, in which a block is loaded before the one before it is stored: a load that
/// takes what was just stored in part waits for the cache. What predicts a sample that carries does not change.
struct Ahead<'a, S: Lane, V: Simd> {
    blocks: Blocks<'a, S>,
    next: Option<Loaded<S, V>>,
}

/// The first sample of a block, values and predictions, and the lanes of those that carry.
type Loaded<S, V> = (usize, [<S as Lane>::Block<V>; 2], <S as Lane>::Block<V>);

impl<'a, S: Lane, V: Simd> Ahead<'a, S, V> {
    #[inline(always)]
    fn new(simd: V, region: Region<'a, S>, samples: &[S]) -> Self {
        let mut ahead = Self {
            blocks: Blocks::new(region),
            next: None,
        };
        ahead.next(simd, samples);
        ahead
    }

    #[inline(always)]
    fn next(&mut self, simd: V, samples: &[S]) -> Option<Loaded<S, V>> {
        let region = self.blocks.region;
        let loaded = self.blocks.next(simd);
        let loaded = loaded.map(|(at, carrying)| (at, region.values(simd, samples, at), carrying));
        core::mem::replace(&mut self.next, loaded)
    }
}

/// Whether a sample is on the upper side of its prediction, and how far from it: from 0 on each side.
#[inline(always)]
fn side<L: Lanes>([x, p]: [L; 2]) -> (L, L) {
    let up = x.at_least(p);
    (up, x.max(p).minus(x.min(p)).plus(!up))
}

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

/// Blocks of codes that are counted at once.
const ROOM: usize = 64;

/// Distances per side that are counted in vectors, one after the other until every error is.
const NEAR: usize = 8;

/// Counts prediction errors; `counts` has two entries per code, in two tables, which are to be added up.
///
/// A code is 0 where a sample does not carry, `most + 2 + e` above and `most + 1 - e` below, where larger distances than
/// `most` count as `most`. In most pictures nearly all errors are small, and those are counted in vectors, 64 samples in
/// a few instructions per code; else each sample adds to its count, which takes about a cycle per sample.
///
/// Where a sample carries, the one an odd number of rows below does not: so two blocks make one of codes.
pub(crate) struct Tally<'a, S> {
    pub(crate) samples: &'a [S],
    pub(crate) region: Region<'a, S>,
    pub(crate) most: S,
    pub(crate) counts: &'a mut [u32],
}

/// The lowest and the highest of the samples that may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) low: u16,
    pub(crate) high: u16,
}

/// Codes on their way to the counts.
struct Codes<'a, S, L> {
    most: S,
    /// `most`, and the codes of distance 0 on both sides.
    ends: [L; 3],
    low: L,
    high: L,
    room: [[S; BLOCK]; ROOM],
    filled: usize,
    counts: &'a mut [u32],
    /// How many times vectors are not tried, as they have missed some.
    skip: u32,
}

impl<S: Lane> Task for Tally<'_, S> {
    type Output = Span;

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> Span {
        let Self {
            samples,
            region,
            most,
            counts,
        } = self;
        let Region { start, end, .. } = region;
        let [zero, ones] = [0, u16::MAX].map(|value| S::Block::<V>::splat(simd, S::cut(value)));
        let first: u16 = most.into();
        let mut codes = Codes {
            most,
            ends: [first, first + 2, first + 1].map(|end| S::Block::<V>::splat(simd, S::cut(end))),
            low: ones,
            high: zero,
            room: [[S::default(); BLOCK]; ROOM],
            filled: 0,
            counts,
            skip: 0,
        };
        let rows = (end.saturating_sub(start) / 2 / region.stride).saturating_sub(1) | 1;
        let apart = rows * region.stride;
        let paired = if end.saturating_sub(start) >= 2 * apart {
            start + apart
        } else {
            start
        };
        let part = |start, end| {
            Blocks::new(Region {
                start,
                end,
                ..region
            })
        };
        let (mut upper, mut lower) = (part(start, paired), part(paired, paired + paired - start));
        while let (Some((at, carrying)), Some((below, others))) =
            (upper.next(simd), lower.next(simd))
        {
            let [x, p] = region.values(simd, samples, at);
            let [y, q] = region.values(simd, samples, below);
            let both = [x.where_or(carrying, y), p.where_or(carrying, q)];
            codes.add(simd, both, carrying | others);
        }
        let mut rest = part(paired + paired - start, end);
        while let Some((at, carrying)) = rest.next(simd) {
            codes.add(simd, region.values(simd, samples, at), carrying);
        }
        codes.count(simd);
        let [mut low, mut high] = [[S::default(); BLOCK]; 2];
        codes.low.store(&mut low);
        codes.high.store(&mut high);
        Span {
            low: low.into_iter().map(Into::into).min().unwrap_or(0),
            high: high.into_iter().map(Into::into).max().unwrap_or(0),
        }
    }
}

impl<S: Lane, L: Lanes<Sample = S>> Codes<'_, S, L> {
    #[inline(always)]
    fn add<V: Simd>(&mut self, simd: V, [x, p]: [L; 2], carrying: L)
    where
        L: Lanes<Token = V>,
    {
        let (up, e) = side([x, p]);
        let [most, above, below] = self.ends;
        let e = e.min(most);
        let code = above.plus(e).where_or(up, below.minus(e)) & carrying;
        self.low = self.low.min(x | !carrying);
        self.high = self.high.max(x & carrying);
        if let Some(room) = self.room.get_mut(self.filled) {
            code.store(room);
            self.filled += 1;
        }
        if self.filled == ROOM {
            self.count(simd);
        }
    }

    #[inline(always)]
    fn count<V: Simd>(&mut self, simd: V)
    where
        L: Lanes<Token = V>,
    {
        let codes = self.room.get(..self.filled).unwrap_or_default();
        self.filled = 0;
        if self.skip == 0 {
            let zero = usize::from(self.most.into()) + 2;
            let mut left = codes.len() * BLOCK - equal(simd, codes, 0);
            let mut found = [0; 2 * NEAR];
            let mut at = 0;
            while left > 0 && at < 2 * NEAR {
                let count = equal(simd, codes, near_code(zero, at));
                found[at] = count;
                left -= count;
                at += 1;
            }
            if left == 0 {
                for (at, found) in found.into_iter().enumerate().take(at) {
                    if let Some(count) = self.counts.get_mut(near_code(zero, at)) {
                        *count += u32::try_from(found).unwrap_or(0);
                    }
                }
                return;
            }
            self.skip = 8;
        }
        self.skip -= 1;
        // Two tables, so that one count does not wait for itself where many errors are the same.
        let (even, odd) = self.counts.split_at_mut(self.counts.len() / 2);
        for &[a, b] in codes.as_flattened().as_chunks().0 {
            if let Some(count) = even.get_mut(usize::from(a.into())) {
                *count += 1;
            }
            if let Some(count) = odd.get_mut(usize::from(b.into())) {
                *count += 1;
            }
        }
    }
}

/// The codes from distance 0 on, on both sides in turn.
#[inline(always)]
const fn near_code(zero: usize, at: usize) -> usize {
    if at.is_multiple_of(2) {
        zero + at / 2
    } else {
        zero.saturating_sub(at / 2 + 1)
    }
}

/// How many of the codes, in fewer than 256 blocks, are this one.
#[inline(always)]
fn equal<V: Simd, S: Lane>(simd: V, codes: &[[S; BLOCK]], code: usize) -> usize {
    let splat = |value: usize| {
        let value = S::cut(u16::try_from(value).unwrap_or(0));
        S::Block::<V>::splat(simd, value)
    };
    let (code, mut sums) = (splat(code), splat(0));
    for block in codes {
        sums = sums.count(S::Block::<V>::load(simd, block), code);
    }
    let mut lanes = [S::default(); BLOCK];
    sums.store(&mut lanes);
    lanes.into_iter().map(|sum| usize::from(sum.into())).sum()
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

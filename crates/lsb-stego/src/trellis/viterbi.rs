//! The cheapest changes that give a segment its syndrome: the Viterbi algorithm over the states of the trellis.
//!
//! ```text
//!   state s       the syndrome bits of this block and of the h - 1 after it, as changed so far
//!   element       metric[s] = min(metric[s], metric[s ^ column] + cost), a bit of decision per state
//!   end of block  states whose lowest bit is the wanted one stay: metric[s] = metric[2 s + wanted]
//! ```
//!
//! Departures from that, for speed:
//!
//! 1. Every column has its lowest and its highest bit set. So the first element of a block meets states of which the upper
//!    half does not exist yet: that half is made from the other, nothing is compared, and the state itself is the decision.
//! 2. A state and the one it may come from are each other's. They are worked on together, sixteen pairs at a time, the
//!    lower half against the upper; the lowest four bits of the column are a fixed shuffle of sixteen lanes. The results go
//!    to a second array: in place, compilers store under a mask, and the next load waits for that (half as fast).
//! 3. Decisions of 32 elements are shifted into one word per state, so that no mask leaves the vector registers.
//! 4. The least metric is taken off all whenever the words are full: `f32` keeps its precision however long the segment.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Segment;
use crate::arch::{Level, Simd, Task, dispatch};

/// States that are worked on at once.
const LANES: usize = 16;

/// Elements whose decisions are in one word.
const WORD: usize = 32;

/// Finds the cheapest changes of a segment.
pub(crate) trait Solve: Send {
    /// Appends the elements to change, the last first; `None` when the wanted bits need an element of infinite cost.
    fn solve(&mut self, level: Level, segment: &Segment, changes: &mut Vec<usize>) -> Option<()>;
}

/// The solver of a constraint height of 7 to 12.
pub(crate) fn solver(height: u8) -> Box<dyn Solve> {
    match height {
        7 => Viterbi::<4>::boxed(),
        8 => Viterbi::<8>::boxed(),
        9 => Viterbi::<16>::boxed(),
        10 => Viterbi::<32>::boxed(),
        11 => Viterbi::<64>::boxed(),
        _ => Viterbi::<128>::boxed(),
    }
}

/// Half of the states, by lanes.
type Half<T, const N: usize> = [[T; LANES]; N];

/// One value per state; vectors of them never cross a line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct States<T, const N: usize> {
    low: Half<T, N>,
    high: Half<T, N>,
}

impl<T: Copy, const N: usize> States<T, N> {
    const fn of(value: T) -> Self {
        Self {
            low: [[value; LANES]; N],
            high: [[value; LANES]; N],
        }
    }

    fn at(&self, state: usize) -> T {
        let lane = state % LANES;
        match (state / LANES).checked_sub(N) {
            None => self.low[state / LANES][lane],
            Some(upper) => self.high[upper % N][lane],
        }
    }
}

/// The metrics and the decisions of `32 N` states.
struct Viterbi<const N: usize> {
    metrics: States<f32, N>,
    next: States<f32, N>,
    decisions: Vec<States<u32, N>>,
}

impl<const N: usize> Viterbi<N> {
    fn boxed() -> Box<dyn Solve> {
        Box::new(Self {
            metrics: States::of(f32::INFINITY),
            next: States::of(f32::INFINITY),
            decisions: Vec::new(),
        })
    }
}

impl<const N: usize> Solve for Viterbi<N> {
    fn solve(&mut self, level: Level, segment: &Segment, changes: &mut Vec<usize>) -> Option<()> {
        // Words of decisions: the first element of a block needs none.
        let decided = segment.costs.len() - segment.widths.len();
        self.decisions.resize(decided.div_ceil(WORD), States::of(0));
        self.metrics = States::of(f32::INFINITY);
        self.metrics.low[0][0] = 0.0;
        dispatch(
            level,
            Forward {
                segment,
                viterbi: self,
            },
        );
        if segment.costs.len() % 2 == 1 {
            core::mem::swap(&mut self.metrics, &mut self.next);
        }
        let last = usize::from(segment.wanted.last().copied().unwrap_or(0));
        let ends = (0..LANES * N).map(|state| 2 * state + last);
        let cheapest = ends.min_by(|&a, &b| self.metrics.at(a).total_cmp(&self.metrics.at(b)))?;
        if self.metrics.at(cheapest) == f32::INFINITY {
            return None;
        }
        self.back(segment, cheapest, decided, changes);
        Some(())
    }
}

impl<const N: usize> Viterbi<N> {
    /// Follows the decisions back from the last state.
    fn back(&self, segment: &Segment, end: usize, decided: usize, changes: &mut Vec<usize>) {
        let columns = &segment.columns;
        let (mut state, mut step, mut element) = (end, decided, segment.costs.len());
        for (block, &width) in segment.widths.iter().enumerate().rev() {
            for &column in columns[1..usize::from(width)].iter().rev() {
                step -= 1;
                element -= 1;
                // The newest decision is the lowest bit.
                let newer = (decided - 1).min(step | (WORD - 1)) - step;
                if self.decisions[step / WORD].at(state) >> newer & 1 == 1 {
                    changes.push(segment.places[element]);
                    state ^= usize::from(column);
                }
            }
            element -= 1;
            if state >= LANES * N {
                changes.push(segment.places[element]);
                state ^= usize::from(columns[0]);
            }
            let before = block
                .checked_sub(1)
                .map_or(0, |block| segment.wanted[block]);
            state = 2 * state + usize::from(before);
        }
    }
}

/// The pass over all elements, which makes metrics and decisions.
struct Forward<'a, const N: usize> {
    segment: &'a Segment,
    viterbi: &'a mut Viterbi<N>,
}

impl<const N: usize> Task for Forward<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, _: V) {
        let Viterbi {
            metrics,
            next,
            decisions,
        } = self.viterbi;
        // Which of the two is which changes with every block.
        let (mut metrics, mut next) = (metrics, next);
        let segment = self.segment;
        let columns = &segment.columns;
        let mut words = decisions.iter_mut();
        let Some(mut word) = words.next() else {
            return first_only(metrics, next, segment);
        };
        let (mut costs, mut before, mut made) = (segment.costs.as_slice(), 0, 0);
        for (&width, &wanted) in segment.widths.iter().zip(&segment.wanted) {
            let (block, rest) = costs.split_at(usize::from(width));
            costs = rest;
            begin(metrics, next, before, columns[0], block[0]);
            core::mem::swap(&mut metrics, &mut next);
            before = wanted;
            for (&cost, &column) in block[1..].iter().zip(&columns[1..]) {
                if made == WORD {
                    normalise(metrics);
                    made = 0;
                    if let Some(next) = words.next() {
                        word = next;
                    }
                }
                made += 1;
                let (lanes, blocks) = (usize::from(column) % LANES, usize::from(column) / LANES);
                match lanes {
                    1 => step::<N, 1>(metrics, next, word, blocks, cost),
                    3 => step::<N, 3>(metrics, next, word, blocks, cost),
                    5 => step::<N, 5>(metrics, next, word, blocks, cost),
                    7 => step::<N, 7>(metrics, next, word, blocks, cost),
                    9 => step::<N, 9>(metrics, next, word, blocks, cost),
                    11 => step::<N, 11>(metrics, next, word, blocks, cost),
                    13 => step::<N, 13>(metrics, next, word, blocks, cost),
                    _ => step::<N, 15>(metrics, next, word, blocks, cost),
                }
                core::mem::swap(&mut metrics, &mut next);
            }
        }
    }
}

/// Blocks of one element each leave nothing to decide.
#[inline(always)]
fn first_only<'a, const N: usize>(
    mut metrics: &'a mut States<f32, N>,
    mut next: &'a mut States<f32, N>,
    segment: &Segment,
) {
    let mut before = 0;
    for (&cost, &wanted) in segment.costs.iter().zip(&segment.wanted) {
        begin(metrics, next, before, segment.columns[0], cost);
        core::mem::swap(&mut metrics, &mut next);
        before = wanted;
    }
}

/// The end of a block whose wanted bit is `before`, and the first element of the next.
#[inline(always)]
fn begin<const N: usize>(
    metrics: &States<f32, N>,
    next: &mut States<f32, N>,
    before: u8,
    column: u16,
    cost: f32,
) {
    let blocks = usize::from(column) / LANES;
    if before == 0 {
        halve::<N, 0>(metrics, next);
    } else {
        halve::<N, 1>(metrics, next);
    }
    match usize::from(column) % LANES {
        1 => raise::<N, 1>(next, blocks, cost),
        3 => raise::<N, 3>(next, blocks, cost),
        5 => raise::<N, 5>(next, blocks, cost),
        7 => raise::<N, 7>(next, blocks, cost),
        9 => raise::<N, 9>(next, blocks, cost),
        11 => raise::<N, 11>(next, blocks, cost),
        13 => raise::<N, 13>(next, blocks, cost),
        _ => raise::<N, 15>(next, blocks, cost),
    }
}

/// The states whose lowest bit is the wanted one become the lower half.
#[inline(always)]
fn halve<const N: usize, const BIT: usize>(metrics: &States<f32, N>, next: &mut States<f32, N>) {
    let (lower, upper) = next.low.split_at_mut(N / 2);
    for (from, to) in [(&metrics.low, lower), (&metrics.high, upper)] {
        for (kept, [a, b]) in to.iter_mut().zip(from.as_chunks::<2>().0) {
            // Sixteen at once, which LLVM makes one shuffle of; along all states it copied them one by one.
            let mut lanes = [0.0; LANES];
            for lane in 0..LANES / 2 {
                lanes[lane] = a[2 * lane + BIT];
                lanes[lane + LANES / 2] = b[2 * lane + BIT];
            }
            *kept = lanes;
        }
    }
}

/// The upper half from the lower: what a change of the first element leads to.
#[inline(always)]
fn raise<const N: usize, const X: usize>(next: &mut States<f32, N>, blocks: usize, cost: f32) {
    for index in 0..N {
        let kept = next.low[index];
        next.high[(index ^ blocks) & (N - 1)] = swapped::<f32, X>(kept).map(|m| m + cost);
    }
}

/// An element that is not the first of its block.
#[inline(always)]
fn step<const N: usize, const X: usize>(
    metrics: &States<f32, N>,
    next: &mut States<f32, N>,
    word: &mut States<u32, N>,
    blocks: usize,
    cost: f32,
) {
    for index in 0..N {
        let other = (index ^ blocks) & (N - 1);
        let (low, high) = (metrics.low[index], metrics.high[other]);
        let up = swapped::<f32, X>(high).map(|metric| metric + cost);
        let down = swapped::<f32, X>(low).map(|metric| metric + cost);
        next.low[index] = choose(&mut word.low[index], low, up);
        next.high[other] = choose(&mut word.high[other], high, down);
    }
}

#[inline(always)]
fn choose(word: &mut [u32; LANES], stay: [f32; LANES], change: [f32; LANES]) -> [f32; LANES] {
    for lane in 0..LANES {
        word[lane] = word[lane] << 1 | u32::from(change[lane] < stay[lane]);
    }
    core::array::from_fn(|lane| {
        if change[lane] < stay[lane] {
            change[lane]
        } else {
            stay[lane]
        }
    })
}

#[inline(always)]
fn swapped<T: Copy, const X: usize>(lanes: [T; LANES]) -> [T; LANES] {
    core::array::from_fn(|lane| lanes[lane ^ X])
}

/// Takes the least metric off all; when there is none, nothing can be reached any more.
#[inline(always)]
fn normalise<const N: usize>(metrics: &mut States<f32, N>) {
    let mut least = [f32::INFINITY; LANES];
    for lanes in metrics.low.iter().chain(&metrics.high) {
        for (least, &metric) in least.iter_mut().zip(lanes) {
            *least = if metric < *least { metric } else { *least };
        }
    }
    let least = least.into_iter().fold(f32::INFINITY, f32::min);
    if least == f32::INFINITY {
        return;
    }
    for lanes in metrics.low.iter_mut().chain(&mut metrics.high) {
        for metric in lanes {
            *metric -= least;
        }
    }
}

//! Syndrome-trellis codes (Filler, Judas and Fridrich 2011): payload bits in binary elements whose changes have costs, near
//! the least total cost that any code could reach.
//!
//! This is the bare code, over bits and costs of the caller's; [`Scheme::Adaptive`](crate::Scheme::Adaptive) applies it to
//! samples. The elements are worked on as they come: where costs are alike for long stretches, as along the rows of an image,
//! bring them into a pseudo-random order first.
//!
//! ```
//! use lsb_stego::trellis::{self, Trellis};
//!
//! let trellis = Trellis::new(10)?;
//! let mut bits = [0u8, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1];
//! let costs = [1.0f32, 2.0, f32::INFINITY, 1.0, 0.5, 3.0, 2.0, 1.0, 1.0, 4.0, 0.1, 2.0, 1.0, 1.0, 3.0, 2.0];
//! let distortion = trellis::embed(&mut bits, &costs, trellis, &[0b1011], 4)?;
//! assert_eq!(trellis::extract(&bits, trellis, 4)?, [0b1011]);
//! assert!(bits[2] == 1 && distortion < 4.0); // what costs infinitely much stays
//! # Ok::<(), lsb_stego::Error>(())
//! ```

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use self::columns::{COLUMNS, columns};
use crate::join::{Join, Serial};
use crate::{Error, Level, Result};

mod columns;
#[cfg(test)]
mod tests;
mod viterbi;

pub(crate) use self::viterbi::{Solve, solver};

/// The code: its constraint height, 7 to 12, 10 unless said.
///
/// A greater height comes nearer to the bound, and takes twice the time and memory for each step: `2^height` states are
/// followed for every element.
///
/// ```
/// use lsb_stego::trellis::Trellis;
///
/// assert_eq!(Trellis::new(10)?, Trellis::default());
/// assert_eq!(Trellis::new(12)?.height(), 12);
/// assert!(Trellis::new(13).is_err());
/// # Ok::<(), lsb_stego::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trellis(u8);

impl Trellis {
    /// From the constraint height.
    ///
    /// # Errors
    ///
    /// [`Error::Height`] outside of 7 to 12.
    pub const fn new(height: u8) -> Result<Self> {
        if height < 7 || height > 12 {
            return Err(Error::Height { height });
        }
        Ok(Self(height))
    }

    /// The constraint height.
    #[must_use]
    pub const fn height(self) -> u8 {
        self.0
    }
}

impl Default for Trellis {
    fn default() -> Self {
        Self(10)
    }
}

/// The largest finite cost of an element: sums of many stay finite, so that what is merely dear is not taken for impossible.
pub const MAX_COST: f32 = 1e30;

/// Changes `bits`, each 0 or 1, so that they carry the first `bit_len` bits of `payload`, at the least total cost that the
/// code finds; gives that cost. Bit `i` of the payload is bit `i % 8`, the least significant first, of byte `i / 8`.
///
/// `costs` are what a change of each element costs: 0 to [`MAX_COST`], or infinite for one that must not change.
/// Memory: up to `2^17` elements at once, which take `2^height` bits each, 16 MiB at height 10.
///
/// # Errors
///
/// [`Error::Costs`] when there are not as many costs as bits, [`Error::Cost`] for one that is negative, no number, or finite and
/// above [`MAX_COST`],
/// [`Error::TooFewBits`] above one payload bit per element, [`Error::ShortPayload`] when `payload` has fewer bits,
/// [`Error::Wet`] when the payload needs an element of infinite cost. The bits are unchanged then.
///
/// # Performance
///
/// With the feature `rayon`, `embed_par` works on segments of 65536 elements and more on every core.
pub fn embed(
    bits: &mut [u8],
    costs: &[f32],
    trellis: Trellis,
    payload: &[u8],
    bit_len: usize,
) -> Result<f64> {
    embed_at(Level::default(), bits, costs, trellis, payload, bit_len)
}

/// [`embed`] at a level of SIMD instructions, for tests and measurements; every level changes the same elements.
///
/// # Errors
///
/// As [`embed`].
pub fn embed_at(
    level: Level,
    bits: &mut [u8],
    costs: &[f32],
    trellis: Trellis,
    payload: &[u8],
    bit_len: usize,
) -> Result<f64> {
    embed_with::<Serial>(level, bits, costs, trellis, payload, bit_len)
}

/// [`embed`] on every core.
///
/// # Errors
///
/// As [`embed`].
#[cfg(feature = "rayon")]
pub fn embed_par(
    bits: &mut [u8],
    costs: &[f32],
    trellis: Trellis,
    payload: &[u8],
    bit_len: usize,
) -> Result<f64> {
    embed_with::<crate::join::Rayon>(Level::default(), bits, costs, trellis, payload, bit_len)
}

fn embed_with<J: Join>(
    level: Level,
    bits: &mut [u8],
    costs: &[f32],
    trellis: Trellis,
    payload: &[u8],
    bit_len: usize,
) -> Result<f64> {
    if costs.len() != bits.len() {
        return Err(Error::Costs {
            elements: bits.len(),
            costs: costs.len(),
        });
    }
    let valid = |cost: f32| (0.0..=MAX_COST).contains(&cost) || cost == f32::INFINITY;
    if let Some(element) = costs.iter().position(|&cost| !valid(cost)) {
        return Err(Error::Cost { element });
    }
    if bit_len.div_ceil(8) > payload.len() {
        return Err(Error::ShortPayload {
            bits: bit_len,
            bytes: payload.len(),
        });
    }
    let cuts = Cuts::new(bits.len(), bit_len)?;
    let elements = &*bits;
    let part = |segments: Range<usize>| {
        let mut worker = Worker::new(trellis, level);
        for index in segments {
            let (from, carried) = (cuts.elements(index), cuts.bits(index));
            let wanted = carried.clone().map(|bit| bit_of(payload, bit));
            let each = from
                .clone()
                .map(|place| (place, elements[place] & 1, costs[place]));
            worker.solve(from.len(), carried.len(), each, wanted)?;
        }
        Ok(worker.changes)
    };
    let changes = fold_parts::<J>(0..cuts.segments, &part)?;
    for &place in &changes {
        bits[place] ^= 1;
    }
    Ok(changes.iter().map(|&place| f64::from(costs[place])).sum())
}

/// Reads the first `bit_len` payload bits that [`embed`] wrote, with the same number of them.
///
/// # Errors
///
/// [`Error::TooFewBits`] above one payload bit per element.
pub fn extract(bits: &[u8], trellis: Trellis, bit_len: usize) -> Result<Vec<u8>> {
    let cuts = Cuts::new(bits.len(), bit_len)?;
    let mut payload = vec![0; bit_len.div_ceil(8)];
    for index in 0..cuts.segments {
        let (from, carried) = (cuts.elements(index), cuts.bits(index));
        let mut syndrome = Syndrome::new(trellis, from.len(), carried.len());
        let each = bits[from].iter().filter_map(|bit| syndrome.push(bit & 1));
        for (bit, at) in each.zip(carried) {
            payload[at / 8] |= bit << (at % 8);
        }
    }
    Ok(payload)
}

fn bit_of(bytes: &[u8], bit: usize) -> u8 {
    bytes[bit / 8] >> (bit % 8) & 1
}

/// What parts of the segments change, in their order.
pub(crate) fn fold_parts<J: Join>(
    segments: Range<usize>,
    part: &(impl Fn(Range<usize>) -> Result<Vec<usize>> + Sync),
) -> Result<Vec<usize>> {
    if J::PART == usize::MAX || segments.len() < 2 {
        return part(segments);
    }
    let middle = segments.start + segments.len() / 2;
    let (mut first, mut second) = (Ok(Vec::new()), Ok(Vec::new()));
    J::join(
        || first = fold_parts::<J>(segments.start..middle, part),
        || second = fold_parts::<J>(middle..segments.end, part),
    );
    let mut changes = first?;
    changes.extend(second?);
    Ok(changes)
}

/// Elements of a segment that may change, about: half of the most that there are.
const SEGMENT: usize = 1 << 16;

/// Segments that so many bits in so many elements are worked on in: as many as there are [`SEGMENT`]s of elements that may
/// change, of which long blocks have [`COLUMNS`] each.
pub(crate) fn segments(elements: usize, bits: usize) -> usize {
    (elements.min(bits.saturating_mul(COLUMNS)) / SEGMENT).max(1)
}

/// `whole * part / parts`, which is at most `whole`.
pub(crate) fn share(whole: usize, part: usize, parts: usize) -> usize {
    let product = whole as u128 * part as u128 / parts.max(1) as u128;
    usize::try_from(product).unwrap_or(whole)
}

/// Where segments of elements in their order begin and end.
struct Cuts {
    elements: usize,
    bits: usize,
    segments: usize,
}

impl Cuts {
    fn new(elements: usize, bits: usize) -> Result<Self> {
        if bits > elements {
            return Err(Error::TooFewBits {
                needed_bits: bits,
                available_bits: elements,
            });
        }
        Ok(Self {
            elements,
            bits,
            segments: segments(elements, bits),
        })
    }

    fn elements(&self, index: usize) -> Range<usize> {
        let cut = |index| share(self.elements, index, self.segments);
        cut(index)..cut(index + 1)
    }

    /// Never more than there are elements.
    fn bits(&self, index: usize) -> Range<usize> {
        let Range { start, end } = self.elements(index);
        let cut = |element| share(self.bits, element, self.elements);
        cut(start)..cut(end)
    }
}

/// The blocks of a segment: block `j` of `bits` ends before element `(j + 1) * elements / bits`.
pub(crate) struct Blocks {
    bits: usize,
    /// The elements of a block at least, and what they leave over of all.
    quotient: usize,
    remainder: usize,
    /// What has been left over so far, below `bits`.
    over: usize,
    /// The elements of this block.
    pub(crate) width: usize,
    /// Those of them that have passed.
    within: usize,
}

impl Blocks {
    pub(crate) fn new(elements: usize, bits: usize) -> Self {
        let bits = bits.max(1);
        let mut blocks = Self {
            bits,
            quotient: elements / bits,
            remainder: elements % bits,
            over: 0,
            width: 0,
            within: 0,
        };
        blocks.next();
        blocks
    }

    #[inline(always)]
    pub(crate) const fn next(&mut self) {
        self.within = 0;
        self.width = self.quotient;
        self.over += self.remainder;
        if self.over >= self.bits {
            self.over -= self.bits;
            self.width += 1;
        }
    }

    /// Passes an element; whether it is the last of its block.
    #[inline(always)]
    const fn pass(&mut self) -> bool {
        self.within += 1;
        if self.within < self.width {
            return false;
        }
        self.next();
        true
    }
}

/// The bits that a segment carries, as its elements come.
pub(crate) struct Syndrome {
    columns: [u16; COLUMNS],
    blocks: Blocks,
    state: u16,
}

impl Syndrome {
    pub(crate) fn new(trellis: Trellis, elements: usize, bits: usize) -> Self {
        Self {
            columns: *columns(trellis.height()),
            blocks: Blocks::new(elements, bits),
            state: 0,
        }
    }

    /// Takes an element; the bit of its block, if it is the last one.
    #[inline(always)]
    pub(crate) fn push(&mut self, bit: u8) -> Option<u8> {
        let column = self.columns[self.blocks.within % COLUMNS];
        self.state ^= column & u16::from(bit).wrapping_neg();
        if !self.blocks.pass() {
            return None;
        }
        let carried = self.state & 1;
        self.state >>= 1;
        Some(u8::from(carried == 1))
    }
}

/// The columns of elements, added up for 32 of them at once: those that are 1 among elements whose columns are the 32 in order.
pub(crate) struct Sums {
    /// Of eight elements each, by their bits.
    tables: [[u16; 256]; COLUMNS / 8],
}

impl Sums {
    pub(crate) fn new(trellis: Trellis) -> Self {
        let mut tables = [[0; 256]; COLUMNS / 8];
        let (eights, _) = columns(trellis.height()).as_chunks::<8>();
        for (table, columns) in tables.iter_mut().zip(eights) {
            for bits in 1..table.len() {
                // The sum without the lowest bit that is set, and its column.
                let lowest = bits.trailing_zeros() as usize;
                table[bits] = table[bits & (bits - 1)] ^ columns[lowest];
            }
        }
        Self { tables }
    }

    #[inline(always)]
    pub(crate) fn of(&self, elements: u32) -> u16 {
        let bytes = elements.to_le_bytes().into_iter();
        let sums = self.tables.iter().zip(bytes);
        sums.fold(0, |sum, (table, byte)| sum ^ table[usize::from(byte)])
    }
}

/// A segment whose blocks are filled: of elements with the same column the cheapest.
pub(crate) struct Segment {
    pub(crate) columns: [u16; COLUMNS],
    /// Costs, block by block.
    pub(crate) costs: Vec<f32>,
    /// Which elements they are of.
    pub(crate) places: Vec<usize>,
    /// The elements of each block, [`COLUMNS`] at most.
    pub(crate) widths: Vec<u8>,
    /// By which bit each block's syndrome is to change.
    pub(crate) wanted: Vec<u8>,
}

/// Works on segments one after the other, and collects the elements to change.
pub(crate) struct Worker {
    level: Level,
    segment: Segment,
    solver: alloc::boxed::Box<dyn Solve>,
    pub(crate) changes: Vec<usize>,
}

impl Worker {
    pub(crate) fn new(trellis: Trellis, level: Level) -> Self {
        Self {
            level,
            segment: Segment {
                columns: *columns(trellis.height()),
                costs: Vec::new(),
                places: Vec::new(),
                widths: Vec::new(),
                wanted: Vec::new(),
            },
            solver: solver(trellis.height()),
            changes: Vec::new(),
        }
    }

    /// Makes `elements` of place, bit and cost carry `bits`, not more than there are.
    ///
    /// # Errors
    ///
    /// [`Error::Wet`].
    pub(crate) fn solve(
        &mut self,
        elements: usize,
        bits: usize,
        each: impl Iterator<Item = (usize, u8, f32)>,
        mut wanted: impl Iterator<Item = u8>,
    ) -> Result<()> {
        if bits == 0 {
            return Ok(());
        }
        let segment = &mut self.segment;
        segment.costs.clear();
        segment.places.clear();
        segment.widths.clear();
        segment.wanted.clear();
        let mut syndrome = Syndrome {
            columns: segment.columns,
            blocks: Blocks::new(elements, bits),
            state: 0,
        };
        let mut first = 0;
        for (place, bit, cost) in each {
            let within = syndrome.blocks.within;
            if within < COLUMNS {
                segment.costs.push(cost);
                segment.places.push(place);
            } else {
                let same = first + within % COLUMNS;
                if cost < segment.costs[same] {
                    (segment.costs[same], segment.places[same]) = (cost, place);
                }
            }
            if let Some(carried) = syndrome.push(bit) {
                let width = segment.costs.len() - first;
                segment.widths.push(u8::try_from(width).unwrap_or(u8::MAX));
                segment.wanted.push(carried ^ wanted.next().unwrap_or(0));
                first = segment.costs.len();
            }
        }
        self.solver
            .solve(self.level, segment, &mut self.changes)
            .ok_or(Error::Wet)
    }
}

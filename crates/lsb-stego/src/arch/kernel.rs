//! The loops, written once.
//!
//! ```text
//! write: for every block of 64 samples              read: for every block of 64 samples
//!            mask    <- payload bits that count               mask    <- payload bits that count
//!            payload <- next bits, deposited in mask          lanes   <- samples, low bits
//!            lanes   <- spread(payload)                       payload <- gather(lanes), compressed by mask
//!            samples <- samples & !spread(mask) | lanes       next bits <- payload
//! ```
//!
//! Departures:
//! 1. Where every sample carries, no mask is made, and a block takes exactly `8 * K` bytes: `WriteAll`, `ReadAll`.
//! 2. A mask counts payload bits, not samples, so that a bit count may end within a sample.
//! 3. The last samples, fewer than a block, are worked on in a copy of a whole block.
//! 4. Where every sample carries, blocks begin at lines of the cache: [`pieces`].
//! 5. There the portable level replaces one bit per sample at three places in turns: [`abreast`].

use core::ops::Range;

use super::simd::BLOCK;
use super::{Lane, Simd, Task};
use crate::cover::{Carriers, Reserved};

/// `count` low bits, of 64 at most.
pub(crate) const fn low_bits(count: u32) -> u64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}

/// Samples of whole blocks in three pieces: the first block, those that begin at lines of the cache, and the last block.
///
/// A store across two lines takes longer, and memory from an allocator mostly begins 16 bytes after a line: the row
/// `embed/1bit/u16` of `ratios` at 64 KiB went from 0.88 to 1.01 at AVX2 in two recorded runs. The pieces overlap, which is
/// the same bits once more. Along a path, in parts of 8192 samples, whitening gained nothing and matching lost: not there.
#[inline(always)]
fn pieces<S>(samples: &[S]) -> [Range<usize>; 3] {
    let end = samples.len();
    match samples.as_ptr().align_offset(64) {
        // Payload bits of samples before the line are whole bytes.
        lead @ 1..BLOCK if lead.is_multiple_of(8) && end >= 2 * BLOCK => {
            [0..BLOCK, lead..end - (BLOCK - lead), end - BLOCK..end]
        }
        _ => [0..0, 0..end, end..end],
    }
}

/// Whole blocks in which every sample carries, and as many times `8 * K` bytes.
pub(crate) struct WriteAll<'a, S, const K: usize> {
    pub(crate) blocks: &'a mut [[S; BLOCK]],
    pub(crate) payload: &'a [u8],
}

/// `WriteAll` of the payload XOR as many bytes.
pub(crate) struct WriteWhite<'a, S, const K: usize> {
    pub(crate) blocks: &'a mut [[S; BLOCK]],
    pub(crate) payload: &'a [u8],
    pub(crate) whitening: &'a [u8],
}

impl<S: Lane, const K: usize> Task for WriteWhite<'_, S, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let [payload, whitening] =
            [self.payload, self.whitening].map(|bytes| bytes.as_chunks::<8>().0.as_chunks::<K>().0);
        let mask = simd.splat((1 << K) - 1);
        for ((block, &payload), &whitening) in self.blocks.iter_mut().zip(payload).zip(whitening) {
            simd.ahead(block);
            let bits: [u64; K] = core::array::from_fn(|word| {
                u64::from_le_bytes(payload[word]) ^ u64::from_le_bytes(whitening[word])
            });
            if K == 1 {
                S::replace(simd, block, bits[0]);
            } else {
                S::insert(simd, block, simd.spread(bits), mask);
            }
        }
    }
}

impl<S: Lane, const K: usize> Task for WriteAll<'_, S, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let samples = self.blocks.as_flattened_mut();
        let mask = simd.splat((1 << K) - 1);
        for Range { start, end } in pieces(samples) {
            let blocks = samples[start..end].as_chunks_mut::<BLOCK>().0;
            let payload = self.payload.get(start / 8 * K..).unwrap_or_default();
            let groups = payload.as_chunks::<8>().0.as_chunks::<K>().0;
            let write = |block: &mut [S; BLOCK], group: &[[u8; 8]; K]| {
                let bits = group.map(u64::from_le_bytes);
                if K == 1 {
                    S::replace(simd, block, bits[0]);
                } else {
                    simd.ahead(block);
                    S::insert(simd, block, simd.spread(bits), mask);
                }
            };
            if V::ABREAST && K == 1 {
                abreast(blocks, groups, write);
            } else {
                for (block, group) in blocks.iter_mut().zip(groups) {
                    write(block, group);
                }
            }
        }
    }
}

/// How far apart [`abreast`] works, in bytes.
const APART: usize = 16384;

/// Each block with its bits, at three places in turns.
///
/// Along one, memory stands still at each page, because the CPU by itself looks no farther; at three, the others are read meanwhile. Of
/// more bits per sample, which take more steps, samples of 16 bits became slower.
#[inline(always)]
fn abreast<S, B>(blocks: &mut [[S; BLOCK]], bits: &[B], write: impl Fn(&mut [S; BLOCK], &B)) {
    let apart = APART / size_of::<[S; BLOCK]>();
    for (blocks, bits) in blocks.chunks_mut(3 * apart).zip(bits.chunks(3 * apart)) {
        let whole = blocks.len() == 3 * apart && bits.len() == 3 * apart;
        let apart = if whole { apart } else { 0 };
        let (first, rest) = blocks.split_at_mut(apart);
        let (second, rest) = rest.split_at_mut(apart);
        let (third, rest) = rest.split_at_mut(apart);
        for at in 0..apart {
            write(&mut first[at], &bits[at]);
            write(&mut second[at], &bits[apart + at]);
            write(&mut third[at], &bits[2 * apart + at]);
        }
        for (block, bits) in rest.iter_mut().zip(&bits[3 * apart..]) {
            write(block, bits);
        }
    }
}

/// The inverse of `WriteAll`.
pub(crate) struct ReadAll<'a, S, const K: usize> {
    pub(crate) blocks: &'a [[S; BLOCK]],
    pub(crate) payload: &'a mut [u8],
}

impl<S: Lane, const K: usize> Task for ReadAll<'_, S, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let (words, _) = self.payload.as_chunks_mut::<8>();
        let (groups, _) = words.as_chunks_mut::<K>();
        for (block, group) in self.blocks.iter().zip(groups) {
            if K == 1 {
                group[0] = S::lowest(simd, block).to_le_bytes();
            } else {
                *group = simd.gather::<K>(S::load(simd, block)).map(u64::to_le_bytes);
            }
        }
    }
}

/// Where in the cover the payload bits are that count: `skip` bits are passed over, then `count` are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) skip: usize,
    pub(crate) count: usize,
}

impl Window {
    /// The window within the first part of a cover, which holds so many bits, and within the rest.
    pub(crate) fn split_at(self, bits: usize) -> (Self, Self) {
        let first = Self {
            skip: self.skip.min(bits),
            count: self.count.min(bits.saturating_sub(self.skip)),
        };
        (
            first,
            Self {
                skip: self.skip - first.skip,
                count: self.count - first.count,
            },
        )
    }

    /// Of the payload bits of a block, those within the window, which then moves on.
    #[inline(always)]
    fn cut<V: Simd, const K: usize>(&mut self, simd: V, mut masks: [u64; K]) -> [u64; K] {
        for mask in &mut masks {
            let found = mask.count_ones();
            let skip = u32::try_from(self.skip).map_or(found, |skip| skip.min(found));
            let left = found - skip;
            let count = u32::try_from(self.count).map_or(left, |count| count.min(left));
            self.skip -= skip as usize;
            self.count -= count as usize;
            if count != found {
                *mask = simd.deposit(low_bits(count) << (skip % 64), *mask);
            }
        }
        masks
    }
}

/// The payload bits of a block that the layout allows.
#[inline(always)]
fn carrying<V: Simd, S: Lane, const K: usize>(
    simd: V,
    carriers: &Carriers,
    index: usize,
    block: &[S; BLOCK],
    samples: u64,
) -> [u64; K] {
    payload_bits(
        simd,
        samples & carrying_samples(simd, carriers, index, block),
    )
}

/// The payload bits of the selected samples.
#[inline(always)]
pub(super) fn payload_bits<V: Simd, const K: usize>(simd: V, mask: u64) -> [u64; K] {
    if K == 1 {
        [mask; K]
    } else {
        simd.gather(simd.select(mask, (1 << K) - 1))
    }
}

#[inline(always)]
pub(super) fn carrying_samples<V: Simd, S: Lane>(
    simd: V,
    carriers: &Carriers,
    index: usize,
    block: &[S; BLOCK],
) -> u64 {
    let channels = carriers.channels(index);
    // no closure: one that becomes a call is not compiled for the level
    match carriers.reserved() {
        Some(Reserved { stored, low, high }) => {
            channels & !S::within(simd, block, stored, low, high)
        }
        None => channels,
    }
}

/// Any samples: the bits of the window become those of `payload`, which has enough.
pub(crate) struct WriteSome<'a, S, const K: usize> {
    pub(crate) samples: &'a mut [S],
    pub(crate) carriers: &'a Carriers,
    pub(crate) window: Window,
    pub(crate) payload: &'a [u8],
}

impl<S: Lane, const K: usize> Task for WriteSome<'_, S, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(mut self, simd: V) {
        let mut source = Source::new(self.payload, 0);
        let (blocks, rest) = self.samples.as_chunks_mut::<BLOCK>();
        let end = blocks.len();
        for (index, block) in blocks.iter_mut().enumerate() {
            if self.window.count == 0 {
                return;
            }
            let mask = carrying(simd, self.carriers, index, block, !0);
            let mask: [u64; K] = self.window.cut(simd, mask);
            simd.ahead(block);
            write_block(simd, block, mask, &mut source);
        }
        let mut block = [S::default(); BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        let present = low_bits(u32::try_from(rest.len()).unwrap_or(0));
        let mask = carrying(simd, self.carriers, end, &block, present);
        let mask: [u64; K] = self.window.cut(simd, mask);
        write_block(simd, &mut block, mask, &mut source);
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

/// The payload bits of a block that a mask, of payload bits too, selects.
#[inline(always)]
pub(super) fn write_block<V: Simd, S: Lane, const K: usize>(
    simd: V,
    block: &mut [S; BLOCK],
    masks: [u64; K],
    source: &mut Source<'_>,
) {
    if masks == [0; K] {
        return;
    }
    let mut bits = masks;
    for bits in &mut bits {
        *bits = simd.deposit(source.take(bits.count_ones()), *bits);
    }
    if K == 1 {
        S::replace_some(simd, block, bits[0], masks[0]);
    } else {
        S::insert(simd, block, simd.spread(bits), simd.spread(masks));
    }
}

/// The inverse of `WriteSome`; `payload` has room for the bits of the window and is zero.
pub(crate) struct ReadSome<'a, S, const K: usize> {
    pub(crate) samples: &'a [S],
    pub(crate) carriers: &'a Carriers,
    pub(crate) window: Window,
    pub(crate) payload: &'a mut [u8],
}

impl<S: Lane, const K: usize> Task for ReadSome<'_, S, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(mut self, simd: V) {
        let mut sink = Sink::new(self.payload, 0);
        let (blocks, rest) = self.samples.as_chunks::<BLOCK>();
        for (index, block) in blocks.iter().enumerate() {
            if self.window.count == 0 {
                break;
            }
            let mask = carrying(simd, self.carriers, index, block, !0);
            let mask: [u64; K] = self.window.cut(simd, mask);
            read_block(simd, block, mask, &mut sink);
        }
        if self.window.count > 0 {
            let mut block = [S::default(); BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            let present = low_bits(u32::try_from(rest.len()).unwrap_or(0));
            let mask = carrying(simd, self.carriers, blocks.len(), &block, present);
            let mask: [u64; K] = self.window.cut(simd, mask);
            read_block(simd, &block, mask, &mut sink);
        }
        sink.finish();
    }
}

/// The inverse of [`write_block`].
#[inline(always)]
pub(super) fn read_block<V: Simd, S: Lane, const K: usize>(
    simd: V,
    block: &[S; BLOCK],
    masks: [u64; K],
    sink: &mut Sink<'_>,
) {
    if masks == [0; K] {
        return;
    }
    simd.ahead(block);
    if K == 1 {
        let bits = simd.compress(S::lowest(simd, block), masks[0]);
        return sink.put(bits, masks[0].count_ones());
    }
    let bits = simd.gather::<K>(S::load(simd, block));
    for (bits, mask) in bits.into_iter().zip(masks) {
        sink.put(simd.compress(bits, mask), mask.count_ones());
    }
}

/// Counts the samples that carry.
pub(crate) struct Count<'a, S> {
    pub(crate) samples: &'a [S],
    pub(crate) carriers: &'a Carriers,
}

impl<S: Lane> Task for Count<'_, S> {
    type Output = usize;

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> usize {
        let (blocks, rest) = self.samples.as_chunks::<BLOCK>();
        let mut whole = 0;
        for (index, block) in blocks.iter().enumerate() {
            whole += carrying_samples(simd, self.carriers, index, block).count_ones() as usize;
        }
        let mut block = [S::default(); BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        let present = low_bits(u32::try_from(rest.len()).unwrap_or(0));
        let last = carrying_samples(simd, self.carriers, blocks.len(), &block) & present;
        whole + last.count_ones() as usize
    }
}

/// Payload bits, in order.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Source<'a> {
    /// From bit `at` on.
    #[inline(always)]
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The next `count` bits, 64 at most, as low bits; zeros after the end. Higher bits are not cleared.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u64 {
        let (byte, bit) = (self.at / 8, self.at % 8);
        self.at += count as usize;
        if count <= 57
            && let Some(word) = self.bytes.get(byte..byte + 8)
            && let Some(&word) = word.first_chunk()
        {
            return u64::from_le_bytes(word) >> bit;
        }
        let rest = self.bytes.get(byte..).unwrap_or_default();
        if let Some((&[word @ .., last], _)) = rest.split_first_chunk::<9>() {
            // Two shifts, so that bit 0 shifts everything out.
            return u64::from_le_bytes(word) >> bit | u64::from(last) << 1 << (63 - bit);
        }
        let mut near = [0; 16];
        let present = rest.len().min(9);
        near[..present].copy_from_slice(&rest[..present]);
        let near = (u128::from_le_bytes(near) >> bit).to_le_bytes();
        u64::from_le_bytes(near.as_chunks().0[0])
    }
}

/// Room for payload bits, in order.
pub(super) struct Sink<'a> {
    bytes: &'a mut [u8],
    at: usize,
    pending: u64,
    held: u32,
}

impl<'a> Sink<'a> {
    /// From bit `at` on.
    #[inline(always)]
    pub(super) fn new(bytes: &'a mut [u8], at: usize) -> Self {
        let (at, held) = (at / 8, at % 8);
        let first = bytes.get(at).copied().unwrap_or(0);
        Self {
            at,
            pending: u64::from(first) & ((1 << held) - 1),
            held: u32::try_from(held).unwrap_or(0),
            bytes,
        }
    }

    /// Appends `count` bits, 64 at most; `bits` has no others.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        self.pending |= bits << self.held;
        let held = self.held + count;
        if held < 64 {
            self.held = held;
            return;
        }
        self.flush(8);
        self.pending = if self.held == 0 {
            0
        } else {
            bits >> (64 - self.held)
        };
        self.held = held - 64;
    }

    #[inline(always)]
    fn flush(&mut self, count: usize) {
        let end = (self.at + count).min(self.bytes.len());
        if let Some(room) = self.bytes.get_mut(self.at..end) {
            room.copy_from_slice(&self.pending.to_le_bytes()[..room.len()]);
        }
        self.at += count;
    }

    pub(super) fn finish(mut self) {
        if self.held > 0 {
            self.flush((self.held as usize).div_ceil(8));
        }
    }
}

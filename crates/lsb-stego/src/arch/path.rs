//! Which samples of 64 are selected: so many of 256, at places that a keystream chooses.
//!
//! ```text
//! a block of 256 carrying samples is four words; the rotation is the two highest bits of its first control word
//! word     <- its share of the count: `start` of the rotation; the low bit of as many strata, from the lowest
//! strata   <- for strides 32, 16, ...: swapped in pairs, one control bit a pair
//! bits     <- within each stratum, moved by 4, 2, 1: one control bit a stratum
//! ```
//!
//! A stratum holds one selected sample at most, so that each is as likely to end up at any place of the word as at any
//! other, and the words of a block share its count in an order that is as likely as any other rotation: each sample of a
//! block is selected with the same probability. A count above half is that of the samples left out.

use super::kernel::low_bits;
use super::{Simd, Task};

/// Words of masks that are made at once: two blocks of 256.
pub(crate) const GROUP: usize = 8;

/// How many of 256 samples are selected: 1 to 255, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    selected: usize,
}

impl Count {
    pub(crate) const fn new(selected: u8) -> Self {
        Self {
            selected: selected as usize,
        }
    }

    pub(crate) const fn get(self) -> usize {
        self.selected
    }

    const fn fewer(self) -> usize {
        if self.selected > 128 {
            256 - self.selected
        } else {
            self.selected
        }
    }

    /// Control words per word of masks.
    pub(crate) const fn controls(self) -> usize {
        match self.fewer() {
            0..=32 => 1,
            33..=64 => 2,
            _ => 3,
        }
    }

    /// The bits of a stratum.
    const fn stratum(self) -> usize {
        match self.controls() {
            1 => 8,
            2 => 4,
            _ => 2,
        }
    }

    /// The lowest bit of every stratum.
    const fn lowest(self) -> u64 {
        match self.controls() {
            1 => 0x0101_0101_0101_0101,
            2 => 0x1111_1111_1111_1111,
            _ => 0x5555_5555_5555_5555,
        }
    }

    /// By rotation, the words before they are mixed.
    fn start(self) -> [[u64; 4]; 4] {
        let fewer = self.fewer();
        core::array::from_fn(|rotation| {
            core::array::from_fn(|word| {
                let share = (word + rotation) % 4;
                let count = (share + 1) * fewer / 4 - share * fewer / 4;
                self.lowest() & low_bits(u32::try_from(count * self.stratum()).unwrap_or(64))
            })
        })
    }
}

/// Makes masks, eight words at a time, from eight times `count.controls()` control words of eight bytes each.
pub(crate) struct Select<'a> {
    pub(crate) count: Count,
    pub(crate) controls: &'a [u8],
    pub(crate) masks: &'a mut [u64],
}

impl Task for Select<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        match self.count.controls() {
            1 => self.groups::<V, 1>(simd, mix8),
            2 => self.groups::<V, 2>(simd, mix4),
            _ => self.groups::<V, 3>(simd, mix2),
        }
    }
}

impl Select<'_> {
    #[inline(always)]
    fn groups<V: Simd, const W: usize>(
        self,
        simd: V,
        mix: impl Fn(V, V::Bytes, [V::Bytes; W]) -> V::Bytes,
    ) {
        let start = self.count.start();
        let invert = simd.splat(if self.count.selected > 128 { 0xff } else { 0 });
        let (groups, _) = self.masks.as_chunks_mut::<GROUP>();
        let (vectors, _) = self.controls.as_chunks::<64>();
        let (controls, _) = vectors.as_chunks::<W>();
        for (group, vectors) in groups.iter_mut().zip(controls) {
            let [a, b, c, d] = start[usize::from(vectors[0][7] >> 6)];
            let [e, f, g, h] = start[usize::from(vectors[0][39] >> 6)];
            let start = simd.words_in([a, b, c, d, e, f, g, h]);
            let mut controls = [start; W];
            for (control, vector) in controls.iter_mut().zip(vectors) {
                *control = simd.load8(vector);
            }
            let mixed = mix(simd, start, controls);
            *group = simd.words_out(simd.xor(mixed, invert));
        }
    }
}

/// The same word in every lane.
#[inline(always)]
fn repeat<V: Simd>(simd: V, word: u64) -> V::Bytes {
    simd.words_in([word; 8])
}

/// Swaps strata `S` bits apart where the control, moved right by `R`, has a bit.
#[inline(always)]
fn swap<V: Simd, const S: i32, const R: i32>(
    simd: V,
    x: V::Bytes,
    control: V::Bytes,
    mask: u64,
) -> V::Bytes {
    let control = simd.and(simd.right::<R>(control), repeat(simd, mask));
    let differ = simd.and(simd.xor(x, simd.right::<S>(x)), control);
    simd.xor(simd.xor(x, differ), simd.left::<S>(differ))
}

/// Moves the bits of `mask` by `S`.
#[inline(always)]
fn shift<V: Simd, const S: i32>(simd: V, x: V::Bytes, mask: V::Bytes) -> V::Bytes {
    let moved = simd.and(x, mask);
    simd.xor(simd.xor(x, moved), simd.left::<S>(moved))
}

/// Strata of eight bits.
#[inline(always)]
fn mix8<V: Simd>(simd: V, x: V::Bytes, [control]: [V::Bytes; 1]) -> V::Bytes {
    let x = swap::<V, 32, 0>(simd, x, control, 0x0000_0000_0101_0101);
    let x = swap::<V, 16, 1>(simd, x, control, 0x0000_0101_0000_0101);
    let x = swap::<V, 8, 2>(simd, x, control, 0x0001_0001_0001_0001);
    let low = repeat(simd, 0x0101_0101_0101_0101);
    let four = simd.and(simd.right::<3>(control), low);
    let two = simd.and(simd.right::<4>(control), low);
    let one = simd.and(simd.right::<5>(control), low);
    let x = shift::<V, 4>(simd, x, four);
    let x = shift::<V, 2>(simd, x, simd.xor(two, simd.left::<4>(two)));
    let one = simd.xor(one, simd.left::<4>(one));
    shift::<V, 1>(simd, x, simd.xor(one, simd.left::<2>(one)))
}

/// Strata of four bits.
#[inline(always)]
fn mix4<V: Simd>(simd: V, x: V::Bytes, [first, second]: [V::Bytes; 2]) -> V::Bytes {
    let x = swap::<V, 32, 0>(simd, x, first, 0x0000_0000_1111_1111);
    let x = swap::<V, 16, 1>(simd, x, first, 0x0000_1111_0000_1111);
    let x = swap::<V, 8, 2>(simd, x, first, 0x0011_0011_0011_0011);
    let x = swap::<V, 4, 3>(simd, x, first, 0x0101_0101_0101_0101);
    let low = repeat(simd, 0x1111_1111_1111_1111);
    let two = simd.and(second, low);
    let one = simd.and(simd.right::<1>(second), low);
    let x = shift::<V, 2>(simd, x, two);
    shift::<V, 1>(simd, x, simd.xor(one, simd.left::<2>(one)))
}

/// Strata of two bits.
#[inline(always)]
fn mix2<V: Simd>(simd: V, x: V::Bytes, [first, second, third]: [V::Bytes; 3]) -> V::Bytes {
    let x = swap::<V, 32, 0>(simd, x, first, 0x0000_0000_5555_5555);
    let x = swap::<V, 16, 1>(simd, x, first, 0x0000_5555_0000_5555);
    let x = swap::<V, 8, 0>(simd, x, second, 0x0055_0055_0055_0055);
    let x = swap::<V, 4, 1>(simd, x, second, 0x0505_0505_0505_0505);
    let x = swap::<V, 2, 0>(simd, x, third, 0x1111_1111_1111_1111);
    let one = simd.and(simd.right::<1>(third), repeat(simd, 0x5555_5555_5555_5555));
    shift::<V, 1>(simd, x, one)
}

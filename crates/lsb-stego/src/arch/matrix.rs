//! Matrix embedding, bit-sliced: the Hamming code of `P` parity bits in 64 groups of `2^P - 1` samples at once.
//!
//! ```text
//! group g is sample g of each block; block j, from 1 on, is column j of the parity check matrix: the bits of j
//! syndrome bit b  <- the lowest bits of the blocks j that have bit b, XORed
//! differ bit b    <- syndrome bit b ^ payload word b
//! block j         <- lowest bits XOR (AND over b: differ bit b where j has it, else its complement)
//! ```
//!
//! Departures:
//! 1. Blocks are taken eight at a time: three bits of `j` are those of the place within the eight, and the XOR of all eight
//!    counts for the others.
//! 2. Lanes are bytes, of which only the lowest bit counts in the end.
//!
//! Loops are plain: a closure handed to `from_fn` or `map` may become a call, which is compiled without the level's
//! instructions and can be a hundred times slower.

use super::simd::BLOCK;
use super::{Lane, Simd, Task};

/// Whole groups of blocks, `2^P - 1` each, and `8 * P` bytes of payload for each.
pub(crate) struct WriteMatrix<'a, S, const P: usize> {
    pub(crate) blocks: &'a mut [[S; BLOCK]],
    pub(crate) payload: &'a [u8],
}

impl<S: Lane, const P: usize> Task for WriteMatrix<'_, S, P> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let (words, _) = self.payload.as_chunks::<8>();
        let (payload, _) = words.as_chunks::<P>();
        for (blocks, payload) in self.blocks.chunks_exact_mut((1 << P) - 1).zip(payload) {
            let syndrome = syndrome::<V, S, P>(simd, blocks);
            let one = simd.splat(1);
            let mut differ = syndrome;
            for (differ, payload) in differ.iter_mut().zip(payload) {
                let payload = simd.spread([u64::from_le_bytes(*payload)]);
                *differ = simd.and(simd.xor(*differ, payload), one);
            }
            let upper = if P == 2 { 4 } else { 8 };
            let places = places::<V, P>(simd, &differ);
            let mut at = 0;
            for high in 0..(1 << P) / upper {
                // Lanes whose upper bits of `j` are these.
                let mut here = one;
                for (bit, &differ) in differ.iter().enumerate().skip(3) {
                    here = pick(simd, here, differ, high << 3 >> bit & 1 == 1);
                }
                for (place, &lanes) in places.iter().enumerate().take(upper) {
                    if high + place > 0 {
                        S::toggle(simd, &mut blocks[at], simd.and(here, lanes));
                        at += 1;
                    }
                }
            }
        }
    }
}

/// The inverse of `WriteMatrix`.
pub(crate) struct ReadMatrix<'a, S, const P: usize> {
    pub(crate) blocks: &'a [[S; BLOCK]],
    pub(crate) payload: &'a mut [u8],
}

impl<S: Lane, const P: usize> Task for ReadMatrix<'_, S, P> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        let (words, _) = self.payload.as_chunks_mut::<8>();
        let (payload, _) = words.as_chunks_mut::<P>();
        for (blocks, payload) in self.blocks.chunks_exact((1 << P) - 1).zip(payload) {
            for (word, lanes) in payload.iter_mut().zip(syndrome::<V, S, P>(simd, blocks)) {
                let [gathered] = simd.gather(lanes);
                *word = gathered.to_le_bytes();
            }
        }
    }
}

/// `a & b`, or `a & !b`.
#[inline(always)]
fn pick<V: Simd>(simd: V, a: V::Bytes, b: V::Bytes, set: bool) -> V::Bytes {
    if set {
        simd.and(a, b)
    } else {
        simd.and_not(a, b)
    }
}

/// For every value of the three lowest bits, the lanes that differ by it; the first four for two bits.
#[inline(always)]
fn places<V: Simd, const P: usize>(simd: V, differ: &[V::Bytes; P]) -> [V::Bytes; 8] {
    let mut places = [simd.splat(1); 8];
    for (place, lanes) in places.iter_mut().enumerate() {
        for (bit, &differ) in differ.iter().enumerate().take(3) {
            *lanes = pick(simd, *lanes, differ, place >> bit & 1 == 1);
        }
    }
    places
}

#[inline(always)]
fn syndrome<V: Simd, S: Lane, const P: usize>(simd: V, blocks: &[[S; BLOCK]]) -> [V::Bytes; P] {
    let zero = simd.splat(0);
    let mut syndrome = [zero; P];
    let load = |at: usize| S::load(simd, &blocks[at]);
    let xor = |a, b| simd.xor(a, b);
    if P == 2 {
        let (one, two, three) = (load(0), load(1), load(2));
        (syndrome[0], syndrome[1]) = (xor(one, three), xor(two, three));
        return syndrome;
    }
    let mut at = 0;
    for high in 0..1 << (P - 3) {
        let mut lanes = [zero; 8];
        for (place, lanes) in lanes.iter_mut().enumerate() {
            if high + place > 0 {
                *lanes = load(at);
                at += 1;
            }
        }
        let [a, b, c, d, e, f, g, h] = lanes;
        let (cd, gh) = (xor(c, d), xor(g, h));
        let odd = xor(xor(b, d), xor(f, h));
        let (efgh, abcd) = (xor(xor(e, f), gh), xor(xor(a, b), cd));
        syndrome[0] = xor(syndrome[0], odd);
        syndrome[1] = xor(syndrome[1], xor(cd, gh));
        syndrome[2] = xor(syndrome[2], efgh);
        let all = xor(abcd, efgh);
        for (bit, syndrome) in syndrome.iter_mut().enumerate().skip(3) {
            if high << 3 >> bit & 1 == 1 {
                *syndrome = xor(*syndrome, all);
            }
        }
    }
    syndrome
}

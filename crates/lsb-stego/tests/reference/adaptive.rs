//! The adaptive scheme in plain loops, written from `DESIGN.md`: the order, the lengths of a stream, segments, blocks and the
//! matrix. What is shared with the crate is the table of columns, which is part of the format.

use super::keyed::keystream;
use super::{Plain, frame};

#[path = "../../src/trellis/columns.rs"]
mod columns;

/// What carries, and in which order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adaptive {
    pub(crate) plain: Plain,
    pub(crate) height: u8,
    pub(crate) key: Option<[u8; 32]>,
}

/// `a * b / c`, of which the product is larger than what 32 bits hold.
fn share(a: usize, b: usize, c: usize) -> usize {
    (a as u64 * b as u64 / c as u64) as usize
}

/// A sample that carries: its place in the cover, its segment, its block among those of the stream, its number in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    pub(crate) place: usize,
    pub(crate) segment: usize,
    pub(crate) block: usize,
    pub(crate) within: usize,
}

/// The bits of one segment.
struct Segment {
    elements: Vec<usize>,
    first_bit: usize,
    bits: usize,
}

impl Adaptive {
    /// Not at an end of the range, not reserved, and next to a value that is neither.
    pub(crate) fn carries(&self, place: usize, sample: u32) -> bool {
        let peak = (1 << self.plain.bits_stored) - 1;
        let open = |value: u32| {
            let reserved = self.plain.reserved;
            let reserved = reserved.is_some_and(|(low, high)| (low..=high).contains(&value));
            value != 0 && value < peak && !reserved
        };
        let value = sample & peak;
        self.plain.carrying >> (place % self.plain.channels) & 1 == 1
            && open(value)
            && (open(value - 1) || open(value + 1))
    }

    /// The places of all samples, in the order of the code.
    fn order(&self, count: usize) -> Vec<usize> {
        let bytes = keystream(self.key.unwrap_or([0; 32]), 1, 0, 32);
        let key = |i: usize| u64::from_le_bytes(bytes[8 * i..][..8].try_into().unwrap());
        let count = count as u64;
        let rows = (1u64..).find(|rows| rows * rows >= count).unwrap();
        let columns = count.div_ceil(rows).max(1);
        let mix = |x: u64| {
            let x = (x ^ (x >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (x ^ (x >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb)
        };
        let part = |x: u64, m: u64| ((mix(x) >> 32) * m) >> 32;
        let place = |i: u64| {
            let (mut r, mut c) = (i / columns, i % columns);
            loop {
                r = (r + part(c ^ key(0), rows)) % rows;
                c = (c + part(r ^ key(1), columns)) % columns;
                r = (r + part(c ^ key(2), rows)) % rows;
                c = (c + part(r ^ key(3), columns)) % columns;
                if r * columns + c < count {
                    return (r * columns + c) as usize;
                }
            }
        };
        (0..count).map(place).collect()
    }

    pub(crate) fn capacity(&self, samples: &[u32]) -> usize {
        (0..samples.len())
            .filter(|&place| self.carries(place, samples[place]))
            .count()
    }

    /// The bits of the stream that has a frame of so many bits, which fit.
    pub(crate) fn length(&self, samples: &[u32], frame_bits: usize) -> usize {
        let all = self.capacity(samples);
        let lengths = (0..26).flat_map(|e| (0..32).map(move |m| (32 + m) << e));
        let mut shorter = lengths.filter(|&length| length < all);
        shorter.find(|&length| length >= frame_bits).unwrap_or(all)
    }

    fn segments(&self, samples: &[u32], k: usize) -> Vec<Segment> {
        let order = self.order(samples.len());
        let granules: Vec<Vec<usize>> = order
            .chunks(4096)
            .map(|places| {
                let carrying = places
                    .iter()
                    .filter(|&&place| self.carries(place, samples[place]));
                carrying.copied().collect()
            })
            .collect();
        let n: usize = granules.iter().map(Vec::len).sum();
        let g = granules.len();
        let s = (n.min(32 * k) / 65536).max(1).min(g);
        let before = |granule: usize| granules[..granule].iter().map(Vec::len).sum::<usize>();
        (0..s)
            .map(|i| {
                let (from, to) = (share(i, g, s), share(i + 1, g, s));
                let (first_bit, last_bit) = (share(k, before(from), n), share(k, before(to), n));
                Segment {
                    elements: granules[from..to].concat(),
                    first_bit,
                    bits: last_bit - first_bit,
                }
            })
            .collect()
    }

    /// Every sample that carries in a stream of so many bits, in order.
    pub(crate) fn elements(&self, samples: &[u32], k: usize) -> Vec<Element> {
        let mut found = Vec::new();
        for (segment, part) in self.segments(samples, k).into_iter().enumerate() {
            let (n, mut block, mut within) = (part.elements.len(), 0, 0);
            for (index, &place) in part.elements.iter().enumerate() {
                while block < part.bits && index == share(block + 1, n, part.bits) {
                    (block, within) = (block + 1, 0);
                }
                found.push(Element {
                    place,
                    segment,
                    block: part.first_bit + block,
                    within,
                });
                within += 1;
            }
        }
        found
    }

    fn column(&self, within: usize) -> u16 {
        columns::columns(self.height)[within % 32]
    }

    /// The stream of so many bits that samples carry, the whitening taken off.
    pub(crate) fn stream(&self, samples: &[u32], k: usize) -> Vec<u8> {
        let ends: Vec<usize> = self
            .segments(samples, k)
            .iter()
            .map(|part| part.first_bit + part.bits)
            .collect();
        let mut bits = vec![0; k];
        for element in self.elements(samples, k) {
            for row in 0..usize::from(self.height) {
                let bit = element.block + row;
                if self.column(element.within) >> row & 1 == 1 && bit < ends[element.segment] {
                    bits[bit] ^= (samples[element.place] & 1) as u8;
                }
            }
        }
        let mut bytes = vec![0; k.div_ceil(8)];
        for (i, bit) in bits.into_iter().enumerate() {
            bytes[i / 8] |= bit << (i % 8);
        }
        if let Some(key) = self.key {
            let whitening = keystream(key, 2, 0, bytes.len());
            bytes.iter_mut().zip(whitening).for_each(|(b, w)| *b ^= w);
            if !k.is_multiple_of(8) {
                *bytes.last_mut().unwrap() &= (1 << (k % 8)) - 1;
            }
        }
        bytes
    }

    /// What a stream of so many bits must be: the frame, then zeros.
    pub(crate) fn expected(&self, payload: &[u8], k: usize) -> Vec<u8> {
        let mut bytes = frame(payload, u8::from(self.key.is_some()));
        bytes.resize(k.div_ceil(8), 0);
        bytes
    }

    /// The bits by which the moved samples, in the order that their coins have, went up (if both ways are open).
    pub(crate) fn coins(&self, count: usize) -> Vec<bool> {
        let bytes = keystream(self.key.unwrap_or([0; 32]), 3, 0, count.div_ceil(8));
        (0..count)
            .map(|i| bytes[i / 8] >> (i % 8) & 1 == 1)
            .collect()
    }

    /// The least cost at which samples can carry the stream: all states, one element after the other.
    pub(crate) fn least_cost(
        &self,
        samples: &[u32],
        costs: &[f32],
        payload: &[u8],
        k: usize,
    ) -> f64 {
        let mut wanted = self.expected(payload, k);
        if let Some(key) = self.key {
            let whitening = keystream(key, 2, 0, wanted.len());
            wanted.iter_mut().zip(whitening).for_each(|(b, w)| *b ^= w);
        }
        let elements = self.elements(samples, k);
        let segments = elements.last().map_or(0, |last| last.segment + 1);
        let mut total = 0.0;
        for segment in 0..segments {
            let of = |e: &&Element| e.segment == segment;
            let part: Vec<&Element> = elements.iter().filter(of).collect();
            let mut metrics = vec![f64::INFINITY; 1 << self.height];
            metrics[0] = 0.0;
            for (index, element) in part.iter().enumerate() {
                let column = usize::from(self.column(element.within));
                let cost = f64::from(costs[element.place]);
                let is = samples[element.place] & 1;
                let old = metrics.clone();
                for (state, metric) in metrics.iter_mut().enumerate() {
                    let [zero, one] = [0, 1].map(|bit| if bit == is { 0.0 } else { cost });
                    *metric = (old[state] + zero).min(old[state ^ column] + one);
                }
                let next = part.get(index + 1);
                if next.is_none_or(|next| next.block != element.block) {
                    let bit = super::bit(&wanted, element.block) as usize;
                    let old = metrics.clone();
                    for (state, metric) in metrics.iter_mut().enumerate() {
                        let before = old.get(2 * state + bit);
                        *metric = before.copied().unwrap_or(f64::INFINITY);
                    }
                }
            }
            total += metrics.into_iter().fold(f64::INFINITY, f64::min);
        }
        total
    }
}

//! The adaptive scheme: a trellis code over the lowest bits of samples, brought into a pseudo-random order.
//!
//! ```text
//!   samples that can move     neither at an end of the stored range, nor reserved, nor alone between such values
//!         │ order             pseudo-random, of the key or of none
//!         ▼
//!   granules                  4096 places of the order each; the samples among them are looked at and counted once
//!         │ segments          whole granules, as many as the memory of the trellis allows
//!         ▼
//!   blocks                    one bit of the stream each: frame, then zeros; with a key XOR the whitening
//! ```

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::cost::Costs;
use crate::extract::search;
use crate::interleave::{BATCH, Order};
use crate::join::Join;
use crate::key::{CHACHA8, Stream, Use};
use crate::trellis::{self, Blocks, Sums, Trellis, Worker};
use crate::{
    Cover, CoverMut, Error, Key, Layout, Level, Options, Result, Sample, cost, frame, framed_bits,
};

/// Places of the order whose samples are counted together.
const GRANULE: usize = 4096;

/// Granules that are worth a task of their own: a quarter of a million places take some milliseconds.
const GRANULES: usize = 64;

/// The bits that a cover holds: one for each sample that can move.
pub(crate) fn count_bits<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<usize> {
    options.one_bit()?;
    cost::columns(cover)?;
    let movable = Movable::new(&cover.layout());
    let samples = cover.samples().iter().enumerate();
    Ok(samples
        .filter(|&(place, &sample)| movable.holds(place, sample.into()))
        .count())
}

/// Embeds a frame; the number of its bits.
pub(crate) fn embed<J: Join, S: Sample>(
    cover: CoverMut<'_, S>,
    payload: &[u8],
    options: &Options,
    trellis: Trellis,
    costs: Costs,
) -> Result<usize> {
    options.one_bit()?;
    let keystream = options.key.as_ref().map_or(0, |_| CHACHA8);
    let header = frame::Header::of(payload, keystream, options.level)?;
    let frame_bits = framed_bits(payload.len());
    cost::columns(cover.as_cover())?;
    let mut walk = Walk::new::<J, S>(cover.as_cover(), options);
    // Only who reads asks for them.
    walk.bits = Vec::new();
    let Some(bits) = walk.bits_for(frame_bits) else {
        return Err(Error::TooSmall {
            needed_bytes: payload.len(),
            available_bytes: frame::payload_bytes(walk.count).unwrap_or(0),
        });
    };
    let costs = cost::map_with::<J, S>(options.level, cover.as_cover(), costs)?;
    let mut stream = vec![0; bits.div_ceil(8)];
    stream[..frame::HEADER].copy_from_slice(&header);
    stream[frame::HEADER..][..payload.len()].copy_from_slice(payload);
    if options.key.is_some() {
        Stream::new(options.level, options.key.as_ref(), Use::Whitening).apply(&mut stream);
    }
    let cuts = walk.cuts(bits);
    let samples = cover.as_cover().samples();
    let part = |segments: Range<usize>| {
        let mut worker = Worker::new(trellis, options.level);
        for index in segments {
            let segment = cuts.segment(index);
            let wanted = segment
                .bits
                .clone()
                .map(|bit| stream[bit / 8] >> (bit % 8) & 1);
            let each = walk
                .places(&segment, samples)
                .map(|(place, bit)| (place, bit, costs[place]));
            worker.solve(segment.count, segment.bits.len(), each, wanted)?;
        }
        Ok(worker.changes)
    };
    let changes = trellis::fold_parts::<J>(0..cuts.segments, &part)?;
    move_samples(cover, &changes, &walk.movable, options);
    Ok(frame_bits)
}

/// Extracts a frame: the bits that the stream may have are tried, as nothing outside of the frame tells them. The walk is made
/// unless one is there, for the same key: so the cover is looked at once, however many codes are tried.
pub(crate) fn extract<J: Join, S: Sample>(
    cover: Cover<'_, S>,
    options: &Options,
    trellis: Trellis,
    walk: &mut Option<Walk>,
) -> Result<Vec<u8>> {
    options.one_bit()?;
    let walk = match walk {
        Some(walk) if walk.key == options.key => walk,
        _ => walk.insert(Walk::new::<J, S>(cover, options)),
    };
    let available = frame::payload_bytes(walk.count).ok_or(Error::NoPayload)?;
    let mut reader = Reader {
        walk,
        sums: Sums::new(trellis),
        whitening: options
            .key
            .as_ref()
            .map(|key| Stream::new(options.level, Some(key), Use::Whitening)),
        keystream: options.key.as_ref().map_or(0, |_| CHACHA8),
        available,
        level: options.level,
    };
    search(lengths(walk.count), |bits| reader.frame(bits))
}

/// The bits that a stream may have in so many samples: 32 lengths an octave, and all.
fn lengths(count: usize) -> impl Iterator<Item = usize> {
    let octaves = (0..usize::BITS).flat_map(|octave| {
        (32_usize..64)
            .map_while(move |step| step.checked_shl(octave).filter(|l| l >> octave == step))
    });
    octaves
        .skip_while(|&length| length < 8 * frame::HEADER)
        .take_while(move |&length| length < count)
        .chain((count >= 8 * frame::HEADER).then_some(count))
}

/// Reads what may be a frame.
struct Reader<'a> {
    walk: &'a Walk,
    sums: Sums,
    whitening: Option<Stream>,
    keystream: u8,
    available: usize,
    level: Level,
}

impl Reader<'_> {
    /// The payload of the frame in a stream of so many bits.
    fn frame(&mut self, bits: usize) -> Result<Vec<u8>> {
        let mut header = [0; frame::HEADER];
        self.read(bits, &mut header, &frame::MAGIC)?;
        let header = frame::Header::parse(header, self.keystream)?;
        if header.payload_len > self.available {
            return Err(Error::ClaimedLength {
                claimed_bytes: header.payload_len,
                available_bytes: self.available,
            });
        }
        // A frame whose length is one of another stream is read there.
        if self.walk.bits_for(framed_bits(header.payload_len)) != Some(bits) {
            return Err(Error::NoPayload);
        }
        let mut frame = vec![0; frame::HEADER + header.payload_len];
        self.read(bits, &mut frame, &frame::MAGIC)?;
        frame.drain(..frame::HEADER);
        header.check(&frame, self.level)?;
        Ok(frame)
    }

    /// Reads the first bytes, for as long as they are those expected.
    fn read(&mut self, bits: usize, bytes: &mut [u8], expected: &[u8]) -> Result<()> {
        let cuts = self.walk.cuts(bits);
        let mut at = 0;
        let mut byte = 0;
        if let Some(whitening) = &mut self.whitening {
            whitening.seek(0);
        }
        for index in 0..cuts.segments {
            let segment = cuts.segment(index);
            let mut blocks = Blocks::new(segment.count, segment.bits.len());
            let (mut element, mut state) = (segment.before, 0);
            for _ in segment.bits {
                state ^= self.sums.of(self.walk.folded(element, blocks.width));
                element += blocks.width;
                blocks.next();
                byte |= u8::from(state & 1 == 1) << (at % 8);
                state >>= 1;
                at += 1;
                if at % 8 != 0 {
                    continue;
                }
                let mut whole = [core::mem::take(&mut byte)];
                if let Some(whitening) = &mut self.whitening {
                    whitening.apply(&mut whole);
                }
                let index = at / 8 - 1;
                bytes[index] = whole[0];
                if expected
                    .get(index)
                    .is_some_and(|&expected| expected != whole[0])
                {
                    return Err(Error::NoPayload);
                }
                if index + 1 == bytes.len() {
                    return Ok(());
                }
            }
        }
        Err(Error::NoPayload)
    }
}

/// The samples of a cover in their order, looked at once: counted by granules, and their lowest bits side by side.
///
/// In their order they lie all over memory; a bit each, they are an eighth or a sixteenth of the cover, and every length of every
/// code is read from there.
pub(crate) struct Walk {
    /// Of the order.
    key: Option<Key>,
    order: Order,
    movable: Movable,
    samples: usize,
    /// Movable samples.
    count: usize,
    /// Movable samples before each granule, and at the end all.
    before: Vec<usize>,
    /// The lowest bits of the movable samples.
    bits: Vec<u64>,
}

impl Walk {
    fn new<J: Join, S: Sample>(cover: Cover<'_, S>, options: &Options) -> Self {
        let (movable, samples) = (Movable::new(&cover.layout()), cover.samples());
        let mut walk = Self {
            key: options.key.clone(),
            order: Order::new(options, samples.len()),
            movable,
            samples: samples.len(),
            count: 0,
            before: Vec::new(),
            bits: Vec::new(),
        };
        let mut bits = vec![0; samples.len().div_ceil(64)];
        let mut before = vec![0; samples.len().div_ceil(GRANULE) + 1];
        let granules = before.len() - 1;
        walk.look::<J, S>(samples, 0, &mut bits, &mut before[..granules]);
        walk.count = gather(&mut bits, &before[..granules]);
        let mut count = 0;
        for granule in &mut before {
            count += core::mem::replace(granule, count);
        }
        (walk.before, walk.bits) = (before, bits);
        walk
    }

    /// Counts the movable samples of granules from number `first` on, and collects their lowest bits, of each granule at the
    /// beginning of its words.
    fn look<J: Join, S: Sample>(
        &self,
        samples: &[S],
        first: usize,
        bits: &mut [u64],
        counts: &mut [usize],
    ) {
        let half = counts.len() / 2;
        if J::PART != usize::MAX && half >= GRANULES {
            let (low, high) = bits.split_at_mut(half * GRANULE / 64);
            let (low_counts, high_counts) = counts.split_at_mut(half);
            return J::join(
                || self.look::<J, S>(samples, first, low, low_counts),
                || self.look::<J, S>(samples, first + half, high, high_counts),
            );
        }
        let mut places = [0; BATCH];
        for (index, (words, count)) in bits.chunks_mut(GRANULE / 64).zip(counts).enumerate() {
            let start = (first + index) * GRANULE;
            let end = samples.len().min(start + GRANULE);
            for from in (start..end).step_by(BATCH) {
                let places = &mut places[..BATCH.min(end - from)];
                self.order.fill(from, places);
                let (mut lowest, mut here) = (0, 0);
                for &mut place in places {
                    let value: u16 = samples[place].into();
                    let movable = u64::from(self.movable.holds(place, value));
                    lowest |= (u64::from(value) & movable) << here;
                    here += movable;
                }
                let (word, bit) = (*count / 64, *count % 64);
                if let Some(next) = words.get_mut(word + 1)
                    && bit > 0
                {
                    *next = lowest >> (64 - bit);
                }
                if let Some(word) = words.get_mut(word) {
                    *word |= lowest << bit;
                }
                *count += usize::try_from(here).unwrap_or(0);
            }
        }
    }

    /// Elements from number `from` on, so many, added up where they have the same column.
    #[inline(always)]
    fn folded(&self, from: usize, count: usize) -> u32 {
        let window = |at: usize| {
            let word = |index| self.bits.get(index).copied().unwrap_or(0);
            // In two steps, as none is of 64.
            let high = word(at / 64 + 1) << 1 << (63 - at % 64);
            word(at / 64) >> (at % 64) | high
        };
        let end = from + count;
        let last = end - count % 64;
        let whole = (from..last).step_by(64).fold(0, |all, at| all ^ window(at));
        let rest = window(last) & ((1 << (count % 64)) - 1);
        let all: u64 = whole ^ rest;
        let [a, b, c, d, ..] = (all ^ all >> 32).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// The bits of the shortest stream that holds a frame of so many, if one does.
    fn bits_for(&self, frame_bits: usize) -> Option<usize> {
        lengths(self.count).find(|&length| length >= frame_bits)
    }

    fn cuts(&self, bits: usize) -> Cuts<'_> {
        Cuts {
            walk: self,
            bits,
            segments: trellis::segments(self.count, bits).min(self.before.len().max(2) - 1),
        }
    }

    /// The samples of a segment that can move, and their lowest bits.
    fn places<S: Sample>(
        &self,
        segment: &Segment,
        samples: &[S],
    ) -> impl Iterator<Item = (usize, u8)> {
        self.order
            .range(segment.from, segment.to)
            .filter_map(move |place| {
                let value: u16 = samples[place].into();
                let movable = self.movable.holds(place, value);
                movable.then(|| (place, u8::from(value & 1 == 1)))
            })
    }
}

/// Moves the bits of each granule, of which there are so many, to behind those of the granule before; how many there are.
fn gather(bits: &mut Vec<u64>, counts: &[usize]) -> usize {
    let (mut all, mut held) = (0, 0_u64);
    for (granule, &count) in counts.iter().enumerate() {
        for done in (0..count).step_by(64) {
            let here = (count - done).min(64);
            let word = bits[(granule * GRANULE + done) / 64];
            held |= word << (all % 64);
            let room = 64 - all % 64;
            if here >= room {
                // What is overwritten has been read: bits only move to the front.
                bits[all / 64] = held;
                held = if room < 64 { word >> room } else { 0 };
            }
            all += here;
        }
    }
    if let Some(last) = bits.get_mut(all / 64) {
        *last = held;
    }
    bits.truncate(all.div_ceil(64));
    all
}

/// Segments of a stream of so many bits.
struct Cuts<'a> {
    walk: &'a Walk,
    bits: usize,
    segments: usize,
}

/// Places of the order, the samples among them that can move, and the bits that they carry.
struct Segment {
    from: usize,
    to: usize,
    /// The samples that can move before it, and in it.
    before: usize,
    count: usize,
    bits: Range<usize>,
}

impl Cuts<'_> {
    fn segment(&self, index: usize) -> Segment {
        let walk = self.walk;
        let granule = |index| trellis::share(walk.before.len() - 1, index, self.segments);
        let (first, last) = (granule(index), granule(index + 1));
        let (before, after) = (walk.before[first], walk.before[last]);
        let bit = |count| trellis::share(self.bits, count, walk.count);
        Segment {
            from: first * GRANULE,
            to: walk.samples.min(last * GRANULE),
            before,
            count: after - before,
            bits: bit(before)..bit(after),
        }
    }
}

/// Moves samples by one, up or down as the keystream of steps says where both ways are open.
fn move_samples<S: Sample>(
    mut cover: CoverMut<'_, S>,
    changes: &[usize],
    movable: &Movable,
    options: &Options,
) {
    let mut steps = Stream::new(options.level, options.key.as_ref(), Use::Steps);
    let mut bits = [0; 64];
    let samples = cover.samples_mut();
    for some in changes.chunks(8 * bits.len()) {
        steps.fill(&mut bits);
        for (index, &place) in some.iter().enumerate() {
            let coin = bits[index / 8] >> (index % 8) & 1 == 1;
            samples[place] = movable.moved(samples[place], coin);
        }
    }
}

/// Which samples can move by one and stay within: the same before a move and after.
#[derive(Clone, Copy)]
pub(crate) struct Movable {
    channels: usize,
    carrying: u8,
    stored: u16,
    /// Runs of two values and more, first and last, between the ends and the reserved values.
    runs: [(u16, u16); 2],
}

impl Movable {
    pub(crate) fn new(layout: &Layout) -> Self {
        let peak = layout.peak();
        let (low, high) = layout.reserved().unwrap_or((peak, peak));
        let run = |first: Option<u16>, last: Option<u16>| match (first, last) {
            (Some(first), Some(last)) if first < last => (first, last),
            // Holds no value.
            _ => (1, 0),
        };
        Self {
            channels: usize::from(layout.channels()),
            carrying: layout.carrying(),
            stored: peak,
            runs: [
                run(Some(1), low.min(peak).checked_sub(1)),
                run(
                    high.checked_add(1).map(|first| first.max(1)),
                    peak.checked_sub(1),
                ),
            ],
        }
    }

    #[inline(always)]
    pub(crate) fn holds(&self, place: usize, sample: u16) -> bool {
        self.value_holds(sample)
            && (self.channels == 1 || self.carrying >> (place % self.channels) & 1 == 1)
    }

    /// The same, in a channel that carries.
    #[inline(always)]
    pub(crate) fn value_holds(&self, sample: u16) -> bool {
        let value = sample & self.stored;
        let within = |(first, last): (u16, u16)| first <= value && value <= last;
        within(self.runs[0]) | within(self.runs[1])
    }

    /// The sample one up or one down, where it can move.
    fn moved<S: Sample>(&self, sample: S, up: bool) -> S {
        let value = sample.into() & self.stored;
        let is = |end: fn(&(u16, u16)) -> u16| {
            self.runs
                .iter()
                .any(|run| run.0 < run.1 && end(run) == value)
        };
        let up = (up || is(|run| run.0)) && !is(|run| run.1);
        let one = S::cut(1);
        if up {
            sample.plus(one)
        } else {
            sample.minus(one)
        }
    }
}

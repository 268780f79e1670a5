//! The adaptive scheme: a trellis code over the lowest bits of samples, brought into a pseudo-random order.
//!
//! ```text
//!   samples that can move     neither at an end of the stored range, nor reserved, nor alone between such values
//!         │ order             pseudo-random, of the key or of none
//!         ▼
//!   granules                  4096 places of the order each; the samples among them are counted once
//!         │ segments          whole granules, as many as the memory of the trellis allows
//!         ▼
//!   blocks                    one bit of the stream each: frame, then zeros; with a key XOR the whitening
//! ```

use alloc::vec;
use alloc::vec::Vec;
use core::ops::{ControlFlow, Range};

use crate::cost::Costs;
use crate::extract::search;
use crate::interleave::Order;
use crate::join::Join;
use crate::key::{CHACHA8, Stream, Use};
use crate::trellis::{self, Syndrome, Trellis, Worker};
use crate::{
    Cover, CoverMut, Error, Layout, Level, Options, Result, Sample, cost, frame, framed_bits,
};

/// Places of the order whose samples are counted together.
const GRANULE: usize = 4096;

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
    let walk = Walk::new::<J, S>(cover.as_cover(), options);
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

/// Extracts a frame: the bits that the stream may have are tried, as nothing outside of the frame tells them.
pub(crate) fn extract<J: Join, S: Sample>(
    cover: Cover<'_, S>,
    options: &Options,
    trellis: Trellis,
) -> Result<Vec<u8>> {
    options.one_bit()?;
    let walk = Walk::new::<J, S>(cover, options);
    let available = frame::payload_bytes(walk.count).ok_or(Error::NoPayload)?;
    let mut reader = Reader {
        walk: &walk,
        samples: cover.samples(),
        trellis,
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
struct Reader<'a, S> {
    walk: &'a Walk,
    samples: &'a [S],
    trellis: Trellis,
    whitening: Option<Stream>,
    keystream: u8,
    available: usize,
    level: Level,
}

impl<S: Sample> Reader<'_, S> {
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
            let mut syndrome = Syndrome::new(self.trellis, segment.count, segment.bits.len());
            if segment.bits.is_empty() {
                continue;
            }
            let mut places = self.walk.places(&segment, self.samples);
            let found = places.try_for_each(|(_, bit)| {
                let Some(carried) = syndrome.push(bit) else {
                    return ControlFlow::Continue(());
                };
                byte |= carried << (at % 8);
                at += 1;
                if at % 8 != 0 {
                    return ControlFlow::Continue(());
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
                    return ControlFlow::Break(Err(Error::NoPayload));
                }
                if index + 1 == bytes.len() {
                    return ControlFlow::Break(Ok(()));
                }
                ControlFlow::Continue(())
            });
            if let ControlFlow::Break(result) = found {
                return result;
            }
        }
        Err(Error::NoPayload)
    }
}

/// The samples of a cover in their order, counted by granules.
struct Walk {
    order: Order,
    movable: Movable,
    samples: usize,
    /// Movable samples.
    count: usize,
    /// Movable samples before each granule, and at the end all.
    before: Vec<usize>,
}

impl Walk {
    fn new<J: Join, S: Sample>(cover: Cover<'_, S>, options: &Options) -> Self {
        let (movable, samples) = (Movable::new(&cover.layout()), cover.samples());
        let order = Order::new(options, samples.len());
        let granules = samples.len().div_ceil(GRANULE);
        let part = |granules: Range<usize>| {
            let counts = granules.map(|granule| {
                let end = samples.len().min((granule + 1) * GRANULE);
                let places = order.range(granule * GRANULE, end);
                places
                    .filter(|&place| movable.holds(place, samples[place].into()))
                    .count()
            });
            Ok(counts.collect())
        };
        let mut before = trellis::fold_parts::<J>(0..granules, &part).unwrap_or_default();
        let mut count = 0;
        for granule in &mut before {
            count += core::mem::replace(granule, count);
        }
        before.push(count);
        Self {
            order,
            movable,
            samples: samples.len(),
            count,
            before,
        }
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

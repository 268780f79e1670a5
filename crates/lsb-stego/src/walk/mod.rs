//! Reading and writing along the embedding path: every scheme but plain replacement, and that with a key.
//!
//! ```text
//!   stream of bits    frame or raw bits, then zeros; with a key XOR the whitening
//!         │
//!         ▼
//!   selected samples  of those that carry, in memory order: the first ones, or as the path says
//! ```
//!
//! A cover is walked in parts of 8192 samples, of which the masks of selected samples, the keystreams and the payload stay
//! in the first cache.

mod matrix;
mod read;
mod write;

use crate::arch::masked::{Carrying, Ones, Thin};
use crate::arch::{BLOCK, Ends, dispatch};
use crate::cover::Carriers;
use crate::join::{Join, Serial};
use crate::key::{Stream, Use};
use crate::matrix::WIDTH;
use crate::part::{Counted, Part, least};
use crate::path::{self, Density, PART, Path};
use crate::{Bits, Cover, Error, Hamming, Level, Options, Result, Sample, Scheme};

/// Masks in a part.
const MASKS: usize = PART / BLOCK;

/// Room for the payload of a part, or a share of one where samples carry more bits; one byte more where it does not begin
/// at a whole one.
const ROOM: usize = PART / 8 + 8;

/// Where the bits of a payload go, checked: the cover holds them.
pub(crate) struct Route<'a> {
    options: &'a Options,
    scheme: Scheme,
    counted: Counted,
    density: Density,
    /// The bits that are written: with a key, of every selected sample.
    bits: usize,
    whitened: bool,
    ends: Ends,
}

/// The bits that a cover holds under any scheme but the reversible one.
pub(crate) fn count_bits<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<usize> {
    Route::every::<Serial, S>(cover, options).map(|route| route.bits)
}

/// The bits that so many samples hold.
fn held(scheme: Scheme, bits: Bits, samples: usize) -> usize {
    match scheme {
        Scheme::Matrix(code) => samples / code.samples() * code.bits(),
        // Never more than the bits of the samples themselves, of which memory holds one in eight at most.
        _ => samples.saturating_mul(usize::from(bits.get())),
    }
}

impl<'a> Route<'a> {
    /// # Errors
    ///
    /// [`Error::TooFewBits`] when the cover holds fewer, [`Error::Bits`] as [`count_bits`].
    pub(crate) fn new<J: Join, S: Sample>(
        cover: Cover<'_, S>,
        options: &'a Options,
        bit_len: usize,
    ) -> Result<Self> {
        let mut route = Self::every::<J, S>(cover, options)?;
        if bit_len > route.bits {
            return Err(Error::TooFewBits {
                needed_bits: bit_len,
                available_bits: route.bits,
            });
        }
        match (options.scheme, &options.key) {
            (_, Some(_)) => route.thin(route.thinnest(bit_len)),
            // How groups lie side by side does not depend on the payload.
            (Scheme::Matrix(_), None) => route.bits = bit_len,
            (_, None) => {
                (route.density, route.bits) = (Density::First(route.needed(bit_len)), bit_len);
            }
        }
        Ok(route)
    }

    /// The samples that so many bits take, which the cover holds.
    fn needed(&self, bit_len: usize) -> usize {
        match self.scheme {
            Scheme::Matrix(code) => bit_len.div_ceil(code.bits()) * code.samples(),
            _ => bit_len.div_ceil(self.depth()),
        }
    }

    /// The density that a key chooses for so many bits, which the cover holds.
    fn thinnest(&self, bit_len: usize) -> Density {
        Density::thinnest(self.needed(bit_len.max(1)), self.count())
    }

    /// Whether a key chooses this route's density for so many bits, which the cover holds.
    pub(crate) fn is_for(&self, bit_len: usize) -> bool {
        self.density == self.thinnest(bit_len)
    }

    /// The route to all that the cover holds.
    ///
    /// # Errors
    ///
    /// [`Error::Bits`] when more bits per sample are asked for than are stored, or than the scheme changes.
    pub(crate) fn every<J: Join, S: Sample>(
        cover: Cover<'_, S>,
        options: &'a Options,
    ) -> Result<Self> {
        if options.scheme != Scheme::Replacement {
            options.one_bit()?;
        }
        let carriers = Carriers::new(&cover.layout(), options.bits)?;
        let ends = carriers.ends(&cover.layout());
        let counted = Counted::new::<J, S>(cover, carriers, options.level);
        let count = counted.count();
        Ok(Self {
            options,
            scheme: options.scheme,
            counted,
            density: Density::First(count),
            bits: held(options.scheme, options.bits, count),
            whitened: options.key.is_some(),
            ends,
        })
    }

    /// The carrying samples of the cover.
    const fn count(&self) -> usize {
        self.counted.count()
    }

    /// The densities that the payload may have been embedded at.
    pub(crate) fn densities(&self) -> impl Iterator<Item = Density> + use<> {
        Density::every(self.count())
    }

    pub(crate) const fn level(&self) -> Level {
        self.options.level
    }

    /// The bits that are written, or can be read.
    pub(crate) const fn bits(&self) -> usize {
        self.bits
    }

    /// The route of that density.
    pub(crate) fn thin(&mut self, density: Density) {
        self.density = density;
        self.bits = held(
            self.scheme,
            self.options.bits,
            density.selected(self.count()),
        );
    }

    /// Writes the payload, and with a key what surrounds it.
    pub(crate) fn write<J: Join, S: Sample>(&self, samples: &mut [S], payload: Payload<'_>) {
        let (part, least) = self.first::<J, S>(samples, self.bits);
        let samples = &mut samples[..part.samples];
        match self.grouped() {
            Some(code) => self.write_matrix::<J, S>(code, samples, 0, least, payload),
            None => self.write_part::<J, S>(samples, part, least, payload),
        }
    }

    /// Reads the first `bytes.len()` bytes of what was written, or those of them that there are; `bytes` is zero.
    pub(crate) fn read<J: Join, S: Sample>(
        &self,
        walk: &mut Walk,
        samples: &[S],
        bytes: &mut [u8],
    ) {
        let most = self.bits.min(bytes.len().saturating_mul(8));
        let bytes = &mut bytes[..most.div_ceil(8)];
        let (part, least) = self.first::<J, S>(samples, most);
        let samples = &samples[..part.samples];
        match self.grouped() {
            Some(code) => self.read_matrix::<J, S>(code, samples, 0, least, bytes, most),
            None => self.read_part::<J, S>(walk, samples, part, least, bytes, most),
        }
        // samples of several bits, and groups, give more than there is
        if let (Some(last), rest) = (bytes.get_mut(most / 8), most % 8) {
            *last &= (1 << rest) - 1;
        }
    }

    /// The code, where its groups lie side by side.
    fn grouped(&self) -> Option<Hamming> {
        match (self.scheme, self.density) {
            (Scheme::Matrix(code), Density::First(_)) if self.counted.carriers.every_sample() => {
                Some(code)
            }
            _ => None,
        }
    }

    /// The samples that hold the first so many bits, and how many bytes of them are worth a task of their own.
    fn first<J: Join, S: Sample>(&self, samples: &[S], bits: usize) -> (Part, usize) {
        let carrying = match (self.density, self.scheme) {
            (Density::First(_), Scheme::Matrix(code)) => {
                self.matrix_groups(code, bits) * code.samples()
            }
            (Density::First(_), _) => bits.div_ceil(self.depth()),
            _ => self.count(),
        };
        let part = self.counted.first(samples, carrying);
        let least = least::<J>(part.samples * usize::from(S::BYTES), J::SLOW_PART);
        (part, least)
    }

    /// Cuts a part in two that are worth it. Bits before the cut are whole bytes, and masks of the path are whole, as are parts of
    /// the code. Where strata are there is no cut.
    fn halve<S: Sample>(&self, samples: &[S], part: Part, least: usize) -> Option<(Part, Part)> {
        let whole = match (self.density, self.scheme) {
            (Density::Strata(_), _) => return None,
            (Density::First(_), Scheme::Matrix(code)) => WIDTH * code.samples(),
            (Density::Blocks(count), Scheme::Matrix(code)) => {
                let size = WIDTH * code.samples();
                path::BLOCK * (size / common(size, count.get()))
            }
            _ => 1,
        };
        let unit = whole / common(whole, PATH) * PATH;
        self.counted.halve(samples, part, unit, least)
    }

    /// The bits that are before a carrying sample, which a part begins or ends with.
    fn bits_before(&self, carrying: usize) -> usize {
        let samples = self.density.selected(carrying.min(self.count()));
        held(self.scheme, self.options.bits, samples)
    }

    pub(crate) fn walk(&self) -> Walk {
        let options = self.options;
        let stream = |wanted: bool, purpose| {
            wanted.then(|| Stream::new(options.level, options.key.as_ref(), purpose))
        };
        Walk {
            path: Path::new(options, self.count()),
            fill: Fill {
                whitening: stream(self.whitened, Use::Whitening),
                steps: stream(self.scheme == Scheme::Matching, Use::Steps),
                payload: [0; ROOM],
                more: [0; ROOM],
            },
        }
    }

    /// The bits of a sample.
    fn depth(&self) -> usize {
        usize::from(self.options.bits.get())
    }

    /// The selected samples of part number `index` of those that begin with a whole pixel.
    fn select<S: Sample>(&self, path: &mut Path, samples: &[S], index: usize, masks: &mut [u64]) {
        let (level, carriers) = (self.options.level, &self.counted.carriers);
        let first = index * MASKS;
        dispatch(
            level,
            Carrying {
                samples,
                carriers,
                first,
                masks,
            },
        );
        dispatch(
            level,
            Thin {
                masks,
                select: |count| path.take(count),
            },
        );
    }

    /// The samples that masks select.
    fn selected(&self, masks: &[u64]) -> usize {
        match self.density {
            // Masks of whole blocks, where no sample comes between.
            Density::Blocks(count) if self.counted.carriers.every_sample() => {
                masks.len() / 4 * count.get()
            }
            _ => dispatch(self.options.level, Ones { masks }),
        }
    }

    /// Masks of which the payload has room.
    fn share(&self) -> usize {
        MASKS / self.depth().next_power_of_two()
    }
}

/// What a walk along a cover carries with it.
pub(crate) struct Walk {
    path: Path,
    fill: Fill,
}

/// What fills the selected samples.
struct Fill {
    whitening: Option<Stream>,
    steps: Option<Stream>,
    payload: [u8; ROOM],
    more: [u8; ROOM],
}

/// Bytes of the stream, whitened where there is a key.
fn white<'a>(
    whitening: &mut Option<Stream>,
    room: &'a mut [u8; ROOM],
    payload: Payload<'a>,
    at: usize,
    count: usize,
) -> &'a [u8] {
    match (whitening, payload.whole(at, count)) {
        (None, Some(bytes)) => bytes,
        (whitening, _) => {
            let bytes = &mut room[..count];
            payload.copy(at, bytes);
            if let Some(stream) = whitening {
                stream.seek(at as u64);
                stream.apply(bytes);
            }
            bytes
        }
    }
}

/// A payload in pieces, and zeros after it.
#[derive(Clone, Copy)]
pub(crate) struct Payload<'a> {
    /// A header.
    pub(crate) first: &'a [u8],
    pub(crate) second: &'a [u8],
    /// The bits that make no whole byte.
    pub(crate) third: u8,
}

impl<'a> Payload<'a> {
    /// The bytes from `at` on.
    fn copy(self, at: usize, bytes: &mut [u8]) {
        if let Some(whole) = self.whole(at, bytes.len()) {
            return bytes.copy_from_slice(whole);
        }
        bytes.fill(0);
        let from_first = self.first.get(at..).unwrap_or_default();
        let (head, tail) = bytes.split_at_mut(from_first.len().min(bytes.len()));
        head.copy_from_slice(&from_first[..head.len()]);
        let at = at.max(self.first.len()) - self.first.len();
        let rest = self.second.get(at..).unwrap_or_default();
        let present = rest.len().min(tail.len());
        tail[..present].copy_from_slice(&rest[..present]);
        if let Some(last) = tail.get_mut(present)
            && at + present == self.second.len()
        {
            *last = self.third;
        }
    }

    /// The same, where they are whole within the second piece.
    fn whole(self, at: usize, count: usize) -> Option<&'a [u8]> {
        self.second
            .get(at.checked_sub(self.first.len())?..)?
            .get(..count)
    }
}

/// Takes the whitening off what was read, while it is near.
struct Clear<'a> {
    whitening: Option<&'a mut Stream>,
    /// The stream's byte that was read first.
    first: usize,
    done: usize,
}

impl Clear<'_> {
    /// The first so many bits have been read; a byte waits until it is whole.
    fn up_to(&mut self, bytes: &mut [u8], bits: usize) {
        let whole = (bits / 8).min(bytes.len());
        if let Some(stream) = &mut self.whitening
            && self.done < whole
        {
            stream.seek((self.first + self.done) as u64);
            stream.apply(&mut bytes[self.done..whole]);
        }
        self.done = whole.max(self.done);
    }
}

/// Carrying samples whose masks a path begins anywhere at, and whose bits are whole bytes.
const PATH: usize = 8 * path::BLOCK;

/// The greatest common divisor.
const fn common(mut one: usize, mut other: usize) -> usize {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

const fn low_bits(count: usize) -> u64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}

//! Raw payload bits in and out of samples: LSB replacement without a frame.

use alloc::vec;
use alloc::vec::Vec;

use crate::arch::kernel::{ReadAll, ReadSome, Window, WriteAll, WriteSome};
use crate::arch::{BLOCK, dispatch};
use crate::cover::Carriers;
use crate::join::{Join, Serial};
use crate::part::{Counted, Part, least};
use crate::walk::{Payload, Route};
use crate::{Cover, CoverMut, Error, Options, Result, Sample, Scheme};

/// Writes the first `bit_len` bits of `bytes` without a frame, for those who bring their own.
///
/// Bit `i` is bit `i % 8`, the least significant first, of byte `i / 8`. Carrying sample number `j` takes bits
/// `k * j` to `k * j + k - 1`, the first as its lowest. With a key the number of bits decides which samples are selected,
/// so that reading takes the same number.
///
/// # Errors
///
/// [`Error::TooFewBits`] when the cover holds fewer, [`Error::ShortPayload`] when `bytes` has fewer,
/// [`Error::Bits`] when more bits per sample are asked for than are stored. Nothing is written then.
///
/// # Example
///
/// ```
/// use lsb_stego::{Cover, CoverMut, Layout, Options, read_bits, write_bits};
///
/// let (layout, options) = (Layout::new(8)?, Options::new());
/// let mut samples = [100u8; 6];
/// write_bits(CoverMut::new(&mut samples, layout)?, &options, &[0b10_1101], 6)?;
/// assert_eq!(samples, [101, 100, 101, 101, 100, 101]);
/// assert_eq!(read_bits(Cover::new(&samples, layout)?, &options, 6)?, [0b10_1101]);
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn write_bits<S: Sample>(
    cover: CoverMut<'_, S>,
    options: &Options,
    bytes: &[u8],
    bit_len: usize,
) -> Result<()> {
    write_bits_with::<Serial, S>(cover, options, bytes, bit_len)
}

/// [`write_bits`] on every core, which can pay from 4 MiB of samples on. It is the same, on one core, where
/// [`embed_par`](crate::embed_par) is.
///
/// # Errors
///
/// As [`write_bits`].
#[cfg(feature = "rayon")]
pub fn write_bits_par<S: Sample>(
    cover: CoverMut<'_, S>,
    options: &Options,
    bytes: &[u8],
    bit_len: usize,
) -> Result<()> {
    write_bits_with::<crate::join::Rayon, S>(cover, options, bytes, bit_len)
}

fn write_bits_with<J: Join, S: Sample>(
    cover: CoverMut<'_, S>,
    options: &Options,
    bytes: &[u8],
    bit_len: usize,
) -> Result<()> {
    if bit_len.div_ceil(8) > bytes.len() {
        return Err(Error::ShortPayload {
            bits: bit_len,
            bytes: bytes.len(),
        });
    }
    if !options.plain() {
        let route = raw::<J, S>(cover.as_cover(), options, bit_len)?;
        let whole = bytes.get(..bit_len.div_ceil(8)).unwrap_or_default();
        let (last, cut) = match whole.split_last() {
            Some((last, whole)) if !bit_len.is_multiple_of(8) => {
                (last & ((1 << (bit_len % 8)) - 1), whole)
            }
            _ => (0, whole),
        };
        let payload = Payload {
            first: &[],
            second: cut,
            third: last,
        };
        route.write::<J, S>(cover.into_samples(), payload);
        return Ok(());
    }
    let plan = Plan::new::<J, S>(cover.as_cover(), options, bit_len)?;
    plan.write::<J, S>(
        cover.into_samples(),
        Window {
            skip: 0,
            count: bit_len,
        },
        bytes,
    );
    Ok(())
}

/// The route of bits without a frame.
fn raw<'a, J: Join, S: Sample>(
    cover: Cover<'_, S>,
    options: &'a Options,
    bit_len: usize,
) -> Result<Route<'a>> {
    if matches!(options.scheme, Scheme::Reversible | Scheme::Adaptive { .. }) {
        return Err(Error::Scheme {
            scheme: options.scheme.name(),
            operation: "carry bits without a frame",
        });
    }
    Route::new::<J, S>(cover, options, bit_len)
}

/// Reads the first `bit_len` payload bits; the inverse of [`write_bits`]. Unused bits of the last byte are 0.
///
/// # Errors
///
/// [`Error::TooFewBits`] when the cover holds fewer, [`Error::Bits`] when more bits per sample are asked for than are
/// stored.
///
/// # Example
///
/// ```
/// use lsb_stego::{Bits, Cover, Layout, Options, read_bits};
///
/// let cover = Cover::new(&[0b01u16, 0b10, 0b11, 0b00], Layout::new(16)?)?;
/// assert_eq!(read_bits(cover, &Options::new().bits(Bits::Two), 8)?, [0b00_11_10_01]);
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn read_bits<S: Sample>(
    cover: Cover<'_, S>,
    options: &Options,
    bit_len: usize,
) -> Result<Vec<u8>> {
    let read = Reading::new::<Serial, S>(cover, options, bit_len)?;
    let mut bytes = vec![0; bit_len.div_ceil(8)];
    read.run::<Serial, S>(cover, bit_len, &mut bytes);
    Ok(bytes)
}

/// [`read_bits`] into memory of the caller's, of which as many bytes are written as the bits take.
///
/// # Errors
///
/// As [`read_bits`], and [`Error::ShortPayload`] when `bytes` has fewer bits. Nothing is written then.
///
/// # Example
///
/// ```
/// use lsb_stego::{Cover, Layout, Options, read_bits_into};
///
/// let mut bytes = [0xFF; 2];
/// read_bits_into(Cover::new(&[1u8, 0, 1], Layout::new(8)?)?, &Options::new(), 3, &mut bytes)?;
/// assert_eq!(bytes, [0b101, 0xFF]);
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn read_bits_into<S: Sample>(
    cover: Cover<'_, S>,
    options: &Options,
    bit_len: usize,
    bytes: &mut [u8],
) -> Result<()> {
    read_bits_with::<Serial, S>(cover, options, bit_len, bytes)
}

/// [`read_bits_into`] on every core, which can pay from 4 MiB of samples on. It is the same, on one core, where
/// [`embed_par`](crate::embed_par) is.
///
/// # Errors
///
/// As [`read_bits_into`].
#[cfg(feature = "rayon")]
pub fn read_bits_par<S: Sample>(
    cover: Cover<'_, S>,
    options: &Options,
    bit_len: usize,
    bytes: &mut [u8],
) -> Result<()> {
    read_bits_with::<crate::join::Rayon, S>(cover, options, bit_len, bytes)
}

fn read_bits_with<J: Join, S: Sample>(
    cover: Cover<'_, S>,
    options: &Options,
    bit_len: usize,
    bytes: &mut [u8],
) -> Result<()> {
    let given = bytes.len();
    let bytes = bytes
        .get_mut(..bit_len.div_ceil(8))
        .ok_or(Error::ShortPayload {
            bits: bit_len,
            bytes: given,
        })?;
    Reading::new::<J, S>(cover, options, bit_len)?.run::<J, S>(cover, bit_len, bytes);
    Ok(())
}

/// Where bits are read from, checked: the cover holds them.
enum Reading<'a> {
    Plan(Plan<'a>),
    Route(Route<'a>),
}

impl<'a> Reading<'a> {
    fn new<J: Join, S: Sample>(
        cover: Cover<'_, S>,
        options: &'a Options,
        bit_len: usize,
    ) -> Result<Self> {
        Ok(if options.plain() {
            Self::Plan(Plan::new::<J, S>(cover, options, bit_len)?)
        } else {
            Self::Route(raw::<J, S>(cover, options, bit_len)?)
        })
    }

    /// `bytes` is as long as the bits take.
    fn run<J: Join, S: Sample>(&self, cover: Cover<'_, S>, bit_len: usize, bytes: &mut [u8]) {
        let (samples, count) = (cover.samples(), bit_len);
        match self {
            Self::Plan(plan) => {
                if let Some(last) = bytes.last_mut() {
                    *last = 0;
                }
                plan.read::<J, S>(samples, Window { skip: 0, count }, bytes);
            }
            Self::Route(route) => {
                bytes.fill(0);
                route.read::<J, S>(&mut route.walk(), samples, bytes);
                // along a key more may be selected than was asked for
                if let (Some(last), rest @ 1..) = (bytes.last_mut(), bit_len % 8) {
                    *last &= (1 << rest) - 1;
                }
            }
        }
    }
}

/// The payload bits that a cover holds under LSB replacement.
pub(crate) fn count_bits<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<usize> {
    Plan::new::<Serial, S>(cover, options, 0).map(|plan| plan.bits())
}

/// What reading and writing have in common, checked: the window lies within the cover.
pub(crate) struct Plan<'a> {
    counted: Counted,
    options: &'a Options,
}

/// Carrying samples: whole blocks, which hold whole bytes of payload.
const UNIT: usize = 8 * BLOCK;

/// Runs `$body` with `$k` as the constant number of bits per sample.
macro_rules! for_bits {
    ($bits:expr, $k:ident => $body:expr) => {
        match $bits {
            $crate::Bits::One => {
                const $k: usize = 1;
                $body
            }
            $crate::Bits::Two => {
                const $k: usize = 2;
                $body
            }
            $crate::Bits::Three => {
                const $k: usize = 3;
                $body
            }
            $crate::Bits::Four => {
                const $k: usize = 4;
                $body
            }
        }
    };
}

pub(crate) use for_bits;

impl<'a> Plan<'a> {
    /// # Errors
    ///
    /// [`Error::TooFewBits`] when the cover holds fewer than `bit_len`.
    pub(crate) fn new<J: Join, S: Sample>(
        cover: Cover<'_, S>,
        options: &'a Options,
        bit_len: usize,
    ) -> Result<Self> {
        if !options.plain() {
            return Err(Error::Scheme {
                scheme: options.scheme.name(),
                operation: "carry bits without a frame",
            });
        }
        let carriers = Carriers::new(&cover.layout(), options.bits)?;
        let counted = Counted::new::<J, S>(cover, carriers, options.level);
        let plan = Self { counted, options };
        let available_bits = plan.bits();
        if bit_len > available_bits {
            return Err(Error::TooFewBits {
                needed_bits: bit_len,
                available_bits,
            });
        }
        Ok(plan)
    }

    /// The bits that the cover holds.
    pub(crate) const fn bits(&self) -> usize {
        // Never more than the bits of the samples themselves, of which memory holds one in eight at most.
        self.counted.count().saturating_mul(self.depth())
    }

    /// The bits of a sample.
    const fn depth(&self) -> usize {
        self.options.bits.get() as usize
    }

    /// Writes the bits of the window; `skip` is a multiple of eight.
    pub(crate) fn write<J: Join, S: Sample>(
        &self,
        samples: &mut [S],
        window: Window,
        bytes: &[u8],
    ) {
        let (part, least) = self.first::<J, S>(samples, window);
        self.write_part::<J, S>(&mut samples[..part.samples], part, least, window, bytes);
    }

    fn write_part<J: Join, S: Sample>(
        &self,
        samples: &mut [S],
        part: Part,
        least: usize,
        window: Window,
        bytes: &[u8],
    ) {
        let Some((first, second)) = self.counted.halve(samples, part, UNIT, least) else {
            return self.write_span(samples, window, bytes);
        };
        let (low_window, high_window) = window.split_at(self.bits_in(first));
        let (low, high) = samples.split_at_mut(first.samples);
        let (low_bytes, high_bytes) = bytes.split_at(low_window.count.div_ceil(8));
        J::join(
            || self.write_part::<J, S>(low, first, least, low_window, low_bytes),
            || self.write_part::<J, S>(high, second, least, high_window, high_bytes),
        );
    }

    /// Reads the bits of the window; `skip` is a multiple of eight, and `bytes` is as long as needed, its last byte zero.
    pub(crate) fn read<J: Join, S: Sample>(&self, samples: &[S], window: Window, bytes: &mut [u8]) {
        let (part, least) = self.first::<J, S>(samples, window);
        self.read_part::<J, S>(&samples[..part.samples], part, least, window, bytes);
    }

    fn read_part<J: Join, S: Sample>(
        &self,
        samples: &[S],
        part: Part,
        least: usize,
        window: Window,
        bytes: &mut [u8],
    ) {
        let Some((first, second)) = self.counted.halve(samples, part, UNIT, least) else {
            return self.read_span(samples, window, bytes);
        };
        let (low_window, high_window) = window.split_at(self.bits_in(first));
        let (low, high) = samples.split_at(first.samples);
        let (low_bytes, high_bytes) = bytes.split_at_mut(low_window.count.div_ceil(8));
        J::join(
            || self.read_part::<J, S>(low, first, least, low_window, low_bytes),
            || self.read_part::<J, S>(high, second, least, high_window, high_bytes),
        );
    }

    /// The samples up to the end of the window, and how many bytes of them are worth a task.
    fn first<J: Join, S: Sample>(&self, samples: &[S], window: Window) -> (Part, usize) {
        let carrying = (window.skip + window.count).div_ceil(self.depth());
        let part = self.counted.first(samples, carrying);
        let least = least::<J>(part.samples * usize::from(S::BYTES), J::PART);
        (part, least)
    }

    /// The bits that a part holds.
    const fn bits_in(&self, part: Part) -> usize {
        (part.until - part.before) * self.depth()
    }

    fn write_span<S: Sample>(&self, samples: &mut [S], window: Window, bytes: &[u8]) {
        let (level, carriers) = (self.options.level, &self.counted.carriers);
        for_bits!(self.options.bits, K => {
            let split = self.split(samples.len(), window, K);
            let (samples, rest) = samples[split.start..].split_at_mut(split.whole.start);
            let (whole, last) = rest.split_at_mut(split.whole.len());
            let (head, payload) = bytes.split_at(split.head.count / 8);
            let (payload, tail) = payload.split_at(whole.len() / 8 * K);
            if split.head.count > 0 {
                dispatch(level, WriteSome::<S, K> { samples, carriers, window: split.head, payload: head });
            }
            dispatch(level, WriteAll::<S, K> { blocks: whole.as_chunks_mut().0, payload });
            dispatch(level, WriteSome::<S, K> { samples: last, carriers, window: split.tail, payload: tail });
        });
    }

    fn read_span<S: Sample>(&self, samples: &[S], window: Window, bytes: &mut [u8]) {
        let (level, carriers) = (self.options.level, &self.counted.carriers);
        for_bits!(self.options.bits, K => {
            let split = self.split(samples.len(), window, K);
            let (samples, rest) = samples[split.start..].split_at(split.whole.start);
            let (whole, last) = rest.split_at(split.whole.len());
            let (head, payload) = bytes.split_at_mut(split.head.count / 8);
            let (payload, tail) = payload.split_at_mut(whole.len() / 8 * K);
            if split.head.count > 0 {
                dispatch(level, ReadSome::<S, K> { samples, carriers, window: split.head, payload: head });
            }
            dispatch(level, ReadAll::<S, K> { blocks: whole.as_chunks().0, payload });
            dispatch(level, ReadSome::<S, K> { samples: last, carriers, window: split.tail, payload: tail });
        });
    }

    /// Cuts the window into a block of which the first bits are skipped, whole blocks, and the rest. Where not every
    /// sample carries, everything is rest.
    fn split(&self, samples: usize, window: Window, bits: usize) -> Split {
        if !self.counted.carriers.every_sample() {
            let head = Window { skip: 0, count: 0 };
            return Split {
                start: 0,
                head,
                whole: 0..0,
                tail: window,
            };
        }
        let block_bits = BLOCK * bits;
        let start = (window.skip / block_bits * BLOCK).min(samples);
        let skip = window.skip % block_bits;
        let head = if skip == 0 {
            Window { skip: 0, count: 0 }
        } else {
            Window {
                skip,
                count: (block_bits - skip).min(window.count),
            }
        };
        // A window that ends within its first block ends within the head.
        let first = if skip == 0 {
            0
        } else {
            BLOCK.min(samples - start)
        };
        let count = window.count - head.count;
        let whole = count / block_bits;
        let tail = Window {
            skip: 0,
            count: count - whole * block_bits,
        };
        Split {
            start,
            head,
            whole: first..first + whole * BLOCK,
            tail,
        }
    }
}

/// A window, cut: from sample `start` the head, the samples `whole` (counted from there), then the tail.
struct Split {
    start: usize,
    head: Window,
    whole: core::ops::Range<usize>,
    tail: Window,
}

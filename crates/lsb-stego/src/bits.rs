//! Raw payload bits in and out of samples: LSB replacement without a frame.

use alloc::vec;
use alloc::vec::Vec;

use crate::arch::kernel::{Count, ReadAll, ReadSome, Window, WriteAll, WriteSome};
use crate::arch::{BLOCK, dispatch};
use crate::cover::Carriers;
use crate::join::{Join, Serial};
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
        let route = raw(cover.as_cover(), options, bit_len)?;
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
    let plan = Plan::new(cover.as_cover(), options, bit_len)?;
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
fn raw<'a, S: Sample>(
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
    Route::new(cover, options, bit_len)
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
    if options.plain() {
        Plan::new(cover, options, bit_len)?;
    } else {
        raw(cover, options, bit_len)?;
    }
    let mut bytes = vec![0; bit_len.div_ceil(8)];
    read_bits_with::<Serial, S>(cover, options, bit_len, &mut bytes)?;
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
    if !options.plain() {
        let route = raw(cover, options, bit_len)?;
        bytes.fill(0);
        route.read::<J, S>(&mut route.walk(), cover.samples(), bytes);
        return Ok(());
    }
    let plan = Plan::new(cover, options, bit_len)?;
    if let Some(last) = bytes.last_mut() {
        *last = 0;
    }
    plan.read::<J, S>(
        cover.samples(),
        Window {
            skip: 0,
            count: bit_len,
        },
        bytes,
    );
    Ok(())
}

/// The payload bits that a cover holds under LSB replacement.
pub(crate) fn count_bits<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<usize> {
    Carriers::new(&cover.layout(), options.bits).map(|carriers| count(cover, options, &carriers))
}

fn count<S: Sample>(cover: Cover<'_, S>, options: &Options, carriers: &Carriers) -> usize {
    // Never more than the bits of the samples themselves, of which memory holds one in eight at most.
    count_carriers(cover, options, carriers).saturating_mul(usize::from(options.bits.get()))
}

/// The samples that carry.
pub(crate) fn count_carriers<S: Sample>(
    cover: Cover<'_, S>,
    options: &Options,
    carriers: &Carriers,
) -> usize {
    let samples = cover.samples();
    if carriers.every_sample() {
        samples.len()
    } else if carriers.reserved().is_none() {
        samples.len() / carriers.channel_count() * carriers.carrying_count()
    } else {
        dispatch(options.level, Count { samples, carriers })
    }
}

/// What reading and writing have in common, checked: the window lies within the cover.
pub(crate) struct Plan<'a> {
    carriers: Carriers,
    /// The bytes of the cover's samples.
    bytes: usize,
    options: &'a Options,
}

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
    /// [`Error::TooFewBits`] when the cover holds fewer than `bit_len`; counted to the end only where samples may be
    /// reserved.
    pub(crate) fn new<S: Sample>(
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
        let available_bits = count(cover, options, &carriers);
        if bit_len > available_bits {
            return Err(Error::TooFewBits {
                needed_bits: bit_len,
                available_bits,
            });
        }
        Ok(Self {
            carriers,
            bytes: size_of_val(cover.samples()),
            options,
        })
    }

    /// Writes the bits of the window; `skip` is a multiple of eight.
    pub(crate) fn write<J: Join, S: Sample>(
        &self,
        samples: &mut [S],
        window: Window,
        bytes: &[u8],
    ) {
        let Some(half) = self.halve::<J, S>(samples.len()) else {
            return self.write_part(samples, window, bytes);
        };
        let (first, second) = window.split_at(half.bits);
        let (low, high) = samples.split_at_mut(half.samples);
        let (low_bytes, high_bytes) = bytes.split_at(first.count.div_ceil(8));
        J::join(
            || self.write::<J, S>(low, first, low_bytes),
            || self.write::<J, S>(high, second, high_bytes),
        );
    }

    /// Reads the bits of the window; `skip` is a multiple of eight, and `bytes` is as long as needed, its last byte zero.
    pub(crate) fn read<J: Join, S: Sample>(&self, samples: &[S], window: Window, bytes: &mut [u8]) {
        let Some(half) = self.halve::<J, S>(samples.len()) else {
            return self.read_part(samples, window, bytes);
        };
        let (first, second) = window.split_at(half.bits);
        let (low, high) = samples.split_at(half.samples);
        let (low_bytes, high_bytes) = bytes.split_at_mut(first.count.div_ceil(8));
        J::join(
            || self.read::<J, S>(low, first, low_bytes),
            || self.read::<J, S>(high, second, high_bytes),
        );
    }

    /// Where to cut the samples in two parts that are worth it. The first holds whole bytes of payload, and the channels
    /// of the second begin as those of the first. Where values are reserved, only a pass over the first part could tell
    /// what it holds, and there is no cut.
    fn halve<J: Join, S: Sample>(&self, samples: usize) -> Option<Half> {
        let part = J::PART.max(J::share(self.bytes)).max(1);
        let channels = self.carriers.channel_count();
        let unit = 8 * BLOCK * channels;
        let half = samples / 2 / unit * unit;
        if self.carriers.reserved().is_some() || half * usize::from(S::BYTES) < part {
            return None;
        }
        let carrying = half / channels * self.carriers.carrying_count();
        Some(Half {
            samples: half,
            bits: carrying * usize::from(self.options.bits.get()),
        })
    }

    fn write_part<S: Sample>(&self, samples: &mut [S], window: Window, bytes: &[u8]) {
        let (level, carriers) = (self.options.level, &self.carriers);
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

    fn read_part<S: Sample>(&self, samples: &[S], window: Window, bytes: &mut [u8]) {
        let (level, carriers) = (self.options.level, &self.carriers);
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
        if !self.carriers.every_sample() {
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

/// The first of two parts: its samples, and the payload bits that they hold.
struct Half {
    samples: usize,
    bits: usize,
}

/// A window, cut: from sample `start` the head, the samples `whole` (counted from there), then the tail.
struct Split {
    start: usize,
    head: Window,
    whole: core::ops::Range<usize>,
    tail: Window,
}

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

use alloc::vec;

use crate::arch::kernel::{ReadAll, ReadSome, Window, WriteAll, WriteSome, WriteWhite};
use crate::arch::masked::{Carrying, ReadMasked, StepAll, StepMasked, Thin, WriteMasked};
use crate::arch::matrix::{ReadMatrix, WriteMatrix};
use crate::arch::{BLOCK, Ends, dispatch};
use crate::bits::for_bits;
use crate::cover::Carriers;
use crate::join::Join;
use crate::key::{Stream, Use};
use crate::path::{Density, PART, Path};
use crate::{Bits, Cover, Error, Hamming, Options, Result, Sample, Scheme, bits, matrix};

/// Runs `$body` with `$p` as the constant number of parity bits.
macro_rules! for_code {
    ($code:expr, $p:ident => $body:expr) => {
        match $code.bits() {
            2 => {
                const $p: usize = 2;
                $body
            }
            3 => {
                const $p: usize = 3;
                $body
            }
            4 => {
                const $p: usize = 4;
                $body
            }
            5 => {
                const $p: usize = 5;
                $body
            }
            6 => {
                const $p: usize = 6;
                $body
            }
            7 => {
                const $p: usize = 7;
                $body
            }
            _ => {
                const $p: usize = 8;
                $body
            }
        }
    };
}

/// The bytes of payload in a part, and one more where they do not begin at a whole one.
const ROOM: usize = PART / 8 * 4 + 8;

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

/// Where the bits of a payload go, checked: the cover holds them.
pub(crate) struct Route<'a> {
    options: &'a Options,
    scheme: Scheme,
    carriers: Carriers,
    /// The carrying samples of the cover.
    count: usize,
    density: Density,
    /// The bits that are written: with a key, of every selected sample.
    bits: usize,
    whitened: bool,
    ends: Ends,
}

/// The bits that a cover holds under any scheme but the reversible one.
pub(crate) fn count_bits<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<usize> {
    let carriers = carriers(cover, options)?;
    Ok(held(
        options.scheme,
        options.bits,
        bits::count_carriers(cover, options, &carriers),
    ))
}

fn carriers<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<Carriers> {
    if options.scheme != Scheme::Replacement && options.bits != Bits::One {
        return Err(Error::Bits {
            bits: options.bits.get(),
            most: 1,
        });
    }
    Carriers::new(&cover.layout(), options.bits)
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
    pub(crate) fn new<S: Sample>(
        cover: Cover<'_, S>,
        options: &'a Options,
        bit_len: usize,
    ) -> Result<Self> {
        let mut route = Self::every(cover, options)?;
        let count = route.count;
        if bit_len > route.bits {
            return Err(Error::TooFewBits {
                needed_bits: bit_len,
                available_bits: route.bits,
            });
        }
        let needed = |bit_len: usize| match options.scheme {
            Scheme::Matrix(code) => bit_len.div_ceil(code.bits()) * code.samples(),
            _ => bit_len.div_ceil(usize::from(options.bits.get())),
        };
        match (options.scheme, &options.key) {
            (_, Some(_)) => route.thin(Density::thinnest(needed(bit_len.max(1)), count)),
            // How groups lie side by side does not depend on the payload.
            (Scheme::Matrix(_), None) => route.bits = bit_len,
            (_, None) => (route.density, route.bits) = (Density::First(needed(bit_len)), bit_len),
        }
        Ok(route)
    }

    /// The route to all that the cover holds.
    pub(crate) fn every<S: Sample>(cover: Cover<'_, S>, options: &'a Options) -> Result<Self> {
        let carriers = carriers(cover, options)?;
        let count = bits::count_carriers(cover, options, &carriers);
        Ok(Self {
            options,
            scheme: options.scheme,
            count,
            density: Density::First(count),
            bits: held(options.scheme, options.bits, count),
            whitened: options.key.is_some(),
            ends: carriers.ends(&cover.layout()),
            carriers,
        })
    }

    /// The densities that the payload may have been embedded at.
    pub(crate) fn densities(&self) -> impl Iterator<Item = Density> + use<> {
        Density::every(self.count)
    }

    /// The bits that are written, or can be read.
    pub(crate) const fn bits(&self) -> usize {
        self.bits
    }

    /// The route of that density.
    pub(crate) fn thin(&mut self, density: Density) {
        self.density = density;
        self.bits = held(self.scheme, self.options.bits, density.selected(self.count));
    }

    /// The route to the lowest bits of the selected samples, as they are.
    fn bare(&self, samples: usize) -> Self {
        Self {
            options: self.options,
            scheme: Scheme::Replacement,
            carriers: self.carriers,
            count: self.count,
            density: match self.density {
                Density::First(_) => Density::First(samples),
                density => density,
            },
            bits: samples,
            whitened: false,
            ends: self.ends,
        }
    }

    /// Writes the payload, and with a key what surrounds it.
    pub(crate) fn write<J: Join, S: Sample>(&self, samples: &mut [S], payload: Payload<'_>) {
        match (self.scheme, self.density) {
            (Scheme::Matrix(code), Density::First(_)) if self.carriers.every_sample() => {
                self.write_matrix::<J, S>(code, samples, 0, payload);
            }
            (Scheme::Matrix(code), _) => self.write_matrix_bits(code, samples, payload),
            _ => self.write_part::<J, S>(samples, 0, payload),
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
        match (self.scheme, self.density) {
            (Scheme::Matrix(code), Density::First(_)) if self.carriers.every_sample() => {
                self.read_matrix::<J, S>(code, samples, 0, bytes, most);
            }
            (Scheme::Matrix(code), _) => self.read_matrix_bits(code, walk, samples, bytes, most),
            _ => self.read_part::<J, S>(walk, samples, 0, bytes, most),
        }
        if let (Some(last), rest) = (bytes.get_mut(most / 8), most % 8) {
            *last &= (1 << rest) - 1;
        }
    }

    pub(crate) fn walk(&self) -> Walk {
        let options = self.options;
        let stream = |wanted: bool, purpose| {
            wanted.then(|| Stream::new(options.level, options.key.as_ref(), purpose))
        };
        Walk {
            path: Path::new(options, self.count),
            whitening: stream(self.whitened, Use::Whitening),
            steps: stream(self.scheme == Scheme::Matching, Use::Steps),
            payload: [0; ROOM],
            more: [0; ROOM],
        }
    }

    /// The bits of a sample.
    fn depth(&self) -> usize {
        usize::from(self.options.bits.get())
    }

    /// Where to cut the samples in two parts that are worth it: how many samples and carrying ones are before. Bits before
    /// the cut are whole bytes. Where values are reserved or strata are, there is no cut.
    fn halve<S: Sample>(&self, samples: usize, part: usize) -> Option<(usize, usize)> {
        let channels = self.carriers.channel_count();
        let half = samples / 2 / channels / PART * PART;
        let strata = matches!(self.density, Density::Strata(_));
        if strata
            || self.carriers.reserved().is_some()
            || half * channels * usize::from(S::BYTES) < part.max(1)
        {
            return None;
        }
        Some((half * channels, half * self.carriers.carrying_count()))
    }

    fn write_part<J: Join, S: Sample>(&self, samples: &mut [S], at: usize, payload: Payload<'_>) {
        let Some((half, carrying)) = self.halve::<S>(samples.len(), J::PART) else {
            return self.write_span(samples, at, payload);
        };
        let (low, high) = samples.split_at_mut(half);
        J::join(
            || self.write_part::<J, S>(low, at, payload),
            || self.write_part::<J, S>(high, at + carrying, payload),
        );
    }

    /// `at` is the number of the first carrying sample.
    fn write_span<S: Sample>(&self, samples: &mut [S], at: usize, payload: Payload<'_>) {
        let mut walk = self.walk();
        let mut bit = walk.path.seek(self.density, at) * self.depth();
        match (self.carriers.every_sample(), self.density) {
            (true, Density::First(count)) => {
                let here = count.saturating_sub(at).min(samples.len());
                for part in samples[..here].chunks_mut(PART) {
                    let count = part.len() * self.depth();
                    self.write_all(&mut walk, part, bit, payload);
                    bit += count;
                }
            }
            (true, Density::Blocks(_)) => {
                for part in samples.chunks_mut(PART) {
                    let Walk {
                        path,
                        whitening,
                        steps,
                        payload: bytes,
                        more,
                    } = &mut walk;
                    let masks = path.masks(usize::MAX);
                    let masks = &masks[..masks.len().min(part.len() / BLOCK)];
                    let mut fill = Fill {
                        whitening,
                        steps,
                        bytes,
                        up: more,
                    };
                    bit += self.write_masked(&mut fill, part, masks, bit, payload);
                }
            }
            (true, Density::Strata(_)) => {
                while let Some(index) = walk.path.step() {
                    let Some(sample) = samples.get_mut(index - at..) else {
                        return;
                    };
                    let Walk {
                        whitening,
                        steps,
                        payload: bytes,
                        more,
                        ..
                    } = &mut walk;
                    let mut fill = Fill {
                        whitening,
                        steps,
                        bytes,
                        up: more,
                    };
                    let one = sample.len().min(1);
                    bit += self.write_masked(&mut fill, &mut sample[..one], &[1], bit, payload);
                }
            }
            (false, _) => {
                for (index, part) in samples.chunks_mut(PART).enumerate() {
                    let mut masks = [0; PART / BLOCK];
                    let masks = &mut masks[..part.len().div_ceil(BLOCK)];
                    self.select(&mut walk.path, part, index, masks);
                    let Walk {
                        whitening,
                        steps,
                        payload: bytes,
                        more,
                        ..
                    } = &mut walk;
                    let mut fill = Fill {
                        whitening,
                        steps,
                        bytes,
                        up: more,
                    };
                    bit += self.write_masked(&mut fill, part, masks, bit, payload);
                }
            }
        }
    }

    /// The selected samples of part number `index` of those that begin with a whole pixel.
    fn select<S: Sample>(&self, path: &mut Path, samples: &[S], index: usize, masks: &mut [u64]) {
        let (level, carriers) = (self.options.level, &self.carriers);
        let first = index * (PART / BLOCK);
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

    /// Writes to every sample, from stream bit `bit` on, a multiple of eight.
    fn write_all<S: Sample>(
        &self,
        walk: &mut Walk,
        samples: &mut [S],
        bit: usize,
        payload: Payload<'_>,
    ) {
        let level = self.options.level;
        let Walk {
            whitening,
            steps,
            payload: bytes,
            more,
            ..
        } = walk;
        let at = bit / 8;
        let count = (samples.len() * self.depth()).div_ceil(8);
        let whole = samples.len() / BLOCK * BLOCK;
        let (bytes, more) = (&mut bytes[..count], &mut more[..count]);
        let ready = match (whitening, payload.whole(at, count)) {
            (Some(stream), Some(payload))
                if self.scheme == Scheme::Replacement && whole == samples.len() =>
            {
                stream.seek(at as u64);
                stream.fill(more);
                return for_bits!(self.options.bits, K => {
                    let blocks = samples.as_chunks_mut().0;
                    dispatch(level, WriteWhite::<S, K> { blocks, payload, whitening: more });
                });
            }
            (Some(stream), _) => {
                payload.copy(at, bytes);
                stream.seek(at as u64);
                stream.apply(bytes);
                &*bytes
            }
            (None, Some(payload)) => payload,
            (None, None) => {
                payload.copy(at, bytes);
                &*bytes
            }
        };
        let (blocks, rest) = samples.split_at_mut(whole);
        let blocks = blocks.as_chunks_mut().0;
        let masks = &[low_bits(rest.len())];
        if let Some(stream) = steps {
            stream.seek(at as u64);
            stream.fill(more);
            let (up, ends) = (&*more, &self.ends);
            dispatch(
                level,
                StepAll::<S> {
                    blocks,
                    payload: ready,
                    up,
                    ends,
                },
            );
            dispatch(
                level,
                StepMasked::<S> {
                    samples: rest,
                    masks,
                    payload: ready,
                    up,
                    at: whole,
                    ends,
                },
            );
        } else {
            for_bits!(self.options.bits, K => {
                dispatch(level, WriteAll::<S, K> { blocks, payload: ready });
                dispatch(level, WriteMasked::<S, K> { samples: rest, masks, payload: ready, at: whole * K });
            });
        }
    }

    /// Writes to the samples of the masks, from stream bit `bit` on; how many bits.
    fn write_masked<S: Sample>(
        &self,
        fill: &mut Fill<'_>,
        samples: &mut [S],
        masks: &[u64],
        bit: usize,
        payload: Payload<'_>,
    ) -> usize {
        let level = self.options.level;
        let selected: usize = masks.iter().map(|mask| mask.count_ones() as usize).sum();
        let count = selected * self.depth();
        let (from, at) = (bit / 8, bit % 8);
        let bytes = (at + count).div_ceil(8);
        let ready = &mut fill.bytes[..bytes];
        payload.copy(from, ready);
        if let Some(stream) = fill.whitening {
            stream.seek(from as u64);
            stream.apply(ready);
        }
        let payload = &*ready;
        if let Some(stream) = fill.steps {
            let up = &mut fill.up[..bytes];
            stream.seek(from as u64);
            stream.fill(up);
            let ends = &self.ends;
            dispatch(
                level,
                StepMasked::<S> {
                    samples,
                    masks,
                    payload,
                    up,
                    at,
                    ends,
                },
            );
        } else {
            for_bits!(self.options.bits, K => {
                dispatch(level, WriteMasked::<S, K> { samples, masks, payload, at });
            });
        }
        count
    }

    /// `bytes` begin with the first bit of these samples; `most` bits are read at most.
    fn read_part<J: Join, S: Sample>(
        &self,
        walk: &mut Walk,
        samples: &[S],
        at: usize,
        bytes: &mut [u8],
        most: usize,
    ) {
        let Some((half, carrying)) = self.halve::<S>(samples.len(), J::PART) else {
            return self.read_span(walk, samples, at, bytes, most);
        };
        let bit = |at: usize| self.density.selected(at.min(self.count)) * self.depth();
        let before = (bit(at + carrying) - bit(at)).min(most);
        let (low, high) = samples.split_at(half);
        let (low_bytes, high_bytes) = bytes.split_at_mut(before.div_ceil(8));
        J::join(
            || self.read_part::<J, S>(&mut self.walk(), low, at, low_bytes, before),
            || {
                self.read_part::<J, S>(
                    &mut self.walk(),
                    high,
                    at + carrying,
                    high_bytes,
                    most - before,
                );
            },
        );
    }

    fn read_span<S: Sample>(
        &self,
        walk: &mut Walk,
        samples: &[S],
        at: usize,
        bytes: &mut [u8],
        most: usize,
    ) {
        let level = self.options.level;
        let first = walk.path.seek(self.density, at) * self.depth() / 8;
        let Walk {
            path, whitening, ..
        } = walk;
        let mut clear = Clear {
            whitening,
            first,
            done: 0,
        };
        let mut bit = 0;
        match (self.carriers.every_sample(), self.density) {
            (true, Density::First(_)) => {
                let here = most.div_ceil(self.depth()).min(samples.len());
                for part in samples[..here].chunks(PART) {
                    let (blocks, rest) = part.as_chunks();
                    let masks = &[low_bits(rest.len())];
                    for_bits!(self.options.bits, K => {
                        let (whole, bytes) = bytes[bit / 8..].split_at_mut(8 * K * blocks.len().min((most - bit) / (BLOCK * K)));
                        let (blocks, cut) = blocks.split_at(whole.len() / (8 * K));
                        dispatch(level, ReadAll::<S, K> { blocks, payload: whole });
                        let (samples, masks) = if cut.is_empty() { (rest, masks) } else { (cut[0].as_slice(), &[!0]) };
                        dispatch(level, ReadMasked::<S, K> { samples, masks, payload: bytes, at: 0 });
                    });
                    bit += part.len() * self.depth();
                    clear.up_to(bytes, bit.min(most));
                }
            }
            (true, Density::Blocks(_)) => {
                for part in samples.chunks(PART) {
                    if bit >= most {
                        break;
                    }
                    let masks = path.masks((most - bit).div_ceil(self.depth()));
                    let masks = &masks[..masks.len().min(part.len() / BLOCK)];
                    bit += self.read_masked(part, masks, bit, bytes);
                    clear.up_to(bytes, bit.min(most));
                }
            }
            (true, Density::Strata(_)) => {
                while bit < most
                    && let Some(index) = path.step()
                    && let Some(&sample) = samples.get(index - at)
                {
                    bit += self.read_masked(&[sample], &[1], bit, bytes);
                }
            }
            (false, _) => {
                for (index, part) in samples.chunks(PART).enumerate() {
                    if bit >= most {
                        break;
                    }
                    let mut masks = [0; PART / BLOCK];
                    let masks = &mut masks[..part.len().div_ceil(BLOCK)];
                    self.select(path, part, index, masks);
                    bit += self.read_masked(part, masks, bit, bytes);
                    clear.up_to(bytes, bit.min(most));
                }
            }
        }
        clear.up_to(bytes, 8 * bytes.len());
    }

    fn read_masked<S: Sample>(
        &self,
        samples: &[S],
        masks: &[u64],
        bit: usize,
        bytes: &mut [u8],
    ) -> usize {
        let level = self.options.level;
        let selected: usize = masks.iter().map(|mask| mask.count_ones() as usize).sum();
        let payload = bytes.get_mut(bit / 8..).unwrap_or_default();
        for_bits!(self.options.bits, K => {
            dispatch(level, ReadMasked::<S, K> { samples, masks, payload, at: bit % 8 });
        });
        selected * self.depth()
    }

    /// Groups of samples that lie side by side, every one of them; `part` is the number of the first 64 groups.
    fn write_matrix<J: Join, S: Sample>(
        &self,
        code: Hamming,
        samples: &mut [S],
        part: usize,
        payload: Payload<'_>,
    ) {
        let (size, bits) = (matrix::WIDTH * code.samples(), matrix::WIDTH * code.bits());
        let half = samples.len() / 2 / size;
        if half * size * usize::from(S::BYTES) >= J::PART.max(1) && half > 0 {
            let (low, high) = samples.split_at_mut(half * size);
            return J::join(
                || self.write_matrix::<J, S>(code, low, part, payload),
                || self.write_matrix::<J, S>(code, high, part + half, payload),
            );
        }
        let level = self.options.level;
        let mut walk = self.walk();
        let left = self.bits.saturating_sub(part * bits);
        let whole = (samples.len() / size).min(left / bits);
        let (groups, rest) = samples.split_at_mut(whole * size);
        let each = ROOM / code.bits() / 8;
        for (index, samples) in groups.chunks_mut(each * size).enumerate() {
            let at = (part + index * each) * bits / 8;
            let payload = walk.white(payload, at, samples.len() / size * bits / 8);
            let blocks = samples.as_chunks_mut().0;
            for_code!(code, P => dispatch(level, WriteMatrix::<S, P> { blocks, payload }));
        }
        let left = left - whole * bits;
        let count = left
            .min(bits)
            .min(rest.len() / code.samples() * code.bits());
        if count > 0 {
            let samples = rest.len() / code.samples() * code.samples();
            let samples = &mut rest[..samples.min(size)];
            let payload = walk.white(payload, (part + whole) * bits / 8, count.div_ceil(8));
            let window = Window {
                skip: 0,
                count: samples.len(),
            };
            let mut lowest = [0; matrix::WIDTH * 255 / 8];
            let lowest = &mut lowest[..samples.len().div_ceil(8)];
            let carriers = &self.carriers;
            dispatch(
                level,
                ReadSome::<S, 1> {
                    samples,
                    carriers,
                    window,
                    payload: lowest,
                },
            );
            matrix::embed(lowest, code, samples.len() / code.samples(), payload, count);
            dispatch(
                level,
                WriteSome::<S, 1> {
                    samples,
                    carriers,
                    window,
                    payload: lowest,
                },
            );
        }
    }

    fn read_matrix<J: Join, S: Sample>(
        &self,
        code: Hamming,
        samples: &[S],
        part: usize,
        bytes: &mut [u8],
        most: usize,
    ) {
        let (size, bits) = (matrix::WIDTH * code.samples(), matrix::WIDTH * code.bits());
        let half = samples.len() / 2 / size;
        if half * size * usize::from(S::BYTES) >= J::PART.max(1) && half > 0 {
            let before = (half * bits).min(most);
            let (low, high) = samples.split_at(half * size);
            let (low_bytes, high_bytes) = bytes.split_at_mut(before.div_ceil(8));
            return J::join(
                || self.read_matrix::<J, S>(code, low, part, low_bytes, before),
                || self.read_matrix::<J, S>(code, high, part + half, high_bytes, most - before),
            );
        }
        let level = self.options.level;
        let mut walk = self.walk();
        let whole = (samples.len() / size).min(most / bits);
        let (groups, rest) = samples.split_at(whole * size);
        let mut clear = Clear {
            whitening: &mut walk.whitening,
            first: part * bits / 8,
            done: 0,
        };
        let each = ROOM / code.bits() / 8;
        for (index, samples) in groups.chunks(each * size).enumerate() {
            let count = samples.len() / size * bits / 8;
            let payload = &mut bytes[index * each * bits / 8..][..count];
            let blocks = samples.as_chunks().0;
            for_code!(code, P => dispatch(level, ReadMatrix::<S, P> { blocks, payload }));
            clear.up_to(bytes, (index * each * bits / 8 + count) * 8);
        }
        let count = (most - whole * bits).min(rest.len() / code.samples() * code.bits());
        if count > 0 {
            let samples = rest.len() / code.samples() * code.samples();
            let samples = &rest[..samples.min(size)];
            let window = Window {
                skip: 0,
                count: samples.len(),
            };
            let mut lowest = [0; matrix::WIDTH * 255 / 8];
            let lowest = &mut lowest[..samples.len().div_ceil(8)];
            let carriers = &self.carriers;
            dispatch(
                level,
                ReadSome::<S, 1> {
                    samples,
                    carriers,
                    window,
                    payload: lowest,
                },
            );
            let mut read = [0; matrix::WIDTH];
            matrix::extract(lowest, code, samples.len() / code.samples(), &mut read);
            let last = &mut bytes[whole * bits / 8..][..count.div_ceil(8)];
            last.copy_from_slice(&read[..last.len()]);
        }
        clear.up_to(bytes, 8 * bytes.len());
    }

    /// Samples, groups and payload bits that so many bits of a matrix take, in whole parts.
    fn matrix_extent(&self, code: Hamming, bits: usize) -> (usize, usize) {
        let groups = self.density.selected(self.count) / code.samples();
        let groups = groups.min(bits.div_ceil(matrix::WIDTH * code.bits()) * matrix::WIDTH);
        (groups, groups * code.samples())
    }

    fn write_matrix_bits<S: Sample>(&self, code: Hamming, samples: &mut [S], payload: Payload<'_>) {
        let (groups, selected) = self.matrix_extent(code, self.bits);
        // A path cannot end early: its last samples, too few for a group, are written back as they were.
        let selected = match self.density {
            Density::First(_) => selected,
            density => density.selected(self.count),
        };
        let bare = self.bare(selected);
        let mut walk = bare.walk();
        let mut lowest = vec![0; selected.div_ceil(8)];
        bare.read_span(&mut walk, samples, 0, &mut lowest, selected);
        let mut ready = vec![0; self.bits.div_ceil(8)];
        payload.copy(0, &mut ready);
        if let Some(mut stream) = self.walk().whitening {
            stream.apply(&mut ready);
        }
        matrix::embed(&mut lowest, code, groups, &ready, self.bits);
        let lowest = Payload {
            first: &[],
            second: &lowest,
            third: 0,
        };
        bare.write_span(samples, 0, lowest);
    }

    fn read_matrix_bits<S: Sample>(
        &self,
        code: Hamming,
        walk: &mut Walk,
        samples: &[S],
        bytes: &mut [u8],
        most: usize,
    ) {
        let (groups, selected) = self.matrix_extent(code, most);
        let mut lowest = vec![0; selected.div_ceil(8)];
        let whitening = walk.whitening.take();
        self.bare(selected)
            .read_span(walk, samples, 0, &mut lowest, selected);
        walk.whitening = whitening;
        matrix::extract(&lowest, code, groups, bytes);
        if let Some(stream) = &mut walk.whitening {
            stream.seek(0);
            stream.apply(bytes);
        }
    }
}

/// What a walk along a cover carries with it.
pub(crate) struct Walk {
    path: Path,
    whitening: Option<Stream>,
    steps: Option<Stream>,
    payload: [u8; ROOM],
    more: [u8; ROOM],
}

impl Walk {
    /// Bytes of the stream, whitened where there is a key.
    fn white<'a>(&'a mut self, payload: Payload<'a>, at: usize, count: usize) -> &'a [u8] {
        match (&mut self.whitening, payload.whole(at, count)) {
            (None, Some(bytes)) => bytes,
            (whitening, _) => {
                let bytes = &mut self.payload[..count];
                payload.copy(at, bytes);
                if let Some(stream) = whitening {
                    stream.seek(at as u64);
                    stream.apply(bytes);
                }
                bytes
            }
        }
    }
}

/// What fills the selected samples.
struct Fill<'a> {
    whitening: &'a mut Option<Stream>,
    steps: &'a mut Option<Stream>,
    bytes: &'a mut [u8; ROOM],
    up: &'a mut [u8; ROOM],
}

/// Takes the whitening off what was read, while it is near.
struct Clear<'a> {
    whitening: &'a mut Option<Stream>,
    /// The stream's byte that was read first.
    first: usize,
    done: usize,
}

impl Clear<'_> {
    /// The first so many bits have been read; a byte waits until it is whole.
    fn up_to(&mut self, bytes: &mut [u8], bits: usize) {
        let whole = (bits / 8).min(bytes.len());
        if let Some(stream) = self.whitening
            && self.done < whole
        {
            stream.seek((self.first + self.done) as u64);
            stream.apply(&mut bytes[self.done..whole]);
        }
        self.done = whole.max(self.done);
    }
}

const fn low_bits(count: usize) -> u64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}

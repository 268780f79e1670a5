//! Where the samples of an uncompressed picture lie in its file, and how one is read and replaced there.
//!
//! A file's pixel data is a list of runs: `count` samples that follow one another in the file from `byte` on, and belong
//! at `first`, `first + step`, ... of the sample buffer. Interleaved pixels are runs of step 1; planes are runs of step
//! `channels`, repeated in each frame; a tile is one run that is repeated in each row.

use core::ops::Range;

use crate::reader::Endian;
use crate::{Error, Result, Samples};

/// How one sample lies in its one or two bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    pub(crate) width: Width,
    pub(crate) endian: Endian,
    /// Bits below the sample: `HighBit + 1 - BitsStored`.
    pub(crate) shift: u8,
    /// 1..=8 or 1..=16, with `shift` within the width.
    pub(crate) bits_stored: u8,
    pub(crate) signed: bool,
}

/// Bits allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Eight,
    Sixteen,
}

impl Width {
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::Eight => 1,
            Self::Sixteen => 2,
        }
    }

    pub(crate) fn bits(self) -> u8 {
        match self {
            Self::Eight => 8,
            Self::Sixteen => 16,
        }
    }
}

impl Depth {
    /// All bits allocated are stored: PNG and TIFF.
    pub(crate) fn full(width: Width, endian: Endian, signed: bool) -> Self {
        Self {
            width,
            endian,
            shift: 0,
            bits_stored: width.bits(),
            signed,
        }
    }

    /// The largest value a sample can have.
    pub(crate) fn max(self) -> u16 {
        u16::MAX >> (16 - self.bits_stored)
    }

    fn sign(self) -> u16 {
        if self.signed {
            1 << (self.bits_stored - 1)
        } else {
            0
        }
    }

    /// Offset binary from a stored word: order is kept, and bits outside the sample are dropped.
    pub(crate) fn decode(self, word: u16) -> u16 {
        ((word >> self.shift) & self.max()) ^ self.sign()
    }

    /// The stored word with another sample; the bits outside the sample stay.
    fn encode(self, word: u16, sample: u16) -> u16 {
        (word & !(self.max() << self.shift)) | ((sample ^ self.sign()) << self.shift)
    }
}

/// Samples that follow one another in the file, so often at equal distances: rows of a tile, or planes of a channel. What is
/// kept grows with a file's strips and tiles, and not with their rows or with frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Offset of the first sample in the file.
    pub(crate) byte: u64,
    /// Index of the first sample in the buffer.
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// Distance between neighbours in the buffer.
    pub(crate) step: u8,
    pub(crate) repeat: Repeat,
}

/// How often there is a run, and how far apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat {
    /// At least once, if there are samples.
    pub(crate) times: u64,
    /// From one to the next in the file, in bytes, and in the buffer.
    pub(crate) bytes: u64,
    pub(crate) samples: u64,
}

impl Repeat {
    pub(crate) const ONCE: Self = Self {
        times: 1,
        bytes: 0,
        samples: 0,
    };

    /// The last of them, when the first is at `first` and they are `apart`.
    fn last(self, first: u64, apart: u64) -> u64 {
        first.saturating_add(self.times.saturating_sub(1).saturating_mul(apart))
    }
}

/// Runs that are known to lie inside the file and inside the buffer.
#[derive(Debug)]
pub(crate) struct Raster {
    depth: Depth,
    runs: Vec<Checked>,
    len: usize,
    swapped: Option<Range<usize>>,
}

#[derive(Debug)]
struct Checked {
    bytes: Range<usize>,
    first: usize,
    step: usize,
    times: usize,
    /// From one to the next.
    bytes_apart: usize,
    samples_apart: usize,
}

impl Raster {
    /// Checks the runs against a file of `file` bytes; together they hold `len` samples, each once.
    ///
    /// The caller sees to it that runs overlap neither in the file nor in the buffer. `len` samples are allocated only
    /// after the runs were found to hold as many in the file.
    pub(crate) fn new(file: &[u8], depth: Depth, runs: &[Run], len: u64) -> Result<Self> {
        let mut held = 0_u64;
        let mut checked = Vec::with_capacity(runs.len());
        for run in runs {
            let Repeat {
                times,
                bytes,
                samples,
            } = run.repeat;
            let needed = run.count.saturating_mul(depth.width.bytes());
            let byte = run.repeat.last(run.byte, bytes);
            if byte.saturating_add(needed) > file.len() as u64 {
                return Err(Error::Truncated {
                    what: "pixel data".to_owned(),
                    offset: byte,
                    needed,
                    available: (file.len() as u64).saturating_sub(byte),
                });
            }
            let last = run.repeat.last(run.first, samples).saturating_add(
                run.count
                    .saturating_sub(1)
                    .saturating_mul(u64::from(run.step)),
            );
            held = held.saturating_add(run.count.saturating_mul(times));
            let all = [
                run.byte,
                run.byte.saturating_add(needed),
                run.first,
                times,
                bytes,
                samples,
            ];
            match all.map(usize::try_from) {
                [
                    Ok(start),
                    Ok(end),
                    Ok(first),
                    Ok(times),
                    Ok(bytes_apart),
                    Ok(samples_apart),
                ] if last < len && run.step > 0 => {
                    checked.push(Checked {
                        bytes: start..end,
                        first,
                        step: usize::from(run.step),
                        times,
                        bytes_apart,
                        samples_apart,
                    });
                }
                _ => return Err(Self::mismatch(len, last.saturating_add(1))),
            }
        }
        match usize::try_from(len) {
            Ok(len) if held == len as u64 => Ok(Self {
                depth,
                runs: checked,
                len,
                swapped: None,
            }),
            _ => Err(Self::mismatch(len, held)),
        }
    }

    /// Says that the bytes in `range` stand in pairs in the wrong order: eight-bit samples packed in big-endian words.
    pub(crate) fn with_swapped_pairs(mut self, range: Range<usize>) -> Self {
        self.swapped = Some(range);
        self
    }

    /// The samples of the file that the runs were checked against.
    pub(crate) fn read(&self, file: &[u8]) -> Result<Samples> {
        let mut copy;
        let mut bytes = file;
        if let Some(range) = &self.swapped {
            copy = file.to_vec();
            swap_pairs(&mut copy, range.clone());
            bytes = &copy;
        }
        let depth = self.depth;
        Ok(match (depth.width, depth.endian) {
            (Width::Eight, _) => Samples::U8(self.gather(bytes, |[byte]| {
                depth.decode(u16::from(byte)).to_le_bytes()[0]
            })?),
            (Width::Sixteen, Endian::Little) => {
                Samples::U16(self.gather(bytes, |word| depth.decode(u16::from_le_bytes(word)))?)
            }
            (Width::Sixteen, Endian::Big) => {
                Samples::U16(self.gather(bytes, |word| depth.decode(u16::from_be_bytes(word)))?)
            }
        })
    }

    /// Replaces the samples in `file`, which is as long as the one that was checked; every other bit stays.
    pub(crate) fn write(&self, file: &mut [u8], samples: &Samples) -> Result<()> {
        if let Some(range) = &self.swapped {
            swap_pairs(file, range.clone());
        }
        let depth = self.depth;
        match (samples, depth.endian) {
            (Samples::U8(samples), _) => self.scatter(file, samples, |[byte], sample| {
                let word = depth.encode(u16::from(*byte), u16::from(sample));
                *byte = word.to_le_bytes()[0];
            }),
            (Samples::U16(samples), Endian::Little) => {
                self.scatter(file, samples, |word, sample| {
                    *word = depth
                        .encode(u16::from_le_bytes(*word), sample)
                        .to_le_bytes();
                })
            }
            (Samples::U16(samples), Endian::Big) => self.scatter(file, samples, |word, sample| {
                *word = depth
                    .encode(u16::from_be_bytes(*word), sample)
                    .to_be_bytes();
            }),
        }?;
        if let Some(range) = &self.swapped {
            swap_pairs(file, range.clone());
        }
        Ok(())
    }

    /// The distance of neighbours in the buffer, where the samples lie in the file, and the first in the buffer.
    fn runs(&self) -> impl Iterator<Item = (usize, Range<usize>, usize)> {
        self.runs.iter().flat_map(|run| {
            (0..run.times).map(|time| {
                let byte = run.bytes.start + time * run.bytes_apart;
                let bytes = byte..byte + run.bytes.len();
                (run.step, bytes, run.first + time * run.samples_apart)
            })
        })
    }

    fn gather<T: Copy + Default, const N: usize>(
        &self,
        file: &[u8],
        decode: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>> {
        let mut samples = vec![T::default(); self.len];
        for (step, bytes, first) in self.runs() {
            let (words, _) = file.get(bytes).unwrap_or_default().as_chunks::<N>();
            let target = samples.get_mut(first..).unwrap_or_default();
            if step == 1 {
                target
                    .iter_mut()
                    .zip(words)
                    .for_each(|(sample, word)| *sample = decode(*word));
            } else {
                let target = target.iter_mut().step_by(step);
                target
                    .zip(words)
                    .for_each(|(sample, word)| *sample = decode(*word));
            }
        }
        Ok(samples)
    }

    fn scatter<T: Copy, const N: usize>(
        &self,
        file: &mut [u8],
        samples: &[T],
        encode: impl Fn(&mut [u8; N], T),
    ) -> Result<()> {
        for (step, range, first) in self.runs() {
            let found = file.len() as u64;
            let Some(bytes) = file.get_mut(range.clone()) else {
                return Err(Self::mismatch(range.end as u64, found));
            };
            let (words, _) = bytes.as_chunks_mut::<N>();
            let source = samples.get(first..).unwrap_or_default();
            if step == 1 {
                words
                    .iter_mut()
                    .zip(source)
                    .for_each(|(word, sample)| encode(word, *sample));
            } else {
                let source = source.iter().step_by(step);
                words
                    .iter_mut()
                    .zip(source)
                    .for_each(|(word, sample)| encode(word, *sample));
            }
        }
        Ok(())
    }

    fn mismatch(expected: u64, found: u64) -> Error {
        Error::malformed(
            "pixel data",
            format!("{expected} samples"),
            found.to_string(),
        )
    }
}

/// Swaps the two bytes of every whole pair.
fn swap_pairs(bytes: &mut [u8], range: Range<usize>) {
    let (pairs, _) = bytes
        .get_mut(range)
        .unwrap_or_default()
        .as_chunks_mut::<2>();
    pairs.iter_mut().for_each(|pair| pair.reverse());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_and_encode_are_inverse_and_keep_order_and_other_bits() {
        for bits_stored in 1..=16_u8 {
            for shift in 0..=16 - bits_stored {
                for signed in [false, true] {
                    let depth = Depth {
                        width: Width::Sixteen,
                        endian: Endian::Little,
                        shift,
                        bits_stored,
                        signed,
                    };
                    for word in (0..=u16::MAX).step_by(251) {
                        let sample = depth.decode(word);
                        assert!(sample <= depth.max());
                        assert_eq!(depth.encode(word, sample), word);
                        let flipped = depth.encode(word, sample ^ 1);
                        assert_eq!(flipped ^ word, 1 << shift, "only the lowest stored bit");
                    }
                }
            }
        }
    }

    #[test]
    fn signed_samples_keep_their_order() {
        let depth = Depth::full(Width::Sixteen, Endian::Little, true);
        let words = [-32768_i16, -2000, -1, 0, 1, 32767].map(|v| depth.decode(v.cast_unsigned()));
        assert!(words.is_sorted(), "{words:?}");
        assert_eq!(words[0], 0);
    }

    #[test]
    fn runs_outside_the_file_or_the_buffer_are_refused() {
        let depth = Depth::full(Width::Sixteen, Endian::Little, false);
        let run = Run {
            byte: 0,
            first: 0,
            count: 4,
            step: 1,
            repeat: Repeat::ONCE,
        };
        assert!(Raster::new(&[0; 8], depth, &[run], 4).is_ok());
        assert!(Raster::new(&[0; 7], depth, &[run], 4).is_err());
        assert!(Raster::new(&[0; 8], depth, &[run], 5).is_err());
        assert!(Raster::new(&[0; 8], depth, &[Run { step: 2, ..run }], 4).is_err());
        assert!(Raster::new(&[0; 8], depth, &[Run { step: 0, ..run }], 4).is_err());
        assert!(
            Raster::new(
                &[0; 8],
                depth,
                &[Run {
                    count: u64::MAX,
                    ..run
                }],
                u64::MAX
            )
            .is_err()
        );
    }

    /// Two planes of two pixels in each of three frames are two runs, however many frames there are.
    #[test]
    fn a_run_is_repeated_within_the_file_and_the_buffer() {
        let depth = Depth::full(Width::Eight, Endian::Little, false);
        let runs = [0, 1].map(|channel| Run {
            byte: 2 * channel,
            first: channel,
            count: 2,
            step: 2,
            repeat: Repeat {
                times: 3,
                bytes: 4,
                samples: 4,
            },
        });
        let mut file: Vec<u8> = (0..12).collect();
        let raster = Raster::new(&file, depth, &runs, 12).unwrap();
        let Samples::U8(samples) = raster.read(&file).unwrap() else {
            panic!("eight bits")
        };
        assert_eq!(samples, [0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11]);
        let samples = Samples::U8(samples.iter().map(|sample| sample + 100).collect());
        raster.write(&mut file, &samples).unwrap();
        assert!(file.into_iter().eq(100..112));
        for (bytes, times) in [(11, 3), (12, 2), (12, 4), (12, u64::MAX)] {
            let runs = runs.map(|run| Run {
                repeat: Repeat {
                    times,
                    ..run.repeat
                },
                ..run
            });
            assert!(Raster::new(&vec![0; bytes], depth, &runs, 12).is_err());
        }
    }
}

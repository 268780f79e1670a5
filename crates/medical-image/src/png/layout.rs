//! Where the samples of a PNG are, and how a file with other samples is written around its other chunks.

use core::ops::Range;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::{self, Write as _};

use super::filter::Scanlines;
use super::restore::Restore;
use super::{SIGNATURE, crc};
use crate::picture::Patched;
use crate::{Error, Result, Samples};

/// The part of a PNG file that its samples make up.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) scanlines: Scanlines,
    /// The filter type of each scanline.
    pub(crate) filters: Vec<u8>,
    /// All IDAT chunks, from the first length to the last CRC.
    pub(crate) idat: Range<usize>,
    /// Bytes of data in each IDAT chunk.
    pub(crate) cuts: Vec<usize>,
    /// How much of the data is the zlib stream; behind it there may be bytes that nobody reads.
    pub(crate) deflate_end: usize,
    /// Where IEND begins.
    pub(crate) end: usize,
    /// As they follow one another in the file; the last one counts.
    pub(crate) attached: Vec<Attached>,
}

/// Restore data that travels in the file.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) chunk: Range<usize>,
    pub(crate) data: Range<usize>,
}

/// The chunk for it: ancillary, private, not safe to copy once the samples change (third edition, 5.4).
pub(crate) const ATTACHED: &[u8; 4] = b"reST";

/// Bytes of a chunk's length and type.
const BEFORE_DATA: usize = 8;

/// The longest data of a chunk.
const MAX_CHUNK: usize = 0x7FFF_FFFF;

impl Layout {
    /// Writes the file with other samples; filters and all other chunks stay. With what brings the first ones' file back.
    pub(crate) fn patch(&self, file: &[u8], own: &Samples, samples: &Samples) -> Result<Patched> {
        let restore = Restore::of(self, file, own).to_bytes();
        let bytes = self.write(file, samples)?;
        let attach_at = self.end + bytes.len() - file.len();
        Ok(Patched {
            bytes,
            restore,
            attach_at,
        })
    }

    /// Writes the file with other samples; filters and all other chunks stay.
    pub(crate) fn write(&self, file: &[u8], samples: &Samples) -> Result<Vec<u8>> {
        let likely = file.len().saturating_add(self.deflate_end / 8);
        let mut bytes = Vec::with_capacity(likely);
        bytes.extend_from_slice(file.get(..self.idat.start).unwrap_or(&SIGNATURE));
        bytes.extend_from_slice(&[0; BEFORE_DATA]);
        let start = bytes.len();
        let mut bytes = deflate(bytes, self.deflate_end, |take| {
            self.scanlines.filter_each(samples, &self.filters, take)
        })?;
        close(b"IDAT", &mut bytes, start, MAX_CHUNK);
        bytes.extend_from_slice(file.get(self.idat.end..).unwrap_or_default());
        Ok(bytes)
    }

    /// As [`Self::write`], and leaves out the restore data of the samples before.
    pub(crate) fn overwrite(&self, file: &[u8], samples: &Samples) -> Result<Vec<u8>> {
        let bytes = self.write(file, samples)?;
        if self.attached.is_empty() {
            return Ok(bytes);
        }
        let moved = |at: usize| match at <= self.idat.start {
            true => at,
            false => at + bytes.len() - file.len(),
        };
        let (mut kept, mut from) = (Vec::with_capacity(bytes.len()), 0);
        for Attached { chunk, .. } in &self.attached {
            let before = bytes.get(from..moved(chunk.start));
            kept.extend_from_slice(before.unwrap_or_default());
            from = moved(chunk.end);
        }
        kept.extend_from_slice(bytes.get(from..).unwrap_or_default());
        Ok(kept)
    }

    /// Makes the original file from this one.
    pub(crate) fn restore(
        &self,
        file: &[u8],
        samples: &Samples,
        restore: &[u8],
    ) -> Result<Vec<u8>> {
        let restore = Restore::from_bytes(restore, self.scanlines.count())?;
        let idat = restore.idat(&self.scanlines, samples)?;
        let bytes = self.assemble(file, &idat);
        let found = crc(&[&bytes]);
        if found == restore.checksum {
            Ok(bytes)
        } else {
            Err(Error::not_restored(
                format!("a file with checksum {:08x}", restore.checksum),
                format!("{found:08x}"),
            ))
        }
    }

    /// Makes the original file from this one and the restore data in it.
    pub(crate) fn restore_attached(&self, file: &[u8], samples: &Samples) -> Result<Vec<u8>> {
        let Some(attached) = self.attached.last() else {
            return Err(Error::not_restored(
                "restore data in the file (chunk reST)",
                "none",
            ));
        };
        let data = file.get(attached.data.clone()).unwrap_or_default();
        let before = file.get(..attached.chunk.start).unwrap_or_default();
        let after = file.get(attached.chunk.end..).unwrap_or_default();
        let file = [before, after].concat();
        if attached.chunk.start >= self.idat.end {
            return self.restore(&file, samples, data);
        }
        Err(Error::not_restored(
            "the chunk reST behind the samples",
            "it before them",
        ))
    }

    fn assemble(&self, file: &[u8], idat: &[u8]) -> Vec<u8> {
        let before = file.get(..self.idat.start).unwrap_or(&SIGNATURE);
        let after = file.get(self.idat.end..).unwrap_or_default();
        [before, idat, after].concat()
    }

    /// The data of all IDAT chunks.
    pub(crate) fn data(&self, file: &[u8]) -> Vec<u8> {
        let mut rest = file.get(self.idat.clone()).unwrap_or_default();
        let mut data = Vec::with_capacity(rest.len());
        for cut in &self.cuts {
            data.extend_from_slice(rest.get(8..8 + cut).unwrap_or_default());
            rest = rest.get(12 + cut..).unwrap_or_default();
        }
        data
    }
}

/// Chunks of one type, of the given lengths.
pub(crate) fn chunks(kind: &[u8; 4], mut data: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut chunks = Vec::with_capacity(data.len() + 12 * cuts.len());
    for cut in cuts {
        let (piece, rest) = data.split_at_checked(*cut).unwrap_or((data, &[]));
        data = rest;
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        chunks.extend_from_slice(&length.to_be_bytes());
        chunks.extend_from_slice(kind);
        chunks.extend_from_slice(piece);
        chunks.extend_from_slice(&crc(&[kind, piece]).to_be_bytes());
    }
    chunks
}

/// Makes a chunk of what is in `bytes` from `start` on, before which there is room for length and type: or some, of more than fits one.
fn close(kind: &[u8; 4], bytes: &mut Vec<u8>, start: usize, max: usize) {
    let (before, data) = bytes.split_at_mut(start);
    match u32::try_from(data.len()) {
        Ok(length) if data.len() <= max => {
            let checksum = crc(&[kind, data]);
            if let Some(room) = before.last_chunk_mut::<BEFORE_DATA>() {
                *room = ((u64::from(length) << 32) | u64::from(u32::from_be_bytes(*kind)))
                    .to_be_bytes();
            }
            bytes.extend_from_slice(&checksum.to_be_bytes());
        }
        _ => {
            let data = data.to_vec();
            let cuts: Vec<usize> = data.chunks(max).map(<[u8]>::len).collect();
            bytes.truncate(start - BEFORE_DATA);
            bytes.extend_from_slice(&chunks(kind, &data, &cuts));
        }
    }
}

/// The file with its restore data in a chunk at `at`, where IEND begins.
pub(crate) fn attach(file: &[u8], restore: &[u8], at: usize) -> Vec<u8> {
    let (before, end) = file.split_at_checked(at).unwrap_or((file, &[]));
    [before, &chunks(ATTACHED, restore, &[restore.len()]), end].concat()
}

/// Takes scanlines, some at a time.
type Take<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// Puts a zlib stream of scanlines whose samples have changed behind `bytes`; the one before had so many bytes.
///
/// fdeflate is made for filtered scanlines: fast, and small where they are noise. But of what is the same again it finds runs of zeros
/// alone. So where it takes an eighth more than the stream before, zlib-rs is tried too, at its first level that makes codes of its
/// own, and the smaller one is taken.
fn deflate(
    bytes: Vec<u8>,
    before: usize,
    scanlines: impl Fn(&mut Take<'_>) -> io::Result<()>,
) -> Result<Vec<u8>> {
    let failed =
        |error: io::Error| Error::malformed("scanlines", "deflate to take them", error.to_string());
    let start = bytes.len();
    let mut compressor = fdeflate::Compressor::new(bytes).map_err(failed)?;
    // it counts a run of zeros in 32 bits, and one scanline may be longer
    scanlines(&mut |some| {
        some.chunks(1 << 30)
            .try_for_each(|piece| compressor.write_data(piece))
    })
    .map_err(failed)?;
    let mut bytes = compressor.finish().map_err(failed)?;
    let fast = bytes.len() - start;
    if fast > before.saturating_add(before / 8) {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(2));
        scanlines(&mut |some| encoder.write_all(some)).map_err(failed)?;
        let small = encoder.finish().map_err(failed)?;
        if small.len() < fast {
            bytes.truncate(start);
            bytes.extend_from_slice(&small);
            bytes.shrink_to_fit();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(zlib: &[u8], len: usize) -> Vec<u8> {
        super::super::inflate(zlib, len as u64).unwrap().0
    }

    /// Behind something else, in two pieces.
    fn deflated(plain: &[u8], before: usize) -> Vec<u8> {
        let (one, other) = plain.split_at(plain.len() / 2);
        let bytes = deflate(b"else".to_vec(), before, |take| {
            take(one).and_then(|()| take(other))
        });
        bytes.unwrap().strip_prefix(b"else").unwrap().to_vec()
    }

    /// What filters leave of a photograph: small numbers around zero.
    fn grain(len: u32) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 29) as u8
        };
        (0..len).map(|_| next().wrapping_sub(next())).collect()
    }

    #[test]
    fn noise_is_hardly_larger_than_it_was() {
        let plain = grain(100_000);
        let zlib = deflated(&plain, 47_000);
        assert!(zlib.len() < 52_875, "{}", zlib.len());
        assert_eq!(inflated(&zlib, plain.len()), plain);
    }

    #[test]
    fn what_repeats_itself_stays_small() {
        let row = grain(300);
        let plain = row.repeat(500);
        let zlib = deflated(&plain, 1500);
        assert!(zlib.len() < 4000, "{}", zlib.len());
        assert_eq!(inflated(&zlib, plain.len()), plain);
    }

    #[test]
    fn what_fits_no_chunk_makes_several() {
        for (data, cuts) in [
            ("", vec![0]),
            ("abcde", vec![5]),
            ("abcdefghijkl", vec![5, 5, 2]),
        ] {
            let mut bytes = [b"before".as_slice(), &[0; BEFORE_DATA], data.as_bytes()].concat();
            close(b"IDAT", &mut bytes, 14, 5);
            let expected = chunks(b"IDAT", data.as_bytes(), &cuts);
            assert_eq!(bytes, [b"before", expected.as_slice()].concat());
        }
    }

    /// Another decoder finds the samples in each order of pixels, cut into small pieces.
    #[test]
    fn scanlines_are_those_of_another_decoder() {
        for (columns, rows, interlaced) in [(33, 17, 1), (33, 17, 0), (1, 9, 1), (5, 1, 1)] {
            let mut header = [0; 13];
            let [width, height] = [columns, rows].map(u32::to_be_bytes);
            for (to, from) in header.iter_mut().zip(
                [width, height]
                    .concat()
                    .iter()
                    .chain(&[8, 2, 0, 0, interlaced]),
            ) {
                *to = *from;
            }
            let found = super::super::Header::read(&header).unwrap();
            let samples = grain(3 * columns * rows);
            let count = found.scanlines.count();
            let filters: Vec<u8> = (0..5).cycle().take(count).collect();
            let plain = found
                .scanlines
                .filter(&Samples::U8(samples.clone()), &filters);
            let zlib = deflated(&plain, usize::MAX);
            let file = [
                SIGNATURE.to_vec(),
                chunks(b"IHDR", &header, &[13]),
                chunks(b"IDAT", &zlib, &[zlib.len()]),
                chunks(b"IEND", &[], &[0]),
            ];
            let file = file.concat();
            let mut reader = png::Decoder::new(io::Cursor::new(&file))
                .read_info()
                .unwrap();
            let mut theirs = vec![0; samples.len()];
            reader.next_frame(&mut theirs).unwrap();
            assert_eq!(theirs, samples, "{columns}x{rows} {interlaced}");
            let ours = crate::Picture::read(file).unwrap().into_samples();
            assert_eq!(ours, Samples::U8(samples));
        }
    }

    #[test]
    fn no_scanline_is_none_again() {
        for before in [0, 100] {
            assert_eq!(inflated(&deflated(&[], before), 0), []);
        }
    }
}

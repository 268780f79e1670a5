//! What brings back the very bytes of a PNG: see the drawing in DESIGN.md.

use std::panic::catch_unwind;

use preflate_rs::{PreflateConfig, preflate_whole_deflate_stream, recreate_whole_deflate_stream};

use super::crc;
use super::filter::Scanlines;
use super::layout::{self, Layout};
use crate::reader::{Endian, Reader};
use crate::{Error, Result, Samples};

/// What the stego file does not know about the original one.
#[derive(Debug)]
pub(crate) struct Restore {
    /// CRC-32 of the original file.
    pub(crate) checksum: u32,
    idat: Idat,
}

#[derive(Debug)]
enum Idat {
    /// The chunks as they were.
    Verbatim(Vec<u8>),
    /// How to make them from the samples.
    Made(Recipe),
}

#[derive(Debug)]
struct Recipe {
    filters: Vec<u8>,
    cuts: Vec<usize>,
    /// The two bytes before the deflate stream.
    zlib_header: [u8; 2],
    corrections: Vec<u8>,
    /// What follows the deflate stream: checksum, and what nobody reads.
    tail: Vec<u8>,
}

const VERSION: u8 = 1;
const VERBATIM: u8 = 0;
const MADE: u8 = 1;

impl Restore {
    /// Finds the shortest way back, and tries it.
    pub(crate) fn of(layout: &Layout, file: &[u8], samples: &Samples) -> Self {
        let region = file.get(layout.idat.clone()).unwrap_or_default();
        let checksum = crc(&[file]);
        if let Some(recipe) = Recipe::of(layout, file, samples) {
            let restore = Self {
                checksum,
                idat: Idat::Made(recipe),
            };
            if restore.to_bytes().len() < region.len()
                && restore
                    .idat(&layout.scanlines, samples)
                    .is_ok_and(|idat| idat == region)
            {
                return restore;
            }
        }
        Self {
            checksum,
            idat: Idat::Verbatim(region.to_vec()),
        }
    }

    /// All IDAT chunks of the original file.
    pub(crate) fn idat(&self, scanlines: &Scanlines, samples: &Samples) -> Result<Vec<u8>> {
        match &self.idat {
            Idat::Verbatim(region) => Ok(region.clone()),
            Idat::Made(recipe) => recipe.make(scanlines, samples),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.checksum.to_le_bytes());
        match &self.idat {
            Idat::Verbatim(region) => {
                bytes.push(VERBATIM);
                bytes.extend_from_slice(region);
            }
            Idat::Made(recipe) => {
                bytes.push(MADE);
                let filters: Vec<usize> = recipe
                    .filters
                    .iter()
                    .map(|filter| usize::from(*filter))
                    .collect();
                put_repeated(&mut bytes, &filters);
                put_repeated(&mut bytes, &recipe.cuts);
                bytes.extend_from_slice(&recipe.zlib_header);
                put(&mut bytes, recipe.tail.len());
                bytes.extend_from_slice(&recipe.tail);
                bytes.extend_from_slice(&recipe.corrections);
            }
        }
        bytes
    }

    /// Parses restore data for a picture of `scanlines` scanlines.
    pub(crate) fn from_bytes(bytes: &[u8], scanlines: usize) -> Result<Self> {
        parse(bytes, scanlines)
            .map_err(|error| Error::not_restored("restore data of a PNG", error.to_string()))
    }
}

fn parse(bytes: &[u8], scanlines: usize) -> Result<Restore> {
    let mut reader = Reader::new(bytes, Endian::Little);
    match reader.u8("version")? {
        VERSION => {}
        other => {
            return Err(Error::malformed(
                "version",
                VERSION.to_string(),
                other.to_string(),
            ));
        }
    }
    let checksum = reader.u32("checksum")?;
    let idat = match reader.u8("kind")? {
        VERBATIM => Idat::Verbatim(reader.rest().to_vec()),
        MADE => {
            let mut filters = Vec::new();
            for value in take_repeated(&mut reader, scanlines)? {
                match u8::try_from(value) {
                    Ok(filter @ 0..=4) => filters.push(filter),
                    _ => return Err(Error::malformed("filter type", "0..=4", value.to_string())),
                }
            }
            if filters.len() != scanlines {
                return Err(Error::malformed(
                    "filters",
                    scanlines.to_string(),
                    filters.len().to_string(),
                ));
            }
            let cuts = take_repeated(&mut reader, MAX_CUTS)?;
            let zlib_header = [reader.u8("zlib header")?, reader.u8("zlib header")?];
            let tail = take(&mut reader)?;
            let tail = reader.take(tail as u64, "tail")?.to_vec();
            Idat::Made(Recipe {
                filters,
                cuts,
                zlib_header,
                tail,
                corrections: reader.rest().to_vec(),
            })
        }
        other => return Err(Error::malformed("kind", "0 or 1", other.to_string())),
    };
    Ok(Restore { checksum, idat })
}

/// Files with more IDAT chunks than this are kept verbatim: a short list may not claim a long one.
const MAX_CUTS: usize = 1 << 20;

impl Recipe {
    fn of(layout: &Layout, file: &[u8], samples: &Samples) -> Option<Self> {
        let data = layout.data(file);
        let (zlib, behind) = data.split_at_checked(layout.deflate_end)?;
        let (zlib_header, rest) = zlib.split_first_chunk::<2>()?;
        let (stream, adler) = rest.split_last_chunk::<4>()?;
        let plain = layout.scanlines.filter(samples, &layout.filters);
        if layout.cuts.len() > MAX_CUTS {
            return None;
        }
        Some(Self {
            filters: layout.filters.clone(),
            cuts: layout.cuts.clone(),
            zlib_header: *zlib_header,
            corrections: corrections(stream, &plain)?,
            tail: [adler, behind].concat(),
        })
    }

    fn make(&self, scanlines: &Scanlines, samples: &Samples) -> Result<Vec<u8>> {
        let plain = scanlines.filter(samples, &self.filters);
        let stream = recreate(&plain, &self.corrections)?;
        let data = [&self.zlib_header, stream.as_slice(), &self.tail].concat();
        let total = self
            .cuts
            .iter()
            .fold(0_usize, |sum, cut| sum.saturating_add(*cut));
        if total != data.len() {
            return Err(Error::not_restored(
                format!("{total} bytes of IDAT data"),
                data.len().to_string(),
            ));
        }
        Ok(layout::chunks(b"IDAT", &data, &self.cuts))
    }
}

/// What preflate needs to make `stream` again from `plain`; none when it cannot.
fn corrections(stream: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    // The whole way back is tried by `Restore::of`, so preflate need not verify it too.
    let config = PreflateConfig {
        plain_text_limit: plain.len().saturating_add(1 << 16),
        verify_compression: false,
        ..PreflateConfig::default()
    };
    // preflate counts positions in 32 bits, and is not written for hostile streams: a panic there is a "cannot".
    if i32::try_from(plain.len()).is_err() {
        return None;
    }
    catch_unwind(|| preflate_whole_deflate_stream(stream, &config))
        .ok()?
        .ok()
        .filter(|(result, text)| result.compressed_size == stream.len() && text.text() == plain)
        .map(|(result, _)| result.corrections)
}

fn recreate(plain: &[u8], corrections: &[u8]) -> Result<Vec<u8>> {
    match catch_unwind(|| recreate_whole_deflate_stream(plain, corrections)) {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Error::not_restored(
            "corrections of a deflate stream",
            error.to_string(),
        )),
        Err(_) => Err(Error::not_restored(
            "corrections of a deflate stream",
            "other bytes",
        )),
    }
}

/// Writes a number in groups of seven bits, the lowest first, the last without its high bit (LEB128).
fn put(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7F);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take(reader: &mut Reader<'_>) -> Result<usize> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = reader.u8("number")?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(number).map_err(|_| {
                Error::malformed("number", usize::MAX.to_string(), number.to_string())
            });
        }
    }
    Err(Error::malformed("number", "at most nine bytes", "more"))
}

/// Writes a list as its number of runs, then the count and the value of each.
fn put_repeated(bytes: &mut Vec<u8>, list: &[usize]) {
    let runs: Vec<&[usize]> = list.chunk_by(|a, b| a == b).collect();
    put(bytes, runs.len());
    for run in runs {
        put(bytes, run.len());
        put(bytes, run.first().copied().unwrap_or_default());
    }
}

fn take_repeated(reader: &mut Reader<'_>, max: usize) -> Result<Vec<usize>> {
    let mut list = Vec::new();
    for _ in 0..take(reader)? {
        let (count, value) = (take(reader)?, take(reader)?);
        if count > max - list.len() {
            return Err(Error::malformed(
                "list",
                format!("at most {max} entries"),
                "more",
            ));
        }
        list.extend(core::iter::repeat_n(value, count));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists_come_back() {
        for number in [0, 1, 127, 128, 16_383, 16_384, usize::MAX >> 1] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            assert_eq!(
                take(&mut Reader::new(&bytes, Endian::Little)).unwrap(),
                number
            );
        }
        let list = [4, 4, 4, 1, 0, 0, 8192];
        let mut bytes = Vec::new();
        put_repeated(&mut bytes, &list);
        let mut reader = Reader::new(&bytes, Endian::Little);
        assert_eq!(take_repeated(&mut reader, 7).unwrap(), list);
        assert!(take_repeated(&mut Reader::new(&bytes, Endian::Little), 6).is_err());
    }

    #[test]
    fn a_short_list_claims_no_long_one() {
        let mut bytes = Vec::new();
        [1, usize::MAX >> 1, 0]
            .iter()
            .for_each(|number| put(&mut bytes, *number));
        assert!(take_repeated(&mut Reader::new(&bytes, Endian::Little), MAX_CUTS).is_err());
    }
}

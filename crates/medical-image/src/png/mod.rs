//! PNG (third edition): chunks, samples, and the way back to the very bytes of the file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use flate2::{Crc, Decompress, FlushDecompress, Status};
use libdeflater::Decompressor;
use simd_adler32::Adler32;
use unicode_normalization::UnicodeNormalization as _;

use crate::picture::{Content, Place};
use crate::raster::Width;
use crate::reader::{Endian, Reader};
use crate::{Description, Error, Format, Geometry, Result};

mod filter;
mod layout;
mod restore;

pub(crate) use layout::{Layout, attach};

use filter::Scanlines;
use layout::{ATTACHED, Attached};

pub(crate) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// No deflate stream grows by more than this: 258 bytes from a length and a distance of one bit each.
const MAX_EXPANSION: u64 = 1032;

pub(crate) fn read(bytes: &[u8]) -> Result<Content> {
    let chunks = Chunks::read(bytes)?;
    let Header {
        geometry,
        scanlines,
        carrying,
    } = Header::read(chunks.header)?;
    let reserved = transparent(chunks.transparency, geometry)?;
    let zlib = chunks.zlib();
    let (plain, used) = inflate(&zlib, scanlines.len())?;
    let (samples, filters) = scanlines.unfilter(plain)?;
    Ok(Content {
        geometry,
        samples,
        carrying,
        reserved,
        description: match chunks.description {
            Some(text) => Description::Text(text),
            None => Description::None,
        },
        header: chunks
            .density
            .into_iter()
            .map(|density| ("pHYs".to_owned(), density))
            .collect::<BTreeMap<_, _>>(),
        kind: Format::Png.to_string(),
        place: Place::Png(Layout {
            scanlines,
            filters,
            cuts: chunks.cuts.iter().map(|data| data.len()).collect(),
            idat: chunks.idat,
            deflate_end: used,
            end: chunks.end,
            attached: chunks.attached,
        }),
    })
}

/// What the chunks say, and where the IDAT ones are.
struct Chunks<'a> {
    header: &'a [u8],
    transparency: Option<&'a [u8]>,
    description: Option<String>,
    density: Option<String>,
    /// From the length of the first IDAT chunk to behind the CRC of the last.
    idat: core::ops::Range<usize>,
    /// The data of each IDAT chunk.
    cuts: Vec<&'a [u8]>,
    /// Where IEND begins.
    end: usize,
    attached: Vec<Attached>,
}

impl<'a> Chunks<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut reader =
            Reader::new(bytes, Endian::Big).at(SIGNATURE.len() as u64, "first chunk")?;
        let header = match chunk(&mut reader)? {
            (b"IHDR", data) => data,
            (other, _) => return Err(Error::malformed("first chunk", "IHDR", name(other))),
        };
        let mut chunks = Self {
            header,
            transparency: None,
            description: None,
            density: None,
            idat: 0..0,
            cuts: Vec::new(),
            end: 0,
            attached: Vec::new(),
        };
        loop {
            let start = reader.position();
            let (kind, data) = chunk(&mut reader)?;
            match kind {
                b"IDAT" if chunks.cuts.is_empty() => {
                    chunks.idat = start..reader.position();
                    chunks.cuts.push(data);
                }
                b"IDAT" if chunks.idat.end == start => {
                    chunks.idat.end = reader.position();
                    chunks.cuts.push(data);
                }
                b"IDAT" => {
                    return Err(Error::malformed(
                        "IDAT chunks",
                        "one after another",
                        "others between them",
                    ));
                }
                b"IEND" => {
                    chunks.end = start;
                    break;
                }
                ATTACHED => {
                    let data = start + 8..start + 8 + data.len();
                    chunks.attached.push(Attached {
                        chunk: start..reader.position(),
                        data,
                    });
                }
                b"PLTE" | b"IHDR" | [b'a'..=b'z', ..] => chunks.note(kind, data),
                other => {
                    return Err(Error::malformed(
                        "chunk",
                        "a critical chunk of the standard",
                        name(other),
                    ));
                }
            }
        }
        if chunks.cuts.is_empty() {
            return Err(Error::malformed("chunks", "IDAT before IEND", "none"));
        }
        Ok(chunks)
    }

    fn note(&mut self, kind: &[u8; 4], data: &'a [u8]) {
        match kind {
            b"tRNS" => self.transparency = Some(data),
            b"pHYs" => self.density = density(data),
            b"tEXt" => {
                if let Some(latin) = data.strip_prefix(b"Description\0") {
                    let text: String = latin.iter().map(|byte| char::from(*byte)).collect();
                    self.description = Some(text.nfc().collect());
                }
            }
            // keyword, no compression, then language and translated keyword, each ended by a zero
            b"iTXt" => {
                let text = data
                    .strip_prefix(b"Description\0\0\0")
                    .and_then(|rest| rest.splitn(3, |byte| *byte == 0).nth(2));
                if let Some(text) = text {
                    self.description = Some(String::from_utf8_lossy(text).nfc().collect());
                }
            }
            _ => {}
        }
    }

    fn zlib(&self) -> Cow<'a, [u8]> {
        match self.cuts.as_slice() {
            [all] => Cow::Borrowed(all),
            cuts => Cow::Owned(cuts.concat()),
        }
    }
}

/// Reads one chunk: length, type, data, CRC of type and data.
fn chunk<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8; 4], &'a [u8])> {
    let length = reader.u32("chunk length")?;
    let typed = reader.rest();
    let kind = reader
        .take(4, "chunk type")?
        .first_chunk::<4>()
        .unwrap_or(b"????");
    let data = reader.take(u64::from(length), &format!("chunk {}", name(kind)))?;
    let stored = reader.u32("chunk CRC")?;
    let computed = crc(&[typed.get(..4 + data.len()).unwrap_or_default()]);
    // of other chunks the CRC is kept as it is, right or wrong; these two are interpreted or written again
    if stored != computed && matches!(kind, b"IHDR" | b"IDAT") {
        return Err(Error::malformed(
            format!("CRC of {}", name(kind)),
            format!("{computed:08x}"),
            format!("{stored:08x}"),
        ));
    }
    Ok((kind, data))
}

fn crc(parts: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    for part in parts {
        crc.update(part);
    }
    crc.sum()
}

fn name(kind: &[u8; 4]) -> String {
    kind.escape_ascii().to_string()
}

fn density(data: &[u8]) -> Option<String> {
    let mut reader = Reader::new(data, Endian::Big);
    let (x, y) = (reader.u32("pHYs").ok()?, reader.u32("pHYs").ok()?);
    match reader.u8("pHYs").ok()? {
        1 => Some(format!("{x}x{y} per metre")),
        _ => Some(format!("{x}:{y}")),
    }
}

/// The IHDR chunk.
struct Header {
    geometry: Geometry,
    scanlines: Scanlines,
    carrying: u8,
}

impl Header {
    fn read(data: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(data, Endian::Big);
        let (columns, rows) = (reader.u32("width")?, reader.u32("height")?);
        let mut next = || reader.u8("IHDR");
        let (bits, colour, compression, filter, interlace) =
            (next()?, next()?, next()?, next()?, next()?);
        for (what, value) in [("width", columns), ("height", rows)] {
            if value == 0 || value > i32::MAX.cast_unsigned() {
                return Err(Error::malformed(
                    what,
                    format!("1..={}", i32::MAX),
                    value.to_string(),
                ));
            }
        }
        if (compression, filter) != (0, 0) {
            return Err(Error::malformed(
                "compression and filter method",
                "0 and 0",
                format!("{compression} and {filter}"),
            ));
        }
        let (channels, carrying) = match colour {
            0 => (1, 0b1),
            2 => (3, 0b111),
            4 => (2, 0b01),
            6 => (4, 0b0111),
            3 => {
                return Err(Error::refused(
                    Format::Png,
                    "its samples are palette indices (colour type 3), expected grey or RGB, with or without alpha",
                ));
            }
            other => {
                return Err(Error::malformed(
                    "colour type",
                    "0, 2, 3, 4 or 6",
                    other.to_string(),
                ));
            }
        };
        let width = match bits {
            8 => Width::Eight,
            16 => Width::Sixteen,
            1 | 2 | 4 => {
                return Err(Error::refused(
                    Format::Png,
                    format!("its samples have {bits} bits, expected 8 or 16"),
                ));
            }
            other => {
                return Err(Error::malformed(
                    "bit depth",
                    "1, 2, 4, 8 or 16",
                    other.to_string(),
                ));
            }
        };
        let geometry = Geometry {
            rows,
            columns,
            frames: 1,
            channels,
            bits_stored: bits,
            signed: false,
        };
        let scanlines = match interlace {
            0 => Scanlines::progressive(geometry, width),
            1 => Scanlines::interlaced(geometry, width),
            other => {
                return Err(Error::malformed(
                    "interlace method",
                    "0 or 1",
                    other.to_string(),
                ));
            }
        };
        Ok(Self {
            geometry,
            scanlines,
            carrying,
        })
    }
}

/// tRNS of a grey image names one value as transparent: it is reserved. Of an RGB image it names one colour, which a
/// range of values cannot express.
fn transparent(chunk: Option<&[u8]>, geometry: Geometry) -> Result<Option<(u16, u16)>> {
    match (chunk, geometry.channels) {
        (None, _) | (Some(_), 2 | 4) => Ok(None),
        (Some(data), 1) => {
            let value = Reader::new(data, Endian::Big).u16("tRNS")?;
            let value = value & (u16::MAX >> (16 - geometry.bits_stored));
            Ok(Some((value, value)))
        }
        (Some(_), _) => Err(Error::refused(
            Format::Png,
            "one of its colours is declared transparent (tRNS), expected an alpha channel or none",
        )),
    }
}

/// Inflates exactly `expected` bytes, and says how many bytes of `zlib` the zlib stream took.
fn inflate(zlib: &[u8], expected: u64) -> Result<(Vec<u8>, usize)> {
    let hold = (zlib.len() as u64).saturating_mul(MAX_EXPANSION);
    let len = match usize::try_from(expected) {
        Ok(len) if expected <= hold => len,
        _ => {
            return Err(Error::malformed(
                "IDAT",
                format!("{expected} bytes of scanlines"),
                format!("{} compressed bytes, which hold {hold} at most", zlib.len()),
            ));
        }
    };
    let mut plain = vec![0; len];
    let used = match inflate_whole(zlib, &mut plain) {
        true => zlib.len(),
        false => inflate_stepwise(zlib, &mut plain)?,
    };
    Ok((plain, used))
}

/// By libdeflate, which is faster; it says neither what is wrong nor where a stream ends, so only one that fills
/// `plain`, and whose checksum (RFC 1950, 2.2) is also the end of `zlib`, is taken to end there.
fn inflate_whole(zlib: &[u8], plain: &mut [u8]) -> bool {
    // with the checksum behind the stream
    if Decompressor::new().zlib_decompress(zlib, plain) != Ok(plain.len()) {
        return false;
    }
    let mut checksum = Adler32::new();
    checksum.write(plain);
    zlib.ends_with(&checksum.finish().to_be_bytes())
}

/// By zlib-rs, which says how many bytes of `zlib` its stream took, or what is wrong.
fn inflate_stepwise(zlib: &[u8], plain: &mut [u8]) -> Result<usize> {
    let mut inflater = Decompress::new(true);
    let (mut used, mut made) = (0, 0);
    // one step takes 4 GiB at most
    let status = loop {
        let (rest, room) = (zlib.get(used..), plain.get_mut(made..));
        let status = inflater
            .decompress(
                rest.unwrap_or_default(),
                room.unwrap_or_default(),
                FlushDecompress::Finish,
            )
            .map_err(|error| Error::malformed("IDAT", "a zlib stream", error.to_string()))?;
        let before = (used, made);
        let totals = [inflater.total_in(), inflater.total_out()];
        [used, made] = totals.map(|total| usize::try_from(total).unwrap_or(usize::MAX));
        if status == Status::StreamEnd || (used, made) == before {
            break status;
        }
    };
    match status {
        Status::StreamEnd if made == plain.len() => Ok(used),
        _ => Err(Error::malformed(
            "IDAT",
            format!("a zlib stream of {} bytes of scanlines", plain.len()),
            format!(
                "{}, {} bytes inflated",
                if status == Status::StreamEnd {
                    "its end"
                } else {
                    "no end"
                },
                inflater.total_out()
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn deflated(plain: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn whole_streams_and_those_with_something_behind_them_are_told_apart() {
        let byte = |n: u32| n.wrapping_mul(n).to_be_bytes()[2];
        let plain: Vec<u8> = (0..70_000).map(byte).collect();
        for level in [0, 1, 6] {
            let zlib = deflated(&plain, level);
            let mut room = vec![0; plain.len()];
            assert!(inflate_whole(&zlib, &mut room) && room == plain);
            let (_, checksum) = zlib.split_last_chunk::<4>().unwrap();
            for (behind, whole) in [
                (&[][..], true),
                (&[0], false),
                (b"nobody reads this", false),
                // nobody reads this either, but nothing tells so: see DESIGN.md
                (checksum, true),
            ] {
                let more = [&zlib, behind].concat();
                assert_eq!(inflate_whole(&more, &mut room), whole);
                let end = if whole { more.len() } else { zlib.len() };
                let found = inflate(&more, 70_000).unwrap();
                assert_eq!(found, (plain.clone(), end), "{level} {behind:?}");
            }
        }
    }

    #[test]
    fn streams_with_one_thing_wrong_are_refused_with_what_was_found() {
        let zlib = deflated(&[7; 1000], 6);
        let changed = |at: usize, by: u8| {
            let mut zlib = zlib.clone();
            *zlib.get_mut(at).unwrap() ^= by;
            zlib
        };
        let end = zlib.len();
        let cut = |by: usize| zlib.iter().copied().take(end - by).collect::<Vec<_>>();
        let (stream, checksum) = zlib.split_last_chunk::<4>().unwrap();
        for (wrong, expected, found) in [
            // method, window, checksum of the header, a dictionary, the first block's type
            (changed(0, 1), 1000, "header"),
            (changed(0, 0x80), 1000, "header"),
            (changed(1, 1), 1000, "header"),
            (vec![0x78, 0xBB, 1, 2, 3, 4, 5, 6, 7, 8], 1000, "dictionary"),
            (changed(2, 4), 1000, "block type"),
            // the checksum: another, behind something else, not all of it
            (changed(end - 1, 1), 1000, "data check"),
            ([stream, b"else", checksum].concat(), 1000, "data check"),
            (cut(1), 1000, "no end"),
            (cut(2), 1000, "no end"),
            (cut(3), 1000, "no end"),
            (cut(4), 1000, "no end"),
            (cut(5), 1000, "no end"),
            (cut(end - 1), 1, "no end"),
            // lengths
            (zlib.clone(), 999, "no end"),
            (zlib.clone(), 1001, "its end, 1000 bytes"),
        ] {
            let error = inflate(&wrong, expected).unwrap_err().to_string();
            assert!(error.contains(found), "{error}: {found}");
        }
    }
}

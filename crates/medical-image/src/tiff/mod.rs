//! TIFF 6.0 and `BigTIFF`: where the samples of uncompressed strips and tiles lie.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization as _;

use crate::picture::{Content, Place};
use crate::raster::{Depth, Raster, Width};
use crate::reader::Endian;
use crate::{Description, Error, Format, Geometry, Result};

mod ifd;
mod segment;

use ifd::{Ifd, Kind};
use segment::Segments;

pub(crate) fn is_tiff(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..]
    )
}

pub(crate) fn read(bytes: &[u8]) -> Result<Content> {
    let (kind, mut next) = Kind::read(bytes)?;
    let mut used = Vec::from([kind.header()]);
    let mut pages: Vec<Page> = Vec::new();
    let mut first = None;
    let mut seen = BTreeSet::new();
    let (mut claimed, mut described) = (0_u64, 0_u64);
    while next != 0 {
        if !seen.insert(next) {
            return Err(Error::malformed(
                "pages",
                "each once",
                format!("the one at byte {next} again"),
            ));
        }
        let ifd = Ifd::read(bytes, kind, next)?;
        next = ifd.next;
        // Directories that lie over one another could be as many as the file has bytes, each with entries of all of it.
        described = described.saturating_add(ifd.bytes());
        if described > bytes.len() as u64 {
            return Err(Error::malformed(
                "directories and their values",
                format!("at most the {} bytes of the file", bytes.len()),
                "more, which share bytes",
            ));
        }
        used.extend(ifd.used.iter().cloned());
        // reduced images and masks are not frames
        if ifd.value(tag::NEW_SUBFILE_TYPE)?.unwrap_or(0) & 0b101 == 0 {
            let page = Page::of(&ifd, kind)?;
            // before pages are remembered that share their bytes with others
            claimed = claimed.saturating_add(page.segments.bytes());
            if claimed > bytes.len() as u64 {
                return Err(Error::Truncated {
                    what: "pixel data".to_owned(),
                    offset: 0,
                    needed: claimed,
                    available: bytes.len() as u64,
                });
            }
            pages.push(page);
            first.get_or_insert(ifd);
        }
    }
    let (Some(ifd), Some(page)) = (first, pages.first()) else {
        return Err(Error::malformed("file", "at least one page", "none"));
    };
    if let Some(other) = pages.iter().find(|other| !page.is_like(other)) {
        return Err(Error::refused(
            Format::Tiff,
            format!("its pages differ: {} and {}", page.shape(), other.shape()),
        ));
    }
    let geometry = Geometry {
        frames: u32::try_from(pages.len()).unwrap_or(u32::MAX),
        ..page.geometry
    };
    let mut runs = Vec::new();
    let mut pixels = Vec::new();
    for (frame, page) in pages.iter().enumerate() {
        page.segments
            .runs(page.geometry, page.depth, frame as u64, &mut runs);
        pixels.extend(page.segments.ranges());
    }
    apart(&used, &pixels)?;
    let raster = Raster::new(bytes, page.depth, &runs, geometry.samples())?;
    Ok(Content {
        geometry,
        samples: raster.read(bytes)?,
        carrying: page.carrying,
        reserved: None,
        description: match ifd.text(tag::IMAGE_DESCRIPTION)? {
            Some(text) => Description::Text(text.nfc().collect()),
            None => Description::None,
        },
        header: header(&ifd)?,
        kind: Format::Tiff.to_string(),
        place: Place::Raw(raster),
    })
}

/// Tags of TIFF 6.0, part 1, section 8.
mod tag {
    pub(super) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(super) const IMAGE_WIDTH: u16 = 256;
    pub(super) const IMAGE_LENGTH: u16 = 257;
    pub(super) const BITS_PER_SAMPLE: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC_INTERPRETATION: u16 = 262;
    pub(super) const FILL_ORDER: u16 = 266;
    pub(super) const IMAGE_DESCRIPTION: u16 = 270;
    pub(super) const STRIP_OFFSETS: u16 = 273;
    pub(super) const ORIENTATION: u16 = 274;
    pub(super) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(super) const ROWS_PER_STRIP: u16 = 278;
    pub(super) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(super) const X_RESOLUTION: u16 = 282;
    pub(super) const Y_RESOLUTION: u16 = 283;
    pub(super) const PLANAR_CONFIGURATION: u16 = 284;
    pub(super) const RESOLUTION_UNIT: u16 = 296;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const TILE_LENGTH: u16 = 323;
    pub(super) const TILE_OFFSETS: u16 = 324;
    pub(super) const TILE_BYTE_COUNTS: u16 = 325;
    pub(super) const SAMPLE_FORMAT: u16 = 339;
}

/// One image of the file.
#[derive(Debug)]
struct Page {
    geometry: Geometry,
    depth: Depth,
    carrying: u8,
    segments: Segments,
}

impl Page {
    fn of(ifd: &Ifd<'_>, kind: Kind) -> Result<Self> {
        match ifd.value(tag::COMPRESSION)?.unwrap_or(1) {
            1 => {}
            other => {
                return Err(Error::refused(
                    Format::Tiff,
                    format!(
                        "its samples are compressed ({}), expected no compression (1)",
                        compression(other)
                    ),
                ));
            }
        }
        match ifd.value(tag::FILL_ORDER)?.unwrap_or(1) {
            1 => {}
            other => {
                return Err(Error::refused(
                    Format::Tiff,
                    format!(
                        "its FillOrder is {other}, which turns the bits of each byte round, expected 1"
                    ),
                ));
            }
        }
        let per_pixel = ifd.value(tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        let colours = colours(ifd)?;
        let channels = match u8::try_from(per_pixel) {
            Ok(n) if n == colours || n == colours + 1 => n,
            _ => {
                return Err(Error::refused(
                    Format::Tiff,
                    format!(
                        "it has {per_pixel} samples per pixel, expected {colours}, or one more with alpha"
                    ),
                ));
            }
        };
        let depth = depth(ifd, kind.endian(), channels)?;
        let geometry = Geometry {
            rows: dimension(ifd, tag::IMAGE_LENGTH, "ImageLength")?,
            columns: dimension(ifd, tag::IMAGE_WIDTH, "ImageWidth")?,
            frames: 1,
            channels,
            bits_stored: depth.bits_stored,
            signed: depth.signed,
        };
        let carrying = if colours == 3 { 0b111 } else { 0b1 };
        Ok(Self {
            segments: Segments::of(ifd, geometry, depth)?,
            geometry,
            depth,
            carrying,
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        self.geometry == other.geometry && self.carrying == other.carrying
    }

    fn shape(&self) -> String {
        let Geometry {
            rows,
            columns,
            channels,
            bits_stored,
            ..
        } = self.geometry;
        format!("{columns}x{rows} with {channels} samples of {bits_stored} bits")
    }
}

fn colours(ifd: &Ifd<'_>) -> Result<u8> {
    let name = match ifd.required(tag::PHOTOMETRIC_INTERPRETATION, "PhotometricInterpretation")? {
        0 | 1 => return Ok(1),
        2 => return Ok(3),
        3 => "palette indices (3)".to_owned(),
        4 => "a transparency mask (4)".to_owned(),
        5 => "CMYK (5)".to_owned(),
        6 => "YCbCr (6)".to_owned(),
        other => format!("PhotometricInterpretation {other}"),
    };
    Err(Error::refused(
        Format::Tiff,
        format!("its samples are {name}, expected grey (0, 1) or RGB (2)"),
    ))
}

fn compression(value: u64) -> String {
    let name = match value {
        2..=4 => "CCITT",
        5 => "LZW",
        6 | 7 => "JPEG",
        8 | 32946 => "Deflate",
        32773 => "PackBits",
        _ => "unknown",
    };
    format!("{name}, {value}")
}

fn depth(ifd: &Ifd<'_>, endian: Endian, channels: u8) -> Result<Depth> {
    let bits = ifd.values(tag::BITS_PER_SAMPLE)?.unwrap_or_else(|| vec![1]);
    let width = match bits.first() {
        Some(8) => Width::Eight,
        Some(16) => Width::Sixteen,
        _ => {
            return Err(Error::refused(
                Format::Tiff,
                format!("its samples have {} bits, expected 8 or 16", list(&bits)),
            ));
        }
    };
    let formats = ifd.values(tag::SAMPLE_FORMAT)?.unwrap_or_else(|| vec![1]);
    let signed = match formats.first() {
        Some(1 | 4) => false,
        Some(2) => true,
        _ => {
            return Err(Error::refused(
                Format::Tiff,
                format!(
                    "its sample format is {}, expected integers (1, 2)",
                    list(&formats)
                ),
            ));
        }
    };
    for (what, values) in [("BitsPerSample", &bits), ("SampleFormat", &formats)] {
        let alike = values.iter().all(|value| Some(value) == values.first());
        if !alike || (values.len() != usize::from(channels) && values.len() != 1) {
            return Err(Error::refused(
                Format::Tiff,
                format!(
                    "its {what} is {}, expected the same for all {channels} channels",
                    list(values)
                ),
            ));
        }
    }
    Ok(Depth::full(width, endian, signed))
}

fn list(values: &[u64]) -> String {
    let shown: Vec<String> = values.iter().take(8).map(u64::to_string).collect();
    shown.join(", ")
}

fn dimension(ifd: &Ifd<'_>, tag: u16, name: &str) -> Result<u32> {
    let value = ifd.required(tag, name)?;
    match u32::try_from(value) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(Error::malformed(
            name,
            format!("1..={}", u32::MAX),
            value.to_string(),
        )),
    }
}

/// Refuses samples that share bytes with one another or with the file's structure: they could not be replaced one by
/// one, and a short file could claim many of them.
fn apart(used: &[Range<u64>], pixels: &[Range<u64>]) -> Result<()> {
    let mut all: Vec<(&Range<u64>, bool)> = used.iter().map(|range| (range, false)).collect();
    all.extend(pixels.iter().map(|range| (range, true)));
    all.sort_by_key(|(range, _)| (range.start, range.end));
    let (mut structure, mut samples) = (0, 0);
    for (range, is_pixels) in all {
        let limit = if is_pixels {
            samples.max(structure)
        } else {
            samples
        };
        if range.start < limit && !range.is_empty() {
            return Err(Error::refused(
                Format::Tiff,
                format!(
                    "its samples overlap with something else at byte {}",
                    range.start
                ),
            ));
        }
        let reach = if is_pixels {
            &mut samples
        } else {
            &mut structure
        };
        *reach = range.end.max(*reach);
    }
    Ok(())
}

fn header(ifd: &Ifd<'_>) -> Result<BTreeMap<String, String>> {
    let mut header = BTreeMap::new();
    for (tag, name) in [
        (tag::ORIENTATION, "Orientation"),
        (tag::RESOLUTION_UNIT, "ResolutionUnit"),
    ] {
        if let Some(value) = ifd.value(tag)? {
            header.insert(name.to_owned(), value.to_string());
        }
    }
    for (tag, name) in [
        (tag::X_RESOLUTION, "XResolution"),
        (tag::Y_RESOLUTION, "YResolution"),
    ] {
        if let Some((numerator, denominator)) = ifd.rational(tag)? {
            header.insert(name.to_owned(), format!("{numerator}/{denominator}"));
        }
    }
    Ok(header)
}

//! The Image Pixel module (PS3.3 C.7.6.3): what the samples are and where they lie in the pixel data.

use dicom_core::{Tag, VR};

use super::attributes::Attributes;
use super::element::Element;
use super::syntax::Syntax;
use crate::raster::{Depth, Raster, Repeat, Run, Width};
use crate::reader::Endian;
use crate::{Error, Format, Geometry, Result};

const SAMPLES_PER_PIXEL: Tag = Tag(0x0028, 0x0002);
const PHOTOMETRIC_INTERPRETATION: Tag = Tag(0x0028, 0x0004);
const PLANAR_CONFIGURATION: Tag = Tag(0x0028, 0x0006);
const NUMBER_OF_FRAMES: Tag = Tag(0x0028, 0x0008);
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
const BITS_STORED: Tag = Tag(0x0028, 0x0101);
const HIGH_BIT: Tag = Tag(0x0028, 0x0102);
const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);
const PIXEL_PADDING_VALUE: Tag = Tag(0x0028, 0x0120);
const PIXEL_PADDING_RANGE_LIMIT: Tag = Tag(0x0028, 0x0121);

/// How the channels of a colour image follow one another.
#[derive(Clone, Copy, Debug)]
enum Planes {
    Interleaved,
    Apart,
}

#[derive(Debug)]
pub(crate) struct Image {
    rows: u16,
    columns: u16,
    frames: u32,
    channels: u8,
    planes: Planes,
    depth: Depth,
    /// Eight-bit samples in big-endian words of sixteen.
    swapped: bool,
}

impl Image {
    pub(crate) fn of(
        attributes: &Attributes<'_>,
        pixel_data: &Element<'_>,
        syntax: Syntax,
    ) -> Result<Self> {
        let channels = channels(attributes)?;
        let planes = match attributes.word(PLANAR_CONFIGURATION, "PlanarConfiguration")? {
            _ if channels == 1 => Planes::Interleaved,
            None | Some(0) => Planes::Interleaved,
            Some(1) => Planes::Apart,
            Some(other) => {
                return Err(Error::malformed(
                    "PlanarConfiguration",
                    "0 or 1",
                    other.to_string(),
                ));
            }
        };
        let rows = dimension(attributes, ROWS, "Rows")?;
        let columns = dimension(attributes, COLUMNS, "Columns")?;
        let depth = depth(attributes, syntax)?;
        Ok(Self {
            rows,
            columns,
            frames: frames(attributes)?,
            channels,
            planes,
            depth,
            // PS3.5 8.1.2, A.3
            swapped: syntax.endian == Endian::Big
                && depth.width == Width::Eight
                && pixel_data.vr == VR::OW,
        })
    }

    pub(crate) fn geometry(&self) -> Geometry {
        Geometry {
            rows: u32::from(self.rows),
            columns: u32::from(self.columns),
            frames: self.frames,
            channels: self.channels,
            bits_stored: self.depth.bits_stored,
            signed: self.depth.signed,
        }
    }

    pub(crate) fn carrying(&self) -> u8 {
        if self.channels == 3 { 0b111 } else { 0b1 }
    }

    /// Where the samples lie; refuses pixel data that is shorter than the attributes say.
    pub(crate) fn raster(&self, file: &[u8], pixel_data: &Element<'_>) -> Result<Raster> {
        let geometry = self.geometry();
        let needed = geometry.samples().saturating_mul(self.depth.width.bytes());
        if needed > pixel_data.value.len() as u64 {
            return Err(Error::malformed(
                "PixelData",
                format!(
                    "{needed} bytes for {}x{} pixels, {} frames, {} samples per pixel of {} bits",
                    self.columns,
                    self.rows,
                    self.frames,
                    self.channels,
                    self.depth.width.bits()
                ),
                format!("{} bytes", pixel_data.value.len()),
            ));
        }
        let start = pixel_data.offset as u64;
        let raster = Raster::new(file, self.depth, &self.runs(start), geometry.samples())?;
        Ok(if self.swapped {
            raster.with_swapped_pairs(pixel_data.offset..pixel_data.offset + pixel_data.value.len())
        } else {
            raster
        })
    }

    fn runs(&self, start: u64) -> Vec<Run> {
        match self.planes {
            Planes::Interleaved => {
                vec![Run {
                    byte: start,
                    first: 0,
                    count: self.geometry().samples(),
                    step: 1,
                    repeat: Repeat::ONCE,
                }]
            }
            Planes::Apart => {
                let pixels = u64::from(self.rows) * u64::from(self.columns);
                let channels = u64::from(self.channels);
                let plane = pixels * self.depth.width.bytes();
                (0..channels)
                    .map(|channel| Run {
                        byte: start + channel * plane,
                        first: channel,
                        count: pixels,
                        step: self.channels,
                        repeat: Repeat {
                            times: u64::from(self.frames),
                            bytes: channels * plane,
                            samples: channels * pixels,
                        },
                    })
                    .collect()
            }
        }
    }

    /// Pixel Padding Value, with its range limit if there is one (PS3.3 C.7.5.1.1.2); grey images only.
    pub(crate) fn reserved(&self, attributes: &Attributes<'_>) -> Result<Option<(u16, u16)>> {
        let value = attributes.word(PIXEL_PADDING_VALUE, "PixelPaddingValue")?;
        let limit = attributes.word(PIXEL_PADDING_RANGE_LIMIT, "PixelPaddingRangeLimit")?;
        Ok(match value {
            Some(value) if self.channels == 1 => {
                // both are written as samples are, but always in the low bits of their word
                let depth = Depth {
                    shift: 0,
                    ..self.depth
                };
                let (value, limit) = (depth.decode(value), depth.decode(limit.unwrap_or(value)));
                Some((value.min(limit), value.max(limit)))
            }
            _ => None,
        })
    }
}

fn channels(attributes: &Attributes<'_>) -> Result<u8> {
    let photometric = attributes.text(PHOTOMETRIC_INTERPRETATION).ok_or_else(|| {
        Error::malformed(
            "data set",
            format!("PhotometricInterpretation {PHOTOMETRIC_INTERPRETATION}"),
            "none",
        )
    })?;
    let expected = match photometric.as_str() {
        "MONOCHROME1" | "MONOCHROME2" => 1,
        "RGB" | "YBR_FULL" => 3,
        "PALETTE COLOR" => {
            return Err(Error::refused(
                Format::Dicom,
                "its samples are palette indices (PALETTE COLOR), neighbouring ones are no similar colours; \
                 expected MONOCHROME1, MONOCHROME2, RGB or YBR_FULL",
            ));
        }
        other => {
            return Err(Error::refused(
                Format::Dicom,
                format!(
                    "its photometric interpretation is {other:?}, expected MONOCHROME1, MONOCHROME2, RGB or YBR_FULL"
                ),
            ));
        }
    };
    match attributes.required(SAMPLES_PER_PIXEL, "SamplesPerPixel")? {
        found if found == u16::from(expected) => Ok(expected),
        found => Err(Error::malformed(
            "SamplesPerPixel",
            format!("{expected} for {photometric}"),
            found.to_string(),
        )),
    }
}

fn dimension(attributes: &Attributes<'_>, tag: Tag, name: &str) -> Result<u16> {
    match attributes.required(tag, name)? {
        0 => Err(Error::malformed(name, "at least 1", "0")),
        n => Ok(n),
    }
}

fn frames(attributes: &Attributes<'_>) -> Result<u32> {
    match attributes.text(NUMBER_OF_FRAMES) {
        None => Ok(1),
        Some(text) => match text.parse() {
            Ok(frames) if frames > 0 => Ok(frames),
            _ => Err(Error::malformed(
                "NumberOfFrames",
                "an integer of at least 1",
                format!("{text:?}"),
            )),
        },
    }
}

fn depth(attributes: &Attributes<'_>, syntax: Syntax) -> Result<Depth> {
    let width = match attributes.required(BITS_ALLOCATED, "BitsAllocated")? {
        8 => Width::Eight,
        16 => Width::Sixteen,
        other => {
            return Err(Error::refused(
                Format::Dicom,
                format!("its samples have {other} bits allocated, expected 8 or 16"),
            ));
        }
    };
    let allocated = u16::from(width.bits());
    let stored = attributes.required(BITS_STORED, "BitsStored")?;
    let high = attributes.required(HIGH_BIT, "HighBit")?;
    if stored == 0 || stored > allocated {
        return Err(Error::malformed(
            "BitsStored",
            format!("1..={allocated}"),
            stored.to_string(),
        ));
    }
    if high >= allocated || high + 1 < stored {
        return Err(Error::malformed(
            "HighBit",
            format!("{}..={}", stored - 1, allocated - 1),
            high.to_string(),
        ));
    }
    let signed = match attributes.required(PIXEL_REPRESENTATION, "PixelRepresentation")? {
        0 => false,
        1 => true,
        other => {
            return Err(Error::malformed(
                "PixelRepresentation",
                "0 or 1",
                other.to_string(),
            ));
        }
    };
    let [bits_stored, _] = stored.to_le_bytes();
    let [shift, _] = (high + 1 - stored).to_le_bytes();
    Ok(Depth {
        width,
        endian: syntax.endian,
        shift,
        bits_stored,
        signed,
    })
}

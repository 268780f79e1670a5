//! Image file directories (TIFF 6.0 section 2; `BigTIFF`): tags and their values.

use core::ops::Range;
use std::collections::BTreeMap;

use crate::reader::{Endian, Reader};
use crate::{Error, Result};

/// Byte order and width of offsets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    endian: Endian,
    offsets: Offsets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offsets {
    /// TIFF 6.0.
    Four,
    /// `BigTIFF`.
    Eight,
}

impl Kind {
    /// Reads the header; says besides where the first directory is.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, u64)> {
        let endian = if bytes.starts_with(b"II") {
            Endian::Little
        } else {
            Endian::Big
        };
        let mut reader = Reader::new(bytes, endian).at(2, "header")?;
        if reader.u16("header")? == 42 {
            let first = reader.u32("header")?;
            return Ok((
                Self {
                    endian,
                    offsets: Offsets::Four,
                },
                u64::from(first),
            ));
        }
        match (reader.u16("header")?, reader.u16("header")?) {
            (8, 0) => Ok((
                Self {
                    endian,
                    offsets: Offsets::Eight,
                },
                reader.u64("header")?,
            )),
            (width, zero) => Err(Error::malformed(
                "BigTIFF header",
                "8 and 0",
                format!("{width} and {zero}"),
            )),
        }
    }

    pub(crate) fn endian(self) -> Endian {
        self.endian
    }

    /// The bytes of the file's header.
    pub(crate) fn header(self) -> Range<u64> {
        match self.offsets {
            Offsets::Four => 0..8,
            Offsets::Eight => 0..16,
        }
    }

    /// A number as wide as an offset.
    fn offset(self, reader: &mut Reader<'_>) -> Result<u64> {
        match self.offsets {
            Offsets::Four => reader.u32("offset").map(u64::from),
            Offsets::Eight => reader.u64("offset"),
        }
    }
}

/// One directory.
#[derive(Debug)]
pub(crate) struct Ifd<'a> {
    entries: BTreeMap<u16, Entry<'a>>,
    endian: Endian,
    /// Where the next directory is; 0 when there is none.
    pub(crate) next: u64,
    /// The bytes that directory and values take.
    pub(crate) used: Vec<Range<u64>>,
}

#[derive(Debug)]
struct Entry<'a> {
    field: u16,
    value: &'a [u8],
}

impl<'a> Ifd<'a> {
    pub(crate) fn read(bytes: &'a [u8], kind: Kind, at: u64) -> Result<Self> {
        let mut reader = Reader::new(bytes, kind.endian).at(at, "directory")?;
        let count = match kind.offsets {
            Offsets::Four => u64::from(reader.u16("directory")?),
            Offsets::Eight => reader.u64("directory")?,
        };
        let mut entries = BTreeMap::new();
        let mut used = Vec::new();
        for _ in 0..count {
            let tag = reader.u16("directory entry")?;
            let field = reader.u16("directory entry")?;
            let values = kind.offset(&mut reader)?;
            let inline = reader.clone();
            let offset = kind.offset(&mut reader)?;
            let len = values.saturating_mul(width(field));
            let value = if len <= (reader.position() - inline.position()) as u64 {
                inline.clone().take(len, "value")?
            } else {
                let what = format!("values of tag {tag}");
                used.push(offset..offset.saturating_add(len));
                inline.at(offset, &what)?.take(len, &what)?
            };
            if entries.insert(tag, Entry { field, value }).is_some() {
                return Err(Error::malformed(
                    "directory",
                    format!("tag {tag} once"),
                    "it twice",
                ));
            }
        }
        let next = kind.offset(&mut reader)?;
        used.push(at..reader.position() as u64);
        Ok(Self {
            entries,
            endian: kind.endian,
            next,
            used,
        })
    }

    /// How many bytes directory and values take.
    pub(crate) fn bytes(&self) -> u64 {
        self.used
            .iter()
            .fold(0, |sum, range| sum.saturating_add(range.end - range.start))
    }

    /// All values of an unsigned integer tag.
    pub(crate) fn values(&self, tag: u16) -> Result<Option<Vec<u64>>> {
        let Some(Entry { field, value }) = self.entries.get(&tag) else {
            return Ok(None);
        };
        let mut reader = Reader::new(value, self.endian);
        let mut values = Vec::new();
        while !reader.rest().is_empty() {
            values.push(match field {
                1 => u64::from(reader.u8("value")?),
                3 => u64::from(reader.u16("value")?),
                4 | 13 => u64::from(reader.u32("value")?),
                16 | 18 => reader.u64("value")?,
                other => {
                    return Err(Error::malformed(
                        format!("tag {tag}"),
                        "an unsigned integer type",
                        format!("type {other}"),
                    ));
                }
            });
        }
        Ok(Some(values))
    }

    /// The first value of an unsigned integer tag.
    pub(crate) fn value(&self, tag: u16) -> Result<Option<u64>> {
        Ok(self.values(tag)?.and_then(|values| values.first().copied()))
    }

    /// The first value of a tag without which there is no image.
    pub(crate) fn required(&self, tag: u16, name: &str) -> Result<u64> {
        self.value(tag)?
            .ok_or_else(|| Error::malformed("directory", format!("{name} (tag {tag})"), "none"))
    }

    /// An ASCII tag, as UTF-8 where it is.
    pub(crate) fn text(&self, tag: u16) -> Result<Option<String>> {
        match self.entries.get(&tag) {
            Some(Entry { field: 2, value }) => {
                let text = String::from_utf8_lossy(value);
                let text = text.trim_matches(['\0', ' ']);
                Ok((!text.is_empty()).then(|| text.to_owned()))
            }
            Some(Entry { field, .. }) => Err(Error::malformed(
                format!("tag {tag}"),
                "ASCII (2)",
                format!("type {field}"),
            )),
            None => Ok(None),
        }
    }

    /// Numerator and denominator of a RATIONAL tag.
    pub(crate) fn rational(&self, tag: u16) -> Result<Option<(u32, u32)>> {
        match self.entries.get(&tag) {
            Some(Entry { field: 5, value }) => {
                let mut reader = Reader::new(value, self.endian);
                Ok(Some((reader.u32("numerator")?, reader.u32("denominator")?)))
            }
            _ => Ok(None),
        }
    }
}

/// Bytes of one value; unknown types are stepped over as if they had one.
fn width(field: u16) -> u64 {
    match field {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 1,
    }
}

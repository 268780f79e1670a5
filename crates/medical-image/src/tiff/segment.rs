//! Strips and tiles of one page (TIFF 6.0 section 3 and 15).

use core::ops::Range;

use super::ifd::Ifd;
use super::tag;
use crate::raster::{Depth, Repeat, Run};
use crate::{Error, Geometry, Result};

/// Rectangles of pixels, row after row of them, plane after plane.
#[derive(Debug)]
pub(crate) struct Segments {
    offsets: Vec<u64>,
    /// Rows and columns stored per segment; a strip's last one may have fewer rows.
    rows: u64,
    columns: u64,
    kind: Kind,
    /// Samples per stored pixel: all channels, or one when they lie in planes.
    channels: u64,
    /// Bytes per stored pixel.
    pixel: u64,
    /// Rows of the page.
    height: u64,
    /// Segments in a plane.
    per_plane: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Strips,
    Tiles,
}

impl Segments {
    pub(crate) fn of(ifd: &Ifd<'_>, geometry: Geometry, depth: Depth) -> Result<Self> {
        let (height, width) = (u64::from(geometry.rows), u64::from(geometry.columns));
        let planes = match ifd.value(tag::PLANAR_CONFIGURATION)?.unwrap_or(1) {
            1 => 1,
            2 => u64::from(geometry.channels),
            other => {
                return Err(Error::malformed(
                    "PlanarConfiguration",
                    "1 or 2",
                    other.to_string(),
                ));
            }
        };
        let (kind, rows, columns, offsets, counts) = match ifd.value(tag::TILE_WIDTH)? {
            Some(columns) => (
                Kind::Tiles,
                ifd.required(tag::TILE_LENGTH, "TileLength")?,
                columns,
                tag::TILE_OFFSETS,
                tag::TILE_BYTE_COUNTS,
            ),
            None => {
                let rows = ifd
                    .value(tag::ROWS_PER_STRIP)?
                    .unwrap_or(height)
                    .min(height);
                (
                    Kind::Strips,
                    rows,
                    width,
                    tag::STRIP_OFFSETS,
                    tag::STRIP_BYTE_COUNTS,
                )
            }
        };
        if rows == 0 || columns == 0 || rows > u64::from(u32::MAX) || columns > u64::from(u32::MAX)
        {
            return Err(Error::malformed(
                "size of strips or tiles",
                format!("1..={}", u32::MAX),
                format!("{columns}x{rows}"),
            ));
        }
        let per_plane = height
            .div_ceil(rows)
            .saturating_mul(width.div_ceil(columns));
        let channels = u64::from(geometry.channels) / planes;
        let expected = per_plane.saturating_mul(planes);
        let list = |tag: u16, name: &str| -> Result<Vec<u64>> {
            let values = ifd.values(tag)?.unwrap_or_default();
            if values.len() as u64 == expected {
                Ok(values)
            } else {
                Err(Error::malformed(
                    name,
                    format!("{expected} values"),
                    values.len().to_string(),
                ))
            }
        };
        let segments = Self {
            offsets: list(offsets, "offsets of strips or tiles")?,
            rows,
            columns,
            kind,
            channels,
            pixel: channels * depth.width.bytes(),
            height,
            per_plane,
        };
        let counts = list(counts, "byte counts of strips or tiles")?;
        for (index, (range, count)) in segments.ranges().zip(counts).enumerate() {
            let needed = range.end - range.start;
            if count < needed {
                return Err(Error::malformed(
                    format!("byte count of strip or tile {index}"),
                    format!("at least {needed}"),
                    count.to_string(),
                ));
            }
        }
        Ok(segments)
    }

    /// The bytes that hold pixels, padding of tiles included.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<u64>> {
        (0_u64..).zip(&self.offsets).map(|(index, offset)| {
            let bytes = self
                .stored_rows(index)
                .saturating_mul(self.columns)
                .saturating_mul(self.pixel);
            *offset..offset.saturating_add(bytes)
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.ranges()
            .fold(0, |sum, range| sum.saturating_add(range.end - range.start))
    }

    /// Rows stored in a segment: a last strip has what is left, a last tile is padded.
    fn stored_rows(&self, index: u64) -> u64 {
        match self.kind {
            Kind::Tiles => self.rows,
            Kind::Strips => self
                .rows
                .min(self.height - index % self.per_plane * self.rows),
        }
    }

    /// Where the samples of the page lie, as frame `frame` of the buffer.
    pub(crate) fn runs(&self, geometry: Geometry, depth: Depth, frame: u64, runs: &mut Vec<Run>) {
        let (height, width) = (u64::from(geometry.rows), u64::from(geometry.columns));
        let all = u64::from(geometry.channels);
        let across = width.div_ceil(self.columns);
        for (index, range) in (0_u64..).zip(self.ranges()) {
            let (plane, place) = (index / self.per_plane, index % self.per_plane);
            let (top, left) = (place / across * self.rows, place % across * self.columns);
            let columns = self.columns.min(width - left);
            let rows = self.stored_rows(index).min(height - top);
            // rows that follow one another in file and buffer are one run
            let (rows, count) = if columns == width && self.columns == width {
                (1, rows * columns * self.channels)
            } else {
                (rows, columns * self.channels)
            };
            let step = if self.channels == all {
                1
            } else {
                geometry.channels
            };
            runs.push(Run {
                byte: range.start,
                first: ((frame * height + top) * width + left) * all + plane,
                count,
                step,
                repeat: Repeat {
                    times: rows,
                    bytes: self.columns * self.channels * depth.width.bytes(),
                    samples: width * all,
                },
            });
        }
    }
}

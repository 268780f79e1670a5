//! DICOM: where the samples lie in a file of PS3.10 or a bare data set of PS3.5, and what the attributes say.

use crate::picture::{Content, Place};
use crate::{Error, Format, Result};

mod attributes;
mod element;
mod image;
mod syntax;
mod text;

pub(crate) use syntax::start;

use attributes::Attributes;
use syntax::Syntax;

/// Reads the file whose first data element is at `start`.
pub(crate) fn read(bytes: &[u8], start: usize) -> Result<Content> {
    let (syntax, at) = Syntax::of(bytes, start)?;
    let (attributes, pixel_data) = Attributes::read(bytes, syntax, at)?;
    let pixel_data = pixel_data.ok_or_else(|| {
        Error::refused(
            Format::Dicom,
            "it has no pixel data, expected element (7FE0,0010)",
        )
    })?;
    let image = image::Image::of(&attributes, &pixel_data, syntax)?;
    let raster = image.raster(bytes, &pixel_data)?;
    Ok(Content {
        geometry: image.geometry(),
        samples: raster.read(bytes)?,
        carrying: image.carrying(),
        reserved: image.reserved(&attributes)?,
        description: attributes.description(),
        header: attributes.header(),
        kind: attributes.kind(),
        place: Place::Raw(raster),
    })
}

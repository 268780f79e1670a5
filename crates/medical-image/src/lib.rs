#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]
#![doc = include_str!("../README.md")]
//!
//! # Where to begin
//!
//! [`Picture::read`] takes a file, [`Picture::samples`] and [`Picture::geometry`] say what is in it, [`Picture::patch`]
//! makes the file with other samples, and [`restore`] makes the first one again.

mod dicom;
mod error;
mod picture;
mod png;
mod raster;
mod reader;
mod tiff;

pub use error::{Error, Result};
pub use picture::{
    Description, Format, Geometry, Patched, Picture, Samples, restore, restore_attached,
};

#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}

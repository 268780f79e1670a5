#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! | to | use |
//! |---|---|
//! | say how samples lie in memory | [`Layout`], [`Cover`], [`CoverMut`] |
//! | say how to embed | [`Options`], [`Bits`], [`Scheme`], [`Hamming`], [`Level`] |
//! | embed where only a key tells | [`Key`], [`Options::key`] |
//! | ask what fits | [`capacity`], [`framed_bits`] |
//! | embed and extract, framed | [`embed`], [`extract`] |
//! | extract what was embedded with options that are not known | [`extract_any`], [`search`] |
//! | get the original back | [`Scheme::Reversible`], [`recover`] |
//! | embed where the content hides it | [`Scheme::Adaptive`], [`cost`], [`trellis`] |
//! | read and write payload bits, raw | [`read_bits`], [`read_bits_into`], [`write_bits`] |
//! | measure distortion and similarity (feature `std`) | [`metric`] |
//! | look for a payload (feature `std`) | [`detect`] |

#![no_std]
#![warn(clippy::std_instead_of_core)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}

pub mod cost;
#[cfg(feature = "std")]
pub mod detect;
#[cfg(feature = "std")]
pub mod metric;
pub mod trellis;

mod adaptive;
mod arch;
mod bits;
mod capacity;
mod checksum;
mod cover;
mod embed;
mod error;
mod extract;
mod frame;
mod interleave;
mod join;
mod key;
mod matrix;
mod options;
mod part;
mod path;
#[cfg(feature = "std")]
mod plane;
mod reversible;
mod walk;

pub use crate::arch::Level;
pub use crate::bits::{read_bits, read_bits_into, write_bits};
#[cfg(feature = "rayon")]
pub use crate::bits::{read_bits_par, write_bits_par};
pub use crate::capacity::{Capacity, capacity};
pub use crate::cover::{Cover, CoverMut, Layout, Sample};
#[cfg(feature = "rayon")]
pub use crate::embed::embed_par;
pub use crate::embed::{Embedded, embed};
pub use crate::error::{Error, Result};
pub use crate::extract::{extract, extract_any, search};
#[cfg(feature = "rayon")]
pub use crate::extract::{extract_any_par, extract_par};
pub use crate::frame::framed_bits;
pub use crate::key::Key;
pub use crate::options::{Bits, Hamming, Options, Scheme};
pub use crate::reversible::recover;

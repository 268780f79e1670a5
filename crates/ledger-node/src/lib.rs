#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod access;
pub mod alone;
mod error;

pub use access::{Access, Event};
pub use alone::{Founding, Node, Opening};
pub use error::{Error, Result};
pub use ledger_core;

/// Why it is built like this.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}

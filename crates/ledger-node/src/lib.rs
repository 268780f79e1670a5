#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod alone;
mod error;

pub use alone::{Founding, Node, Opening};
pub use error::{Error, Result};
pub use ledger_core;

/// Why it is built like this.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}

#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod access;
pub mod alone;
#[cfg(feature = "client")]
pub mod client;
mod error;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "client", feature = "http"))]
pub mod reader;

pub use access::{Access, Event, Location};
pub use alone::{Founding, Node, Opening};
#[cfg(feature = "client")]
pub use client::{Client, Connecting};
pub use error::{Error, Result};
pub use ledger_core;

/// Why it is built like this.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}

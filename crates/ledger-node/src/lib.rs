#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod access;
pub mod alone;
pub mod batch;
#[cfg(feature = "client")]
pub mod client;
mod error;
mod file;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "client", feature = "http"))]
pub mod reader;
pub mod tile;
pub mod witness;

pub use access::{Access, Event, Location};
pub use alone::{Founding, Importing, Node, Opening};
#[cfg(feature = "client")]
pub use client::{Client, Connecting};
pub use error::{Error, Result};
pub use ledger_core;
pub use witness::Witnessing;

/// Why it is built like this.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}

#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod block;
pub mod car;
pub mod dag;
#[cfg(feature = "embedded")]
mod embedded;
mod error;
mod hash;
#[cfg(feature = "ipfs-api")]
mod ipfs_api;
#[cfg(feature = "kubo")]
mod kubo;
mod memory;
mod profile;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod varint;

pub use block::{Block, MAX_BLOCK, MAX_IDENTITY};
pub use cid::Cid;
#[cfg(feature = "embedded")]
pub use embedded::{Collected, EmbeddedStore, Hold, Size};
pub use error::{Error, Result};
pub use hash::parse_cid;
#[cfg(feature = "ipfs-api")]
pub use ipfs_api::IpfsApi;
#[cfg(feature = "kubo")]
pub use kubo::{Auth, Endpoint, Erased, Gateway, Kubo, Reach, Sent, Warning};
pub use memory::MemoryStore;
pub use profile::Profile;
pub use store::{BlockStore, Counting};

/// Why it is built like this.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}

#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! | to | use |
//! |---|---|
//! | say what is claimed, bring what proves it, and verify | [`Claim`], [`Evidence`], [`Trust`], [`Policy`], [`verify`] |
//! | read the answer | [`Verified`], [`Rejected`], [`Check`], [`Step`] |
//! | verify a stego image that left its envelope | [`LooseImage`], [`VerifiedImage`] |
//! | hide a record in an image, as a sender | [`HiddenRecord`], [`Description`], [`HidingKey`], [`conceal`] |
//! | put a share together, as a sender | [`Manifest`], [`Instance`], [`MANIFEST_NAME`] |

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod claim;
mod codec;
mod description;
mod digest;
mod error;
mod evidence;
mod hidden;
mod image;
mod loose;
mod manifest;
mod policy;
mod step;
#[cfg(feature = "testing")]
pub mod testing;
mod verified;
mod verify;

pub use claim::Claim;
pub use description::{Description, MAX_DESCRIPTION, Salt};
pub use digest::{ContentDigest, file_digest, header_digest, samples_digest};
pub use error::{Error, Rejected, Result};
pub use evidence::Evidence;
pub use hidden::{Binding, HiddenRecord, HidingKey, MAX_HIDDEN, rfc3339};
pub use image::{Concealed, HidingScheme, conceal, layout};
pub use loose::{LooseImage, VerifiedImage};
pub use manifest::{Instance, MANIFEST_NAME, MAX_MANIFEST, Manifest};
pub use policy::{Policy, RevokedSender};
pub use step::{Check, Step};
pub use verified::Verified;
pub use verify::verify;

pub use ipfs_store::BlockStore;
pub use ledger_core::{self, Address, Commitment, ShareId, Trust};
pub use medical_image;
pub use pgp_envelope;

/// Why it is built like this, and which attack stops at which step.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod _design {}

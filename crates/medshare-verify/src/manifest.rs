//! The manifest of a share: what is in it, and what its receivers need besides the images.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec::{decode, encode};
use crate::{HidingKey, Result};

/// The name of the manifest's envelope in the share's directory.
pub const MANIFEST_NAME: &str = "manifest.pgp";
/// The most bytes of a manifest: it carries the replaced bits of images that cannot hold them.
pub const MAX_MANIFEST: usize = 1 << 30;

/// The version of the manifest.
const FORMAT: u64 = 1;

/// What a share holds, in order. Canonical DAG-CBOR inside an envelope of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u64,
    /// The key of the hidden records; absent when they are readable by everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hiding_key: Option<HidingKey>,
    instances: Vec<Instance>,
}

/// One image of a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "senders build it field by field")]
pub struct Instance {
    /// The name of its envelope in the share's directory.
    pub envelope: String,
    /// What the sender called the file: a name without folders, for people.
    pub name: String,
    /// The bits that hiding replaced, when the image could not keep them itself.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<u8>,
    /// What the file format needs to come back byte for byte ([`medical_image::Patched::restore`]).
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Vec::is_empty")]
    pub restore: Vec<u8>,
}

impl Manifest {
    /// Puts a manifest together.
    #[must_use]
    pub const fn new(hiding_key: Option<HidingKey>, instances: Vec<Instance>) -> Self {
        Self {
            format: FORMAT,
            hiding_key,
            instances,
        }
    }

    /// The key of the hidden records; none when they are readable by everybody.
    #[must_use]
    pub const fn hiding_key(&self) -> Option<&HidingKey> {
        self.hiding_key.as_ref()
    }

    /// The images, in order.
    #[must_use]
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Reads a manifest: exactly its canonical bytes, at most [`MAX_MANIFEST`].
    ///
    /// # Errors
    ///
    /// [`crate::Error::Malformed`], also for another format than 1.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "a manifest";
        let manifest: Self = decode(bytes, WHAT, MAX_MANIFEST)?;
        if manifest.format != FORMAT {
            return Err(crate::Error::Malformed {
                what: WHAT,
                reason: format!("expected format {FORMAT}, found {}", manifest.format),
            });
        }
        Ok(manifest)
    }

    /// The canonical bytes; wiped when they go out of scope, because the hiding key is in them.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(encode(self))
    }
}

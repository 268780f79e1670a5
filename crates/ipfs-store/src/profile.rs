//! How a file becomes a DAG.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A CID profile: everything that decides which root a file gets, under the name that IPFS gives it.
///
/// The same bytes under the same profile have the same root, whoever adds them. Names and values: IPIP-499 and Kubo's
/// import profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// `unixfs-v1-2025`: CIDv1, raw leaves of 1 MiB, 1024 links to a node.
    #[default]
    UnixfsV1_2025,
    /// `test-cid-v1`, Kubo's `--cid-version=1`: CIDv1, raw leaves of 256 KiB, 174 links to a node.
    Cidv1_256k,
    /// `legacy-cid-v0` (`unixfs-v0-2015`): CIDv0, leaves of 256 KiB inside dag-pb, 174 links to a node.
    LegacyCidv0,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::UnixfsV1_2025, Self::Cidv1_256k, Self::LegacyCidv0];

    /// The name that IPFS gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnixfsV1_2025 => "unixfs-v1-2025",
            Self::Cidv1_256k => "test-cid-v1",
            Self::LegacyCidv0 => "legacy-cid-v0",
        }
    }

    /// The bytes of a file in one leaf.
    #[must_use]
    pub const fn chunk(self) -> usize {
        match self {
            Self::UnixfsV1_2025 => 1 << 20,
            Self::Cidv1_256k | Self::LegacyCidv0 => 256 << 10,
        }
    }

    /// The most links of one node of a file.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::UnixfsV1_2025 => 1024,
            Self::Cidv1_256k | Self::LegacyCidv0 => 174,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        if name == "unixfs-v0-2015" {
            return Ok(Self::LegacyCidv0); // IPIP-499's name for it
        }
        Self::ALL
            .into_iter()
            .find(|profile| profile.name() == name)
            .ok_or_else(|| Error::UnknownProfile {
                name: name.chars().take(80).collect(),
            })
    }
}

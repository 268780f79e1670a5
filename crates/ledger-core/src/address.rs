//! Who: addresses are OpenPGP fingerprints.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hash::read_hex;
use crate::{Error, Result};

/// The address of a member: the fingerprint of its OpenPGP cert, 32 bytes (version 6) or 20 (version 4).
///
/// Shown as OpenPGP programs show fingerprints, in upper-case hexadecimal; read in either case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    // the bytes, then zeros; the order is that of the bytes, then of the length
    bytes: [u8; 32],
    length: u8,
}

impl Address {
    /// Takes a fingerprint of 20 or 32 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for any other length.
    pub fn new(fingerprint: &[u8]) -> Result<Self> {
        let length = match fingerprint.len() {
            20 => 20,
            32 => 32,
            other => {
                return Err(Error::Malformed {
                    what: "an address",
                    reason: format!("expected a fingerprint of 20 or 32 bytes, found {other}"),
                });
            }
        };
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(fingerprint)
            .for_each(|(to, from)| *to = *from);
        Ok(Self { bytes, length })
    }

    /// The fingerprint.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or(&self.bytes)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = read_hex(text).ok_or_else(|| Error::Malformed {
            what: "an address",
            reason: "expected a fingerprint in hexadecimal".to_owned(),
        })?;
        Self::new(&bytes)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&serde_bytes::Bytes>::deserialize(deserializer)?;
        Self::new(bytes).map_err(serde::de::Error::custom)
    }
}

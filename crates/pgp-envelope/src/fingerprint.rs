//! What names a cert.

use std::fmt;
use std::str::FromStr;

use sequoia_openpgp as openpgp;

use crate::Error;

/// The fingerprint of a cert or of one of its keys: 20 bytes (version 4) or 32 bytes (version 6), RFC 9580 section 5.5.4.
///
/// ```
/// use pgp_envelope::Fingerprint;
///
/// let fingerprint: Fingerprint = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9".parse()?;
/// assert_eq!(fingerprint.as_bytes().len(), 32);
/// assert!("CB18".parse::<Fingerprint>().is_err());
/// # Ok::<(), pgp_envelope::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    bytes: [u8; 32],
    len: u8,
}

impl Fingerprint {
    /// From 20 or 32 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for any other number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let len = match bytes.len() {
            20 => 20,
            32 => 32,
            found => {
                return Err(Error::malformed(
                    "a fingerprint",
                    format!("expected 20 or 32 bytes, found {found}"),
                ));
            }
        };
        let mut padded = [0; 32];
        padded
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        Ok(Self { bytes: padded, len })
    }

    /// The 20 or 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }

    /// Of a key that sequoia has parsed: version 4 or 6.
    pub(crate) fn of(fingerprint: &openpgp::Fingerprint) -> Result<Self, Error> {
        Self::from_bytes(fingerprint.as_bytes())
    }

    pub(crate) fn to_sequoia(self) -> openpgp::Fingerprint {
        match self.len {
            20 => {
                let mut bytes = [0; 20];
                bytes.copy_from_slice(self.as_bytes());
                openpgp::Fingerprint::V4(bytes)
            }
            _ => openpgp::Fingerprint::V6(self.bytes),
        }
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Reads hex, with or without spaces between the groups.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .map(|c| {
                c.to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
                    .ok_or_else(|| {
                        Error::malformed("a fingerprint", format!("{c:?} is not a hex digit"))
                    })
            })
            .collect::<Result<_, _>>()?;
        let (pairs, []) = digits.as_chunks::<2>() else {
            return Err(Error::malformed("a fingerprint", "half a byte at the end"));
        };
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        Self::from_bytes(&bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

//! Transfer syntaxes: which bytes are a DICOM file, and how its data elements are written.

use dicom_core::VR;
use dicom_encoding::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::element::Walk;
use crate::reader::{Endian, Reader};
use crate::{Error, Format, Result};

/// How data elements are written (PS3.5 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) vr: VrEncoding,
    pub(crate) endian: Endian,
}

/// Whether an element's header names its value representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VrEncoding {
    Explicit,
    Implicit,
}

/// Length of the preamble that PS3.10 7.1 puts before the prefix `DICM`.
const PREAMBLE: usize = 128;
const PREFIX: &[u8] = b"DICM";

/// Where the first data element is, if these bytes look like DICOM: after preamble and prefix, or at once when both, or
/// the file meta information too, were left out.
pub(crate) fn start(bytes: &[u8]) -> Option<usize> {
    if bytes.get(PREAMBLE..PREAMBLE + PREFIX.len()) == Some(PREFIX) {
        return Some(PREAMBLE + PREFIX.len());
    }
    let &[a, b, _, _, v, w, x, y, ..] = bytes else {
        return None;
    };
    let known = VR::from_binary([v, w]).is_some();
    let implicit_length = u64::from(u32::from_le_bytes([v, w, x, y]));
    match [a, b] {
        [2 | 8, 0] if known || implicit_length <= bytes.len() as u64 => Some(0),
        [0, 8] if known => Some(0),
        _ => None,
    }
}

impl Syntax {
    pub(crate) const EXPLICIT_LITTLE: Self = Self {
        vr: VrEncoding::Explicit,
        endian: Endian::Little,
    };
    const IMPLICIT_LITTLE: Self = Self {
        vr: VrEncoding::Implicit,
        endian: Endian::Little,
    };
    const EXPLICIT_BIG: Self = Self {
        vr: VrEncoding::Explicit,
        endian: Endian::Big,
    };

    /// The syntax of the data set, and where that begins: after the file meta information, if there is any.
    pub(crate) fn of(bytes: &[u8], start: usize) -> Result<(Self, usize)> {
        let reader = Reader::new(bytes, Endian::Little);
        let mut walk = Walk::new(
            reader.at(start as u64, "file meta information")?,
            Self::EXPLICIT_LITTLE,
        );
        let mut uid = None;
        // The group length (0002,0000) is often wrong; the group itself tells where it ends.
        while walk.rest().starts_with(&[2, 0]) {
            let Some(element) = walk.next_element()? else {
                break;
            };
            if (element.tag.group(), element.tag.element()) == (0x0002, 0x0010) {
                uid = Some(String::from_utf8_lossy(element.value).into_owned());
            }
        }
        let syntax = match &uid {
            Some(uid) => Self::from_uid(uid.trim_end_matches(['\0', ' ']))?,
            None => Self::guess(walk.rest()),
        };
        Ok((syntax, walk.position()))
    }

    fn from_uid(uid: &str) -> Result<Self> {
        match uid {
            "1.2.840.10008.1.2" => Ok(Self::IMPLICIT_LITTLE),
            "1.2.840.10008.1.2.1" => Ok(Self::EXPLICIT_LITTLE),
            "1.2.840.10008.1.2.2" => Ok(Self::EXPLICIT_BIG),
            "1.2.840.10008.1.2.1.99" => Err(Error::refused(
                Format::Dicom,
                format!(
                    "its data set is deflated (transfer syntax {uid}), expected an uncompressed one"
                ),
            )),
            _ => {
                let name = TransferSyntaxRegistry
                    .get(uid)
                    .map_or("unknown", |ts| ts.name());
                Err(Error::refused(
                    Format::Dicom,
                    format!(
                        "its pixel data is compressed (transfer syntax {uid}, {name}), expected implicit VR little \
                         endian, explicit VR little endian or explicit VR big endian"
                    ),
                ))
            }
        }
    }

    /// Without file meta information, the first element's header tells: groups are small, and VRs are two letters.
    fn guess(rest: &[u8]) -> Self {
        match rest {
            &[a, b, _, _, v, w, ..] if VR::from_binary([v, w]).is_some() => {
                if u16::from_le_bytes([a, b]) <= u16::from_be_bytes([a, b]) {
                    Self::EXPLICIT_LITTLE
                } else {
                    Self::EXPLICIT_BIG
                }
            }
            _ => Self::IMPLICIT_LITTLE,
        }
    }
}

use crate::Format;

/// The result of this crate's functions.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// What was wrong with a file, or with what was asked of it.
///
/// The first four speak of the bytes that were read, [`Error::WrongSamples`] of the caller's own argument, and
/// [`Error::NotRestored`] of restore data that does not belong to the picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes begin like no format this crate reads.
    #[error(
        "not a DICOM, PNG or TIFF file: expected \"DICM\" at byte 128, a DICOM data element of group 0002 or 0008, \
         a PNG signature or a TIFF byte order mark, found {found}"
    )]
    UnknownFormat {
        /// The first bytes, as text when they are text.
        found: String,
    },
    /// The file ends before something it announces.
    #[error("truncated: {what} at byte {offset} needs {needed} bytes, {available} are there")]
    Truncated {
        /// What was being read.
        what: String,
        /// Where it begins, in bytes from the start of the file.
        offset: u64,
        /// How many bytes it needs there.
        needed: u64,
        /// How many bytes the file still has there.
        available: u64,
    },
    /// The file breaks its format's rules.
    #[error("malformed: {what}: expected {expected}, found {found}")]
    Malformed {
        /// Which part of the file.
        what: String,
        /// What the format asks for.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The file is a picture, but not one whose samples can be replaced in place.
    #[error("this {format} file cannot carry a payload: {reason}")]
    Refused {
        /// The file's format.
        format: Format,
        /// Why, with what was found.
        reason: String,
    },
    /// The samples handed in are not of the picture's shape.
    #[error("wrong samples: expected {expected}, found {found}")]
    WrongSamples {
        /// The picture's own shape.
        expected: String,
        /// The argument's shape.
        found: String,
    },
    /// The restore data does not give the original file.
    #[error("not restored: expected {expected}, found {found}")]
    NotRestored {
        /// What the restore data announces.
        expected: String,
        /// What came out.
        found: String,
    },
}

impl Error {
    pub(crate) fn malformed(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Malformed {
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    pub(crate) fn refused(format: Format, reason: impl Into<String>) -> Self {
        Self::Refused {
            format,
            reason: reason.into(),
        }
    }

    pub(crate) fn not_restored(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::NotRestored {
            expected: expected.into(),
            found: found.into(),
        }
    }
}

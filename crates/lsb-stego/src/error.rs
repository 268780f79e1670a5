use core::fmt;

use crate::frame::HEADER;

/// What went wrong, with the numbers.
///
/// The first group is misuse by the programmer (a layout that cannot be, too few bytes); the second is what arbitrary
/// samples can provoke.
///
/// ```
/// use lsb_stego::{CoverMut, Error, Layout, Options, embed};
///
/// let mut samples = [0u8; 200];
/// let cover = CoverMut::new(&mut samples, Layout::new(8)?)?;
/// let refused = embed(cover, &[0; 10], &Options::new());
/// assert_eq!(refused, Err(Error::TooSmall { needed_bytes: 10, available_bytes: 9 }));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bits stored are 0, or more than a sample has.
    BitsStored {
        /// The bits stored that were asked for.
        bits_stored: u8,
        /// The bits that a sample has.
        allocated: u8,
    },
    /// More bits per sample than are stored, or not 1 to 4.
    Bits {
        /// The bits per sample that were asked for.
        bits: u8,
        /// The most that is possible.
        most: u8,
    },
    /// More than one bit per sample, under a scheme that carries one.
    OneBit {
        /// The scheme's name.
        scheme: &'static str,
        /// The bits per sample that were asked for.
        bits: u8,
    },
    /// A Hamming code of fewer than 2 or more than 8 parity bits.
    Hamming {
        /// The parity bits that were asked for.
        bits: u8,
    },
    /// A constraint height of a trellis code outside of 7 to 12.
    Height {
        /// The height that was asked for.
        height: u8,
    },
    /// Not as many costs as there are elements.
    Costs {
        /// The elements.
        elements: usize,
        /// The costs that were given for them.
        costs: usize,
    },
    /// A cost that is negative, not a number, or finite and above [`MAX_COST`](crate::trellis::MAX_COST).
    Cost {
        /// The first element that has such a cost.
        element: usize,
    },
    /// The payload needs a change of an element that must not change: too many costs are infinite.
    Wet,
    /// No channel, more than eight, or a mask that names none or one that does not exist.
    Channels {
        /// The channels per pixel.
        channels: u8,
        /// The mask of those that carry.
        carrying: u8,
    },
    /// A reserved range whose ends are swapped or above the largest stored value.
    Reserved {
        /// The lowest reserved value.
        low: u16,
        /// The highest reserved value.
        high: u16,
    },
    /// Zero columns, or columns that do not divide the samples.
    Columns {
        /// The pixels per row; 0 when the layout names none and the scheme needs it.
        columns: u32,
        /// The number of samples.
        samples: usize,
    },
    /// A number of samples that the channels do not divide.
    Samples {
        /// The number of samples.
        samples: usize,
        /// The channels per pixel.
        channels: u8,
    },
    /// The payload does not fit.
    TooSmall {
        /// The bytes of the payload.
        needed_bytes: usize,
        /// The bytes of the largest payload that fits.
        available_bytes: usize,
    },
    /// The raw bits do not fit, or more are asked for than there are.
    TooFewBits {
        /// The bits asked for.
        needed_bits: usize,
        /// The bits that the cover holds.
        available_bits: usize,
    },
    /// Fewer bytes were given than the bits to write.
    ShortPayload {
        /// The bits to write.
        bits: usize,
        /// The bytes given.
        bytes: usize,
    },
    /// A payload longer than a frame can say (4 GiB - 1).
    PayloadTooLong {
        /// The bytes of the payload.
        bytes: usize,
    },
    /// Two images that are compared have different numbers of samples.
    Lengths {
        /// The samples of the first.
        expected: usize,
        /// The samples of the second.
        found: usize,
    },
    /// An operation that the scheme does not have.
    Scheme {
        /// The scheme's name.
        scheme: &'static str,
        /// The operation.
        operation: &'static str,
    },

    /// No frame begins here: no payload, or other options (another key, say) than it was embedded with, or a frame whose first
    /// bytes are damaged.
    ///
    /// One error on purpose: whoever cannot name the key is told the same of a stego image as of any cover.
    NoPayload,
    /// A frame of a version that this release does not know.
    Version {
        /// The version found.
        found: u8,
    },
    /// A frame that claims to be longer than the cover can hold.
    ClaimedLength {
        /// The payload bytes claimed.
        claimed_bytes: usize,
        /// The bytes of the largest payload that fits.
        available_bytes: usize,
    },
    /// The frame is damaged.
    Checksum {
        /// The checksum that the frame states.
        expected: u32,
        /// The checksum of what was extracted.
        found: u32,
    },
}

/// The result of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BitsStored {
                bits_stored,
                allocated,
            } => {
                write!(f, "{bits_stored} bits stored: expected 1 to {allocated}")
            }
            Self::Bits { bits, most } => {
                write!(f, "{bits} bits per sample: expected 1 to {most}")
            }
            Self::OneBit { scheme, bits } => {
                write!(
                    f,
                    "{bits} bits per sample: the {scheme} scheme carries one bit per sample"
                )
            }
            Self::Hamming { bits } => {
                write!(f, "a Hamming code of {bits} parity bits: expected 2 to 8")
            }
            Self::Height { height } => {
                write!(f, "a constraint height of {height}: expected 7 to 12")
            }
            Self::Costs { elements, costs } => {
                write!(f, "{costs} costs were given for {elements} elements")
            }
            Self::Cost { element } => {
                write!(
                    f,
                    "the cost of element {element} is negative, no number, or finite and above {:e}",
                    crate::trellis::MAX_COST
                )
            }
            Self::Wet => f.write_str("the payload needs a change of an element of infinite cost"),
            Self::Channels { channels, carrying } => write!(
                f,
                "{channels} channels of which {carrying:#010b} carry: expected 1 to 8 channels and at least one of them"
            ),
            Self::Reserved { low, high } => write!(
                f,
                "reserved values {low} to {high}: expected an ascending range of stored values"
            ),
            Self::Columns { columns: 0, .. } => {
                f.write_str("the scheme needs the number of columns, and the layout has none")
            }
            Self::Columns { columns, samples } => {
                write!(
                    f,
                    "{samples} samples are no whole number of rows of {columns} pixels"
                )
            }
            Self::Samples { samples, channels } => {
                write!(
                    f,
                    "{samples} samples are no whole number of pixels of {channels} channels"
                )
            }
            Self::TooSmall {
                needed_bytes: 0, ..
            } => write!(
                f,
                "the cover is too small: it does not hold the {HEADER} bytes of a frame, which an empty payload has too"
            ),
            Self::TooSmall {
                needed_bytes,
                available_bytes: 0,
            } => write!(
                f,
                "the cover is too small: it holds 0 bytes, and {needed_bytes} are needed beside the {HEADER} of a frame"
            ),
            Self::TooSmall {
                needed_bytes,
                available_bytes,
            } => write!(
                f,
                "the cover is too small: it holds {available_bytes} bytes, and {needed_bytes} are needed"
            ),
            Self::TooFewBits {
                needed_bits,
                available_bits,
            } => write!(
                f,
                "the cover is too small: it holds {available_bits} bits, and {needed_bits} are needed"
            ),
            Self::ShortPayload { bits, bytes } => {
                write!(
                    f,
                    "{bytes} bytes were given, and {bits} bits are to be written"
                )
            }
            Self::PayloadTooLong { bytes } => {
                write!(
                    f,
                    "a payload of {bytes} bytes: a frame holds at most {}",
                    u32::MAX
                )
            }
            Self::Lengths { expected, found } => write!(
                f,
                "the images differ in size: {expected} samples and {found}"
            ),
            Self::Scheme { scheme, operation } => {
                write!(f, "the {scheme} scheme cannot {operation}")
            }
            Self::NoPayload => f.write_str("no payload was found"),
            Self::Version { found } => {
                write!(
                    f,
                    "a frame of version {found}: expected version {}",
                    crate::frame::VERSION
                )
            }
            Self::ClaimedLength {
                claimed_bytes,
                available_bytes,
            } => write!(
                f,
                "the frame claims {claimed_bytes} bytes, and the cover holds at most {available_bytes}"
            ),
            Self::Checksum { expected, found } => write!(
                f,
                "the payload is damaged: its checksum is {found:08x}, and the frame states {expected:08x}"
            ),
        }
    }
}

impl core::error::Error for Error {}

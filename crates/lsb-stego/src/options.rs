use crate::arch::Level;
use crate::{Error, Result};

/// How many low bits of a carrying sample are payload.
///
/// ```
/// use lsb_stego::Bits;
///
/// assert_eq!(Bits::new(2)?, Bits::Two);
/// assert!(Bits::new(5).is_err());
/// # Ok::<(), lsb_stego::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature: 1 to 4")]
pub enum Bits {
    /// The lowest bit: a sample changes by at most 1.
    #[default]
    One,
    /// The two lowest bits: a sample changes by at most 3.
    Two,
    /// The three lowest bits: a sample changes by at most 7.
    Three,
    /// The four lowest bits: a sample changes by at most 15.
    Four,
}

impl Bits {
    /// From a number, 1 to 4.
    ///
    /// # Errors
    ///
    /// [`Error::Bits`] for any other.
    pub const fn new(bits: u8) -> Result<Self> {
        match bits {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            4 => Ok(Self::Four),
            _ => Err(Error::Bits { bits, most: 4 }),
        }
    }

    /// As a number, 1 to 4.
    #[must_use]
    pub const fn get(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
        }
    }

    /// The payload bits of a sample.
    pub(crate) const fn mask(self) -> u8 {
        (1 << self.get()) - 1
    }
}

/// How the payload enters the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// LSB replacement: the low bits of the carrying samples, in order, become the payload.
    #[default]
    Replacement,
    /// Histogram shifting of prediction errors: up to half a bit per sample, as the content allows, and
    /// [`recover`](crate::recover) gives every sample back. Needs [`Layout::with_columns`](crate::Layout::with_columns) and
    /// one bit per sample; frames of a series may follow one another as more rows.
    Reversible,
}

/// How to embed; the same options extract.
///
/// ```
/// use lsb_stego::{Bits, Options};
///
/// let options = Options::new().bits(Bits::Two);
/// assert_eq!(options, Options::default().bits(Bits::Two));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub(crate) bits: Bits,
    pub(crate) scheme: Scheme,
    pub(crate) level: Level,
}

impl Options {
    /// LSB replacement of one bit per sample, at the best level of this CPU.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Payload bits per sample.
    #[must_use]
    pub const fn bits(mut self, bits: Bits) -> Self {
        self.bits = bits;
        self
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// The level of SIMD instructions, for tests and measurements; every level gives the same bits.
    #[must_use]
    pub const fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

use crate::arch::Level;
use crate::cost::Costs;
use crate::trellis::Trellis;
use crate::{Error, Key, Result};

/// How many low bits of a carrying sample are payload.
///
/// ```
/// use lsb_stego::Bits;
///
/// assert_eq!(Bits::new(2)?, Bits::Two);
/// assert!(Bits::new(5).is_err());
/// # Ok::<(), lsb_stego::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// The Hamming code of matrix embedding: `p` parity bits, 2 to 8.
///
/// Of every `2^p - 1` samples one at most changes, and `p` bits are embedded.
///
/// ```
/// use lsb_stego::Hamming;
///
/// let code = Hamming::new(3)?;
/// assert_eq!((code.bits(), code.samples()), (3, 7));
/// assert!(Hamming::new(9).is_err());
/// # Ok::<(), lsb_stego::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hamming(u8);

impl Hamming {
    /// From the number of parity bits.
    ///
    /// # Errors
    ///
    /// [`Error::Hamming`] outside of 2 to 8.
    pub const fn new(bits: u8) -> Result<Self> {
        if bits < 2 || bits > 8 {
            return Err(Error::Hamming { bits });
        }
        Ok(Self(bits))
    }

    /// The payload bits of a group: its parity bits.
    #[must_use]
    pub const fn bits(self) -> usize {
        self.0 as usize
    }

    /// The samples of a group.
    #[must_use]
    pub const fn samples(self) -> usize {
        (1 << self.0) - 1
    }
}

/// How the payload enters the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// LSB replacement: the low bits of the carrying samples, in order, become the payload.
    #[default]
    Replacement,
    /// LSB matching: a sample whose lowest bit is wrong goes one up or one down, as a keystream says, so that values do not
    /// pair up as under replacement. It never leaves the stored range and never becomes a reserved value. One bit per
    /// sample; extraction is that of replacement.
    Matching,
    /// Matrix embedding (Crandall 1998; Westfeld 2001, F5): `p` bits in `2^p - 1` samples of which one at most changes, so
    /// that more bits are embedded per change and fewer per sample. One bit per sample.
    Matrix(Hamming),
    /// Histogram shifting of prediction errors: up to half a bit per sample, as the content allows, and
    /// [`recover`](crate::recover) gives every sample back. Needs [`Layout::with_columns`](crate::Layout::with_columns) and
    /// one bit per sample; frames of a series may follow one another as more rows.
    Reversible,
    /// A trellis code (Filler, Judas, Fridrich 2011) over the lowest bits, in a pseudo-random order: samples change by one, up
    /// or down, where the model of costs says that it shows least. Samples at an end of the stored range, and reserved ones,
    /// are neither touched nor made. Needs [`Layout::with_columns`](crate::Layout::with_columns) to embed; up to one bit per
    /// sample, of which little should be used.
    Adaptive {
        /// What changes cost; extraction does not ask.
        costs: Costs,
        /// The code, the same to extract.
        trellis: Trellis,
    },
}

impl Scheme {
    /// Its name: `replacement`, `matching`, `matrix`, `reversible` or `adaptive`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replacement => "replacement",
            Self::Matching => "matching",
            Self::Matrix(_) => "matrix",
            Self::Reversible => "reversible",
            Self::Adaptive { .. } => "adaptive",
        }
    }
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
    pub(crate) key: Option<Key>,
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

    /// The stego key: samples are selected all over the cover, as many as the payload needs, and every selected one is filled
    /// with what looks like noise to those who do not have the key. Not for [`Scheme::Reversible`].
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// The level of SIMD instructions, for tests and measurements; every level gives the same bits.
    #[must_use]
    pub const fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// # Errors
    ///
    /// [`Error::Scheme`] with a key, for schemes that have no use for one.
    pub(crate) const fn keyless(&self) -> Result<()> {
        match self.key {
            None => Ok(()),
            Some(_) => Err(Error::Scheme {
                scheme: self.scheme.name(),
                operation: "follow a key",
            }),
        }
    }

    /// # Errors
    ///
    /// [`Error::OneBit`] with more bits per sample, for schemes that carry one.
    pub(crate) const fn one_bit(&self) -> Result<()> {
        match self.bits {
            Bits::One => Ok(()),
            bits => Err(Error::OneBit {
                scheme: self.scheme.name(),
                bits: bits.get(),
            }),
        }
    }

    /// Whether it is LSB replacement in order, which has loops of its own.
    pub(crate) fn plain(&self) -> bool {
        self.scheme == Scheme::Replacement && self.key.is_none()
    }
}

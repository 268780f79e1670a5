//! A cursor over untrusted bytes: every length is compared with what is there before it is used.

use crate::{Error, Result};

/// The byte order of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

/// A position in the bytes of a file.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    endian: Endian,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], endian: Endian) -> Self {
        Self {
            bytes,
            position: 0,
            endian,
        }
    }

    /// A reader of the same bytes at another position.
    pub(crate) fn at(&self, position: u64, what: &str) -> Result<Self> {
        match usize::try_from(position) {
            Ok(position) if position <= self.bytes.len() => Ok(Self {
                position,
                ..self.clone()
            }),
            _ => Err(Error::malformed(
                what,
                format!("an offset of at most {}", self.bytes.len()),
                position.to_string(),
            )),
        }
    }

    /// A reader at the same position that reads numbers in another order.
    pub(crate) fn new_at(other: &Self, endian: Endian) -> Self {
        Self {
            endian,
            ..other.clone()
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// The next `len` bytes; refuses before anything is allocated.
    pub(crate) fn take(&mut self, len: u64, what: &str) -> Result<&'a [u8]> {
        let rest = self.rest();
        match usize::try_from(len).ok().and_then(|len| rest.get(..len)) {
            Some(taken) => {
                self.position += taken.len();
                Ok(taken)
            }
            None => Err(Error::Truncated {
                what: what.to_owned(),
                offset: self.position as u64,
                needed: len,
                available: rest.len() as u64,
            }),
        }
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, what)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self, what: &str) -> Result<u8> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, what: &str) -> Result<u16> {
        let array = self.array(what)?;
        Ok(match self.endian {
            Endian::Little => u16::from_le_bytes(array),
            Endian::Big => u16::from_be_bytes(array),
        })
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32> {
        let array = self.array(what)?;
        Ok(match self.endian {
            Endian::Little => u32::from_le_bytes(array),
            Endian::Big => u32::from_be_bytes(array),
        })
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64> {
        let array = self.array(what)?;
        Ok(match self.endian {
            Endian::Little => u64::from_le_bytes(array),
            Endian::Big => u64::from_be_bytes(array),
        })
    }
}

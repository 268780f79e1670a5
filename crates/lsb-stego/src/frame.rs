//! The frame around a payload: parse and print. Drawn byte by byte in `DESIGN.md`.

use crate::checksum::Crc;
use crate::{Error, Level, Result};

pub(crate) const MAGIC: [u8; 4] = *b"LSBf";
pub(crate) const VERSION: u8 = 1;
pub(crate) const HEADER: usize = 16;

/// The bits that a framed payload of `payload_len` bytes occupies in a cover: a header of 16 bytes, and the payload.
///
/// Saturates where the number does not fit a `usize`; no cover holds that many.
///
/// ```
/// assert_eq!(lsb_stego::framed_bits(1024), (16 + 1024) * 8);
/// ```
#[must_use]
pub const fn framed_bits(payload_len: usize) -> usize {
    payload_len.saturating_add(HEADER).saturating_mul(8)
}

/// [`framed_bits`] of a payload that fits a cover of `most` bits at all: what saturates fits none, though a capacity that
/// saturates is the same number.
pub(crate) const fn bits_within(payload_len: u64, most: u64) -> Option<u64> {
    match payload_len.saturating_add(HEADER as u64).checked_mul(8) {
        Some(bits) if bits <= most => Some(bits),
        _ => None,
    }
}

/// The bytes of the largest payload whose frame fits into `bits`; `None` when not even an empty one does.
pub(crate) fn payload_bytes(bits: usize) -> Option<usize> {
    let longest = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
    Some((bits / 8).checked_sub(HEADER)?.min(longest))
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload_len: usize,
    keystream: u8,
    length: [u8; 4],
    checksum: u32,
}

impl Header {
    /// Describes a payload; `keystream` is the id of what hides it, 0 of nothing.
    pub(crate) fn of(payload: &[u8], keystream: u8, level: Level) -> Result<[u8; HEADER]> {
        let length = u32::try_from(payload.len())
            .map_err(|_| Error::PayloadTooLong {
                bytes: payload.len(),
            })?
            .to_le_bytes();
        let [l0, l1, l2, l3] = length;
        let [c0, c1, c2, c3] = checksum(keystream, length, payload, level).to_le_bytes();
        let [m0, m1, m2, m3] = MAGIC;
        Ok([
            m0, m1, m2, m3, VERSION, keystream, 0, 0, l0, l1, l2, l3, c0, c1, c2, c3,
        ])
    }

    /// Reads a header; the claimed length is not to be trusted before it is held against the capacity.
    pub(crate) fn parse(bytes: [u8; HEADER], keystream: u8) -> Result<Self> {
        let [
            m0,
            m1,
            m2,
            m3,
            version,
            id,
            zeros @ ..,
            l0,
            l1,
            l2,
            l3,
            c0,
            c1,
            c2,
            c3,
        ] = bytes;
        if [m0, m1, m2, m3] != MAGIC || id != keystream || zeros != [0; 2] {
            return Err(Error::NoPayload);
        }
        if version != VERSION {
            return Err(Error::Version { found: version });
        }
        let length = [l0, l1, l2, l3];
        Ok(Self {
            payload_len: usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX),
            keystream,
            length,
            checksum: u32::from_le_bytes([c0, c1, c2, c3]),
        })
    }

    /// Holds the payload against the checksum.
    pub(crate) fn check(&self, payload: &[u8], level: Level) -> Result<()> {
        let found = checksum(self.keystream, self.length, payload, level);
        if found == self.checksum {
            Ok(())
        } else {
            Err(Error::Checksum {
                expected: self.checksum,
                found,
            })
        }
    }
}

/// CRC-32C (RFC 3720, section 12.1) of the version, the keystream, the length and the payload.
fn checksum(keystream: u8, length: [u8; 4], payload: &[u8], level: Level) -> u32 {
    let mut crc = Crc::new(level);
    crc.update(&[VERSION, keystream, 0, 0]);
    crc.update(&length);
    crc.update(payload);
    crc.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a `usize` has 32 bits, bits of a frame and bits of a cover saturated alike, so that any frame fitted a GiB of four
    /// bits per sample.
    #[test]
    fn a_number_of_bits_that_saturates_fits_nothing() {
        let most = u64::from(u32::MAX);
        let longest = most / 8 - HEADER as u64;
        assert_eq!(bits_within(0, most), Some(8 * HEADER as u64));
        assert_eq!(bits_within(longest, most), Some(most - 7));
        for too_long in [longest + 1, most, u64::MAX / 8, u64::MAX] {
            assert_eq!(bits_within(too_long, most), None);
        }
        let bits = usize::try_from(most).unwrap();
        assert_eq!(payload_bytes(bits).map(|bytes| bytes as u64), Some(longest));
    }
}

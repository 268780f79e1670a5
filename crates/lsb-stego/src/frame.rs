//! The frame around a payload: parse and print. Drawn byte by byte in `DESIGN.md`.

use crate::{Error, Result};

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
    pub(crate) fn of(payload: &[u8], keystream: u8) -> Result<[u8; HEADER]> {
        let length = u32::try_from(payload.len())
            .map_err(|_| Error::PayloadTooLong {
                bytes: payload.len(),
            })?
            .to_le_bytes();
        let [l0, l1, l2, l3] = length;
        let [c0, c1, c2, c3] = checksum(keystream, length, payload).to_le_bytes();
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
    pub(crate) fn check(&self, payload: &[u8]) -> Result<()> {
        let found = checksum(self.keystream, self.length, payload);
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
fn checksum(keystream: u8, length: [u8; 4], payload: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&[VERSION, keystream, 0, 0]);
    crc.update(&length);
    crc.update(payload);
    crc.value()
}

/// CRC-32C, eight bytes at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crc(u32);

impl Crc {
    pub(crate) const fn new() -> Self {
        Self(!0)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let at = |table: usize, byte: u8| TABLES[table][usize::from(byte)];
        let (chunks, rest) = bytes.as_chunks::<8>();
        for &[a, b, c, d, e, f, g, h] in chunks {
            let [w, x, y, z] = (self.0 ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
            self.0 = at(7, w) ^ at(6, x) ^ at(5, y) ^ at(4, z);
            self.0 ^= at(3, e) ^ at(2, f) ^ at(1, g) ^ at(0, h);
        }
        for &byte in rest {
            let [low, ..] = self.0.to_le_bytes();
            self.0 = at(0, low ^ byte) ^ (self.0 >> 8);
        }
    }

    pub(crate) const fn value(self) -> u32 {
        !self.0
    }
}

/// `TABLES[n][byte]`: the checksum of `byte` followed by `n` zero bytes. The polynomial is 0x1EDC6F41, reflected.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0u32; 256]; 8];
    let mut byte = 0;
    let mut start = 0u32;
    while byte < 256 {
        let mut crc = start;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
        start += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[table - 1][byte];
            tables[table][byte] = tables[0][(crc & 0xff) as usize] ^ (crc >> 8);
            byte += 1;
        }
        table += 1;
    }
    tables
};

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, section B.4: 32 bytes of zeros, of ones, and counting up; and the check value of the catalogues.
    #[test]
    fn crc_32c_of_the_standard() {
        let crc = |bytes: &[u8]| {
            let mut crc = Crc::new();
            crc.update(bytes);
            crc.value()
        };
        assert_eq!(crc(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc(&[0xff; 32]), 0x62a8_ab43);
        let counting: [u8; 32] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        assert_eq!(crc(&counting), 0x46dd_794e);
        assert_eq!(crc(b"123456789"), 0xe306_9283);
    }
}

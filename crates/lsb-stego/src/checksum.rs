//! CRC-32C (RFC 3720, section 12.1): by the CPU's instruction where a level has it, else by tables.

use crate::Level;
use crate::arch::{Checksum, dispatch};

/// A checksum of bytes that come in parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crc {
    level: Level,
    state: u32,
}

impl Crc {
    pub(crate) const fn new(level: Level) -> Self {
        Self { level, state: !0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let state = self.state;
        self.state = dispatch(self.level, Checksum { state, bytes });
    }

    pub(crate) const fn value(self) -> u32 {
        !self.state
    }
}

/// The state after these bytes, eight at a time.
pub(crate) fn by_tables(mut state: u32, bytes: &[u8]) -> u32 {
    let at = |table: usize, byte: u8| TABLES[table][usize::from(byte)];
    let (chunks, rest) = bytes.as_chunks::<8>();
    for &[a, b, c, d, e, f, g, h] in chunks {
        let [w, x, y, z] = (state ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
        state = at(7, w) ^ at(6, x) ^ at(5, y) ^ at(4, z);
        state ^= at(3, e) ^ at(2, f) ^ at(1, g) ^ at(0, h);
    }
    for &byte in rest {
        let [low, ..] = state.to_le_bytes();
        state = at(0, low ^ byte) ^ (state >> 8);
    }
    state
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
    use std::vec::Vec;

    use super::*;

    /// RFC 3720, section B.4: 32 bytes of zeros, of ones, and counting up; and the check value of the catalogues.
    #[test]
    fn crc_32c_of_the_standard() {
        for level in Level::available() {
            let crc = |bytes: &[u8]| {
                let mut crc = Crc::new(level);
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

    #[test]
    fn levels_and_parts_agree() {
        let bytes: Vec<u8> = (0..100u16).map(|i| (i * 89).to_le_bytes()[0]).collect();
        for length in 0..bytes.len() {
            let whole = by_tables(!0, &bytes[..length]);
            for level in Level::available() {
                let mut crc = Crc::new(level);
                let (first, rest) = bytes[..length].split_at(length / 3);
                crc.update(first);
                crc.update(rest);
                assert_eq!(crc.value(), !whole, "{level:?}, {length} bytes");
            }
        }
    }
}

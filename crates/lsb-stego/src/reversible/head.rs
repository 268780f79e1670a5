//! The head of a reversible image: what recovery must know before it can begin. Drawn byte by byte in `DESIGN.md`.

use super::shift::{Shift, Sides};
use crate::checksum::Crc;
use crate::{Error, Layout, Level, Result};

pub(super) const FIXED: usize = 24;
const MAGIC: [u8; 4] = *b"LSBr";
const VERSION: u8 = 1;

/// The fixed part of the head; the map follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) sides: Sides,
    pub(super) bins: u16,
    /// The row below the head's: it is not changed, and the carrying samples are in the rows below.
    pub(super) guard_row: u32,
    pub(super) stream_bits: u32,
    pub(super) map_bytes: u32,
}

impl Head {
    pub(super) fn print(&self, map: &[u8]) -> [u8; FIXED] {
        let mut bytes = [0; FIXED];
        let (fields, crc) = bytes.split_at_mut(FIXED - 4);
        let parts: [&[u8]; 7] = [
            &MAGIC,
            &[VERSION],
            &[self.sides.code()],
            &self.bins.to_le_bytes(),
            &self.guard_row.to_le_bytes(),
            &self.stream_bits.to_le_bytes(),
            &self.map_bytes.to_le_bytes(),
        ];
        for (to, from) in fields.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        crc.copy_from_slice(&checksum(fields, map).to_le_bytes());
        bytes
    }

    /// Reads the fixed part; nothing of it is to be trusted before `check`.
    pub(super) fn parse(bytes: [u8; FIXED], layout: &Layout) -> Result<Self> {
        let [magic, [version, sides, b0, b1], guard, stream, map, _] =
            [0, 1, 2, 3, 4, 5].map(|word| {
                bytes
                    .as_chunks::<4>()
                    .0
                    .get(word)
                    .copied()
                    .unwrap_or_default()
            });
        if magic != MAGIC {
            return Err(Error::NoPayload);
        }
        if version != VERSION {
            return Err(Error::Version { found: version });
        }
        let bins = u16::from_le_bytes([b0, b1]);
        let sides = Sides::from_code(sides).ok_or(Error::NoPayload)?;
        if bins == 0 || bins > Shift::most_bins(layout.peak()) {
            return Err(Error::NoPayload);
        }
        let [guard_row, stream_bits, map_bytes] = [guard, stream, map].map(u32::from_le_bytes);
        Ok(Self {
            sides,
            bins,
            guard_row,
            stream_bits,
            map_bytes,
        })
    }

    /// Holds head and map against the checksum.
    pub(super) fn check(bytes: &[u8; FIXED], map: &[u8]) -> Result<()> {
        let [fields @ .., c0, c1, c2, c3] = bytes;
        let (expected, found) = (
            u32::from_le_bytes([*c0, *c1, *c2, *c3]),
            checksum(fields, map),
        );
        if expected == found {
            Ok(())
        } else {
            Err(Error::Checksum { expected, found })
        }
    }
}

fn checksum(fields: &[u8], map: &[u8]) -> u32 {
    // Short, and the same at every level.
    let mut crc = Crc::new(Level::portable());
    crc.update(fields);
    crc.update(map);
    crc.value()
}

//! Plaintext in memory: a vector while it is small, mapped segments beyond.

use std::io;

use memmap2::MmapMut;

/// What a vector holds; most messages end here.
const SMALL: usize = 1 << 20;
/// A segment: several of the CPU's large pages. Fresh memory comes from the system a page at a time, and 4 KiB pages cost as much
/// as hashing what is written to them; pages of 2 MiB cost a quarter of it. A page that nothing was written to takes no memory.
const SEGMENT: usize = 8 << 20;

/// Bytes that grow at their end.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    small: Vec<u8>,
    segments: Vec<MmapMut>,
    len: usize,
}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self {
            small: Vec::new(),
            segments: Vec::new(),
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let here = bytes.len().min(SMALL - self.small.len());
        if let Some((now, later)) = bytes.split_at_checked(here) {
            self.small.extend_from_slice(now);
            self.len += now.len();
            bytes = later;
        }
        while !bytes.is_empty() {
            let start = (self.len - SMALL) % SEGMENT;
            if start == 0 {
                self.segments.push(map()?);
            }
            let room = self
                .segments
                .last_mut()
                .and_then(|segment| segment.get_mut(start..))
                .unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            if let Some(room) = room.get_mut(..now.len()) {
                room.copy_from_slice(now);
            }
            self.len += now.len();
            bytes = later;
        }
        Ok(())
    }

    /// What lies together from this place on; empty at the end and behind it.
    pub(crate) fn at(&self, position: usize) -> &[u8] {
        if position < SMALL {
            return self.small.get(position..).unwrap_or_default();
        }
        let (index, start) = ((position - SMALL) / SEGMENT, (position - SMALL) % SEGMENT);
        let end = SEGMENT.min((self.len - SMALL.min(self.len)).saturating_sub(index * SEGMENT));
        self.segments
            .get(index)
            .and_then(|segment| segment.get(start..end))
            .unwrap_or_default()
    }

    /// All of it, in pieces that lie together.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut position = 0;
        std::iter::from_fn(move || {
            let piece = self.at(position);
            position += piece.len();
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// As one vector, without a copy where it is one.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.small);
        bytes.reserve_exact(self.len - bytes.len());
        while bytes.len() < self.len {
            bytes.extend_from_slice(self.at(bytes.len()));
        }
        bytes
    }
}

fn map() -> io::Result<MmapMut> {
    let segment = MmapMut::map_anon(SEGMENT)?;
    // A wish: systems without large pages give small ones.
    #[cfg(target_os = "linux")]
    let _ = segment.advise(memmap2::Advice::HugePage);
    Ok(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_on_both_sides_of_each_boundary() {
        for len in [
            0,
            1,
            SMALL - 1,
            SMALL,
            SMALL + 1,
            SMALL + SEGMENT - 1,
            SMALL + SEGMENT,
            SMALL + SEGMENT + 1,
        ] {
            let bytes: Vec<u8> = (0..len).map(|i| i.to_le_bytes()[1]).collect();
            for portion in [1 << 16, 999_983, len.max(1)] {
                let mut memory = Memory::new();
                for portion in bytes.chunks(portion) {
                    memory.write(portion).unwrap();
                }
                assert_eq!(memory.len(), len);
                assert!(memory.at(len).is_empty() && memory.at(len + SEGMENT).is_empty());
                assert!(memory.pieces().flatten().eq(&bytes), "{len} {portion}");
                let middle = len / 2;
                assert_eq!(memory.at(middle).first(), bytes.get(middle));
                assert!(memory.into_vec() == bytes, "{len} {portion}");
            }
        }
    }
}

//! The map of flags: which samples near the ends of the range moved.
//!
//! Run lengths of skipped and moved samples in turn, each plus one, in Elias gamma code; the last run is left out, so
//! that a map of skipped samples alone takes no byte. Bits are read from the least significant of each byte.

use alloc::vec::Vec;

/// Prints a map.
#[derive(Debug, Default)]
pub(super) struct MapWriter {
    bytes: Vec<u8>,
    bits: usize,
    moved: bool,
    run: u64,
}

impl MapWriter {
    /// The next flags, 64 at most: the low bits.
    pub(super) fn push(&mut self, flags: u64, count: u32) {
        let mut at = 0;
        while at < count {
            let others = if self.moved { !flags } else { flags };
            let run = (others >> at).trailing_zeros().min(count - at);
            self.run += u64::from(run);
            at += run;
            if at < count {
                self.code(self.run + 1);
                self.moved = !self.moved;
                self.run = 0;
            }
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Zeros, as many as the number has bits but one, then the number from its highest bit.
    fn code(&mut self, number: u64) {
        let width = number.ilog2();
        (0..width).for_each(|_| self.bit(false));
        (0..=width)
            .rev()
            .for_each(|at| self.bit(number >> at & 1 == 1));
    }

    fn bit(&mut self, bit: bool) {
        if self.bits.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.bits % 8);
        }
        self.bits += 1;
    }
}

/// Parses a map; where the bytes end, the last run goes on for ever.
#[derive(Debug)]
pub(super) struct MapReader<'a> {
    bytes: &'a [u8],
    at: usize,
    moved: bool,
    left: u64,
}

impl<'a> MapReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self {
            bytes,
            at: 0,
            moved: false,
            left: 0,
        };
        reader.left = reader.code();
        reader
    }

    /// The next flags, 64 at most, as low bits.
    pub(super) fn take(&mut self, count: u32) -> u64 {
        let (mut flags, mut at) = (0, 0);
        while at < count {
            while self.left == 0 {
                self.moved = !self.moved;
                self.left = self.code();
            }
            let run = u32::try_from(self.left).map_or(count - at, |left| left.min(count - at));
            if self.moved {
                flags |= (u64::MAX >> (64 - run)) << at;
            }
            self.left -= u64::from(run);
            at += run;
        }
        flags
    }

    /// A run; endless when the bytes end within the code, or no run is so long.
    fn code(&mut self) -> u64 {
        let mut width = 0;
        loop {
            match self.bit() {
                Some(false) if width < 63 => width += 1,
                Some(true) => break,
                _ => return u64::MAX,
            }
        }
        let rest =
            (0..width).try_fold(1u64, |number, _| Some(number << 1 | u64::from(self.bit()?)));
        rest.map_or(u64::MAX, |number| number - 1)
    }

    fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (self.at % 8) & 1 == 1;
        self.at += 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_come_back() {
        let runs: [&[usize]; 7] = [
            &[],
            &[5],
            &[0, 3],
            &[1, 1, 1, 1],
            &[1000, 1, 70_000, 2],
            &[0, 1, 0, 1],
            &[7, 8, 9, 10, 11],
        ];
        for runs in runs {
            let flags: Vec<bool> = runs
                .iter()
                .enumerate()
                .flat_map(|(i, &run)| (0..run).map(move |_| i % 2 == 1))
                .collect();
            for parts in [1, 3, 64] {
                let pieces = flags.chunks(parts).map(|part| {
                    let bits = part.iter().rev();
                    let bits = bits.fold(0, |bits, &flag| bits << 1 | u64::from(flag));
                    (bits, u32::try_from(part.len()).unwrap())
                });
                let mut writer = MapWriter::default();
                pieces
                    .clone()
                    .for_each(|(bits, count)| writer.push(bits, count));
                let bytes = writer.finish();
                let mut reader = MapReader::new(&bytes);
                for (bits, count) in pieces {
                    assert_eq!(reader.take(count), bits, "{runs:?} by {parts}");
                }
                assert!(runs.len() > 1 || bytes.is_empty());
            }
        }
    }
}

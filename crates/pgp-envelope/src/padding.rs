//! Padding: a packet of random bytes inside the encrypted container (RFC 9580 section 5.14).

use std::num::NonZero;

use sequoia_openpgp as openpgp;

use crate::packet::{tag, write_header};
use crate::writer::ContainerWriter;
use crate::{Error, Result};

/// How the length of the plaintext is hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Padding {
    /// Not at all: a message is some 300 bytes longer than its content, whatever that is.
    #[default]
    None,
    /// Padmé: up to 12 % more, and lengths keep their leading bits only (Nikitin et al., *Reducing Metadata Leakage from
    /// Encrypted Files and Communication with PURBs*, 2019).
    Padme,
    /// Up to a multiple of this many bytes.
    Multiple(NonZero<u32>),
}

impl Padding {
    /// The length that `len` bytes are padded to.
    const fn padded(self, len: u64) -> u64 {
        match self {
            Self::None => len,
            Self::Padme => padme(len),
            Self::Multiple(bytes) => len.next_multiple_of(bytes.get() as u64),
        }
    }
}

/// Clears as many low bits, rounding up, as the length has beyond its exponent's own bits.
const fn padme(len: u64) -> u64 {
    if len < 2 {
        return len;
    }
    let exponent = len.ilog2();
    let kept = exponent.ilog2() + 1;
    let cleared = exponent.saturating_sub(kept);
    len.next_multiple_of(1 << cleared)
}

/// The most bytes in one packet.
const MAX_PACKET: u64 = 1 << 30;

/// Pads what was written so far, the padding packets included.
pub(crate) fn write(padding: Padding, body: &mut ContainerWriter<'_>) -> Result<()> {
    if padding == Padding::None {
        return Ok(());
    }
    let target = padding.padded(body.plaintext_len() + SHORTEST);
    loop {
        let left = target - body.plaintext_len();
        if left < SHORTEST {
            return Ok(());
        }
        let content = content_len(if left > MAX_PACKET {
            MAX_PACKET - 8
        } else {
            left
        });
        let mut header = Vec::new();
        write_header(&mut header, tag::PADDING, content);
        body.write(&header)?;
        let mut random = [0; 4096];
        let mut content = content as usize;
        while content > 0 {
            openpgp::crypto::random(&mut random)
                .map_err(Error::library("asking for randomness"))?;
            let n = content.min(random.len());
            body.write(random.get(..n).unwrap_or(&random))?;
            content -= n;
        }
    }
}

/// A packet without content.
const SHORTEST: u64 = 2;

/// The content of a packet that takes `len` bytes, or as many as leave room for another packet: lengths of 194 and of 8387
/// to 8389 bytes are no packet's.
const fn content_len(len: u64) -> u32 {
    let content = match len {
        0..=193 => len - 2,
        194 => len - 5,
        195..=8386 => len - 3,
        _ => len - 6,
    };
    #[expect(clippy::cast_possible_truncation, reason = "below MAX_PACKET")]
    {
        content as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padme_keeps_the_leading_bits() {
        // The examples of the paper's reference implementation.
        for (len, padded) in [
            (9, 10),
            (10, 10),
            (11, 12),
            (1000, 1024),
            (1025, 1088),
            (1 << 30, 1 << 30),
        ] {
            assert_eq!(padme(len), padded, "{len}");
        }
        assert!((2..100_000).all(|len| padme(len) >= len && padme(len) * 100 <= len * 112));
    }

    #[test]
    fn every_length_is_filled_exactly() {
        for len in 2..20_000u64 {
            let mut left = len;
            while left >= SHORTEST {
                let mut packet = Vec::new();
                let content = content_len(left);
                write_header(&mut packet, tag::PADDING, content);
                left -= packet.len() as u64 + u64::from(content);
            }
            assert_eq!(left, 0, "{len}");
        }
    }
}

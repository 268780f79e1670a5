//! Packet framing: headers, partial lengths, bodies (RFC 9580 section 4.2).

use std::io::{self, BufRead, Read};

use crate::{Error, Result};

/// Packet type ids (RFC 9580 section 5) that this crate treats by name.
pub(crate) mod tag {
    pub(crate) const PKESK: u8 = 1;
    pub(crate) const SIGNATURE: u8 = 2;
    pub(crate) const SKESK: u8 = 3;
    pub(crate) const ONE_PASS: u8 = 4;
    pub(crate) const COMPRESSED: u8 = 8;
    pub(crate) const SED: u8 = 9;
    pub(crate) const MARKER: u8 = 10;
    pub(crate) const LITERAL: u8 = 11;
    pub(crate) const SEIPD: u8 = 18;
    pub(crate) const AEAD: u8 = 20;
    pub(crate) const PADDING: u8 = 21;
    /// Unknown packets from here on are ignored; below, they make the message unreadable (section 4.3).
    pub(crate) const FIRST_NON_CRITICAL: u8 = 40;
}

/// The first partial length must be at least this (section 4.2.1.4).
const MIN_FIRST_PARTIAL: u64 = 512;

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Full(u64),
    /// The first of several parts.
    Partial(u64),
    /// To the end of the bytes around it; the old format only.
    Indeterminate,
}

/// A packet's type and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) tag: u8,
    pub(crate) length: Length,
    /// Bytes that the header took.
    pub(crate) size: u64,
}

/// Reads a header; `None` where the bytes end instead.
pub(crate) fn read_header(reader: &mut dyn BufRead) -> Result<Option<Header>> {
    const READING: &str = "reading a packet";
    let at_end = reader.fill_buf().map_err(Error::io(READING))?.is_empty();
    if at_end {
        return Ok(None);
    }
    let first = octet(reader)?;
    if first & 0x80 == 0 {
        return Err(Error::malformed(
            "a packet",
            format!("its first byte is {first:#04x}, which has bit 7 clear (RFC 9580 section 4.2)"),
        ));
    }
    if first & 0x40 != 0 {
        let (length, size) = new_length(reader)?;
        let tag = first & 0x3f;
        let data = matches!(
            tag,
            tag::COMPRESSED | tag::SED | tag::LITERAL | tag::SEIPD | tag::AEAD
        );
        match length {
            Length::Partial(_) if !data => Err(Error::malformed(
                "a packet",
                format!("type {tag} may not have a partial length (RFC 9580 section 4.2.1.4)"),
            )),
            Length::Partial(part) if part < MIN_FIRST_PARTIAL => Err(Error::malformed(
                "a packet",
                format!("the first part has {part} bytes, expected at least {MIN_FIRST_PARTIAL}"),
            )),
            _ => Ok(Some(Header {
                tag,
                length,
                size: 1 + size,
            })),
        }
    } else {
        let tag = first >> 2 & 0x0f;
        let (length, size) = match first & 3 {
            0 => (Length::Full(u64::from(octet(reader)?)), 1),
            1 => (
                Length::Full(u64::from(u16::from_be_bytes(octets(reader)?))),
                2,
            ),
            2 => (
                Length::Full(u64::from(u32::from_be_bytes(octets(reader)?))),
                4,
            ),
            _ => (Length::Indeterminate, 0),
        };
        Ok(Some(Header {
            tag,
            length,
            size: 1 + size,
        }))
    }
}

/// A length in the current format (section 4.2.1), and how many bytes it took.
fn new_length(reader: &mut dyn BufRead) -> Result<(Length, u64)> {
    Ok(match octet(reader)? {
        short @ 0..192 => (Length::Full(u64::from(short)), 1),
        first @ 192..224 => {
            let second = octet(reader)?;
            (
                Length::Full((u64::from(first) - 192) * 256 + u64::from(second) + 192),
                2,
            )
        }
        255 => (
            Length::Full(u64::from(u32::from_be_bytes(octets(reader)?))),
            5,
        ),
        partial => (Length::Partial(1 << (partial & 0x1f)), 1),
    })
}

pub(crate) fn octet(reader: &mut dyn BufRead) -> Result<u8> {
    octets::<1>(reader).map(|[octet]| octet)
}

pub(crate) fn octets<const N: usize>(reader: &mut dyn BufRead) -> Result<[u8; N]> {
    let mut octets = [0; N];
    reader
        .read_exact(&mut octets)
        .map_err(Error::io("reading a packet"))?;
    Ok(octets)
}

/// A packet's body, its parts joined. Reading fails with `UnexpectedEof` when the bytes end too early.
pub(crate) struct Body<'a> {
    inner: &'a mut dyn BufRead,
    left: u64,
    more: More,
    /// Bytes of the body and of the lengths inside it that were consumed.
    consumed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    No,
    Parts,
    ToTheEnd,
}

impl<'a> Body<'a> {
    pub(crate) fn new(inner: &'a mut dyn BufRead, length: Length) -> Self {
        let (left, more) = match length {
            Length::Full(left) => (left, More::No),
            Length::Partial(left) => (left, More::Parts),
            Length::Indeterminate => (u64::MAX, More::ToTheEnd),
        };
        Self {
            inner,
            left,
            more,
            consumed: 0,
        }
    }

    /// The whole body, which is refused when it is longer than `limit`.
    pub(crate) fn read_all(mut self, what: &'static str, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Read::take(&mut self, limit + 1)
            .read_to_end(&mut bytes)
            .map_err(Error::io("reading a packet"))?;
        if bytes.len() as u64 > limit {
            return Err(Error::Limit { what, limit });
        }
        Ok(bytes)
    }

    /// Passes over what is left, and says how many bytes the body took in all, inner lengths included.
    pub(crate) fn skip(mut self) -> Result<u64> {
        loop {
            let n = self
                .fill_buf()
                .map_err(Error::io("reading a packet"))?
                .len();
            if n == 0 {
                return Ok(self.consumed);
            }
            self.consume(n);
        }
    }

    /// Reads lengths until there is a part with bytes left, or no part.
    fn enter_part(&mut self) -> io::Result<()> {
        while self.left == 0 && self.more == More::Parts {
            let (length, size) = new_length(self.inner).map_err(Error::into_io)?;
            self.consumed += size;
            match length {
                Length::Partial(left) => self.left = left,
                Length::Full(left) => (self.left, self.more) = (left, More::No),
                Length::Indeterminate => self.more = More::No,
            }
        }
        Ok(())
    }
}

impl BufRead for Body<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.enter_part()?;
        if self.left == 0 {
            return Ok(&[]);
        }
        let ends = self.more == More::ToTheEnd;
        let bytes = self.inner.fill_buf()?;
        if bytes.is_empty() && !ends {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let n = bytes
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        Ok(bytes.get(..n).unwrap_or(bytes))
    }

    fn consume(&mut self, n: usize) {
        self.inner.consume(n);
        self.consumed += n as u64;
        if self.more != More::ToTheEnd {
            self.left -= n as u64;
        }
    }
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.enter_part()?;
        if self.left == 0 || into.is_empty() {
            return Ok(0);
        }
        // Nothing is buffered first: a large read goes past the buffer below when that is empty.
        let n = into
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.inner.read(into.get_mut(..n).unwrap_or_default())?;
        if n == 0 && self.more != More::ToTheEnd {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.consumed += n as u64;
        if self.more != More::ToTheEnd {
            self.left -= n as u64;
        }
        Ok(n)
    }
}

/// A header in the current format with a length that is known.
pub(crate) fn write_header(to: &mut Vec<u8>, tag: u8, length: u32) {
    to.push(0xc0 | tag);
    write_length(to, length);
}

/// The shortest form of a length below 2^32.
pub(crate) fn write_length(to: &mut Vec<u8>, length: u32) {
    match length {
        0..192 => to.extend(length.to_be_bytes().iter().skip(3)),
        192..8384 => {
            let [.., high, low] = (length - 192 + (192 << 8)).to_be_bytes();
            to.extend([high, low]);
        }
        _ => {
            to.push(0xff);
            to.extend(length.to_be_bytes());
        }
    }
}

/// The octet that announces a part of 2^`power` bytes.
pub(crate) const fn partial(power: u8) -> u8 {
    0xe0 | power
}

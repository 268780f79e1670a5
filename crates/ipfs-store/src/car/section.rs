//! The sections of a CARv1: `varint (length of what follows) | CID | bytes`, after a header in DAG-CBOR.

use std::io::{self, Read, Take};

use ipld_core::ipld::Ipld;

use super::front::{FRONT, HEADER, Header, PRAGMA};
use crate::{Cid, Error, MAX_BLOCK, Result, hash, varint};

/// Most bytes that stand before a block's own: a varint, and the longest identity CID.
pub(crate) const MAX_PREFIX: usize = 160;

/// Most bytes of a header: more than 20,000 roots.
const MAX_HEADER: usize = 1 << 20;

/// Appends everything of a section but the block's bytes.
pub(crate) fn push_section(out: &mut Vec<u8>, cid: &Cid, len: usize) {
    let cid = cid.to_bytes();
    varint::push(out, (cid.len() + len) as u64);
    out.extend_from_slice(&cid);
}

/// Splits a section's start: the length of the block, its CID, and what of the block is there.
#[cfg(feature = "embedded")]
pub(crate) fn split_prefix(section: &[u8]) -> Option<(usize, Cid, &[u8])> {
    let (len, rest) = varint::split(section)?;
    let mut bytes = rest;
    let cid = Cid::read_bytes(&mut bytes).ok()?;
    let size = usize::try_from(len)
        .ok()?
        .checked_sub(rest.len() - bytes.len())?;
    Some((size, cid, bytes))
}

/// The header of a CARv1, with its length before it.
pub(crate) fn write_header(roots: &[Cid]) -> Vec<u8> {
    let header = Ipld::Map(
        [
            (
                "roots".to_owned(),
                Ipld::List(roots.iter().copied().map(Ipld::Link).collect()),
            ),
            ("version".to_owned(), Ipld::Integer(1)),
        ]
        .into(),
    );
    let header = serde_ipld_dagcbor::to_vec(&header).expect("a map of links is DAG-CBOR");
    let mut out = Vec::with_capacity(header.len() + 3);
    varint::push(&mut out, header.len() as u64);
    out.extend_from_slice(&header);
    out
}

/// The sections of a pack whose index is damaged: their CIDs, and where each starts and ends. Ends at what is no section.
#[cfg(feature = "embedded")]
pub(crate) fn scan(reader: impl Read) -> Option<Vec<(Cid, u64, u64)>> {
    let mut sections = Sections::new(reader.take(u64::MAX));
    let Ok(Version::One(_)) = sections.header() else {
        return None;
    };
    let mut found = Vec::new();
    let mut start = sections.position;
    while let Ok(Some((cid, _))) = sections.next_raw() {
        found.push((cid, start, sections.position));
        start = sections.position;
    }
    Some(found)
}

/// What a header says.
#[derive(Debug)]
pub(crate) enum Version {
    /// The roots follow, then the sections.
    One(Vec<Cid>),
    /// A header of fixed size follows, which says where a CARv1 is.
    Two,
}

/// Reads a CAR file from its start, section by section.
#[derive(Debug)]
pub(crate) struct Sections<R> {
    reader: R,
    position: u64,
    /// Whether the end of a CARv1 inside a CARv2 is known, and so has to be reached.
    bounded: bool,
}

impl<R: Read> Sections<Take<R>> {
    pub(crate) const fn new(reader: Take<R>) -> Self {
        Self {
            reader,
            position: 0,
            bounded: false,
        }
    }

    /// Goes to the CARv1 inside a CARv2 whose pragma was read, and reads its header. The index is not believed.
    pub(crate) fn enter_v2(&mut self) -> Result<Vec<Cid>> {
        let mut front = PRAGMA.to_vec();
        let read = self
            .reader
            .by_ref()
            .take(HEADER as u64)
            .read_to_end(&mut front);
        self.position += read.map_err(reading)? as u64;
        let header =
            Header::read(&front).ok_or_else(|| self.malformed("it ends within its header"))?;
        let padding = header.start.checked_sub(FRONT as u64);
        let padding =
            padding.ok_or_else(|| self.malformed("its CARv1 starts within its header"))?;
        let skipped = io::copy(&mut self.reader.by_ref().take(padding), &mut io::sink());
        self.position += skipped.map_err(reading)?;
        self.reader.set_limit(header.len);
        self.bounded = true;
        match self.header()? {
            Version::One(roots) => Ok(roots),
            Version::Two => Err(self.malformed("a CARv2 is inside a CARv2")),
        }
    }

    /// The first section.
    pub(crate) fn header(&mut self) -> Result<Version> {
        let bytes = self
            .take(MAX_HEADER)?
            .ok_or_else(|| self.malformed("it is empty"))?;
        let header: Ipld = serde_ipld_dagcbor::from_slice(&bytes)
            .map_err(|_| self.malformed("its header is no canonical DAG-CBOR"))?;
        let Ipld::Map(mut header) = header else {
            return Err(self.malformed("its header is no map"));
        };
        match header.remove("version") {
            Some(Ipld::Integer(1)) => {}
            Some(Ipld::Integer(2)) if header.is_empty() => return Ok(Version::Two),
            _ => return Err(self.malformed("its version is neither 1 nor 2")),
        }
        let Some(Ipld::List(roots)) = header.remove("roots") else {
            return Err(self.malformed("its header has no list of roots"));
        };
        let roots = roots.into_iter().map(|root| match root {
            Ipld::Link(cid) => Ok(cid),
            _ => Err(self.malformed("one of its roots is no link")),
        });
        roots.collect::<Result<_>>().map(Version::One)
    }

    /// The next section, not yet verified; `None` at the end of the input.
    pub(crate) fn next_raw(&mut self) -> Result<Option<(Cid, Vec<u8>)>> {
        let Some(bytes) = self.take(MAX_BLOCK + MAX_PREFIX)? else {
            if self.bounded && self.reader.limit() > 0 {
                return Err(self.malformed("it ends before its CARv1 does"));
            }
            return Ok(None);
        };
        let mut rest = bytes.as_slice();
        let cid = Cid::read_bytes(&mut rest)
            .map_err(|_| self.malformed("a section starts with no CID"))?;
        hash::accept(&cid)?;
        let start = bytes.len() - rest.len();
        let mut bytes = bytes;
        bytes.drain(..start);
        Ok(Some((cid, bytes)))
    }

    /// What a length stands before.
    fn take(&mut self, limit: usize) -> Result<Option<Vec<u8>>> {
        let Some(len) = self.length()? else {
            return Ok(None);
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > limit {
            return Err(self.malformed("a section is longer than a block may be"));
        }
        let mut bytes = Vec::new(); // it grows by what is there, not by what is claimed
        let read = self
            .reader
            .by_ref()
            .take(len as u64)
            .read_to_end(&mut bytes);
        self.position += read.map_err(reading)? as u64;
        if bytes.len() < len {
            return Err(self.malformed("it ends within a section"));
        }
        Ok(Some(bytes))
    }

    fn length(&mut self) -> Result<Option<u64>> {
        let mut bytes = Vec::new();
        loop {
            let mut byte = [0];
            match self.reader.read(&mut byte) {
                Ok(0) if bytes.is_empty() => return Ok(None),
                Ok(0) => return Err(self.malformed("it ends within a length")),
                Ok(_) => self.position += 1,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(reading(error)),
            }
            let [byte] = byte;
            bytes.push(byte);
            if byte & 0x80 == 0 {
                let number = varint::split(&bytes).map(|(number, _)| number);
                return number
                    .map(Some)
                    .ok_or_else(|| self.malformed("a length is not in its shortest form"));
            }
            if bytes.len() > 9 {
                return Err(self.malformed("a length takes more than 64 bits"));
            }
        }
    }

    fn malformed(&self, reason: &'static str) -> Error {
        Error::Car {
            reason,
            position: self.position,
        }
    }
}

fn reading(source: io::Error) -> Error {
    Error::io("reading the CAR file", source)
}

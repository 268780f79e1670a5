//! A commit as the journal has it: a record, cut into pages.
//!
//! ```text
//! page, 4096 bytes
//!    0  "mslj"                 4 bytes
//!    4  part, parts            4 bytes each, big-endian: which page of how many this is of its record
//!   12  generation             8 bytes: which fill of the journal; even ones in file 0, odd ones in file 1
//!   20  number                 8 bytes: which commit
//!   28  allocated              4 bytes: how many pages the file had when this was written
//!   32  4064 bytes of the record, zero behind its end
//!
//! record
//!    0  previous               32 bytes: the digest of the commit before
//!   32  digest                 32 bytes: SHA-256 of previous and body
//!   64  length                 8 bytes
//!   72  body                   table, entries: 1 and 4 bytes; then for each entry the length of its key, the key, the length
//!                              of its value plus one (0: removed), the value; lengths of 4 bytes
//! ```
//!
//! Headers stand where no content can stand, so nothing that somebody records can look like one. A record that does not
//! have its digest was being written when the machine stopped, and was not answered; unless a later record follows, which
//! is written only after an answer: then it is damage.

use super::super::{Batch, Table};
use super::journal::Mark;
use crate::Result;
use crate::hash::sha256;

pub(super) const PAGE: usize = 4096;
const HEADER: usize = 32;
const MAGIC: [u8; 4] = *b"mslj";
/// What stands before the body of a record.
const FRONT: usize = 72;

/// What stands before the content of a page.
pub(super) struct Header {
    part: u32,
    parts: u32,
    pub(super) generation: u64,
    pub(super) number: u64,
    allocated: u32,
}

impl Header {
    pub(super) fn read(page: &[u8; PAGE]) -> Option<Self> {
        let (magic, rest) = page.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_first_chunk::<4>()?;
        let (parts, rest) = rest.split_first_chunk::<4>()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let (allocated, _) = rest.split_first_chunk::<4>()?;
        (*magic == MAGIC).then_some(Self {
            part: u32::from_be_bytes(*part),
            parts: u32::from_be_bytes(*parts),
            generation: u64::from_be_bytes(*generation),
            number: u64::from_be_bytes(*number),
            allocated: u32::from_be_bytes(*allocated),
        })
    }

    fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let parts = [
            MAGIC.as_slice(),
            &self.part.to_be_bytes(),
            &self.parts.to_be_bytes(),
            &self.generation.to_be_bytes(),
            &self.number.to_be_bytes(),
            &self.allocated.to_be_bytes(),
        ];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }
}

/// A record's pages, those of its file, previous digest, digest and body.
pub(super) type Record = (u64, u64, [u8; 32], [u8; 32], Vec<u8>);

/// The record that starts at a page, when all its pages are there. Memory grows with the pages that are, not with what one
/// claims.
pub(super) fn read(
    page_at: &impl Fn(u64) -> Result<[u8; PAGE]>,
    first: u64,
    pages: u64,
    generation: u64,
    number: u64,
) -> Result<Option<Record>> {
    let mut bytes = Vec::new();
    let (mut parts, mut allocated) = (1, 0);
    let mut part = 0;
    while part < parts {
        if first + u64::from(part) >= pages {
            return Ok(None);
        }
        let page = page_at(first + u64::from(part))?;
        let Some(header) = Header::read(&page) else {
            return Ok(None);
        };
        if part == 0 {
            (parts, allocated) = (header.parts, header.allocated);
        }
        let fits = (header.part, header.parts) == (part, parts)
            && (header.generation, header.number) == (generation, number);
        if !fits {
            return Ok(None);
        }
        bytes.extend_from_slice(page.get(HEADER..).unwrap_or_default());
        part += 1;
    }
    let read = (|| {
        let (previous, rest) = bytes.split_first_chunk::<32>()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        Some((
            u64::from(parts),
            u64::from(allocated),
            *previous,
            *digest,
            rest.get(..length)?.to_vec(),
        ))
    })();
    Ok(read)
}

/// Content that is laid out in pages, each with room for its header.
struct Pages<'a>(&'a mut Vec<u8>);

impl Pages<'_> {
    fn extend(&mut self, mut content: &[u8]) {
        while !content.is_empty() {
            if self.0.len().is_multiple_of(PAGE) {
                self.0.extend([0; HEADER]);
            }
            let room = PAGE - self.0.len() % PAGE;
            let (now, later) = content.split_at(room.min(content.len()));
            self.0.extend_from_slice(now);
            content = later;
        }
    }
}

/// Writes the pages of a commit over what was there; the mark after it.
pub(super) fn encode(batch: &Batch, generation: u64, before: Mark, bytes: &mut Vec<u8>) -> Mark {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    bytes.clear();
    let mut pages = Pages(bytes);
    pages.extend(&before.digest);
    pages.extend(&[0; FRONT - 32]);
    for (table, changes) in batch.changes() {
        pages.extend(&[table as u8]);
        pages.extend(&length(changes.len()));
        for (key, value) in changes {
            pages.extend(&length(key.len()));
            pages.extend(key);
            pages.extend(&length(value.map_or(0, |value| value.len() + 1)));
            pages.extend(value.unwrap_or_default());
        }
    }
    let parts = bytes.len().div_ceil(PAGE);
    let body = bytes.len() - parts * HEADER - FRONT;
    let bodies = bytes.chunks(PAGE).enumerate().map(|(part, page)| {
        let front = HEADER + if part == 0 { FRONT } else { 0 };
        page.get(front..).unwrap_or_default()
    });
    let hashed: Vec<_> = [before.digest.as_slice()]
        .into_iter()
        .chain(bodies)
        .collect();
    let digest = sha256(&hashed);
    let mark = Mark {
        commit: before.commit + 1,
        digest,
    };
    let size = u64::try_from(body).unwrap_or(u64::MAX).to_be_bytes();
    let front = bytes.iter_mut().skip(HEADER + 32);
    for (to, from) in front.zip(digest.iter().chain(&size)) {
        *to = *from;
    }
    bytes.resize(parts * PAGE, 0);
    for (part, page) in (0..).zip(bytes.chunks_mut(PAGE)) {
        let header = Header {
            part,
            parts: u32::try_from(parts).unwrap_or(u32::MAX),
            generation,
            number: mark.commit,
            allocated: 0,
        };
        if let Some(place) = page.first_chunk_mut() {
            *place = header.bytes();
        }
    }
    mark
}

/// Notes in each page how many the file has.
pub(super) fn allocate(pages: &mut [u8], allocated: u64) {
    let allocated = u32::try_from(allocated).unwrap_or_default().to_be_bytes();
    for page in pages.chunks_mut(PAGE) {
        if let Some(place) = page.get_mut(HEADER - 4..HEADER) {
            place.copy_from_slice(&allocated);
        }
    }
}

/// The changes that a body spells.
pub(super) fn decode(mut rest: &[u8]) -> Option<Batch> {
    fn length(rest: &mut &[u8]) -> Option<usize> {
        let (bytes, behind) = rest.split_first_chunk::<4>()?;
        *rest = behind;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    }
    fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
        let (taken, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        Some(taken)
    }
    let mut batch = Batch::new();
    while let Some((table, behind)) = rest.split_first() {
        rest = behind;
        let table = *Table::ALL.get(usize::from(*table))?;
        for _ in 0..length(&mut rest)? {
            let key = length(&mut rest)?;
            let key = take(&mut rest, key)?;
            match length(&mut rest)? {
                0 => batch.remove(table, key),
                size => batch.put(table, key, take(&mut rest, size - 1)?),
            }
        }
    }
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.put(Table::Meta, *b"head", *b"value");
        batch.put(Table::Node, [], []);
        batch.put(Table::Transaction, [7; 8], vec![3; 3 * PAGE]);
        batch.remove(Table::State, [1; 32]);
        batch
    }

    /// The pages of a commit as the drawing has them, without a page before the record is whole.
    fn drawn(batch: &Batch, generation: u64, before: Mark) -> Vec<u8> {
        let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
        let mut body = Vec::new();
        for (table, changes) in batch.changes() {
            body.push(table as u8);
            body.extend(length(changes.len()));
            for (key, value) in changes {
                body.extend(length(key.len()));
                body.extend(key);
                body.extend(length(value.map_or(0, |value| value.len() + 1)));
                body.extend(value.unwrap_or_default());
            }
        }
        let digest = sha256(&[&before.digest, &body]);
        let size = u64::try_from(body.len()).unwrap().to_be_bytes();
        let record = [&before.digest[..], &digest, &size, &body].concat();
        let contents: Vec<_> = record.chunks(PAGE - HEADER).collect();
        let parts = u32::try_from(contents.len()).unwrap();
        let pages = (0..).zip(&contents).flat_map(|(part, content)| {
            let header = Header {
                part,
                parts,
                generation,
                number: before.commit + 1,
                allocated: 0,
            };
            let mut page = [&header.bytes(), *content].concat();
            page.resize(PAGE, 0);
            page
        });
        pages.collect()
    }

    /// Records that end a little before a page does, with it and behind it, in memory that had something else in it.
    #[test]
    fn a_commit_of_any_length_is_laid_out_as_it_is_drawn() {
        let before = Mark {
            commit: 3,
            digest: [5; 32],
        };
        let mut bytes = vec![1; 9 * PAGE];
        for pages in [1, 2, 3] {
            for end in 0..60 {
                let mut batch = Batch::new();
                batch.remove(Table::State, [7; 3]);
                // 72 bytes of front, two tables of 5 and their entries of 11 stand before the value
                batch.put(
                    Table::Involved,
                    [7; 3],
                    vec![9; pages * 4064 - 104 - 30 + end],
                );
                encode(&batch, 8, before, &mut bytes);
                assert!(bytes == drawn(&batch, 8, before), "{pages} pages, {end}");
            }
        }
        encode(&Batch::new(), 8, before, &mut bytes);
        assert!(bytes == drawn(&Batch::new(), 8, before));
    }

    #[test]
    fn a_commit_is_read_as_it_was_written() {
        let before = Mark {
            commit: 41,
            digest: [9; 32],
        };
        let mut bytes = vec![1; 5];
        let mark = encode(&batch(), 6, before, &mut bytes);
        assert_eq!((bytes.len(), mark.commit), (4 * PAGE, 42));
        allocate(&mut bytes, 1000);
        let read = |page: u64| {
            let at = usize::try_from(page).unwrap() * PAGE;
            Ok(*bytes[at..].first_chunk::<PAGE>().unwrap())
        };
        let found = super::read(&read, 0, 4, 6, 42).unwrap().unwrap();
        assert_eq!(
            (found.0, found.1, found.2, found.3),
            (4, 1000, [9; 32], mark.digest)
        );
        assert_eq!(decode(&found.4), Some(batch()));
        for (first, pages, generation, number) in
            [(1, 4, 6, 42), (0, 3, 6, 42), (0, 4, 5, 42), (0, 4, 6, 41)]
        {
            assert!(
                super::read(&read, first, pages, generation, number)
                    .unwrap()
                    .is_none()
            );
        }
    }

    #[test]
    fn a_body_that_ends_early_is_none() {
        let mut bytes = Vec::new();
        encode(&batch(), 0, Mark::default(), &mut bytes);
        let body: Vec<_> = bytes
            .chunks(PAGE)
            .flat_map(|page| &page[HEADER..])
            .copied()
            .collect();
        let length = u64::from_be_bytes(*body[64..].first_chunk().unwrap());
        let body = &body[FRONT..FRONT + usize::try_from(length).unwrap()];
        assert_eq!(decode(body), Some(batch()));
        // a body may end between two tables, so cut inside each
        let whole = (0..body.len())
            .filter(|&end| decode(&body[..end]).is_some())
            .count();
        assert_eq!(whole, 4, "the empty body and one, two and three tables");
    }
}

//! The front of a CARv2, and its index.

use std::collections::BTreeMap;

use multihash::Multihash;

/// A CARv2 starts with this: the length and the DAG-CBOR of `{"version": 2}`.
pub(crate) const PRAGMA: [u8; 11] = [
    0x0a, 0xa1, 0x67, b'v', b'e', b'r', b's', b'i', b'o', b'n', 0x02,
];

/// The bytes of a CARv2's header: 16 of characteristics, then three numbers.
pub(crate) const HEADER: usize = 40;

/// The bytes before the CARv1 that is inside, without padding.
pub(crate) const FRONT: usize = PRAGMA.len() + HEADER;

/// The code of "MultihashIndexSorted" in the multicodec table, as a varint.
const SORTED: [u8; 2] = [0x81, 0x08];

/// Where a block's section starts, counted from the start of the CARv1.
pub(crate) type Offset = (Multihash<64>, u64);

/// The header of a CARv2; numbers are in bytes from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where the CARv1 starts.
    pub(crate) start: u64,
    /// The bytes of the CARv1.
    pub(crate) len: u64,
    /// Where the index starts; 0 when there is none.
    pub(crate) index: u64,
}

impl Header {
    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let numbers = [self.start, self.len, self.index];
        for (to, from) in bytes
            .iter_mut()
            .skip(16)
            .zip(numbers.iter().flat_map(|number| number.to_le_bytes()))
        {
            *to = from;
        }
        bytes
    }

    /// Reads pragma and header.
    pub(crate) fn read(front: &[u8]) -> Option<Self> {
        let header = front.strip_prefix(&PRAGMA)?.get(16..HEADER)?;
        let mut numbers = header
            .chunks_exact(8)
            .filter_map(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        Some(Self {
            start: numbers.next()?,
            len: numbers.next()?,
            index: numbers.next()?,
        })
    }
}

/// The index: by hash function, then by width, the digests in order, each with its offset.
pub(crate) fn write_index(entries: impl Iterator<Item = Offset>) -> Vec<u8> {
    // numbers of hash functions, widths and bytes of a digest: small
    let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    let mut functions: BTreeMap<u64, BTreeMap<usize, Vec<Vec<u8>>>> = BTreeMap::new();
    for (hash, offset) in entries {
        let mut record = hash.digest().to_vec();
        record.extend(offset.to_le_bytes());
        let widths = functions.entry(hash.code()).or_default();
        widths.entry(record.len()).or_default().push(record);
    }
    let mut out = SORTED.to_vec();
    out.extend(number(functions.len()));
    for (code, widths) in functions {
        out.extend(code.to_le_bytes());
        out.extend(number(widths.len()));
        for (width, mut records) in widths {
            records.sort_unstable();
            out.extend(number(width));
            out.extend(((width * records.len()) as u64).to_le_bytes());
            out.extend(records.concat());
        }
    }
    out
}

/// Reads an index of this kind; `None` when it is malformed or of another kind.
pub(crate) fn read_index(index: &[u8]) -> Option<Vec<Offset>> {
    let mut rest = index.strip_prefix(&SORTED)?;
    let mut offsets = Vec::new();
    for _ in 0..u32::from_le_bytes(split(&mut rest)?) {
        let code = u64::from_le_bytes(split(&mut rest)?);
        for _ in 0..u32::from_le_bytes(split(&mut rest)?) {
            let width = usize::try_from(u32::from_le_bytes(split(&mut rest)?)).ok()?;
            let len = usize::try_from(u64::from_le_bytes(split(&mut rest)?)).ok()?;
            let (records, after) = rest.split_at_checked(len)?;
            rest = after;
            if width <= 8 || len % width != 0 {
                return None;
            }
            for record in records.chunks_exact(width) {
                let (digest, offset) = record.split_at_checked(width - 8)?;
                let hash = Multihash::wrap(code, digest).ok()?;
                offsets.push((hash, u64::from_le_bytes(offset.try_into().ok()?)));
            }
        }
    }
    rest.is_empty().then_some(offsets)
}

fn split<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*front)
}

//! The index of a CARv2: which block is where.

use std::collections::BTreeMap;

use multihash::Multihash;

/// The code of "MultihashIndexSorted" in the multicodec table, as a varint.
const SORTED: [u8; 2] = [0x81, 0x08];

/// Where a block's section starts, counted from the start of the CARv1.
pub(crate) type Offset = (Multihash<64>, u64);

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

//! Directories of many blocks: a hash array mapped trie, as the UnixFS specification describes it.
//!
//! A name's place is its `MurmurHash3`, eight bits at each level. A link's name starts with the slot in two hexadecimal
//! digits; what follows is the entry's name, or nothing for a node of the next level.

use std::collections::{BTreeMap, HashSet};

use super::node::{self, Kind, Link};
use super::{MAX_BLOCKS, Node, fetch};
use crate::hash::Key;
use crate::{BlockStore, Cid, Error, Profile, Result};

/// The slots of one node.
const FANOUT: u64 = 256;

/// Code of `murmur3-x64-64` in the multicodec table.
const MURMUR3: u64 = 0x22;

/// The hash has eight bytes, so there are no more levels.
const MAX_LEVELS: usize = 8;

/// Writes the nodes of a directory and returns the root.
pub(super) fn write(store: &dyn BlockStore, links: &[Link<'_>], profile: Profile) -> Result<Node> {
    let placed: Vec<_> = links.iter().map(|link| (place(link.name), *link)).collect();
    let node = write_level(store, &placed, 0, profile)?;
    Ok(Node::new(node.0, 0, node.1))
}

fn write_level(
    store: &dyn BlockStore,
    links: &[([u8; 8], Link<'_>)],
    level: usize,
    profile: Profile,
) -> Result<(Cid, u64)> {
    let mut slots: BTreeMap<u8, Vec<([u8; 8], Link<'_>)>> = BTreeMap::new();
    for (place, link) in links {
        let slot = place.get(level).ok_or_else(|| Error::BadName {
            name: link.name.to_owned(),
            reason: "its hash is that of another name",
        })?;
        slots.entry(*slot).or_default().push((*place, *link));
    }
    let mut bits = [0_u8; 32];
    let mut named: Vec<(String, Cid, u64)> = Vec::new();
    for (slot, below) in &slots {
        // the last bit of the last byte is slot 0
        if let Some(byte) = bits.get_mut(31 - usize::from(slot / 8)) {
            *byte |= 1 << (slot % 8);
        }
        named.push(match below.as_slice() {
            [(_, link)] => (format!("{slot:02X}{}", link.name), link.cid, link.tree_size),
            below => {
                let (cid, tree_size) = write_level(store, below, level + 1, profile)?;
                (format!("{slot:02X}"), cid, tree_size)
            }
        });
    }
    let links: Vec<_> = named
        .iter()
        .map(|(name, cid, tree_size)| Link {
            cid: *cid,
            name,
            tree_size: *tree_size,
        })
        .collect();
    let leading = bits.iter().take_while(|byte| **byte == 0).count();
    let bits = bits.get(leading..).unwrap_or_default();
    let block = node::block(profile, node::write_shard(bits, MURMUR3, FANOUT, &links))?;
    store.put(&block)?;
    let below = links
        .iter()
        .fold(0_u64, |sum, link| sum.saturating_add(link.tree_size));
    Ok((
        *block.cid(),
        below.saturating_add(block.bytes().len() as u64),
    ))
}

/// Every entry: its name, root, and the size that its link claims.
///
/// A name has one place, so no honest trie has a slot twice, or one node in two places. One that does would unfold: two blocks
/// are enough for 1.9e9 entries.
pub(super) fn list(store: &dyn BlockStore, root: &Cid) -> Result<Vec<(String, Cid, u64)>> {
    let mut entries = Vec::new();
    let mut waiting = vec![(*root, 0)];
    let mut seen = HashSet::new();
    let too_large = |what| Error::TooLarge {
        root: (*root).into(),
        what,
        limit: MAX_BLOCKS,
    };
    while let Some((cid, level)) = waiting.pop() {
        if !seen.insert(Key::of(cid.hash())) {
            return Err(Error::malformed(
                cid,
                "a shard is reached twice in one directory",
            ));
        }
        if level >= MAX_LEVELS || seen.len() as u64 > MAX_BLOCKS {
            return Err(too_large("nodes in one directory"));
        }
        let block = fetch(store, &cid)?;
        let (fanout, links) = match node::read(&block)? {
            Kind::Shard { fanout, links } => (fanout, links),
            other => {
                return Err(Error::WrongKind {
                    cid: cid.into(),
                    expected: "a node of a sharded directory",
                    found: other.name(),
                });
            }
        };
        if !fanout.is_power_of_two() || !(8..=1024).contains(&fanout) {
            return Err(Error::malformed(
                cid,
                "a shard's fan-out is no power of two from 8 to 1024",
            ));
        }
        let digits = format!("{:X}", fanout - 1).len();
        let no_slot = || Error::malformed(cid, "a shard's link does not start with its slot");
        let mut slots = HashSet::new();
        for link in links {
            let (slot, name) = link.name.split_at_checked(digits).ok_or_else(no_slot)?;
            let slot = u64::from_str_radix(slot, 16).map_err(|_| no_slot())?;
            if slot >= fanout {
                return Err(no_slot());
            }
            if !slots.insert(slot) {
                return Err(Error::malformed(cid, "a shard names a slot twice"));
            }
            if name.is_empty() {
                waiting.push((link.cid, level + 1));
            } else {
                entries.push((name.to_owned(), link.cid, link.tree_size));
            }
            if entries.len() as u64 > MAX_BLOCKS {
                return Err(too_large("entries in one directory"));
            }
        }
    }
    Ok(entries)
}

/// The slots of a name, level by level.
fn place(name: &str) -> [u8; 8] {
    let hash = murmur3::murmur3_x64_128(&mut name.as_bytes(), 0).unwrap_or_default();
    let [.., a, b, c, d, e, f, g, h] = hash.to_be_bytes(); // the first half of the digest is the lower one
    [a, b, c, d, e, f, g, h]
}

//! Tiles: how the log's hashes are stored, and served to readers of C2SP tlog-tiles.
//!
//! Tile `(level, number)` holds the roots of the complete subtrees of height `8 * level` that are numbered
//! `256 * number` and up, as many as there are, at most 256. Level 0 holds the leaves' hashes. Heights in between are
//! computed from at most 255 hashes of one tile.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{Peaks, Subtrees, joined, node_hash};
use crate::store::{Batch, Snapshot, Table};
use crate::{Digest, Error, Result};

/// The height of a tile: the levels of the tree that it spans.
pub const TILE_HEIGHT: u32 = 8;
/// The most hashes in a tile.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;
/// Tiles on top of one another until 64 bits of indices are covered.
const LEVELS: u32 = u64::BITS / TILE_HEIGHT;

/// The key of a tile in its table.
pub(crate) fn tile_key(level: u32, number: u64) -> Vec<u8> {
    let mut key = vec![u8::try_from(level).unwrap_or(u8::MAX)];
    key.extend(number.to_be_bytes());
    key
}

/// The log's hashes in a snapshot, up to a size. A proof asks for each of its tiles up to eight times, so they are kept: as many as
/// one proof needs, which are at most two for each level.
pub(crate) struct Tiles<'a, S> {
    snapshot: &'a S,
    kept: RefCell<BTreeMap<(u32, u64), Vec<Digest>>>,
}

impl<'a, S: Snapshot> Tiles<'a, S> {
    /// For one proof.
    pub(crate) const fn new(snapshot: &'a S) -> Self {
        Self {
            snapshot,
            kept: RefCell::new(BTreeMap::new()),
        }
    }

    /// The hashes of a tile, as many as there are now.
    pub(crate) fn tile(&self, level: u32, number: u64) -> Result<Vec<Digest>> {
        let bytes = self
            .snapshot
            .get(Table::Tile, &tile_key(level, number))?
            .unwrap_or_default();
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() > 256 {
            return Err(Error::damaged(format!(
                "tile {number} of level {level} has {} bytes",
                bytes.len()
            )));
        }
        Ok(hashes.iter().copied().map(Digest::new).collect())
    }
}

impl<S: Snapshot> Subtrees for Tiles<'_, S> {
    fn subtree(&self, level: u32, index: u64) -> Result<Digest> {
        let (above, within) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let first = index << within;
        let number = first / TILE_WIDTH;
        let mut kept = self.kept.borrow_mut();
        let tile = match kept.entry((above, number)) {
            Entry::Occupied(tile) => tile.into_mut(),
            Entry::Vacant(tile) => tile.insert(self.tile(above, number)?),
        };
        let from = usize::try_from(first % TILE_WIDTH).unwrap_or(usize::MAX);
        let part = tile.get(from..).and_then(|rest| rest.get(..1 << within));
        part.and_then(complete).ok_or_else(|| {
            Error::damaged(format!(
                "tile {number} of level {above} has {} hashes",
                tile.len()
            ))
        })
    }
}

/// The root over a power of two of hashes.
fn complete(hashes: &[Digest]) -> Option<Digest> {
    match hashes {
        [] => None,
        [hash] => Some(*hash),
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            Some(node_hash(&complete(left)?, &complete(right)?))
        }
    }
}

/// Leaves appended to a log and not yet written.
#[derive(Clone, Debug)]
pub(crate) struct Appended {
    pub(crate) peaks: Peaks,
    tiles: BTreeMap<(u32, u64), Vec<Digest>>,
}

impl Appended {
    /// Starts at the right edge of a stored log.
    pub(crate) const fn new(peaks: Peaks) -> Self {
        Self {
            peaks,
            tiles: BTreeMap::new(),
        }
    }

    /// Appends a leaf.
    pub(crate) fn push<S: Snapshot>(&mut self, stored: &Tiles<'_, S>, leaf: Digest) -> Result<()> {
        let mut index = self.peaks.size();
        let mut hash = leaf;
        for level in 0..LEVELS {
            let number = index / TILE_WIDTH;
            let tile = match self.tiles.entry((level, number)) {
                Entry::Occupied(tile) => tile.into_mut(),
                Entry::Vacant(tile) => tile.insert(stored.tile(level, number)?),
            };
            if u64::try_from(tile.len()) != Ok(index % TILE_WIDTH) {
                return Err(Error::damaged(format!(
                    "tile {number} of level {level} has {} hashes, expected {}",
                    tile.len(),
                    index % TILE_WIDTH
                )));
            }
            tile.push(hash);
            let Some(root) = (tile.len() == 256).then(|| complete(tile)).flatten() else {
                break;
            };
            (hash, index) = (root, number);
        }
        self.peaks.push(leaf);
        Ok(())
    }

    /// Adds the changed tiles to a batch.
    pub(crate) fn write(&self, batch: &mut Batch) {
        for ((level, number), tile) in &self.tiles {
            batch.put(Table::Tile, tile_key(*level, *number), joined(tile));
        }
    }
}

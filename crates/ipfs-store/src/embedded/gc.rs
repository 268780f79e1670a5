//! Deleting: packs are written anew without what goes, and only then removed.
//!
//! A crash at any point leaves every kept block in the old pack or the new one, or in both; the next collection drops what
//! is there twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;

use super::index::{Entry, Table};
use super::pack::{PACK, Pack, TEMPORARY, read_raw};
use super::{Committed, EmbeddedStore, sync_directory};
use crate::hash::Key;
use crate::{Cid, Result, car, dag};

/// What a garbage collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// The blocks that were deleted.
    pub blocks: u64,
    /// The bytes that the directory takes less.
    pub bytes: u64,
}

/// Packs below this are put together when there is something to collect anyway.
const SMALL: u64 = 8 << 20;

impl EmbeddedStore {
    /// Deletes every block that no pin reaches.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`](crate::Error::Busy) while another process puts or pins, or somebody holds, another thread of this one too;
    /// [`Error::Missing`](crate::Error::Missing) or [`Error::Damaged`](crate::Error::Damaged) when a pinned DAG cannot be followed: then
    /// nothing is deleted, since nobody knows what it still reaches; [`Error::Io`](crate::Error::Io).
    pub fn gc(&self) -> Result<Collected> {
        self.alone(|| {
            let mut kept = BTreeSet::new();
            for root in self.pins()? {
                for cid in dag::cids(&Committed(self), &root) {
                    kept.insert(Key::of(cid?.hash()));
                }
            }
            let before = self.index().size();
            self.sweep(|key| kept.contains(key), Sweep::Garbage)?;
            let after = self.index().size();
            Ok(Collected {
                blocks: before.blocks.saturating_sub(after.blocks),
                bytes: before.bytes.saturating_sub(after.bytes),
            })
        })
    }

    pub(super) fn delete_one(&self, cid: &Cid) -> Result<bool> {
        self.alone(|| {
            let key = Key::of(cid.hash());
            let there = self.index().place(&key).is_some();
            if there {
                self.sweep(|other| *other != key, Sweep::One)?;
            }
            // what could not be read was left, and it may be in there
            self.index().surely_missing(cid)?;
            Ok(there)
        })
    }

    /// Runs while no other thread or process puts, pins or collects, with nothing pending.
    fn alone<T>(&self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut writer = self.writer_unheld()?;
        self.commit(&mut writer)?;
        writer.release(); // or it would wait for itself
        let lock = self.lock_exclusive()?;
        self.refresh()?;
        let done = run();
        drop(lock);
        done
    }

    /// Writes the packs anew that hold what goes.
    fn sweep(&self, keep: impl Fn(&Key) -> bool, what: Sweep) -> Result<()> {
        let swept = self.try_sweep(&keep, what);
        let folder = self.packs();
        swept
            .and_then(|()| remove_temporary(&folder))
            .and_then(|()| sync_directory(&folder))
            .map_err(|source| self.failed("collecting garbage", source))?;
        if what == Sweep::Garbage {
            self.forget_unreadable(); // written anew, maybe under the same name
        }
        self.refresh()
    }

    fn try_sweep(&self, keep: &dyn Fn(&Key) -> bool, what: Sweep) -> io::Result<()> {
        let packs = self.index().packs();
        let copies = self.best_copies(&packs);
        let stays = |number: usize, entry: &Entry| {
            keep(&entry.key) && copies.get(&entry.key).is_none_or(|best| *best == number)
        };
        let folder = self.packs();
        let (mut old, mut new) = (Vec::new(), Vec::new());
        let mut pack = Pack::new(&folder)?;
        let few = packs.iter().filter(|table| table.bytes < SMALL).count() < 2;
        for (number, table) in packs.iter().enumerate() {
            let whole = table.entries.iter().all(|entry| stays(number, entry));
            let anew = match (what, &table.unreadable) {
                // every pin was followed, so no pin needs what does not show
                (Sweep::Garbage, Some(_)) => true,
                (Sweep::Garbage, None) => !whole || (table.bytes < SMALL && !few),
                // it may hold what a pin needs
                (Sweep::One, Some(_)) => false,
                (Sweep::One, None) => !whole,
            };
            if !anew {
                continue;
            }
            let mut file = File::open(&table.path)?;
            for entry in table.entries.iter().filter(|entry| stays(number, entry)) {
                // not hashed: a damaged block stays damaged, and is named when it is read
                let section = read_raw(&mut file, entry.offset, entry.len)?;
                let (_, cid, bytes) = car::split_prefix(&section).ok_or_else(|| {
                    io::Error::other("a block that is kept is damaged in its name")
                })?;
                if pack.len() >= PACK {
                    new.push(std::mem::replace(&mut pack, Pack::new(&folder)?));
                }
                pack.append(&cid, bytes)?;
            }
            old.push(table);
        }
        if !pack.is_empty() {
            new.push(pack);
        }
        let mut names = Vec::new();
        for pack in new {
            names.push(pack.publish(&folder)?);
        }
        sync_directory(&folder)?;
        for table in old {
            // the same blocks in the same order have the same name
            if !names.iter().any(|name| {
                Some(name.as_str()) == table.path.file_name().and_then(|name| name.to_str())
            }) {
                fs::remove_file(&table.path)?;
            }
        }
        Ok(())
    }

    /// For blocks that several packs hold: the number of the one whose copy is whole.
    fn best_copies(&self, packs: &[std::sync::Arc<Table>]) -> BTreeMap<Key, usize> {
        let mut copies: BTreeMap<Key, Vec<(usize, Entry)>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for entry in packs.iter().flat_map(|table| &table.entries) {
            if !seen.insert(entry.key) {
                copies.insert(entry.key, Vec::new());
            }
        }
        for (number, table) in packs.iter().enumerate() {
            for entry in &table.entries {
                if let Some(copies) = copies.get_mut(&entry.key) {
                    copies.push((number, *entry));
                }
            }
        }
        let best = copies.into_iter().filter_map(|(key, copies)| {
            let whole = |readable: bool| {
                copies.iter().find(|(number, entry)| {
                    packs.get(*number).is_some_and(|table| {
                        table.unreadable.is_none() == readable && table.place(entry).is_whole()
                    })
                })
            };
            let best = whole(true).or_else(|| whole(false));
            Some((key, best.or(copies.first())?.0))
        });
        best.collect()
    }
}

/// What goes, and so what may be written anew besides the packs that hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sweep {
    /// All that no pin reaches: small packs are put together, and those that cannot be read whole are replaced.
    Garbage,
    /// One block: everything else stays where it is.
    One,
}

/// Whoever was writing them is gone: nobody else holds the lock.
fn remove_temporary(folder: &std::path::Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

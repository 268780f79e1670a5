//! Files and directories of the file system.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::node::{self, Kind};
use super::{MAX_BLOCKS, MAX_DEPTH, Node, add, cat, directory, fetch, list};
use crate::hash::RAW;
use crate::{Block, BlockStore, Cid, Error, Profile, Result};

/// Adds a file, or a directory and everything under it, hidden files too (`ipfs add -r --hidden`).
///
/// # Errors
///
/// [`Error::Changed`] for a file that is written to meanwhile; [`Error::Io`], also for a symbolic link or a device, which
/// are not followed; [`Error::BadName`] for a name that is not UTF-8; a failure of the store.
pub fn add_path(store: &dyn BlockStore, path: &Path, profile: Profile) -> Result<Node> {
    let before = fs::symlink_metadata(path).map_err(reading(path))?;
    if before.is_dir() {
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(reading(path))? {
            let name = entry.map_err(reading(path))?.file_name();
            names.push(name.into_string().map_err(|name| Error::BadName {
                name: name.to_string_lossy().into_owned(),
                reason: "it is not UTF-8",
            })?);
        }
        names.sort_unstable(); // the same order for everybody who watches
        let mut entries = Vec::with_capacity(names.len());
        for name in &names {
            entries.push((name.as_str(), add_path(store, &path.join(name), profile)?));
        }
        return directory(store, &entries, profile);
    }
    if !before.is_file() {
        let what = io::Error::new(
            io::ErrorKind::Unsupported,
            "it is neither a file nor a directory",
        );
        return Err(reading(path)(what));
    }
    let mut file = File::open(path).map_err(reading(path))?;
    let node = add(store, &mut file, profile)?;
    let after = file.metadata().map_err(reading(path))?;
    if stamp(&before) != stamp(&after) || node.size != after.len() {
        return Err(Error::Changed {
            path: path.to_owned(),
        });
    }
    Ok(node)
}

/// Writes a file or directory to a path where nothing is yet: whole, or not at all.
///
/// # Errors
///
/// What [`cat`] and [`list`] find; [`Error::TooLarge`] for more files and directories than [`MAX_BLOCKS`], each counted as often
/// as it is linked; [`Error::WrongKind`] for a symbolic link, which could lead elsewhere; [`Error::Io`],
/// also when something is at the path.
pub fn extract(store: &dyn BlockStore, root: &Cid, to: &Path) -> Result<()> {
    let parent = match to.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let folder = tempfile::Builder::new()
        .prefix(".ipfs-")
        .tempdir_in(parent)
        .map_err(writing(parent))?;
    let whole = folder.path().join("whole");
    entries(store, root, 0, &mut HashMap::new())?;
    write(store, root, &whole, 0)?;
    if fs::symlink_metadata(to).is_ok() {
        return Err(writing(to)(io::ErrorKind::AlreadyExists.into()));
    }
    fs::rename(&whole, to).map_err(writing(to))
}

/// The root that [`add_path`] would return, without storing anything.
///
/// # Errors
///
/// As [`add_path`].
pub fn only_hash_path(path: &Path, profile: Profile) -> Result<Node> {
    add_path(&Nowhere, path, profile)
}

/// Takes everything and keeps nothing.
#[derive(Debug)]
struct Nowhere;

impl BlockStore for Nowhere {
    fn get(&self, _: &Cid) -> Result<Option<Block>> {
        Ok(None)
    }

    fn put(&self, _: &Block) -> Result<()> {
        Ok(())
    }

    fn has(&self, _: &Cid) -> Result<bool> {
        Ok(false)
    }

    fn delete(&self, _: &Cid) -> Result<bool> {
        Ok(false)
    }
}

/// How many files and directories would be written, before any is: a few blocks that link to each other name more than
/// anybody can write. Every directory is read once, whatever links to it.
fn entries(
    store: &dyn BlockStore,
    root: &Cid,
    depth: usize,
    known: &mut HashMap<Cid, u64>,
) -> Result<u64> {
    check_depth(root, depth)?;
    if let Some(count) = known.get(root) {
        return Ok(*count);
    }
    let is_directory = root.codec() != RAW
        && matches!(
            node::read(&fetch(store, root)?)?,
            Kind::Directory(_) | Kind::Shard { .. }
        );
    let mut count = 1_u64;
    if is_directory {
        for entry in list(store, root)? {
            count = count.saturating_add(entries(store, &entry.cid, depth + 1, known)?);
        }
    }
    if count > MAX_BLOCKS {
        return Err(Error::TooLarge {
            root: (*root).into(),
            what: "entries in all its directories",
            limit: MAX_BLOCKS,
        });
    }
    known.insert(*root, count);
    Ok(count)
}

fn check_depth(root: &Cid, depth: usize) -> Result<()> {
    if depth >= MAX_DEPTH {
        return Err(Error::TooLarge {
            root: (*root).into(),
            what: "levels",
            limit: MAX_DEPTH as u64,
        });
    }
    Ok(())
}

fn write(store: &dyn BlockStore, root: &Cid, to: &Path, depth: usize) -> Result<()> {
    check_depth(root, depth)?;
    let block = fetch(store, root)?;
    match node::read(&block)? {
        Kind::Directory(_) | Kind::Shard { .. } => {
            fs::create_dir(to).map_err(writing(to))?;
            for entry in list(store, root)? {
                write(store, &entry.cid, &to.join(&entry.name), depth + 1)?;
            }
            Ok(())
        }
        Kind::Bytes(_) | Kind::File { .. } => {
            let mut file = File::create_new(to).map_err(writing(to))?;
            let mut reader = cat(store, root)?;
            reader
                .copy_to(&mut file)
                .map_err(|error| match error.downcast::<Error>() {
                    Ok(error) => error,
                    Err(error) => writing(to)(error),
                })?;
            file.sync_all().map_err(writing(to))
        }
        other => Err(Error::WrongKind {
            cid: (*root).into(),
            expected: "a file or directory",
            found: other.name(),
        }),
    }
}

/// What changes when a file is written to.
fn stamp(metadata: &Metadata) -> (u64, Option<std::time::SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

fn reading(path: &Path) -> impl Fn(io::Error) -> Error {
    at("reading a file", path)
}

fn writing(path: &Path) -> impl Fn(io::Error) -> Error {
    at("writing a file", path)
}

fn at(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path: PathBuf = path.to_owned();
    move |source| Error::Io {
        action,
        path: Some(path.clone()),
        source,
    }
}

//! Directories.

use super::node::{self, Kind, Link};
use super::{Node, fetch, hamt};
use crate::{BlockStore, Cid, Error, Profile, Result};

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The root of the file or directory.
    pub cid: Cid,
    /// The bytes of all blocks under it, as the directory claims; [`stat`](super::stat) tells the size of the file.
    pub size: u64,
}

/// Makes a directory of files and directories: one block, or a HAMT of blocks where the profile says so.
///
/// # Errors
///
/// [`Error::BadName`] for a name that is empty, `.`, `..`, holds `/` or NUL, or comes twice; a failure of the store.
pub fn directory(
    store: &dyn BlockStore,
    entries: &[(&str, Node)],
    profile: Profile,
) -> Result<Node> {
    let mut links: Vec<_> = entries
        .iter()
        .map(|(name, node)| Link {
            cid: node.cid,
            name,
            tree_size: node.tree_size,
        })
        .collect();
    links.sort_by_key(|link| link.name);
    let twice = links.windows(2).find_map(|pair| match pair {
        [one, two] if one.name == two.name => Some((one.name, "it comes twice")),
        _ => None,
    });
    let bad = links
        .iter()
        .find_map(|link| Some((link.name, bad_name(link.name)?)))
        .or(twice);
    if let Some((name, reason)) = bad {
        return Err(Error::BadName {
            name: name.to_owned(),
            reason,
        });
    }
    let below = links
        .iter()
        .fold(0_u64, |sum, link| sum.saturating_add(link.tree_size));
    let bytes = node::write_directory(&links);
    if is_large(&links, bytes.len(), profile) {
        return hamt::write(store, &links, profile);
    }
    let block = node::block(profile, bytes)?;
    store.put(&block)?;
    let tree_size = below.saturating_add(block.bytes().len() as u64);
    Ok(Node::new(*block.cid(), 0, tree_size))
}

/// The entries of a directory, in the order of their names.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::Malformed`], [`Error::WrongKind`] when it is no directory, [`Error::BadName`] when a name
/// would lead elsewhere; a failure of the store.
pub fn list(store: &dyn BlockStore, root: &Cid) -> Result<Vec<Entry>> {
    let block = fetch(store, root)?;
    let links = match node::read(&block)? {
        Kind::Directory(links) => links
            .into_iter()
            .map(|link| (link.name.to_owned(), link.cid, link.tree_size))
            .collect(),
        Kind::Shard { .. } => hamt::list(store, root)?,
        other => {
            return Err(Error::WrongKind {
                cid: (*root).into(),
                expected: "a directory",
                found: other.name(),
            });
        }
    };
    let mut entries = Vec::with_capacity(links.len());
    for (name, cid, size) in links {
        if let Some(reason) = bad_name(&name) {
            return Err(Error::BadName { name, reason });
        }
        entries.push(Entry { name, cid, size });
    }
    entries.sort_by(|one, two| one.name.cmp(&two.name));
    if entries
        .windows(2)
        .any(|pair| matches!(pair, [one, two] if one.name == two.name))
    {
        return Err(Error::malformed(
            *root,
            "a directory names two entries alike",
        ));
    }
    Ok(entries)
}

/// Follows a path of names, separated by `/`, from a directory; the empty path is the root itself.
///
/// # Errors
///
/// [`Error::NotFound`] for a name that is not there; else as [`list`].
pub fn resolve(store: &dyn BlockStore, root: &Cid, path: &str) -> Result<Cid> {
    let mut at = *root;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let entry = list(store, &at)?
            .into_iter()
            .find(|entry| entry.name == name);
        at = entry
            .ok_or_else(|| Error::NotFound {
                cid: at.into(),
                name: name.to_owned(),
            })?
            .cid;
    }
    Ok(at)
}

/// Whether a directory is sharded: Kubo's `HAMTDirectorySizeThreshold`, and how each profile counts against it.
fn is_large(links: &[Link<'_>], block: usize, profile: Profile) -> bool {
    let size = match profile {
        Profile::UnixfsV1_2025 => block,
        Profile::Cidv1_256k | Profile::LegacyCidv0 => links
            .iter()
            .map(|link| link.name.len() + link.cid.encoded_len())
            .sum(),
    };
    size > 256 << 10
}

/// Why a name cannot stand in a directory: a file that is extracted must not land elsewhere.
pub(super) fn bad_name(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        "." | ".." => Some("it means another directory"),
        _ if name.contains(['/', '\0']) => Some("it holds a separator or NUL"),
        _ => None,
    }
}

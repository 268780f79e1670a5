//! Copies of a whole ledger: a backup that is the same node, and an export that anyone may read.

use std::ffi::OsString;
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ledger_core::store::{Opening as FileOpening, RedbStore};
use ledger_core::{ChainId, Genesis, Height, Ledger, PublicKey};
use zeroize::Zeroizing;

use super::opening::{at, make_private, wait_for};
use super::{NODE_KEY, Node, Opening, node_key};
use crate::file::sync_name;
use crate::{Error, Result};

impl Node {
    /// Writes the genesis and every block up to now into a stream, without the node's key; the node goes on meanwhile.
    /// `progress` hears the blocks done and the blocks there are. Returns the height of the last block.
    ///
    /// # Errors
    ///
    /// A failure of the store or of the writer.
    pub fn export(&self, to: impl Write, progress: impl FnMut(u64, u64)) -> Result<Height> {
        self.ledger
            .export(to, progress)
            .map_err(|error| self.at(error))
    }

    /// Copies the ledger as it is now into a new file, with the node's key: what is opened there is this node. The node
    /// goes on meanwhile. `progress` hears the entries copied so far.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when something is at `path` already, or a failure of either store; nothing is left at `path` then.
    pub fn backup(&self, path: &Path, progress: impl FnMut(u64)) -> Result<()> {
        write_new(path, |store| {
            self.ledger.copy_to(&store, progress)?;
            store.close()
        })
    }

    /// Reads an export into a new file, with every signature and every rule, and opens it.
    ///
    /// An export has no key. With the node's `secret` the copy is this node; without, it can be read, verified and queried,
    /// but records and signs nothing. `progress` hears the height of each block.
    ///
    /// # Errors
    ///
    /// As [`Node::import_with`].
    pub fn import(
        path: &Path,
        from: impl Read,
        secret: Option<&[u8; 32]>,
        progress: impl FnMut(u64),
    ) -> Result<Self> {
        let mut importing = Importing::new();
        importing.secret = secret.map(|secret| Zeroizing::new(*secret));
        Self::import_with(path, from, &importing, progress)
    }

    /// Reads an export as [`Node::import`], of an expected ledger only.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when something is at `path` already, [`Error::OtherChain`], [`Error::OtherAuthority`],
    /// [`Error::WrongKey`], or what is wrong with the export, a cut among it; nothing is left at `path` then.
    pub fn import_with(
        path: &Path,
        from: impl Read,
        importing: &Importing,
        progress: impl FnMut(u64),
    ) -> Result<Self> {
        let extra: Vec<(&str, &[u8])> = importing
            .secret
            .iter()
            .map(|secret| (NODE_KEY, secret.as_slice()))
            .collect();
        let mut unexpected = None;
        let written = write_new(path, |store| {
            let believed = |genesis: &Genesis| {
                unexpected = importing.unexpected(path, genesis);
                match unexpected {
                    Some(_) => Err(ledger_core::Error::Empty),
                    None => Ok(()),
                }
            };
            let ledger = Ledger::import_if(store, from, believed, &extra, progress)?;
            ledger.into_store().close()
        });
        match unexpected {
            Some(unexpected) => Err(unexpected),
            None => written.and_then(|()| Self::open(path)),
        }
    }
}

/// What an import expects: nothing else in an export proves that it is the ledger that was meant.
#[derive(Clone, Default)]
pub struct Importing {
    secret: Option<Zeroizing<[u8; 32]>>,
    chain: Option<ChainId>,
    authority: Option<PublicKey>,
}

impl fmt::Debug for Importing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Importing")
            .field("chain", &self.chain)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

impl Importing {
    /// Any ledger, without the node's key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The ledger of this node's key only; the copy is this node.
    #[must_use]
    pub fn secret(mut self, secret: [u8; 32]) -> Self {
        self.secret = Some(Zeroizing::new(secret));
        self
    }

    /// The ledger of this chain only. The chain's name is the hash of its genesis, so nothing else of it can differ.
    #[must_use]
    pub const fn chain(mut self, chain: ChainId) -> Self {
        self.chain = Some(chain);
        self
    }

    /// A ledger that was founded with this key among its authorities' only.
    #[must_use]
    pub const fn authority(mut self, key: PublicKey) -> Self {
        self.authority = Some(key);
        self
    }

    /// Why this genesis is not the expected one.
    fn unexpected(&self, path: &Path, genesis: &Genesis) -> Option<Error> {
        let found = genesis.chain();
        if let Some(expected) = self.chain.filter(|expected| *expected != found) {
            return Some(Error::OtherChain {
                path: path.to_owned(),
                expected,
                found,
            });
        }
        let is_founder = |key| genesis.authorities.iter().any(|founder| founder.key == key);
        if let Some(expected) = self.authority.filter(|key| !is_founder(*key)) {
            return Some(Error::OtherAuthority {
                path: path.to_owned(),
                expected,
            });
        }
        let secret = self.secret.as_ref();
        secret
            .is_some_and(|secret| node_key(secret.as_slice(), genesis).is_none())
            .then_some(Error::WrongKey)
    }
}

/// Fills a new ledger under a temporary name beside `path` and renames it when it is whole; `fill` closes the store, so
/// that one file is all of it.
fn write_new(path: &Path, fill: impl FnOnce(RedbStore) -> ledger_core::Result<()>) -> Result<()> {
    let file = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    if path.exists() {
        return Err(file(std::io::ErrorKind::AlreadyExists.into()));
    }
    let mut name = OsString::from(path);
    name.push(".partial");
    let partial = PathBuf::from(name);
    // what an interrupted copy left behind
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file(error)),
        _ => {}
    }
    make_private(&partial)?;
    let filled = wait_for(&partial, FileOpening::Create, &mut Opening::new())
        .and_then(|store| fill(store).map_err(|error| at(path, error)))
        .and_then(|()| std::fs::rename(&partial, path).map_err(file))
        // what an older copy is removed for has its name before
        .and_then(|()| sync_name(path).map_err(file));
    if filled.is_err() {
        // the error that is returned says more than a failure to clean up after it
        let _ = std::fs::remove_file(&partial);
    }
    filled
}

//! Which store a command works on: a directory, or a Kubo daemon behind a URL.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ipfs_store::{Auth, BlockStore, Cid, EmbeddedStore, Endpoint, Hold, Kubo, Reach, parse_cid};
use zeroize::Zeroizing;

use crate::file;
use crate::home::Home;

/// The most bytes of a file of certificates.
const PEM: u64 = 1 << 20;

/// Which store, on every command line about blocks.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// A store's directory, or the URL of a Kubo daemon's RPC; without it, the store of your home
    #[arg(long, value_name = "PATH|URL", env = "MEDSHARE_STORE")]
    store: Option<String>,
    /// The home whose store is meant
    #[arg(long, value_name = "DIR", env = "MEDSHARE_HOME")]
    home: Option<PathBuf>,
    /// A file with what the daemon asks for: `bearer:TOKEN` or `basic:NAME:PASSPHRASE`, as in its API.Authorizations
    #[arg(long, value_name = "FILE")]
    auth: Option<PathBuf>,
    /// The certificate authorities to trust for https, in PEM, and no others
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

/// An opened store.
#[derive(Debug)]
pub(crate) enum Blocks {
    Embedded(EmbeddedStore),
    Kubo(Kubo),
}

impl StoreArgs {
    pub(crate) fn open(&self) -> Result<Blocks> {
        match (&self.store, &self.home) {
            (Some(place), _) => Blocks::open(
                Path::new(place),
                self.auth.as_deref(),
                self.trust.as_deref(),
                Reach::Local,
            ),
            (None, Some(home)) => Home::open(home)?.store(Reach::Local),
            (None, None) => bail!("no store: give --store, or --home for the store of a home"),
        }
    }
}

/// Whether a place is a daemon's URL, or else a directory.
pub(crate) fn is_url(place: &Path) -> bool {
    place.to_str().is_some_and(|text| text.contains("://"))
}

impl Blocks {
    /// A directory, which is made when it is not there, or the daemon behind a URL, with the files that hold its
    /// authorization and the authorities to trust.
    pub(crate) fn open(
        place: &Path,
        auth: Option<&Path>,
        trust: Option<&Path>,
        reach: Reach,
    ) -> Result<Self> {
        let Some(url) = place.to_str().filter(|_| is_url(place)) else {
            let store = EmbeddedStore::open(place)
                .with_context(|| format!("cannot open the store {}", place.display()))?;
            return Ok(Self::Embedded(store));
        };
        let mut endpoint = Endpoint::new(url);
        if let Some(path) = auth {
            endpoint = endpoint.auth(auth_in(&Zeroizing::new(file::read(path, PEM)?), path)?);
        }
        if let Some(path) = trust {
            endpoint = endpoint.trust_only(&file::read(path, PEM)?);
        }
        Ok(Self::Kubo(Kubo::new(endpoint)?.reach(reach)))
    }

    pub(crate) fn as_store(&self) -> &dyn BlockStore {
        match self {
            Self::Embedded(store) => store,
            Self::Kubo(kubo) => kubo,
        }
    }

    pub(crate) fn pin(&self, root: &Cid) -> Result<()> {
        match self {
            Self::Embedded(store) => Ok(store.pin(root)?),
            Self::Kubo(kubo) => Ok(kubo.pin(root)?),
        }
    }

    /// Holds off the garbage collection of whoever uses the directory too; a daemon has nothing like it.
    pub(crate) fn hold(&self) -> Result<Option<Hold>> {
        match self {
            Self::Embedded(store) => Ok(Some(store.hold()?)),
            Self::Kubo(_) => Ok(None),
        }
    }

    pub(crate) fn unpin(&self, root: &Cid) -> Result<bool> {
        match self {
            Self::Embedded(store) => Ok(store.unpin(root)?),
            Self::Kubo(kubo) => Ok(kubo.unpin(root)?),
        }
    }

    pub(crate) fn pins(&self) -> Result<Vec<Cid>> {
        match self {
            Self::Embedded(store) => Ok(store.pins()?),
            Self::Kubo(kubo) => Ok(kubo.pins()?),
        }
    }

    /// Deletes what no pin reaches: how many blocks, and, where the store says so, how many bytes.
    pub(crate) fn gc(&self) -> Result<(u64, Option<u64>)> {
        match self {
            Self::Embedded(store) => {
                let collected = store.gc()?;
                Ok((collected.blocks, Some(collected.bytes)))
            }
            Self::Kubo(kubo) => Ok((kubo.gc()?, None)),
        }
    }
}

/// What a daemon asks for, as it was read from a file.
pub(crate) fn auth_in(bytes: &[u8], path: &Path) -> Result<Auth> {
    let text = std::str::from_utf8(bytes).ok().map(str::trim);
    match text.and_then(|text| text.split_once(':')) {
        Some(("bearer", token)) => Ok(Auth::bearer(token)),
        Some(("basic", pair)) => {
            let pair = pair
                .split_once(':')
                .context("basic:NAME:PASSPHRASE is expected")?;
            Ok(Auth::basic(pair.0, pair.1))
        }
        _ => bail!(
            "{} holds neither bearer:TOKEN nor basic:NAME:PASSPHRASE",
            path.display()
        ),
    }
}

/// A CID, or the path of something in a directory: `CID/name/name`.
pub(crate) fn resolve(store: &dyn BlockStore, path: &str) -> Result<Cid> {
    let path = path.trim_start_matches("/ipfs/");
    let (root, names) = path.split_once('/').unwrap_or((path, ""));
    Ok(ipfs_store::dag::resolve(store, &parse_cid(root)?, names)?)
}

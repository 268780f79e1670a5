//! Which store a command works on: a directory, or a Kubo daemon behind a URL.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use ipfs_store::{Auth, BlockStore, Cid, EmbeddedStore, Endpoint, Kubo, parse_cid};
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
        let path = match (&self.store, &self.home) {
            (Some(url), _) if url.contains("://") => return Ok(Blocks::Kubo(self.kubo(url)?)),
            (Some(path), _) => PathBuf::from(path),
            (None, Some(home)) => Home::open(home)?.config().store.clone(),
            (None, None) => bail!("no store: give --store, or --home for the store of a home"),
        };
        let store = EmbeddedStore::open(&path)
            .with_context(|| format!("cannot open the store {}", path.display()))?;
        Ok(Blocks::Embedded(store))
    }

    fn kubo(&self, url: &str) -> Result<Kubo> {
        let mut endpoint = Endpoint::new(url);
        if let Some(path) = &self.auth {
            let text = Zeroizing::new(file::read(path, PEM)?);
            let text = std::str::from_utf8(&text).ok().map(str::trim);
            let auth = match text.and_then(|text| text.split_once(':')) {
                Some(("bearer", token)) => Auth::bearer(token),
                Some(("basic", pair)) => {
                    let pair = pair
                        .split_once(':')
                        .context("basic:NAME:PASSPHRASE is expected")?;
                    Auth::basic(pair.0, pair.1)
                }
                _ => bail!(
                    "{} holds neither bearer:TOKEN nor basic:NAME:PASSPHRASE",
                    path.display()
                ),
            };
            endpoint = endpoint.auth(auth);
        }
        if let Some(path) = &self.trust {
            endpoint = endpoint.trust_only(&file::read(path, PEM)?);
        }
        Ok(Kubo::new(endpoint)?)
    }
}

impl Blocks {
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
}

/// A CID, or the path of something in a directory: `CID/name/name`.
pub(crate) fn resolve(store: &dyn BlockStore, path: &str) -> Result<Cid> {
    let path = path.trim_start_matches("/ipfs/");
    let (root, names) = path.split_once('/').unwrap_or((path, ""));
    Ok(ipfs_store::dag::resolve(store, &parse_cid(root)?, names)?)
}

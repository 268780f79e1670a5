//! A trustless gateway: it hands out blocks and CAR files, and is believed neither.

use std::fmt;

use super::http::{Endpoint, Http};
use crate::car::{self, Carried};
use crate::{Block, BlockStore, Cid, Error, MAX_BLOCK, Result, dag, hash};

/// A trustless gateway (IPFS specification "Trustless Gateway") as a store that only reads.
#[derive(Debug)]
pub struct Gateway {
    http: Http,
}

impl Gateway {
    /// Prepares to ask a gateway; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Error::Endpoint`] for an address or a certificate that cannot be used.
    pub fn new(endpoint: Endpoint) -> Result<Self> {
        let http = Http::new(endpoint)?;
        Ok(Self { http })
    }

    /// Fetches the DAG under a root as one CAR file into a store, and checks that all of it is there.
    ///
    /// What the store has already comes again; [`dag::copy`] asks block by block for what it lacks.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] when the gateway has no such root, or left a block out; [`Error::Car`] when it ended early;
    /// [`Error::WrongHash`]; [`Error::Unreachable`], [`Error::TimedOut`], [`Error::Refused`]; a failure of the store.
    pub fn fetch(&self, root: &Cid, into: &dyn BlockStore) -> Result<Carried> {
        hash::accept(root)?;
        let path = format!("/ipfs/{root}?format=car&dag-scope=all");
        let action = "fetching a DAG";
        let response = self
            .http
            .get(
                action,
                &path,
                "application/vnd.ipld.car;version=1;order=dfs",
            )?
            .ok_or_else(|| Error::Missing {
                cid: Box::new(*root),
            })?;
        let imported = car::import(into, response.into_body().into_reader());
        let carried = imported.map_err(|error| match error {
            Error::Io {
                source, path: None, ..
            } => self.http.broken(action, source),
            other => other,
        })?;
        for cid in dag::cids(into, root) {
            cid?;
        }
        Ok(carried)
    }
}

impl BlockStore for Gateway {
    fn get(&self, cid: &Cid) -> Result<Option<Block>> {
        hash::accept(cid)?;
        if let Some(block) = Block::inline(cid)? {
            return Ok(Some(block));
        }
        let action = "getting a block";
        let path = format!("/ipfs/{cid}?format=raw");
        let Some(response) = self.http.get(action, &path, "application/vnd.ipld.raw")? else {
            return Ok(None);
        };
        let bytes = self.http.read(action, response, MAX_BLOCK as u64)?;
        Block::new(*cid, bytes).map(Some)
    }

    fn has(&self, cid: &Cid) -> Result<bool> {
        Ok(self.get(cid)?.is_some())
    }

    /// # Errors
    ///
    /// [`Error::ReadOnly`], always.
    fn put(&self, _: &Block) -> Result<()> {
        Err(Error::ReadOnly { store: "a gateway" })
    }

    /// # Errors
    ///
    /// [`Error::ReadOnly`], always.
    fn delete(&self, _: &Cid) -> Result<bool> {
        Err(Error::ReadOnly { store: "a gateway" })
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url())
    }
}

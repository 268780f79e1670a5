//! Blocks in a Kubo daemon, over its RPC; and [`Gateway`], any trustless gateway.
//!
//! Nothing that a daemon says is believed: every block is hashed here, since Kubo does not hash what it reads from its
//! disk (`Datastore.HashOnRead`), and files are read block by block, since its `cat` can end early and look complete.

mod answer;
mod doctor;
mod gateway;
mod http;
mod transfer;

use std::fmt;

pub use self::doctor::Warning;
pub use self::gateway::Gateway;
use self::http::Http;
pub use self::http::{Auth, Endpoint};
pub use self::transfer::{Erased, Sent};
use crate::hash::{DAG_CBOR, DAG_PB, SHA2_512};
use crate::{Block, BlockStore, Cid, Error, MAX_BLOCK, Result, dag, hash, parse_cid};

#[cfg(feature = "testing")]
pub(crate) use self::answer::fuzz;

/// Where a daemon looks for a block that it does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// Nowhere: a block that is not on its disk is missing.
    #[default]
    Local,
    /// Among its peers, until the time limit ends the search.
    Network,
}

/// A Kubo daemon as a store.
///
/// # Example
///
/// ```no_run
/// use ipfs_store::{Auth, Endpoint, Kubo, Profile, dag};
///
/// let endpoint = Endpoint::new("https://kubo.hospital.example:5001").auth(Auth::bearer("secret"));
/// let kubo = Kubo::new(endpoint)?;
/// let file = dag::add(&kubo, std::fs::File::open("envelope.pgp")?, Profile::default())?;
/// kubo.pin(&file.cid)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Kubo {
    http: Http,
    reach: Reach,
}

impl Kubo {
    /// Prepares to ask a daemon; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Error::Endpoint`] for an address or a certificate that cannot be used.
    pub fn new(endpoint: Endpoint) -> Result<Self> {
        Ok(Self {
            http: Http::new(endpoint)?,
            reach: Reach::Local,
        })
    }

    /// Says where the daemon looks for blocks that it does not have.
    #[must_use]
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// The daemon's version: whether it is there at all, and lets us in.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::TimedOut`], [`Error::Refused`], [`Error::Answer`]; so for every method below.
    pub fn version(&self) -> Result<String> {
        let answers = self
            .http
            .rpc("asking for the version", "version", &[], None)?;
        answers.text("Version")
    }

    /// Pins the DAG under a root: it must be whole. With [`Reach::Network`] the daemon fetches what it lacks; else every
    /// block is asked for first, since a daemon that lacks one would search for it without end, offline or not.
    ///
    /// # Errors
    ///
    /// As [`Kubo::version`]; [`Error::Missing`] when the daemon does not find a block.
    pub fn pin(&self, root: &Cid) -> Result<()> {
        hash::accept(root)?;
        if self.reach == Reach::Local {
            for cid in dag::cids(self, root) {
                cid?;
            }
        }
        let arg = root.to_string();
        let offline = self.offline();
        let args = [
            ("arg", arg.as_str()),
            ("recursive", "true"),
            ("offline", offline),
        ];
        let answers = self.http.rpc("pinning", "pin/add", &args, None);
        answers.map(drop).map_err(|error| match error {
            Error::Refused {
                status: FAILED,
                ref message,
                ..
            } if is_missing(message) => Error::Missing {
                cid: Box::new(named(message).unwrap_or(*root)),
            },
            other => other,
        })
    }

    /// Lets go of a DAG, and says whether it was pinned.
    ///
    /// # Errors
    ///
    /// As [`Kubo::version`].
    pub fn unpin(&self, root: &Cid) -> Result<bool> {
        let arg = root.to_string();
        match self.http.rpc("unpinning", "pin/rm", &[("arg", &arg)], None) {
            Ok(_) => Ok(true),
            Err(Error::Refused {
                status: FAILED,
                message,
                ..
            }) if message.contains("not pinned") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The roots that are pinned, with all that is under them.
    ///
    /// # Errors
    ///
    /// As [`Kubo::version`].
    pub fn pins(&self) -> Result<Vec<Cid>> {
        let args = [("type", "recursive"), ("stream", "true")];
        let answers = self.http.rpc("listing pins", "pin/ls", &args, None)?;
        answers
            .texts("Cid")?
            .iter()
            .map(|text| parse_cid(text))
            .collect()
    }

    /// Has the daemon delete what no pin of its own reaches, and returns how many blocks it named.
    ///
    /// # Errors
    ///
    /// As [`Kubo::version`].
    pub fn gc(&self) -> Result<u64> {
        let answers = self.http.rpc(
            "collecting garbage",
            "repo/gc",
            &[("stream-errors", "true")],
            None,
        )?;
        answers.refuse_errors()?;
        Ok(answers.len() as u64)
    }

    const fn offline(&self) -> &'static str {
        match self.reach {
            Reach::Local => "true",
            Reach::Network => "false",
        }
    }
}

impl BlockStore for Kubo {
    fn get(&self, cid: &Cid) -> Result<Option<Block>> {
        hash::accept(cid)?;
        if let Some(block) = Block::inline(cid)? {
            return Ok(Some(block));
        }
        let arg = cid.to_string();
        let args = [("arg", arg.as_str()), ("offline", self.offline())];
        match self
            .http
            .bytes("getting a block", "block/get", &args, MAX_BLOCK)
        {
            Ok(bytes) => Block::new(*cid, bytes).map(Some),
            Err(Error::Refused {
                status: FAILED,
                message,
                ..
            }) if is_missing(&message) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put(&self, block: &Block) -> Result<()> {
        let cid = block.cid();
        if Block::inline(cid)?.is_some() {
            return Ok(());
        }
        let codec = match cid.codec() {
            DAG_PB => "dag-pb",
            DAG_CBOR => "dag-cbor",
            _ => "raw",
        };
        let function = match cid.hash().code() {
            SHA2_512 => "sha2-512",
            _ => "sha2-256",
        };
        let args = [
            ("cid-codec", codec),
            ("mhtype", function),
            ("allow-big-block", "true"), // up to what Bitswap takes; its own limit for new blocks is lower
        ];
        let answers = self
            .http
            .rpc("putting a block", "block/put", &args, Some(block.bytes()))?;
        let stored = parse_cid(&answers.text("Key")?)?;
        if stored.hash() == cid.hash() {
            Ok(())
        } else {
            Err(Error::WrongHash {
                cid: Box::new(*cid),
                found: Box::new(stored),
            })
        }
    }

    fn has(&self, cid: &Cid) -> Result<bool> {
        hash::accept(cid)?;
        if Block::inline(cid)?.is_some() {
            return Ok(true);
        }
        let arg = cid.to_string();
        let args = [("arg", arg.as_str()), ("offline", self.offline())];
        match self
            .http
            .rpc("asking for a block", "block/stat", &args, None)
        {
            Ok(_) => Ok(true),
            Err(Error::Refused {
                status: FAILED,
                message,
                ..
            }) if is_missing(&message) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    ///
    /// [`Error::Refused`] for a block that one of the daemon's pins needs.
    fn delete(&self, cid: &Cid) -> Result<bool> {
        if !self.has(cid)? {
            return Ok(false);
        }
        let arg = cid.to_string();
        let answers = self
            .http
            .rpc("deleting a block", "block/rm", &[("arg", &arg)], None)?;
        answers.refuse_errors()?;
        Ok(true)
    }
}

impl fmt::Debug for Kubo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubo")
            .field("url", &self.http.url())
            .field("reach", &self.reach)
            .finish()
    }
}

/// The status with which Kubo answers for a command that it ran and that failed. Whatever else says "not found", a gateway's 404
/// for an address that is no RPC for one, says nothing about a block.
const FAILED: u16 = 500;

/// How Kubo says that it does not have a block (boxo's `ipld.ErrNotFound`).
fn is_missing(message: &str) -> bool {
    message.contains("could not find") || message.contains("not found")
}

/// The CID that such a message names.
fn named(message: &str) -> Option<Cid> {
    message
        .split_whitespace()
        .rev()
        .find_map(|word| parse_cid(word).ok())
}

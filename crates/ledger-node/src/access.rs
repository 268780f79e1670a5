//! One way to ask, wherever the ledger is: in a file at hand, or behind somebody's server.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use ledger_core::{
    Address, Block, ChainId, Checkpoint, Genesis, Height, LogKey, MemberState, Receipt, Refusal,
    ShareFilter, ShareId, ShareState, Transaction,
};

#[cfg(feature = "client")]
use crate::Client;
use crate::{Error, Node, Result};

/// A ledger as a program uses it: every answer comes from this process' own file, or is proven.
#[derive(Debug)]
#[non_exhaustive]
pub enum Access {
    /// The file is here, and this process has it open.
    Alone(Box<Node>),
    /// Somebody's server has it, whose answers are proven.
    #[cfg(feature = "client")]
    Remote(Box<Client<'static>>),
}

/// Where a ledger is, as people write it: a path, or `http://` or `https://` and a host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Location {
    /// A file.
    Path(PathBuf),
    /// A server.
    Url(String),
}

impl FromStr for Location {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let url = text.starts_with("http://") || text.starts_with("https://");
        Ok(if url {
            Self::Url(text.to_owned())
        } else {
            Self::Path(text.into())
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

/// One thing that happened to a share.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The index of its transaction in the log.
    pub index: u64,
    /// The height of its block.
    pub height: Height,
    /// The time of its block, in seconds since 1970.
    pub time: u64,
    /// The transaction.
    pub tx: Transaction,
}

#[cfg(feature = "client")]
impl From<Client<'static>> for Access {
    fn from(client: Client<'static>) -> Self {
        Self::Remote(Box::new(client))
    }
}

impl From<Node> for Access {
    fn from(node: Node) -> Self {
        Self::Alone(Box::new(node))
    }
}

impl Access {
    /// Whether somebody's server answers, whose lists are its word.
    #[must_use]
    pub const fn is_served(&self) -> bool {
        match self {
            Self::Alone(_) => false,
            #[cfg(feature = "client")]
            Self::Remote(_) => true,
        }
    }

    /// The chain's name.
    #[must_use]
    pub fn chain(&self) -> ChainId {
        match self {
            Self::Alone(node) => node.chain(),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.chain(),
        }
    }

    /// What the chain is.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        match self {
            Self::Alone(node) => node.genesis(),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.genesis(),
        }
    }

    /// What a receiver has to trust: the chain and the node's key.
    #[must_use]
    pub fn log_key(&self) -> LogKey {
        match self {
            Self::Alone(node) => node.log_key(),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.log_key(),
        }
    }

    /// The time by the clock at hand, in seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        match self {
            Self::Alone(node) => node.now(),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.now(),
        }
    }

    /// A member, if it was ever enrolled.
    ///
    /// # Errors
    ///
    /// A failure of the store or of the connection, or an answer that is not proven; so for every method below.
    pub fn member(&self, address: &Address) -> Result<Option<MemberState>> {
        match self {
            Self::Alone(node) => node.member(address),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.member(address),
        }
    }

    /// Every member, in the order of the addresses.
    ///
    /// # Errors
    ///
    /// As [`Access::member`].
    pub fn members(&self) -> Result<Vec<(Address, MemberState)>> {
        match self {
            Self::Alone(node) => node.members(),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.members(),
        }
    }

    /// The sequence of a member's next transaction.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with [`Refusal::UnknownSender`]; else as [`Access::member`].
    pub fn next_sequence(&self, address: &Address) -> Result<u64> {
        let member = self
            .member(address)?
            .ok_or(Error::Refused(Refusal::UnknownSender { address: *address }))?;
        Ok(member.sequence)
    }

    /// A share, if it is recorded.
    ///
    /// # Errors
    ///
    /// As [`Access::member`].
    pub fn share(&self, share: &ShareId) -> Result<Option<ShareState>> {
        match self {
            Self::Alone(node) => node.share(share),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.share(share),
        }
    }

    /// Every share that matches, in the order in which they were recorded.
    ///
    /// Each one is proven; that a server left none out is not. Whoever must know downloads the log (`export`).
    ///
    /// # Errors
    ///
    /// As [`Access::member`].
    pub fn shares(&self, filter: &ShareFilter) -> Result<Vec<(ShareId, ShareState)>> {
        match self {
            Self::Alone(node) => node.find_shares(filter),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.find_shares(filter),
        }
    }

    /// Everything that happened to a share, in order; empty when there is no such share.
    ///
    /// # Errors
    ///
    /// As [`Access::member`].
    pub fn events(&self, share: &ShareId) -> Result<Vec<Event>> {
        match self {
            Self::Alone(node) => node.events(share),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.events(share),
        }
    }

    /// Records a transaction, and returns when it is durable.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the reason; else as [`Access::member`].
    pub fn submit(&self, tx: &Transaction) -> Result<Receipt> {
        match self {
            Self::Alone(node) => node.submit(tx),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.submit(tx),
        }
    }

    /// The bundle of a share, which [`ledger_core::verify`] believes; with an older checkpoint, also that the ledger
    /// continues it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with [`Refusal::UnknownShare`]; else as [`Access::member`].
    pub fn prove(&self, share: &ShareId, older: Option<&Checkpoint>) -> Result<Vec<u8>> {
        match self {
            Self::Alone(node) => Ok(node.prove_since(share, older)?.to_bytes()),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.prove(share, older),
        }
    }

    /// The block at a height.
    ///
    /// # Errors
    ///
    /// As [`Access::member`].
    pub fn block(&self, height: Height) -> Result<Option<Block>> {
        match self {
            Self::Alone(node) => node.block(height),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.block(height),
        }
    }

    /// Some transactions from an index on, at most a hundred: all of them, or those that concern a member. The next ones
    /// begin behind the last.
    ///
    /// # Errors
    ///
    /// As [`Access::member`].
    pub fn log(&self, member: Option<&Address>, from: u64) -> Result<Vec<Event>> {
        match self {
            Self::Alone(node) => node.log(member, from, 100),
            #[cfg(feature = "client")]
            Self::Remote(client) => client.log(member, from),
        }
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    ///
    /// As [`Access::member`].
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        match self {
            Self::Alone(node) => {
                Checkpoint::open(&node.checkpoint()?, &node.log_key()).map_err(Error::Unproven)
            }
            #[cfg(feature = "client")]
            Self::Remote(client) => client.checkpoint(),
        }
    }
}

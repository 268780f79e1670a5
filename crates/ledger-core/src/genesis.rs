//! The genesis: what a chain is, before anything happened on it.

use std::collections::BTreeSet;

use cid::Cid;
use serde::{Deserialize, Serialize};

use crate::checkpoint::LogKey;
use crate::codec::{decode, encode};
use crate::tx::MAX_TEXT;
use crate::{Address, ChainId, Error, Nonce, PublicKey, Result};

/// The most bytes of a genesis.
const MAX_GENESIS: usize = 1 << 20;
/// The most authorities of a chain.
pub const MAX_AUTHORITIES: usize = 64;

/// One that may enroll and revoke members, and is a member itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Authority {
    /// The fingerprint of its OpenPGP cert.
    pub address: Address,
    /// The key that its transactions are signed with.
    pub key: PublicKey,
    /// Where the cert is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<Cid>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Authority {
    /// An authority without cert and name.
    #[must_use]
    pub const fn new(address: Address, key: PublicKey) -> Self {
        Self {
            address,
            key,
            cert: None,
            name: None,
        }
    }
}

/// How far a sender's clock may be from the block's time, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "two directions, and there are no more"
)]
pub struct Tolerance {
    /// How far it may be ahead.
    pub future: u64,
    /// How far it may be behind: how long a signed transaction stays good.
    pub past: u64,
}

impl Default for Tolerance {
    /// Five minutes ahead, a day behind.
    fn default() -> Self {
        Self {
            future: 300,
            past: 86_400,
        }
    }
}

/// What a chain is, before anything happened on it; the SHA-256 of its bytes is the chain's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Genesis {
    /// What people call the ledger.
    pub name: String,
    /// Random bytes that make two ledgers of one name different.
    pub nonce: Nonce,
    /// When it was founded, in seconds since 1970.
    pub created_at: u64,
    /// The key that signs checkpoints.
    pub node_key: PublicKey,
    /// Who may enroll and revoke members.
    pub authorities: Vec<Authority>,
    /// How many authorities must sign together, at least one.
    pub threshold: u64,
    /// How far clocks may be apart.
    pub tolerance: Tolerance,
}

impl Genesis {
    /// Reads a genesis: exactly its canonical bytes, and usable.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`], [`Error::TooLarge`] or what [`Genesis::check`] says.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let genesis: Self = decode(bytes, "a genesis", MAX_GENESIS)?;
        genesis.check()?;
        Ok(genesis)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The name of the chain.
    #[must_use]
    pub fn chain(&self) -> ChainId {
        ChainId::new(crate::hash::sha256(&[&self.to_bytes()]))
    }

    /// The CID of the bytes, which the first header names.
    #[must_use]
    pub fn cid(&self) -> Cid {
        crate::block::dag_cbor_cid(&self.to_bytes())
    }

    /// The key that this chain's checkpoints are verified with: all that a receiver has to trust.
    #[must_use]
    pub fn log_key(&self) -> LogKey {
        LogKey::new(self.chain(), self.node_key)
    }

    /// Checks that a new chain should start from it: [`Genesis::check`], and no key is that of two authorities, whose holder would be
    /// several of those who decide. There are chains that started so before, and they go on.
    ///
    /// # Errors
    ///
    /// [`Error::Genesis`] with what is wrong.
    pub fn check_new(&self) -> Result<()> {
        self.check()?;
        let mut keys = BTreeSet::new();
        match self.authorities.iter().find(|one| !keys.insert(one.key)) {
            None => Ok(()),
            Some(one) => Err(Error::Genesis {
                reason: format!("authority {} has the key of another one", one.address),
            }),
        }
    }

    /// Checks that a chain can start from it.
    ///
    /// # Errors
    ///
    /// [`Error::Genesis`] with what is wrong.
    pub fn check(&self) -> Result<()> {
        let wrong = |reason: String| Err(Error::Genesis { reason });
        let count = self.authorities.len();
        if count == 0 || count > MAX_AUTHORITIES {
            return wrong(format!(
                "expected 1 to {MAX_AUTHORITIES} authorities, found {count}"
            ));
        }
        if self.threshold == 0 || self.threshold > u64::try_from(count).unwrap_or(u64::MAX) {
            return wrong(format!(
                "expected a threshold of 1 to {count}, found {}",
                self.threshold
            ));
        }
        let mut seen = BTreeSet::new();
        for authority in &self.authorities {
            if !seen.insert(authority.address) {
                return wrong(format!("authority {} is named twice", authority.address));
            }
            if authority.key.point().is_none() {
                return wrong(format!(
                    "the key of authority {} is no usable Ed25519 key",
                    authority.address
                ));
            }
            if authority
                .name
                .as_ref()
                .is_some_and(|name| name.len() > MAX_TEXT)
            {
                return wrong(format!(
                    "the name of authority {} is longer than {MAX_TEXT} bytes",
                    authority.address
                ));
            }
        }
        if self.node_key.point().is_none() {
            return wrong("the node's key is no usable Ed25519 key".to_owned());
        }
        if self.name.len() > MAX_TEXT {
            return wrong(format!("the name is longer than {MAX_TEXT} bytes"));
        }
        Ok(())
    }

    /// True when the address is one of the authorities.
    #[must_use]
    pub fn is_authority(&self, address: &Address) -> bool {
        self.authorities
            .iter()
            .any(|authority| authority.address == *address)
    }
}

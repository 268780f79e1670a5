//! The conformance suite of stores, and a chain builder without clock, for tests and benchmarks.

use crate::store::{LedgerStore, MemoryStore};
use crate::{
    Address, Authority, Body, Cid, Commitment, Enroll, Genesis, Ledger, Nonce, PublicKey, Receipt,
    Result, Share, ShareId, Tolerance, Transaction, Unsigned,
};

mod conformance;
pub mod model;

pub use conformance::{check_failing, check_reopening, check_store};

/// The time at which every test chain is founded, in seconds since 1970.
pub const FOUNDED: u64 = 1_700_000_000;

/// Somebody with an address and a key that follow from a number.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Person {
    /// The address.
    pub address: Address,
    /// The secret key.
    pub key: ed25519_dalek::SigningKey,
}

impl Person {
    /// The person with this number.
    ///
    /// # Panics
    ///
    /// Never: every number gives an address.
    #[must_use]
    pub fn new(number: u32) -> Self {
        let seed = |what: &[u8]| crate::hash::sha256(&[what, &number.to_be_bytes()]);
        let address = seed(b"address");
        // one of two has a fingerprint of version 4
        let address = if number.is_multiple_of(2) {
            &address[..]
        } else {
            address.split_at(20).0
        };
        Self {
            address: Address::new(address).expect("20 and 32 bytes are what an address has"),
            key: ed25519_dalek::SigningKey::from_bytes(&seed(b"key")),
        }
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from(&self.key)
    }

    /// The person as an authority of a genesis.
    #[must_use]
    pub fn authority(&self) -> Authority {
        Authority::new(self.address, self.public_key())
    }

    /// The transaction that enrolls the person.
    #[must_use]
    pub fn enrollment(&self) -> Body {
        Body::Enroll(Enroll {
            address: self.address,
            key: self.public_key(),
            cert: None,
            name: None,
        })
    }
}

/// The key of every test chain's node.
#[must_use]
pub fn node_key() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&crate::hash::sha256(&[b"node"]))
}

/// A genesis with the first `authorities` persons as authorities.
#[must_use]
pub fn genesis(authorities: u32, threshold: u64) -> Genesis {
    Genesis {
        name: "test".to_owned(),
        nonce: Nonce::new([7; 32]),
        created_at: FOUNDED,
        node_key: PublicKey::from(&node_key()),
        authorities: (0..authorities)
            .map(|number| Person::new(number).authority())
            .collect(),
        threshold,
        tolerance: Tolerance::default(),
    }
}

/// A share with this number, for these receivers.
#[must_use]
pub fn share(number: u64, receivers: &[&Person]) -> Body {
    Body::Share(Share {
        share_id: share_id(number),
        content: content(number),
        commitment: Commitment::new(crate::hash::sha256(&[b"commitment", &number.to_be_bytes()])),
        description: Some("CT CHEST, 512x512x120".to_owned()),
        receivers: receivers.iter().map(|person| person.address).collect(),
    })
}

/// The name of the share with this number.
#[must_use]
pub fn share_id(number: u64) -> ShareId {
    ShareId::new(crate::hash::sha256(&[b"share", &number.to_be_bytes()]))
}

/// The content of the share with this number.
#[must_use]
pub fn content(number: u64) -> Cid {
    crate::block::dag_cbor_cid(&number.to_be_bytes())
}

/// A ledger whose blocks are a second apart, for tests.
#[derive(Debug)]
#[non_exhaustive]
pub struct Chain<S = MemoryStore> {
    /// The ledger.
    pub ledger: Ledger<S>,
    /// The time of the last block.
    pub time: u64,
}

impl Chain {
    /// A chain in memory with person 0 as its authority and persons 1 to `members` enrolled, each in a block of its own.
    #[must_use]
    pub fn new(members: u32) -> Self {
        Self::over(MemoryStore::new(), genesis(1, 1), members)
    }
}

impl<S: LedgerStore> Chain<S> {
    /// A chain over a store.
    ///
    /// # Panics
    ///
    /// When the store fails, or the genesis does not let person 0 enroll alone.
    #[must_use]
    pub fn over(store: S, genesis: Genesis, members: u32) -> Self {
        let ledger = Ledger::found(store, genesis).expect("an empty store");
        let mut chain = Self {
            ledger,
            time: FOUNDED,
        };
        for number in 1..=members {
            chain
                .send(&Person::new(0), Person::new(number).enrollment())
                .expect("authority 0 enrolls alone");
        }
        chain
    }

    /// Goes on with a ledger.
    #[must_use]
    pub const fn open(ledger: Ledger<S>) -> Self {
        Self {
            ledger,
            time: FOUNDED,
        }
    }

    /// A transaction that follows all rules so far.
    ///
    /// # Panics
    ///
    /// When the store fails.
    #[must_use]
    pub fn sign(&self, sender: &Person, body: Body) -> Transaction {
        self.sign_as(sender, self.sequence(sender), body)
    }

    /// A transaction with another sequence.
    #[must_use]
    pub fn sign_as(&self, sender: &Person, sequence: u64, body: Body) -> Transaction {
        Unsigned::new(
            self.ledger.chain(),
            sender.address,
            sequence,
            self.time,
            body,
        )
        .sign(&sender.key)
    }

    /// The next sequence of a sender; 0 for a stranger.
    ///
    /// # Panics
    ///
    /// When the store fails.
    #[must_use]
    pub fn sequence(&self, sender: &Person) -> u64 {
        let member = self
            .ledger
            .view()
            .and_then(|view| view.member(&sender.address))
            .expect("a working store");
        member.map_or(0, |member| member.sequence)
    }

    /// Signs a transaction and puts it into a block of its own.
    ///
    /// # Errors
    ///
    /// As [`crate::Staged::apply`].
    pub fn send(&mut self, sender: &Person, body: Body) -> Result<Receipt> {
        let tx = self.sign(sender, body);
        self.put(&tx)
    }

    /// Puts a transaction into a block of its own.
    ///
    /// # Errors
    ///
    /// As [`crate::Staged::apply`].
    pub fn put(&mut self, tx: &Transaction) -> Result<Receipt> {
        let mut staged = self.ledger.begin(self.time + 1)?;
        let receipt = staged.apply(tx)?;
        self.time = staged.time();
        self.ledger.commit(&staged.finish()?)?;
        Ok(receipt)
    }

    /// The signed note over the newest block.
    ///
    /// # Panics
    ///
    /// When the store fails.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.ledger
            .view()
            .expect("a working store")
            .checkpoint(&node_key())
    }

    /// The bundle of a share.
    ///
    /// # Errors
    ///
    /// As [`crate::Reading::prove`].
    pub fn prove(&self, share: &ShareId, older: Option<u64>) -> Result<Vec<u8>> {
        Ok(self
            .ledger
            .view()?
            .prove(share, self.checkpoint(), older)?
            .to_bytes())
    }
}

//! An authority, a sender, a receiver and a stranger, with a ledger and a store in memory: a share in parts that a test can
//! exchange, for tests, benchmarks and fuzzing.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test world panics when it cannot be made"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    Claim, Concealed, Description, Evidence, HiddenRecord, HidingKey, Instance, MANIFEST_NAME,
    Manifest, Policy, Rejected, Salt, Verified, conceal, rfc3339, verify,
};
use ipfs_store::dag::{self, Node};
use ipfs_store::{Cid, MemoryStore, Profile};
use ledger_core::testing::{Chain, node_key};
use ledger_core::{
    Address, Authority, Body, Enroll, Genesis, LogKey, Nonce, PublicKey, ShareId, Tolerance, Trust,
    Unsigned,
};
use medical_image::Picture;
use pgp_envelope::{Cert, Key, KeyOptions, Recipient, Sealer, Signer};

/// The name of the only image's envelope.
pub const ENVELOPE: &str = "0001.pgp";
/// When every test chain begins, in seconds since 1970; keys are a little older.
pub const FOUNDED: u64 = 1_790_000_000;

/// Somebody with keys.
#[derive(Debug)]
#[non_exhaustive]
pub struct Person {
    /// The unlocked key.
    pub key: Key,
    /// Its cert.
    pub cert: Cert,
    /// What signs with it.
    pub signer: Signer,
    /// The member's address.
    pub address: Address,
}

/// The rules by which certs and messages are judged: some time after [`FOUNDED`].
#[must_use]
pub fn envelope_policy() -> pgp_envelope::Policy {
    pgp_envelope::Policy::at(time(1_800_000_000))
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

impl Person {
    /// Somebody of this name, with new keys.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let options = KeyOptions::new(format!("{name} <{name}@example.org>"))
            .created(time(FOUNDED - 1000))
            .validity(None);
        let key = Key::generate(&options).unwrap().key;
        let cert = key.cert();
        Self {
            signer: Signer::new(&key, &envelope_policy()).unwrap(),
            address: Address::new(cert.fingerprint().as_bytes()).unwrap(),
            key,
            cert,
        }
    }

    fn ledger_key(&self) -> PublicKey {
        PublicKey::new(self.cert.ledger_key(&envelope_policy()).unwrap())
    }
}

/// Four people, a ledger, a store.
#[derive(Debug)]
#[non_exhaustive]
pub struct World {
    /// The ledger.
    pub chain: Chain,
    /// The store.
    pub store: MemoryStore,
    /// The ledger's authority.
    pub city: Person,
    /// The sender.
    pub alice: Person,
    /// The receiver.
    pub bob: Person,
    /// A member that is not named.
    pub mallory: Person,
}

/// What a sender decides before it hides, seals, stores and records.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests change it field by field")]
pub struct Draft {
    /// The share.
    pub share_id: ShareId,
    /// The commitment's salt.
    pub salt: Salt,
    /// What is hidden.
    pub description: Description,
    /// From whom.
    pub sender: Address,
    /// For whom.
    pub receivers: Vec<Address>,
    /// When, in seconds since 1970.
    pub created_at: u64,
    /// What the record is sealed with.
    pub key: Option<HidingKey>,
}

impl Draft {
    /// The record to hide in an image.
    #[must_use]
    pub fn record(&self, image: crate::Binding) -> HiddenRecord {
        HiddenRecord {
            share_id: self.share_id,
            salt: self.salt.clone(),
            description: self.description.clone(),
            sender: self.sender,
            receivers: self.receivers.clone(),
            created_at: rfc3339(self.created_at),
            image,
        }
    }

    /// Hides the record in an image file.
    #[must_use]
    pub fn hide(&self, file: &[u8]) -> Concealed {
        let picture = Picture::read(file.to_vec()).unwrap();
        conceal(&picture, self.key.as_ref(), |image| self.record(image)).unwrap()
    }

    /// The manifest of a share of that image.
    #[must_use]
    pub fn manifest(&self, concealed: &Concealed) -> Manifest {
        let instance = Instance {
            envelope: ENVELOPE.to_owned(),
            name: "image.dcm".to_owned(),
            replaced: concealed.replaced.clone(),
            restore: concealed.restore.clone(),
        };
        Manifest::new(self.key.clone(), vec![instance])
    }

    /// The transaction that records a share.
    #[must_use]
    pub fn body(&self, content: Cid, concealed: &Concealed) -> Body {
        Body::Share(ledger_core::Share {
            share_id: self.share_id,
            content,
            commitment: self.record(concealed.record.image.clone()).commitment(),
            description: None,
            receivers: self.receivers.clone(),
        })
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Makes everything: the city founds the ledger and enrolls the others.
    #[must_use]
    pub fn new() -> Self {
        let [city, alice, bob, mallory] = ["city", "alice", "bob", "mallory"].map(Person::new);
        let store = MemoryStore::new();
        let genesis = Genesis {
            name: "test".to_owned(),
            nonce: Nonce::new([1; 32]),
            created_at: FOUNDED,
            node_key: PublicKey::from(&node_key()),
            authorities: vec![Authority::new(city.address, city.ledger_key())],
            threshold: 1,
            tolerance: Tolerance::default(),
        };
        let mut chain = Chain::over(ledger_core::store::MemoryStore::new(), genesis, 0);
        chain.time = FOUNDED;
        let mut world = Self {
            chain,
            store,
            city,
            alice,
            bob,
            mallory,
        };
        for person in ["alice", "bob", "mallory"] {
            let body = world.enrollment(world.person(person));
            world.send("city", body);
        }
        world
    }

    /// A person by name.
    #[must_use]
    pub fn person(&self, name: &str) -> &Person {
        match name {
            "city" => &self.city,
            "alice" => &self.alice,
            "bob" => &self.bob,
            _ => &self.mallory,
        }
    }

    fn enrollment(&self, person: &Person) -> Body {
        let cert = dag::add(
            &self.store,
            person.cert.to_bytes().as_slice(),
            Profile::UnixfsV1_2025,
        )
        .unwrap();
        Body::Enroll(Enroll {
            address: person.address,
            key: person.ledger_key(),
            cert: Some(cert.cid),
            name: None,
        })
    }

    /// A share of Alice for Bob, whose random bytes all are a number.
    #[must_use]
    pub fn draft(&self, number: u8) -> Draft {
        Draft {
            share_id: ShareId::new([number; 32]),
            salt: Salt::new([number; 32]),
            description: Description::text(&format!("patient {number}")).unwrap(),
            sender: self.alice.address,
            receivers: vec![self.bob.address],
            created_at: self.chain.time,
            key: Some(HidingKey::new([number; 32])),
        }
    }

    /// Signs a transaction now, and puts it into a block.
    pub fn send(&mut self, sender: &str, body: Body) {
        self.send_at(sender, self.chain.time, body);
    }

    /// Signs a transaction at a time, and puts it into a block.
    pub fn send_at(&mut self, sender: &str, created_at: u64, body: Body) {
        let tx = self.sign(sender, created_at, body);
        self.chain.put(&tx).unwrap();
    }

    /// Signs the next transaction of a person.
    #[must_use]
    pub fn sign(&self, sender: &str, created_at: u64, body: Body) -> ledger_core::Transaction {
        let person = self.person(sender);
        let view = self.chain.ledger.view().unwrap();
        let sequence = view
            .member(&person.address)
            .unwrap()
            .map_or(0, |member| member.sequence);
        Unsigned::new(
            self.chain.ledger.chain(),
            person.address,
            sequence,
            created_at,
            body,
        )
        .sign_with(|message| person.signer.sign_ledger(message))
        .unwrap()
    }

    /// Seals and stores an envelope of two subtrees.
    #[must_use]
    pub fn seal(&self, sender: &Person, plaintext: &[u8], receivers: &[&Person]) -> Node {
        let recipients: Vec<Recipient> = receivers
            .iter()
            .map(|person| Recipient::new(&person.cert, &envelope_policy()).unwrap())
            .collect();
        let mut message = Vec::new();
        let sealed = Sealer::new()
            .signer(&sender.signer)
            .recipients(recipients)
            .seal(plaintext, &mut message)
            .unwrap();
        let (head, body) = message.split_at(usize::try_from(sealed.head_len()).unwrap());
        let add = |bytes: &[u8]| dag::add(&self.store, bytes, Profile::UnixfsV1_2025).unwrap();
        dag::concat(&self.store, &[add(head), add(body)], Profile::UnixfsV1_2025).unwrap()
    }

    /// Stores a directory.
    #[must_use]
    pub fn directory(&self, entries: &[(&str, Node)]) -> Cid {
        dag::directory(&self.store, entries, Profile::UnixfsV1_2025)
            .unwrap()
            .cid
    }

    /// The root of a share as its sender makes it.
    #[must_use]
    pub fn store_share(&self, sender: &Person, manifest: &Manifest, stego: &[u8]) -> Cid {
        let image = self.seal(sender, stego, &[&self.bob]);
        let manifest = self.seal(sender, &manifest.to_bytes(), &[&self.bob]);
        self.directory(&[(ENVELOPE, image), (MANIFEST_NAME, manifest)])
    }

    /// Hides, seals, stores and records.
    pub fn share(&mut self, draft: &Draft, file: &[u8]) -> (Concealed, Cid) {
        let concealed = draft.hide(file);
        let root = self.store_share(&self.alice, &draft.manifest(&concealed), &concealed.stego);
        self.send_at("alice", draft.created_at, draft.body(root, &concealed));
        (concealed, root)
    }

    /// Trusts the chain.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust::new(LogKey::new(
            self.chain.ledger.chain(),
            PublicKey::from(&node_key()),
        ))
    }

    /// The ledger's proof of a share.
    #[must_use]
    pub fn bundle(&self, draft: &Draft) -> Vec<u8> {
        self.chain.prove(&draft.share_id, None).unwrap()
    }

    /// Verifies a share as a person.
    ///
    /// # Errors
    ///
    /// What verification says.
    pub fn verify(&self, receiver: &str, draft: &Draft) -> Result<Verified, Rejected> {
        self.verify_with(
            receiver,
            draft,
            &self.bundle(draft),
            &Policy::new(envelope_policy()),
        )
    }

    /// Verifies a share with another proof or policy.
    ///
    /// # Errors
    ///
    /// What verification says.
    pub fn verify_with(
        &self,
        receiver: &str,
        draft: &Draft,
        bundle: &[u8],
        policy: &Policy,
    ) -> Result<Verified, Rejected> {
        verify(
            &Claim::new(draft.share_id, &self.person(receiver).key),
            &Evidence::new(bundle, &self.store),
            &self.trust(),
            policy,
            |_| {},
        )
    }
}

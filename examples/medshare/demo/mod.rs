//! A small world in a temporary directory: an authority, a sender, a receiver, a stranger; one ledger, one store.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ipfs_store::dag::{self, Node as Root};
use ipfs_store::{Cid, EmbeddedStore};
use ledger_core::{Address, Authority, Body, Enroll, Height, PublicKey, ShareId, Trust};
use ledger_node::{Access, Founding, Node};
use medical_image::Picture;
use medshare_verify::{Check, Claim, Concealed, Description, Evidence, Rejected, Verified, verify};
use pgp_envelope::{Cert, Key, KeyOptions, Recipient, Signer};
use tempfile::TempDir;

use crate::home;
use crate::share::{self, Draft, Envelope};

pub(crate) mod attack;

/// Somebody with keys.
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) address: Address,
    pub(crate) key: Key,
    pub(crate) cert: Cert,
    pub(crate) signer: Signer,
}

impl Person {
    fn new(name: &'static str) -> Result<Self> {
        let options = KeyOptions::new(format!("{name} <{name}@hospital.example>"));
        let key = Key::generate(&options)?.key;
        let cert = key.cert();
        Ok(Self {
            name,
            address: share::address(&cert)?,
            signer: Signer::new(&key, &home::pgp_policy())?,
            key,
            cert,
        })
    }
}

/// The people, the ledger and the store.
pub(crate) struct World {
    directory: TempDir,
    pub(crate) city: Person,
    pub(crate) alice: Person,
    pub(crate) bob: Person,
    pub(crate) mallory: Person,
    pub(crate) ledger: Access,
    pub(crate) store: EmbeddedStore,
}

/// How long each part took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Times {
    pub(crate) hide: Duration,
    pub(crate) seal: Duration,
    pub(crate) store: Duration,
    pub(crate) record: Duration,
}

/// A share as its sender has it.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) picture: Picture,
    pub(crate) draft: Draft,
    pub(crate) concealed: Concealed,
    pub(crate) root: Root,
    pub(crate) sealed_bytes: u64,
    pub(crate) height: Height,
    pub(crate) times: Times,
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("medshare-demo-")
            .tempdir()
            .context("cannot make a temporary directory")?;
        let store = EmbeddedStore::open(&directory.path().join("store"))?;
        let [city, alice, bob, mallory] = ["city", "alice", "bob", "mallory"].map(Person::new);
        let (city, alice, bob, mallory) = (city?, alice?, bob?, mallory?);
        let ledger = found(&directory.path().join("ledger.redb"), &city, &store)?;
        for person in [&alice, &bob, &mallory] {
            enroll(&ledger, &city, person, &store)?;
        }
        Ok(Self {
            directory,
            city,
            alice,
            bob,
            mallory,
            ledger,
            store,
        })
    }

    /// Where the store's files are.
    pub(crate) fn store_path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// A ledger that the stranger founded, with the same members.
    pub(crate) fn other_ledger(&self, name: &str) -> Result<Access> {
        let path = self.directory.path().join(name);
        let ledger = found(&path, &self.mallory, &self.store)?;
        for person in [&self.alice, &self.bob] {
            enroll(&ledger, &self.mallory, person, &self.store)?;
        }
        Ok(ledger)
    }

    /// Shares an image from Alice to Bob.
    pub(crate) fn share(&self, name: &str, bytes: Vec<u8>) -> Result<Shared> {
        let picture = Picture::read(bytes).with_context(|| format!("cannot read {name}"))?;
        let description = Description::of(picture.description())?;
        let draft = self.draft(description)?;
        let mut times = Times::default();
        let concealed = timed(&mut times.hide, || draft.hide(&picture))
            .with_context(|| format!("cannot hide the description in {name}"))?;
        let envelopes = timed(&mut times.seal, || {
            self.seal(&self.alice, &draft, name, &concealed)
        })?;
        let root = timed(&mut times.store, || self.add(&envelopes))?;
        let height = timed(&mut times.record, || {
            self.record(
                &self.alice,
                draft.transaction(root.cid, &concealed),
                draft.created_at,
            )
        })?;
        Ok(Shared {
            name: name.to_owned(),
            picture,
            draft,
            concealed,
            root,
            sealed_bytes: (envelopes.0.message.len() + envelopes.1.message.len()) as u64,
            height,
            times,
        })
    }

    /// A share from Alice to Bob, with a name of its own.
    pub(crate) fn draft(&self, description: Description) -> Result<Draft> {
        Draft::new(
            description,
            self.alice.address,
            vec![self.bob.address],
            home::now(),
        )
    }

    /// Seals manifest and image for Bob.
    pub(crate) fn seal(
        &self,
        sender: &Person,
        draft: &Draft,
        name: &str,
        concealed: &Concealed,
    ) -> Result<(Envelope, Envelope)> {
        let policy = home::pgp_policy();
        let recipients = [Recipient::new(&self.bob.cert, &policy)?];
        let manifest = draft.manifest(name, concealed).to_bytes();
        Ok((
            share::seal(&manifest, &sender.signer, &recipients)?,
            share::seal(&concealed.stego, &sender.signer, &recipients)?,
        ))
    }

    /// Stores manifest and image.
    pub(crate) fn add(&self, (manifest, image): &(Envelope, Envelope)) -> Result<Root> {
        let root = share::add_share(&self.store, manifest, image)?;
        self.store.pin(&root.cid)?;
        Ok(root)
    }

    /// Puts a transaction into a block.
    pub(crate) fn record(&self, sender: &Person, body: Body, created_at: u64) -> Result<Height> {
        Ok(home::submit(&self.ledger, &sender.signer, created_at, body)?.height)
    }

    /// The ledger's proof.
    pub(crate) fn prove(&self, share_id: &ShareId) -> Result<Vec<u8>> {
        Ok(self.ledger.prove(share_id, None)?)
    }

    /// Verifies a share as somebody, trusting the city's ledger.
    pub(crate) fn verify(
        &self,
        receiver: &Person,
        share_id: &ShareId,
        bundle: &[u8],
        observe: impl FnMut(&Check),
    ) -> Result<Verified, Rejected> {
        verify(
            &Claim::new(*share_id, &receiver.key),
            &Evidence::new(bundle, &self.store),
            &Trust::new(self.ledger.log_key()),
            &home::policy(),
            observe,
        )
    }
}

fn found(path: &std::path::Path, authority: &Person, store: &EmbeddedStore) -> Result<Access> {
    let authority = Authority {
        address: authority.address,
        key: PublicKey::new(authority.cert.ledger_key(&home::pgp_policy())?),
        cert: Some(add_cert(store, &authority.cert)?),
        name: None,
    };
    Ok(Node::found(path, Founding::new("demo", authority))?.into())
}

fn enroll(
    ledger: &Access,
    authority: &Person,
    member: &Person,
    store: &EmbeddedStore,
) -> Result<()> {
    let body = Body::Enroll(Enroll {
        address: member.address,
        key: PublicKey::new(member.cert.ledger_key(&home::pgp_policy())?),
        cert: Some(add_cert(store, &member.cert)?),
        name: None,
    });
    home::submit(ledger, &authority.signer, home::now(), body)?;
    Ok(())
}

fn add_cert(store: &EmbeddedStore, cert: &Cert) -> Result<Cid> {
    let added = dag::add(store, cert.to_bytes().as_slice(), share::PROFILE)?;
    store.pin(&added.cid)?;
    Ok(added.cid)
}

fn timed<T>(time: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    *time = start.elapsed();
    done
}

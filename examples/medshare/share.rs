//! Putting a share together: hide, seal, store, record.

use std::io::Cursor;

use anyhow::{Context, Result};
use ipfs_store::dag::{self, Node};
use ipfs_store::{BlockStore, Cid, Profile};
use ledger_core::{Address, Body, ShareId};
use medical_image::Picture;
use medshare_verify::{
    Binding, Concealed, Description, HiddenRecord, HidingKey, Instance, MANIFEST_NAME, Manifest,
    Salt, conceal, rfc3339,
};
use pgp_envelope::{Cert, Policy, Recipient, Sealed, Sealer, Signer};

/// How files are cut into blocks.
pub(crate) const PROFILE: Profile = Profile::UnixfsV1_2025;
/// The name of the only image's envelope.
pub(crate) const ENVELOPE_NAME: &str = "0001.pgp";

/// What a share is about, before anything is done.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) share_id: ShareId,
    pub(crate) salt: Salt,
    pub(crate) description: Description,
    pub(crate) sender: Address,
    pub(crate) receivers: Vec<Address>,
    pub(crate) created_at: u64,
    pub(crate) hiding_key: Option<HidingKey>,
    pub(crate) public: Option<String>,
}

impl Draft {
    /// A draft with a new name, salt and hiding key.
    pub(crate) fn new(
        description: Description,
        sender: Address,
        receivers: Vec<Address>,
        created_at: u64,
    ) -> Result<Self> {
        Ok(Self {
            // a share id is random bytes, as a salt is
            share_id: ShareId::new(*Salt::random()?.as_bytes()),
            salt: Salt::random()?,
            description,
            sender,
            receivers,
            created_at,
            hiding_key: Some(HidingKey::random()?),
            public: None,
        })
    }

    /// The record to hide in an image.
    fn record(&self, image: Binding) -> HiddenRecord {
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

    /// Hides the record in the picture.
    pub(crate) fn hide(&self, picture: &Picture) -> Result<Concealed> {
        let record = |image| self.record(image);
        Ok(conceal(picture, self.hiding_key.as_ref(), record)?)
    }

    /// The manifest of a share of one image.
    pub(crate) fn manifest(&self, name: &str, concealed: &Concealed) -> Manifest {
        let instance = Instance {
            envelope: ENVELOPE_NAME.to_owned(),
            name: name.to_owned(),
            replaced: concealed.replaced.clone(),
            restore: concealed.restore.clone(),
        };
        Manifest::new(self.hiding_key.clone(), vec![instance])
    }

    /// The transaction that records the share of an image in which the record was hidden.
    pub(crate) fn transaction(&self, content: Cid, concealed: &Concealed) -> Body {
        Body::Share(ledger_core::Share {
            share_id: self.share_id,
            content,
            commitment: self.record(concealed.record.image.clone()).commitment(),
            description: self.public.clone(),
            receivers: self.receivers.clone(),
        })
    }
}

/// One OpenPGP message, and where its key packets end.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) message: Vec<u8>,
    pub(crate) sealed: Sealed,
}

/// Signs and encrypts.
pub(crate) fn seal(
    plaintext: &[u8],
    signer: &Signer,
    recipients: &[Recipient],
) -> Result<Envelope> {
    let mut message = Vec::new();
    let sealed = Sealer::new()
        .signer(signer)
        .recipients(recipients.iter().cloned())
        .seal(plaintext, &mut message)
        .context("cannot seal")?;
    Ok(Envelope { message, sealed })
}

/// Adds an envelope as a file of two subtrees, so that another head can stand before the same body.
pub(crate) fn add_envelope(store: &dyn BlockStore, envelope: &Envelope) -> Result<Node> {
    let head = usize::try_from(envelope.sealed.head_len()).unwrap_or(usize::MAX);
    let (head, body) = envelope
        .message
        .split_at_checked(head)
        .context("an envelope is shorter than its head")?;
    let parts = [
        dag::add(&store, Cursor::new(head), PROFILE)?,
        dag::add(&store, Cursor::new(body), PROFILE)?,
    ];
    Ok(dag::concat(&store, &parts, PROFILE)?)
}

/// Adds the share's directory; its root is what the ledger records.
pub(crate) fn add_share(
    store: &dyn BlockStore,
    manifest: &Envelope,
    image: &Envelope,
) -> Result<Node> {
    let entries = [
        (ENVELOPE_NAME, add_envelope(store, image)?),
        (MANIFEST_NAME, add_envelope(store, manifest)?),
    ];
    Ok(dag::directory(&store, &entries, PROFILE)?)
}

/// Those whom an envelope is sealed for.
pub(crate) fn recipients<'a>(
    certs: impl IntoIterator<Item = &'a Cert>,
    policy: &Policy,
) -> Result<Vec<Recipient>> {
    certs
        .into_iter()
        .map(|cert| {
            Recipient::new(cert, policy)
                .with_context(|| format!("cannot seal for {}", cert.fingerprint()))
        })
        .collect()
}

/// The address of a cert's owner.
pub(crate) fn address(cert: &Cert) -> Result<Address> {
    Ok(Address::new(cert.fingerprint().as_bytes())?)
}

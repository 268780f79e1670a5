//! What an adversary may try, and the step that must stop it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use ipfs_store::{BlockStore as _, dag};
use ipld_core::ipld::Ipld;
use ledger_core::{Body, Grant, Unsigned, Withdraw};
use medical_image::{Picture, Samples};
use medshare_verify::{
    Binding, Concealed, Description, HiddenRecord, Rejected, Step, Verified, conceal,
};

use super::{Person, Shared, World};
use crate::home;
use crate::share::{Draft, ENVELOPE_NAME};

type Verdict = Result<Verified, Rejected>;

/// One attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) step: Step,
    pub(crate) run: fn(&World, &Shared) -> Result<Verdict>,
}

/// Every attack, in the order of the steps; the last two change the share's state, and so come last.
pub(crate) const ALL: &[Attack] = &[
    Attack {
        name: "a record that was signed, but is in no approved block",
        step: Step::Record,
        run: unapproved_record,
    },
    Attack {
        name: "the record in a block of the stranger's own ledger",
        step: Step::Record,
        run: strangers_ledger,
    },
    Attack {
        name: "the stranger asks for the share",
        step: Step::Live,
        run: |world, shared| world.verdict(&world.mallory, &shared.draft),
    },
    Attack {
        name: "a stored block with one bit flipped",
        step: Step::Content,
        run: flipped_bit,
    },
    Attack {
        name: "the envelope made again by the stranger",
        step: Step::Envelope,
        run: strangers_envelope,
    },
    Attack {
        name: "a hidden description that is not the recorded one",
        step: Step::Match,
        run: other_description,
    },
    Attack {
        name: "an old envelope under a new record",
        step: Step::Match,
        run: old_envelope,
    },
    Attack {
        name: "a receiver sends the share on as a share of its own",
        step: Step::Match,
        run: other_sender,
    },
    Attack {
        name: "the payload moved into another image, sealed by the sender",
        step: Step::Image,
        run: moved_payload,
    },
    Attack {
        name: "one pixel of the stego image changed, sealed by the sender",
        step: Step::Image,
        run: changed_pixel,
    },
    Attack {
        name: "the stranger is named on the ledger, and opens the envelope",
        step: Step::Envelope,
        run: grant_without_key,
    },
    Attack {
        name: "a share that its sender withdrew",
        step: Step::Live,
        run: withdrawn,
    },
];

impl World {
    /// What verification says of a recorded share, for somebody.
    fn verdict(&self, receiver: &Person, draft: &Draft) -> Result<Verdict> {
        let bundle = self.prove(&draft.share_id)?;
        Ok(self.verify(receiver, &draft.share_id, &bundle, |_| {}))
    }

    /// Seals, stores and records what Alice would send, and what Bob's verification says of it.
    fn send(&self, shared: &Shared, draft: &Draft, concealed: &Concealed) -> Result<Verdict> {
        let root = self.add(&self.seal(&self.alice, draft, &shared.name, concealed)?)?;
        self.record(
            &self.alice,
            draft.transaction(root.cid, concealed),
            draft.created_at,
        )?;
        self.verdict(&self.bob, draft)
    }
}

/// The proof of a true share around a record that Alice signed and nobody approved.
fn unapproved_record(world: &World, shared: &Shared) -> Result<Verdict> {
    let draft = world.draft(shared.draft.description.clone())?;
    let sequence = world.ledger.next_sequence(&world.alice.address)?;
    let signer = &world.alice.signer;
    let tx = Unsigned::new(
        world.ledger.chain(),
        world.alice.address,
        sequence,
        draft.created_at,
        draft.transaction(shared.root.cid, &shared.concealed),
    )
    .sign_with(|message| signer.sign_ledger(message))?;
    let bundle = world.prove(&shared.draft.share_id)?;
    let Ipld::Map(mut fields) = serde_ipld_dagcbor::from_slice(&bundle)? else {
        bail!("a proof bundle is a map");
    };
    fields.insert("transaction".to_owned(), Ipld::Bytes(tx.to_bytes()));
    let forged = serde_ipld_dagcbor::to_vec(&Ipld::Map(fields))?;
    Ok(world.verify(&world.bob, &draft.share_id, &forged, |_| {}))
}

fn strangers_ledger(world: &World, shared: &Shared) -> Result<Verdict> {
    let ledger = world.other_ledger(&format!("{}.redb", shared.draft.share_id))?;
    home::submit(
        &ledger,
        &world.alice.signer,
        shared.draft.created_at,
        shared.draft.transaction(shared.root.cid, &shared.concealed),
    )?;
    let bundle = ledger.prove(&shared.draft.share_id, None)?;
    Ok(world.verify(&world.bob, &shared.draft.share_id, &bundle, |_| {}))
}

/// Flips one bit of the envelope in whichever file of the store holds it, and puts it back.
fn flipped_bit(world: &World, shared: &Shared) -> Result<Verdict> {
    let envelope = dag::resolve(&world.store, &shared.root.cid, ENVELOPE_NAME)?;
    let mut block = None;
    for found in dag::walk(&world.store, &envelope) {
        let found = found?;
        if block
            .as_ref()
            .is_none_or(|largest: &ipfs_store::Block| found.bytes().len() > largest.bytes().len())
        {
            block = Some(found);
        }
    }
    let block = block.context("an envelope has blocks")?;
    let (path, offset) = find_bytes(&world.store_path(), block.bytes())?
        .context("no file of the store holds the block as it is")?;
    let middle = offset + block.bytes().len() / 2;
    flip(&path, middle)?;
    let verdict = world.verdict(&world.bob, &shared.draft);
    flip(&path, middle)?;
    if world.store.get(block.cid())?.is_none() {
        bail!("the block did not come back with its bit");
    }
    verdict
}

/// The file below a directory that holds these bytes, and where in it.
fn find_bytes(directory: &Path, bytes: &[u8]) -> Result<Option<(std::path::PathBuf, usize)>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find_bytes(&path, bytes)? {
                return Ok(Some(found));
            }
        } else {
            let content = fs::read(&path)?;
            let at = content
                .windows(bytes.len())
                .position(|window| window == bytes);
            if let Some(at) = at {
                return Ok(Some((path, at)));
            }
        }
    }
    Ok(None)
}

fn flip(path: &Path, offset: usize) -> Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
    let offset = SeekFrom::Start(offset as u64);
    let permissions = fs::metadata(path)?.permissions();
    make_writable(path)?;
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.seek(offset)?;
    file.read_exact(&mut byte)?;
    file.seek(offset)?;
    file.write_all(&[byte[0] ^ 1])?;
    fs::set_permissions(path, permissions)?;
    Ok(())
}

/// A store may keep its blocks read-only; its adversary does not mind.
fn make_writable(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// The stranger has the share's content, seals it anew, and brings Alice to record it.
fn strangers_envelope(world: &World, shared: &Shared) -> Result<Verdict> {
    let draft = world.draft(shared.draft.description.clone())?;
    let concealed = draft.hide(&shared.picture)?;
    let root = world.add(&world.seal(&world.mallory, &draft, &shared.name, &concealed)?)?;
    world.record(
        &world.alice,
        draft.transaction(root.cid, &concealed),
        draft.created_at,
    )?;
    world.verdict(&world.bob, &draft)
}

fn other_description(world: &World, shared: &Shared) -> Result<Verdict> {
    let draft = world.draft(Description::text("somebody else")?)?;
    let hidden = Draft {
        description: shared.draft.description.clone(),
        salt: draft.salt.clone(),
        hiding_key: draft.hiding_key.clone(),
        receivers: draft.receivers.clone(),
        public: None,
        ..draft
    };
    let concealed = hidden.hide(&shared.picture)?;
    world.send(shared, &draft, &concealed)
}

fn old_envelope(world: &World, shared: &Shared) -> Result<Verdict> {
    let draft = world.draft(shared.draft.description.clone())?;
    world.record(
        &world.alice,
        draft.transaction(shared.root.cid, &shared.concealed),
        draft.created_at,
    )?;
    world.verdict(&world.bob, &draft)
}

/// Mallory got a share from Alice, and seals its image for Bob under her own name.
fn other_sender(world: &World, shared: &Shared) -> Result<Verdict> {
    let mut draft = world.draft(shared.draft.description.clone())?;
    draft.salt = shared.draft.salt.clone();
    draft.hiding_key.clone_from(&shared.draft.hiding_key);
    draft.sender = world.mallory.address;
    let envelopes = world.seal(&world.mallory, &draft, &shared.name, &shared.concealed)?;
    let root = world.add(&envelopes)?;
    world.record(
        &world.mallory,
        draft.transaction(root.cid, &shared.concealed),
        draft.created_at,
    )?;
    world.verdict(&world.bob, &draft)
}

/// The record of this image, hidden in its mirror image.
fn moved_payload(world: &World, shared: &Shared) -> Result<Verdict> {
    let draft = world.draft(shared.draft.description.clone())?;
    let mut samples = shared.picture.samples().clone();
    match &mut samples {
        Samples::U8(samples) => samples.reverse(),
        Samples::U16(samples) => samples.reverse(),
        _ => bail!("samples are neither 8 nor 16 bits wide"),
    }
    let other = Picture::read(shared.picture.patch(&samples)?.bytes)?;
    let own = draft.hide(&shared.picture)?;
    let concealed = conceal(&other, draft.hiding_key.as_ref(), |image| HiddenRecord {
        image: Binding {
            scheme: image.scheme,
            ..own.record.image.clone()
        },
        ..own.record.clone()
    })?;
    world.send(shared, &draft, &concealed)
}

/// The highest bit of the last sample, which carries nothing of the payload.
fn changed_pixel(world: &World, shared: &Shared) -> Result<Verdict> {
    let draft = world.draft(shared.draft.description.clone())?;
    let mut concealed = draft.hide(&shared.picture)?;
    let stego = Picture::read(concealed.stego)?;
    let mut samples = stego.samples().clone();
    let highest = stego.geometry().bits_stored - 1;
    match &mut samples {
        Samples::U8(samples) => {
            if let Some(last) = samples.last_mut() {
                *last ^= 1 << highest;
            }
        }
        Samples::U16(samples) => {
            if let Some(last) = samples.last_mut() {
                *last ^= 1 << highest;
            }
        }
        _ => bail!("samples are neither 8 nor 16 bits wide"),
    }
    concealed.stego = stego.patch(&samples)?.bytes;
    world.send(shared, &draft, &concealed)
}

/// Alice names the stranger on the ledger without making a head for her.
fn grant_without_key(world: &World, shared: &Shared) -> Result<Verdict> {
    let body = Body::Grant(Grant {
        share_id: shared.draft.share_id,
        content: shared.root.cid,
        receivers: vec![world.mallory.address],
    });
    world.record(&world.alice, body, home::now())?;
    world.verdict(&world.mallory, &shared.draft)
}

fn withdrawn(world: &World, shared: &Shared) -> Result<Verdict> {
    let body = Body::Withdraw(Withdraw {
        share_id: shared.draft.share_id,
    });
    world.record(&world.alice, body, home::now())?;
    world.verdict(&world.bob, &shared.draft)
}

//! The seven steps.

use std::io::Read;

use ipfs_store::{BlockStore, Cid, dag};
use ledger_core::{Proven, Status, Trust};
use medical_image::{Picture, restore};
use pgp_envelope::{Cert, Key, MAX_CERT, Opened, Opener};

use crate::image::{Revealed, reveal};
use crate::{
    Address, Check, Claim, Error, Evidence, HiddenRecord, HidingKey, Instance, MANIFEST_NAME,
    Manifest, Policy, Rejected, Step, Verified, file_digest, header_digest, rfc3339,
};

/// Verifies a claim: takes all seven steps in order and releases everything, or names the step that said no and releases
/// nothing. `observe` hears of each step as it holds.
///
/// No clock, no network: the time is the policy's, the blocks are the evidence's.
///
/// Success means: the sender whom the ledger names sealed exactly this image for this receiver, recorded it in a block
/// under the checkpoint, and had not withdrawn it then. It does not mean that the sender told the truth about the patient.
///
/// # Errors
///
/// [`Rejected`], with its step; [`Rejected::is_failure`] where a machine failed and nothing is known of the share.
pub fn verify(
    claim: &Claim<'_>,
    evidence: &Evidence<'_>,
    trust: &Trust,
    policy: &Policy,
    observe: impl FnMut(&Check),
) -> Result<Verified, Rejected> {
    let mut checks = Checks::new(observe);
    let receiver = address(claim.receiver());
    let blocks = evidence.blocks();

    // 1
    let proven = ledger_core::verify(evidence.bundle(), trust).map_err(Rejected::NotProven)?;
    if proven.share_id() != claim.share_id() {
        return Err(Rejected::OtherShare {
            expected: *claim.share_id(),
            found: *proven.share_id(),
        });
    }
    checks.record(&proven);

    // 2
    check_live(&proven, policy)?;
    let root = check_named(&proven, &receiver)?;
    checks.held(
        Step::Live,
        format!(
            "not rejected, not withdrawn at height {}; receiver {receiver}",
            proven.header().height
        ),
    );

    // 3
    let (count, bytes) = check_blocks(blocks, &root)?;
    let entries = dag::list(&blocks, &root).map_err(content)?;
    let entry = |name: &str| {
        entries
            .iter()
            .find(|entry| entry.name == name)
            .map(|entry| entry.cid)
            .ok_or_else(|| Rejected::Content {
                reason: format!("the share {root} has no {name}"),
                source: None,
            })
    };
    let manifest_root = entry(MANIFEST_NAME)?;
    checks.held(
        Step::Content,
        format!("{count} blocks, {bytes} bytes under {root}"),
    );

    // 4
    let sender = sender_cert(blocks, &proven)?;
    let envelopes = Envelopes {
        blocks,
        policy,
        sender: &sender,
        receiver: claim.receiver(),
        // whom the sender meant from the beginning is signed; whom it named later, the ledger proves
        granted: !proven.share().receivers.contains(&receiver),
    };
    let opened = envelopes.open(MANIFEST_NAME, &manifest_root, policy.manifest)?;
    let mut session_keys = vec![(MANIFEST_NAME.to_owned(), opened.session_key().clone())];
    let manifest = Manifest::from_bytes(&released(MANIFEST_NAME, opened)?).map_err(|error| {
        Rejected::Manifest {
            reason: error.to_string(),
        }
    })?;
    let instance = only_instance(&manifest)?;
    let opened = envelopes.open(
        &instance.envelope,
        &entry(&instance.envelope)?,
        policy.image,
    )?;
    session_keys.push((instance.envelope.clone(), opened.session_key().clone()));
    checks.held(
        Step::Envelope,
        format!("sealed for {receiver}, signed by {}", opened.signer()),
    );
    let stego = released(&instance.envelope, opened)?;

    // 5
    let keys: Vec<HidingKey> = manifest.hiding_key().cloned().into_iter().collect();
    let (picture, revealed, record) = extract(stego, &keys)?;
    checks.hidden(&revealed);

    // 6
    check_match(&record, &proven)?;
    checks.matching(&record);

    // 7
    check_image(&picture, &revealed, &record)?;
    let original = original(&picture, &revealed, instance)?;
    let found = file_digest(&original);
    if found != record.image.file {
        return Err(Rejected::OtherImage {
            what: "original bytes",
            expected: record.image.file,
            found,
        });
    }
    checks.held(
        Step::Image,
        format!("samples, clinical attributes, and the original's SHA-256 {found}"),
    );

    Ok(Verified {
        checks: checks.held,
        proven,
        record,
        hiding_key: manifest.hiding_key().cloned(),
        name: file_name(&instance.name),
        original,
        stego: picture.into_bytes(),
        session_keys,
    })
}

/// The steps that held so far, and who hears of them.
pub(crate) struct Checks<F> {
    observe: F,
    pub(crate) held: Vec<Check>,
}

impl<F: FnMut(&Check)> Checks<F> {
    pub(crate) const fn new(observe: F) -> Self {
        Self {
            observe,
            held: Vec::new(),
        }
    }

    pub(crate) fn held(&mut self, step: Step, compared: String) {
        let check = Check::new(step, compared);
        (self.observe)(&check);
        self.held.push(check);
    }

    pub(crate) fn record(&mut self, proven: &Proven) {
        self.held(
            Step::Record,
            format!(
                "transaction {} in block {}, under the checkpoint of {} transactions",
                proven.index(),
                proven.height(),
                proven.checkpoint().size(),
            ),
        );
    }

    pub(crate) fn hidden(&mut self, revealed: &Revealed) {
        self.held(
            Step::Hidden,
            format!(
                "{} bytes, {}, length and checksum",
                revealed.payload.len(),
                revealed.scheme
            ),
        );
    }

    pub(crate) fn matching(&mut self, record: &HiddenRecord) {
        self.held(
            Step::Match,
            format!(
                "share id, sender, {} receivers, time {}, commitment to all of it",
                record.receivers.len(),
                record.created_at
            ),
        );
    }
}

/// The address of a key's owner.
fn address(key: &Key) -> Address {
    Address::new(key.fingerprint().as_bytes())
        .expect("a fingerprint has the 20 or 32 bytes of an address")
}

/// Step 2, whoever asks: nobody froze the share, and its sender is a member still.
pub(crate) fn check_live(proven: &Proven, policy: &Policy) -> Result<(), Rejected> {
    let state = proven.state();
    match state.status {
        Status::Live => {}
        Status::Rejected { index, .. } | Status::Withdrawn { index } => {
            return Err(Rejected::Frozen {
                status: state.status.to_string(),
                index,
            });
        }
    }
    match proven.sender_state().revoked {
        Some(height) if !policy.accepts_revoked_sender() => Err(Rejected::SenderRevoked {
            sender: *proven.sender(),
            height: height.0,
        }),
        _ => Ok(()),
    }
}

/// Step 2: the record names the receiver; the root that was made for it.
fn check_named(proven: &Proven, receiver: &Address) -> Result<Cid, Rejected> {
    let state = proven.state();
    match state.receiver(receiver) {
        None => Err(Rejected::NotNamed {
            receiver: *receiver,
        }),
        Some(named) => match named.revoked {
            Some(index) => Err(Rejected::GrantRevoked {
                receiver: *receiver,
                index,
            }),
            None => Ok(named.content.unwrap_or(state.content)),
        },
    }
}

/// Step 3: every block under the root is there and hashes to its CID; how many, and their bytes.
fn check_blocks(blocks: &dyn BlockStore, root: &Cid) -> Result<(u64, u64), Rejected> {
    let (mut count, mut bytes) = (0, 0);
    for block in dag::walk(&blocks, root) {
        let block = block.map_err(content)?;
        count += 1;
        bytes += block.bytes().len() as u64;
    }
    Ok((count, bytes))
}

fn content(source: ipfs_store::Error) -> Rejected {
    Rejected::Content {
        reason: source.to_string(),
        source: Some(Box::new(source)),
    }
}

/// Step 4: the cert that the ledger names for the sender.
fn sender_cert(blocks: &dyn BlockStore, proven: &Proven) -> Result<Cert, Rejected> {
    let no = |reason: String| Rejected::SenderCert {
        reason,
        source: None,
    };
    let not_read = |source: ipfs_store::Error| Rejected::SenderCert {
        reason: source.to_string(),
        source: Some(Box::new(source)),
    };
    let cid = proven
        .sender_state()
        .cert
        .ok_or_else(|| no("the ledger names none".to_owned()))?;
    let mut bytes = Vec::new();
    dag::cat(&blocks, &cid)
        .map_err(not_read)?
        .take(MAX_CERT as u64 + 1) // one too many is refused; a cut may leave out a revocation
        .read_to_end(&mut bytes)
        .map_err(|error| match error.downcast() {
            Ok(source) => not_read(source),
            Err(error) => no(error.to_string()),
        })?;
    let cert = Cert::read(&bytes).map_err(|error| no(error.to_string()))?;
    if cert.fingerprint().as_bytes() != proven.sender().as_bytes() {
        return Err(no(format!(
            "expected the cert of {}, found the cert of {}",
            proven.sender(),
            cert.fingerprint()
        )));
    }
    Ok(cert)
}

/// What every envelope of a share is opened with.
struct Envelopes<'a> {
    blocks: &'a dyn BlockStore,
    policy: &'a Policy,
    sender: &'a Cert,
    receiver: &'a Key,
    granted: bool,
}

impl Envelopes<'_> {
    fn open(&self, name: &str, root: &Cid, limit: u64) -> Result<Opened, Rejected> {
        let message = dag::cat(&self.blocks, root).map_err(content)?;
        let policy = self.policy.envelope().clone().size_at_most(limit);
        let opener = Opener::new(&policy).key(self.receiver).signer(self.sender);
        let opener = if self.granted {
            opener.granted()
        } else {
            opener
        };
        opener
            .open(message)
            .map_err(|source| not_opened(name, source))
    }
}

/// The plaintext of an envelope that opened.
fn released(name: &str, opened: Opened) -> Result<Vec<u8>, Rejected> {
    opened.into_vec().map_err(|source| not_opened(name, source))
}

/// What the store said while the message was read comes out of the envelope's error as it was.
fn not_opened(name: &str, source: pgp_envelope::Error) -> Rejected {
    let source = match source {
        pgp_envelope::Error::Io { action, source } => match source.downcast() {
            Ok(stored) => return content(stored),
            Err(source) => pgp_envelope::Error::Io { action, source },
        },
        other => other,
    };
    Rejected::Envelope {
        name: name.to_owned(),
        source: Box::new(source),
    }
}

fn only_instance(manifest: &Manifest) -> Result<&Instance, Rejected> {
    match manifest.instances() {
        [instance] => Ok(instance),
        instances => Err(Rejected::Manifest {
            reason: format!(
                "expected a share of one image, found {} (a newer version may read it)",
                instances.len()
            ),
        }),
    }
}

/// Step 5: reads the file as an image and takes the hidden record out of it.
pub(crate) fn extract(
    stego: Vec<u8>,
    keys: &[HidingKey],
) -> Result<(Picture, Revealed, HiddenRecord), Rejected> {
    let no = Rejected::NotHidden;
    let picture = Picture::read(stego).map_err(|error| no(Error::Image(error)))?;
    let revealed = reveal(&picture).map_err(no)?;
    let record = HiddenRecord::from_payload(&revealed.payload, keys).map_err(no)?;
    if record.image.scheme != revealed.scheme {
        return Err(no(Error::Malformed {
            what: "a hidden record",
            reason: format!(
                "it says that it was hidden by {}, it was by {}",
                record.image.scheme, revealed.scheme
            ),
        }));
    }
    Ok((picture, revealed, record))
}

/// Step 6: the hidden record says what the ledger says.
pub(crate) fn check_match(record: &HiddenRecord, proven: &Proven) -> Result<(), Rejected> {
    let share = proven.share();
    let list = |addresses: &[Address]| {
        addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let fields = [
        (
            "share id",
            share.share_id.to_string(),
            record.share_id.to_string(),
        ),
        (
            "sender",
            proven.sender().to_string(),
            record.sender.to_string(),
        ),
        (
            "list of receivers",
            list(&share.receivers),
            list(&record.receivers),
        ),
        (
            "time",
            rfc3339(proven.transaction().created_at()),
            record.created_at.clone(),
        ),
        (
            "commitment",
            share.commitment.to_string(),
            record.commitment().to_string(),
        ),
    ];
    for (what, recorded, hidden) in fields {
        if recorded != hidden {
            return Err(Rejected::Mismatch {
                what,
                recorded,
                hidden,
            });
        }
    }
    Ok(())
}

/// Step 7, as far as a stego image alone tells: its other bits and its header are those of the record.
pub(crate) fn check_image(
    picture: &Picture,
    revealed: &Revealed,
    record: &HiddenRecord,
) -> Result<(), Rejected> {
    let found = [
        (
            "samples",
            record.image.samples,
            revealed.samples_digest(picture),
        ),
        (
            "clinical attributes",
            record.image.header,
            header_digest(picture),
        ),
    ];
    for (what, expected, found) in found {
        if expected != found {
            return Err(Rejected::OtherImage {
                what,
                expected,
                found,
            });
        }
    }
    Ok(())
}

/// Step 7: the file as it was before anything was hidden in it.
fn original(
    picture: &Picture,
    revealed: &Revealed,
    instance: &Instance,
) -> Result<Vec<u8>, Rejected> {
    let samples = revealed
        .original(picture, &instance.replaced)
        .map_err(Rejected::NotRestored)?;
    restore(picture, &samples, &instance.restore)
        .map_err(|error| Rejected::NotRestored(Error::Image(error)))
}

/// The last part of a path of either kind, so that a name never leads elsewhere.
fn file_name(name: &str) -> String {
    name.rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .collect()
}

use std::path::PathBuf;

use anyhow::Result;
use ledger_core::{Proven, ShareId, Status};
use medshare_verify::{LooseImage, Rejected, Step, file_digest};
use serde_json::json;

use crate::answer;
use crate::file;
use crate::home::{self, Home, MemberArgs};
use crate::output::{Outcome, Output, place};
use crate::pixels;

/// Verifies an image that left its envelope: its hidden record against the ledger, its samples against the hidden record.
///
/// A stego image (`receive --as-sent`) carries its record. An original carries none, and is recognised by its digest when this
/// home sent or received it; where it was shared more than once, one share that is live is enough.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// A DICOM, PNG or TIFF file; `-` is stdin.
    file: PathBuf,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        let bytes = file::read(&self.file, pixels::LIMIT)?;
        let known = home.remembered()?;
        let digest = file_digest(&bytes).to_string();
        let mut rejected = None;
        for (share, _) in known.iter().filter(|(_, known)| known.file == digest) {
            match original(&home, share, &digest, output)? {
                outcome @ Outcome::Rejected { .. } => rejected = rejected.or(Some(outcome)),
                verified => return Ok(verified),
            }
        }
        if let Some(rejected) = rejected {
            return Ok(rejected);
        }
        let keys: Vec<_> = known
            .iter()
            .filter_map(|(_, known)| known.hiding_key())
            .collect();
        let image = match LooseImage::read(bytes, &keys) {
            Ok(image) => image,
            Err(rejected) => {
                return Ok(Outcome::rejected(
                    Some(rejected.step().number()),
                    &rejected,
                    json!({ "file": place(&self.file) }),
                ));
            }
        };
        let share_id = *image.share_id();
        let ledger = home.ledger_to_prove(output)?;
        if ledger.share(&share_id)?.is_none() {
            return Ok(answer::not_recorded(&share_id.to_string()));
        }
        let bundle = answer::prove(&ledger, &home, &share_id)?;
        drop(ledger);
        let seen = home.checkpoint()?;
        let verified = image.verify(
            &bundle,
            &home.trust(seen.as_ref())?,
            &home::policy(),
            |check| {
                output.line(check);
            },
        );
        let verified = match verified {
            Ok(verified) => verified,
            Err(rejected) => {
                // whoever altered it may want the share frozen
                let advice = "this file is not what was sent; it says nothing about the share, which may well be good";
                return answer::rejected(output, rejected, &share_id, advice);
            }
        };
        let proven = verified.proven();
        home.remember_checkpoint(proven.checkpoint(), seen.as_ref())?;
        output.line(format_args!(
            "verified: the stego image of share {share_id}, sent by {} at {}",
            proven.sender(),
            verified.record().created_at
        ));
        Ok(Outcome::done(json!({
            "verdict": "verified",
            "kind": "stego",
            "share_id": share_id.to_string(),
            "cid": proven.share().content.to_string(),
            "height": proven.height().0,
            "sender": proven.sender().to_string(),
            "created_at": verified.record().created_at,
            "description": verified.record().description,
            "steps": answer::steps(verified.checks()),
        })))
    }
}

/// An original that this home sent or received: its bytes are those of the share, whose record is proven again.
fn original(home: &Home, share_id: &ShareId, digest: &str, output: &Output) -> Result<Outcome> {
    let ledger = home.ledger_to_prove(output)?;
    if ledger.share(share_id)?.is_none() {
        return Ok(answer::not_recorded(&share_id.to_string()));
    }
    let bundle = answer::prove(&ledger, home, share_id)?;
    drop(ledger);
    let seen = home.checkpoint()?;
    let proven = match ledger_core::verify(&bundle, &home.trust(seen.as_ref())?) {
        Ok(proven) => proven,
        Err(rejected) => {
            let reason = format!("the record is not proven: {rejected}");
            let fields = json!({ "share_id": share_id.to_string() });
            return Ok(Outcome::rejected(
                Some(Step::Record.number()),
                reason,
                fields,
            ));
        }
    };
    home.remember_checkpoint(proven.checkpoint(), seen.as_ref())?;
    if let Some(rejected) = not_live(&proven) {
        return Ok(Outcome::rejected(
            Some(rejected.step().number()),
            &rejected,
            json!({ "share_id": share_id.to_string() }),
        ));
    }
    output.line(format_args!(
        "verified: byte for byte the original of share {share_id}, sent by {} (SHA-256 {digest}); it is {} on the ledger",
        proven.sender(),
        proven.state().status
    ));
    Ok(Outcome::done(json!({
        "verdict": "verified",
        "kind": "original",
        "share_id": share_id.to_string(),
        "cid": proven.share().content.to_string(),
        "height": proven.height().0,
        "sender": proven.sender().to_string(),
        "sha256": digest,
        "status": proven.state().status.to_string(),
    })))
}

/// Step 2, as for a stego image: nobody froze the share, and its sender is a member still.
fn not_live(proven: &Proven) -> Option<Rejected> {
    match proven.state().status {
        Status::Live => {}
        status @ (Status::Rejected { index, .. } | Status::Withdrawn { index }) => {
            return Some(Rejected::Frozen {
                status: status.to_string(),
                index,
            });
        }
    }
    let revoked = proven.sender_state().revoked?;
    Some(Rejected::SenderRevoked {
        sender: *proven.sender(),
        height: revoked.0,
    })
}

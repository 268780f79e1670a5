use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use ipfs_store::Reach;
use ledger_core::{Accept, Body, Checkpoint, ShareId};
use ledger_node::Access;
use medshare_verify::{Claim, Evidence, Verified, file_digest, verify};
use pgp_envelope::{Key, Signer};
use serde_json::json;

use crate::answer;
use crate::file::{self, Target};
use crate::home::{self, Home, MemberArgs, Remembered};
use crate::output::{Outcome, Output, place, size};

/// Receives an image: verifies the seven steps, then writes the exact original, or nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// The share id that the sender printed, or the first letters of it.
    share: String,
    /// Where the image goes; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write the stego image, as it was sent, in place of the original: `medshare verify` can check it later.
    #[arg(long)]
    as_sent: bool,
    /// Do not tell the ledger that the image was received and verified.
    #[arg(long)]
    no_accept: bool,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        output.check_target(&self.out)?;
        let home = self.member.open()?;
        // before the work, so that a place that cannot be written is known
        let mut target = Target::new(&self.out)?;
        let ledger = home.ledger_to_prove(output)?;
        let share_id = match answer::find_share(&ledger, &self.share, output)? {
            Ok(share_id) => share_id,
            Err(rejected) => return Ok(rejected),
        };
        let bundle = answer::prove(&ledger, &home, &share_id)?;
        drop(ledger);
        let seen = home.checkpoint()?;
        let key = home.unlocked()?;
        let store = home.store(Reach::Network)?;

        let verified = verify(
            &Claim::new(share_id, &key),
            &Evidence::new(&bundle, store.as_store()),
            &home.trust(seen.as_ref())?,
            &home::policy(),
            |check| {
                if !file::is_dash(&self.out) {
                    output.line(check);
                }
            },
        );
        let verified = match verified {
            Ok(verified) => verified,
            Err(rejected) => {
                let advice = format_args!(
                    "nothing was released; if the share itself is bad, `medshare reject {share_id}` freezes it for everybody"
                );
                return answer::rejected(output, rejected, &share_id, advice);
            }
        };
        let image = if self.as_sent {
            verified.stego()
        } else {
            verified.original()
        };
        target
            .write_all(image)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        target.commit()?;
        keep(&home, &verified, seen.as_ref())?;
        let accepted = if self.no_accept {
            false
        } else {
            accept(&home, &home.ledger(output)?, &key, &share_id)?
        };

        let proven = verified.proven();
        let what = if self.as_sent {
            "stego image"
        } else {
            "original"
        };
        let text = format!(
            "verified: {} ({what} of {:?}) written to {}",
            size(image.len() as u64),
            verified.name(),
            self.out.display()
        );
        output.say(&self.out, text);
        Ok(Outcome::done(json!({
            "verdict": "verified",
            "share_id": share_id.to_string(),
            "cid": proven.share().content.to_string(),
            "height": proven.height().0,
            "sender": proven.sender().to_string(),
            "created_at": verified.record().created_at,
            "name": verified.name(),
            "out": place(&self.out),
            "bytes": image.len(),
            "sha256": file_digest(image).to_string(),
            "description": verified.record().description,
            "accepted": accepted,
            "steps": answer::steps(verified.checks()),
        })))
    }
}

/// Keeps what later verification needs: the checkpoint, and the share's hiding key.
fn keep(home: &Home, verified: &Verified, seen: Option<&Checkpoint>) -> Result<()> {
    let proven = verified.proven();
    home.remember_checkpoint(proven.checkpoint(), seen)?;
    let remembered = Remembered::new(
        verified.name(),
        file_digest(verified.original()),
        verified.hiding_key(),
    );
    home.remember(proven.share_id(), &remembered)
}

/// Tells the ledger that the share was verified, once.
fn accept(home: &Home, ledger: &Access, key: &Key, share_id: &ShareId) -> Result<bool> {
    let address = home.address()?;
    let accepted = ledger.share(share_id)?.is_some_and(|share| {
        share
            .receiver(&address)
            .is_some_and(|receiver| receiver.accepted.is_some())
    });
    if !accepted {
        let signer = Signer::new(key, &home::pgp_policy())?;
        let body = Body::Accept(Accept {
            share_id: *share_id,
        });
        home::submit(ledger, &signer, home::now(), body)
            .context("the image was verified and written, but the ledger was not told")?;
    }
    Ok(true)
}

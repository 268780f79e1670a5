use anyhow::Result;
use ipfs_store::Reach;
use ledger_core::{Body, Withdraw};
use pgp_envelope::Signer;
use serde_json::json;

use crate::answer;
use crate::home::{self, MemberArgs};
use crate::output::{Outcome, Output, size};

/// Takes a share back as its sender: freezes it on the ledger and removes its blocks from the store.
///
/// What a receiver has fetched or opened already cannot be recalled.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// The share id, or the first letters of it.
    share: String,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        let signer = Signer::new(&home.unlocked()?, &home::pgp_policy())?;
        let ledger = home.ledger(output)?;
        let share_id = match answer::find_share(&ledger, &self.share)? {
            Ok(share_id) => share_id,
            Err(rejected) => return Ok(rejected),
        };
        let receipt = home::submit(
            &ledger,
            &signer,
            home::now(),
            Body::Withdraw(Withdraw { share_id }),
        )?;
        let roots: Vec<_> = ledger
            .share(&share_id)?
            .into_iter()
            .flat_map(|share| {
                let granted = share
                    .receivers
                    .into_iter()
                    .filter_map(|receiver| receiver.content);
                granted.chain([share.content])
            })
            .collect();
        drop(ledger);
        let store = home.store(Reach::Local)?;
        for root in &roots {
            store.unpin(root)?;
        }
        let (removed, bytes) = store.gc()?;
        home.forget(&share_id)?;
        output.line(format_args!("withdrawn    {share_id}"));
        output.line(format_args!("height       {}", receipt.height));
        let held = bytes.map_or_else(String::new, |bytes| format!(", {},", size(bytes)));
        output.line(format_args!(
            "removed      {removed} blocks{held} from {}",
            home.config().store.display()
        ));
        output.note("what a receiver has opened, and what other stores hold, cannot be recalled");
        Ok(Outcome::done(json!({
            "share_id": share_id.to_string(),
            "height": receipt.height.0,
            "status": "withdrawn",
            "removed_blocks": removed,
            "removed_bytes": bytes,
        })))
    }
}

use anyhow::{Context, Result};
use ipfs_store::Reach;
use ledger_core::{Body, Status, Withdraw};
use ledger_node::Event;
use pgp_envelope::Signer;
use serde_json::json;

use crate::answer;
use crate::home::{self, Home, MemberArgs};
use crate::output::{Outcome, Output, size};

/// Takes a share back as its sender: freezes it on the ledger and removes its blocks from the store.
///
/// What a receiver has fetched or opened already cannot be recalled. Where only the removal failed, repeat the command. A share that a
/// receiver rejected is frozen already: then only its blocks are removed.
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
        let share_id = match answer::find_share(&ledger, &self.share, output)? {
            Ok(share_id) => share_id,
            Err(rejected) => return Ok(rejected),
        };
        let (own, share) = (home.address()?, ledger.share(&share_id)?);
        let status = share
            .filter(|share| share.sender == own)
            .map(|share| share.status);
        let rejected = matches!(status, Some(Status::Rejected { .. }));
        // recorded already where the removal failed before, or the answer was lost
        if !rejected && !matches!(status, Some(Status::Withdrawn { .. })) {
            let body = Body::Withdraw(Withdraw { share_id });
            home::submit(&ledger, &signer, home::now(), body)?;
        }
        let status = if rejected { "rejected" } else { "withdrawn" };
        let events = ledger.events(&share_id)?;
        drop(ledger);
        let (removed, bytes) = remove(&home, &events).context(
            "the share is frozen, and its blocks may still be in the store: repeat the command",
        )?;
        home.forget(&share_id)?;
        let height = events.last().map_or(0, |event| event.height.0);
        output.line(format_args!("{status:12} {share_id}"));
        output.line(format_args!("height       {height}"));
        let held = bytes.map_or_else(String::new, |bytes| format!(", {},", size(bytes)));
        output.line(format_args!(
            "removed      {removed} blocks{held} from {}",
            home.config().store.display()
        ));
        output.note("what a receiver has opened, and what other stores hold, cannot be recalled");
        Ok(Outcome::done(json!({
            "share_id": share_id.to_string(),
            "height": height,
            "status": status,
            "removed_blocks": removed,
            "removed_bytes": bytes,
        })))
    }
}

/// Lets go of all that was made for a share, and deletes what nothing else needs. Every grant has a root of its own, also one that was
/// revoked since, or took another one's place.
fn remove(home: &Home, events: &[Event]) -> Result<(u64, Option<u64>)> {
    let store = home.store(Reach::Local)?;
    for event in events {
        let root = match event.tx.body() {
            Body::Share(share) => &share.content,
            Body::Grant(grant) => &grant.content,
            _ => continue,
        };
        store.unpin(root)?;
    }
    store.gc()
}

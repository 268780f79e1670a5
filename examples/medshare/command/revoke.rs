use anyhow::Result;
use ledger_core::{Body, Revoke};
use pgp_envelope::Signer;
use serde_json::json;

use crate::answer;
use crate::home::{self, MemberArgs, Who};
use crate::output::{Outcome, Output};

/// Takes a share back from some of its receivers, as its sender: for them it is no longer live on the ledger.
///
/// What a receiver has opened already, or fetched, cannot be recalled.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// The share id, or the first letters of it.
    share: String,
    /// The fingerprint of a receiver, or its cert; give it once for each.
    #[arg(long = "from", value_name = "FINGERPRINT|CERT", required = true)]
    from: Vec<Who>,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        let receivers = self
            .from
            .iter()
            .map(Who::address)
            .collect::<Result<Vec<_>>>()?;
        let signer = Signer::new(&home.unlocked()?, &home::pgp_policy())?;
        let ledger = home.ledger(output)?;
        let share_id = match answer::find_share(&ledger, &self.share, output)? {
            Ok(share_id) => share_id,
            Err(rejected) => return Ok(rejected),
        };
        let body = Body::Revoke(Revoke {
            share_id,
            receivers: receivers.clone(),
        });
        let receipt = home::submit(&ledger, &signer, home::now(), body)?;
        output.line(format_args!("revoked      {share_id}"));
        for receiver in &receivers {
            output.line(format_args!("from         {receiver}"));
        }
        output.line(format_args!("height       {}", receipt.height));
        output.note("what a receiver has opened, and what other stores hold, cannot be recalled");
        Ok(Outcome::done(json!({
            "share_id": share_id.to_string(),
            "height": receipt.height.0,
            "receivers": receivers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })))
    }
}

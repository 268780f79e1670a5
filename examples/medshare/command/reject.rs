use anyhow::Result;
use ledger_core::{Body, Reject};
use pgp_envelope::Signer;
use serde_json::json;

use crate::answer;
use crate::home::{self, MemberArgs};
use crate::output::{Outcome, Output};

/// Refuses a share as its receiver: the ledger lets nobody accept it or grant it to others any more.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// The share id, or the first letters of it.
    share: String,
    /// Why, for everybody on the ledger to read; nothing that identifies a patient.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
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
        let body = Body::Reject(Reject {
            share_id,
            reason: self.reason.clone(),
        });
        let receipt = home::submit(&ledger, &signer, home::now(), body)?;
        output.line(format_args!("rejected     {share_id}"));
        output.line(format_args!("height       {}", receipt.height));
        Ok(Outcome::done(json!({
            "share_id": share_id.to_string(),
            "height": receipt.height.0,
            "status": "rejected",
        })))
    }
}

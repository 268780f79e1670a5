use anyhow::Result;
use ledger_core::{Body, RevokeMember};
use pgp_envelope::Signer;
use serde_json::json;

use crate::draft::DraftArgs;
use crate::home::{self, MemberArgs, Who};
use crate::output::{Outcome, Output};

/// Ends a membership; for the ledger's authority. What the member sent before stays recorded and proven.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// The fingerprint of the member, or its cert.
    #[arg(value_name = "FINGERPRINT|CERT")]
    who: Who,
    #[command(flatten)]
    draft: DraftArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        let address = self.who.address()?;
        let ledger = home.ledger(output)?;
        self.draft.check(&ledger, &home.address()?)?;
        let signer = Signer::new(&home.unlocked()?, &home::pgp_policy())?;
        let body = Body::RevokeMember(RevokeMember { address });
        let decided = self.draft.decide(&ledger, &signer, body)?;
        let what = if decided.is_recorded() {
            "revoked"
        } else {
            "revoke"
        };
        output.line(format_args!("{what:<12} {address}"));
        decided.say(output);
        Ok(Outcome::done(json!({
            "address": address.to_string(),
            "height": decided.height(),
        })))
    }
}

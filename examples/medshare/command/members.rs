use anyhow::Result;
use serde_json::json;

use crate::home::MemberArgs;
use crate::output::{Outcome, Output};

/// Shows who is, or was, a member of the ledger.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let ledger = self.member.open()?.ledger(output)?;
        let authorities = &ledger.genesis().authorities;
        let mut listed = Vec::new();
        for (address, member) in ledger.members()? {
            let authority = authorities.iter().any(|one| one.address == address);
            let status = match (member.revoked, authority) {
                (Some(_), _) => "revoked",
                (None, true) => "authority",
                (None, false) => "member",
            };
            let name = member.name.as_deref().unwrap_or_default();
            output.line(format_args!(
                "{address}  {status:9}  {}",
                name.escape_debug()
            ));
            listed.push(json!({
                "address": address.to_string(),
                "status": status,
                "name": member.name,
                "revoked_at": member.revoked.map(|height| height.0),
                "sent": member.sequence,
            }));
        }
        Ok(Outcome::done(json!({ "members": listed })))
    }
}

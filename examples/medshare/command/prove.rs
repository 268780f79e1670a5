use std::path::PathBuf;

use anyhow::Result;
use ledger_core::{Trust, verify};
use serde_json::json;

use crate::answer;
use crate::file;
use crate::home::MemberArgs;
use crate::output::{Outcome, Output, place, size};

/// Writes the proof of a share: a file that anyone can check offline, with `check-proof`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// The share, or the first letters of its id.
    share: String,
    /// Where the proof goes; `-` is stdout.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        output.check_target(&self.out)?;
        let home = self.member.open()?;
        let ledger = home.ledger(output)?;
        let share_id = match answer::find_share(&ledger, &self.share, output)? {
            Ok(share_id) => share_id,
            Err(rejected) => return Ok(rejected),
        };
        let bundle = answer::prove(&ledger, &home, &share_id)?;
        let proven = match verify(&bundle, &Trust::new(home.log_key()?)) {
            Ok(proven) => proven,
            Err(rejected) => {
                let fields = json!({ "share_id": share_id.to_string() });
                return Ok(Outcome::rejected(None, rejected, fields));
            }
        };
        file::publish(&self.out, &bundle)?;
        let text = format!(
            "{} that prove share {share_id} to whoever trusts {}",
            size(u64::try_from(bundle.len())?),
            home.log_key()?
        );
        output.say(&self.out, text);
        Ok(Outcome::done(json!({
            "share_id": share_id.to_string(),
            "out": place(&self.out),
            "bytes": bundle.len(),
            "size": proven.checkpoint().size(),
            "trust": home.log_key()?.to_string(),
        })))
    }
}

use std::path::PathBuf;

use anyhow::{Context, Result};
use ledger_core::proof::MAX_BUNDLE;
use ledger_core::{Checkpoint, LogKey, Rejected, Trust, verify};
use serde_json::json;

use crate::file;
use crate::output::{Outcome, Output};
use crate::witnesses::WitnessArgs;
use medshare_verify::rfc3339;

/// Checks the proof of a share: offline, without a home, trusting one key. Exit 3 when it does not hold.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What `prove` wrote; `-` is stdin.
    bundle: PathBuf,
    /// What is trusted, as `medshare ledger status` prints it where you believe it.
    #[arg(long, value_name = "KEY")]
    trust: LogKey,
    /// A checkpoint seen before: a proof that does not continue it shows a rewritten history.
    #[arg(long, value_name = "FILE")]
    older: Option<PathBuf>,
    #[command(flatten)]
    witnesses: WitnessArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let limit = u64::try_from(MAX_BUNDLE)?;
        // one byte too many is enough for the verdict that it is no bundle
        let bundle = file::read_start(&self.bundle, limit + 1)?;
        let (witnesses, quorum) = (self.witnesses.witness.clone(), self.witnesses.needed()?);
        let mut trust = Trust::new(self.trust).witnesses(witnesses, quorum);
        if let Some(path) = &self.older {
            let note = String::from_utf8(file::read(path, limit)?)
                .with_context(|| format!("{}: expected a checkpoint", path.display()))?;
            let older = Checkpoint::open(&note, &self.trust)
                .with_context(|| format!("{}: expected a checkpoint", path.display()))?;
            trust = trust.older(older);
        }
        let proven = match verify(&bundle, &trust) {
            Ok(proven) => proven,
            Err(rejected) => {
                let code = rejected.code();
                let reason = match rejected {
                    // what a decoder stumbled over says nothing to who named the wrong file
                    Rejected::Malformed { .. } => format!(
                        "{} is no proof that `medshare prove` wrote, or not a whole one",
                        file::name(&self.bundle)
                    ),
                    other => other.to_string(),
                };
                return Ok(Outcome::rejected(None, reason, json!({ "code": code })));
            }
        };
        let (state, checkpoint) = (proven.state(), proven.checkpoint());
        output.line(format_args!("share        {}", proven.share_id()));
        output.line(format_args!("status       {}", state.status));
        output.line(format_args!("sender       {}", proven.sender()));
        output.line(format_args!("cid          {}", state.content));
        output.line(format_args!("commitment   {}", state.commitment));
        output.line(format_args!("recorded     height {}", proven.height()));
        let mut receivers = Vec::new();
        for receiver in &state.receivers {
            let standing = match (receiver.revoked, receiver.accepted) {
                (Some(_), _) => "revoked",
                (None, Some(_)) => "accepted",
                (None, None) => "granted",
            };
            output.line(format_args!("receiver     {} {standing}", receiver.address));
            receivers
                .push(json!({ "address": receiver.address.to_string(), "standing": standing }));
        }
        output.line(format_args!(
            "as of        {}, {} transactions",
            rfc3339(proven.header().time),
            checkpoint.size()
        ));
        Ok(Outcome::done(json!({
            "verdict": "verified",
            "share_id": proven.share_id().to_string(),
            "status": state.status.to_string(),
            "sender": proven.sender().to_string(),
            "cid": state.content.to_string(),
            "commitment": state.commitment.to_string(),
            "height": proven.height().0,
            "receivers": receivers,
            "time": proven.header().time,
            "size": checkpoint.size(),
            "checkpoint": checkpoint.note(),
        })))
    }
}

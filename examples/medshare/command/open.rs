use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pgp_envelope::{Cert, MAX_CERT, Opener, Policy};
use serde_json::json;

use crate::command::keeper;
use crate::file::{self, Target};
use crate::output::{Outcome, Output, place, size};
use crate::passphrase::PassphraseArgs;

/// Decrypts and verifies a sealed file: all of it by the expected signer, or nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The message; `-` is stdin.
    message: PathBuf,
    /// Your secret key; `agent:CERT` asks gpg-agent for the key of that cert.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// The cert of whoever should have signed it.
    #[arg(long, value_name = "CERT")]
    from: PathBuf,
    /// Where the plaintext goes, once it is verified; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The sender has granted it to you later, which you know from elsewhere.
    #[arg(long)]
    granted: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        output.check_target(&self.out)?;
        let policy = Policy::now();
        let from = Cert::read(&file::read(&self.from, MAX_CERT as u64)?)
            .with_context(|| format!("cannot use {}", self.from.display()))?;
        let opener = Opener::new(&policy).signer(&from);
        let mut opener = keeper::opener(opener, &self.key, &self.passphrase)?;
        if self.granted {
            opener = opener.granted();
        }
        let is_stream = file::is_stream(&self.out);
        if !is_stream {
            let folder = self
                .out
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            opener = opener.folder(folder.unwrap_or(Path::new(".")));
        }
        let mut opened = match opener.open(file::reader(&self.message)?.bytes) {
            Ok(opened) => opened,
            Err(error) if error.is_rejection() => {
                return Ok(Outcome::rejected(None, error, json!({})));
            }
            Err(error) => return Err(error.into()),
        };
        let (signer, bytes) = (opened.signer(), opened.len());
        let signed_at = jiff::Timestamp::try_from(opened.signed_at())?;
        if is_stream {
            let mut target = Target::streamed(&self.out)?;
            opened.write_to(&mut target)?;
            target.commit()?;
        } else {
            opened.persist(&self.out)?;
        }
        let text = format!("{}, signed by {signer} at {signed_at}", size(bytes));
        output.say(&self.out, text);
        Ok(Outcome::done(json!({
            "signer": signer.to_string(),
            "signed_at": signed_at.to_string(),
            "bytes": bytes,
            "out": place(&self.out),
        })))
    }
}

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result};
use pgp_envelope::{Cert, MAX_CERT, Policy, Profile, Recipient, Sealer};
use serde_json::json;

use crate::command::keeper;
use crate::file;
use crate::output::{Outcome, Output, place, size};
use crate::passphrase::PassphraseArgs;

/// Signs and encrypts a file for people, with OpenPGP alone: no image, no ledger.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to seal; `-` is stdin.
    file: PathBuf,
    /// The cert of somebody who will be able to open it; as often as needed.
    #[arg(long, value_name = "CERT", required = true)]
    to: Vec<PathBuf>,
    /// The secret key to sign with; `agent:CERT` asks gpg-agent for the key of that cert.
    #[arg(long, value_name = "KEY")]
    signer: PathBuf,
    /// Where the message goes; `-` is stdout.
    #[arg(long, value_name = "MSG")]
    out: PathBuf,
    /// Write for programs of an edition of OpenPGP; without it, the newest that all recipients read.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<ProfileArg>,
    /// Leave out of the message for whom it is.
    #[arg(long)]
    hidden_recipients: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// An edition of OpenPGP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProfileArg {
    /// 2024: version 6
    Rfc9580,
    /// 2007: version 4, which every OpenPGP program reads
    Rfc4880,
}

impl From<ProfileArg> for Profile {
    fn from(arg: ProfileArg) -> Self {
        match arg {
            ProfileArg::Rfc9580 => Self::Rfc9580,
            ProfileArg::Rfc4880 => Self::Rfc4880,
        }
    }
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        output.check_target(&self.out)?;
        let policy = Policy::now();
        let mut recipients = Vec::new();
        for path in &self.to {
            let fail = || format!("cannot seal for {}", path.display());
            let cert = Cert::read(&file::read(path, MAX_CERT as u64)?).with_context(fail)?;
            recipients.push(Recipient::new(&cert, &policy).with_context(fail)?);
        }
        let signer = keeper::signer(&self.signer, &self.passphrase, &policy)?;
        let reader = file::reader(&self.file)?;
        let bar = output.progress("sealing", reader.len);
        let mut sealer = Sealer::new()
            .signer(&signer)
            .recipients(recipients)
            .progress(|bytes| {
                bar.set_position(bytes);
                ControlFlow::Continue(())
            });
        if let Some(profile) = self.profile {
            sealer = sealer.profile(profile.into());
        }
        if self.hidden_recipients {
            sealer = sealer.hidden_recipients();
        }
        let mut target = file::Target::streamed(&self.out)?;
        let sealed = sealer.seal(reader.bytes, &mut target)?;
        target.commit()?;
        bar.finish_and_clear();
        let bytes = sealed.head_len() + sealed.body_len();
        let text = format!("sealed for {}: {}", self.to.len(), size(bytes));
        output.say(&self.out, text);
        Ok(Outcome::done(json!({
            "signer": signer.fingerprint().to_string(),
            "recipients": self.to.len(),
            "container": format!("{:?}", sealed.container()),
            "head_bytes": sealed.head_len(),
            "body_bytes": sealed.body_len(),
            "out": place(&self.out),
        })))
    }
}

use std::path::PathBuf;

use serde_json::json;

use crate::file;
use crate::home::HomeArgs;
use crate::output::{Outcome, Output};

/// Prints your cert: what others need to send to you, and the authority to enroll you.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    home: HomeArgs,
    /// Write it to a file in place of stdout; another one that is there is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        if let Some(path) = &self.out {
            output.check_target(path)?;
        }
        let cert = self.home.open()?.cert()?;
        let armored = cert.to_armored();
        match &self.out {
            Some(path) => file::publish_new(path, armored.as_bytes())?,
            None => output.line(armored.trim_end()),
        }
        Ok(Outcome::done(json!({
            "fingerprint": cert.fingerprint().to_string(),
            "cert": armored,
        })))
    }
}

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use crate::file;
use crate::output::{Outcome, Output, size};
use crate::pixels::{self, SchemeArgs};

/// Takes a payload out of a stego image.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A DICOM, PNG or TIFF file that `hide` made; `-` is stdin.
    stego: PathBuf,
    /// Where the payload goes; `-` is stdout.
    #[arg(long, value_name = "PAYLOAD")]
    out: PathBuf,
    #[command(flatten)]
    scheme: SchemeArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        pixels::check_target(output, &self.out)?;
        let picture = pixels::read(&self.stego)?;
        let payload = pixels::extract(&picture, &self.scheme.options()?)
            .with_context(|| format!("cannot extract from {}", self.stego.display()))?;
        file::write(&self.out, &payload)?;
        let text = format!(
            "extracted {} from {}",
            size(payload.len() as u64),
            picture.summary()
        );
        pixels::say(output, &self.out, text);
        Ok(Outcome::done(json!({
            "stego": self.stego,
            "out": self.out,
            "format": picture.format().to_string(),
            "scheme": self.scheme.scheme.name(),
            "bits_per_sample": self.scheme.bits,
            "payload_bytes": payload.len(),
        })))
    }
}

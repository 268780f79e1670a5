use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use crate::file;
use crate::output::{Outcome, Output, place, size};
use crate::pixels::{self, SchemeArgs, SchemeName};

/// Hides a payload in the samples of an image.
///
/// For measurements and experiments: what is hidden so can be found and read. To send an image to someone, use `share`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A DICOM, PNG or TIFF file; `-` is stdin.
    image: PathBuf,
    /// The file to hide; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    payload: PathBuf,
    /// Where the stego image goes; `-` is stdout.
    #[arg(long, value_name = "STEGO")]
    out: PathBuf,
    #[command(flatten)]
    scheme: SchemeArgs,
}

/// Frames say their length in 32 bits.
const LIMIT: u64 = u32::MAX as u64;

impl Args {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        output.check_target(&self.out)?;
        let key = self.scheme.key.path();
        file::one_from_stdin([Some(&self.image), Some(&self.payload), key])?;
        let read = [("--payload", Some(&*self.payload)), ("--key-file", key)];
        file::check_apart(("--out", &self.out), read)?;
        let way = self.scheme.way()?;
        let picture = pixels::read(&self.image)?;
        let payload = file::read(&self.payload, LIMIT)?;
        let (samples, embedded) = pixels::embed(&picture, &payload, &way.options)
            .with_context(|| format!("cannot hide the payload in {}", self.image.display()))?;
        // the other schemes bring no samples back, so nothing could make the original file again
        let stego = match self.scheme.scheme {
            SchemeName::Reversible => picture.patch(&samples)?.self_contained(),
            SchemeName::Replacement
            | SchemeName::Matching
            | SchemeName::Matrix
            | SchemeName::Adaptive => picture.overwrite(&samples)?,
        };
        file::publish(&self.out, &stego)?;
        let text = format!(
            "hid {} in {} by {way}: a frame of {} bits in {} samples",
            size(payload.len() as u64),
            picture.summary(),
            embedded.bits(),
            samples.len(),
        );
        output.say(&self.out, text);
        Ok(Outcome::done(way.describe(json!({
            "image": place(&self.image),
            "out": place(&self.out),
            "format": picture.format().to_string(),
            "payload_bytes": payload.len(),
            "used_bits": embedded.bits(),
            "stego_bytes": stego.len(),
        }))))
    }
}

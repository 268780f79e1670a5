use std::path::PathBuf;

use serde_json::json;

use crate::file;
use crate::output::{Outcome, Output, place, size};
use crate::pixels::{self, SchemeArgs};

/// Says how large a payload an image can hide.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A DICOM, PNG or TIFF file; `-` is stdin.
    image: PathBuf,
    #[command(flatten)]
    scheme: SchemeArgs,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        file::one_from_stdin([Some(&self.image), self.scheme.key.path()])?;
        let way = self.scheme.way()?;
        let picture = pixels::read(&self.image)?;
        let capacity = pixels::capacity(&picture, &way.options)?;
        let bytes = capacity.payload_bytes();
        output.line(format_args!(
            "{}: {bytes} bytes ({}), {} bits in {} samples, {:.3} bits per sample",
            picture.summary(),
            size(bytes as u64),
            capacity.bits(),
            picture.samples().len(),
            capacity.rate(),
        ));
        Ok(Outcome::done(way.describe(json!({
            "image": place(&self.image),
            "format": picture.format().to_string(),
            "summary": picture.summary(),
            "samples": picture.samples().len(),
            "capacity_bits": capacity.bits(),
            "payload_bytes": bytes,
            "rate": capacity.rate(),
        }))))
    }
}

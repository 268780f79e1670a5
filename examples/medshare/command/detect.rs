use std::path::PathBuf;

use anyhow::Context;
use lsb_stego::Cover;
use lsb_stego::detect::{
    chi_square_par, regular_singular_par, sample_pairs_par, weighted_stego_par,
};
use medical_image::Samples;
use serde_json::{Value, json};

use crate::output::{Outcome, Output, causes, place};
use crate::pixels::{self, with_samples};

/// Looks for a payload in the lowest bits of images.
///
/// RS, Sample Pairs and WS estimate how many bits per sample were replaced: about 0 for a cover, 1 for a stego image that is
/// full. Chi-square gives the probability that a payload fills the image. A figure near 0 is no proof of innocence, and
/// images whose lowest bits are uneven (few grey levels, scaled, windowed) mislead all of them. An image that cannot be read
/// keeps no other from being looked into; the exit code is 1 then.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// DICOM, PNG or TIFF files; `-` is stdin.
    #[arg(required = true)]
    images: Vec<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        let widest = self
            .images
            .iter()
            .map(|path| path.display().to_string().len());
        let width = widest.max().unwrap_or(0).clamp(5, 60);
        let mut images = Vec::new();
        output.line(format_args!(
            "{:width$} {:>9} {:>9} {:>9} {:>11}",
            "image", "RS", "pairs", "WS", "chi-square"
        ));
        let mut failed = 0;
        for path in &self.images {
            let found = match Detected::read(path)
                .with_context(|| format!("cannot look into {}", path.display()))
            {
                Ok(found) => found,
                Err(error) if self.images.len() == 1 => return Err(error),
                Err(error) => {
                    failed += 1;
                    let error = causes(&error);
                    output.note(&error);
                    images.push(json!({ "image": place(path), "error": error }));
                    continue;
                }
            };
            output.line(format_args!(
                "{:width$} {:9.4} {:9.4} {:9.4} {:11.4}",
                path.display().to_string(),
                found.regular_singular,
                found.sample_pairs,
                found.weighted_stego,
                found.probability,
            ));
            images.push(found.json(path));
        }
        let count = images.len();
        let fields = json!({ "images": images });
        Ok(if failed == 0 {
            Outcome::done(fields)
        } else {
            let error = format!("{failed} of {count} images could not be looked into");
            Outcome::partial(error, fields)
        })
    }
}

/// What the detectors say of an image.
struct Detected {
    format: String,
    summary: String,
    regular_singular: f64,
    sample_pairs: f64,
    weighted_stego: f64,
    statistic: f64,
    degrees: u32,
    probability: f64,
}

impl Detected {
    fn read(path: &std::path::Path) -> anyhow::Result<Self> {
        let picture = pixels::read(path)?;
        let layout = medshare_verify::layout(&picture)?;
        with_samples!(picture.samples(), Cover, layout, |cover| {
            let chi_square = chi_square_par(cover)?;
            Ok(Self {
                format: picture.format().to_string(),
                summary: picture.summary(),
                regular_singular: regular_singular_par(cover)?,
                sample_pairs: sample_pairs_par(cover)?,
                weighted_stego: weighted_stego_par(cover)?,
                statistic: chi_square.statistic,
                degrees: chi_square.degrees,
                probability: chi_square.probability,
            })
        })
    }

    fn json(&self, path: &std::path::Path) -> Value {
        json!({
            "image": place(path),
            "format": self.format,
            "summary": self.summary,
            "regular_singular": self.regular_singular,
            "sample_pairs": self.sample_pairs,
            "weighted_stego": self.weighted_stego,
            "chi_square": {
                "statistic": self.statistic,
                "degrees": self.degrees,
                "probability": self.probability,
            },
        })
    }
}

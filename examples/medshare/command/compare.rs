use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use lsb_stego::metric::{Comparison, Peak, compare_par, ssim_against_par};
use lsb_stego::{Cover, Layout, Sample};
use medical_image::{Geometry, Picture, Samples};
use serde_json::{Value, json};

use crate::file;
use crate::output::{Outcome, Output, figure, place};
use crate::pixels;

/// Measures how far a stego image is from its cover.
///
/// MSE, PSNR with the peak it is measured against, SSIM, NCC and the share of changed samples, over the channels that carry.
/// With --json a PSNR of equal images is "inf", and null is a figure that there is none of: SSIM of images smaller than its
/// window, and both against the range of a cover of one value.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The cover: a DICOM, PNG or TIFF file; `-` is stdin.
    cover: PathBuf,
    /// The stego image, of the same shape.
    stego: PathBuf,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        file::one_from_stdin([Some(&self.cover), Some(&self.stego)])?;
        let (cover, stego) = (pixels::read(&self.cover)?, pixels::read(&self.stego)?);
        let measured = Measured::of(&cover, &stego).with_context(|| {
            format!(
                "cannot compare {} with {}",
                self.cover.display(),
                self.stego.display()
            )
        })?;
        measured.print(output);
        let mut fields = measured.json();
        if let Value::Object(fields) = &mut fields {
            fields.insert("cover".to_owned(), place(&self.cover));
            fields.insert("stego".to_owned(), place(&self.stego));
        }
        Ok(Outcome::done(fields))
    }
}

/// A cover and a stego image, measured.
struct Measured {
    comparison: Comparison,
    /// By [`PEAKS`]; none for an image smaller than SSIM's window, and against the range of a flat cover from which something
    /// differs.
    ssim: [Option<f64>; 2],
}

/// Everything in which two geometries may differ.
fn shape(geometry: Geometry) -> String {
    let Geometry {
        rows,
        columns,
        frames,
        channels,
        bits_stored,
        signed,
        ..
    } = geometry;
    let mut text = format!("{rows} x {columns} pixels of {bits_stored} bits");
    if signed {
        text.push_str(", signed");
    }
    for (count, of) in [(channels.into(), "channels"), (frames, "frames")] {
        if count > 1 {
            let _ = write!(text, ", {count} {of}");
        }
    }
    text
}

/// What signals are measured against, and what that is called.
const PEAKS: [(Peak, &str); 2] = [
    (Peak::Stored, "bits stored"),
    (Peak::Range, "cover's range"),
];

impl Measured {
    fn of(cover: &Picture, stego: &Picture) -> anyhow::Result<Self> {
        let (a, b) = (cover.geometry(), stego.geometry());
        if a != b {
            let [a, b] = [a, b].map(shape);
            bail!("the shapes differ: {a} and {b}");
        }
        let layout = medshare_verify::layout(cover)?;
        match (cover.samples(), stego.samples()) {
            (Samples::U8(a), Samples::U8(b)) => Self::of_samples(a, b, layout),
            (Samples::U16(a), Samples::U16(b)) => Self::of_samples(a, b, layout),
            _ => bail!("the samples of one are 8 bits wide, those of the other 16"),
        }
    }

    fn of_samples<S: Sample>(a: &[S], b: &[S], layout: Layout) -> anyhow::Result<Self> {
        let (a, b) = (Cover::new(a, layout)?, Cover::new(b, layout)?);
        Ok(Self {
            comparison: compare_par(a, b)?,
            ssim: ssim_against_par(a, b, PEAKS.map(|(peak, _)| peak))?,
        })
    }

    fn print(&self, output: &Output) {
        let compared = &self.comparison;
        let row = |name: &str, text: String| output.line(format_args!("{name:22}{text}"));
        row(
            "changed samples",
            format!(
                "{} of {} ({:.4} %), by {} at most",
                compared.changed(),
                compared.samples(),
                100.0 * compared.changed_share(),
                compared.largest(),
            ),
        );
        row("MSE", format!("{:.6}", compared.mse()));
        for ((peak, name), ssim) in PEAKS.into_iter().zip(self.ssim) {
            let value = compared.peak(peak);
            let against = format!("peak {value} ({name})");
            let flat = || "none: the cover has one value, so that its range is 0".to_owned();
            let psnr = match compared.psnr(peak) {
                f64::INFINITY => format!("infinite: nothing differs, {against}"),
                f64::NEG_INFINITY => flat(),
                psnr => format!("{psnr:.2} dB, {against}"),
            };
            row("PSNR", psnr);
            let ssim = match ssim {
                Some(ssim) => format!("{ssim:.8}, {against}"),
                None if value == 0 && compared.changed() > 0 => flat(),
                None => "none: smaller than its window of 11 x 11".to_owned(),
            };
            row("SSIM", ssim);
        }
        row("NCC", format!("{:.8}", compared.ncc()));
        row(
            "histogram distance",
            format!("{:.6}", compared.histogram_distance()),
        );
    }

    fn json(&self) -> Value {
        let compared = &self.comparison;
        let [stored, range] = [0, 1].map(|i| {
            let (peak, _) = PEAKS[i];
            json!({
                "peak": compared.peak(peak),
                "psnr": figure(compared.psnr(peak)),
                "ssim": self.ssim[i],
            })
        });
        json!({
            "samples": compared.samples(),
            "changed": compared.changed(),
            "changed_share": compared.changed_share(),
            "largest_change": compared.largest(),
            "mse": compared.mse(),
            "ncc": compared.ncc(),
            "histogram_distance": compared.histogram_distance(),
            "bits_stored": stored,
            "range": range,
        })
    }
}

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use lsb_stego::{Cover, Layout, Sample};
use medical_image::Samples;
use medshare_verify::file_digest;
use serde::Serialize;
use serde_json::json;

use crate::file;
use crate::lab::image::View;
use crate::lab::measure::{self, Choice, Detected, Method, Row};
use crate::lab::report;
use crate::output::{Outcome, Output, place};
use crate::pixels;

/// Runs schemes at several rates and writes a report.
///
/// Writes results.csv, results.json and report.html (one file that needs no other) into a directory: capacity, distortion,
/// similarity, detectability and throughput, as tables, plots and pictures. The same seed gives the same stego images, as the
/// SHA-256 of their samples shows. A figure that is infinite is inf, and one that there is none of is empty, null in JSON; where a payload does not fit there are none, and
/// JSON leaves them out.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// DICOM, PNG or TIFF files.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// The schemes, separated by commas; unless said, each in one way: at one bit per sample, with a key where it takes one.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SCHEME,...")]
    schemes: Vec<Choice>,
    /// The embedding rates in bits per sample, above 0 and at most 4, frames included.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "RATE,...",
        default_values_t = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0]
    )]
    rates: Vec<f64>,
    /// The directory of the results; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What payloads and keys are made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// All that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) conditions: Conditions,
    pub(crate) images: Vec<ImageResult>,
    pub(crate) rows: Vec<Row>,
    /// Of the first image alone.
    pub(crate) throughput: Vec<Throughput>,
}

/// What it takes to get the same again.
#[derive(Debug, Serialize)]
pub(crate) struct Conditions {
    pub(crate) command: String,
    pub(crate) seed: u64,
    /// Of medshare and of lsb-stego, which are one workspace.
    pub(crate) version: &'static str,
    pub(crate) commit: &'static str,
    pub(crate) compiler: &'static str,
    pub(crate) level: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) system: String,
    pub(crate) build: &'static str,
    pub(crate) time: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct ImageResult {
    pub(crate) name: String,
    /// Of the file.
    pub(crate) sha256: String,
    /// Of the samples, those of 16 bits little-endian.
    pub(crate) samples_sha256: String,
    pub(crate) summary: String,
    pub(crate) samples: usize,
    pub(crate) bits_stored: u8,
    /// Whether all samples may carry: else loops are slower, as they pass some over.
    pub(crate) all_carry: bool,
    pub(crate) cover: Detected,
    pub(crate) capacity: Vec<Held>,
    #[serde(skip)]
    pub(crate) pictures: Vec<Pictures>,
    /// The cover, the same and its lowest bits, as data URIs.
    #[serde(skip)]
    pub(crate) shown: [String; 2],
}

#[derive(Debug, Serialize)]
pub(crate) struct Held {
    pub(crate) method: Method,
    pub(crate) bits: usize,
}

/// One stego image, shown.
#[derive(Debug)]
pub(crate) struct Pictures {
    pub(crate) method: Method,
    pub(crate) rate: f64,
    pub(crate) stego: String,
    pub(crate) difference: String,
    pub(crate) lowest_bits: String,
    /// How often each value from `first_value` on is in the cover and in the stego image.
    pub(crate) first_value: u16,
    pub(crate) histogram: [Vec<u32>; 2],
}

#[derive(Debug, Serialize)]
pub(crate) struct Throughput {
    pub(crate) method: Method,
    pub(crate) kib: usize,
    pub(crate) embed_mb_per_s: f64,
    pub(crate) extract_mb_per_s: f64,
}

/// Sizes of covers for throughput, in KiB of samples.
const SIZES: [usize; 6] = [16, 64, 256, 1024, 4096, 16384];
/// Seconds after which no larger size is measured.
const SLOW: f64 = 0.4;
/// The rate at which throughput is measured and pictures are made.
pub(crate) const SHOWN_RATE: f64 = 0.2;
/// What a DICOM calls what its values mean (PS3.3 C.7.6.3.1.2), in the header of a picture.
const PHOTOMETRIC_INTERPRETATION: &str = "00280004";
/// Values of a histogram that are shown.
const HISTOGRAM: u16 = 48;

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        if let Some(rate) = self
            .rates
            .iter()
            .find(|rate| !(**rate > 0.0 && **rate <= 4.0))
        {
            bail!("a rate of {rate}: expected above 0 and at most 4 bits per sample");
        }
        let methods = Method::chosen(&self.schemes);
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        let pictures = self.images.iter().map(|path| pixels::read(path));
        let pictures = pictures.collect::<Result<Vec<_>>>()?;
        // after all that is soon known to fail, and before what takes long
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot make the directory {}", self.out.display()))?;
        let steps =
            pictures.len() * methods.len() * (rates.len() + 1) + methods.len() * SIZES.len();
        let bar = output.progress("", steps as u64);
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {bar:30} {eta} left, {msg}") {
            bar.set_style(style);
        }
        let mut results = Results {
            conditions: self.conditions(),
            images: Vec::new(),
            rows: Vec::new(),
            throughput: Vec::new(),
        };
        let names = names(&self.images);
        for ((path, picture), name) in self.images.iter().zip(&pictures).zip(names) {
            let layout = medshare_verify::layout(picture)?;
            let subject = Subject {
                name,
                sha256: file_digest(picture.bytes()).to_string(),
                summary: picture.summary(),
                rows: usize::try_from(picture.geometry().rows)?,
                white_is_zero: picture
                    .header()
                    .get(PHOTOMETRIC_INTERPRETATION)
                    .is_some_and(|meant| meant == "MONOCHROME1"),
                layout,
                methods: &methods,
                rates: &rates,
                seed: self.seed,
                bar: &bar,
            };
            let measured = match picture.samples() {
                Samples::U8(samples) => subject.run(samples, &mut results),
                Samples::U16(samples) => subject.run(samples, &mut results),
                _ => bail!("samples are neither 8 nor 16 bits wide"),
            };
            measured.with_context(|| format!("cannot measure {}", path.display()))?;
        }
        if let Some(picture) = pictures.first() {
            let layout = medshare_verify::layout(picture)?;
            results.throughput = match picture.samples() {
                Samples::U8(samples) => self.throughput(samples, layout, &methods, &bar)?,
                Samples::U16(samples) => self.throughput(samples, layout, &methods, &bar)?,
                _ => Vec::new(),
            };
        }
        bar.finish_and_clear();
        let files = [
            ("results.csv", report::csv(&results)),
            ("results.json", report::json(&results)?),
            ("report.html", report::html(&results)),
        ];
        for (name, text) in &files {
            file::publish(&self.out.join(name), text.as_bytes())?;
        }
        let skipped = results
            .rows
            .iter()
            .filter(|row| row.measured.is_none())
            .count();
        output.line(format_args!(
            "{} images, {} schemes, {} rates: {} measurements, {skipped} that do not fit",
            results.images.len(),
            methods.len(),
            rates.len(),
            results.rows.len() - skipped,
        ));
        let report = self.out.join("report.html");
        output.line(format_args!("open {}", report.display()));
        Ok(Outcome::done(json!({
            "images": results.images.len(),
            "measurements": results.rows.len() - skipped,
            "do_not_fit": skipped,
            "csv": place(&self.out.join("results.csv")),
            "json": place(&self.out.join("results.json")),
            "report": place(&report),
        })))
    }

    fn conditions(&self) -> Conditions {
        let words: Vec<String> = std::env::args_os()
            .skip(1)
            .map(|word| quoted(&word.to_string_lossy()))
            .collect();
        Conditions {
            command: format!("medshare {}", words.join(" ")),
            seed: self.seed,
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("MEDSHARE_COMMIT"),
            compiler: env!("MEDSHARE_COMPILER"),
            level: lsb_stego::Level::detect().name().to_owned(),
            cpu: cpu(),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            system: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            time: jiff::Timestamp::now()
                .round(jiff::Unit::Second)
                .map_or_else(|_| String::new(), |time| time.to_string()),
        }
    }

    /// Throughput against size, on rows of the first image over and over.
    fn throughput<S: Sample>(
        &self,
        samples: &[S],
        layout: Layout,
        methods: &[Method],
        bar: &ProgressBar,
    ) -> Result<Vec<Throughput>> {
        let stride = usize::try_from(layout.columns())? * usize::from(layout.channels());
        let mut found = Vec::new();
        for &method in methods {
            // What takes long is not measured on more: its speed is the same there.
            let mut slow = false;
            for kib in SIZES {
                bar.inc(1);
                if slow {
                    continue;
                }
                bar.set_message(format!("{} on {kib} KiB", method.name()));
                let wanted = (kib << 10) / size_of::<S>() / stride * stride;
                let cover: Vec<S> = samples.iter().copied().cycle().take(wanted).collect();
                let speed = measure::throughput(&cover, layout, method, SHOWN_RATE, self.seed)?;
                if let Some([embed_mb_per_s, extract_mb_per_s]) = speed {
                    let slower = embed_mb_per_s.min(extract_mb_per_s);
                    slow = size_of_val(cover.as_slice()) as f64 / 1e6 > SLOW * slower;
                    found.push(Throughput {
                        method,
                        kib,
                        embed_mb_per_s,
                        extract_mb_per_s,
                    });
                }
            }
        }
        Ok(found)
    }
}

/// An image, and what is to be done with it.
struct Subject<'a> {
    name: String,
    sha256: String,
    summary: String,
    rows: usize,
    /// Whether the smallest value is meant to be white.
    white_is_zero: bool,
    layout: Layout,
    methods: &'a [Method],
    rates: &'a [f64],
    seed: u64,
    bar: &'a ProgressBar,
}

impl Subject<'_> {
    fn run<S: Sample + PartialEq>(&self, samples: &[S], results: &mut Results) -> Result<()> {
        let cover = Cover::new(samples, self.layout)?;
        let before = self.first_channel(samples);
        let view = View::new(self.rows, usize::try_from(self.layout.columns())?);
        let (low, high) = shown_range(&before);
        let (black, white) = if self.white_is_zero {
            (high, low)
        } else {
            (low, high)
        };
        let mut image = ImageResult {
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            samples_sha256: measure::digest(samples),
            summary: self.summary.clone(),
            samples: measure::carrying(cover)?,
            bits_stored: self.layout.bits_stored(),
            all_carry: self.layout.reserved().is_none()
                && self.layout.carrying().count_ones() == u32::from(self.layout.channels()),
            cover: Detected::of(cover)?,
            capacity: Vec::new(),
            pictures: Vec::new(),
            shown: [view.grey(&before, black, white), view.lowest_bits(&before)],
        };
        for &method in self.methods {
            self.bar
                .set_message(format!("{}: {}", self.name, method.name()));
            let bits = measure::capacity_bits(cover, method, self.seed)?;
            image.capacity.push(Held { method, bits });
            self.bar.inc(1);
            let mut shown: Option<(f64, Vec<S>)> = None;
            for &rate in self.rates {
                let found = measure::measure(samples, self.layout, method, rate, self.seed)?;
                let measured = found.map(|(measured, stego)| {
                    let better = shown.as_ref().is_none_or(|(other, _)| {
                        (rate - SHOWN_RATE).abs() < (other - SHOWN_RATE).abs()
                    });
                    if better {
                        shown = Some((rate, stego));
                    }
                    measured
                });
                let image = self.name.clone();
                results.rows.push(Row {
                    image,
                    method,
                    rate,
                    bits: method.bits().get(),
                    keyed: method.is_keyed(),
                    fits: measured.is_some(),
                    measured,
                });
                self.bar.inc(1);
            }
            if let Some((rate, stego)) = shown {
                let after = self.first_channel(&stego);
                let values_shown = around(mode(&before), self.layout.peak());
                let histogram = [&before, &after].map(|values| histogram(values, values_shown));
                image.pictures.push(Pictures {
                    method,
                    rate,
                    stego: view.grey(&after, black, white),
                    difference: view.differences(&before, &after),
                    lowest_bits: view.lowest_bits(&after),
                    first_value: values_shown.0,
                    histogram,
                });
            }
        }
        results.images.push(image);
        Ok(())
    }

    /// The first carrying channel of the first frame.
    fn first_channel<S: Sample>(&self, samples: &[S]) -> Vec<u16> {
        let layout = self.layout;
        let channel = usize::try_from(layout.carrying().trailing_zeros()).unwrap_or(0);
        let pixels = self.rows * usize::try_from(layout.columns()).unwrap_or(0);
        samples
            .iter()
            .skip(channel)
            .step_by(usize::from(layout.channels()))
            .take(pixels)
            .map(|&sample| sample.into() & layout.peak())
            .collect()
    }
}

/// The values between which all but one in a hundred lie: what is shown as black and white.
fn shown_range(values: &[u16]) -> (u16, u16) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = |part: usize| sorted.get(sorted.len() * part / 200).copied().unwrap_or(0);
    (at(1), at(199))
}

/// The most frequent value that is not the ground: of the values above the lowest, or that one where there is no other.
fn mode(values: &[u16]) -> u16 {
    let mut counts = vec![0u32; 1 << 16];
    for &value in values {
        counts[usize::from(value)] += 1;
    }
    let lowest = values.iter().min().copied().unwrap_or(0);
    (lowest.saturating_add(1)..=u16::MAX)
        .max_by_key(|value| counts[usize::from(*value)])
        .filter(|value| counts[usize::from(*value)] > 0)
        .unwrap_or(lowest)
}

/// The first and the number of the values around one that a histogram shows, none of them above the largest that can be stored.
fn around(value: u16, peak: u16) -> (u16, u16) {
    let shown = HISTOGRAM.min(peak.saturating_add(1));
    let first = value.saturating_sub(HISTOGRAM / 2) & !1;
    (first.min(peak - (shown - 1)), shown)
}

fn histogram(values: &[u16], (first, shown): (u16, u16)) -> Vec<u32> {
    let mut counts = vec![0; usize::from(shown)];
    for value in values {
        let place = value.checked_sub(first).map(usize::from);
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    counts
}

/// What images are called in results, each otherwise: by the names of their files, or by their paths where files of several
/// folders have one name, with a number where it is one path.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let file = |path: &Path| {
        path.file_name().map_or_else(
            || "-".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
    };
    let files: Vec<String> = paths.iter().map(|path| file(path)).collect();
    let mut names: Vec<String> = Vec::new();
    for (path, file) in paths.iter().zip(&files) {
        let alone = files.iter().filter(|other| *other == file).count() == 1;
        let name = if alone {
            file.clone()
        } else {
            path.display().to_string()
        };
        let mut numbered = name.clone();
        let mut number = 1;
        while names.contains(&numbered) {
            number += 1;
            numbered = format!("{name} ({number})");
        }
        names.push(numbered);
    }
    names
}

/// As it would be typed.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=+:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What the system calls its processor.
fn cpu() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").ok();
    let model = known.as_deref().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

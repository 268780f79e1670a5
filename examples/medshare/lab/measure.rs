//! What is measured: one image, one scheme, one rate.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use lsb_stego::cost::Costs;
use lsb_stego::detect::{
    chi_square_par, regular_singular_par, sample_pairs_par, weighted_stego_par,
};
use lsb_stego::metric::{Peak, compare_par, ssim_par};
use lsb_stego::trellis::Trellis;
use lsb_stego::{
    Bits, Cover, CoverMut, Error, Hamming, Key, Layout, Options, Sample, Scheme, capacity, embed,
    extract, framed_bits, recover,
};
use medshare_verify::file_digest;
use serde::{Serialize, Serializer};

use crate::output::figure;

/// What is compared in the laboratory: schemes, and ways to use them. By default each scheme once, at one bit per sample, with a
/// key where it takes one; further ways are told apart by a dash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// LSB replacement, in order.
    Replacement,
    /// LSB replacement of samples that a key selects.
    Keyed,
    /// LSB matching of samples that a key selects.
    Matching,
    /// Matrix embedding, with as many parity bits as leave room, in samples that a key selects.
    Matrix,
    /// Histogram shifting of prediction errors; the cover comes back.
    Reversible,
    /// A trellis code of height 10 with the costs of HILL, with a key.
    Hill,
    /// A trellis code of height 10 with the costs of S-UNIWARD, with a key.
    Suniward,
    /// LSB replacement of two bits per sample, in order.
    #[value(name = "replacement-2bit")]
    Replacement2,
    /// LSB replacement of three bits per sample, in order.
    #[value(name = "replacement-3bit")]
    Replacement3,
    /// LSB replacement of four bits per sample, in order.
    #[value(name = "replacement-4bit")]
    Replacement4,
    /// LSB replacement of two bits per sample, of samples that a key selects.
    #[value(name = "keyed-2bit")]
    Keyed2,
    /// LSB replacement of three bits per sample, of samples that a key selects.
    #[value(name = "keyed-3bit")]
    Keyed3,
    /// LSB replacement of four bits per sample, of samples that a key selects.
    #[value(name = "keyed-4bit")]
    Keyed4,
    /// LSB matching, in order.
    MatchingKeyless,
    /// Matrix embedding, in order.
    MatrixKeyless,
    /// HILL without a key: in an order that everybody knows, and not whitened.
    HillKeyless,
    /// S-UNIWARD without a key.
    SuniwardKeyless,
}

/// What `--schemes` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    All,
    One(Method),
}

impl ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Self] {
        static CHOICES: std::sync::LazyLock<Vec<Choice>> = std::sync::LazyLock::new(|| {
            let methods = Method::value_variants().iter();
            let all = std::iter::once(Choice::All);
            all.chain(methods.map(|&method| Choice::One(method)))
                .collect()
        });
        &CHOICES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::All => Some(PossibleValue::new("all").help("All of these")),
            Self::One(method) => method.to_possible_value(),
        }
    }
}

impl Method {
    /// Those that are chosen, each once, in their order; each scheme in one way where nothing is.
    pub(crate) fn chosen(choices: &[Choice]) -> Vec<Self> {
        let all = Self::value_variants().iter().copied();
        let chosen = |method: &Self| match choices {
            [] => method.variant() == 0,
            choices => choices.contains(&Choice::All) || choices.contains(&Choice::One(*method)),
        };
        all.filter(chosen).collect()
    }

    /// What `--schemes` and the results call it.
    pub(crate) fn id(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn name(self) -> String {
        let name = match self.base() {
            Self::Hill => "HILL".to_owned(),
            Self::Suniward => "S-UNIWARD".to_owned(),
            base => base.id(),
        };
        match (self.bits(), self.variant()) {
            (_, 0) => name,
            (Bits::One, _) => format!("{name}, no key"),
            (bits, _) => format!("{name}, {} bits", bits.get()),
        }
    }

    /// The method of the default set that it is a way of.
    pub(crate) fn base(self) -> Self {
        match self {
            Self::Replacement2 | Self::Replacement3 | Self::Replacement4 => Self::Replacement,
            Self::Keyed2 | Self::Keyed3 | Self::Keyed4 => Self::Keyed,
            Self::MatchingKeyless => Self::Matching,
            Self::MatrixKeyless => Self::Matrix,
            Self::HillKeyless => Self::Hill,
            Self::SuniwardKeyless => Self::Suniward,
            base => base,
        }
    }

    /// Which way of its [`base`](Self::base): 0 the base itself, 2 to 4 of so many bits, 1 without a key.
    pub(crate) fn variant(self) -> usize {
        match self.bits() {
            Bits::One => usize::from(self != self.base()),
            bits => bits.get().into(),
        }
    }

    /// Whether what it embeds follows a key.
    pub(crate) fn is_keyed(self) -> bool {
        match self.base() {
            Self::Replacement | Self::Reversible => false,
            Self::Keyed => true,
            _ => self.variant() != 1,
        }
    }

    pub(crate) fn bits(self) -> Bits {
        match self {
            Self::Replacement2 | Self::Keyed2 => Bits::Two,
            Self::Replacement3 | Self::Keyed3 => Bits::Three,
            Self::Replacement4 | Self::Keyed4 => Bits::Four,
            _ => Bits::One,
        }
    }

    /// What can be tried, the preferred first; the key is made from the seed.
    fn options(self, seed: u64) -> Vec<(Option<usize>, Options)> {
        let of = |scheme| {
            let options = Options::new().scheme(scheme).bits(self.bits());
            if !self.is_keyed() {
                return options;
            }
            let mut key = [0; 32];
            key.iter_mut()
                .zip(noise(seed))
                .for_each(|(byte, noise)| *byte = noise);
            options.key(Key::new(key))
        };
        let one = |scheme| vec![(None, of(scheme))];
        let adaptive = |costs| {
            let trellis = Trellis::default();
            one(Scheme::Adaptive { costs, trellis })
        };
        match self.base() {
            Self::Matching => one(Scheme::Matching),
            Self::Matrix => (2..=8)
                .rev()
                .filter_map(|bits| Hamming::new(bits).ok())
                .map(|code| (Some(code.bits()), of(Scheme::Matrix(code))))
                .collect(),
            Self::Reversible => one(Scheme::Reversible),
            Self::Hill => adaptive(Costs::Hill),
            Self::Suniward => adaptive(Costs::Suniward),
            _ => one(Scheme::Replacement),
        }
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.id())
    }
}

/// Bytes that look random, the same for one seed ever after (splitmix64), without end.
pub(crate) fn noise(seed: u64) -> impl Iterator<Item = u8> {
    (1u64..).flat_map(move |i| {
        let z = seed.wrapping_add(i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31).to_le_bytes()
    })
}

/// What the detectors say of an image.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Detected {
    pub(crate) regular_singular: f64,
    pub(crate) sample_pairs: f64,
    pub(crate) weighted_stego: f64,
    pub(crate) chi_square: f64,
}

impl Detected {
    pub(crate) fn of<S: Sample>(cover: Cover<'_, S>) -> Result<Self> {
        Ok(Self {
            regular_singular: regular_singular_par(cover)?,
            sample_pairs: sample_pairs_par(cover)?,
            weighted_stego: weighted_stego_par(cover)?,
            chi_square: chi_square_par(cover)?.probability,
        })
    }
}

/// One row of the results.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) image: String,
    pub(crate) method: Method,
    /// What was asked for, in bits per sample that may carry, the frame included.
    pub(crate) rate: f64,
    /// The lowest bits that carry, of each sample.
    pub(crate) bits: u8,
    pub(crate) keyed: bool,
    /// Whether the image holds as much.
    pub(crate) fits: bool,
    /// None where it does not.
    #[serde(flatten)]
    pub(crate) measured: Option<Measured>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) payload_bytes: usize,
    pub(crate) frame_bits: usize,
    /// Parity bits of matrix embedding.
    pub(crate) parity: Option<usize>,
    pub(crate) changed_share: f64,
    /// Bits of the frame, which is what changes samples, per changed sample.
    #[serde(serialize_with = "number")]
    pub(crate) efficiency: f64,
    pub(crate) largest_change: u16,
    pub(crate) mse: f64,
    #[serde(serialize_with = "number")]
    pub(crate) psnr_stored: f64,
    /// None, minus infinity, where the cover has one value.
    #[serde(serialize_with = "number")]
    pub(crate) psnr_range: f64,
    pub(crate) ssim: Option<f64>,
    pub(crate) ncc: f64,
    pub(crate) histogram_distance: f64,
    #[serde(flatten)]
    pub(crate) detected: Detected,
    /// Of the stego samples, as of the cover's.
    pub(crate) samples_sha256: String,
    /// Samples' bytes per second, one core, medians.
    pub(crate) embed_mb_per_s: f64,
    pub(crate) extract_mb_per_s: f64,
}

/// A figure as `compare --json` gives it.
fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    figure(*value).serialize(serializer)
}

/// SHA-256 of samples, those of 16 bits little-endian: what the seed decides of an image.
pub(crate) fn digest<S: Sample>(samples: &[S]) -> String {
    let width = usize::from(S::BYTES);
    let bytes = samples.iter().flat_map(|&sample| {
        let value: u16 = sample.into();
        value.to_le_bytes().into_iter().take(width)
    });
    file_digest(&bytes.collect::<Vec<u8>>()).to_string()
}

/// Samples that may carry: what rates are counted in, those that detectors estimate too. Distortion and the share of changed samples are of
/// all samples of the channels that carry, reserved ones (padding) with them.
pub(crate) fn carrying<S: Sample>(cover: Cover<'_, S>) -> Result<usize> {
    Ok(capacity(cover, &Options::new())?.bits())
}

/// Bits that a method holds at most, frames included.
pub(crate) fn capacity_bits<S: Sample>(
    cover: Cover<'_, S>,
    method: Method,
    seed: u64,
) -> Result<usize> {
    let options = method.options(seed).into_iter();
    let held = options.map(|(_, options)| match capacity(cover, &options) {
        Ok(held) => Ok(held.bits()),
        // fewer bits are stored than the method changes
        Err(Error::Bits { .. }) => Ok(0),
        Err(error) => Err(error.into()),
    });
    held.into_iter()
        .try_fold(0, |most, bits: Result<usize>| Ok(most.max(bits?)))
}

/// Embeds at a rate and measures; none when the image does not hold as much. Gives the stego samples too.
pub(crate) fn measure<S: Sample + PartialEq>(
    samples: &[S],
    layout: Layout,
    method: Method,
    rate: f64,
    seed: u64,
) -> Result<Option<(Measured, Vec<S>)>> {
    let cover = Cover::new(samples, layout)?;
    let Some(payload) = payload(carrying(cover)?, rate, seed) else {
        return Ok(None);
    };
    let Some((parity, options, stego)) = embedded(samples, layout, method, &payload, seed)? else {
        return Ok(None);
    };
    let found = Cover::new(&stego, layout)?;
    ensure!(
        extract(found, &options)? == payload,
        "the payload came back changed"
    );
    if method == Method::Reversible {
        let mut back = stego.clone();
        recover(CoverMut::new(&mut back, layout)?, &options)?;
        ensure!(back == samples, "the cover came back changed");
    }
    let [embed_mb_per_s, extract_mb_per_s] = speeds(samples, &stego, layout, &payload, &options)?;
    let compared = compare_par(cover, found)?;
    let frame_bits = framed_bits(payload.len());
    let measured = Measured {
        payload_bytes: payload.len(),
        frame_bits,
        parity,
        changed_share: compared.changed_share(),
        efficiency: compared.efficiency(frame_bits as u64),
        largest_change: compared.largest(),
        mse: compared.mse(),
        psnr_stored: compared.psnr(Peak::Stored),
        psnr_range: compared.psnr(Peak::Range),
        ssim: ssim_par(cover, found, Peak::Stored)?,
        ncc: compared.ncc(),
        histogram_distance: compared.histogram_distance(),
        detected: Detected::of(found)?,
        samples_sha256: digest(&stego),
        embed_mb_per_s,
        extract_mb_per_s,
    };
    Ok(Some((measured, stego)))
}

/// How fast a method embeds into this many samples and extracts from them, in MB/s; none when they do not hold the payload.
pub(crate) fn throughput<S: Sample>(
    samples: &[S],
    layout: Layout,
    method: Method,
    rate: f64,
    seed: u64,
) -> Result<Option<[f64; 2]>> {
    let Some(payload) = payload(carrying(Cover::new(samples, layout)?)?, rate, seed) else {
        return Ok(None);
    };
    let Some((_, options, stego)) = embedded(samples, layout, method, &payload, seed)? else {
        return Ok(None);
    };
    speeds(samples, &stego, layout, &payload, &options).map(Some)
}

/// How fast the payload is embedded and extracted, in MB/s.
fn speeds<S: Sample>(
    samples: &[S],
    stego: &[S],
    layout: Layout,
    payload: &[u8],
    options: &Options,
) -> Result<[f64; 2]> {
    let embed_time = median(|| {
        let mut again = samples.to_vec();
        let start = Instant::now();
        embed(CoverMut::new(&mut again, layout)?, payload, options)?;
        let elapsed = start.elapsed();
        std::hint::black_box(&again);
        Ok(elapsed)
    })?;
    let extract_time = median(|| {
        let start = Instant::now();
        std::hint::black_box(extract(Cover::new(stego, layout)?, options)?);
        Ok(start.elapsed())
    })?;
    Ok([embed_time, extract_time].map(|time| speed(samples, time)))
}

/// The payload whose frame has the rate, of so many samples that carry; none when not even an empty frame is that short.
fn payload(samples: usize, rate: f64, seed: u64) -> Option<Vec<u8>> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a number of bytes, far below 2^53"
    )]
    let bytes = (samples as f64 * rate / 8.0) as usize;
    let length = bytes.checked_sub(framed_bits(0) / 8)?;
    Some(noise(seed ^ 0x5EED).take(length).collect())
}

/// The parity of matrix embedding, the options, and the samples with the payload.
type Stego<S> = (Option<usize>, Options, Vec<S>);

/// The first of the method's options that holds the payload, and the samples with it.
fn embedded<S: Sample>(
    samples: &[S],
    layout: Layout,
    method: Method,
    payload: &[u8],
    seed: u64,
) -> Result<Option<Stego<S>>> {
    for (parity, options) in method.options(seed) {
        let mut stego = samples.to_vec();
        match embed(CoverMut::new(&mut stego, layout)?, payload, &options) {
            Ok(_) => return Ok(Some((parity, options, stego))),
            Err(Error::TooSmall { .. } | Error::Bits { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// The median of five times; of one alone where it takes long.
fn median(mut run: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    let first = run()?;
    if first > Duration::from_millis(250) {
        return Ok(first);
    }
    let mut times = (0..5).map(|_| run()).collect::<Result<Vec<_>>>()?;
    times.sort();
    Ok(times[2])
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn speed<S>(samples: &[S], time: Duration) -> f64 {
    size_of_val(samples) as f64 / time.as_secs_f64().max(1e-9) / 1e6
}

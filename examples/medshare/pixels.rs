//! Where the samples of an image meet the steganography: `medical-image` knows the first, `lsb-stego` the second.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use lsb_stego::cost::Costs;
use lsb_stego::trellis::Trellis;
use lsb_stego::{Capacity, Cover, CoverMut, Embedded, Hamming, Key, Options, Scheme, search};
use medical_image::{Picture, Samples};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

use crate::file;
use crate::ways::Way;

/// The longest image file that is read: it is held in memory a few times.
pub(crate) const LIMIT: u64 = 4 << 30;

/// A scheme by the name that the command line knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemeName {
    /// The low bits of the samples, in order, become the payload.
    Replacement,
    /// A sample whose lowest bit is wrong goes one up or down.
    Matching,
    /// At most one sample of `2^P - 1` changes for P bits; see `--parity`.
    Matrix,
    /// Histogram shifting of prediction errors: `extract --restore` gives the cover file back.
    Reversible,
    /// A trellis code changes samples by one where it shows least; see `--costs` and `--height`.
    Adaptive,
}

/// A model of costs by the name that the command line knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CostsName {
    /// HILL: far from smooth ground.
    Hill,
    /// S-UNIWARD: where wavelets find much in every direction.
    Suniward,
    /// Every sample the same: fewest changes.
    Uniform,
}

impl SchemeName {
    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Replacement => "replacement",
            Self::Matching => "matching",
            Self::Matrix => "matrix",
            Self::Reversible => "reversible",
            Self::Adaptive => "adaptive",
        }
    }

    /// The scheme, with what it asks for where that is said.
    pub(crate) fn with(
        self,
        parity: Option<u8>,
        costs: Option<CostsName>,
        height: Option<u8>,
    ) -> Result<Scheme> {
        Ok(match self {
            Self::Replacement => Scheme::Replacement,
            Self::Matching => Scheme::Matching,
            Self::Matrix => Scheme::Matrix(Hamming::new(parity.unwrap_or(PARITY))?),
            Self::Reversible => Scheme::Reversible,
            Self::Adaptive => Scheme::Adaptive {
                costs: match costs.unwrap_or(COSTS) {
                    CostsName::Hill => Costs::Hill,
                    CostsName::Suniward => Costs::Suniward,
                    CostsName::Uniform => Costs::Uniform,
                },
                trellis: Trellis::new(height.unwrap_or(HEIGHT))?,
            },
        })
    }
}

/// Parity bits of matrix embedding, unless others are asked for.
pub(crate) const PARITY: u8 = 3;
/// What changes cost under the adaptive scheme, unless something else is asked for.
const COSTS: CostsName = CostsName::Hill;
/// Constraint height of the adaptive scheme's code, unless another is asked for.
pub(crate) const HEIGHT: u8 = 10;

/// How to embed, on the command line.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SchemeArgs {
    /// How the payload enters the samples.
    #[arg(long, value_enum, default_value = "replacement")]
    pub(crate) scheme: SchemeName,
    /// Payload bits per sample.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub(crate) bits: u8,
    /// Parity bits of matrix embedding; 3 unless said.
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u8).range(2..=8))]
    pub(crate) parity: Option<u8>,
    /// What changes cost under the adaptive scheme, HILL unless said; extraction does not ask.
    #[arg(long, value_enum, value_name = "MODEL")]
    pub(crate) costs: Option<CostsName>,
    /// Constraint height of the adaptive scheme's code, 10 unless said: nearer to the bound, and slower, by one.
    #[arg(long, value_name = "H", value_parser = clap::value_parser!(u8).range(7..=12))]
    pub(crate) height: Option<u8>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

/// The key, on the command line.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KeyArgs {
    /// The stego key: a file of 32 random bytes, for one cover only; without it, extraction finds nothing.
    #[arg(long, value_name = "K")]
    key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// Where the key is, if there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.key_file.as_deref()
    }

    pub(crate) fn read(&self) -> Result<Option<Key>> {
        self.key_file.as_deref().map(key).transpose()
    }
}

/// Bytes of a stego key.
const KEY: usize = 32;

/// Reads a stego key.
fn key(path: &Path) -> Result<Key> {
    let mut file = file::reader(path)?.bytes.take(KEY as u64 + 1);
    let mut bytes = Zeroizing::new([0; KEY + 1]);
    let mut found = 0;
    while found < bytes.len() {
        match file.read(&mut bytes[found..]) {
            Ok(0) => break,
            Ok(read) => found += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
    }
    if let Some((key, _)) = bytes.split_first_chunk()
        && found == KEY
    {
        return Ok(Key::new(*key));
    }
    let found = if found > KEY {
        format!("more than {KEY}")
    } else {
        found.to_string()
    };
    let path = path.display();
    bail!(
        "{path} holds {found} bytes: a stego key is a file of exactly {KEY} random bytes, as `head -c {KEY} /dev/urandom > {path}` makes it"
    )
}

/// Reads an image file, `-` from stdin.
pub(crate) fn read(path: &Path) -> Result<Picture> {
    let bytes = file::read(path, LIMIT)?;
    Picture::read(bytes).with_context(|| format!("cannot read {} as an image", path.display()))
}

/// Runs `$body` with `$cover` as the samples in their layout, whether 8 or 16 bits wide.
macro_rules! with_samples {
    ($samples:expr, $kind:ident, $layout:expr, |$cover:ident| $body:expr) => {
        match $samples {
            Samples::U8(samples) => {
                let $cover = $kind::new(samples, $layout)?;
                $body
            }
            Samples::U16(samples) => {
                let $cover = $kind::new(samples, $layout)?;
                $body
            }
            _ => anyhow::bail!("samples are neither 8 nor 16 bits wide"),
        }
    };
}
pub(crate) use with_samples;

pub(crate) fn capacity(picture: &Picture, options: &Options) -> Result<Capacity> {
    let layout = medshare_verify::layout(picture)?;
    with_samples!(picture.samples(), Cover, layout, |cover| Ok(
        lsb_stego::capacity(cover, options)?
    ))
}

/// The picture's samples with a payload in them.
pub(crate) fn embed(
    picture: &Picture,
    payload: &[u8],
    options: &Options,
) -> Result<(Samples, Embedded)> {
    let layout = medshare_verify::layout(picture)?;
    let mut samples = picture.samples().clone();
    let embedded = with_samples!(&mut samples, CoverMut, layout, |cover| {
        lsb_stego::embed_par(cover, payload, options)?
    });
    Ok((samples, embedded))
}

/// The payload, and the way that it was hidden in.
pub(crate) fn extract<'a>(picture: &Picture, ways: &'a [Way]) -> Result<(&'a Way, Vec<u8>)> {
    let layout = medshare_verify::layout(picture)?;
    let (ways, options): (Vec<&Way>, Vec<Options>) = Way::possible(ways, &layout)
        .map(|way| (way, way.options.clone()))
        .unzip();
    let (index, payload) = with_samples!(picture.samples(), Cover, layout, |cover| {
        lsb_stego::extract_any_par(cover, &options)?
    });
    Ok((ways[index], payload))
}

/// The payload, the way that it was hidden in, and the file that it was hidden in, byte for byte.
pub(crate) fn recover<'a>(
    picture: &Picture,
    ways: &'a [Way],
) -> Result<(&'a Way, Vec<u8>, Vec<u8>)> {
    let layout = medshare_verify::layout(picture)?;
    let mut samples = picture.samples().clone();
    let (way, payload) = with_samples!(&mut samples, CoverMut, layout, |cover| {
        let mut cover = cover;
        search(Way::possible(ways, &layout), |way| {
            Ok((way, lsb_stego::recover(cover.reborrow(), &way.options)?))
        })?
    });
    let original = medical_image::restore_attached(picture, &samples)?;
    Ok((way, payload, original))
}

//! Hiding a record in an image, and getting it out again: where `medical-image` and `lsb-stego` meet.

use core::fmt;
use core::str::FromStr;

use lsb_stego::{
    Bits, Cover, CoverMut, Layout, Options, Sample, Scheme, embed, extract, framed_bits, read_bits,
    recover, search, write_bits,
};
use medical_image::{Picture, Samples};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hidden::Binding;
use crate::{
    ContentDigest, Error, HiddenRecord, HidingKey, Result, file_digest, header_digest,
    samples_digest,
};

/// How a record is hidden. Written `reversible` or `replacement/N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HidingScheme {
    /// The image gives back every sample: [`Scheme::Reversible`].
    Reversible,
    /// The lowest bits are replaced, and what they were travels in the manifest: for images that cannot hold the record
    /// reversibly.
    Replacement(Bits),
}

/// Every scheme, the first that fits is taken.
const SCHEMES: [HidingScheme; 5] = [
    HidingScheme::Reversible,
    HidingScheme::Replacement(Bits::One),
    HidingScheme::Replacement(Bits::Two),
    HidingScheme::Replacement(Bits::Three),
    HidingScheme::Replacement(Bits::Four),
];

impl HidingScheme {
    fn options(self) -> Options {
        match self {
            Self::Reversible => Options::new().scheme(Scheme::Reversible),
            Self::Replacement(bits) => Options::new().bits(bits),
        }
    }

    /// Every scheme that samples have the bits for.
    fn possible(layout: &Layout) -> impl Iterator<Item = Self> + use<> {
        let stored = layout.bits_stored();
        SCHEMES
            .into_iter()
            .filter(move |scheme| !matches!(scheme, Self::Replacement(bits) if bits.get() > stored))
    }
}

impl fmt::Display for HidingScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reversible => f.write_str("reversible"),
            Self::Replacement(bits) => write!(f, "replacement/{}", bits.get()),
        }
    }
}

impl FromStr for HidingScheme {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        SCHEMES
            .into_iter()
            .find(|scheme| scheme.to_string() == text)
            .ok_or_else(|| Error::Malformed {
                what: "a hiding scheme",
                reason: format!(
                    "expected `reversible` or `replacement/1` to `replacement/4`, found {text:?}"
                ),
            })
    }
}

impl Serialize for HidingScheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HidingScheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// How the picture's samples lie in memory, and which of them may change.
///
/// # Errors
///
/// [`Error::Stego`] for a geometry that cannot be a cover.
pub fn layout(picture: &Picture) -> Result<Layout> {
    let geometry = picture.geometry();
    let layout = Layout::new(geometry.bits_stored)
        .and_then(|layout| layout.with_channels(geometry.channels, picture.carrying()))
        .and_then(|layout| layout.with_columns(geometry.columns))
        .map_err(Error::Stego)?;
    match picture.reserved() {
        Some((low, high)) => layout.with_reserved(low, high).map_err(Error::Stego),
        None => Ok(layout),
    }
}

/// An image with its record in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Concealed {
    /// What is hidden.
    pub record: HiddenRecord,
    /// The stego image: the same file with other samples.
    pub stego: Vec<u8>,
    /// What the receiver needs to restore the samples: [`crate::Instance::replaced`].
    pub replaced: Vec<u8>,
    /// What the receiver needs to restore the file: [`crate::Instance::restore`].
    pub restore: Vec<u8>,
    /// The bytes of the hidden payload.
    pub payload_len: usize,
}

/// Hides a record in an image: reversibly where it fits, else by replacing as few low bits per sample as it takes.
///
/// `record` makes the record for the image that it gets. `key` seals it; without one everybody who has the stego image can
/// read it.
///
/// # Errors
///
/// [`Error::TooSmall`] with both sizes when the image cannot hold the record even in four bits of each sample,
/// [`Error::Stego`] and [`Error::Image`] when its samples cannot be replaced, [`Error::Random`].
pub fn conceal(
    picture: &Picture,
    key: Option<&HidingKey>,
    record: impl Fn(Binding) -> HiddenRecord,
) -> Result<Concealed> {
    let layout = layout(picture)?;
    let (file, header) = (file_digest(picture.bytes()), header_digest(picture));
    let record = |scheme, samples| {
        record(Binding {
            scheme,
            file,
            samples,
            header,
        })
    };
    let (mut needed, mut available) = (0, 0);
    for scheme in HidingScheme::possible(&layout) {
        // the length of a payload is the same whatever the digest in it, and says which bits it will take
        let payload_len = record(scheme, file).to_payload(key)?.len();
        let bits = framed_bits(payload_len);
        let mut samples = picture.samples().clone();
        let replaced = match take_bits(&mut samples, layout, scheme, bits) {
            Ok(replaced) => replaced,
            Err(lsb_stego::Error::TooFewBits { .. }) => {
                (needed, available) = (payload_len, available.max(holds(picture, layout, scheme)?));
                continue;
            }
            Err(error) => return Err(Error::Stego(error)),
        };
        let digest = samples_digest(picture, &samples);
        let record = record(scheme, digest);
        let payload = record.to_payload(key)?;
        match with_cover(&mut samples, layout, Embed(&payload, scheme)) {
            Ok(()) => {}
            Err(lsb_stego::Error::TooSmall {
                needed_bytes,
                available_bytes,
            }) => {
                (needed, available) = (needed_bytes, available.max(available_bytes));
                continue;
            }
            Err(error) => return Err(Error::Stego(error)),
        }
        let patched = picture.patch(&samples).map_err(Error::Image)?;
        return Ok(Concealed {
            record,
            stego: patched.bytes,
            replaced,
            restore: patched.restore,
            payload_len,
        });
    }
    Err(Error::TooSmall { needed, available })
}

/// What was hidden in an image, and the samples that its digest is about.
pub(crate) struct Revealed {
    pub(crate) scheme: HidingScheme,
    pub(crate) payload: Vec<u8>,
    /// The original samples; under replacement with the payload-bearing bits cleared.
    pub(crate) samples: Samples,
}

/// Extracts whatever a sender hid, by every scheme in turn.
///
/// # Errors
///
/// The extractor's own: of a scheme that found a damaged payload, else that there is none.
pub(crate) fn reveal(picture: &Picture) -> Result<Revealed> {
    let layout = layout(picture)?;
    search(HidingScheme::possible(&layout), |scheme| {
        let mut samples = picture.samples().clone();
        let payload = with_cover(&mut samples, layout, Reveal(scheme))?;
        Ok(Revealed {
            scheme,
            payload,
            samples,
        })
    })
    .map_err(Error::Stego)
}

impl Revealed {
    /// The digest of the samples that the record names.
    pub(crate) fn samples_digest(&self, picture: &Picture) -> ContentDigest {
        samples_digest(picture, &self.samples)
    }

    /// The original samples, with the bits that hiding replaced put back.
    ///
    /// # Errors
    ///
    /// When `replaced` has another length than the payload took.
    pub(crate) fn original(&self, picture: &Picture, replaced: &[u8]) -> Result<Samples> {
        let bits = match self.scheme {
            HidingScheme::Reversible => 0,
            HidingScheme::Replacement(_) => framed_bits(self.payload.len()),
        };
        if replaced.len() != bits.div_ceil(8) {
            return Err(Error::Malformed {
                what: "the replaced bits",
                reason: format!(
                    "expected {} bytes, found {}",
                    bits.div_ceil(8),
                    replaced.len()
                ),
            });
        }
        let mut samples = self.samples.clone();
        with_cover(
            &mut samples,
            layout(picture)?,
            PutBits(self.scheme, replaced, bits),
        )
        .map_err(Error::Stego)?;
        Ok(samples)
    }
}

/// How many bytes of payload the image holds.
fn holds(picture: &Picture, layout: Layout, scheme: HidingScheme) -> Result<usize> {
    let options = scheme.options();
    match picture.samples() {
        Samples::U8(samples) => {
            Cover::new(samples, layout).and_then(|cover| lsb_stego::capacity(cover, &options))
        }
        Samples::U16(samples) => {
            Cover::new(samples, layout).and_then(|cover| lsb_stego::capacity(cover, &options))
        }
        _ => Err(lsb_stego::Error::NoPayload),
    }
    .map(|capacity| capacity.payload_bytes())
    .map_err(Error::Stego)
}

/// Reads the bits that a payload of `bits` bits will replace, and clears them; nothing under the reversible scheme.
fn take_bits(
    samples: &mut Samples,
    layout: Layout,
    scheme: HidingScheme,
    bits: usize,
) -> Result<Vec<u8>, lsb_stego::Error> {
    match scheme {
        HidingScheme::Reversible => Ok(Vec::new()),
        HidingScheme::Replacement(_) => with_cover(samples, layout, TakeBits(scheme, bits)),
    }
}

/// Something done to a cover, whatever the width of its samples.
trait Work {
    type Output;
    fn run<S: Sample>(self, cover: CoverMut<'_, S>) -> Result<Self::Output, lsb_stego::Error>;
}

fn with_cover<W: Work>(
    samples: &mut Samples,
    layout: Layout,
    work: W,
) -> Result<W::Output, lsb_stego::Error> {
    match samples {
        Samples::U8(samples) => work.run(CoverMut::new(samples, layout)?),
        Samples::U16(samples) => work.run(CoverMut::new(samples, layout)?),
        // medical-image has two widths
        _ => Err(lsb_stego::Error::NoPayload),
    }
}

struct Embed<'a>(&'a [u8], HidingScheme);

impl Work for Embed<'_> {
    type Output = ();
    fn run<S: Sample>(self, cover: CoverMut<'_, S>) -> Result<(), lsb_stego::Error> {
        embed(cover, self.0, &self.1.options()).map(drop)
    }
}

struct TakeBits(HidingScheme, usize);

impl Work for TakeBits {
    type Output = Vec<u8>;
    fn run<S: Sample>(self, cover: CoverMut<'_, S>) -> Result<Vec<u8>, lsb_stego::Error> {
        let options = self.0.options();
        let taken = read_bits(cover.as_cover(), &options, self.1)?;
        write_bits(cover, &options, &vec![0; taken.len()], self.1)?;
        Ok(taken)
    }
}

struct PutBits<'a>(HidingScheme, &'a [u8], usize);

impl Work for PutBits<'_> {
    type Output = ();
    fn run<S: Sample>(self, cover: CoverMut<'_, S>) -> Result<(), lsb_stego::Error> {
        match self.0 {
            HidingScheme::Reversible => Ok(()),
            HidingScheme::Replacement(_) => write_bits(cover, &self.0.options(), self.1, self.2),
        }
    }
}

/// Extracts, and leaves in the cover the samples that the record's digest is about.
struct Reveal(HidingScheme);

impl Work for Reveal {
    type Output = Vec<u8>;
    fn run<S: Sample>(self, mut cover: CoverMut<'_, S>) -> Result<Vec<u8>, lsb_stego::Error> {
        let options = self.0.options();
        match self.0 {
            HidingScheme::Reversible => recover(cover, &options),
            HidingScheme::Replacement(_) => {
                let payload = extract(cover.as_cover(), &options)?;
                let bits = framed_bits(payload.len());
                write_bits(cover.reborrow(), &options, &vec![0; bits.div_ceil(8)], bits)?;
                Ok(payload)
            }
        }
    }
}

use crate::arch::kernel::Window;
use crate::bits::Plan;
use crate::join::{Join, Serial};
use crate::key::CHACHA8;
use crate::walk::{Payload, Route};
use crate::{
    CoverMut, Error, Options, Result, Sample, Scheme, adaptive, capacity, frame, reversible,
};

/// What embedding did.
///
/// ```
/// use lsb_stego::{CoverMut, Layout, Options, embed, framed_bits};
///
/// let mut samples = [0u8; 512];
/// let embedded = embed(CoverMut::new(&mut samples, Layout::new(8)?)?, b"text", &Options::new())?;
/// assert_eq!(embedded.bits(), framed_bits(4));
/// # Ok::<(), lsb_stego::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    bits: usize,
}

impl Embedded {
    /// The bits of the frame, from the first payload bit of the cover: [`framed_bits`](crate::framed_bits) of the payload.
    #[must_use]
    pub const fn bits(&self) -> usize {
        self.bits
    }
}

/// Embeds a payload, framed, in place.
///
/// # Errors
///
/// [`Error::TooSmall`] with both numbers when it does not fit, [`Error::PayloadTooLong`] above 4 GiB - 1, [`Error::Bits`]
/// when more bits per sample are asked for than are stored, and [`Error::OneBit`] than the scheme carries; [`Error::Scheme`] for a key under
/// [`Scheme::Reversible`], and [`Error::Columns`] when that or [`Scheme::Adaptive`] lacks them. The cover is unchanged then.
///
/// # Example
///
/// ```
/// use lsb_stego::{Cover, CoverMut, Layout, Options, embed, extract};
///
/// let (layout, options) = (Layout::new(12)?, Options::new());
/// let mut samples = vec![1000u16; 64 * 64];
/// embed(CoverMut::new(&mut samples, layout)?, b"hidden", &options)?;
/// assert_eq!(extract(Cover::new(&samples, layout)?, &options)?, b"hidden");
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn embed<S: Sample>(
    cover: CoverMut<'_, S>,
    payload: &[u8],
    options: &Options,
) -> Result<Embedded> {
    embed_with::<Serial, S>(cover, payload, options)
}

/// [`embed`] on every core, which can pay where the payload's samples are 4 MiB and more: those up to its last bit, or with a key all. From 2 MiB
/// on work is cut with a key, under matching and under matrix embedding, and under [`Scheme::Adaptive`] from half a million samples on. It is the same, on one core, below
/// that, and under [`Scheme::Reversible`]; with a key also where a frame takes less than one in 256 of the samples that carry;
/// and where values are reserved and a channel does not carry, both. Matrix embedding with a key is cut where 64 groups are whole, which of
/// many parity bits is seldom: every four million samples of eight.
///
/// # Errors
///
/// As [`embed`].
#[cfg(feature = "rayon")]
pub fn embed_par<S: Sample>(
    cover: CoverMut<'_, S>,
    payload: &[u8],
    options: &Options,
) -> Result<Embedded> {
    embed_with::<crate::join::Rayon, S>(cover, payload, options)
}

fn embed_with<J: Join, S: Sample>(
    cover: CoverMut<'_, S>,
    payload: &[u8],
    options: &Options,
) -> Result<Embedded> {
    if options.scheme == Scheme::Reversible {
        options.keyless()?;
        return Ok(Embedded {
            bits: reversible::embed(cover, payload, options)?,
        });
    }
    if let Scheme::Adaptive { costs, trellis } = options.scheme {
        let bits = adaptive::embed::<J, S>(cover, payload, options, trellis, costs)?;
        return Ok(Embedded { bits });
    }
    let keystream = options.key.as_ref().map_or(0, |_| CHACHA8);
    let header = frame::Header::of(payload, keystream, options.level)?;
    let held = frame::bits_within(payload.len() as u64, usize::MAX as u64);
    let Some(bits) = held.and_then(|bits| usize::try_from(bits).ok()) else {
        return Err(Error::TooSmall {
            needed_bytes: payload.len(),
            available_bytes: capacity(cover.as_cover(), options)?.payload_bytes(),
        });
    };
    if !options.plain() {
        let route = Route::new::<J, S>(cover.as_cover(), options, bits)
            .map_err(|error| too_small(error, payload.len(), &cover, options))?;
        let pieces = Payload {
            first: &header,
            second: payload,
            third: 0,
        };
        route.write::<J, S>(cover.into_samples(), pieces);
        return Ok(Embedded { bits });
    }
    let plan = Plan::new::<J, S>(cover.as_cover(), options, bits)
        .map_err(|error| too_small(error, payload.len(), &cover, options))?;
    let samples = cover.into_samples();
    let head = Window {
        skip: 0,
        count: 8 * frame::HEADER,
    };
    plan.write::<Serial, S>(samples, head, &header);
    plan.write::<J, S>(
        samples,
        Window {
            skip: head.count,
            count: 8 * payload.len(),
        },
        payload,
    );
    Ok(Embedded { bits })
}

/// Says in bytes what was counted in bits.
fn too_small<S: Sample>(
    error: Error,
    needed_bytes: usize,
    cover: &CoverMut<'_, S>,
    options: &Options,
) -> Error {
    match (error, capacity(cover.as_cover(), options)) {
        (Error::TooFewBits { .. }, Ok(capacity)) => Error::TooSmall {
            needed_bytes,
            available_bytes: capacity.payload_bytes(),
        },
        (error, _) => error,
    }
}

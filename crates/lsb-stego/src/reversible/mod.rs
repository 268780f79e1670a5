//! The reversible scheme: histogram shifting of prediction errors, with as many bins as the payload needs.
//!
//! ```text
//!   rows 0 ..       head: fixed part and map, by replacement of the lowest bits
//!   guard row       unchanged, so that predictions below do not depend on the head
//!   rows below      · x · x · x     x: carries, when row + column is even, and neither in the first nor the last column
//!                   · · x · x ·     ·: never changes, predicts: mean of left and right, mean of up and down, mean of both
//!   last row        unchanged
//!
//!   stream = the bits that the head replaced, the frame with the payload
//! ```

use alloc::vec;
use alloc::vec::Vec;

use self::field::Field;
use self::head::{FIXED, Head};
use self::map::MapReader;
use self::plan::{Plan, Planner, Rows};
use self::shift::Shift;
use crate::arch::dispatch;
use crate::arch::shift::{Restore, Shift as Move, Unshift};
use crate::{Cover, CoverMut, Error, Options, Result, Sample, Scheme, bits, frame, framed_bits};

mod field;
mod head;
mod map;
mod plan;
mod shift;

/// Extracts a payload and gives the samples back as they were before it was embedded, every one.
///
/// The checksum is the payload's: a stego image that was changed elsewhere may recover to other samples than the original,
/// and only a digest of the original (in the payload, say) can tell.
///
/// # Errors
///
/// [`Error::Scheme`] for a scheme that does not remember the original, and with a key; else as [`extract`](crate::extract).
/// The samples are unchanged then.
///
/// # Example
///
/// ```
/// use lsb_stego::{CoverMut, Layout, Options, Scheme, embed, recover};
///
/// let layout = Layout::new(8)?.with_columns(64)?;
/// let options = Options::new().scheme(Scheme::Reversible);
/// let original: Vec<u8> = (0..64 * 64).map(|i| (i % 64 + i / 64) as u8).collect();
/// let mut samples = original.clone();
/// embed(CoverMut::new(&mut samples, layout)?, b"hidden", &options)?;
/// assert_ne!(samples, original);
/// assert_eq!(recover(CoverMut::new(&mut samples, layout)?, &options)?, b"hidden");
/// assert_eq!(samples, original);
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn recover<S: Sample>(cover: CoverMut<'_, S>, options: &Options) -> Result<Vec<u8>> {
    if options.scheme != Scheme::Reversible {
        return Err(Error::Scheme {
            scheme: options.scheme.name(),
            operation: "recover the original",
        });
    }
    options.keyless()?;
    let found = Found::read(cover.as_cover(), options)?;
    found.restore(cover, options)
}

/// The bits that a cover holds, the frame's included: those of the best sides and bins.
pub(crate) fn count_bits<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<usize> {
    let raw = raw(options)?;
    let planner = Planner::new(cover, &raw)?;
    Ok(planner.largest().as_ref().map_or(0, Plan::bits))
}

/// Embeds a frame; the number of its bits.
pub(crate) fn embed<S: Sample>(
    mut cover: CoverMut<'_, S>,
    payload: &[u8],
    options: &Options,
) -> Result<usize> {
    let header = frame::Header::of(payload, 0, options.level)?;
    let frame_bits = framed_bits(payload.len());
    let raw = raw(options)?;
    for rows in [Rows::Some, Rows::All] {
        let planner = Planner::new(cover.as_cover(), &raw)?;
        let Some(plan) = planner.smallest(frame_bits, rows) else {
            continue;
        };
        let head = plan.head(frame_bits)?;
        let head = [head.print(&plan.map).as_slice(), &plan.map].concat();
        let replaced = bits::read_bits(cover.as_cover(), &raw, 8 * head.len())?;
        let stream = [replaced.as_slice(), &header, payload].concat();
        let Planner { field, .. } = planner;
        if shift_samples(&field, cover.samples_mut(), &plan, &stream, options) {
            bits::write_bits(cover, &raw, &head, 8 * head.len())?;
            return Ok(frame_bits);
        }
    }
    let planner = Planner::new(cover.as_cover(), &raw)?;
    let available = planner.largest().as_ref().map_or(0, Plan::bits);
    let available_bytes = frame::payload_bytes(available).unwrap_or(0);
    Err(Error::TooSmall {
        needed_bytes: payload.len(),
        available_bytes,
    })
}

/// Extracts a payload.
pub(crate) fn extract<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<Vec<u8>> {
    let found = Found::read(cover, options)?;
    let stream = found.stream(cover.samples(), options);
    found
        .parse(&stream, options)
        .map(|(_, payload)| payload.to_vec())
}

/// The options of the head: replacement of one bit per sample.
fn raw(options: &Options) -> Result<Options> {
    options.one_bit()?;
    Ok(options.clone().scheme(Scheme::Replacement))
}

/// Moves samples until the stream ends. Where they end before it, which a plan by some rows does not rule out, moves them back:
/// false.
fn shift_samples<S: Sample>(
    field: &Field<S>,
    samples: &mut [S],
    plan: &Plan,
    stream: &[u8],
    options: &Options,
) -> bool {
    let region = field.region(plan.guard_row);
    let rule = plan.shift.rule(&field.layout);
    let bits = 8 * stream.len();
    let shift = Move {
        samples,
        region,
        rule,
        stream,
        bits,
        moved: None,
        clear: plan.clear,
    };
    let left = dispatch(options.level, shift);
    if left > 0 {
        // The bits are more than there are, so that it goes to the last sample. Only plans that need no flags end here.
        let back = Restore {
            samples,
            region,
            rule,
            stream: &mut vec![0; stream.len()],
            bits,
            flags: |_| 0,
            moved: &mut vec![0; region.blocks()],
        };
        dispatch(options.level, back);
    }
    left == 0
}

/// What a reversible stego image says of itself, checked.
struct Found<S> {
    field: Field<S>,
    shift: Shift,
    guard_row: usize,
    map: Vec<u8>,
    stream_bits: usize,
}

impl<S: Sample> Found<S> {
    fn read(cover: Cover<'_, S>, options: &Options) -> Result<Self> {
        let raw = raw(options)?;
        let planner = Planner::new(cover, &raw)?;
        let held = bits::count_bits(cover, &raw)?;
        if held < 8 * FIXED {
            return Err(Error::NoPayload);
        }
        let mut fixed = [0; FIXED];
        bits::read_bits_into(cover, &raw, 8 * FIXED, &mut fixed)?;
        let head = Head::parse(fixed, &cover.layout())?;
        let [guard_row, stream_bits, map_bytes] =
            [head.guard_row, head.stream_bits, head.map_bytes]
                .map(|word| usize::try_from(word).unwrap_or(usize::MAX));
        // Each claim is held against the cover before memory is taken for it.
        let claimed = |claimed_bytes, available_bytes| Error::ClaimedLength {
            claimed_bytes,
            available_bytes,
        };
        let head_bits = map_bytes.saturating_add(FIXED).saturating_mul(8);
        if planner
            .guard_row(head_bits)
            .is_none_or(|needed| needed > guard_row)
        {
            return Err(claimed(map_bytes, held / 8 - FIXED));
        }
        if stream_bits > cover.samples().len() {
            return Err(claimed(stream_bits / 8, cover.samples().len() / 8));
        }
        // a stream that does not even hold what the head replaced and a frame
        if stream_bits < framed_bits(0) + head_bits {
            return Err(Error::NoPayload);
        }
        let whole = bits::read_bits(cover, &raw, head_bits)?;
        let map = whole.get(FIXED..).unwrap_or_default().to_vec();
        Head::check(&fixed, &map)?;

        Ok(Self {
            field: planner.field,
            shift: Shift {
                sides: head.sides,
                bins: head.bins,
            },
            guard_row,
            map,
            stream_bits,
        })
    }

    /// The bits that the head replaced, and the payload.
    fn parse<'a>(&self, stream: &'a [u8], options: &Options) -> Result<(&'a [u8], &'a [u8])> {
        let head = FIXED + self.map.len();
        let (replaced, frame) = stream.split_at_checked(head).ok_or(Error::NoPayload)?;
        let (&header, payload) = frame.split_first_chunk().ok_or(Error::NoPayload)?;
        let header = frame::Header::parse(header, 0)?;
        if header.payload_len < payload.len() {
            return Err(Error::NoPayload);
        }
        if header.payload_len > payload.len() {
            return Err(Error::ClaimedLength {
                claimed_bytes: header.payload_len,
                available_bytes: payload.len(),
            });
        }
        header.check(payload, options.level)?;
        Ok((replaced, payload))
    }

    /// The stream's bytes; zeros where the samples end before it does, which its checksum then finds.
    fn stream(&self, samples: &[S], options: &Options) -> Vec<u8> {
        let mut stream = vec![0; self.stream_bits.div_ceil(8)];
        let mut map = MapReader::new(&self.map);
        let unshift = Unshift {
            samples,
            region: self.field.region(self.guard_row),
            rule: self.shift.rule(&self.field.layout),
            stream: &mut stream,
            bits: self.stream_bits,
            flags: |count| map.take(count),
        };
        dispatch(options.level, unshift);
        stream
    }

    /// Gives the samples back and the payload; where that is none, the samples are as they were found.
    fn restore(&self, mut cover: CoverMut<'_, S>, options: &Options) -> Result<Vec<u8>> {
        let raw = raw(options)?;
        let region = self.field.region(self.guard_row);
        let rule = self.shift.rule(&self.field.layout);
        let bits = self.stream_bits;
        let mut stream = vec![0; bits.div_ceil(8)];
        let mut moved = vec![0; region.blocks()];
        let mut map = MapReader::new(&self.map);
        let restore = Restore {
            samples: cover.samples_mut(),
            region,
            rule,
            stream: &mut stream,
            bits,
            flags: |count| map.take(count),
            moved: &mut moved,
        };
        dispatch(options.level, restore);
        match self.parse(&stream, options) {
            Ok((replaced, payload)) => {
                bits::write_bits(cover, &raw, replaced, 8 * replaced.len())?;
                Ok(payload.to_vec())
            }
            Err(error) => {
                let again = Move {
                    samples: cover.samples_mut(),
                    region,
                    rule,
                    stream: &stream,
                    bits,
                    moved: Some(&moved),
                    clear: false,
                };
                dispatch(options.level, again);
                Err(error)
            }
        }
    }
}

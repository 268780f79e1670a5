use alloc::vec;
use alloc::vec::Vec;

use crate::arch::kernel::Window;
use crate::bits::{Plan, count_bits};
use crate::join::{Join, Serial};
use crate::{Cover, Error, Options, Result, Sample, Scheme, frame, reversible};

/// Extracts a framed payload; the options are those of [`embed`](crate::embed).
///
/// [`framed_bits`](crate::framed_bits) of its length says which bits the frame occupies. Memory is taken for what the
/// cover can hold at most, whatever the frame claims.
///
/// # Errors
///
/// [`Error::NoPayload`] when no frame begins here, [`Error::Version`] and [`Error::ClaimedLength`] when it cannot be read,
/// [`Error::Checksum`] when it is damaged.
///
/// # Example
///
/// ```
/// use lsb_stego::{Cover, Error, Layout, Options, extract};
///
/// let cover = Cover::new(&[0u8; 512], Layout::new(8)?)?;
/// assert_eq!(extract(cover, &Options::new()), Err(Error::NoPayload));
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn extract<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<Vec<u8>> {
    extract_with::<Serial, S>(cover, options)
}

/// [`extract`] on every core, which can pay from 4 MiB of samples on; below that, where values are reserved, and under
/// [`Scheme::Reversible`] it is the same.
///
/// # Errors
///
/// As [`extract`].
#[cfg(feature = "rayon")]
pub fn extract_par<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<Vec<u8>> {
    extract_with::<crate::join::Rayon, S>(cover, options)
}

fn extract_with<J: Join, S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<Vec<u8>> {
    if options.scheme == Scheme::Reversible {
        return reversible::extract(cover, options);
    }
    let available = frame::payload_bytes(count_bits(cover, options)?).ok_or(Error::NoPayload)?;
    let mut header = [0; frame::HEADER];
    let head = Window {
        skip: 0,
        count: 8 * frame::HEADER,
    };
    let plan = Plan::new(cover, options, head.count)?;
    plan.read::<Serial, S>(cover.samples(), head, &mut header);
    let header = frame::Header::parse(header)?;
    if header.payload_len > available {
        return Err(Error::ClaimedLength {
            claimed_bytes: header.payload_len,
            available_bytes: available,
        });
    }
    let mut payload = vec![0; header.payload_len];
    let window = Window {
        skip: head.count,
        count: 8 * payload.len(),
    };
    plan.read::<J, S>(cover.samples(), window, &mut payload);
    header.check(&payload)?;
    Ok(payload)
}

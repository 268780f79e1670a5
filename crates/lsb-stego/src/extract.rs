use alloc::vec;
use alloc::vec::Vec;

use crate::arch::kernel::Window;
use crate::bits::{Plan, count_bits};
use crate::join::{Join, Serial};
use crate::key::CHACHA8;
use crate::walk::{Route, Walk};
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
        options.keyless()?;
        return reversible::extract(cover, options);
    }
    if !options.plain() {
        return extract_along::<J, S>(cover, options);
    }
    let available = frame::payload_bytes(count_bits(cover, options)?).ok_or(Error::NoPayload)?;
    let mut header = [0; frame::HEADER];
    let head = Window {
        skip: 0,
        count: 8 * frame::HEADER,
    };
    let plan = Plan::new(cover, options, head.count)?;
    plan.read::<Serial, S>(cover.samples(), head, &mut header);
    let header = frame::Header::parse(header, 0)?;
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

/// Extracts along a route. With a key every density is tried, as nothing else tells it: of the wrong ones, and with a wrong
/// key of all, the header looks like noise.
fn extract_along<J: Join, S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<Vec<u8>> {
    let mut route = Route::every(cover, options)?;
    let available = frame::payload_bytes(route.bits()).ok_or(Error::NoPayload)?;
    let mut walk = route.walk();
    let header = if options.key.is_some() {
        let mut densities = route.densities();
        let found = densities.find_map(|density| {
            route.thin(density);
            let header = header(&route, &mut walk, cover, CHACHA8);
            (header != Err(Error::NoPayload)).then_some(header)
        });
        found.unwrap_or(Err(Error::NoPayload))?
    } else {
        header(&route, &mut walk, cover, 0)?
    };
    if header.payload_len > available {
        return Err(Error::ClaimedLength {
            claimed_bytes: header.payload_len,
            available_bytes: available,
        });
    }
    let mut frame = vec![0; frame::HEADER + header.payload_len];
    route.read::<J, S>(&mut walk, cover.samples(), &mut frame);
    frame.drain(..frame::HEADER);
    header.check(&frame)?;
    Ok(frame)
}

/// The header, if one begins there.
fn header<S: Sample>(
    route: &Route<'_>,
    walk: &mut Walk,
    cover: Cover<'_, S>,
    keystream: u8,
) -> Result<frame::Header> {
    if route.bits() < 8 * frame::HEADER {
        return Err(Error::NoPayload);
    }
    let mut header = [0; frame::HEADER];
    let (first, _) = header.split_at_mut(frame::MAGIC.len());
    route.read::<Serial, S>(walk, cover.samples(), first);
    if first != frame::MAGIC {
        return Err(Error::NoPayload);
    }
    header.fill(0);
    route.read::<Serial, S>(walk, cover.samples(), &mut header);
    frame::Header::parse(header, keystream)
}

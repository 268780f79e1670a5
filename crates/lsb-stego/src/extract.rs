use alloc::vec;
use alloc::vec::Vec;

use crate::arch::kernel::Window;
use crate::bits::{Plan, count_bits};
use crate::join::{Join, Serial};
use crate::key::CHACHA8;
use crate::walk::{Route, Walk};
use crate::{
    Cover, Error, Options, Result, Sample, Scheme, adaptive, frame, framed_bits, reversible,
};

/// Extracts a framed payload; the options are those of [`embed`](crate::embed).
///
/// [`framed_bits`](crate::framed_bits) of its length says which bits the frame occupies. Memory is taken for what the
/// cover can hold at most, whatever the frame claims.
///
/// # Errors
///
/// [`Error::NoPayload`] when no frame begins here, [`Error::Version`] and [`Error::ClaimedLength`] when it cannot be read,
/// [`Error::Checksum`] when it is damaged. With a key the length of the payload belongs to the path, and a frame whose length
/// is damaged may be no frame.
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
    if let Scheme::Adaptive { trellis, .. } = options.scheme {
        return adaptive::extract::<J, S>(cover, options, trellis);
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
    header.check(&payload, options.level)?;
    Ok(payload)
}

/// Extracts along a route. With a key every density is tried, as nothing outside of the frame tells it. Of most wrong ones,
/// and with a wrong key of all, the header looks like noise. But densities side by side share much of their paths, and the
/// beginning of the header, or all of it, may read the same along several: only a whole frame ends the search.
fn extract_along<J: Join, S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<Vec<u8>> {
    let mut route = Route::every(cover, options)?;
    let available = frame::payload_bytes(route.bits()).ok_or(Error::NoPayload)?;
    let mut walk = route.walk();
    if options.key.is_none() {
        return frame_along::<J, S>(&route, &mut walk, cover, 0, available);
    }
    let mut refused = Error::NoPayload;
    for density in route.densities() {
        route.thin(density);
        match frame_along::<J, S>(&route, &mut walk, cover, CHACHA8, available) {
            Ok(payload) => return Ok(payload),
            // A header that belongs to its density says more than what reads like one.
            Err(error) if matches!(error, Error::Checksum { .. }) => refused = error,
            Err(error) if refused == Error::NoPayload => refused = error,
            Err(_) => {}
        }
    }
    Err(refused)
}

/// The payload of the frame that begins along the route. With a key, a frame whose length is one of another density does
/// not: it is read where it belongs.
fn frame_along<J: Join, S: Sample>(
    route: &Route<'_>,
    walk: &mut Walk,
    cover: Cover<'_, S>,
    keystream: u8,
    available: usize,
) -> Result<Vec<u8>> {
    let header = header(route, walk, cover, keystream)?;
    if header.payload_len > available {
        return Err(Error::ClaimedLength {
            claimed_bytes: header.payload_len,
            available_bytes: available,
        });
    }
    if keystream != 0 && !route.is_for(framed_bits(header.payload_len)) {
        return Err(Error::NoPayload);
    }
    let mut frame = vec![0; frame::HEADER + header.payload_len];
    route.read::<J, S>(walk, cover.samples(), &mut frame);
    frame.drain(..frame::HEADER);
    header.check(&frame, route.level())?;
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

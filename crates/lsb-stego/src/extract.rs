use alloc::vec;
use alloc::vec::Vec;

use crate::arch::kernel::Window;
use crate::bits::Plan;
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
/// is damaged may be no frame. What the options ask and the cover or scheme does not have is refused as by [`embed`](crate::embed);
/// columns only [`Scheme::Reversible`] asks for.
///
/// # Performance
///
/// With a key, and under [`Scheme::Adaptive`] always, nothing says where the frame is, and what reads like one is read to its
/// end: of 16 at most, after which the last one's checksum is the error. A cover that was made to hold more of them, with a
/// whole one behind, is not read; embedding makes none.
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
    extract_with::<Serial, S>(cover, options, &mut None)
}

/// [`extract`] on every core, which can pay where the payload's samples are 4 MiB and more: those up to its last bit, or with a key all. From 2 MiB
/// on work is cut with a key, under matching and under matrix embedding, and under [`Scheme::Adaptive`] from half a million samples on. It is the same, on one core, below
/// that, and under [`Scheme::Reversible`]; with a key also where a frame takes less than one in 256 of the samples that carry;
/// and where values are reserved and a channel does not carry, both. Matrix embedding with a key is cut where 64 groups are whole, which of
/// many parity bits is seldom: every four million samples of eight.
///
/// # Errors
///
/// As [`extract`].
#[cfg(feature = "rayon")]
pub fn extract_par<S: Sample>(cover: Cover<'_, S>, options: &Options) -> Result<Vec<u8>> {
    extract_with::<crate::join::Rayon, S>(cover, options, &mut None)
}

/// [`extract`] where it is not known which of these options the payload was embedded with: tries one after the other, and gives the
/// payload and the number of the first that it is found with.
///
/// The samples that [`Scheme::Adaptive`] may change are looked at once for all heights of its code that follow one another, with
/// one key or without one; each height more takes a tenth of that and less.
///
/// # Errors
///
/// As [`search`].
///
/// # Example
///
/// ```
/// use lsb_stego::{Bits, Cover, CoverMut, Layout, Options, embed, extract_any};
///
/// let layout = Layout::new(8)?;
/// let ways = [Bits::One, Bits::Two, Bits::Three].map(|bits| Options::new().bits(bits));
/// let mut samples = [100u8; 512];
/// embed(CoverMut::new(&mut samples, layout)?, b"payload", &ways[1])?;
/// let found = extract_any(Cover::new(&samples, layout)?, &ways)?;
/// assert_eq!(found, (1, b"payload".to_vec()));
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn extract_any<S: Sample>(cover: Cover<'_, S>, ways: &[Options]) -> Result<(usize, Vec<u8>)> {
    extract_any_with::<Serial, S>(cover, ways)
}

/// [`extract_any`] on every core; each of the options as [`extract_par`].
///
/// # Errors
///
/// As [`search`].
#[cfg(feature = "rayon")]
pub fn extract_any_par<S: Sample>(
    cover: Cover<'_, S>,
    ways: &[Options],
) -> Result<(usize, Vec<u8>)> {
    extract_any_with::<crate::join::Rayon, S>(cover, ways)
}

fn extract_any_with<J: Join, S: Sample>(
    cover: Cover<'_, S>,
    ways: &[Options],
) -> Result<(usize, Vec<u8>)> {
    let mut walk = None;
    search(ways.iter().enumerate(), |(index, options)| {
        Ok((index, extract_with::<J, S>(cover, options, &mut walk)?))
    })
}

fn extract_with<J: Join, S: Sample>(
    cover: Cover<'_, S>,
    options: &Options,
    adaptive_walk: &mut Option<adaptive::Walk>,
) -> Result<Vec<u8>> {
    if options.scheme == Scheme::Reversible {
        options.keyless()?;
        return reversible::extract(cover, options);
    }
    if let Scheme::Adaptive { trellis, .. } = options.scheme {
        return adaptive::extract::<J, S>(cover, options, trellis, adaptive_walk);
    }
    if !options.plain() {
        return extract_along::<J, S>(cover, options);
    }
    let plan = Plan::new::<J, S>(cover, options, 0)?;
    let available = frame::payload_bytes(plan.bits()).ok_or(Error::NoPayload)?;
    let mut header = [0; frame::HEADER];
    let head = Window {
        skip: 0,
        count: 8 * frame::HEADER,
    };
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
    let mut route = Route::every::<J, S>(cover, options)?;
    let available = frame::payload_bytes(route.bits()).ok_or(Error::NoPayload)?;
    let mut walk = route.walk();
    if options.key.is_none() {
        return frame_along::<J, S>(&route, &mut walk, cover, 0, available);
    }
    search(route.densities(), |density| {
        route.thin(density);
        frame_along::<J, S>(&route, &mut walk, cover, CHACHA8, available)
    })
}

/// The frames whose checksum is looked at, each for a pass along the samples: enough for what begins like the one that is
/// there, and an end to what is made to begin so everywhere.
const FRAMES: usize = 16;

/// Reads at one place after the other, of which nothing outside of the frame says which it is at: options that [`recover`](crate::recover)
/// is to try, say. Gives the first that is read, and ends there. [`extract_any`] is this for extraction.
///
/// # Errors
///
/// What was nearest to a payload: a failed checksum before all else, then the first error that is not [`Error::NoPayload`].
/// After 16 failed checksums it ends, so that a cover that was made to hold a frame at every place costs no more passes.
///
/// # Example
///
/// ```
/// use lsb_stego::{Cover, CoverMut, Key, Layout, Options, embed, extract, search};
///
/// let layout = Layout::new(8)?;
/// let keys = [[1; 32], [2; 32], [3; 32]];
/// let options = |key| Options::new().key(Key::new(key));
/// let mut samples = [100u8; 512];
/// embed(CoverMut::new(&mut samples, layout)?, b"payload", &options(keys[1]))?;
/// let cover = Cover::new(&samples, layout)?;
/// let (key, payload) = search(keys, |key| Ok((key, extract(cover, &options(key))?)))?;
/// assert!(key == keys[1] && payload == b"payload");
/// # Ok::<(), lsb_stego::Error>(())
/// ```
pub fn search<T, R>(
    places: impl IntoIterator<Item = T>,
    mut read: impl FnMut(T) -> Result<R>,
) -> Result<R> {
    let mut refused = Error::NoPayload;
    let mut frames = 0;
    for place in places {
        match read(place) {
            Ok(found) => return Ok(found),
            // A header that belongs to its place says more than what reads like one.
            Err(error) if matches!(error, Error::Checksum { .. }) => {
                refused = error;
                frames += 1;
                if frames == FRAMES {
                    break;
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    const DAMAGED: Error = Error::Checksum {
        expected: 1,
        found: 2,
    };

    /// A hostile cover may hold a header that fits at every place, and each took a pass along all samples.
    #[test]
    fn a_search_ends_after_sixteen_frames() {
        let mut reads = 0;
        let found: Result<()> = search(0..1000, |_| {
            reads += 1;
            Err(DAMAGED)
        });
        assert_eq!((found, reads), (Err(DAMAGED), FRAMES));
    }

    /// What is refused for less than a pass ends no search, nor do as many frames as neighbours of one may seem to be.
    #[test]
    fn a_search_goes_on_past_what_only_begins_like_a_frame() {
        let claimed = Error::ClaimedLength {
            claimed_bytes: 9,
            available_bytes: 8,
        };
        let found = search(0..10_000, |place| match place {
            9_999 => Ok(vec![7]),
            _ if place % 1000 == 0 => Err(DAMAGED),
            _ if place % 2 == 0 => Err(claimed.clone()),
            _ => Err(Error::NoPayload),
        });
        assert_eq!(found, Ok(vec![7]));
        let found: Result<()> = search(0..3, |place| match place {
            1 => Err(claimed.clone()),
            _ => Err(Error::NoPayload),
        });
        assert_eq!(found, Err(claimed));
    }
}

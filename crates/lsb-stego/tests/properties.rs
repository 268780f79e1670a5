//! What holds for every cover, payload, layout and level; and, in `refusal`, what is refused.

#![allow(
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a test panics, and its numbers are small"
)]

mod reference;
mod refusal;

use lsb_stego::{
    Bits, Cover, CoverMut, Error, Layout, Level, Options, Sample, capacity, embed, extract,
    framed_bits, read_bits, write_bits,
};
use proptest::prelude::*;
use reference::Plain;

/// Lengths on both sides of every boundary of blocks, and any others.
fn length() -> impl Strategy<Value = usize> {
    let near = prop::sample::select(vec![
        0usize, 1, 63, 64, 65, 127, 128, 129, 192, 256, 320, 511, 512, 513,
    ]);
    prop_oneof![near, 0usize..1500]
}

/// A layout within `width` bits, as the crate's and as the reference's.
fn layout(width: u32) -> impl Strategy<Value = (Layout, Plain)> {
    let reserved = prop::option::weighted(0.4, (any::<u16>(), 0u16..40));
    (4..=width, 1usize..=8, any::<u8>(), reserved).prop_map(
        move |(bits_stored, channels, mask, reserved)| {
            let all = u8::try_from((1u32 << channels) - 1).unwrap();
            let carrying = if mask & all == 0 || mask < 64 {
                all
            } else {
                mask & all
            };
            let peak = (1u32 << bits_stored) - 1;
            let reserved = reserved.map(|(low, span)| {
                let low = u32::from(low) & peak;
                (low, (low + u32::from(span)).min(peak))
            });
            let mut layout = Layout::new(u8::try_from(bits_stored).unwrap()).unwrap();
            layout = layout
                .with_channels(u8::try_from(channels).unwrap(), carrying)
                .unwrap();
            if let Some((low, high)) = reserved {
                layout = layout
                    .with_reserved(u16::try_from(low).unwrap(), u16::try_from(high).unwrap())
                    .unwrap();
            }
            (
                layout,
                Plain {
                    bits_stored,
                    channels,
                    carrying: u32::from(carrying),
                    reserved,
                },
            )
        },
    )
}

/// Samples of whole pixels, of which a share is drawn from few values, so that reserved ones occur.
fn samples(pixels: usize, plain: Plain, width: u32) -> impl Strategy<Value = Vec<u32>> {
    let low = plain.reserved.map_or(0, |(low, _)| low);
    let value = prop_oneof![0u32..(1 << width), low.saturating_sub(20)..low + 60];
    prop::collection::vec(
        value.prop_map(move |v| v & ((1 << width) - 1)),
        pixels * plain.channels,
    )
}

#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    plain: Plain,
    samples: Vec<u32>,
    bits: u8,
    payload: Vec<u8>,
    share: f64,
}

fn case(width: u32) -> impl Strategy<Value = Case> {
    (layout(width), length()).prop_flat_map(move |((layout, plain), length)| {
        let samples = samples(length / plain.channels, plain, width);
        let payload = prop::collection::vec(any::<u8>(), 750 * 8);
        (samples, 1u8..=4, payload, prop_oneof![Just(1.0), 0.0..1.0]).prop_map(
            move |(samples, bits, payload, share)| Case {
                layout,
                plain,
                samples,
                bits,
                payload,
                share,
            },
        )
    })
}

fn check<S: Sample + TryFrom<u32> + Into<u32> + PartialEq>(case: &Case) {
    let narrow = |samples: &[u32]| -> Vec<S> {
        samples
            .iter()
            .map(|&s| S::try_from(s).ok().unwrap())
            .collect()
    };
    let k = u32::from(case.bits);
    let original = narrow(&case.samples);
    let cover = Cover::new(&original, case.layout).unwrap();
    let held = reference::positions(&case.plain, k, &case.samples).len();
    let bit_len = (held as f64 * case.share) as usize;
    let mut expected = case.samples.clone();
    reference::write_bits(&case.plain, k, &mut expected, &case.payload, bit_len);
    for level in Level::available() {
        let options = Options::new()
            .bits(Bits::new(case.bits).unwrap())
            .level(level);
        let capacity = capacity(cover, &options).unwrap();
        assert_eq!(capacity.bits(), held, "capacity is exact");

        let mut stego = original.clone();
        write_bits(
            CoverMut::new(&mut stego, case.layout).unwrap(),
            &options,
            &case.payload,
            bit_len,
        )
        .unwrap();
        assert!(
            stego == narrow(&expected),
            "{level:?} writes what the reference writes"
        );
        let stego = Cover::new(&stego, case.layout).unwrap();
        let read = read_bits(stego, &options, held).unwrap();
        assert_eq!(
            read,
            reference::read_bits(&case.plain, k, &expected, held),
            "{level:?} reads it"
        );

        framed::<S>(case, &original, &options, capacity.payload_bytes());
    }
}

/// A payload fits if and only if the capacity says so, comes back, and changes nothing when it is refused.
fn framed<S: Sample + Into<u32> + PartialEq>(
    case: &Case,
    original: &[S],
    options: &Options,
    fits: usize,
) {
    let mut stego = original.to_vec();
    let refused = embed(
        CoverMut::new(&mut stego, case.layout).unwrap(),
        &case.payload[..fits + 1],
        options,
    );
    assert_eq!(
        refused,
        Err(Error::TooSmall {
            needed_bytes: fits + 1,
            available_bytes: fits
        })
    );
    assert!(stego == original);

    let payload = &case.payload[..(fits as f64 * case.share) as usize];
    let embedded = match embed(
        CoverMut::new(&mut stego, case.layout).unwrap(),
        payload,
        options,
    ) {
        Err(Error::TooSmall {
            needed_bytes: 0,
            available_bytes: 0,
        }) if fits == 0 => return,
        other => other.unwrap(),
    };
    assert_eq!(embedded.bits(), framed_bits(payload.len()));
    let cover = Cover::new(&stego, case.layout).unwrap();
    assert_eq!(extract(cover, options).unwrap(), payload);
    assert_eq!(
        read_bits(cover, options, embedded.bits()).unwrap(),
        reference::frame(payload, 0)
    );
    for (after, before) in stego.iter().zip(original) {
        let (after, before): (u32, u32) = ((*after).into(), (*before).into());
        assert_eq!(
            after >> options_bits(case),
            before >> options_bits(case),
            "only low bits change"
        );
    }
}

fn options_bits(case: &Case) -> u32 {
    u32::from(case.bits)
}

proptest! {
    // Miri is slow.
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 6 } else { 256 }))]

    #[test]
    fn as_the_reference_8(case in case(8)) {
        check::<u8>(&case);
    }

    #[test]
    fn as_the_reference_16(case in case(16)) {
        check::<u16>(&case);
    }

    /// Any damage to a frame is noticed, or was in the three bytes and the magic that say "no payload".
    #[test]
    fn damage_is_noticed(payload in prop::collection::vec(any::<u8>(), 0..80), at in any::<prop::sample::Index>()) {
        let layout = Layout::new(8).unwrap();
        let mut samples = vec![0x55u8; 1000];
        let options = Options::new();
        let embedded = embed(CoverMut::new(&mut samples, layout).unwrap(), &payload, &options).unwrap();
        samples[at.index(embedded.bits())] ^= 1;
        prop_assert!(extract(Cover::new(&samples, layout).unwrap(), &options).is_err());
    }
}

/// Around what is written at several places in turns: three times 16 KiB.
#[test]
fn as_the_reference_in_long_covers() {
    const APART: usize = 16384;
    // a block more or less, because blocks begin at lines of the cache
    let near =
        [-128, -64, -1, 0, 1, 64, 128].map(|more| (3 * APART).checked_add_signed(more).unwrap());
    for length in near.into_iter().chain([6 * APART + 64, 7 * APART + 77]) {
        for (bits, share) in [(1, 1.0), (2, 0.999), (3, 1.0), (4, 1.0)] {
            let samples = (0..length as u32).map(|i| i.wrapping_mul(2_654_435_761) >> 24);
            let payload = (0..length as u32).map(|i| (i.wrapping_mul(2_246_822_519) >> 21) as u8);
            let case = Case {
                layout: Layout::new(8).unwrap(),
                plain: Plain {
                    bits_stored: 8,
                    channels: 1,
                    carrying: 1,
                    reserved: None,
                },
                samples: samples.collect(),
                bits,
                payload: payload.collect(),
                share,
            };
            check::<u8>(&case);
            check::<u16>(&case);
        }
    }
}

#[test]
fn layouts_that_cannot_be_are_refused() {
    assert!(matches!(Layout::new(0), Err(Error::BitsStored { .. })));
    assert!(matches!(Layout::new(17), Err(Error::BitsStored { .. })));
    let grey = Layout::new(12).unwrap();
    for (channels, carrying) in [(0, 1), (9, 1), (1, 0), (3, 0b1000)] {
        assert_eq!(
            grey.with_channels(channels, carrying),
            Err(Error::Channels { channels, carrying })
        );
    }
    assert_eq!(
        grey.with_reserved(2, 1),
        Err(Error::Reserved { low: 2, high: 1 })
    );
    assert_eq!(
        grey.with_reserved(0, 4096),
        Err(Error::Reserved { low: 0, high: 4096 })
    );
    assert!(grey.with_columns(0).is_err());
    let rgb = Layout::new(8).unwrap().with_channels(3, 7).unwrap();
    assert_eq!(
        Cover::new(&[0u8; 7], rgb).unwrap_err(),
        Error::Samples {
            samples: 7,
            channels: 3
        }
    );
    let wide = rgb.with_columns(2).unwrap();
    assert_eq!(
        Cover::new(&[0u8; 9], wide).unwrap_err(),
        Error::Columns {
            columns: 2,
            samples: 9
        }
    );
    assert_eq!(
        Cover::new(&[0u8; 9], grey).unwrap_err(),
        Error::BitsStored {
            bits_stored: 12,
            allocated: 8
        }
    );
}

#[test]
fn more_bits_than_stored_are_refused() {
    let layout = Layout::new(3).unwrap();
    let cover = Cover::new(&[0u8; 512], layout).unwrap();
    let options = Options::new().bits(Bits::Four);
    assert_eq!(
        capacity(cover, &options),
        Err(Error::Bits { bits: 4, most: 3 })
    );
    assert_eq!(
        extract(cover, &options),
        Err(Error::Bits { bits: 4, most: 3 })
    );
}

/// A frame that claims 4 GiB in a cover of 512 samples is refused before any memory is taken.
#[test]
fn claimed_lengths_are_not_believed() {
    let layout = Layout::new(8).unwrap();
    let mut samples = [0u8; 512];
    let mut frame = reference::frame(b"", 0);
    frame[8..12].fill(0xFF);
    let options = Options::new();
    write_bits(
        CoverMut::new(&mut samples, layout).unwrap(),
        &options,
        &frame,
        128,
    )
    .unwrap();
    let refused = extract(Cover::new(&samples, layout).unwrap(), &options);
    assert_eq!(
        refused,
        Err(Error::ClaimedLength {
            claimed_bytes: u32::MAX as usize,
            available_bytes: 48
        })
    );
    frame[4] = 2;
    write_bits(
        CoverMut::new(&mut samples, layout).unwrap(),
        &options,
        &frame,
        128,
    )
    .unwrap();
    assert_eq!(
        extract(Cover::new(&samples, layout).unwrap(), &options),
        Err(Error::Version { found: 2 })
    );
}

#[test]
fn empty_covers_hold_nothing() {
    let layout = Layout::new(16).unwrap();
    let cover = Cover::new(&[] as &[u16], layout).unwrap();
    let options = Options::new();
    assert_eq!(capacity(cover, &options).unwrap().bits(), 0);
    assert_eq!(extract(cover, &options), Err(Error::NoPayload));
    assert_eq!(read_bits(cover, &options, 0).unwrap(), []);
    let missing = write_bits(
        CoverMut::new(&mut [0u16; 9], layout).unwrap(),
        &options,
        &[1],
        9,
    );
    assert_eq!(missing, Err(Error::ShortPayload { bits: 9, bytes: 1 }));
}

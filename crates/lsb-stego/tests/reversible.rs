//! The reversible scheme: the original comes back, every sample, and the capacity is exact.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a test panics, and its numbers are small"
)]

mod reference;

use lsb_stego::{
    Bits, Cover, CoverMut, Error, Key, Layout, Level, Options, Sample, Scheme, capacity, embed,
    extract, framed_bits, read_bits, recover, write_bits,
};
use proptest::prelude::*;

use reference::Plain;

fn options() -> Options {
    Options::new().scheme(Scheme::Reversible)
}

/// Numbers that look random, the same ever after (splitmix64).
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (1u64..).map(move |i| {
        let z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

/// A slope with noise, cut to the stored range so that both ends are reached: flat, dark and bright areas.
fn picture(
    rows: usize,
    columns: usize,
    channels: usize,
    peak: u16,
    noise: u16,
    tilt: f64,
    seed: u64,
) -> Vec<u16> {
    let mut next = numbers(seed);
    (0..rows * columns * channels)
        .map(|i| {
            let (row, column) = (i / channels / columns, i / channels % columns);
            let across = (row + column) as f64 / (rows + columns) as f64;
            let noise = next.next().unwrap() % (u64::from(noise) + 1);
            let value = (across - 0.3) * tilt * f64::from(peak) + noise as f64;
            value.clamp(0.0, f64::from(peak)) as u16
        })
        .collect()
}

#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    samples: Vec<u16>,
    share: f64,
}

fn case(most: u8) -> impl Strategy<Value = Case> {
    let size = (1usize..70, 1usize..70);
    let reserved = prop::option::weighted(0.4, (0.0..1.0, 0u16..30));
    (
        size,
        1u8..=4,
        1..=most,
        any::<u64>(),
        0.0..2.5,
        0.0..0.2,
        reserved,
        0.0..1.0,
    )
        .prop_map(
            |((rows, columns), channels, bits, seed, tilt, noise, reserved, share)| {
                let mut layout = Layout::new(bits)
                    .unwrap()
                    .with_columns(columns as u32)
                    .unwrap();
                let all = (1u8 << channels) - 1;
                let carrying = [all, 1, all & 0b0111][seed as usize % 3];
                layout = layout.with_channels(channels, carrying).unwrap();
                let peak = layout.peak();
                if let Some((at, span)) = reserved {
                    let low = (f64::from(peak) * at) as u16;
                    layout = layout
                        .with_reserved(low, low.saturating_add(span).min(peak))
                        .unwrap();
                }
                let noise = (f64::from(peak) * noise) as u16;
                let mut samples = picture(
                    rows,
                    columns,
                    usize::from(channels),
                    peak,
                    noise,
                    tilt,
                    seed,
                );
                if let (Some((low, _)), true) = (layout.reserved(), seed % 2 == 0) {
                    let reserved = samples.len() / 3;
                    samples[..reserved].fill(low);
                }
                Case {
                    layout,
                    samples,
                    share,
                }
            },
        )
}

/// What the plain loops make of a payload that fits.
fn plain_loops<S: Sample + TryFrom<u16>>(case: &Case, payload: &[u8]) -> Vec<S> {
    let layout = &case.layout;
    let plain = Plain {
        bits_stored: layout.bits_stored().into(),
        channels: layout.channels().into(),
        carrying: layout.carrying().into(),
        reserved: layout
            .reserved()
            .map(|(low, high)| (low.into(), high.into())),
    };
    let mut samples: Vec<u32> = case.samples.iter().map(|&sample| sample.into()).collect();
    let columns = layout.columns() as usize;
    assert!(reference::reversible::embed(
        &plain,
        columns,
        &mut samples,
        payload
    ));
    let narrow = samples
        .into_iter()
        .map(|sample| S::try_from(sample as u16).ok());
    narrow.collect::<Option<_>>().unwrap()
}

fn check<S: Sample + TryFrom<u16> + PartialEq>(case: &Case) {
    let original: Vec<S> = case
        .samples
        .iter()
        .map(|&s| S::try_from(s).ok().unwrap())
        .collect();
    let cover = Cover::new(&original, case.layout).unwrap();
    let fits = capacity(cover, &options()).unwrap().payload_bytes();
    let payload: Vec<u8> = numbers(7).map(|n| n as u8).take(fits + 1).collect();

    let mut samples = original.clone();
    let refused = embed(
        CoverMut::new(&mut samples, case.layout).unwrap(),
        &payload,
        &options(),
    );
    assert_eq!(
        refused,
        Err(Error::TooSmall {
            needed_bytes: fits + 1,
            available_bytes: fits
        })
    );
    assert!(samples == original, "a refusal changes nothing");

    for length in [fits, (fits as f64 * case.share) as usize] {
        let payload = &payload[..length];
        let cover = CoverMut::new(&mut samples, case.layout).unwrap();
        match embed(cover, payload, &options()) {
            Err(Error::TooSmall {
                needed_bytes: 0,
                available_bytes: 0,
            }) if fits == 0 => return,
            other => _ = other.unwrap(),
        }
        for (&after, &before) in samples.iter().zip(&original) {
            let (after, before): (u16, u16) = (after.into(), before.into());
            assert!(after <= case.layout.peak());
            let reserved = |v: u16| {
                case.layout
                    .reserved()
                    .is_some_and(|(low, high)| (low..=high).contains(&v))
            };
            assert_eq!(
                reserved(before),
                reserved(after),
                "reserved values stay, and none is made"
            );
        }
        assert!(samples == plain_loops(case, payload), "as the plain loops");
        let stego = samples.clone();
        assert_eq!(
            extract(Cover::new(&stego, case.layout).unwrap(), &options()).unwrap(),
            payload
        );
        let recovered = recover(
            CoverMut::new(&mut samples, case.layout).unwrap(),
            &options(),
        )
        .unwrap();
        assert_eq!(recovered, payload);
        assert!(samples == original, "every sample comes back");
        for level in Level::available() {
            let mut other = original.clone();
            let options = options().level(level);
            embed(
                CoverMut::new(&mut other, case.layout).unwrap(),
                payload,
                &options,
            )
            .unwrap();
            assert!(other == stego, "{level:?} embeds the same");
            let found = recover(CoverMut::new(&mut other, case.layout).unwrap(), &options);
            assert_eq!(found.unwrap(), payload, "{level:?}");
            assert!(other == original, "{level:?} gives every sample back");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 160 }))]

    #[test]
    fn every_sample_comes_back_8(case in case(8)) {
        check::<u8>(&case);
    }

    #[test]
    fn every_sample_comes_back_16(case in case(16)) {
        check::<u16>(&case);
    }

    /// Whatever the samples, recovery ends with a payload or an error, and an error changes nothing.
    #[test]
    fn damage_is_noticed(seed in any::<u64>(), at in any::<prop::sample::Index>(), bit in 0..16) {
        let layout = Layout::new(16).unwrap().with_columns(64).unwrap();
        let mut samples = picture(64, 64, 1, u16::MAX, 20, 1.0, seed);
        embed(CoverMut::new(&mut samples, layout).unwrap(), &[0x5A; 60], &options()).unwrap();
        let at = at.index(samples.len());
        samples[at] ^= 1u16 << bit;
        let damaged = samples.clone();
        match recover(CoverMut::new(&mut samples, layout).unwrap(), &options()) {
            Err(_) => prop_assert!(samples == damaged),
            // The checksum is the payload's: what else was damaged is for a digest of the original to find.
            Ok(payload) => prop_assert_eq!(payload, [0x5A; 60]),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    /// As above, in widths on both sides of a block of 64 samples, of two, and of their rows.
    #[test]
    fn every_width_comes_back(
        case in case(16),
        columns in prop::sample::select(vec![1usize, 2, 3, 4, 21, 31, 32, 33, 62, 63, 64, 65, 66, 126, 127, 128, 129, 130, 193]),
        rows in 3usize..24,
    ) {
        let channels = usize::from(case.layout.channels());
        let layout = case.layout.with_columns(columns as u32).unwrap();
        let mut samples = picture(rows, columns, channels, layout.peak(), layout.peak() / 64, 1.5, case.share.to_bits());
        if let Some((low, _)) = layout.reserved() {
            samples[..columns].fill(low);
        }
        let case = Case { layout, samples, ..case };
        check::<u16>(&case);
        if layout.bits_stored() <= 8 {
            check::<u8>(&case);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 24 }))]

    /// As above, in covers of which a plan looks at some rows first.
    #[test]
    fn tall_covers_come_back(case in case(16), columns in 60usize..130, rows in 90usize..180) {
        let channels = usize::from(case.layout.channels());
        let layout = case.layout.with_columns(columns as u32).unwrap();
        let samples = picture(rows, columns, channels, layout.peak(), layout.peak() / 64, 1.5, case.share.to_bits());
        check::<u16>(&Case { layout, samples, ..case });
    }
}

/// The rows that a plan looks at are smooth and the others are not: what it promises does not hold, and all rows are looked at.
#[test]
fn rows_that_promise_too_much() {
    let layout = Layout::new(8).unwrap().with_columns(256).unwrap();
    // The head is in the first row, the second is the guard row, the last does not carry.
    let (first, rows) = (2, 97);
    let smooth = |row: usize| {
        (0..8).any(|band| {
            let band = first + band * rows / 8;
            (band - 1..=band + 2).contains(&row)
        })
    };
    let samples: Vec<u16> = numbers(5)
        .zip(0..(first + rows + 1) * 256)
        .map(|(number, at)| {
            if smooth(at / 256) {
                128
            } else {
                108 + (number % 40) as u16
            }
        })
        .collect();
    let case = Case {
        layout,
        samples,
        share: 0.7,
    };
    check::<u8>(&case);
    check::<u16>(&case);
}

/// Every number of bits stored: how many bins are tried depends on it.
#[test]
fn every_depth_comes_back() {
    for bits in 1..=16 {
        for (tilt, noise, share) in [(0.0, 0, 0.9), (1.5, 32, 0.4), (2.5, 4, 0.1)] {
            let layout = Layout::new(bits).unwrap().with_columns(67).unwrap();
            let peak = layout.peak();
            let samples = picture(
                40,
                67,
                1,
                peak,
                peak.checked_div(noise).unwrap_or(0),
                tilt,
                bits.into(),
            );
            let case = Case {
                layout,
                samples,
                share,
            };
            check::<u16>(&case);
            if bits <= 8 {
                check::<u8>(&case);
            }
        }
    }
}

/// The same stego samples, and the same samples back, wherever they begin within a line of the cache; what lies around them
/// is unchanged.
fn check_everywhere<S: Sample + TryFrom<u16> + PartialEq>(case: &Case) {
    let original: Vec<S> = case
        .samples
        .iter()
        .map(|&s| S::try_from(s).ok().unwrap())
        .collect();
    let holds = capacity(Cover::new(&original, case.layout).unwrap(), &options()).unwrap();
    let payload: Vec<u8> = numbers(9)
        .map(|n| n as u8)
        .take(holds.payload_bytes() / 2)
        .collect();
    let expected = plain_loops::<S>(case, &payload);
    for level in Level::available() {
        let options = options().level(level);
        for offset in (0..64).step_by(size_of::<S>()) {
            let mut memory = vec![S::try_from(77).ok().unwrap(); original.len() + 256];
            let from = memory.as_ptr().align_offset(64) + offset / size_of::<S>();
            let here = from..from + original.len();
            memory[here.clone()].copy_from_slice(&original);
            let before = memory.clone();
            let mut cover = CoverMut::new(&mut memory[here.clone()], case.layout).unwrap();
            embed(cover.reborrow(), &payload, &options).unwrap();
            let told = format!("{level:?}, {offset} bytes after a line");
            assert!(cover.as_cover().samples() == expected, "{told}");
            assert_eq!(
                extract(cover.as_cover(), &options).as_ref(),
                Ok(&payload),
                "{told}"
            );
            assert_eq!(recover(cover, &options).as_ref(), Ok(&payload), "{told}");
            assert!(memory == before, "{told}");
        }
    }
}

#[test]
fn anywhere_in_memory() {
    for (columns, channels) in [(64, 1), (65, 1), (131, 3)] {
        let layout = Layout::new(8)
            .unwrap()
            .with_columns(columns)
            .unwrap()
            .with_channels(channels, (1 << channels) - 1)
            .unwrap();
        let samples = picture(
            23,
            columns as usize,
            channels.into(),
            layout.peak(),
            3,
            0.9,
            2,
        );
        let case = Case {
            layout,
            samples,
            share: 0.5,
        };
        check_everywhere::<u8>(&case);
        check_everywhere::<u16>(&case);
        let layout = layout.with_reserved(20, 22).unwrap();
        check_everywhere::<u16>(&Case { layout, ..case });
    }
}

/// 1 KB fits 256 x 256 samples of 8 to 16 bits whose noise is a 256th of the range, or of 16 levels, and with dark ground; and
/// every sample comes back.
#[test]
fn a_kilobyte_fits() {
    for bits in 8..=16 {
        let layout = Layout::new(bits).unwrap().with_columns(256).unwrap();
        for noise in [0, 3, 16, layout.peak() / 256, layout.peak() / 64] {
            for tilt in [0.0, 0.9, 2.0] {
                let samples = picture(256, 256, 1, layout.peak(), noise, tilt, 1);
                let held = capacity(Cover::new(&samples, layout).unwrap(), &options()).unwrap();
                let told = format!("{bits} bits, noise {noise}, tilt {tilt}: {held:?}");
                assert!(held.payload_bytes() >= 1024, "{told}");
                let mut stego = samples.clone();
                let cover = CoverMut::new(&mut stego, layout).unwrap();
                embed(cover, &[0xA5; 1024], &options()).unwrap();
                assert!(stego != samples, "{told}");
                let cover = CoverMut::new(&mut stego, layout).unwrap();
                assert_eq!(recover(cover, &options()).unwrap(), [0xA5; 1024], "{told}");
                assert!(stego == samples, "{told}");
            }
        }
    }
}

/// Noise over the whole range of 16 bits cannot be predicted: the refusal says how much would fit.
#[test]
fn noise_is_refused_with_both_numbers() {
    let layout = Layout::new(16).unwrap().with_columns(64).unwrap();
    let mut samples: Vec<u16> = numbers(3).map(|n| n as u16).take(64 * 64).collect();
    let refused = embed(
        CoverMut::new(&mut samples, layout).unwrap(),
        &[0; 1024],
        &options(),
    );
    assert!(
        matches!(
            refused,
            Err(Error::TooSmall {
                needed_bytes: 1024,
                available_bytes: 0..200
            })
        ),
        "{refused:?}"
    );
}

/// The fallback that `DESIGN.md` names: the bits that replacement overwrites, kept beside the image.
#[test]
fn where_reversible_is_refused_kept_bits_restore() {
    let layout = Layout::new(16).unwrap().with_columns(64).unwrap();
    let original: Vec<u16> = numbers(3).map(|n| n as u16).take(64 * 64).collect();
    let (payload, bits) = ([7; 400], framed_bits(400));
    let mut samples = original.clone();
    let mut cover = CoverMut::new(&mut samples, layout).unwrap();
    assert!(embed(cover.reborrow(), &payload, &options()).is_err());
    let kept = read_bits(cover.as_cover(), &Options::new(), bits).unwrap();
    embed(cover.reborrow(), &payload, &Options::new()).unwrap();
    assert_eq!(extract(cover.as_cover(), &Options::new()).unwrap(), payload);
    write_bits(cover, &Options::new(), &kept, bits).unwrap();
    assert!(samples == original);
}

#[test]
fn misuse_is_named() {
    let layout = Layout::new(8).unwrap();
    let mut samples = [0u8; 4096];
    let cover = || Cover::new(&[0u8; 4096], layout).unwrap();
    assert_eq!(
        capacity(cover(), &options()),
        Err(Error::Columns {
            columns: 0,
            samples: 4096
        })
    );
    assert_eq!(
        extract(cover(), &options().bits(Bits::Two)),
        Err(Error::OneBit {
            scheme: "reversible",
            bits: 2
        })
    );
    assert!(matches!(
        read_bits(cover(), &options(), 8),
        Err(Error::Scheme { .. })
    ));
    let replaced = recover(
        CoverMut::new(&mut samples, layout).unwrap(),
        &Options::new(),
    );
    assert!(matches!(replaced, Err(Error::Scheme { .. })));
    let wide = layout.with_columns(64).unwrap();
    let keyed = recover(
        CoverMut::new(&mut samples, wide).unwrap(),
        &options().key(Key::new([7; 32])),
    );
    let keyed_extract = extract(
        Cover::new(&samples, wide).unwrap(),
        &options().key(Key::new([7; 32])),
    );
    assert!(matches!(keyed, Err(Error::Scheme { .. })));
    assert_eq!(keyed, keyed_extract);
    assert_eq!(
        extract(Cover::new(&samples, wide).unwrap(), &options()),
        Err(Error::NoPayload)
    );
}

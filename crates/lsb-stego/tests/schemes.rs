//! Every scheme, with and without a key, at every level: what the plain loops of `reference` do.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test panics, and its numbers are small"
)]

mod reference;

use lsb_stego::{
    Bits, Cover, CoverMut, Error, Hamming, Key, Layout, Level, Options, Sample, Scheme, capacity,
    embed, extract, framed_bits, read_bits, read_bits_into, write_bits,
};
use proptest::prelude::*;
use reference::Plain;
use reference::keyed::{Density, Reference, Way, selected, selected_count};

const KEY: [u8; 32] = *b"a key of the tests, of 32 bytes.";

fn options(reference: &Reference, level: Level) -> Options {
    let options = Options::new()
        .bits(Bits::new(reference.k as u8).unwrap())
        .level(level);
    let options = options.scheme(match reference.way {
        Way::Replacement => Scheme::Replacement,
        Way::Matching => Scheme::Matching,
        Way::Matrix(p) => Scheme::Matrix(Hamming::new(p as u8).unwrap()),
    });
    match reference.key {
        Some(key) => options.key(Key::new(key)),
        None => options,
    }
}

fn layout(plain: &Plain) -> Layout {
    let layout = Layout::new(plain.bits_stored as u8).unwrap();
    let layout = layout
        .with_channels(plain.channels as u8, plain.carrying as u8)
        .unwrap();
    match plain.reserved {
        Some((low, high)) => layout.with_reserved(low as u16, high as u16).unwrap(),
        None => layout,
    }
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

fn payload(seed: u64, bytes: usize) -> Vec<u8> {
    numbers(seed)
        .flat_map(u64::to_le_bytes)
        .take(bytes)
        .collect()
}

fn narrow<S: Sample + TryFrom<u32>>(samples: &[u32]) -> Vec<S> {
    samples
        .iter()
        .map(|&s| S::try_from(s).ok().unwrap())
        .collect()
}

/// Writes and reads so many bits raw, and holds both against the reference, at every level.
fn check<S: Sample + TryFrom<u32> + PartialEq>(
    reference: &Reference,
    samples: &[u32],
    bit_len: usize,
) {
    let layout = layout(&reference.plain);
    let bytes = payload(bit_len as u64, bit_len.div_ceil(8));
    let original: Vec<S> = narrow(samples);
    let mut expected = samples.to_vec();
    reference.write(&mut expected, &bytes, bit_len);
    let expected_bytes = reference.read(&expected, bit_len);
    for i in 0..bit_len {
        assert_eq!(
            reference::bit(&bytes, i),
            reference::bit(&expected_bytes, i),
            "the reference reads what it wrote"
        );
    }
    let expected_samples = expected;
    let expected: Vec<S> = narrow(&expected_samples);
    for level in Level::available() {
        let options = options(reference, level);
        let held = capacity(Cover::new(&original, layout).unwrap(), &options).unwrap();
        assert_eq!(
            held.bits(),
            reference.capacity(samples),
            "capacity is exact"
        );
        let mut stego = original.clone();
        let cover = CoverMut::new(&mut stego, layout).unwrap();
        write_bits(cover, &options, &bytes, bit_len).unwrap();
        let first = stego
            .iter()
            .zip(&expected)
            .position(|(found, expected)| found != expected);
        assert_eq!(
            first, None,
            "{level:?} writes what the reference writes, {reference:?}, {bit_len} bits"
        );
        let read = read_bits(Cover::new(&stego, layout).unwrap(), &options, bit_len).unwrap();
        assert!(
            read == expected_bytes,
            "{level:?} reads it, {reference:?}, {bit_len} bits"
        );
        // what nobody wrote has no zeros behind the bits that are asked for
        for bit_len in [bit_len.saturating_sub(3), bit_len / 3] {
            let read = read_bits(Cover::new(&stego, layout).unwrap(), &options, bit_len).unwrap();
            assert!(
                read == reference.read(&expected_samples, bit_len),
                "{level:?} reads {bit_len} bits, {reference:?}"
            );
        }
    }
}

/// A payload comes back from the frame, and only with its key.
fn check_frame<S: Sample + TryFrom<u32> + PartialEq>(
    reference: &Reference,
    samples: &[u32],
    bytes: usize,
) {
    let layout = layout(&reference.plain);
    let payload = payload(7, bytes);
    let mut stego: Vec<S> = narrow(samples);
    let mut expected = samples.to_vec();
    let frame = reference::frame(&payload, u8::from(reference.key.is_some()));
    reference.write(&mut expected, &frame, framed_bits(bytes));
    let options = options(reference, Level::detect());
    embed(
        CoverMut::new(&mut stego, layout).unwrap(),
        &payload,
        &options,
    )
    .unwrap();
    assert!(
        stego == narrow(&expected),
        "the frame is where the reference has it, {reference:?}"
    );
    for level in Level::available() {
        let cover = Cover::new(&stego, layout).unwrap();
        let options = options.clone().level(level);
        assert!(
            extract(cover, &options).as_ref() == Ok(&payload),
            "{level:?}, {reference:?}"
        );
        if let Some(mut key) = reference.key {
            key[31] ^= 1;
            let wrong = options.key(Key::new(key));
            assert_eq!(extract(cover, &wrong), Err(Error::NoPayload));
        }
    }
}

const FROZEN: [[usize; 6]; 7] = [
    [74, 176, 245, 256, 337, 454],
    [2, 8, 14, 16, 21, 26],
    [1, 2, 7, 10, 12, 15],
    [227, 616, 1334, 1783, 2503, 3042],
    [1, 2, 4, 7, 10, 12],
    [2, 8, 14, 16, 26, 31],
    [245, 337, 677, 948, 1223, 1476],
];

const GREY: Plain = Plain {
    bits_stored: 8,
    channels: 1,
    carrying: 1,
    reserved: None,
};

fn ways() -> impl Iterator<Item = (Way, u32)> {
    let matrix = (2..=8).map(|p| (Way::Matrix(p), 1));
    (1..=4)
        .map(|k| (Way::Replacement, k))
        .chain([(Way::Matching, 1)])
        .chain(matrix)
}

/// Samples with values at both ends of the range, and reserved ones.
fn cover(plain: &Plain, length: usize, seed: u64) -> Vec<u32> {
    let peak = (1u64 << plain.bits_stored) - 1;
    let low = plain
        .reserved
        .map_or(0, |(low, _)| u64::from(low.saturating_sub(3)));
    let value = |n: u64| match n % 8 {
        0 => n >> 8 & 1,
        1 => peak - (n >> 8 & 1),
        2 | 3 => (low + (n >> 8) % 8).min(peak),
        _ => n >> 8 & peak,
    };
    numbers(seed)
        .map(|n| value(n) as u32)
        .take(length)
        .collect()
}

/// Lengths on both sides of every boundary: of 64 samples, of a block of 256, of groups, of a part.
const LENGTHS: [usize; 22] = [
    0, 1, 3, 63, 64, 65, 191, 192, 255, 256, 257, 447, 448, 511, 512, 513, 2047, 2048, 8191, 8192,
    8193, 16_500,
];

#[test]
fn every_length() {
    for (way, k) in ways() {
        for key in [None, Some(KEY)] {
            let reference = Reference {
                plain: GREY,
                k,
                way,
                key,
            };
            for length in LENGTHS {
                let samples = cover(&GREY, length, 1);
                let held = reference.capacity(&samples);
                for bit_len in [0, 1, held / 9, held / 2 + 1, held.saturating_sub(1), held] {
                    check::<u8>(&reference, &samples, bit_len.min(held));
                }
            }
        }
    }
}

/// Every number of bits stored, in the lengths around a block.
#[test]
fn every_depth() {
    for bits_stored in 1..=16 {
        let plain = Plain {
            bits_stored,
            ..GREY
        };
        for (way, k) in ways().filter(|&(_, k)| k <= bits_stored) {
            for key in [None, Some(KEY)] {
                let reference = Reference { plain, k, way, key };
                for length in [61, 64, 130, 1100] {
                    let samples = cover(&plain, length, 6);
                    let held = reference.capacity(&samples);
                    for bit_len in [held / 7, held] {
                        check::<u16>(&reference, &samples, bit_len);
                        if bits_stored <= 8 {
                            check::<u8>(&reference, &samples, bit_len);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_density() {
    let samples = cover(&GREY, 1500, 2);
    let reference = Reference {
        plain: GREY,
        k: 1,
        way: Way::Replacement,
        key: Some(KEY),
    };
    for count in 1..=256 {
        check::<u8>(&reference, &samples, 5 * count);
    }
    let samples = cover(&GREY, 20_000, 3);
    for bit_len in [1, 2, 3, 5, 9, 20, 40, 70] {
        check::<u8>(&reference, &samples, bit_len);
        check::<u8>(
            &Reference {
                way: Way::Matching,
                ..reference
            },
            &samples,
            bit_len,
        );
        check::<u8>(
            &Reference {
                way: Way::Matrix(2),
                ..reference
            },
            &samples,
            bit_len,
        );
    }
}

#[test]
fn layouts() {
    let deep = Plain {
        bits_stored: 12,
        ..GREY
    };
    let plains = [
        deep,
        Plain {
            reserved: Some((100, 103)),
            ..deep
        },
        Plain {
            reserved: Some((0, 5)),
            ..deep
        },
        Plain {
            reserved: Some((4095, 4095)),
            ..deep
        },
        Plain {
            channels: 4,
            carrying: 0b0111,
            ..deep
        },
        Plain {
            channels: 3,
            carrying: 0b101,
            reserved: Some((7, 7)),
            ..deep
        },
        Plain {
            bits_stored: 1,
            ..GREY
        },
        Plain {
            bits_stored: 16,
            ..GREY
        },
    ];
    for plain in plains {
        for (way, k) in ways().filter(|&(_, k)| k <= plain.bits_stored) {
            for key in [None, Some(KEY)] {
                let reference = Reference { plain, k, way, key };
                let samples = cover(&plain, 9000 / plain.channels * plain.channels, 4);
                let held = reference.capacity(&samples);
                for bit_len in [held / 40, held / 3 + 1, held] {
                    check::<u16>(&reference, &samples, bit_len);
                    if plain.bits_stored <= 8 {
                        check::<u8>(&reference, &samples, bit_len);
                    }
                }
            }
        }
    }
}

#[test]
fn frames() {
    for (way, k) in ways() {
        for key in [None, Some(KEY)] {
            let reference = Reference {
                plain: GREY,
                k,
                way,
                key,
            };
            let samples = cover(&GREY, 50_000, 5);
            let most = reference.capacity(&samples) / 8 - 16;
            for bytes in [0, 1, most / 10, most] {
                check_frame::<u8>(&reference, &samples, bytes);
            }
        }
    }
    let padded = Plain {
        reserved: Some((9, 12)),
        channels: 3,
        carrying: 0b111,
        ..GREY
    };
    let reference = Reference {
        plain: padded,
        k: 1,
        way: Way::Matching,
        key: Some(KEY),
    };
    check_frame::<u8>(&reference, &cover(&padded, 30_000, 6), 100);
}

/// Embeds payloads from none to the largest, `sizes` of them, and has each back at every level.
fn sweep<S: Sample + TryFrom<u32>>(reference: &Reference, samples: &[u32], sizes: usize) {
    let layout = layout(&reference.plain);
    let original: Vec<S> = narrow(samples);
    let most = reference.capacity(samples) / 8 - 16;
    let bytes = payload(11, most);
    for level in Level::available() {
        let options = options(reference, level);
        for size in 0..=sizes {
            let payload = &bytes[..most * size / sizes];
            let mut stego = original.clone();
            embed(
                CoverMut::new(&mut stego, layout).unwrap(),
                payload,
                &options,
            )
            .unwrap();
            assert_eq!(
                extract(Cover::new(&stego, layout).unwrap(), &options).as_deref(),
                Ok(payload),
                "{level:?}, {} of {most} bytes, {reference:?}",
                payload.len()
            );
        }
    }
}

/// Densities side by side begin with the same samples, often more of them than a header takes: extraction must not stop at
/// the first along which a header reads well.
#[test]
fn keyed_payloads_of_every_size() {
    let deep = Plain {
        bits_stored: 16,
        ..GREY
    };
    let padded = Plain {
        reserved: Some((9, 12)),
        channels: 3,
        carrying: 0b101,
        ..GREY
    };
    for (way, k) in ways() {
        let keyed = |plain| Reference {
            plain,
            k,
            way,
            key: Some([7; 32]),
        };
        sweep::<u8>(&keyed(GREY), &cover(&GREY, 16_384, 12), 40);
        sweep::<u16>(&keyed(deep), &cover(&deep, 16_384, 13), 40);
        sweep::<u8>(&keyed(padded), &cover(&padded, 12_000, 14), 5);
    }
}

/// The length of the path's beginning that neighbours share, and what a damaged payload is called then.
#[test]
fn densities_side_by_side_begin_alike() {
    let path = |count| selected(KEY, Density::Blocks(count), 1024);
    let shared = |count| {
        let (thin, dense) = (path(count), path(count + 1));
        thin.iter().zip(&dense).take_while(|(a, b)| a == b).count()
    };
    assert!((1..255).map(shared).max() >= Some(128), "a whole header");
    let reference = Reference {
        plain: GREY,
        k: 4,
        way: Way::Replacement,
        key: Some(KEY),
    };
    let samples: Vec<u8> = narrow(&cover(&GREY, 16_384, 15));
    for level in Level::available() {
        let options = options(&reference, level);
        for bytes in (1000..8000).step_by(250) {
            let mut stego = samples.clone();
            let cover = CoverMut::new(&mut stego, layout(&GREY)).unwrap();
            embed(cover, &payload(16, bytes), &options).unwrap();
            // The last selected sample that the frame needs, by the reference.
            let path = reference.path(&cover_of(&stego), framed_bits(bytes));
            stego[path[framed_bits(bytes).div_ceil(4) - 1]] ^= 1;
            let found = extract(Cover::new(&stego, layout(&GREY)).unwrap(), &options);
            assert!(
                matches!(found, Err(Error::Checksum { .. })),
                "{level:?}, {bytes} bytes: {found:?}"
            );
        }
    }
}

fn cover_of(samples: &[u8]) -> Vec<u32> {
    samples.iter().copied().map(u32::from).collect()
}

/// As the reference wherever samples and payload begin in memory: at each sample of a line of the cache, and with what lies
/// before and after them unchanged.
fn check_everywhere<S: Sample + TryFrom<u32> + PartialEq>(
    reference: &Reference,
    samples: &[u32],
    bit_len: usize,
) {
    let layout = layout(&reference.plain);
    let bytes = payload(17, bit_len.div_ceil(8));
    let original: Vec<S> = narrow(samples);
    let mut expected = samples.to_vec();
    reference.write(&mut expected, &bytes, bit_len);
    let expected_bytes = reference.read(&expected, bit_len);
    let expected: Vec<S> = narrow(&expected);
    for level in Level::available() {
        let options = options(reference, level);
        for offset in (0..64).step_by(size_of::<S>()) {
            let mut memory = vec![S::try_from(77).ok().unwrap(); samples.len() + 256];
            let before = memory.clone();
            let from = memory.as_ptr().align_offset(64) + offset / size_of::<S>();
            let here = from..from + samples.len();
            assert_eq!(memory[here.clone()].as_ptr().addr() % 64, offset);
            memory[here.clone()].copy_from_slice(&original);
            let mut payload = vec![0x77; offset];
            payload.extend_from_slice(&bytes);
            let cover = CoverMut::new(&mut memory[here.clone()], layout).unwrap();
            write_bits(cover, &options, &payload[offset..], bit_len).unwrap();
            let told = format!("{level:?}, {offset} bytes after a line, {reference:?}");
            assert!(memory[here.clone()] == expected, "{told}");
            assert!(
                memory[..from] == before[..from] && memory[here.end..] == before[here.end..],
                "{told}"
            );
            let cover = Cover::new(&memory[here], layout).unwrap();
            let mut read = vec![0xFF; offset + expected_bytes.len() + 1];
            read_bits_into(cover, &options, bit_len, &mut read[offset..]).unwrap();
            let (around, read) = read.split_at(offset);
            assert!(around.iter().chain(read.last()).all(|&byte| byte == 0xFF));
            assert!(read[..expected_bytes.len()] == expected_bytes, "{told}");
        }
    }
}

#[test]
fn anywhere_in_memory() {
    let plains = [
        GREY,
        Plain {
            channels: 3,
            carrying: 0b101,
            ..GREY
        },
        Plain {
            reserved: Some((9, 12)),
            ..GREY
        },
    ];
    for plain in plains {
        for (way, k) in ways() {
            for key in [None, Some(KEY)] {
                let reference = Reference { plain, k, way, key };
                for length in [130, 1023] {
                    let samples = cover(&plain, length / plain.channels * plain.channels, 18);
                    let held = reference.capacity(&samples);
                    for bit_len in [held, held / 5 + 1] {
                        check_everywhere::<u8>(&reference, &samples, bit_len.min(held));
                        check_everywhere::<u16>(&reference, &samples, bit_len.min(held));
                    }
                }
            }
        }
    }
}

/// Bits above those stored, whatever they are, stay.
#[test]
fn bits_that_are_not_stored_stay() {
    let plain = Plain {
        bits_stored: 10,
        ..GREY
    };
    for (way, k) in ways() {
        let reference = Reference {
            plain,
            k,
            way,
            key: Some(KEY),
        };
        let samples: Vec<u32> = cover(&plain, 5000, 8)
            .into_iter()
            .zip(numbers(9))
            .map(|(s, n)| s | (n as u32 & 0xfc00))
            .collect();
        check::<u16>(&reference, &samples, reference.capacity(&samples) / 3);
    }
}

/// The path: so many of each 256, each sample as often as any other, and words at places that differ from block to block.
#[test]
fn paths_are_even() {
    for (count, blocks) in [
        (1, 4000),
        (5, 4000),
        (32, 1000),
        (33, 1000),
        (64, 500),
        (100, 500),
        (128, 500),
        (200, 500),
    ] {
        let carriers = 256 * blocks;
        let density = Density::Blocks(count);
        let found = selected(KEY, density, carriers);
        assert_eq!(found.len(), selected_count(density, carriers));
        let mut hits = [0f64; 256];
        for (index, part) in found.chunks(count).enumerate() {
            for &at in part {
                assert_eq!(at / 256, index, "an exact count per block");
                hits[at % 256] += 1.0;
            }
        }
        // Chi-square with 255 degrees of freedom, a little wider as samples of a block are drawn without replacement.
        let expected = f64::from(u32::try_from(found.len()).unwrap()) / 256.0;
        let chi: f64 = hits
            .iter()
            .map(|hits| (hits - expected).powi(2) / expected)
            .sum();
        assert!(chi < 255.0 + 5.0 * 510f64.sqrt(), "{count} of 256: {chi}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 64 }))]

    #[test]
    fn as_the_reference(
        (bits_stored, channels, mask) in (1u32..=16, 1usize..=8, any::<u8>()),
        reserved in prop::option::weighted(0.5, (any::<u16>(), 0u16..6)),
        (way, seed, length, share) in (0usize..12, any::<u64>(), 0usize..3000, 0.0..=1.0f64),
        keyed in any::<bool>(),
    ) {
        let all = (1u32 << channels) - 1;
        let carrying = if u32::from(mask) & all == 0 { all } else { u32::from(mask) & all };
        let peak = (1u32 << bits_stored) - 1;
        let reserved = reserved.map(|(low, span)| {
            let low = u32::from(low) & peak;
            (low, (low + u32::from(span)).min(peak))
        });
        let plain = Plain { bits_stored, channels, carrying, reserved };
        let (way, k) = ways().nth(way).unwrap();
        prop_assume!(k <= bits_stored);
        let mut key = KEY;
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let reference = Reference { plain, k, way, key: keyed.then_some(key) };
        let samples = cover(&plain, length / channels * channels, seed);
        let held = reference.capacity(&samples);
        #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a share of a small number")]
        let bit_len = (held as f64 * share) as usize;
        if bits_stored <= 8 {
            check::<u8>(&reference, &samples, bit_len);
        }
        check::<u16>(&reference, &samples, bit_len);
    }
}

/// Frozen: the first places of the path under the key of the tests, of dense ones the first that are left out, which `every_density` holds every level to. A release
/// that fails this cannot read what an older one embedded.
#[test]
fn paths_are_frozen() {
    let first = |density| {
        selected(KEY, density, 4096)
            .into_iter()
            .take(6)
            .collect::<Vec<_>>()
    };
    let missed = |count| {
        let path = selected(KEY, Density::Blocks(count), 4096);
        (0..4096)
            .filter(|at| !path.contains(at))
            .take(6)
            .collect::<Vec<_>>()
    };
    let found = [
        first(Density::Blocks(3)),
        first(Density::Blocks(60)),
        first(Density::Blocks(100)),
        first(Density::Strata(512)),
        missed(129),
        missed(200),
        missed(255),
    ];
    assert_eq!(found, FROZEN);
}

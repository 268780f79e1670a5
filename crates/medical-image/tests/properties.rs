//! What must hold for every picture, on files that builders write from the standards.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use medical_image::{Geometry, Picture, Samples, restore};
use proptest::prelude::*;

mod build;

use build::{Cut, Dicom, Syntax, Tiff};

/// A file, and the samples and the shape that its builder put in.
#[derive(Clone, Debug)]
struct Case {
    file: Vec<u8>,
    samples: Vec<u16>,
    shape: (u32, u32, u32, u8, u8, bool),
}

fn shape(geometry: Geometry) -> (u32, u32, u32, u8, u8, bool) {
    let Geometry {
        rows,
        columns,
        frames,
        channels,
        bits_stored,
        signed,
        ..
    } = geometry;
    (rows, columns, frames, channels, bits_stored, signed)
}

fn list(samples: &Samples) -> Vec<u16> {
    (0..samples.len())
        .map(|i| samples.get(i).unwrap())
        .collect()
}

fn like(samples: &Samples, values: Vec<u16>) -> Samples {
    match samples {
        Samples::U8(_) => Samples::U8(values.into_iter().map(|v| v.to_le_bytes()[0]).collect()),
        _ => Samples::U16(values),
    }
}

fn dicom() -> impl Strategy<Value = Case> {
    let syntax = prop_oneof![
        Just(Syntax::ImplicitLittle),
        Just(Syntax::ExplicitLittle),
        Just(Syntax::ExplicitBig)
    ];
    let depth = (
        prop_oneof![Just(8_u16), Just(16)],
        any::<u16>(),
        any::<u16>(),
        0..2_u16,
    );
    (
        syntax,
        (1..5_u16, 1..5_u16, 1..3_u32),
        any::<bool>(),
        0..2_u16,
        depth,
        any::<u64>(),
        any::<bool>(),
    )
        .prop_map(
            |(syntax, (rows, columns, frames), colour, planar, depth, seed, ow)| {
                let (allocated, stored, high, representation) = depth;
                let stored = stored % allocated + 1;
                let high = stored - 1 + high % (allocated - stored + 1);
                let channels = if colour { 3 } else { 1 };
                let pixels = usize::from(rows) * usize::from(columns);
                let count = pixels * usize::try_from(frames).unwrap() * usize::from(channels);
                let mut state = seed | 1;
                // words with noise in every bit, also in those that are not stored
                let words: Vec<u16> = (0..count)
                    .map(|_| {
                        state = state
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1);
                        u16::try_from(state >> 48).unwrap() >> (16 - allocated)
                    })
                    .collect();
                let max = u16::MAX >> (16 - stored);
                let sign = if representation == 1 {
                    1 << (stored - 1)
                } else {
                    0
                };
                let in_file: Vec<u16> = (0..count)
                    .map(|i| ((words[i] >> (high + 1 - stored)) & max) ^ sign)
                    .collect();
                // where in the file the sample stands that belongs at `i`
                let n = usize::from(channels);
                let place = |i: usize| {
                    if planar == 1 && colour {
                        i / (n * pixels) * n * pixels + i % n * pixels + i / n % pixels
                    } else {
                        i
                    }
                };
                let samples = (0..count).map(|i| in_file[place(i)]).collect();
                let mut bytes: Vec<u8> = if allocated == 8 {
                    words.iter().map(|word| word.to_le_bytes()[0]).collect()
                } else {
                    words.iter().flat_map(|word| syntax.word(*word)).collect()
                };
                if bytes.len() % 2 == 1 {
                    bytes.push(0xAA);
                }
                let pixel_vr = if allocated == 16 || ow { "OW" } else { "OB" };
                if allocated == 8 && ow && syntax == Syntax::ExplicitBig {
                    bytes
                        .as_chunks_mut::<2>()
                        .0
                        .iter_mut()
                        .for_each(|pair| pair.reverse());
                }
                let file = Dicom {
                    syntax,
                    rows,
                    columns,
                    frames: (frames > 1).then_some(frames),
                    channels,
                    photometric: if colour { "RGB" } else { "MONOCHROME2" },
                    planar,
                    allocated,
                    stored,
                    high,
                    representation,
                    pixel_vr,
                    pixels: bytes,
                    after: syntax.element((0xFFFC, 0xFFFC), "OB", b"trailing padding"),
                    ..Dicom::default()
                }
                .file();
                let stored = stored.to_le_bytes()[0];
                let channels = channels.to_le_bytes()[0];
                let shape = (
                    rows.into(),
                    columns.into(),
                    frames,
                    channels,
                    stored,
                    representation == 1,
                );
                Case {
                    file,
                    samples,
                    shape,
                }
            },
        )
}

/// Encoded by the png crate, whose filters and deflate levels vary.
fn png() -> impl Strategy<Value = Case> {
    let colour = prop_oneof![
        Just(png::ColorType::Grayscale),
        Just(png::ColorType::GrayscaleAlpha),
        Just(png::ColorType::Rgb),
        Just(png::ColorType::Rgba)
    ];
    let level = prop_oneof![
        Just(png::Compression::NoCompression),
        Just(png::Compression::Fastest),
        Just(png::Compression::Fast),
        Just(png::Compression::Balanced),
        Just(png::Compression::High)
    ];
    let filter = prop_oneof![
        Just(png::Filter::NoFilter),
        Just(png::Filter::Sub),
        Just(png::Filter::Up),
        Just(png::Filter::Avg),
        Just(png::Filter::Paeth),
        Just(png::Filter::Adaptive)
    ];
    (
        colour,
        any::<bool>(),
        level,
        filter,
        1..40_u32,
        1..40_u32,
        any::<u64>(),
    )
        .prop_map(|(colour, deep, level, filter, columns, rows, seed)| {
            let channels = colour.samples().to_le_bytes()[0];
            let bytes_per_sample = if deep { 2 } else { 1 };
            let count =
                usize::try_from(columns * rows).unwrap() * usize::from(channels) * bytes_per_sample;
            let mut state = seed;
            // long repetitions with some noise, so that deflate finds matches
            let bytes: Vec<u8> = (0..count)
                .map(|i| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    let noise = if (state >> 40) % 11 == 0 {
                        state >> 50
                    } else {
                        0
                    };
                    noise.wrapping_add(i as u64 % 23).to_le_bytes()[0]
                })
                .collect();
            let mut file = Vec::new();
            let mut encoder = png::Encoder::new(&mut file, columns, rows);
            encoder.set_color(colour);
            encoder.set_depth(if deep {
                png::BitDepth::Sixteen
            } else {
                png::BitDepth::Eight
            });
            encoder.set_compression(level);
            encoder.set_filter(filter);
            encoder
                .add_text_chunk("Comment".to_owned(), "kept".to_owned())
                .unwrap();
            let mut writer = encoder.write_header().unwrap();
            writer.write_image_data(&bytes).unwrap();
            writer.finish().unwrap();
            let samples = if deep {
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|word| u16::from_be_bytes(*word))
                    .collect()
            } else {
                bytes.into_iter().map(u16::from).collect()
            };
            let bits = if deep { 16 } else { 8 };
            Case {
                file,
                samples,
                shape: (rows, columns, 1, channels, bits, false),
            }
        })
}

fn tiff() -> impl Strategy<Value = Case> {
    (
        any::<bool>(),
        (1..40_u32, 1..40_u32),
        prop_oneof![Just(1_u16), Just(2), Just(3), Just(4)],
        any::<bool>(),
        1..3_u16,
        1..3_u16,
        prop_oneof![
            (1..50_u32).prop_map(Cut::Strips),
            (1..3_u32, 1..3_u32).prop_map(|(x, y)| Cut::Tiles(16 * x, 16 * y))
        ],
        any::<u64>(),
    )
        .prop_map(
            |(big_endian, (columns, rows), channels, deep, planar, sample_format, cut, seed)| {
                let value = |x: u32, y: u32, c: u32| -> u16 {
                    let n = u64::from(x + 64 * (y + 64 * c)).wrapping_add(seed);
                    u16::try_from(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48).unwrap()
                        >> if deep { 0 } else { 8 }
                };
                let n = u32::from(channels);
                let (wide, high) = match cut {
                    Cut::Strips(rows_per_strip) => (columns, rows_per_strip),
                    Cut::Tiles(wide, high) => (wide, high),
                };
                let planes: Vec<Vec<u32>> = if planar == 2 {
                    (0..n).map(|c| vec![c]).collect()
                } else {
                    vec![(0..n).collect()]
                };
                let mut segments = Vec::new();
                for plane in &planes {
                    for top in (0..rows).step_by(usize::try_from(high).unwrap()) {
                        for left in (0..columns).step_by(usize::try_from(wide).unwrap()) {
                            let bottom = match cut {
                                Cut::Strips(_) => rows.min(top + high),
                                Cut::Tiles(..) => top + high,
                            };
                            let mut segment = Vec::new();
                            for y in top..bottom {
                                for x in left..left + wide {
                                    for c in plane {
                                        let word = value(x, y, *c);
                                        match (deep, big_endian) {
                                            (false, _) => segment.push(word.to_le_bytes()[0]),
                                            (true, false) => segment.extend(word.to_le_bytes()),
                                            (true, true) => segment.extend(word.to_be_bytes()),
                                        }
                                    }
                                }
                            }
                            segments.push(segment);
                        }
                    }
                }
                let bits = if deep { 16 } else { 8 };
                let file = Tiff {
                    big_endian,
                    columns,
                    rows,
                    channels,
                    bits: bits.into(),
                    photometric: if channels < 3 { 1 } else { 2 },
                    planar,
                    compression: 1,
                    fill_order: 1,
                    sample_format,
                    cut,
                    segments,
                }
                .file();
                let sign = if sample_format == 2 {
                    1 << (bits - 1)
                } else {
                    0
                };
                let mut samples = Vec::new();
                for y in 0..rows {
                    for x in 0..columns {
                        samples.extend((0..n).map(|c| value(x, y, c) ^ sign));
                    }
                }
                let channels = channels.to_le_bytes()[0];
                Case {
                    file,
                    samples,
                    shape: (rows, columns, 1, channels, bits, sample_format == 2),
                }
            },
        )
}

/// Reads, replaces all samples by `other` of them, and comes back.
fn check(case: &Case, other: u16) -> Vec<u8> {
    let picture = Picture::read(case.file.clone()).unwrap();
    assert_eq!(shape(picture.geometry()), case.shape);
    assert_eq!(&list(picture.samples()), &case.samples);
    let max = u16::MAX >> (16 - case.shape.4);
    let values = case
        .samples
        .iter()
        .map(|sample| (sample ^ other) & max)
        .collect();
    let replaced = like(picture.samples(), values);
    let patched = picture.patch(&replaced).unwrap();
    let stego = Picture::read(patched.bytes.clone()).unwrap();
    assert_eq!(stego.samples(), &replaced);
    let restored = restore(&stego, picture.samples(), &patched.restore).unwrap();
    assert!(restored == case.file, "the way back is exact");
    // patching with its own samples gives the file, or a file that restores to it
    let same = picture.patch(picture.samples()).unwrap();
    if same.restore.is_empty() {
        assert!(same.bytes == case.file);
    }
    patched.bytes
}

proptest! {
    #[test]
    fn dicom_is_patched_in_place(case in dicom(), other: u16) {
        let stego = check(&case, other);
        prop_assert_eq!(stego.len(), case.file.len());
        let changed = stego.iter().zip(&case.file).filter(|(a, b)| a != b).count();
        prop_assert!(changed <= 2 * case.samples.len());
    }

    /// Flipping the lowest stored bit of each sample flips as many bits of the file, so every other bit stays:
    /// those above HighBit, those below the sample, padding, elements around.
    #[test]
    fn dicom_changes_one_bit_per_sample(case in dicom()) {
        let stego = check(&case, 1);
        let bits: u32 = stego.iter().zip(&case.file).map(|(a, b)| (a ^ b).count_ones()).sum();
        prop_assert_eq!(bits as usize, case.samples.len());
    }

    #[test]
    fn png_is_restored(case in png(), other: u16) {
        check(&case, other);
    }

    #[test]
    fn tiff_is_patched_in_place(case in tiff()) {
        let stego = check(&case, 1);
        let bits: u32 = stego.iter().zip(&case.file).map(|(a, b)| (a ^ b).count_ones()).sum();
        prop_assert_eq!(bits as usize, case.samples.len());
    }

    #[test]
    fn damaged_files_never_panic(
        case in prop_oneof![dicom(), png(), tiff()],
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = case.file;
        for (index, byte) in damage {
            let at = index.index(file.len());
            file[at] = byte;
        }
        if let Ok(picture) = Picture::read(file.clone()) {
            let patched = picture.patch(picture.samples()).unwrap();
            let stego = Picture::read(patched.bytes).unwrap();
            prop_assert_eq!(restore(&stego, picture.samples(), &patched.restore).unwrap(), file.clone());
        }
        file.truncate(cut.index(file.len()));
        let _ = Picture::read(file);
    }

    #[test]
    fn damaged_restore_data_never_panics(
        case in png(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let picture = Picture::read(case.file.clone()).unwrap();
        let patched = picture.patch(picture.samples()).unwrap();
        let stego = Picture::read(patched.bytes).unwrap();
        let mut data = patched.restore;
        for (index, byte) in damage {
            let at = index.index(data.len());
            data[at] = byte;
        }
        if let Ok(file) = restore(&stego, picture.samples(), &data) {
            prop_assert!(file == case.file, "the checksum lets nothing else through");
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Picture::read(bytes.clone());
        for magic in [&b"\x89PNG\r\n\x1a\n"[..], b"II*\0", b"MM\0*", b"II+\0", b"\x08\0\x05\0CS\x02\0"] {
            let _ = Picture::read([magic, &bytes].concat());
        }
    }
}

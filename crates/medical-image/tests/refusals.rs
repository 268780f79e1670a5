//! One thing changed at a time in a good file, and each is refused with what was expected and found.

use medical_image::{Error, Picture, Samples, restore, restore_attached};

mod build;

use build::{Cut, Dicom, Syntax, Tiff, file_meta};

const PNG: &[u8] = include_bytes!("../../../examples/data/phantom.png");

#[track_caller]
fn refused(file: Vec<u8>, words: &[&str]) {
    let error = match Picture::read(file) {
        Err(error) => error.to_string(),
        Ok(picture) => panic!("expected {words:?}, found {picture:?}"),
    };
    for word in words {
        assert!(error.contains(word), "expected {word:?} in {error:?}");
    }
}

#[test]
fn the_good_files_are_good() {
    assert!(Picture::read(Dicom::default().file()).is_ok());
    let bare = Syntax::ExplicitBig.element((0x0008, 0x0060), "CS", b"MR");
    let bare = Dicom {
        syntax: Syntax::ExplicitBig,
        before: bare,
        ..Dicom::default()
    };
    assert_eq!(
        Picture::read(bare.data_set())
            .expect("a good file")
            .summary(),
        "MR, 2x2"
    );
    assert!(Picture::read(tiff().file()).is_ok());
    assert!(Picture::read(PNG.to_vec()).is_ok());
}

#[test]
fn dicom_attributes_that_cannot_be() {
    let good = Dicom::default();
    let cases: [(Dicom, &[&str]); 13] = [
        (
            Dicom {
                allocated: 1,
                ..good.clone()
            },
            &["1 bits allocated, expected 8 or 16"],
        ),
        (
            Dicom {
                allocated: 32,
                ..good.clone()
            },
            &["32 bits allocated, expected 8 or 16"],
        ),
        (
            Dicom {
                stored: 0,
                ..good.clone()
            },
            &["BitsStored: expected 1..=16, found 0"],
        ),
        (
            Dicom {
                stored: 17,
                ..good.clone()
            },
            &["BitsStored: expected 1..=16, found 17"],
        ),
        (
            Dicom {
                high: 16,
                ..good.clone()
            },
            &["HighBit: expected 11..=15, found 16"],
        ),
        (
            Dicom {
                high: 10,
                ..good.clone()
            },
            &["HighBit: expected 11..=15, found 10"],
        ),
        (
            Dicom {
                representation: 2,
                ..good.clone()
            },
            &["PixelRepresentation: expected 0 or 1, found 2"],
        ),
        (
            Dicom {
                rows: 0,
                ..good.clone()
            },
            &["Rows: expected at least 1, found 0"],
        ),
        (
            Dicom {
                frames: Some(0),
                ..good.clone()
            },
            &["NumberOfFrames", "found \"0\""],
        ),
        (
            Dicom {
                photometric: "PALETTE COLOR",
                ..good.clone()
            },
            &["palette indices (PALETTE COLOR)"],
        ),
        (
            Dicom {
                photometric: "YBR_PARTIAL_420",
                ..good.clone()
            },
            &["\"YBR_PARTIAL_420\", expected"],
        ),
        (
            Dicom {
                channels: 3,
                ..good.clone()
            },
            &["SamplesPerPixel: expected 1 for MONOCHROME2, found 3"],
        ),
        (
            Dicom {
                channels: 3,
                photometric: "RGB",
                planar: 2,
                ..good
            },
            &["PlanarConfiguration: expected 0 or 1, found 2"],
        ),
    ];
    for (dicom, words) in cases {
        refused(dicom.file(), words);
    }
}

/// A kilobyte that claims gigabytes costs no gigabytes: each is refused by comparing numbers.
#[test]
fn claimed_sizes_are_compared_before_they_are_believed() {
    let huge = Dicom {
        rows: u16::MAX,
        columns: u16::MAX,
        frames: Some(u32::MAX),
        ..Dicom::default()
    };
    refused(
        huge.file(),
        &[
            "PixelData: expected 18446744073709551615 bytes",
            "found 8 bytes",
        ],
    );

    let mut long = Dicom::default().file();
    let value = long.len() - 8;
    long[value - 4..value].copy_from_slice(&0xFFFF_FFFE_u32.to_le_bytes());
    refused(
        long,
        &[
            "value of PixelData at byte",
            "needs 4294967294 bytes, 8 are there",
        ],
    );

    let mut name = Syntax::ImplicitLittle.element((0x0010, 0x0010), "PN", b"A^B");
    name[4..8].copy_from_slice(&0xFFFF_FFF0_u32.to_le_bytes());
    let file = [file_meta(Syntax::ImplicitLittle.uid()), name].concat();
    refused(
        file,
        &["(0010,0010)", "needs 4294967280 bytes, 4 are there"],
    );

    let mut wide = PNG.to_vec();
    wide[16..24].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]);
    let crc = flate2_crc(&wide[12..29]);
    wide[29..33].copy_from_slice(&crc.to_be_bytes());
    refused(wide, &["IDAT: expected 4611686", "which hold"]);

    let mut chunk = PNG.to_vec();
    chunk[33..37].copy_from_slice(&u32::MAX.to_be_bytes());
    refused(chunk, &["chunk pHYs", "needs 4294967295 bytes"]);

    refused(
        Tiff {
            columns: u32::MAX,
            rows: u32::MAX,
            ..tiff()
        }
        .file(),
        &["offsets of strips or tiles: expected 2147483648 values, found 2"],
    );
    let mut offset = tiff().file();
    offset[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(
        offset,
        &[
            "directory: expected an offset of at most",
            "found 4294967295",
        ],
    );
}

fn flate2_crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    }) ^ !0
}

#[test]
fn dicom_structures_that_cannot_be() {
    let s = Syntax::ExplicitLittle;
    let twice = [
        s.element((0x0010, 0x0010), "PN", b"A"),
        s.element((0x0010, 0x0010), "PN", b"B"),
    ]
    .concat();
    refused(
        Dicom {
            before: twice,
            ..Dicom::default()
        }
        .file(),
        &["element (0010,0010) once", "found it twice"],
    );

    let mut delimiter = s.element((0x0010, 0x0010), "PN", b"A");
    delimiter.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0]);
    refused(
        Dicom {
            before: delimiter,
            ..Dicom::default()
        }
        .file(),
        &["PS3.5 7.5", "(FFFE,E00D)"],
    );

    // a sequence of undefined length, in an item of undefined length, again and again
    let deep: Vec<u8> = [
        0x08, 0, 0x40, 0x11, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF,
    ]
    .into_iter()
    .chain([0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF])
    .collect();
    refused(
        Dicom {
            before: deep.repeat(1000),
            ..Dicom::default()
        }
        .file(),
        &["at most 32 sequences inside one another"],
    );

    let open = Dicom {
        before: deep,
        ..Dicom::default()
    }
    .file();
    refused(open, &["its end, found the end of the file"]);

    let float = s.element((0x7FE0, 0x0008), "OW", &[0; 16]);
    refused(
        [file_meta(s.uid()), float].concat(),
        &["floating point (7FE0,0008)"],
    );
}

/// Sequences of undefined length are walked through, an icon's pixel data inside is not the image's.
#[test]
fn an_icon_is_not_the_image() {
    let s = Syntax::ExplicitLittle;
    let mut icon = vec![0x88, 0, 0, 0x02, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    icon.extend([0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    icon.extend(s.element((0x7FE0, 0x0010), "OW", &[9; 8]));
    icon.extend([
        0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0,
    ]);
    let pixels = vec![1, 0, 2, 0, 3, 0, 4, 0];
    let dicom = Dicom {
        before: icon,
        pixels,
        ..Dicom::default()
    };
    let picture = Picture::read(dicom.file()).expect("a good file");
    assert_eq!(picture.samples(), &Samples::U16(vec![1, 2, 3, 4]));
}

#[test]
fn padding_values_become_reserved() {
    let read = |dicom: Dicom| Picture::read(dicom.file()).expect("a good file").reserved();
    let good = Dicom::default();
    assert_eq!(read(good.clone()), None);
    assert_eq!(
        read(Dicom {
            padding: Some(7),
            ..good.clone()
        }),
        Some((7, 7))
    );
    let range = Dicom {
        padding: Some(40),
        padding_limit: Some(30),
        ..good.clone()
    };
    assert_eq!(read(range), Some((30, 40)));
    // -2000 in twelve signed bits, offset binary
    let signed = Dicom {
        padding: Some(0xF830),
        representation: 1,
        ..good
    };
    assert_eq!(read(signed), Some((48, 48)));
}

/// What an enhanced image says of its spacing stands in functional groups.
#[test]
fn functional_groups_are_in_the_header() {
    let s = Syntax::ExplicitLittle;
    let item = |content: Vec<u8>| {
        let len = u32::try_from(content.len()).expect("short").to_le_bytes();
        [vec![0xFE, 0xFF, 0, 0xE0], len.to_vec(), content].concat()
    };
    let measures = s.element(
        (0x0028, 0x9110),
        "SQ",
        &item(s.element((0x0028, 0x0030), "DS", b"0.5\\0.5")),
    );
    let undefined = [
        vec![
            0x28, 0, 0x10, 0x91, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF,
        ],
        item(s.element((0x0028, 0x0030), "DS", b"0.7\\0.7")),
        vec![0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0],
    ]
    .concat();
    let groups = [
        s.element((0x5200, 0x9229), "SQ", &item(undefined)),
        s.element(
            (0x5200, 0x9230),
            "SQ",
            &[item(Vec::new()), item(measures)].concat(),
        ),
    ]
    .concat();
    let picture = Picture::read(
        Dicom {
            before: groups,
            ..Dicom::default()
        }
        .file(),
    )
    .expect("a good file");
    let header = picture.header();
    assert_eq!(header["52009229/0/00289110/0/00280030"], "0.7\\0.7");
    assert_eq!(header["52009230/1/00289110/0/00280030"], "0.5\\0.5");
}

/// Written with an undefined length, any sequence gave its clinical attributes to the header; with a defined one, none did.
#[test]
fn how_a_sequence_is_written_changes_no_header() {
    let s = Syntax::ExplicitLittle;
    let content = s.element((0x0020, 0x0013), "IS", b"7 ");
    let len = u32::try_from(content.len()).expect("short").to_le_bytes();
    let item = [vec![0xFE, 0xFF, 0, 0xE0], len.to_vec(), content].concat();
    let defined = s.element((0x0008, 0x1140), "SQ", &item);
    let start = [8, 0, 0x40, 0x11, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    let end = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];
    let undefined = [&start[..], &item, &end].concat();
    let [defined, undefined] = [defined, undefined].map(|before| {
        let dicom = Dicom {
            before,
            ..Dicom::default()
        };
        let picture = Picture::read(dicom.file()).expect("a good file");
        picture.header().clone()
    });
    assert_eq!(defined, undefined);
}

#[test]
fn png_chunks_that_cannot_be() {
    let header = |at: usize, value: u8| {
        let mut file = PNG.to_vec();
        file[at] = value;
        let crc = flate2_crc(&file[12..29]);
        file[29..33].copy_from_slice(&crc.to_be_bytes());
        file
    };
    refused(
        header(24, 4),
        &["its samples have 4 bits, expected 8 or 16"],
    );
    refused(header(24, 7), &["bit depth", "found 7"]);
    refused(header(25, 3), &["palette indices (colour type 3)"]);
    refused(header(25, 5), &["colour type", "found 5"]);
    refused(header(26, 1), &["compression and filter method"]);
    refused(
        header(28, 2),
        &["interlace method: expected 0 or 1, found 2"],
    );
    refused(header(18, 0), &["width", "found 0"]);
    let mut damaged = PNG.to_vec();
    let idat = PNG
        .windows(4)
        .position(|bytes| bytes == b"IDAT")
        .expect("a PNG has one");
    damaged[idat + 100] ^= 1;
    refused(damaged, &["CRC of IDAT"]);
}

#[test]
fn tiff_fields_that_cannot_be() {
    for (file, words) in [
        (
            Tiff {
                compression: 5,
                ..tiff()
            },
            &["compressed (LZW, 5), expected no compression (1)"][..],
        ),
        (
            Tiff {
                compression: 8,
                ..tiff()
            },
            &["compressed (Deflate, 8)"],
        ),
        (
            Tiff {
                photometric: 3,
                ..tiff()
            },
            &["palette indices (3)"],
        ),
        (
            Tiff {
                photometric: 6,
                ..tiff()
            },
            &["YCbCr (6)"],
        ),
        (Tiff { bits: 4, ..tiff() }, &["its samples have 4 bits"]),
        (Tiff { bits: 32, ..tiff() }, &["its samples have 32 bits"]),
        (
            Tiff {
                sample_format: 3,
                ..tiff()
            },
            &["its sample format is 3"],
        ),
        (
            Tiff {
                planar: 3,
                ..tiff()
            },
            &["PlanarConfiguration: expected 1 or 2, found 3"],
        ),
        (
            Tiff {
                channels: 5,
                ..tiff()
            },
            &["5 samples per pixel, expected 1"],
        ),
        (
            Tiff {
                columns: 4,
                ..tiff()
            },
            &["byte count of strip or tile 0: expected at least 8, found 6"],
        ),
    ] {
        refused(file.file(), words);
    }
    // both strips at one place: a sample could not be changed alone
    let mut shared = tiff().file();
    let offsets = [12_u32, 22].map(u32::to_le_bytes).concat();
    let at = shared
        .windows(8)
        .position(|bytes| bytes == offsets)
        .expect("two strips");
    shared.copy_within(at..at + 4, at + 4);
    refused(
        shared,
        &["its samples overlap with something else at byte 12"],
    );
    // a page that is its own successor
    let mut circle = tiff().file();
    let end = circle.len() - 4;
    circle.copy_within(4..8, end);
    refused(circle, &["pages: expected each once"]);
}

/// What is called the lowest bit of a byte was the highest of its sample: an embedding changed samples by 128.
#[test]
fn samples_whose_bits_are_turned_round_are_refused() {
    for fill_order in [0, 2, 3] {
        let file = Tiff {
            fill_order,
            ..tiff()
        };
        let words = format!("its FillOrder is {fill_order}");
        refused(file.file(), &[&words, "expected 1"]);
    }
}

/// Masks, which are no pages, whose directories lie over one another: each was read and remembered whole, so that what a file took grew with
/// the square of its length.
#[test]
fn directories_that_share_bytes_are_refused() {
    const MASKS: u32 = 64;
    const ENTRIES: u32 = 400;
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    // A directory begins in the last two bytes of an entry, and has that entry's successors for its own; each ends within what is
    // common to all, at an entry whose tag and type are where the next directory is.
    let entries = 2 * MASKS + ENTRIES + MASKS + 1;
    let start = |mask: u32| 8 + 12 * (2 * mask + 1) - 2;
    let last = |mask: u32| 2 * MASKS + ENTRIES + mask;
    for entry in 0..entries {
        let mask = entry / 2;
        // tags that there are once, and of no meaning
        let tag = u16::try_from(20_000 + entry).unwrap().to_le_bytes();
        if entry < 2 * MASKS && entry.is_multiple_of(2) {
            let count = u16::try_from(last(mask) - (2 * mask + 1)).unwrap();
            file.extend([&tag[..], &[1, 0, 0, 0, 0, 0, 0, 0], &count.to_le_bytes()].concat());
        } else if entry == 2 * MASKS {
            // NewSubfileType: a reduced image
            file.extend([254, 0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        } else if entry == last(MASKS - 1) {
            file.extend([0; 12]);
        } else if entry >= last(0) && entry < last(MASKS - 1) {
            file.extend(start(entry - last(0) + 1).to_le_bytes());
            file.extend([0; 8]);
        } else {
            file.extend([&tag[..], &[1, 0, 1, 0, 0, 0, 0, 0, 0, 0]].concat());
        }
    }
    file[4..8].copy_from_slice(&start(0).to_le_bytes());
    refused(
        file,
        &["directories and their values: expected at most the"],
    );
}

/// 3x4, grey, two strips of two rows.
fn tiff() -> Tiff {
    Tiff {
        big_endian: false,
        columns: 3,
        rows: 4,
        channels: 1,
        bits: 8,
        photometric: 1,
        planar: 1,
        compression: 1,
        fill_order: 1,
        sample_format: 1,
        cut: Cut::Strips(2),
        segments: vec![(0..6).collect(), (6..12).collect()],
    }
}

/// The `tiff` crate reads the same samples from what the builder wrote.
#[test]
fn tiff_agrees_with_the_tiff_crate() {
    let file = tiff().file();
    let mut decoder =
        tiff::decoder::Decoder::new(std::io::Cursor::new(&file)).expect("a good file");
    let tiff::decoder::DecodingResult::U8(samples) = decoder.read_image().expect("a good file")
    else {
        panic!("eight bits");
    };
    let picture = Picture::read(file).expect("a good file");
    assert_eq!(picture.samples(), &Samples::U8(samples));
    assert_eq!(picture.summary(), "TIFF, 3x4");
}

#[test]
fn samples_of_another_shape_are_refused() {
    let picture = Picture::read(Dicom::default().file()).expect("a good file");
    for (samples, words) in [
        (
            Samples::U16(vec![0; 3]),
            "expected 4 samples of 16 bits, found 3 samples of 16 bits",
        ),
        (
            Samples::U8(vec![0; 4]),
            "expected 4 samples of 16 bits, found 4 samples of 8 bits",
        ),
        (
            Samples::U16(vec![0, 0, 4096, 0]),
            "expected values of at most 4095, found 4096",
        ),
    ] {
        let error = picture.patch(&samples).expect_err("another shape");
        assert!(matches!(error, Error::WrongSamples { .. }));
        assert!(error.to_string().contains(words), "{error}");
        assert!(restore(&picture, &samples, &[]).is_err());
    }
    let error = restore(&picture, picture.samples(), b"x").expect_err("DICOM has none");
    assert!(
        error
            .to_string()
            .contains("no restore data for DICOM, found 1 bytes"),
        "{error}"
    );
}

#[test]
fn restore_data_of_another_picture_is_refused() {
    let picture = Picture::read(PNG.to_vec()).expect("a good file");
    let patched = picture.patch(picture.samples()).expect("its own samples");
    let stego = Picture::read(patched.bytes).expect("a good file");
    let mut other = picture.samples().clone();
    if let Samples::U8(samples) = &mut other {
        samples[1000] ^= 1;
    }
    let error = restore_attached(&stego, picture.samples()).expect_err("nothing attached");
    assert!(
        error
            .to_string()
            .contains("expected restore data in the file (chunk reST), found none")
    );
    for (samples, data) in [
        (&other, &patched.restore[..]),
        (picture.samples(), b"\x02"),
        (picture.samples(), b""),
    ] {
        let error = restore(&stego, samples, data).expect_err("not the picture's");
        assert!(matches!(error, Error::NotRestored { .. }), "{error}");
    }
}

//! Real files: what is read agrees with other readers, what is written differs in samples only, and the way back is exact.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use medical_image::{Description, Error, Format, Picture, Samples, restore, restore_attached};

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name)).to_vec()
    };
}

const CT: &[u8] = include_bytes!("../../../examples/data/CT_small.dcm");
const MR: &[u8] = include_bytes!("../../../examples/data/MR_small_implicit.dcm");
const PNG: &[u8] = include_bytes!("../../../examples/data/phantom.png");

fn read(bytes: &[u8]) -> Picture {
    Picture::read(bytes.to_vec()).unwrap()
}

/// Sum of the values as signed integers, as numpy's `pixel_array.astype('i8').sum()`.
fn sum(picture: &Picture) -> i64 {
    let geometry = picture.geometry();
    let zero = if geometry.signed {
        1_i64 << (geometry.bits_stored - 1)
    } else {
        0
    };
    let samples = picture.samples();
    (0..samples.len())
        .map(|i| i64::from(samples.get(i).unwrap()) - zero)
        .sum()
}

/// The same samples with the lowest bit of each flipped.
fn flipped(samples: &Samples) -> Samples {
    let mut samples = samples.clone();
    match &mut samples {
        Samples::U8(samples) => samples.iter_mut().for_each(|sample| *sample ^= 1),
        Samples::U16(samples) => samples.iter_mut().for_each(|sample| *sample ^= 1),
        other => panic!("{other:?}"),
    }
    samples
}

/// Flips every sample and comes back.
fn there_and_back(original: &[u8]) -> Vec<u8> {
    let picture = read(original);
    let other = flipped(picture.samples());
    let patched = picture.patch(&other).unwrap();
    let stego = read(&patched.bytes);
    assert_eq!(stego.samples(), &other);
    assert_eq!(stego.geometry(), picture.geometry());
    assert_eq!(stego.description(), picture.description());
    assert_eq!(stego.header(), picture.header());
    assert_eq!(stego.reserved(), picture.reserved());
    assert_eq!(picture.overwrite(&other).unwrap(), patched.bytes);
    assert_eq!(
        restore(&stego, picture.samples(), &patched.restore).unwrap(),
        original
    );
    let bytes = patched.bytes.clone();
    let alone = read(&patched.self_contained());
    assert_eq!(alone.samples(), &other);
    assert_eq!(
        restore_attached(&alone, picture.samples()).unwrap(),
        original
    );
    // hiding in what hides already, and back twice
    let again = read(&alone.patch(picture.samples()).unwrap().self_contained());
    assert_eq!(restore_attached(&again, &other).unwrap(), alone.bytes());
    // restore data that the file came with would restore nothing: once or twice, it goes
    for hiding in [alone, again] {
        assert!(hiding.overwrite(&other).unwrap() == bytes);
    }
    bytes
}

/// Geometry and sum were computed by pydicom 3.0.2 and numpy.
#[test]
fn dicom_files_agree_with_pydicom() {
    for (bytes, shape, bits, signed, expected) in [
        (CT.to_vec(), (128, 128, 1), 16, true, 14_826_310),
        (MR.to_vec(), (64, 64, 1), 16, true, 2_125_338),
        (
            data!("MR_small_bigendian.dcm"),
            (64, 64, 1),
            16,
            true,
            2_125_338,
        ),
        (
            data!("MR_small_padded.dcm"),
            (64, 64, 1),
            16,
            true,
            2_125_338,
        ),
        (data!("SC_rgb_small_odd.dcm"), (3, 3, 3), 8, false, 3_477),
        (
            data!("SC_rgb_small_odd_big_endian.dcm"),
            (3, 3, 3),
            8,
            false,
            3_477,
        ),
        (data!("ExplVR_BigEnd.dcm"), (60, 80, 3), 8, false, 2_470_716),
    ] {
        let picture = read(&bytes);
        let geometry = picture.geometry();
        assert_eq!(picture.format(), Format::Dicom);
        assert_eq!((geometry.rows, geometry.columns, geometry.channels), shape);
        assert_eq!(
            (geometry.frames, geometry.bits_stored, geometry.signed),
            (1, bits, signed)
        );
        assert_eq!(sum(&picture), expected);
        let stego = there_and_back(&bytes);
        assert_eq!(stego.len(), bytes.len());
        let changed = stego.iter().zip(&bytes).filter(|(a, b)| a != b).count();
        assert_eq!(
            changed as u64,
            geometry.samples(),
            "one bit of each sample and nothing else"
        );
    }
}

/// The raw words that dicom-rs finds are the ones we found, in its order.
#[test]
fn dicom_words_agree_with_dicom_rs() {
    for bytes in [CT, MR] {
        let object = dicom_object::from_reader(bytes).unwrap();
        let words = object
            .element_by_name("PixelData")
            .unwrap()
            .to_multi_int::<u16>()
            .unwrap();
        let Samples::U16(samples) = read(bytes).samples().clone() else {
            panic!("16 bits")
        };
        assert_eq!(samples.len(), words.len());
        assert!(
            samples
                .iter()
                .zip(words)
                .all(|(sample, word)| *sample == word ^ 0x8000)
        );
        let Description::Attributes(map) = read(bytes).description().clone() else {
            panic!("attributes")
        };
        let name = object
            .element_by_name("PatientName")
            .unwrap()
            .to_str()
            .unwrap();
        assert_eq!(map["00100010"], name.trim_end());
    }
}

#[test]
fn ct_says_what_it_is() {
    let picture = read(CT);
    assert_eq!(picture.summary(), "CT, 128x128");
    // -2000 in offset binary
    assert_eq!(picture.reserved(), Some((30_768, 30_768)));
    assert_eq!(picture.carrying(), 0b1);
    let Description::Attributes(map) = picture.description() else {
        panic!("attributes")
    };
    assert_eq!(map["00100010"], "CompressedSamples^CT1");
    assert_eq!(map["00100020"], "1CT1");
    assert_eq!(
        map["0020000D"],
        "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
    );
    assert_eq!(picture.header()["00280030"], "0.661468\\0.661468");
    assert_eq!(
        format!("{picture:?}").matches("Compressed").count(),
        0,
        "Debug names no patient"
    );
}

#[test]
fn a_png_comes_back_with_every_chunk() {
    let picture = read(PNG);
    assert_eq!(picture.format(), Format::Png);
    assert_eq!(picture.summary(), "PNG, 256x256");
    let text = "Phantom of a head, made by a program; nobody's picture";
    assert_eq!(picture.description(), &Description::Text(text.to_owned()));
    let mut reader = png::Decoder::new(std::io::Cursor::new(PNG))
        .read_info()
        .unwrap();
    let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut buffer).unwrap();
    assert_eq!(picture.samples(), &Samples::U8(buffer));
    there_and_back(PNG);
}

#[test]
fn the_way_back_of_a_png_is_short() {
    let picture = read(PNG);
    let patched = picture.patch(&flipped(picture.samples())).unwrap();
    assert!(
        patched.restore.len() * 10 < PNG.len(),
        "{} of {}",
        patched.restore.len(),
        PNG.len()
    );
}

/// What cannot carry is refused with the reason, never half understood.
#[test]
fn refusals_name_their_reason() {
    for (bytes, reason) in [
        (
            data!("image_dfl.dcm"),
            "its data set is deflated (transfer syntax 1.2.840.10008.1.2.1.99)",
        ),
        (
            data!("JPEG2000.dcm"),
            "compressed (transfer syntax 1.2.840.10008.1.2.4.91, JPEG 2000",
        ),
        (
            data!("MR_small_RLE.dcm"),
            "compressed (transfer syntax 1.2.840.10008.1.2.5, RLE",
        ),
        (
            data!("rtdose_1frame.dcm"),
            "its samples have 32 bits allocated, expected 8 or 16",
        ),
        (data!("reportsi.dcm"), "it has no pixel data"),
        (
            data!("SC_ybr_full_422_uncompressed.dcm"),
            "photometric interpretation is \"YBR_FULL_422\"",
        ),
    ] {
        match Picture::read(bytes) {
            Err(Error::Refused {
                format: Format::Dicom,
                reason: found,
            }) => {
                assert!(found.contains(reason), "{found}");
            }
            other => panic!("expected {reason:?}, found {other:?}"),
        }
    }
}

#[test]
fn a_truncated_dicom_says_how_much_is_missing() {
    let error = Picture::read(data!("MR_truncated.dcm")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "truncated: value of PixelData at byte 1500 needs 8192 bytes, 8130 are there"
    );
}

#[test]
fn every_truncation_is_an_error_and_never_a_panic() {
    for bytes in [CT, MR] {
        for len in (0..2000).chain((2000..bytes.len() - 200).step_by(501)) {
            assert!(Picture::read(bytes[..len].to_vec()).is_err(), "{len}");
        }
    }
    for len in 0..PNG.len() {
        assert!(Picture::read(PNG[..len].to_vec()).is_err(), "{len}");
    }
}

#[test]
fn a_text_file_called_dcm_is_told_apart() {
    let error = Picture::read(b"Dear colleague, please find attached".to_vec()).unwrap_err();
    assert!(matches!(error, Error::UnknownFormat { .. }));
    assert!(
        error
            .to_string()
            .ends_with("found text \"Dear colleague, \""),
        "{error}"
    );
    let error = Picture::read(Vec::new()).unwrap_err();
    assert!(
        error.to_string().ends_with("found an empty file"),
        "{error}"
    );
}

/// The bare data set of `CT_small`: no preamble, no file meta information.
#[test]
fn a_data_set_without_its_file_meta_is_read() {
    let whole = read(CT);
    let start = CT
        .windows(4)
        .position(|bytes| bytes == [8, 0, 5, 0])
        .unwrap();
    let bare = read(&CT[start..]);
    assert_eq!(bare.samples(), whole.samples());
    assert_eq!(bare.description(), whole.description());
    there_and_back(&CT[start..]);
    let bare = read(&CT[132..]);
    assert_eq!(
        bare.samples(),
        whole.samples(),
        "file meta information without preamble"
    );
}

//! The commands that work on pixels, as a person runs them: `capacity`, `hide`, `extract`, `compare`, `detect`.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test panics, and its numbers are exact"
)]

use std::fs;

use serde_json::Value;

mod common;
use common::images::{IMAGES, PAYLOAD, cover, data, directory, error, json, png, run};

#[test]
fn a_reversible_stego_image_gives_the_cover_file_back() {
    for image in IMAGES {
        let dir = directory();
        let original = cover(&dir, image);
        let held = json(&dir, "capacity cover --scheme reversible");
        assert_eq!(held["scheme"], "reversible");
        assert!(held["payload_bytes"].as_u64().unwrap() > 100, "{held}");
        json(
            &dir,
            "hide cover --payload payload --out stego --scheme reversible",
        );
        let path = |name: &str| dir.path().join(name);
        assert_ne!(fs::read(path("stego")).unwrap(), original);
        let found = json(&dir, "extract stego --out found --restore back");
        assert_eq!(found["scheme"], "reversible");
        assert_eq!(found["payload_bytes"], PAYLOAD.len());
        assert_eq!(found["original_bytes"], original.len());
        let digest = medshare_verify::file_digest(&original).to_string();
        assert_eq!(found["original_sha256"], digest);
        assert_eq!(fs::read(path("found")).unwrap(), PAYLOAD);
        assert_eq!(fs::read(path("back")).unwrap(), original, "{image}");
    }
}

/// What `extract --help` says of a stego image that was changed where the payload is not: a PNG is refused, and nothing is
/// written; of a DICOM file only the digest tells.
#[test]
fn a_change_elsewhere_is_noticed_or_shows_in_the_digest() {
    let hide = "hide cover --payload payload --out stego --scheme reversible";
    let extract = "extract stego --out found --restore back";
    let dir = directory();
    let path = |name: &str| dir.path().join(name);

    let original = cover(&dir, "CT_small.dcm");
    json(&dir, hide);
    let mut stego = fs::read(path("stego")).unwrap();
    let last = stego.len() - 200; // of the last row, which never changes
    assert_eq!(stego[last], original[last]);
    stego[last] ^= 1;
    fs::write(path("stego"), &stego).unwrap();
    let found = json(&dir, extract);
    let back = fs::read(path("back")).unwrap();
    assert_ne!(back, original);
    let digest = |bytes: &[u8]| medshare_verify::file_digest(bytes).to_string();
    assert_eq!(found["original_sha256"], digest(&back));
    assert_ne!(found["original_sha256"], digest(&original));
    for name in ["found", "back"] {
        fs::remove_file(path(name)).unwrap();
    }

    cover(&dir, "phantom.png");
    json(&dir, hide);
    let stego = fs::read(path("stego")).unwrap();
    let text = [&[0, 0, 0, 4][..], b"tEXta\0bc"].concat();
    let at = stego.len() - 12; // before IEND
    let chunk = [&text[..], &crc(&text[4..]).to_be_bytes()].concat();
    let changed = [&stego[..at], &chunk, &stego[at..]].concat();
    fs::write(path("stego"), changed).unwrap();
    let said = error(&dir, extract);
    assert!(said.contains("checksum"), "{said}");
    for name in ["found", "back"] {
        assert!(!path(name).exists(), "{name} was written");
    }
}

/// CRC-32 of a PNG's chunk.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ ((crc & 1) * 0xedb8_8320)
        })
    })
}

/// Every image of 256 x 256 pixels or more takes 1 KB and comes back byte for byte, or the refusal names both numbers.
/// `MEDSHARE_IMAGES` names a folder of more images than the committed ones, of which two are smaller;
/// `benches/compare/images/run` does it for others.
#[test]
fn a_kilobyte_is_reversible() {
    let dir = directory();
    fs::write(dir.path().join("payload"), [0xA5; 1024]).unwrap();
    let more = std::env::var_os("MEDSHARE_IMAGES").map(|folder| fs::read_dir(folder).unwrap());
    let more = more
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    let (mut fitted, mut refused) = (0, 0);
    let committed = ["phantom.png", "CT_small.dcm", "MR_small_implicit.dcm"];
    for image in more.chain(committed.map(data)) {
        fs::copy(&image, dir.path().join("cover")).unwrap();
        if run(&dir, "capacity cover").status.code() == Some(1) {
            continue; // no native image
        }
        let line = "hide cover --payload payload --out stego --scheme reversible";
        let hidden = run(&dir, line);
        if hidden.status.success() {
            json(&dir, "extract stego --out found --restore back");
            let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
            assert!(
                read("back") == read("cover") && read("found") == [0xA5; 1024],
                "{image:?}"
            );
            fitted += 1;
            continue;
        }
        let held = json(&dir, "capacity cover --scheme reversible");
        let said = String::from_utf8(hidden.stderr).unwrap();
        let numbers = format!(
            "it holds {} bytes, and 1024 are needed",
            held["payload_bytes"]
        );
        assert!(said.contains(&numbers), "{image:?}: {said}");
        // Noise may be larger and refused all the same; no picture of anything was yet.
        assert!(
            held["samples"].as_u64().unwrap() < 256 * 256,
            "{image:?}: {held}"
        );
        refused += 1;
    }
    assert!(fitted >= 1 && refused >= 2);
}

/// The other schemes bring no samples back, so what makes the file again around them would only be bytes, and time.
#[test]
fn a_png_carries_restore_data_only_where_it_can_be_used() {
    let dir = directory();
    for (scheme, carries) in [
        ("reversible", true),
        ("matching", false),
        ("replacement", false),
    ] {
        let line = format!("hide @phantom.png --payload payload --out stego --scheme {scheme}");
        json(&dir, &line);
        let stego = fs::read(dir.path().join("stego")).unwrap();
        let found = stego.windows(4).any(|chunk| chunk == b"reST");
        assert_eq!(found, carries, "{scheme}");
    }
}

#[test]
fn what_was_hidden_is_extracted() {
    let bits = (1..=4).map(|bits| (format!("--bits {bits}"), bits));
    let schemes = [
        "matching",
        "matrix --parity 3",
        "adaptive --costs hill",
        "adaptive --costs suniward --height 7",
        "adaptive --costs uniform",
    ];
    let schemes = schemes.map(|scheme| (format!("--scheme {scheme}"), 1));
    for (scheme, bits) in bits.chain(schemes) {
        for image in IMAGES {
            let dir = directory();
            cover(&dir, image);
            let line = format!("hide cover --payload payload --out stego {scheme}");
            let hidden = json(&dir, &line);
            assert_eq!(hidden["bits_per_sample"], bits);
            json(&dir, &format!("extract stego --out found {scheme}"));
            assert_eq!(fs::read(dir.path().join("found")).unwrap(), PAYLOAD);
            let compared = json(&dir, "compare cover stego");
            let largest = compared["largest_change"].as_u64().unwrap();
            assert!(largest > 0 && largest < 1 << bits, "{image} {scheme}");
            let looked = json(&dir, "detect cover stego");
            assert_eq!(looked["images"].as_array().unwrap().len(), 2);
        }
    }
}

/// Payload and original through pipes: results only on stdout.
#[test]
fn dashes_are_streams() {
    let dir = directory();
    let stego = run(
        &dir,
        "hide @CT_small.dcm --payload payload --out - --scheme reversible",
    );
    fs::write(dir.path().join("stego"), stego.stdout).unwrap();
    let found = run(&dir, "extract stego --out - --scheme reversible");
    assert_eq!(found.stdout, PAYLOAD);
    let original = run(
        &dir,
        "extract stego --out found --restore - --scheme reversible",
    );
    assert_eq!(original.stdout, fs::read(data("CT_small.dcm")).unwrap());
    let both = error(
        &dir,
        "extract stego --out - --restore - --scheme reversible",
    );
    assert!(both.contains("cannot both be stdout"), "{both}");
}

/// One of them would replace the other, which nobody could hide again.
#[test]
fn payload_and_original_have_files_of_their_own() {
    let dir = directory();
    let scheme = "--scheme reversible";
    let hide = format!("hide @CT_small.dcm --payload payload --out stego {scheme}");
    json(&dir, &hide);
    for restore in ["a", "./a"] {
        let line = format!("extract stego --out a --restore {restore} {scheme}");
        let said = error(&dir, &line);
        assert!(said.contains("name the same file"), "{said}");
        assert!(!dir.path().join("a").exists());
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let dir = directory();
    run(&dir, "hide @CT_small.dcm --payload payload --out stego");
    fs::write(dir.path().join("small.png"), png(3, 3, |_| 9)).unwrap();
    fs::write(dir.path().join("empty"), []).unwrap();
    fs::write(dir.path().join("key"), [7; 32]).unwrap();
    for (line, says) in [
        (
            "extract stego --out found --restore back",
            "and restore, which takes a payload of the reversible scheme: no payload was found",
        ),
        (
            "extract stego --out found --restore back --scheme replacement",
            "the replacement scheme cannot recover the original",
        ),
        (
            "extract stego --out found --restore back --key-file key",
            "the reversible scheme cannot follow a key",
        ),
        (
            "extract stego --out found --scheme matching --bits 2",
            "no payload is hidden in such a way",
        ),
        (
            "extract stego --out found --scheme reversible",
            "no payload was found",
        ),
        ("extract @phantom.png --out found", "no payload was found"),
        (
            "hide @CT_small.dcm --payload stego --out other",
            "it holds 2032 bytes, and 39206 are needed",
        ),
        (
            "hide @CT_small.dcm --payload payload --out other --scheme reversible --bits 2",
            "2 bits per sample: the reversible scheme carries one bit per sample",
        ),
        (
            "compare @CT_small.dcm @phantom.png",
            "the shapes differ: 128 x 128 pixels of 16 bits, signed and 256 x 256 pixels of 8 bits\n",
        ),
        (
            "hide small.png --payload empty --out other",
            "it does not hold the 16 bytes of a frame",
        ),
        (
            "hide small.png --payload payload --out other",
            "it holds 0 bytes, and 30 are needed beside the 16 of a frame",
        ),
        (
            "hide @CT_small.dcm --payload payload --out other --scheme reversible --key-file key",
            "the reversible scheme cannot follow a key",
        ),
        ("detect payload", "cannot look into payload"),
    ] {
        let said = error(&dir, line);
        assert!(said.contains(says), "{line}: {said}");
        assert!(!said.contains('{'), "{line}: {said}");
    }
    for name in ["found", "back", "other"] {
        assert!(!dir.path().join(name).exists(), "{name} was written");
    }
}

#[test]
fn a_stego_image_is_compared_with_its_cover() {
    let dir = directory();
    let hidden = json(&dir, "hide @CT_small.dcm --payload payload --out stego");
    let found = json(&dir, "compare @CT_small.dcm stego");
    let changed = found["changed"].as_u64().unwrap();
    let used = hidden["used_bits"].as_u64().unwrap();
    assert!(changed > used / 3 && changed < used, "{found}");
    // Replacement of one bit: each change is by 1, so that the squared error is the share of changed samples.
    assert_eq!(
        (&found["samples"], &found["largest_change"]),
        (&16_384.into(), &1.into())
    );
    assert_eq!(found["mse"], found["changed_share"]);
    assert_eq!(found["bits_stored"]["peak"], 65_535);
    assert_eq!(found["range"]["peak"], 2_063);
    let psnr = |of: &str| found[of]["psnr"].as_f64().unwrap();
    let apart = 20.0 * (65_535.0_f64 / 2_063.0).log10();
    assert!((psnr("bits_stored") - psnr("range") - apart).abs() < 1e-9);
    let same = json(&dir, "compare @CT_small.dcm @CT_small.dcm");
    assert_eq!(same["bits_stored"]["psnr"], "inf");
    assert_eq!(same["bits_stored"]["ssim"], 1.0);
}

/// A cover of one value has no range: what is measured against it was infinite or no number, and null in JSON, as the PSNR of
/// equal images was.
#[test]
fn a_flat_cover_has_no_figures_against_its_range() {
    let dir = directory();
    for (name, value) in [("a.png", 9), ("b.png", 10)] {
        fs::write(dir.path().join(name), png(20, 12, |_| value)).unwrap();
    }
    let found = json(&dir, "compare a.png b.png");
    assert_eq!(found["range"]["peak"], 0);
    assert_eq!(found["range"]["psnr"], Value::Null);
    assert_eq!(found["range"]["ssim"], Value::Null);
    assert!(found["bits_stored"]["psnr"].as_f64().unwrap() > 48.0);
    assert!(found["bits_stored"]["ssim"].as_f64().unwrap() < 1.0);
    let text = String::from_utf8(run(&dir, "compare a.png b.png").stdout).unwrap();
    let none = "none: the cover has one value, so that its range is 0";
    assert_eq!(text.matches(none).count(), 2, "{text}");

    let same = json(&dir, "compare a.png a.png");
    for against in ["bits_stored", "range"] {
        assert_eq!(same[against]["psnr"], "inf");
        assert_eq!(same[against]["ssim"], 1.0);
    }
    let text = String::from_utf8(run(&dir, "compare a.png a.png").stdout).unwrap();
    assert_eq!(
        text.matches("infinite: nothing differs").count(),
        2,
        "{text}"
    );

    let flat = "lab a.png --schemes replacement --rates 0.9 --out results";
    json(&dir, flat);
    let read = |name: &str| fs::read_to_string(dir.path().join("results").join(name)).unwrap();
    let results: Value = serde_json::from_str(&read("results.json")).unwrap();
    let row = &results["rows"][1];
    assert!(
        row["psnr_stored"].is_number() && row["psnr_range"].is_null(),
        "{row}"
    );
}

/// What can be read is looked into, whatever else is named; the exit code says that something was not.
#[test]
fn detection_goes_on_past_an_image_that_cannot_be_read() {
    let dir = directory();
    let line = "detect @CT_small.dcm payload missing @phantom.png";
    let output = run(&dir, line);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("CT_small.dcm ") && text.contains("phantom.png "),
        "{text}"
    );
    let said = String::from_utf8(output.stderr).unwrap();
    for says in [
        "cannot look into payload",
        "cannot look into missing",
        "2 of 4 images could not be looked into",
    ] {
        assert!(said.contains(says), "{said}");
    }
    let output = run(&dir, &format!("{line} --json"));
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["error"], "2 of 4 images could not be looked into");
    for (image, read) in found["images"]
        .as_array()
        .unwrap()
        .iter()
        .zip([true, false, false, true])
    {
        assert_eq!(image["sample_pairs"].is_number(), read, "{image}");
        assert_eq!(image["error"].is_string(), !read, "{image}");
    }
}

/// "928 of 16384 samples' bits used" was wrong above one bit per sample, and "1 in each of the samples that it takes" under matrix embedding.
#[test]
fn hiding_says_how_and_bits_and_samples_apart() {
    let dir = directory();
    for (scheme, by) in [
        ("replacement --bits 4", "replacement of 4 bits per sample"),
        ("matrix --parity 5", "matrix of 5 parity bits"),
        ("adaptive", "adaptive of height 10"),
        ("reversible", "reversible"),
    ] {
        let line = format!("hide @CT_small.dcm --payload payload --out stego --scheme {scheme}");
        let said = String::from_utf8(run(&dir, &line).stdout).unwrap();
        let expected = format!("by {by}: a frame of 368 bits in 16384 samples");
        assert!(said.contains(&expected), "{said}");
    }
    let said = json(&dir, "capacity @CT_small.dcm --scheme matrix");
    assert!(said["parity"] == 3 && said["height"].is_null(), "{said}");
}

/// `--parity` under replacement was taken and had no effect.
#[test]
fn options_of_other_schemes_are_refused() {
    let dir = directory();
    for (options, named) in [
        (
            "--parity 5",
            "--parity is of the matrix scheme alone, and --scheme is replacement",
        ),
        (
            "--scheme matrix --height 8",
            "--height is of the adaptive scheme alone",
        ),
        (
            "--scheme reversible --costs hill",
            "--costs is of the adaptive scheme alone",
        ),
        (
            "--scheme adaptive --parity 3",
            "--parity is of the matrix scheme alone",
        ),
    ] {
        for command in [
            "capacity @CT_small.dcm",
            "hide @CT_small.dcm --payload payload --out stego",
        ] {
            let refused = run(&dir, &format!("{command} {options}"));
            let said = String::from_utf8(refused.stderr).unwrap();
            assert!(!refused.status.success() && said.contains(named), "{said}");
        }
    }
    assert!(!dir.path().join("stego").exists());
}

#[test]
fn a_full_image_is_detected() {
    let dir = directory();
    let held = json(&dir, "capacity @phantom.png");
    let length = usize::try_from(held["payload_bytes"].as_u64().unwrap()).unwrap();
    // Lehmer's generator: a payload that is encrypted looks like this.
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..length)
        .map(|_| {
            state = state * 48_271 % 0x7FFF_FFFF;
            state.to_le_bytes()[1]
        })
        .collect();
    fs::write(dir.path().join("payload"), noise).unwrap();
    json(&dir, "hide @phantom.png --payload payload --out stego.png");
    let found = json(&dir, "detect @phantom.png stego.png");
    for detector in ["regular_singular", "sample_pairs", "weighted_stego"] {
        let rate = |image: usize| found["images"][image][detector].as_f64().unwrap();
        assert!(rate(1) > 0.8 && rate(0) < 0.5, "{detector}: {found}");
    }
    let equal = |image: usize| &found["images"][image]["chi_square"]["probability"];
    let [before, after] = [0, 1].map(|image| equal(image).as_f64().unwrap());
    assert!(after > 0.9 && before < 0.1, "{found}");
    assert_eq!(found["images"][1]["image"], "stego.png");
}

/// The key finds what it hid; another key, or none, finds nothing.
#[test]
fn a_key_hides_where() {
    for scheme in ["replacement", "matching", "matrix --parity 2"] {
        let dir = directory();
        fs::write(dir.path().join("key"), [7; 32]).unwrap();
        fs::write(dir.path().join("other"), [8; 32]).unwrap();
        fs::write(dir.path().join("short"), [7; 31]).unwrap();
        fs::write(dir.path().join("long"), [7; 33]).unwrap();
        let hide = format!("hide @CT_small.dcm --payload payload --out stego --scheme {scheme}");
        let extract = format!("extract stego --out found --scheme {scheme}");
        json(&dir, &format!("{hide} --key-file key"));
        json(&dir, &format!("{extract} --key-file key"));
        assert_eq!(fs::read(dir.path().join("found")).unwrap(), PAYLOAD);
        for wrong in [format!("{extract} --key-file other"), extract] {
            let said = error(&dir, &wrong);
            assert!(said.contains("no payload was found"), "{wrong}: {said}");
        }
        for (name, found) in [
            ("short", "holds 31 bytes"),
            ("long", "holds more than 32 bytes"),
        ] {
            let said = error(&dir, &format!("{hide} --key-file {name}"));
            let says = format!(
                "{name} {found}: a stego key is a file of exactly 32 random bytes, as `head -c 32 /dev/urandom > {name}` makes it\n"
            );
            assert!(said.ends_with(&says), "{said}");
        }
    }
}

/// Every way to hide, and what `extract` then says that it found.
const WAYS: [(&str, &str, u64, &str, u64); 13] = [
    ("replacement", "replacement", 1, "", 0),
    ("replacement --bits 2", "replacement", 2, "", 0),
    ("replacement --bits 3", "replacement", 3, "", 0),
    ("replacement --bits 4", "replacement", 4, "", 0),
    ("matching", "replacement", 1, "", 0), // reads alike
    ("matrix --parity 2", "matrix", 1, "parity", 2),
    ("matrix", "matrix", 1, "parity", 3),
    ("matrix --parity 8", "matrix", 1, "parity", 8),
    ("adaptive", "adaptive", 1, "height", 10),
    ("adaptive --costs suniward", "adaptive", 1, "height", 10),
    ("adaptive --height 7", "adaptive", 1, "height", 7),
    ("adaptive --height 9", "adaptive", 1, "height", 9),
    ("adaptive --height 12", "adaptive", 1, "height", 12),
];

/// `extract STEGO --out PAYLOAD [--key-file K]`, whatever hid it; with another key, or with none, it says what it says of an
/// image that hides nothing.
#[test]
fn extraction_asks_for_no_scheme() {
    let dir = directory();
    fs::write(dir.path().join("key"), [7; 32]).unwrap();
    fs::write(dir.path().join("other"), [8; 32]).unwrap();
    fs::copy(data("CT_small.dcm"), dir.path().join("stego")).unwrap();
    let none = error(&dir, "extract stego --out found");
    assert!(none.contains("no payload was found"), "{none}");
    for (hide, scheme, bits, of, value) in WAYS {
        let hide = format!("hide @CT_small.dcm --payload payload --out stego --scheme {hide}");
        let extract = "extract stego --out found";
        for key in ["", " --key-file key"] {
            json(&dir, &format!("{hide}{key}"));
            let found = json(&dir, &format!("{extract}{key}"));
            assert_eq!(fs::read(dir.path().join("found")).unwrap(), PAYLOAD);
            assert_eq!(found["scheme"], scheme, "{hide}{key}");
            assert_eq!(found["bits_per_sample"], bits, "{hide}{key}");
            for name in ["parity", "height"] {
                let expected = if name == of {
                    value.into()
                } else {
                    Value::Null
                };
                assert_eq!(found[name], expected, "{hide}{key}");
            }
            fs::remove_file(dir.path().join("found")).unwrap();
            let wrong = if key.is_empty() {
                ["--key-file key", "--key-file other"].as_slice()
            } else {
                &["--key-file other", ""]
            };
            for wrong in wrong {
                let line = format!("{extract} {wrong}");
                assert_eq!(error(&dir, line.trim_end()), none, "{hide}{key}: {line}");
                assert!(!dir.path().join("found").exists());
            }
        }
    }
    json(
        &dir,
        "hide @CT_small.dcm --payload payload --out stego --scheme reversible",
    );
    let found = json(&dir, "extract stego --out found");
    assert_eq!(found["scheme"], "reversible");
    assert_eq!(error(&dir, "extract stego --out a --key-file key"), none);
}

#[test]
fn options_narrow_the_search() {
    let dir = directory();
    for (hide, finds, misses) in [
        (
            "replacement --bits 2",
            [
                "--bits 2",
                "--scheme replacement",
                "--scheme replacement --bits 2",
            ],
            [
                "--bits 3",
                "--scheme matrix",
                "--scheme reversible",
                "--height 10",
            ],
        ),
        (
            "matrix --parity 4",
            ["--bits 1", "--scheme matrix", "--parity 4"],
            [
                "--bits 2",
                "--parity 3",
                "--scheme matching",
                "--scheme adaptive",
            ],
        ),
        (
            "adaptive --height 8",
            ["--bits 1", "--scheme adaptive", "--height 8"],
            [
                "--bits 4",
                "--height 10",
                "--parity 3",
                "--scheme adaptive --height 9",
            ],
        ),
        (
            "matching",
            ["--bits 1", "--scheme matching", "--scheme replacement"],
            [
                "--bits 2",
                "--scheme replacement --bits 2",
                "--parity 3",
                "--height 10",
            ],
        ),
    ] {
        json(
            &dir,
            &format!("hide @CT_small.dcm --payload payload --out stego --scheme {hide}"),
        );
        for narrow in finds {
            let found = json(&dir, &format!("extract stego --out found {narrow}"));
            assert_eq!(found["payload_bytes"], PAYLOAD.len());
            if let Some((_, named)) = narrow.split_once("--scheme ") {
                assert!(named.starts_with(found["scheme"].as_str().unwrap()));
            }
        }
        for narrow in misses {
            let said = error(&dir, &format!("extract stego --out a {narrow}"));
            assert!(said.contains("no payload was found"), "{narrow}: {said}");
        }
    }
    let said = String::from_utf8(run(&dir, "extract stego --out found").stdout).unwrap();
    let says = "hidden by replacement or matching, which read alike\n";
    assert!(said.ends_with(says), "{said}");
}

/// A damaged frame says more than that other schemes find none.
#[test]
fn a_damaged_payload_is_no_missing_one() {
    let dir = directory();
    let path = |name: &str| dir.path().join(name);
    let original = cover(&dir, "CT_small.dcm");
    let tag = original
        .windows(6)
        .rposition(|bytes| bytes == b"\xe0\x7f\x10\0OW");
    let pixels = tag.unwrap() + 12;
    for scheme in ["reversible", "replacement --bits 3", "matrix"] {
        json(
            &dir,
            &format!("hide cover --payload payload --out stego --scheme {scheme}"),
        );
        let mut stego = fs::read(path("stego")).unwrap();
        let at = if scheme == "reversible" {
            pixels + 2 * 8 * 20 // the head's checksum, a bit per sample
        } else {
            let differs = |at: &usize| stego[*at] != original[*at];
            (pixels..original.len()).rev().find(differs).unwrap() // of the payload
        };
        stego[at] ^= 1;
        fs::write(path("stego"), stego).unwrap();
        let said = error(&dir, "extract stego --out found");
        assert!(said.contains("checksum"), "{scheme}: {said}");
        assert!(!path("found").exists());
    }
}

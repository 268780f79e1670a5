//! The laboratory: every scheme on every image, in a table, an object and a page.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test panics, and its numbers are exact"
)]

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

mod common;
use common::images::{cover, data, directory, error, json, png};

#[test]
fn the_laboratory_writes_table_object_and_page() {
    let dir = directory();
    let line = "lab @CT_small.dcm @phantom.png --schemes replacement,reversible --rates 0.1,0.9 --out results";
    let said = json(&dir, line);
    assert_eq!(
        (&said["measurements"], &said["do_not_fit"]),
        (&6.into(), &2.into())
    );
    let read = |name: &str| fs::read_to_string(dir.path().join("results").join(name)).unwrap();
    let results: Value = serde_json::from_str(&read("results.json")).unwrap();
    assert_eq!(results["conditions"]["seed"], 1);
    let rows = results["rows"].as_array().unwrap();
    let csv = read("results.csv");
    assert_eq!(csv.lines().count(), 1 + rows.len());
    let covers = rows.iter().filter(|row| row["method"] == "cover");
    let covers: Vec<_> = covers.map(|row| &row["image"]).collect();
    assert_eq!(covers, ["CT_small.dcm", "phantom.png"]);
    let width = csv.lines().next().unwrap().split(',').count();
    assert!(
        csv.lines().all(|line| line.split(',').count() == width),
        "{csv}"
    );
    for row in rows {
        assert_eq!(
            row["sample_pairs"].is_number(),
            row["samples_sha256"].is_string()
        );
        if row["method"] == "cover" {
            let start = format!("{},cover,0,", row["image"]);
            let line = csv.lines().find(|line| line.starts_with(&start));
            let digest = row["samples_sha256"].as_str().unwrap();
            assert!(line.unwrap().contains(digest), "{line:?}");
            assert!(line.unwrap().ends_with(",true"), "{line:?}");
            assert_eq!(row["rate"], 0);
            continue;
        }
        // Nine tenths of a bit per sample are more than one lattice holds.
        let fits = row["method"] != "reversible" || row["rate"] == 0.1;
        assert_eq!(row["psnr_stored"].is_number(), fits, "{row}");
        let end = format!(",{fits}");
        let start = format!(
            "\"{}\",{},{}",
            row["image"].as_str().unwrap(),
            row["method"].as_str().unwrap(),
            row["rate"]
        );
        let line = csv.lines().find(|line| line.starts_with(&start));
        assert!(line.unwrap().ends_with(&end), "{line:?}");
    }
    let conditions = &results["conditions"];
    assert!(
        conditions["compiler"].as_str().unwrap().contains("rustc"),
        "{conditions}"
    );
    assert!(!conditions["commit"].as_str().unwrap().is_empty());
    let digest = medshare_verify::file_digest(&fs::read(data("phantom.png")).unwrap());
    assert_eq!(results["images"][1]["sha256"], digest.to_string());
    // Full replacement: half of the touched samples change, each by 1.
    let full = &rows[2];
    let hidden = full["changed_share"].as_f64().unwrap() * 16_384.0;
    let bits = full["frame_bits"].as_f64().unwrap();
    assert_eq!(bits, 8.0 * full["payload_bytes"].as_f64().unwrap() + 128.0);
    assert!((full["efficiency"].as_f64().unwrap() - bits / hidden).abs() < 1e-9);
    assert!(
        (full["changed_share"].as_f64().unwrap() - 0.45).abs() < 0.02,
        "{full}"
    );
    assert_eq!(full["mse"], full["changed_share"]);
    let page = read("report.html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>"));
    assert!(page.contains("data:image/png;base64,") && page.contains("medshare lab "));
    for outside in ["http://", "https://", "<script", "<link", "url("] {
        assert!(!page.contains(outside), "the page asks for {outside}");
    }
    // Speed against size is of one image, and of which the page says, and whether it is one that takes slower paths.
    for title in [
        "Embedding speed: CT_small.dcm<",
        "Extraction speed: CT_small.dcm<",
    ] {
        assert!(page.contains(title), "{title}");
    }
    assert!(page.contains("of the first image alone, CT_small.dcm, "));
    let padded = results["images"][0]["all_carry"] == false;
    assert_eq!(page.contains("takes slower paths"), padded);
    let speed = &results["throughput"][0];
    assert!(speed["extract_mb_per_s"].as_f64().unwrap() > 0.0, "{speed}");
    let said = error(&dir, "lab @CT_small.dcm --rates 4.5 --out results");
    assert!(said.contains("a rate of 4.5"), "{said}");
    // it left a folder with nothing in it
    let said = error(&dir, "lab @CT_small.dcm missing.png --out other");
    assert!(said.contains("missing.png"), "{said}");
    assert!(!dir.path().join("other").exists());
}

/// Every scheme on a TIFF and on DICOM: the laboratory holds what is extracted against what was embedded.
#[test]
fn the_laboratory_knows_every_scheme() {
    let dir = directory();
    cover(&dir, "made.tif");
    let said = json(
        &dir,
        "lab cover @MR_small_implicit.dcm --rates 0.05 --out results",
    );
    assert_eq!(said["images"], 2);
    assert_eq!(said["do_not_fit"], 0);
    let text = fs::read_to_string(dir.path().join("results/results.json")).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    let methods = [
        "replacement",
        "keyed",
        "matching",
        "matrix",
        "reversible",
        "hill",
        "suniward",
    ];
    let rows = results["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2 * (1 + methods.len()));
    let stego = rows.iter().filter(|row| row["method"] != "cover");
    for (row, method) in stego.zip(methods.into_iter().cycle()) {
        assert_eq!(row["method"], method);
        let number = |name: &str| row[name].as_f64().unwrap();
        assert!(
            number("changed_share") > 0.0 && number("psnr_stored") > 40.0,
            "{row}"
        );
        // Everything but the reversible scheme moves samples by one at most.
        assert!(
            method == "reversible" || row["largest_change"] == 1,
            "{row}"
        );
        // A code makes fewer changes than one for every other bit.
        let coded = ["matrix", "hill", "suniward"].contains(&method);
        let frames = number("frame_bits") / (8.0 * number("payload_bytes"));
        assert!(!coded || number("efficiency") * frames > 2.2, "{row}");
        assert_eq!(row["parity"].is_number(), method == "matrix", "{row}");
    }
    let page = fs::read_to_string(dir.path().join("results/report.html")).unwrap();
    for name in ["HILL", "S-UNIWARD", "matching", "matrix", "Chi-square"] {
        assert!(page.contains(name), "{name}");
    }
}

/// Every scheme in every way: two to four bits per sample, which alone hold more than one, and without a key. In the table, in
/// the object and at the shell they have one name, and on the page a line of their own.
#[test]
fn the_laboratory_knows_every_way() {
    let dir = directory();
    let line = "lab @CT_small.dcm --schemes all --rates 0.05,1.5 --out results";
    let said = json(&dir, line);
    assert_eq!(said["measurements"], 17 + 6);
    let read = |name: &str| fs::read_to_string(dir.path().join("results").join(name)).unwrap();
    let results: Value = serde_json::from_str(&read("results.json")).unwrap();
    let rows = results["rows"].as_array().unwrap();
    let (csv, page) = (read("results.csv"), read("report.html"));
    let digest = |method: &str| {
        let row = rows.iter().find(|row| row["method"] == method);
        row.unwrap()["samples_sha256"].as_str().unwrap()
    };
    for (method, bits, name, like, dashes) in [
        (
            "replacement-2bit",
            2,
            "replacement, 2 bits",
            "replacement",
            "s0 d2",
        ),
        (
            "replacement-3bit",
            3,
            "replacement, 3 bits",
            "replacement",
            "s0 d3",
        ),
        (
            "replacement-4bit",
            4,
            "replacement, 4 bits",
            "replacement",
            "s0 d4",
        ),
        ("keyed-2bit", 2, "keyed, 2 bits", "keyed", "s1 d2"),
        ("keyed-3bit", 3, "keyed, 3 bits", "keyed", "s1 d3"),
        ("keyed-4bit", 4, "keyed, 4 bits", "keyed", "s1 d4"),
        (
            "matching-keyless",
            1,
            "matching, no key",
            "matching",
            "s2 d1",
        ),
        ("matrix-keyless", 1, "matrix, no key", "matrix", "s3 d1"),
        ("hill-keyless", 1, "HILL, no key", "hill", "s5 d1"),
        (
            "suniward-keyless",
            1,
            "S-UNIWARD, no key",
            "suniward",
            "s6 d1",
        ),
    ] {
        let of_method: Vec<_> = rows.iter().filter(|row| row["method"] == method).collect();
        let [low, high] = of_method.as_slice() else {
            panic!("{method}: {of_method:?}");
        };
        let most = (1 << bits) - 1;
        assert_eq!(low["largest_change"], most, "{low}");
        assert_eq!(high["psnr_stored"].is_number(), bits > 1, "{high}");
        assert_eq!(
            (&low["fits"], &high["fits"]),
            (&true.into(), &(bits > 1).into())
        );
        assert_eq!(
            (&low["bits"], &low["keyed"]),
            (&bits.into(), &method.starts_with("keyed").into())
        );
        assert_ne!(digest(method), digest(like));
        assert!(
            csv.contains(&format!("\"CT_small.dcm\",{method},0.05,")),
            "{csv}"
        );
        assert!(
            page.contains(name) && page.contains(&format!("line {dashes}'")),
            "{name}"
        );
        let alone = format!("lab @CT_small.dcm --schemes {method} --rates 0.05 --out alone");
        assert_eq!(json(&dir, &alone)["measurements"], 1);
    }
}

/// Rates were of all samples, with an alpha that carries nothing: a full image was said not to fit, and estimates were a third too high.
#[test]
fn rates_are_of_the_samples_that_carry() {
    let dir = directory();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 64, 64);
    encoder.set_color(png::ColorType::Rgba);
    let samples: Vec<u8> = (0..64_u32 * 64 * 4)
        .map(|i| (i * i % 251 + i % 5).to_le_bytes()[0])
        .collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&samples).unwrap();
    writer.finish().unwrap();
    fs::write(dir.path().join("rgba.png"), bytes).unwrap();
    json(
        &dir,
        "lab rgba.png --schemes replacement --rates 1 --out results",
    );
    let text = fs::read_to_string(dir.path().join("results/results.json")).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(results["images"][0]["samples"], 64 * 64 * 3);
    // Alpha does not carry.
    assert_eq!(results["images"][0]["all_carry"], false);
    let page = fs::read_to_string(dir.path().join("results/report.html")).unwrap();
    assert!(page.contains("Embedding speed: rgba.png<") && page.contains("takes slower paths"));
    let row = &results["rows"][1];
    assert_eq!(
        (&row["fits"], &row["frame_bits"]),
        (&true.into(), &(64 * 64 * 3).into()),
        "{row}"
    );
    let changed = row["changed_share"].as_f64().unwrap();
    assert!((changed - 0.5).abs() < 0.02, "{row}");
}

/// The same seed gives the same stego images, another seed others.
#[test]
fn the_laboratory_does_the_same_again() {
    let dir = directory();
    let digests = |seed: u32, out: &str| {
        let line = format!("lab @MR_small_implicit.dcm --rates 0.05,0.3 --seed {seed} --out {out}");
        json(&dir, &line);
        let text = fs::read_to_string(dir.path().join(out).join("results.json")).unwrap();
        let results: Value = serde_json::from_str(&text).unwrap();
        let rows = results["rows"].as_array().unwrap().clone();
        let digest = |row: &Value| row["samples_sha256"].as_str().map(str::to_owned);
        rows.iter().map(digest).collect::<Vec<_>>()
    };
    let (first, again, other) = (digests(5, "a"), digests(5, "b"), digests(6, "c"));
    assert_eq!(first, again);
    assert_eq!(first[0], other[0], "of the cover");
    let stego: Vec<_> = first.iter().zip(&other).skip(1).collect();
    assert!(stego.iter().any(|(first, _)| first.is_some()));
    for (first, other) in stego {
        assert!(first.is_none() || first != other);
    }
}

/// Two images of one name in two folders: their rows were mixed under it.
#[test]
fn the_laboratory_tells_images_of_one_name_apart() {
    let dir = directory();
    for (folder, value) in [("d1", 3), ("d2", 5)] {
        fs::create_dir(dir.path().join(folder)).unwrap();
        let image = png(40, 40, |i| (i * value % 251).to_le_bytes()[0]);
        fs::write(dir.path().join(folder).join("x.png"), image).unwrap();
    }
    let line = "lab d1/x.png d2/x.png d2/x.png @phantom.png --schemes replacement --rates 0.5 --out results";
    json(&dir, line);
    let read = |name: &str| fs::read_to_string(dir.path().join("results").join(name)).unwrap();
    let results: Value = serde_json::from_str(&read("results.json")).unwrap();
    let names = ["d1/x.png", "d2/x.png", "d2/x.png (2)", "phantom.png"];
    let (csv, page) = (read("results.csv"), read("report.html"));
    for (image, name) in names.into_iter().enumerate() {
        assert_eq!(results["images"][image]["name"], name);
        let rows = results["rows"].as_array().unwrap();
        assert_eq!(rows.iter().filter(|row| row["image"] == name).count(), 2);
        let start = format!("\"{name}\",");
        let lines = csv.lines().filter(|line| line.starts_with(&start));
        assert_eq!(lines.count(), 2, "{csv}");
        let (_, table) = page
            .split_once(&format!("<summary>{name}</summary>"))
            .unwrap();
        let (table, _) = table.split_once("</table>").unwrap();
        assert_eq!(table.matches("<td>replacement").count(), 1, "{table}");
    }
}

/// One image of three stored bits ended the run, after all the others had been measured: what changes four does not fit it.
#[test]
fn an_image_of_few_bits_is_measured_as_far_as_it_goes() {
    let dir = directory();
    let mut file = fs::read(data("CT_small.dcm")).unwrap();
    for (element, value) in [
        (b"\x28\x00\x01\x01US\x02\x00", 3),
        (b"\x28\x00\x02\x01US\x02\x00", 2),
    ] {
        let at = file.windows(8).position(|bytes| bytes == element).unwrap();
        file[at + 8] = value;
    }
    fs::write(dir.path().join("three.dcm"), file).unwrap();
    let line = "lab @CT_small.dcm three.dcm --schemes replacement,replacement-4bit --rates 0.1 --out results";
    let said = json(&dir, line);
    assert!(
        said["measurements"] == 3 && said["do_not_fit"] == 1,
        "{said}"
    );
}

/// Of an image of one value, the histogram began at 65510, showed nothing, and ended above what 16 bits hold.
#[test]
fn a_histogram_is_of_values_that_there_are() {
    let dir = directory();
    fs::write(dir.path().join("flat.png"), png(40, 40, |_| 250)).unwrap();
    json(
        &dir,
        "lab flat.png --schemes replacement --rates 0.5 --out results",
    );
    let page = fs::read_to_string(dir.path().join("results/report.html")).unwrap();
    let (_, histogram) = page.split_once("aria-label='histogram'").unwrap();
    let (histogram, _) = histogram.split_once("</svg>").unwrap();
    assert!(
        histogram.contains(">208</text>") && histogram.contains(">255</text>"),
        "{histogram}"
    );
    assert!(
        histogram.contains("v-180.0"),
        "the cover's bar: {histogram}"
    );
}

/// In MONOCHROME1 the smallest value is white (PS3.3 C.7.6.3.1.2): its pictures were negatives.
#[test]
fn white_is_what_is_meant_to_be_white() {
    let dir = directory();
    let file = fs::read(data("CT_small.dcm")).unwrap();
    let at = file
        .windows(11)
        .position(|bytes| bytes == b"MONOCHROME2")
        .unwrap();
    let mut other = file.clone();
    other[at + 10] = b'1';
    let picture = |name: &str, file: &[u8]| {
        fs::write(dir.path().join("scan.dcm"), file).unwrap();
        json(
            &dir,
            &format!("lab scan.dcm --schemes replacement --rates 0.5 --out {name}"),
        );
        let page = fs::read_to_string(dir.path().join(name).join("report.html")).unwrap();
        let (_, cover) = page
            .split_once("<img alt='cover' src='data:image/png;base64,")
            .unwrap();
        let (cover, _) = cover.split_once('\'').unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(STANDARD.decode(cover).unwrap()));
        reader.set_transformations(png::Transformations::EXPAND);
        let mut reader = reader.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    };
    let (positive, negative) = (picture("two", &file), picture("one", &other));
    assert!(positive.iter().max() > Some(&250));
    for (positive, negative) in positive.into_iter().zip(negative) {
        assert!(
            positive.abs_diff(255 - negative) <= 1,
            "{positive} {negative}"
        );
    }
}

/// The frame's own 128 bits change samples too, and were left out of what is divided by these: the smallest payloads looked worst.
#[test]
fn efficiency_is_of_all_bits_that_are_embedded() {
    let dir = directory();
    json(
        &dir,
        "lab @CT_small.dcm --schemes replacement,matrix --rates 0.02 --out results",
    );
    let text = fs::read_to_string(dir.path().join("results/results.json")).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    let efficiency = |row: usize| results["rows"][row]["efficiency"].as_f64().unwrap();
    // every second bit is right already
    assert!((efficiency(1) - 2.0).abs() < 0.3, "{}", efficiency(1));
    // p (1 - 2^-p)^-1 bits in a change, of eight parity bits
    assert_eq!(results["rows"][2]["parity"], 8);
    assert!((efficiency(2) - 8.03).abs() < 0.3, "{}", efficiency(2));
}

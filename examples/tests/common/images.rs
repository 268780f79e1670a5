//! Images in a directory, and the program run beside them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

pub const PAYLOAD: &[u8] = b"Jane Roe, 1970-01-01, CT chest";

pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}

/// A directory with a payload in it.
pub fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("payload"), PAYLOAD).unwrap();
    directory
}

/// Runs the program in a directory; the words of `line` are its arguments, `@name` a file of `data/`.
pub fn run(directory: &tempfile::TempDir, line: &str) -> Output {
    let words = line.split(' ').map(|word| match word.strip_prefix('@') {
        Some(name) => data(name).into_os_string(),
        None => word.into(),
    });
    Command::new(env!("CARGO_BIN_EXE_medshare"))
        .args(words)
        .current_dir(directory.path())
        .output()
        .unwrap()
}

/// Runs a command that ends well, and gives the object it prints.
pub fn json(directory: &tempfile::TempDir, line: &str) -> Value {
    let output = run(directory, &format!("{line} --json"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a command that ends with an error, and gives what it says.
pub fn error(directory: &tempfile::TempDir, line: &str) -> String {
    let output = run(directory, line);
    assert_eq!(output.status.code(), Some(1), "{line}");
    String::from_utf8(output.stderr).unwrap()
}

/// DICOM, PNG, and a TIFF that is made here.
pub const IMAGES: [&str; 4] = [
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "phantom.png",
    "made.tif",
];

/// Puts one of them into the directory, as `cover`.
pub fn cover(directory: &tempfile::TempDir, image: &str) -> Vec<u8> {
    let bytes = match image {
        "made.tif" => super::tiff(300, 200),
        _ => fs::read(data(image)).unwrap(),
    };
    fs::write(directory.path().join("cover"), &bytes).unwrap();
    bytes
}

/// A PNG of eight grey bits.
pub fn png(width: u32, height: u32, value: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let length = usize::try_from(width * height).unwrap();
    let samples: Vec<u8> = (0..length).map(value).collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&samples).unwrap();
    writer.finish().unwrap();
    bytes
}

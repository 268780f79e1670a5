//! Properties of every crate as plain functions of bytes: libFuzzer targets under `cfg(fuzzing)`, and replayed over the
//! committed seeds and regressions by the ordinary tests on stable. See `README.md`.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{fs, io};

pub mod envelope;
pub mod image;
pub mod ledger;
pub mod stego;
pub mod store;
pub mod verify;

/// One fuzz target: the name of its file in `fuzz_targets/` and of its seed folder, and the property.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, by crate.
pub const TARGETS: &[&[Target]] = &[
    stego::TARGETS,
    image::TARGETS,
    envelope::TARGETS,
    store::TARGETS,
    ledger::TARGETS,
    verify::TARGETS,
];

/// Writes a target's entry point: libFuzzer's under `cfg(fuzzing)`, else a program that runs the property over the files
/// it is given, so that a crash is reproduced without libFuzzer.
#[macro_export]
macro_rules! target {
    ($property:path) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $property(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            std::env::args_os().skip(1).try_for_each(|path| {
                $property(&std::fs::read(path)?);
                Ok(())
            })
        }
    };
}

/// The committed inputs of a target: its seeds and its regressions, in order of their names.
///
/// # Errors
///
/// When a folder exists but cannot be read.
pub fn inputs(target: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for kind in ["seeds", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(kind)
            .join(target);
        if folder.is_dir() {
            for entry in fs::read_dir(folder)? {
                found.push(entry?.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

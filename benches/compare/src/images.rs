//! What real images hold under the reversible scheme: 1 KB hidden in each, and payload and file got back byte for byte.
//!
//! `images PACKAGE=FOLDER...` prints a line for every native image in the folders, each content once; `images/run` names the
//! packages. Fails where an image of 256 x 256 samples or more refuses 1 KB.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use lsb_stego::{Cover, CoverMut, Error, Layout, Options, Sample, Scheme};
use lsb_stego::{capacity, embed, metric, recover};
use medical_image::{Picture, Samples, restore};

const PAYLOAD: [u8; 1024] = [0xA5; 1024];

/// What was found of an image: capacity in bytes, bits per sample, and of the payload the largest change and PSNR.
struct Found {
    bytes: usize,
    rate: f64,
    hidden: Option<(u16, f64)>,
}

fn main() -> ExitCode {
    println!(
        "{:40} {:20} {:>9} {:>6} {:>5} {:>6}  summary",
        "image", "of", "capacity", "rate", "bins", "PSNR"
    );
    let (mut held, mut small, mut refused) = (0, 0, 0);
    let mut seen = BTreeSet::new();
    for word in env::args().skip(1) {
        let (package, folder) = word.split_once('=').expect("PACKAGE=FOLDER");
        let mut files = Vec::new();
        files_of(Path::new(folder), &mut files);
        files.sort();
        for path in files {
            let bytes = fs::read(&path).expect("a file");
            if !seen.insert(bytes.clone()) {
                continue;
            }
            let Ok(picture) = Picture::read(bytes) else {
                continue; // no native image
            };
            let found = match picture.samples() {
                Samples::U8(samples) => look(&picture, samples, Samples::U8, u8::try_from),
                Samples::U16(samples) => look(&picture, samples, Samples::U16, u16::try_from),
                _ => continue,
            };
            let large = picture.samples().len() >= 256 * 256;
            let shown = match found.hidden {
                Some((bins, psnr)) => format!("{bins:5} {psnr:6.1}"),
                None => "     refused".to_owned(),
            };
            held += usize::from(large && found.hidden.is_some());
            refused += usize::from(large && found.hidden.is_none());
            small += usize::from(!large);
            let name = path.strip_prefix(folder).expect("it is inside").display();
            let (bytes, rate, summary) = (found.bytes, found.rate, picture.summary());
            println!("{name:40} {package:20} {bytes:9} {rate:6.3} {shown}  {summary}");
        }
    }
    println!(
        "{held} images of 256 x 256 samples or more hold 1024 bytes and came back byte for byte, {refused} refused; \
         {small} are smaller"
    );
    ExitCode::from(u8::from(refused > 0 || held == 0))
}

/// All files below a folder.
fn files_of(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_of(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn look<S: Sample + PartialEq, E>(
    picture: &Picture,
    samples: &[S],
    wrap: fn(Vec<S>) -> Samples,
    narrow: fn(u16) -> Result<S, E>,
) -> Found {
    let geometry = picture.geometry();
    let layout = Layout::new(geometry.bits_stored)
        .and_then(|layout| layout.with_channels(geometry.channels, picture.carrying()))
        .and_then(|layout| layout.with_columns(geometry.columns))
        .and_then(|layout| match picture.reserved() {
            Some((low, high)) => layout.with_reserved(low, high),
            None => Ok(layout),
        })
        .expect("a layout");
    let options = Options::new().scheme(Scheme::Reversible);
    let cover = Cover::new(samples, layout).expect("whole pixels");
    let room = capacity(cover, &options).expect("a capacity");
    let mut stego = samples.to_vec();
    let mutable = CoverMut::new(&mut stego, layout).expect("whole pixels");
    let hidden = match embed(mutable, &PAYLOAD, &options) {
        Ok(_) => {
            let after = Cover::new(&stego, layout).expect("whole pixels");
            let compared = metric::compare(cover, after).expect("equal lengths");
            let psnr = metric::psnr(layout.peak(), compared.mse());
            let patched = picture.patch(&wrap(stego)).expect("one shape");
            let file = Picture::read(patched.bytes).expect("a good file");
            let values = (0..samples.len()).filter_map(|at| file.samples().get(at));
            let mut back: Vec<S> = values.filter_map(|value| narrow(value).ok()).collect();
            let mutable = CoverMut::new(&mut back, layout).expect("whole pixels");
            assert!(recover(mutable, &options).expect("it is there") == PAYLOAD);
            assert!(back == samples);
            let original = restore(&file, &wrap(back), &patched.restore).expect("its data");
            assert!(original == picture.bytes());
            Some((compared.largest(), psnr))
        }
        Err(Error::TooSmall { .. }) => None,
        Err(error) => panic!("{error}"),
    };
    Found {
        bytes: room.payload_bytes(),
        rate: room.rate(),
        hidden,
    }
}

//! One operation of lsb-stego on samples that another program made: what `peers/run` holds against the peers, in one run.
//!
//! `peer OPERATION FILE WIDTH COLUMNS CHANNELS BYTES`: FILE holds raw samples, little-endian, of WIDTH 8 or 16 bits; BYTES is the
//! length of the payload; for the trellis codes `stc7`, `stc10` and `phasm7`, as many elements as there are samples carry one bit
//! in BYTES of them. Prints the median of the times in
//! seconds, one core, everything in memory.

use std::env;
use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use compare::{FromBytes, numbers};
use lsb_stego::cost::{self, Costs};
use lsb_stego::trellis::{self, Trellis};
use lsb_stego::{Cover, CoverMut, Key, Layout, Options, embed, extract, read_bits, write_bits};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let [operation, file, width, rest @ ..] = words.as_slice() else {
        panic!("OPERATION FILE WIDTH COLUMNS CHANNELS BYTES");
    };
    let numbers: Vec<usize> = rest
        .iter()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let bytes = fs::read(file).expect("a file of samples");
    let time = match width.as_str() {
        "8" => run::<u8>(operation, &bytes, &numbers),
        _ => run::<u16>(operation, &bytes, &numbers),
    };
    println!("{}", time.as_secs_f64());
}

fn run<S: FromBytes + PartialEq>(operation: &str, bytes: &[u8], numbers: &[usize]) -> Duration {
    let &[columns, channels, length] = numbers else {
        panic!("COLUMNS CHANNELS BYTES");
    };
    let samples = S::from_bytes(bytes);
    let layout = Layout::new(S::DEPTH)
        .and_then(|layout| {
            let channels = u8::try_from(channels).expect("a few channels");
            layout.with_channels(channels, 0xFF >> (8 - channels))
        })
        .and_then(|layout| layout.with_columns(u32::try_from(columns).expect("columns")))
        .expect("a layout");
    let cover = Cover::new(&samples, layout).expect("whole pixels");
    let payload: Vec<u8> = compare::numbers()
        .flat_map(u64::to_le_bytes)
        .take(length)
        .collect();
    let plain = Options::new();
    let keyed = Options::new().key(Key::new([7; 32]));
    match operation {
        // In place, raw bits as the peers write them.
        "write" => {
            let mut stego = samples.clone();
            let time = median(|| {
                let cover = CoverMut::new(black_box(&mut stego), layout).expect("whole pixels");
                write_bits(cover, &plain, black_box(&payload), 8 * length).expect("it fits");
            });
            let stego = Cover::new(&stego, layout).expect("whole pixels");
            assert!(read_bits(stego, &plain, 8 * length).expect("it is there") == payload);
            time
        }
        "read" => {
            let mut stego = samples.clone();
            let mutable = CoverMut::new(&mut stego, layout).expect("whole pixels");
            write_bits(mutable, &plain, &payload, 8 * length).expect("it fits");
            let stego = Cover::new(&stego, layout).expect("whole pixels");
            median(|| {
                let found = read_bits(black_box(stego), &plain, 8 * length).expect("it is there");
                assert!(found.len() == payload.len());
            })
        }
        "keyed" => {
            let mut stego = samples.clone();
            let time = median(|| {
                let cover = CoverMut::new(black_box(&mut stego), layout).expect("whole pixels");
                embed(cover, black_box(&payload), &keyed).expect("it fits");
            });
            let stego = Cover::new(&stego, layout).expect("whole pixels");
            assert!(extract(stego, &keyed).expect("it is there") == payload);
            time
        }
        "hill" => costs(cover, Costs::Hill),
        "suniward" => costs(cover, Costs::Suniward),
        "stc7" => code(samples.len(), length, 7),
        "stc10" => code(samples.len(), length, 10),
        #[cfg(feature = "phasm")]
        "phasm7" => phasm(samples.len(), length),
        _ => panic!("no such operation"),
    }
}

fn costs<S: FromBytes>(cover: Cover<'_, S>, model: Costs) -> Duration {
    median(|| {
        let costs = cost::map(black_box(cover), model).expect("columns");
        assert!(costs.len() == cover.samples().len());
    })
}

/// Elements, and what a change of each costs, spread evenly.
fn elements(count: usize) -> (Vec<u8>, Vec<f32>) {
    let bits = numbers().map(|number| (number >> 7 & 1) as u8);
    let costs = numbers().map(|number| (number >> 40) as f32 / 16_777_216.0);
    (bits.take(count).collect(), costs.take(count).collect())
}

/// The trellis code of a peer, whose height is 7 at most, on the same.
#[cfg(feature = "phasm")]
fn phasm(count: usize, part: usize) -> Duration {
    use phasm_core::stego::stc::embed::stc_embed;
    use phasm_core::stego::stc::hhat::generate_hhat;

    let (bits, costs) = elements(count);
    let payload: Vec<u8> = numbers()
        .map(|number| (number >> 9 & 1) as u8)
        .take(count / part)
        .collect();
    let matrix = generate_hhat(7, part, &[7; 32]);
    median(|| {
        let done = stc_embed(black_box(&bits), &costs, &payload, &matrix, 7, part);
        assert!(done.is_some());
    })
}

/// A trellis code over so many elements, one bit in each `part`.
fn code(count: usize, part: usize, height: u8) -> Duration {
    let (bits, costs) = elements(count);
    let payload: Vec<u8> = numbers()
        .flat_map(u64::to_le_bytes)
        .take(count / 8)
        .collect();
    let (trellis, wanted) = (Trellis::new(height).expect("a height"), count / part);
    median(|| {
        let mut stego = bits.clone();
        trellis::embed(&mut stego, &costs, trellis, black_box(&payload), wanted).expect("it fits");
        black_box(stego);
    })
}

/// Of nine times, or of three where it takes long.
fn median(mut run: impl FnMut()) -> Duration {
    run();
    let mut once = || {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    let first = once();
    let count = if first > Duration::from_millis(300) {
        2
    } else {
        8
    };
    let mut times: Vec<Duration> = (0..count).map(|_| once()).chain([first]).collect();
    times.sort();
    times[times.len() / 2]
}

//! What researchers wait for, against memcpy of the same number of sample bytes: paired rounds, medians, one core.
//!
//! `cargo run --release --bin research [-- [--level NAME] [--size NAME] FILTER...]`; per size (64KiB, 4MiB, 256MiB) the ratio,
//! above 1 when faster than memcpy, beside the gate and the stretch goal of the row, and the throughput. A gate that is
//! missed at 64 KiB or 256 MiB makes the program fail; 4 MiB is only watched. `*` marks a stretch goal that is met, `!` a gate
//! that is not. Every row runs at the level that is named (portable, avx2, avx512), else at the best.
//!
//! The adaptive scheme is slower than that by far, and has a table of its own: millions of samples per second of grey pictures of 1
//! and 16 million, and beside the gate the ratio to reading as many samples at places of a shuffled list, which is made
//! before: what an order that leads all over the picture cannot do without.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use compare::{Asked, FromBytes, numbers, once, paired, placed, rounds};
use lsb_stego::cost::Costs;
use lsb_stego::trellis::Trellis;
use lsb_stego::{
    Cover, CoverMut, Error, Key, Layout, Level, Options, Scheme, detect, embed, extract,
    extract_any, metric, recover, write_bits,
};
use rand_now::SeedableRng as _;
use rand_now::rngs::StdRng;
use rand_now::seq::SliceRandom as _;

/// Pixels of a row of the picture.
const COLUMNS: u32 = 256;

/// A row of the table of gates, per size.
struct Goal {
    row: &'static str,
    gate: [f64; 3],
    stretch: [f64; 3],
}

const PSNR: Goal = Goal {
    row: "T11",
    gate: [0.45, 0.8, 0.55],
    stretch: [0.9, 1.0, 0.65],
};
const PAIRS: Goal = Goal {
    row: "T11",
    gate: [0.32, 0.7, 0.7],
    stretch: [0.6, 1.2, 0.95],
};
/// "Embed and recover, both passes" is read as a gate for each of the two: embedding with the pass that plans and the one that
/// moves, recovery with the one that moves back, and in both the copy of the cover that keeps what is measured as it was.
const REVERSIBLE: Goal = Goal {
    row: "T12",
    gate: [0.10, 0.10, 0.13],
    stretch: [0.25, 0.25, 0.25],
};

fn main() -> ExitCode {
    let mut run = Run {
        asked: Asked::parse(),
        missed: 0,
    };
    println!(
        "{:32} {:>36} {:>36} {:>36}",
        "operation, ratio (gate, stretch)", "64KiB", "4MiB", "256MiB"
    );
    run.width::<u8>();
    run.width::<u16>();
    println!(
        "{:32} {:>36} {:>36}",
        "operation, M samples/s (gate, stretch), ratio", "1 million", "16 million"
    );
    run.adaptive::<u8>();
    run.adaptive::<u16>();
    ExitCode::from(u8::from(run.missed > 0))
}

/// A measurement: what was asked for, and how many gates did not hold.
struct Run {
    asked: Asked,
    missed: u32,
}

impl Run {
    fn width<S: FromBytes>(&mut self) {
        let layout = Layout::new(S::DEPTH).and_then(|layout| layout.with_columns(COLUMNS));
        let layout = layout.expect("a layout");
        let level = self.asked.level.unwrap_or(Level::detect());
        let id = |operation: &str| format!("{operation}/u{}/{}", S::DEPTH, level.name());
        self.row(&id("psnr"), &PSNR, |samples: &[S]| {
            let cover = samples.to_vec();
            let mut stego: Vec<S> = samples.to_vec();
            let bits: Vec<u8> = numbers()
                .flat_map(u64::to_le_bytes)
                .take(samples.len() / 8)
                .collect();
            let room = CoverMut::new(&mut stego, layout).expect("a cover");
            write_bits(room, &Options::new(), &bits, 8 * bits.len()).expect("it fits");
            move || {
                let (a, b) = (Cover::new(&cover, layout), Cover::new(&stego, layout));
                let (a, b) = (a.expect("a cover"), b.expect("a cover"));
                let mse = metric::mse_at(level, black_box(a), black_box(b));
                let mse = mse.expect("equal lengths");
                // a random bit in every sample: half of them change by one
                assert!((0.45..0.55).contains(&mse), "{mse}");
            }
        });
        self.row(&id("pairs"), &PAIRS, |samples: &[S]| {
            let samples = samples.to_vec();
            move || {
                let cover = Cover::new(black_box(&samples), layout).expect("a cover");
                let rate = detect::sample_pairs_at(level, cover).expect("columns");
                assert!(rate.is_finite());
            }
        });
        // A bit in ten samples: about a quarter of what such a picture holds.
        let options = &Options::new().scheme(Scheme::Reversible).level(level);
        let payload = |samples: &[S]| -> Vec<u8> {
            let bytes = numbers().flat_map(u64::to_le_bytes);
            bytes.take(samples.len() / 80).collect()
        };
        self.row(&id("reversible/embed"), &REVERSIBLE, |samples: &[S]| {
            // The copy is part of it, as it is of what is measured against.
            let (mut original, payload) = (Copied::of(samples), payload(samples));
            move || {
                let stego = original.copy();
                let cover = CoverMut::new(black_box(stego), layout).expect("a cover");
                embed(cover, black_box(&payload), options).expect("it fits");
            }
        });
        self.row(&id("reversible/recover"), &REVERSIBLE, |samples: &[S]| {
            let (mut stego, payload) = (samples.to_vec(), payload(samples));
            let cover = CoverMut::new(&mut stego, layout).expect("a cover");
            embed(cover, &payload, options).expect("it fits");
            let mut stego = Copied::of(&stego);
            move || {
                let samples = stego.copy();
                let cover = CoverMut::new(black_box(samples), layout).expect("a cover");
                let found = recover(cover, options).expect("it is there");
                assert!(found == payload);
            }
        });
    }

    /// The adaptive scheme, whole: with costs by HILL, order, trellis of height 10 and frame, a bit in ten samples. And what it takes
    /// to find that a picture holds nothing, at any height of the code, without a key and with one.
    fn adaptive<S: FromBytes>(&mut self) {
        let layout = Layout::new(S::DEPTH).and_then(|layout| layout.with_columns(COLUMNS));
        let layout = layout.expect("a layout");
        let level = self.asked.level.unwrap_or(Level::detect());
        let id = |operation: &str| format!("adaptive/{operation}/u{}/{}", S::DEPTH, level.name());
        let of = |height| {
            let (costs, trellis) = (Costs::Hill, Trellis::new(height).expect("a height"));
            let scheme = Scheme::Adaptive { costs, trellis };
            Options::new().level(level).scheme(scheme)
        };
        let options = &of(10);
        let payload = |samples: &[S]| -> Vec<u8> {
            let bytes = numbers().flat_map(u64::to_le_bytes);
            bytes.take(samples.len() / 80).collect()
        };
        let whole = Some((3.0, 10.0));
        self.samples(&id("embed"), whole, |samples: &[S]| {
            let (cover, payload) = (samples.to_vec(), payload(samples));
            let mut stego = cover.clone();
            move || {
                let cover = Cover::new(black_box(&cover), layout).expect("a cover");
                let room = cover.copied_to(&mut stego).expect("as long");
                embed(room, black_box(&payload), options).expect("it fits");
                let stego = Cover::new(&stego, layout).expect("a cover");
                black_box(stego);
            }
        });
        self.samples(&id("extract"), whole, |samples: &[S]| {
            let (mut stego, payload) = (samples.to_vec(), payload(samples));
            let room = CoverMut::new(&mut stego, layout).expect("a cover");
            embed(room, &payload, options).expect("it fits");
            let changed = samples.iter().zip(&stego).filter(|(a, b)| a != b).count();
            // A bit in ten samples by random changes would be one in twenty.
            assert!((1..samples.len() / 20).contains(&changed), "{changed}");
            move || {
                let stego = Cover::new(black_box(&stego), layout).expect("a cover");
                assert!(extract(stego, options).expect("it is there") == payload);
            }
        });
        let heights: Vec<Options> = (7..=12).map(of).collect();
        let keyed = heights.iter().cloned();
        let keyed: Vec<Options> = keyed
            .map(|options| options.key(Key::new([7; 32])))
            .collect();
        for (name, ways) in [("nothing", &heights), ("nothing-keyed", &keyed)] {
            self.samples(&id(name), None, |samples: &[S]| {
                let samples = samples.to_vec();
                move || {
                    let cover = Cover::new(black_box(&samples), layout).expect("a cover");
                    assert_eq!(extract_any(cover, ways), Err(Error::NoPayload));
                }
            });
        }
    }

    /// Measures one operation over so many samples and prints a line.
    fn samples<S: FromBytes, F: FnMut()>(
        &mut self,
        id: &str,
        goal: Option<(f64, f64)>,
        mut operation: impl FnMut(&[S]) -> F,
    ) {
        if !self.asked.wants(id) {
            return;
        }
        print!("{id:32}");
        for million in [1, 16] {
            let count = million << 20;
            let samples = picture::<S>(count * (S::DEPTH as usize / 8));
            let mut places: Vec<u32> = (0..).take(count).collect();
            places.shuffle(&mut StdRng::from_seed([7; 32]));
            let scattered = || {
                let values = black_box(&places)
                    .iter()
                    .map(|&place| samples[place as usize]);
                black_box(values.fold(0, |sum: u32, value| sum ^ u32::from(value.into())));
            };
            let (ratio, time) = rounds(scattered, operation(&samples), [1, 1], 5);
            let speed = count as f64 / time.as_secs_f64() / 1e6;
            let (mark, goals) = match goal {
                None => (' ', String::new()),
                Some((gate, stretch)) => {
                    self.missed += u32::from(speed < gate);
                    let mark = match speed {
                        _ if speed >= stretch => '*',
                        _ if speed >= gate => ' ',
                        _ => '!',
                    };
                    (mark, format!("({gate:.0}, {stretch:.0})"))
                }
            };
            print!(" {speed:8.2}{mark} {goals:7} {ratio:17.3}");
        }
        println!("  {}", goal.map_or("", |_| "T13"));
    }

    /// Measures one operation at every size and prints a line.
    fn row<S: FromBytes, F: FnMut()>(
        &mut self,
        id: &str,
        goal: &Goal,
        mut operation: impl FnMut(&[S]) -> F,
    ) {
        if !self.asked.wants(id) {
            return;
        }
        print!("{id:32}");
        for (index, size) in self.asked.sizes() {
            let samples = picture::<S>(size);
            let mut run = operation(&samples);
            // Both at fixed places within a page, as in `ratios`.
            let (mut source, mut copy) = (vec![1u8; size + 8192], vec![0u8; size + 8192]);
            let source = placed(&mut source, 0, size);
            let copy = placed(&mut copy, 2048, size);
            let copying = || black_box(&mut *copy).copy_from_slice(black_box(&*source));
            // What takes long is measured in fewer rounds.
            let (ratio, time) = if once(&mut run, 1) > Duration::from_millis(300) {
                rounds(copying, &mut run, [1, 1], 3)
            } else {
                paired(copying, &mut run)
            };
            let (gate, stretch) = (goal.gate[index], goal.stretch[index]);
            let mark = if ratio >= stretch {
                '*'
            } else if ratio >= gate {
                ' '
            } else {
                self.missed += u32::from(index != 1);
                '!'
            };
            let speed = size as f64 / time.as_secs_f64() / 1e9;
            print!(" {ratio:6.2}{mark} ({gate:4.2}, {stretch:4.2}) {speed:6.2} GB/s");
        }
        println!("  {}", goal.row);
    }
}

/// Samples and room for a copy of them, placed as what is measured against.
struct Copied<S> {
    count: usize,
    samples: Vec<S>,
    room: Vec<S>,
}

impl<S: FromBytes> Copied<S> {
    fn of(samples: &[S]) -> Self {
        let count = samples.len();
        let room = || vec![S::default(); count + 8192];
        let mut copied = Self {
            count,
            samples: room(),
            room: room(),
        };
        placed(&mut copied.samples, 0, count).copy_from_slice(samples);
        copied
    }

    fn copy(&mut self) -> &mut [S] {
        let copy = placed(&mut self.room, 2048, self.count);
        copy.copy_from_slice(placed(&mut self.samples, 0, self.count));
        copy
    }
}

/// A slope with noise of about a 60th of the range, as a photograph or a CT has.
fn picture<S: FromBytes>(size: usize) -> Vec<S> {
    let columns = COLUMNS as usize;
    let count = size / (S::DEPTH as usize / 8);
    let peak = (1u32 << S::DEPTH) - 1;
    let noise = numbers().flat_map(u64::to_le_bytes);
    let bytes = noise.take(count).enumerate().flat_map(|(i, noise)| {
        let across = (i % columns + i / columns % 1024) as u32;
        let value = across * (peak / 1280) + u32::from(noise) % 4 * (peak / 250) + peak / 10;
        let [low, high, ..] = value.min(peak * 9 / 10).to_le_bytes();
        [Some(low), (S::DEPTH == 16).then_some(high)]
    });
    S::from_bytes(&bytes.flatten().collect::<Vec<u8>>())
}

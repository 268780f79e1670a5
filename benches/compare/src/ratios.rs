//! Every operation against memcpy of the same number of sample bytes: paired rounds, medians, one core.
//!
//! `cargo run --release --bin ratios [-- [--level NAME] [--size NAME] FILTER...]`; the first column is an id as in `benches/`, then per size (64 KiB, 4 MiB,
//! 256 MiB) the ratio, above 1 when faster than memcpy, beside the gate and the stretch goal of that row, and the
//! throughput. A gate that is missed at 64 KiB or 256 MiB makes the program fail; 4 MiB is only watched. `*` marks a
//! stretch goal that is met, `!` a gate that is not, and a `-` behind it one that is missed only because two cores were no two.

use std::cell::Cell;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use compare::{Asked, FromBytes, against, numbers, paired, placed};
use lsb_stego::{
    Bits, Cover, CoverMut, Hamming, Key, Layout, Level, Options, Sample, Scheme, read_bits_into,
    write_bits,
};
use rand_now::SeedableRng as _;
use rand_now::rngs::StdRng;
use rand_now::seq::SliceRandom as _;

/// A row of the table of gates: for ids that begin so, per size.
struct Gate {
    row: &'static str,
    id: &'static str,
    gate: [f64; 3],
    stretch: [f64; 3],
}

const fn gate(row: &'static str, id: &'static str, gate: [f64; 3], stretch: [f64; 3]) -> Gate {
    Gate {
        row,
        id,
        gate,
        stretch,
    }
}

/// For every level but the portable one, which has its own row.
const GATES: [Gate; 13] = [
    gate("T1", "embed/1bit/", [0.90, 1.6, 0.85], [1.1, 2.1, 1.0]),
    gate("T2", "extract/1bit/", [1.15, 1.9, 0.90], [1.7, 2.5, 1.15]),
    gate("T3", "embed/2bit/u8/", [0.50, 1.2, 0.80], [0.75, 1.6, 0.95]),
    gate("T3", "embed/4bit/u8/", [0.80, 1.3, 0.80], [1.0, 1.7, 0.95]),
    gate("T5", "embed/white/u8/", [0.45, 0.9, 0.75], [0.7, 1.4, 0.9]),
    gate(
        "T6",
        "embed/keyed-12.5%/u8/",
        [0.20, 0.50, 0.65],
        [0.35, 0.8, 0.85],
    ),
    gate(
        "T6",
        "embed/keyed-0.1%/u8/",
        [0.14, 0.38, 0.50],
        [0.25, 0.6, 0.7],
    ),
    gate(
        "T6",
        "embed/keyed-25%/u8/",
        [0.14, 0.38, 0.50],
        [0.25, 0.6, 0.7],
    ),
    gate(
        "T6",
        "embed/keyed-50%/u8/",
        [0.14, 0.38, 0.50],
        [0.25, 0.6, 0.7],
    ),
    gate(
        "T6",
        "embed/keyed-78%/u8/",
        [0.14, 0.38, 0.50],
        [0.25, 0.6, 0.7],
    ),
    gate(
        "T7",
        "fisher-yates/10%/",
        [20.0, 60.0, 300.0],
        [40.0, 120.0, 500.0],
    ),
    gate(
        "T8",
        "embed/matrix-3/u8/",
        [0.40, 0.85, 0.75],
        [0.55, 1.2, 0.95],
    ),
    gate(
        "T9",
        "embed/matching/u8/",
        [0.30, 0.65, 0.65],
        [0.5, 1.0, 0.85],
    ),
];

const PORTABLE: Gate = gate(
    "T4",
    "embed/1bit/u8/",
    [0.18, 0.42, 0.65],
    [0.25, 0.55, 0.75],
);

/// A measurement: what was asked for, the samples, and whether every gate held.
struct Run {
    asked: Asked,
    data: Vec<u8>,
    missed: Cell<u32>,
}

fn main() -> ExitCode {
    let run = Run {
        asked: Asked::parse(),
        data: numbers()
            .flat_map(u64::to_le_bytes)
            .take(256 << 20)
            .collect(),
        missed: Cell::new(0),
    };
    println!(
        "{:36} {:>33} {:>33} {:>33}",
        "operation", "64KiB", "4MiB", "256MiB"
    );
    run.in_place();
    run.naive();
    for level in run.asked.levels() {
        for bits in [Bits::One, Bits::Two, Bits::Three, Bits::Four] {
            run.replacement::<u8>(level, bits);
            run.replacement::<u16>(level, bits);
        }
        run.copied::<u8>(level);
        run.copied::<u16>(level);
        run.schemes::<u8>(level);
        run.schemes::<u16>(level);
        run.covers(level);
        run.permutation(level);
    }
    run.reversible_limit();
    run.cores();
    match run.missed.get() {
        0 => ExitCode::SUCCESS,
        missed => {
            println!("{missed} gates missed");
            ExitCode::FAILURE
        }
    }
}

impl Run {
    fn wants(&self, id: &str) -> bool {
        self.asked.wants(id)
    }

    fn replacement<S: Sample + FromBytes>(&self, level: Level, bits: Bits) {
        let options = Options::new().bits(bits).level(level);
        self.both::<S>(&format!("{}bit", bits.get()), &options, 1.0);
    }

    /// Embeds beside the cover: a copy of it, then in place. What it is held against is the copy alone.
    fn copied<S: Sample + FromBytes + PartialEq>(&self, level: Level) {
        let options = Options::new().level(level);
        let layout = Layout::new(S::DEPTH).expect("a depth");
        let id = format!("embed/copied/u{}/{}", S::DEPTH, level.name());
        self.row(&id, |samples: &mut [S]| {
            let (first, bit_len) = (samples[0], samples.len());
            let payload = self.data[..bit_len.div_ceil(8)].to_vec();
            let mut room = vec![S::default(); bit_len + 8192];
            let options = options.clone();
            move |samples: &mut [S]| {
                let cover = Cover::new(&*samples, layout).expect("a cover");
                let stego = placed(&mut room, 2048, bit_len);
                let stego = cover.copied_to(stego).expect("as long");
                write_bits(stego, &options, black_box(&payload), bit_len).expect("it fits");
                assert!(samples[0] == first);
            }
        });
    }

    /// The other schemes, and the keyed path at several densities; raw bits, so many of the cover's capacity.
    fn schemes<S: Sample + FromBytes>(&self, level: Level) {
        let options = Options::new().level(level);
        let keyed = options.clone().key(Key::new([7; 32]));
        self.both::<S>("white", &keyed, 1.0);
        for (name, share) in [
            ("keyed-0.1%", 0.001),
            ("keyed-1%", 0.01),
            ("keyed-12.5%", 0.125),
            ("keyed-25%", 0.25),
            ("keyed-50%", 0.5),
            ("keyed-78%", 0.78),
            ("keyed-95%", 0.95),
        ] {
            self.both::<S>(name, &keyed, share);
        }
        self.both::<S>("matching", &options.clone().scheme(Scheme::Matching), 1.0);
        self.both::<S>(
            "matching-white",
            &keyed.clone().scheme(Scheme::Matching),
            1.0,
        );
        for p in 2..=8 {
            let scheme = Scheme::Matrix(Hamming::new(p).expect("a code"));
            self.both::<S>(&format!("matrix-{p}"), &options.clone().scheme(scheme), 1.0);
        }
    }

    /// Covers of which some samples do not carry: pictures with transparency, of which alpha does not, and with padding, of which one
    /// value in 256 is reserved, which hits nearly every block.
    fn covers(&self, level: Level) {
        let options = Options::new().level(level);
        let keyed = options.clone().key(Key::new([7; 32]));
        let alpha = |layout: Layout| layout.with_channels(4, 0b0111).expect("channels");
        let padding = |layout: Layout| {
            let unit = (layout.peak() / 256).max(1);
            layout
                .with_reserved(unit * 48, unit * 49 - 1)
                .expect("values")
        };
        for (name, options, share) in [("", &options, 1.0), ("-keyed-12.5%", &keyed, 0.125)] {
            self.laid_out::<u8>(&format!("alpha{name}"), options, share, alpha);
            self.laid_out::<u16>(&format!("padding{name}"), options, share, padding);
        }
    }

    /// Embeds and extracts a share of the capacity, raw.
    fn both<S: Sample + FromBytes>(&self, name: &str, options: &Options, share: f64) {
        self.laid_out::<S>(name, options, share, |layout| layout);
    }

    fn laid_out<S: Sample + FromBytes>(
        &self,
        name: &str,
        options: &Options,
        share: f64,
        change: impl Fn(Layout) -> Layout,
    ) {
        let layout = change(Layout::new(S::DEPTH).expect("a depth"));
        let id = |operation: &str| format!("{operation}/{name}/u{}/{:?}", S::DEPTH, Named(options));
        let count = |samples: &[S]| {
            let cover = Cover::new(samples, layout).expect("a cover");
            let held = lsb_stego::capacity(cover, options)
                .expect("a capacity")
                .bits();
            (held as f64 * share) as usize
        };
        self.row(&id("embed"), |samples: &mut [S]| {
            let bit_len = count(samples);
            let payload = self.data[..bit_len.div_ceil(8)].to_vec();
            move |samples: &mut [S]| {
                let cover = CoverMut::new(samples, layout).expect("a cover");
                write_bits(cover, options, black_box(&payload), bit_len).expect("it fits");
            }
        });
        self.row(&id("extract"), |samples: &mut [S]| {
            let bit_len = count(samples);
            let mut payload = vec![0; bit_len.div_ceil(8)];
            move |samples: &mut [S]| {
                let cover = Cover::new(&*samples, layout).expect("a cover");
                read_bits_into(cover, options, bit_len, black_box(&mut payload)).expect("it fits");
            }
        });
    }

    /// The plain loop that one would write first, and how many times faster the portable level is.
    fn naive(&self) {
        fn embed(samples: &mut [u8], payload: &[u8]) {
            for (i, sample) in samples.iter_mut().enumerate() {
                *sample = *sample & !1 | payload[i / 8] >> (i % 8) & 1;
            }
        }
        self.row("embed/naive/u8", |samples: &mut [u8]| {
            let payload = self.data[..samples.len() / 8].to_vec();
            move |samples: &mut [u8]| embed(samples, black_box(&payload))
        });
        let id = "naive/1bit/u8/portable";
        if !self.wants(id) {
            return;
        }
        print!("{id:36}");
        let options = Options::new().level(Level::portable());
        for (index, size) in self.asked.sizes() {
            let payload = &self.data[..size / 8];
            let (mut plain, mut stego) = (self.data[..size].to_vec(), self.data[..size].to_vec());
            let (ratio, time) = paired(
                || embed(black_box(&mut plain), black_box(payload)),
                || {
                    let cover =
                        CoverMut::new(black_box(&mut stego[..]), Layout::new(8).expect("a depth"));
                    write_bits(cover.expect("a cover"), &options, payload, size).expect("it fits");
                },
            );
            assert!(plain == stego);
            self.cell(ratio, Some((7.0, 7.0)), index, size, time);
        }
        println!(" T4");
    }

    /// What no operation in place can do without: reading and writing all samples, with what the compiler makes of it. Where
    /// samples are in memory, of which the instructions are no part, this is what a gate can be held against.
    fn in_place(&self) {
        self.row("limit/in-place/u8", |_: &mut [u8]| {
            |samples: &mut [u8]| {
                for sample in black_box(samples) {
                    *sample ^= 1;
                }
            }
        });
    }

    /// What embedding by the reversible scheme (`research -- reversible`, T12) cannot do without where errors are large, in
    /// its own picture: a copy of the cover, which its rows have too; a count for every sample that carries, one in two, in a
    /// table of as many entries as there are errors; and a pass that changes samples in place.
    fn reversible_limit(&self) {
        self.row("limit/reversible/u16", |samples: &mut [u16]| {
            let original = samples.to_vec();
            let codes: Vec<u16> = original.iter().step_by(2).map(|x| x % 1600).collect();
            let mut counts = [[0u32; 2048]; 4];
            move |samples: &mut [u16]| {
                samples.copy_from_slice(&original);
                for four in black_box(&codes).as_chunks::<4>().0 {
                    for (counts, &code) in counts.iter_mut().zip(four) {
                        let count = &mut counts[usize::from(code) % 2048];
                        *count = count.wrapping_add(1);
                    }
                }
                black_box(&counts);
                for sample in black_box(samples) {
                    *sample ^= 1;
                }
            }
        });
    }

    /// 10 % of the capacity against a full Fisher-Yates permutation of the positions, of which the first ones are used; and
    /// against the same permutation, in the same rounds, reading and writing all samples in place, which such embedding cannot do
    /// without; and, for comparison, as much keystream as path and whitening take, embedded in the cache. That permutation is a lean one:
    /// of 32 bits each, by a generator that anybody can foretell, which is no path for a key. `rand` is against what one writes with
    /// that crate: indices in a vector, shuffled by its generator for secrets.
    fn permutation(&self, level: Level) {
        let ids = ["10%/u8", "limit/in-place", "keystream", "rand/10%/u8"]
            .map(|what| format!("fisher-yates/{what}/{}", level.name()));
        if !ids.iter().any(|id| self.wants(id)) {
            return;
        }
        let options = Options::new().level(level).key(Key::new([7; 32]));
        let row = GATES
            .iter()
            .find(|gate| gate.row == "T7")
            .filter(|_| level != Level::portable());
        let layout = Layout::new(8).expect("a depth");
        let write = |samples: &mut [u8], payload: &[u8], bit_len: usize| {
            let cover = CoverMut::new(black_box(samples), layout).expect("a cover");
            write_bits(cover, &options, black_box(payload), bit_len).expect("it fits");
        };
        let mut cells = [const { Vec::new() }; 4];
        for (index, size) in self.asked.sizes() {
            let rounds = if index < 2 { 31 } else { 3 };
            let bit_len = size / 10;
            let payload = &self.data[..bit_len.div_ceil(8)];
            let (mut shuffled, mut stego) =
                (self.data[..size].to_vec(), self.data[..size].to_vec());
            let mut embed = || write(&mut stego, payload, bit_len);
            let mut in_place = self.data[..size].to_vec();
            let mut pass = || {
                for sample in black_box(&mut in_place[..]) {
                    *sample ^= 1;
                }
            };
            // 26 of 256 samples are selected: a byte of the path for each eight, and a bit of whitening for each selected.
            let bytes = size / 8 + size * 26 / 256 / 8;
            let cached = &self.data[..size.min(8 << 10)];
            let mut small = self.data[..8 * cached.len()].to_vec();
            let mut keystream = || {
                for done in (0..bytes).step_by(cached.len()) {
                    let now = cached.len().min(bytes - done);
                    write(&mut small[..8 * now], &cached[..now], 8 * now);
                }
            };
            let others: [&mut dyn FnMut(); 3] = [&mut embed, &mut pass, &mut keystream];
            let mut places: Vec<u32> = vec![0; size];
            let mut permute = || {
                places.iter_mut().zip(0..).for_each(|(place, i)| *place = i);
                let mut random = numbers();
                for last in (1..size).rev() {
                    let number = u128::from(random.next().expect("endless"));
                    places.swap(last, ((number * (last as u128 + 1)) >> 64) as usize);
                }
                put(&mut shuffled, &places[..bit_len], payload);
            };
            let mut ratios = against(&mut permute, others, rounds).to_vec();
            drop(places);
            let mut places: Vec<usize> = vec![0; size];
            let mut permute = || {
                places.iter_mut().zip(0..).for_each(|(place, i)| *place = i);
                places.shuffle(&mut StdRng::from_seed([7; 32]));
                put(&mut shuffled, &places[..bit_len], payload);
            };
            ratios.extend(against(&mut permute, [&mut embed], rounds));
            for (cells, (ratio, time)) in cells.iter_mut().zip(ratios) {
                cells.push((index, size, ratio, time));
            }
        }
        for (id, cells) in ids.iter().zip(cells) {
            let row = row.filter(|row| id.starts_with(row.id));
            print!("{id:36}");
            for (index, size, ratio, time) in cells {
                let goals = row.map(|row| (row.gate[index], row.stretch[index]));
                self.cell(ratio, goals, index, size, time);
            }
            println!(" {}", row.map_or("", |row| row.row));
        }
    }

    /// Prints one ratio.
    fn cell(
        &self,
        ratio: f64,
        goals: Option<(f64, f64)>,
        watched: usize,
        size: usize,
        time: Duration,
    ) {
        let speed = size as f64 / time.as_secs_f64() / 1e9;
        let (mark, goals) = match goals {
            None => (' ', String::new()),
            Some((gate, stretch)) => {
                let missed = ratio < gate;
                // 4 MiB are only watched.
                if missed && watched != 1 {
                    self.missed.set(self.missed.get() + 1);
                }
                let mark = if missed {
                    '!'
                } else if ratio >= stretch {
                    '*'
                } else {
                    ' '
                };
                (mark, format!("({gate:.2}, {stretch:.2})"))
            }
        };
        print!(" {ratio:6.2}{mark}{goals:13} {speed:5.1} GB/s");
    }
}

/// Shows the level of options.
struct Named<'a>(&'a Options);

impl std::fmt::Debug for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = format!("{:?}", self.0);
        let level = Level::available().find(|level| shown.contains(&format!("level: {level:?}")));
        f.write_str(level.map_or("", Level::name))
    }
}

/// The first bits of the payload at these places of the samples.
fn put<P: Copy + TryInto<usize>>(samples: &mut [u8], places: &[P], payload: &[u8]) {
    for (i, &place) in places.iter().enumerate() {
        let place = place.try_into().unwrap_or(usize::MAX);
        let sample = &mut samples[place];
        *sample = *sample & !1 | payload[i / 8] >> (i % 8) & 1;
    }
}

/// Two cores against one: the second figure is the throughput of both, then come limits.
///
/// What two threads give changes from second to second where cores are virtual, so limits are measured in the same rounds:
/// `arithmetic`, the same numbers computed in registers, without memory; `copy`, the same samples copied by two threads; and `halves`, the
/// same operation on each half by a thread of its own. Where two threads do not even calculate twice as fast, there are no two cores to
/// be measured: `-` is a gate that is missed, but not by the share of two cores that arithmetic had.
#[cfg(feature = "rayon")]
impl Run {
    fn cores(&self) {
        let options = Options::new().level(self.asked.level.unwrap_or(Level::detect()));
        let keyed = options.clone().key(Key::new([7; 32]));
        let matrix = options
            .clone()
            .scheme(Scheme::Matrix(Hamming::new(3).expect("a code")));
        let matching = options.clone().scheme(Scheme::Matching);
        let keyed_matrix = matrix.clone().key(Key::new([7; 32]));
        let plain = Layout::new(8).expect("a depth");
        let padded = plain.with_reserved(0, 0).expect("a value");
        let modes = [
            ("1bit", plain, &options, 1.0, 1.6, 1.9),
            ("1bit-half", plain, &options, 0.5, 1.6, 1.9),
            ("1bit-padded", padded, &options, 1.0, 1.6, 1.9),
            ("keyed-12.5%", plain, &keyed, 0.125, 1.85, 1.97),
            ("keyed-50%", plain, &keyed, 0.5, 1.85, 1.97),
            ("keyed-50%-padded", padded, &keyed, 0.5, 1.85, 1.97),
            ("matrix-3", plain, &matrix, 1.0, 1.85, 1.97),
            ("matrix-3-keyed", plain, &keyed_matrix, 0.5, 1.85, 1.97),
            ("matching", plain, &matching, 1.0, 1.6, 1.9),
        ];
        for (name, layout, options, share, gate, stretch) in modes {
            for kib in [64, 1024, 4096, 8192, 16384, 65536, 262_144] {
                let id = format!("cores/{name}/u8/{kib} KiB");
                if self.wants(&id) {
                    print!("{id:36}");
                    let goals = (kib >= 4096).then_some((gate, stretch));
                    self.two(kib << 10, layout, options, share, goals);
                }
            }
        }
    }

    /// Embeds a share of the capacity of so many samples, on one core and on two, and measures the limits.
    fn two(
        &self,
        size: usize,
        layout: Layout,
        options: &Options,
        share: f64,
        goals: Option<(f64, f64)>,
    ) {
        let mut source = self.data[..size].to_vec();
        if layout.reserved().is_some() {
            // padding: every row's last quarter
            for row in source.chunks_mut(1024) {
                row.split_at_mut(row.len() / 4 * 3).1.fill(0);
            }
        }
        let source = &source[..];
        let bits = |samples: &[u8]| {
            let cover = Cover::new(samples, layout).expect("a cover");
            let held = lsb_stego::capacity(cover, options).expect("a capacity");
            (held.bits() as f64 * share) as usize
        };
        let (low_source, high_source) = source.split_at(size / 2);
        let bit_len = bits(source);
        let half_len = bits(low_source).min(bits(high_source));
        let payload = &self.data[..bit_len.div_ceil(8)];
        let half = &payload[..half_len.div_ceil(8)];
        let write = |samples: &mut [u8], payload: &[u8], bit_len: usize| {
            let cover = CoverMut::new(black_box(samples), layout).expect("a cover");
            write_bits(cover, options, black_box(payload), bit_len).expect("it fits");
        };
        let (mut serial, mut parallel, mut halves) =
            (source.to_vec(), source.to_vec(), source.to_vec());
        let (mut one, mut two) = (vec![0u8; size], vec![0u8; size]);
        let sum = || black_box(numbers().take(black_box(size / 16)).fold(0, |a, b| a ^ b));
        let [
            serial_time,
            parallel_time,
            halves_time,
            one_time,
            two_time,
            one_sum,
            two_sums,
        ] = together([
            &mut || write(&mut serial, payload, bit_len),
            &mut || {
                let cover = CoverMut::new(black_box(&mut parallel[..]), layout).expect("a cover");
                lsb_stego::write_bits_par(cover, options, payload, bit_len).expect("it fits");
            },
            &mut || {
                let (low, high) = halves.split_at_mut(size / 2);
                rayon::join(
                    || write(low, half, half_len),
                    || write(high, half, half_len),
                );
            },
            &mut || black_box(&mut one[..]).copy_from_slice(black_box(source)),
            &mut || {
                let (low, high) = black_box(&mut two[..]).split_at_mut(size / 2);
                rayon::join(
                    || low.copy_from_slice(black_box(low_source)),
                    || high.copy_from_slice(black_box(high_source)),
                );
            },
            &mut || _ = (sum(), sum()),
            &mut || _ = rayon::join(sum, sum),
        ]);
        assert!(serial == parallel);
        assert!(one == two);
        let faster = |one: &[f64], two: &[f64]| median(one.iter().zip(two).map(|(a, b)| a / b));
        let time = Duration::from_secs_f64(median(parallel_time.iter().copied()));
        let arithmetic = faster(&one_sum, &two_sums);
        let ratio = faster(&serial_time, &parallel_time);
        let there = arithmetic.min(2.0) / 2.0;
        let excused = goals.is_some_and(|(gate, _)| (gate * there..gate).contains(&ratio));
        // 4 MiB are watched only, and so is this
        self.cell(ratio, goals, usize::from(excused), size, time);
        println!(
            "{} T10 (arithmetic {arithmetic:.2}, copy {:.2}, halves {:.2})",
            if excused { " -" } else { "" },
            faster(&one_time, &two_time),
            faster(&serial_time, &halves_time)
        );
    }
}

/// The seconds of each run in rounds that have all of them.
#[cfg(feature = "rayon")]
fn together<const N: usize>(mut runs: [&mut dyn FnMut(); N]) -> [Vec<f64>; N] {
    let times = runs.each_mut().map(|run| {
        run();
        let time = compare::once(run, 1).as_nanos().max(1);
        (4_000_000 / time).clamp(1, 100_000) as u32
    });
    let mut seconds = [const { Vec::new() }; N];
    for _ in 0..31 {
        for ((run, &times), seconds) in runs.iter_mut().zip(&times).zip(&mut seconds) {
            seconds.push(compare::once(run, times).as_secs_f64());
        }
    }
    seconds
}

#[cfg(feature = "rayon")]
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(not(feature = "rayon"))]
impl Run {
    fn cores(&self) {}
}

impl Run {
    /// Measures one operation at every size and prints a line.
    fn row<S: Sample + FromBytes, F: FnMut(&mut [S])>(
        &self,
        id: &str,
        mut operation: impl FnMut(&mut [S]) -> F,
    ) {
        if !self.wants(id) {
            return;
        }
        let row = if id.ends_with("portable") {
            Some(&PORTABLE).filter(|row| id.starts_with(row.id))
        } else {
            GATES.iter().find(|gate| id.starts_with(gate.id))
        };
        let data = &self.data;
        print!("{id:36}");
        for (index, size) in self.asked.sizes() {
            let mut samples = S::from_bytes(&data[..size]);
            let mut run = operation(&mut samples);
            // Both at fixed places within a page: a destination just above its source, page for page, makes memcpy on this
            // kind of CPU twenty times slower, and would flatter us.
            let (mut source, mut copy) = (vec![0u8; size + 8192], vec![0u8; size + 8192]);
            let source = placed(&mut source, 0, size);
            source.copy_from_slice(&data[..size]);
            let copy = placed(&mut copy, 2048, size);
            let (ratio, time) = paired(
                || black_box(&mut *copy).copy_from_slice(black_box(&*source)),
                || run(black_box(&mut samples)),
            );
            self.cell(
                ratio,
                row.map(|row| (row.gate[index], row.stretch[index])),
                index,
                size,
                time,
            );
        }
        println!(" {}", row.map_or("", |row| row.row));
    }
}

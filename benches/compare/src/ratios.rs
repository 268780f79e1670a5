//! Every operation against memcpy of the same number of sample bytes: paired rounds, medians, one core.
//!
//! `cargo run --release --bin ratios [-- FILTER]`; the first column is an id as in `benches/`, then one ratio per size
//! (64 KiB, 4 MiB, 256 MiB), above 1 when faster than memcpy, and the throughput.

use std::env;
use std::hint::black_box;
use std::time::{Duration, Instant};

use lsb_stego::{
    Bits, Cover, CoverMut, Layout, Level, Options, Sample, read_bits_into, write_bits,
};

const SIZES: [(&str, usize); 3] = [
    ("64KiB", 64 << 10),
    ("4MiB", 4 << 20),
    ("256MiB", 256 << 20),
];

fn main() {
    let filter = env::args().nth(1).unwrap_or_default();
    let largest: Vec<u8> = numbers()
        .flat_map(u64::to_le_bytes)
        .take(256 << 20)
        .collect();
    println!(
        "{:44} {:>18} {:>18} {:>18}",
        "operation", "64KiB", "4MiB", "256MiB"
    );
    cores(&filter, &largest);
    naive(&filter, &largest);
    for level in Level::available() {
        for bits in [Bits::One, Bits::Two, Bits::Three, Bits::Four] {
            replacement::<u8>(&filter, &largest, level, bits);
            replacement::<u16>(&filter, &largest, level, bits);
        }
    }
}

/// Two cores against one: the second figure is the throughput of both.
#[cfg(feature = "rayon")]
fn cores(filter: &str, data: &[u8]) {
    use lsb_stego::write_bits_par;

    if !"cores".contains(filter) {
        return;
    }
    let (layout, options) = (Layout::new(8).expect("a depth"), Options::new());
    for kib in [64, 256, 1024, 2048, 4096, 8192, 16384, 262_144] {
        let mut serial = data[..kib << 10].to_vec();
        let mut parallel = serial.clone();
        let (bit_len, payload) = (serial.len(), &data[..serial.len() / 8]);
        let (ratio, time) = paired(
            || {
                let cover = CoverMut::new(black_box(&mut serial[..]), layout).expect("a cover");
                write_bits(cover, &options, payload, bit_len).expect("it fits");
            },
            || {
                let cover = CoverMut::new(black_box(&mut parallel[..]), layout).expect("a cover");
                write_bits_par(cover, &options, payload, bit_len).expect("it fits");
            },
        );
        let speed = bit_len as f64 / time.as_secs_f64() / 1e9;
        println!("cores/embed/1bit/u8/{kib:6} KiB {ratio:6.2} times one core {speed:6.1} GB/s");
    }
}

#[cfg(not(feature = "rayon"))]
fn cores(_: &str, _: &[u8]) {}

fn replacement<S: Sample + FromBytes>(filter: &str, data: &[u8], level: Level, bits: Bits) {
    let layout = Layout::new(S::DEPTH).expect("a depth");
    let options = &Options::new().bits(bits).level(level);
    let id = |operation: &str| {
        format!(
            "{operation}/{}bit/u{}/{}",
            bits.get(),
            S::DEPTH,
            level.name()
        )
    };
    row(filter, &id("embed"), data, |samples: &mut [S]| {
        let bit_len = samples.len() * usize::from(bits.get());
        let payload = data[..bit_len / 8].to_vec();
        move |samples: &mut [S]| {
            let cover = CoverMut::new(samples, layout).expect("a cover");
            write_bits(cover, options, black_box(&payload), bit_len).expect("it fits");
        }
    });
    row(filter, &id("extract"), data, |samples: &mut [S]| {
        let bit_len = samples.len() * usize::from(bits.get());
        let mut payload = vec![0; bit_len / 8];
        move |samples: &mut [S]| {
            let cover = Cover::new(&*samples, layout).expect("a cover");
            read_bits_into(cover, options, bit_len, black_box(&mut payload)).expect("it fits");
        }
    });
}

/// The plain loop that one would write first.
fn naive(filter: &str, data: &[u8]) {
    row(
        filter,
        "embed/1bit/u8/naive",
        data,
        |samples: &mut [u8]| {
            let payload = data[..samples.len() / 8].to_vec();
            move |samples: &mut [u8]| {
                let payload = black_box(&payload);
                for (i, sample) in samples.iter_mut().enumerate() {
                    *sample = *sample & !1 | payload[i / 8] >> (i % 8) & 1;
                }
            }
        },
    );
}

/// Measures one operation at every size and prints a line.
fn row<S: Sample + FromBytes, F: FnMut(&mut [S])>(
    filter: &str,
    id: &str,
    data: &[u8],
    mut operation: impl FnMut(&mut [S]) -> F,
) {
    if !id.contains(filter) {
        return;
    }
    print!("{id:44}");
    for (_, size) in SIZES {
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
        print!(
            " {ratio:6.2} {:5.1} GB/s",
            size as f64 / time.as_secs_f64() / 1e9
        );
    }
    println!();
}

/// So many bytes of memory, from this offset within a page.
fn placed(bytes: &mut [u8], offset: usize, size: usize) -> &mut [u8] {
    let start = bytes.as_ptr().align_offset(4096) + offset;
    &mut bytes[start..start + size]
}

/// The median over paired rounds of how many times faster the second is, and the second's median time.
fn paired(mut first: impl FnMut(), mut second: impl FnMut()) -> (f64, Duration) {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    first();
    second();
    let (a, b) = (once(&mut first), once(&mut second));
    let round = Duration::from_millis(4);
    let times = |one: Duration| (round.as_nanos() / one.as_nanos().max(1)).clamp(1, 100_000) as u32;
    let (a, b) = (times(a), times(b));
    let mut rounds: Vec<(f64, Duration)> = (0..31)
        .map(|_| {
            let first = once(&mut || (0..a).for_each(|_| first())) / a;
            let second = once(&mut || (0..b).for_each(|_| second())) / b;
            (first.as_secs_f64() / second.as_secs_f64(), second)
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    rounds[rounds.len() / 2]
}

trait FromBytes: Sized {
    const DEPTH: u8;
    fn from_bytes(bytes: &[u8]) -> Vec<Self>;
}

impl FromBytes for u8 {
    const DEPTH: u8 = 8;
    fn from_bytes(bytes: &[u8]) -> Vec<Self> {
        bytes.to_vec()
    }
}

impl FromBytes for u16 {
    const DEPTH: u8 = 16;
    fn from_bytes(bytes: &[u8]) -> Vec<Self> {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|&pair| Self::from_le_bytes(pair))
            .collect()
    }
}

/// Numbers that look random, the same ever after (splitmix64).
fn numbers() -> impl Iterator<Item = u64> {
    (1u64..).map(|i| {
        let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

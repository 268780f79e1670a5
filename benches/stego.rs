//! Benchmarks of lsb-stego: every operation at every level of this CPU, and copying the same samples as the limit.

use criterion::{BenchmarkId, Criterion, Throughput};
use lsb_stego::cost::{self, Costs};
use lsb_stego::trellis::{self, Trellis};
use lsb_stego::{
    Bits, Cover, CoverMut, Hamming, Key, Layout, Level, Options, Sample, Scheme, capacity, detect,
    embed, metric, read_bits, recover, write_bits,
};
use std::hint::black_box;

const SIZES: [(&str, usize); 2] = [("64KiB", 64 << 10), ("4MiB", 4 << 20)];

/// Registers the benchmarks of this module.
pub(crate) fn define(c: &mut Criterion) {
    for (name, bytes) in SIZES {
        let mut group = c.benchmark_group("stego");
        group.throughput(Throughput::Bytes(bytes as u64));
        let narrow: Vec<u8> = numbers().flat_map(u64::to_le_bytes).take(bytes).collect();
        let wide: Vec<u16> = narrow
            .as_chunks()
            .0
            .iter()
            .map(|&pair| u16::from_le_bytes(pair))
            .collect();
        let mut copy = vec![0u8; bytes];
        group.bench_function(BenchmarkId::new("copy/memcpy", name), |b| {
            b.iter(|| black_box(&mut copy).copy_from_slice(black_box(&narrow)));
            assert_eq!(copy, narrow);
        });
        for level in Level::available() {
            let plain = Options::new().level(level);
            for bits in [Bits::One, Bits::Two, Bits::Four] {
                let mode = format!("{}bit", bits.get());
                both(
                    &mut group,
                    name,
                    &narrow,
                    &plain.clone().bits(bits),
                    (&mode, level, 1),
                );
            }
            let keyed = plain.clone().key(Key::new([7; 32]));
            let matching = plain.clone().scheme(Scheme::Matching);
            let code = Hamming::new(3).expect("a code");
            let matrix = plain.clone().scheme(Scheme::Matrix(code));
            for (options, mode, share) in [
                (&keyed, "_white", 1),
                (&keyed, "_keyed_eighth", 8),
                (&matching, "_matching", 1),
                (&matrix, "_matrix3", 1),
            ] {
                both(&mut group, name, &narrow, options, (mode, level, share));
                both(&mut group, name, &wide, options, (mode, level, share));
            }
            both(&mut group, name, &wide, &plain, ("1bit", level, 1));
            reversible(&mut group, name, bytes, level);
            research(&mut group, name, &narrow, level);
        }
        group.finish();
    }
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// Embeds a share of the capacity and extracts again, raw.
fn both<S: Sample>(
    group: &mut Group<'_>,
    size: &str,
    samples: &[S],
    options: &Options,
    (mode, level, share): (&str, Level, usize),
) {
    let layout = Layout::new(if S::BITS == 8 { 8 } else { 16 }).expect("8 and 16 are depths");
    let held = Cover::new(samples, layout).and_then(|cover| capacity(cover, options));
    let bit_len = held.expect("a capacity").bits() / share / 8 * 8;
    let payload: Vec<u8> = numbers()
        .flat_map(u64::to_le_bytes)
        .take(bit_len / 8)
        .collect();
    let mut stego = samples.to_vec();
    let cover = CoverMut::new(&mut stego, layout).expect("whole pixels");
    write_bits(cover, options, &payload, bit_len).expect("it fits");
    let read = Cover::new(&stego, layout).and_then(|cover| read_bits(cover, options, bit_len));
    assert_eq!(read.expect("it fits"), payload);
    let id = |operation: &str| {
        let operation = format!("{operation}{mode}_u{}/{}", S::BITS, level.name());
        BenchmarkId::new(operation, size)
    };
    group.bench_function(id("embed"), |b| {
        b.iter(|| {
            let cover = CoverMut::new(black_box(&mut stego), layout).expect("whole pixels");
            write_bits(cover, options, black_box(&payload), bit_len).expect("it fits");
        });
    });
    let cover = Cover::new(&stego, layout).expect("whole pixels");
    group.bench_function(id("extract"), |b| {
        b.iter(|| read_bits(black_box(cover), options, bit_len).expect("it fits"));
    });
}

/// Embeds a bit in ten samples of a noisy slope, and recovers the slope; the copy before each is part of it.
fn reversible(group: &mut Group<'_>, size: &str, bytes: usize, level: Level) {
    let layout = Layout::new(8).and_then(|layout| layout.with_columns(256));
    let layout = layout.expect("a layout");
    let options = Options::new().scheme(Scheme::Reversible).level(level);
    let noise = numbers().flat_map(u64::to_le_bytes).take(bytes);
    let original: Vec<u8> = noise
        .zip(0usize..)
        .map(|(noise, i)| (i % 256 / 2 + 40).to_le_bytes()[0] + noise % 4)
        .collect();
    let payload: Vec<u8> = numbers()
        .flat_map(u64::to_le_bytes)
        .take(bytes / 80)
        .collect();
    let mut samples = original.clone();
    let id = |operation: &str| BenchmarkId::new(format!("{operation}_u8/{}", level.name()), size);
    group.bench_function(id("embed_reversible"), |b| {
        b.iter(|| {
            samples.copy_from_slice(&original);
            let cover = CoverMut::new(black_box(&mut samples), layout).expect("whole rows");
            embed(cover, black_box(&payload), &options).expect("it fits");
        });
    });
    samples.copy_from_slice(&original);
    let cover = CoverMut::new(&mut samples, layout).expect("whole rows");
    embed(cover, &payload, &options).expect("it fits");
    let stego = samples.clone();
    group.bench_function(id("recover_reversible"), |b| {
        let mut found = Vec::new();
        b.iter(|| {
            samples.copy_from_slice(&stego);
            let cover = CoverMut::new(black_box(&mut samples), layout).expect("whole rows");
            found = recover(cover, &options).expect("it is there");
        });
        assert_eq!(found, payload);
        assert_eq!(samples, original);
    });
}

/// What researchers wait for: squared differences, Sample Pairs, costs, and a trellis code over as many elements as samples.
fn research(group: &mut Group<'_>, size: &str, samples: &[u8], level: Level) {
    let layout = Layout::new(8).and_then(|layout| layout.with_columns(256));
    let cover = Cover::new(samples, layout.expect("a layout")).expect("whole rows");
    let flipped: Vec<u8> = samples.iter().map(|sample| sample ^ 1).collect();
    let stego = Cover::new(&flipped, cover.layout()).expect("whole rows");
    let id = |operation: &str| BenchmarkId::new(format!("{operation}_u8/{}", level.name()), size);
    group.bench_function(id("mse"), |b| {
        b.iter(|| metric::mse_at(level, black_box(cover), stego));
        assert_eq!(metric::mse_at(level, cover, stego), Ok(1.0));
    });
    group.bench_function(id("pairs"), |b| {
        b.iter(|| detect::sample_pairs_at(level, black_box(cover)));
        let found = detect::sample_pairs_at(level, cover);
        assert_eq!(found, detect::sample_pairs(cover));
    });
    // What takes long is measured on the smaller size alone.
    if samples.len() > 64 << 10 {
        return;
    }
    for (name, model) in [("hill", Costs::Hill), ("suniward", Costs::Suniward)] {
        group.bench_function(id(name), |b| {
            b.iter(|| cost::map_at(level, black_box(cover), model));
            assert!(cost::map_at(level, cover, model) == cost::map(cover, model));
        });
    }
    let bits: Vec<u8> = samples.iter().map(|sample| sample & 1).collect();
    let costs: Vec<f32> = samples.iter().map(|&sample| f32::from(sample)).collect();
    let (trellis, bit_len) = (Trellis::default(), samples.len() / 10 / 8 * 8);
    group.bench_function(id("trellis10"), |b| {
        let mut stego = bits.clone();
        b.iter(|| {
            stego.copy_from_slice(&bits);
            trellis::embed_at(
                level,
                black_box(&mut stego),
                &costs,
                trellis,
                samples,
                bit_len,
            )
        });
        let found = trellis::extract(&stego, trellis, bit_len).expect("as many bits");
        assert_eq!(found, samples[..bit_len / 8]);
    });
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

//! Benchmarks of lsb-stego: every operation at every level of this CPU, and copying the same samples as the limit.

use criterion::{BenchmarkId, Criterion, Throughput};
use lsb_stego::{Bits, Cover, CoverMut, Layout, Level, Options, Sample, read_bits, write_bits};
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
        });
        assert_eq!(copy, narrow);
        for level in Level::available() {
            for bits in [Bits::One, Bits::Two, Bits::Four] {
                both(&mut group, name, &narrow, level, bits);
            }
            both(&mut group, name, &wide, level, Bits::One);
        }
        group.finish();
    }
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// Embeds into every sample and extracts again, raw.
fn both<S: Sample>(group: &mut Group<'_>, size: &str, samples: &[S], level: Level, bits: Bits) {
    let layout = Layout::new(if S::BITS == 8 { 8 } else { 16 }).expect("8 and 16 are depths");
    let options = Options::new().bits(bits).level(level);
    let bit_len = samples.len() * usize::from(bits.get());
    let payload: Vec<u8> = numbers()
        .flat_map(u64::to_le_bytes)
        .take(bit_len / 8)
        .collect();
    let mut stego = samples.to_vec();
    let cover = CoverMut::new(&mut stego, layout).expect("whole pixels");
    write_bits(cover, &options, &payload, bit_len).expect("it fits");
    let read = Cover::new(&stego, layout).and_then(|cover| read_bits(cover, &options, bit_len));
    assert_eq!(read.expect("it fits"), payload);
    let id = |operation: &str| {
        let operation = format!("{operation}{}bit_u{}/{}", bits.get(), S::BITS, level.name());
        BenchmarkId::new(operation, size)
    };
    group.bench_function(id("embed"), |b| {
        b.iter(|| {
            let cover = CoverMut::new(black_box(&mut stego), layout).expect("whole pixels");
            write_bits(cover, &options, black_box(&payload), bit_len).expect("it fits");
        });
    });
    let cover = Cover::new(&stego, layout).expect("whole pixels");
    group.bench_function(id("extract"), |b| {
        b.iter(|| read_bits(black_box(cover), &options, bit_len).expect("it fits"));
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

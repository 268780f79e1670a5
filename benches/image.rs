//! Benchmarks of medical-image: reading, patching and restoring, and copying the same file as the limit.

use criterion::{BenchmarkId, Criterion, Throughput};
use medical_image::{Picture, Samples, restore};
use std::hint::black_box;

/// Registers the benchmarks of this module.
pub(crate) fn define(c: &mut Criterion) {
    for (name, side) in [("64KiB", 181_u16), ("4MiB", 1448)] {
        all(c, "dicom", name, &dicom(side));
    }
    all(
        c,
        "png",
        "35KB",
        include_bytes!("../examples/data/phantom.png"),
    );
}

fn all(c: &mut Criterion, format: &str, size: &str, file: &[u8]) {
    let mut group = c.benchmark_group("image");
    group.throughput(Throughput::Bytes(file.len() as u64));
    let id = |operation: &str| BenchmarkId::new(operation, format!("{format}/{size}"));
    let picture = Picture::read(file.to_vec()).expect("a good file");
    let mut other = picture.samples().clone();
    match &mut other {
        Samples::U8(samples) => samples.iter_mut().for_each(|sample| *sample ^= 1),
        Samples::U16(samples) => samples.iter_mut().for_each(|sample| *sample ^= 1),
        _ => unreachable!("there are two widths"),
    }
    let patched = picture.patch(&other).expect("the same shape");
    let stego = Picture::read(patched.bytes).expect("a good file");
    assert_eq!(stego.samples(), &other);
    let back = restore(&stego, picture.samples(), &patched.restore).expect("its restore data");
    assert_eq!(back, file);
    group.bench_function(id("copy"), |b| b.iter(|| black_box(file).to_vec()));
    group.bench_function(id("read"), |b| {
        b.iter(|| Picture::read(black_box(file).to_vec()));
    });
    group.bench_function(id("patch"), |b| b.iter(|| picture.patch(black_box(&other))));
    group.bench_function(id("restore"), |b| {
        b.iter(|| restore(&stego, black_box(picture.samples()), &patched.restore));
    });
    group.finish();
}

/// A square image of signed 16-bit samples, implicit VR, without file meta information.
fn dicom(side: u16) -> Vec<u8> {
    let element = |group: u16, element: u16, value: &[u8]| {
        let len = u32::try_from(value.len()).expect("short").to_le_bytes();
        [
            &group.to_le_bytes(),
            &element.to_le_bytes(),
            &len[..],
            value,
        ]
        .concat()
    };
    let mut file = element(0x0008, 0x0060, b"CT");
    file.extend(element(0x0028, 0x0002, &[1, 0]));
    file.extend(element(0x0028, 0x0004, b"MONOCHROME2 "));
    for (tag, value) in [
        (0x10, side),
        (0x11, side),
        (0x100, 16),
        (0x101, 16),
        (0x102, 15),
        (0x103, 1),
    ] {
        file.extend(element(0x0028, tag, &value.to_le_bytes()));
    }
    let pixels = usize::from(side) * usize::from(side);
    let ramp: Vec<u8> = (0..pixels)
        .flat_map(|i| (i % 4096).to_le_bytes()[..2].to_vec())
        .collect();
    file.extend(element(0x7FE0, 0x0010, &ramp));
    file
}

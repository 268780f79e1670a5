//! What is allocated: nothing where samples are written and read, one block where a payload is returned, and under the
//! schemes that look at the content first no more than the README says.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test panics, its numbers are small, and it prints them for who asks"
)]

use allocation_counter::{AllocationInfo, measure};
use lsb_stego::cost::Costs;
use lsb_stego::trellis::Trellis;
use lsb_stego::{
    Bits, Cover, CoverMut, Error, Hamming, Key, Layout, Level, Options, Sample, Scheme, capacity,
    embed, extract, extract_any, framed_bits, read_bits_into, recover, write_bits,
};

const COLUMNS: usize = 400;
const ROWS: usize = 300;

/// A slope with noise upon it, values 8 to 103.
fn cover<S: Sample + TryFrom<u64>>(channels: usize) -> Vec<S> {
    let noise = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 5;
    (0..(ROWS * COLUMNS * channels) as u64)
        .map(|i| {
            let (row, column) = (i / (COLUMNS * channels) as u64, i % COLUMNS as u64);
            S::try_from(8 + row / 7 + column / 10 + noise(i)).ok()
        })
        .collect::<Option<_>>()
        .unwrap()
}

/// What `run` allocates, and what it returns.
fn counted<T>(run: impl FnOnce() -> T) -> (AllocationInfo, T) {
    let mut result = None;
    let found = measure(|| result = Some(run()));
    (found, result.unwrap())
}

/// Every sample, without alpha, without some values, and without both.
fn layouts() -> [Layout; 4] {
    let grey = Layout::new(8).unwrap().with_columns(400).unwrap();
    let alpha = grey.with_channels(4, 0b0111).unwrap();
    let padded = |layout: Layout| layout.with_reserved(9, 11).unwrap();
    [grey, alpha, padded(grey), padded(alpha)]
}

/// The schemes that write while they read: every one but the reversible and the adaptive.
fn direct() -> Vec<Options> {
    let matrix = (2..=8).map(|p| Scheme::Matrix(Hamming::new(p).unwrap()));
    let schemes = matrix.chain([Scheme::Matching]);
    let deep = (1..=4).map(|bits| Options::new().bits(Bits::new(bits).unwrap()));
    let options = schemes
        .map(|scheme| Options::new().scheme(scheme))
        .chain(deep);
    options
        .flat_map(|options| [options.clone(), options.key(Key::new([7; 32]))])
        .collect()
}

fn check_direct<S: Sample + TryFrom<u64>>(layout: Layout, options: &Options, share: usize) {
    let original = cover::<S>(layout.channels().into());
    let mut samples = original.clone();
    let told = || format!("{layout:?}, {options:?}, a share of {share}");
    let (found, held) = counted(|| capacity(Cover::new(&samples, layout).unwrap(), options));
    assert_eq!(found.count_total, 0, "capacity, {}", told());
    let payload = vec![0xA5; held.unwrap().payload_bytes() / share];

    let (found, done) = counted(|| {
        let cover = CoverMut::new(&mut samples, layout).unwrap();
        embed(cover, &payload, options)
    });
    done.unwrap();
    assert_eq!(found.count_total, 0, "embed, {}", told());
    let (found, done) = counted(|| extract(Cover::new(&samples, layout).unwrap(), options));
    assert!(done.unwrap() == payload);
    assert_eq!(found.count_total, 1, "extract, {}", told());
    assert!(
        found.bytes_total <= 16 + payload.len() as u64,
        "extract, {}",
        told()
    );

    let bit_len = framed_bits(payload.len()) - 3;
    let mut bytes = vec![0x5A; payload.len() + 16];
    let (found, done) = counted(|| {
        let cover = CoverMut::new(&mut samples, layout).unwrap();
        write_bits(cover, options, &bytes, bit_len)
    });
    done.unwrap();
    assert_eq!(found.count_total, 0, "write_bits, {}", told());
    let (found, done) = counted(|| {
        let cover = Cover::new(&samples, layout).unwrap();
        read_bits_into(cover, options, bit_len, &mut bytes)
    });
    done.unwrap();
    assert_eq!(found.count_total, 0, "read_bits_into, {}", told());

    let (found, refused) = counted(|| extract(Cover::new(&original, layout).unwrap(), options));
    assert_eq!(refused, Err(Error::NoPayload));
    assert_eq!(found.count_total, 0, "nothing to extract, {}", told());
}

#[test]
fn writing_and_reading_allocate_nothing() {
    for layout in layouts() {
        for options in direct() {
            for share in [1, 11, 500] {
                check_direct::<u8>(layout, &options, share);
                check_direct::<u16>(layout, &options, share);
            }
        }
    }
    for level in Level::available() {
        let matrix = Scheme::Matrix(Hamming::new(3).unwrap());
        let options = Options::new().level(level).scheme(matrix);
        check_direct::<u16>(layouts()[3], &options.key(Key::new([8; 32])), 5);
    }
}

/// The most bytes that `run` holds at once.
fn held<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let (found, result) = counted(run);
    (usize::try_from(found.bytes_max).unwrap(), result)
}

fn check_reversible<S: Sample + TryFrom<u64>>(layout: Layout, share: usize) {
    let options = Options::new().scheme(Scheme::Reversible);
    let mut original = cover::<S>(layout.channels().into());
    if layout.bits_stored() == 16 {
        // What makes the histograms as long as they get.
        let far = S::try_from(60_000).ok().unwrap();
        original
            .iter_mut()
            .step_by(97)
            .for_each(|sample| *sample = far);
    }
    let mut samples = original.clone();
    let holds = capacity(Cover::new(&samples, layout).unwrap(), &options).unwrap();
    let payload = vec![0xA5; holds.payload_bytes() / share];
    let (embedding, done) = held(|| {
        let cover = CoverMut::new(&mut samples, layout).unwrap();
        embed(cover, &payload, &options)
    });
    done.unwrap();
    let (extraction, done) = held(|| extract(Cover::new(&samples, layout).unwrap(), &options));
    assert!(done.unwrap() == payload);
    let (recovery, done) = held(|| {
        let cover = CoverMut::new(&mut samples, layout).unwrap();
        recover(cover, &options)
    });
    assert!(done.unwrap() == payload && samples == original);
    let rows = 3 * COLUMNS * usize::from(layout.channels()) * size_of::<S>();
    let fixed = 256 << 10;
    let told = format!(
        "{} bits, {layout:?}, {} bytes: {embedding}, {extraction}, {recovery}",
        S::BITS,
        payload.len()
    );
    println!("{told}");
    assert!(embedding <= payload.len() + rows + fixed, "{told}");
    assert!(extraction <= 2 * payload.len() + rows + fixed, "{told}");
    assert!(
        recovery <= 2 * payload.len() + rows + fixed + samples.len() / 8,
        "{told}"
    );
}

/// Smooth in the rows that a plan is made of, and noise elsewhere: the plan promises too much, and samples are moved back. The README
/// said that this takes no more.
#[test]
fn a_plan_that_does_not_hold_takes_room_to_move_back() {
    const COLUMNS: usize = 2048;
    const ROWS: usize = 1024;
    let options = Options::new().scheme(Scheme::Reversible);
    let layout = Layout::new(12).unwrap().with_columns(2048).unwrap();
    let is_band = |row: usize| {
        let starts = (0..8).map(|band| 2 + band * (ROWS - 3) / 8);
        row < 16
            || starts
                .into_iter()
                .any(|start| row + 4 >= start && row < start + 8)
    };
    let noise = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u16;
    let original: Vec<u16> = (0..ROWS * COLUMNS)
        .map(|i| {
            let values = if is_band(i / COLUMNS) { 2 } else { 400 };
            2000 + noise(i as u64) % values
        })
        .collect();
    let mut samples = original.clone();
    let holds = capacity(Cover::new(&samples, layout).unwrap(), &options).unwrap();
    let payload = vec![0xA5; holds.payload_bytes() * 9 / 10];
    let (embedding, done) = held(|| {
        let cover = CoverMut::new(&mut samples, layout).unwrap();
        embed(cover, &payload, &options)
    });
    done.unwrap();
    let most = payload.len() + 3 * 2 * COLUMNS + (256 << 10);
    let back = payload.len() + samples.len() / 8;
    let told = format!("{} bytes: {embedding}, {most} and {back}", payload.len());
    println!("{told}");
    assert!(embedding > most, "the plan held: {told}");
    assert!(embedding <= most + back, "{told}");
    let recovered = recover(CoverMut::new(&mut samples, layout).unwrap(), &options);
    assert!(recovered.unwrap() == payload && samples == original);
}

fn check_adaptive<S: Sample + TryFrom<u64>>(
    layout: Layout,
    costs: Costs,
    height: u8,
    share: usize,
) {
    let trellis = Trellis::new(height).unwrap();
    let options = Options::new().scheme(Scheme::Adaptive { costs, trellis });
    let mut samples = cover::<S>(layout.channels().into());
    let (counting, holds) = held(|| capacity(Cover::new(&samples, layout).unwrap(), &options));
    let payload = vec![0xA5; holds.unwrap().payload_bytes() / share];
    let (embedding, done) = held(|| {
        let cover = CoverMut::new(&mut samples, layout).unwrap();
        embed(cover, &payload, &options)
    });
    done.unwrap();
    let (extraction, done) = held(|| extract(Cover::new(&samples, layout).unwrap(), &options));
    assert!(done.unwrap() == payload);
    // Of all heights together no more than of one.
    let every: Vec<Options> = (7..=12)
        .map(|height| {
            let trellis = Trellis::new(height).unwrap();
            Options::new().scheme(Scheme::Adaptive { costs, trellis })
        })
        .collect();
    let (any, done) = held(|| extract_any(Cover::new(&samples, layout).unwrap(), &every));
    assert_eq!(done.unwrap(), (usize::from(height) - 7, payload.clone()));
    let told = format!(
        "{} bits, {layout:?}, {costs:?}, height {height}, {} bytes: {embedding}, {extraction}, {any}",
        S::BITS,
        payload.len()
    );
    println!("{told}");
    assert_eq!(counting, 0, "{told}");
    let states = (1 << 17) * ((1 << height) / 8 + 48);
    assert!(embedding <= 8 * samples.len() + states, "{told}");
    assert_eq!(any, extraction, "{told}");
    assert!(
        extraction <= 80 + payload.len() + samples.len() / 8 + samples.len() / 512,
        "{told}"
    );
}

/// What the README says that the others take. Printed with `--nocapture`.
#[test]
fn schemes_that_look_at_the_content_are_bounded() {
    for layout in layouts() {
        let deep = Layout::new(16).unwrap().with_columns(400).unwrap();
        let deep = deep
            .with_channels(layout.channels(), layout.carrying())
            .unwrap();
        for share in [1, 20] {
            check_reversible::<u8>(layout, share);
            check_reversible::<u16>(layout, share);
            check_reversible::<u16>(deep, share);
        }
        check_adaptive::<u8>(layout, Costs::Hill, 7, 1);
        check_adaptive::<u16>(deep, Costs::Suniward, 7, 20);
    }
    check_adaptive::<u16>(layouts()[0], Costs::Hill, 10, 20);
}

//! More cores give the same bits: covers on both sides of the split, whole and odd channels, framed and raw.

#![cfg(feature = "rayon")]
#![allow(clippy::unwrap_used, reason = "a test panics")]

use lsb_stego::{
    Bits, Cover, CoverMut, Error, Hamming, Key, Layout, Options, Sample, Scheme, capacity, embed,
    embed_par, extract_par, read_bits, read_bits_par, write_bits, write_bits_par,
};
use proptest::prelude::*;

#[test]
fn more_cores_give_the_same_bits() {
    let grey = Layout::new(8).unwrap();
    let rgb = grey.with_channels(3, 0b111).unwrap();
    let rgba = grey.with_channels(4, 0b0111).unwrap();
    let padded = grey.with_reserved(7, 9).unwrap();
    for layout in [grey, rgb, rgba, padded] {
        for bits in [Bits::One, Bits::Three] {
            for pixels in [1000, (2 << 20) + 777, (9 << 20) + 3] {
                check(
                    layout,
                    &Options::new().bits(bits),
                    pixels / usize::from(layout.channels()),
                );
            }
        }
    }
}

fn check(layout: Layout, options: &Options, pixels: usize) {
    let length = pixels * usize::from(layout.channels());
    let original: Vec<u8> = (0..length)
        .map(|i| ((i * 89) >> 3).to_le_bytes()[0])
        .collect();
    let held = capacity(Cover::new(&original, layout).unwrap(), options).unwrap();
    let payload: Vec<u8> = (0..held.bits() / 8 + 1)
        .map(|i| ((i * 57) >> 2).to_le_bytes()[0])
        .collect();
    for bit_len in [held.bits(), held.bits() / 3 + 5] {
        let (mut serial, mut parallel) = (original.clone(), original.clone());
        write_bits(
            CoverMut::new(&mut serial, layout).unwrap(),
            options,
            &payload,
            bit_len,
        )
        .unwrap();
        write_bits_par(
            CoverMut::new(&mut parallel, layout).unwrap(),
            options,
            &payload,
            bit_len,
        )
        .unwrap();
        assert!(serial == parallel);
        let stego = Cover::new(&serial, layout).unwrap();
        let mut read = vec![0xffu8; bit_len.div_ceil(8)];
        read_bits_par(stego, options, bit_len, &mut read).unwrap();
        assert!(read == read_bits(stego, options, bit_len).unwrap());
    }
    for length in [held.payload_bytes(), held.payload_bytes() / 5] {
        let (mut serial, mut parallel) = (original.clone(), original.clone());
        embed(
            CoverMut::new(&mut serial, layout).unwrap(),
            &payload[..length],
            options,
        )
        .unwrap();
        embed_par(
            CoverMut::new(&mut parallel, layout).unwrap(),
            &payload[..length],
            options,
        )
        .unwrap();
        assert!(serial == parallel);
        let stego = Cover::new(&parallel, layout).unwrap();
        assert!(extract_par(stego, options).unwrap() == payload[..length]);
    }
}

/// Every scheme that carries bits without a frame, keyed or not.
fn scheme() -> impl Strategy<Value = Options> {
    let scheme = prop_oneof![
        Just(Scheme::Replacement),
        Just(Scheme::Matching),
        (2u8..=8).prop_map(|p| Scheme::Matrix(Hamming::new(p).unwrap())),
    ];
    (scheme, any::<bool>()).prop_map(|(scheme, keyed)| {
        let options = Options::new().scheme(scheme);
        if keyed {
            options.key(Key::new([9; 32]))
        } else {
            options
        }
    })
}

/// Grey, colour with and without alpha, and one channel of three; with and without reserved values, scattered and in a piece.
fn layout() -> impl Strategy<Value = Layout> {
    let channels = prop::sample::select(vec![(1u8, 1u8), (1, 1), (3, 0b111), (4, 0b0111), (3, 2)]);
    let reserved = prop::sample::select(vec![None, None, Some((7, 9)), Some((0, 0))]);
    (channels, reserved).prop_map(|((channels, carrying), reserved)| {
        let layout = Layout::new(8).unwrap();
        let layout = layout.with_channels(channels, carrying).unwrap();
        reserved.map_or(layout, |(low, high)| {
            layout.with_reserved(low, high).unwrap()
        })
    })
}

/// Samples of many values; an eighth of them, before and behind the middle, is padding of value 0.
fn padded<S: Sample + From<u8>>(length: usize) -> Vec<S> {
    let sample = |i: usize| match i * 16 / length {
        5 | 9 => 0,
        _ => ((i * 89) >> 3).to_le_bytes()[0],
    };
    (0..length).map(|i| S::from(sample(i))).collect()
}

/// Raw bits and a frame, on so many threads and on one.
fn same_on_threads<S: Sample + From<u8> + PartialEq>(
    layout: Layout,
    options: &Options,
    threads: usize,
    (pixels, share): (usize, f64),
) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let length = pixels * usize::from(layout.channels());
    let original: Vec<S> = padded(length);
    let held = capacity(Cover::new(&original, layout).unwrap(), options).unwrap();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share of a number is one"
    )]
    let [bit_len, bytes] =
        [held.bits(), held.payload_bytes()].map(|most| (most as f64 * share) as usize);
    let payload: Vec<u8> = (0..=bit_len / 8)
        .map(|i| ((i * 57) >> 2).to_le_bytes()[0])
        .collect();
    let (mut serial, mut parallel) = (original.clone(), original.clone());
    let cover = CoverMut::new(&mut serial, layout).unwrap();
    write_bits(cover, options, &payload, bit_len).unwrap();
    let cover = CoverMut::new(&mut parallel, layout).unwrap();
    pool.install(|| write_bits_par(cover, options, &payload, bit_len))
        .unwrap();
    assert!(serial == parallel);
    let mut read = vec![0xff; bit_len.div_ceil(8)];
    let cover = Cover::new(&serial, layout).unwrap();
    pool.install(|| read_bits_par(cover, options, bit_len, &mut read))
        .unwrap();
    assert!(read == read_bits(cover, options, bit_len).unwrap());

    let payload = &payload[..bytes];
    (serial, parallel) = (original.clone(), original);
    let cover = CoverMut::new(&mut serial, layout).unwrap();
    embed(cover, payload, options).unwrap();
    let cover = CoverMut::new(&mut parallel, layout).unwrap();
    pool.install(|| embed_par(cover, payload, options)).unwrap();
    assert!(serial == parallel);
    let cover = Cover::new(&parallel, layout).unwrap();
    assert!(pool.install(|| extract_par(cover, options)).unwrap() == payload);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// One to six threads, samples of both widths, covers that are cut once, twice or not at all, any share of the capacity.
    #[test]
    fn any_number_of_threads_gives_the_same_bits(
        options in scheme(),
        layout in layout(),
        wide in any::<bool>(),
        threads in 1usize..=6,
        bytes in (1usize << 19)..(6 << 20),
        share in 0.0001..1.0,
    ) {
        let pixels = bytes / usize::from(layout.channels());
        if wide {
            same_on_threads::<u16>(layout, &options, threads, (pixels / 2, share));
        } else {
            same_on_threads::<u8>(layout, &options, threads, (pixels, share));
        }
    }
}

/// The same again where every cut is made: channels, both widths, every scheme, with a key and without.
#[test]
fn every_scheme_on_threads() {
    let grey = Layout::new(8).unwrap();
    let alpha = grey.with_channels(4, 0b0111).unwrap();
    let reserved = grey.with_reserved(0, 0).unwrap();
    let matrix = Scheme::Matrix(Hamming::new(3).unwrap());
    let options =
        [Scheme::Replacement, Scheme::Matching, matrix].map(|scheme| Options::new().scheme(scheme));
    let deep = Options::new().bits(Bits::Three);
    for options in options.into_iter().chain([deep]) {
        for options in [options.clone(), options.key(Key::new([9; 32]))] {
            for threads in [2, 3] {
                same_on_threads::<u16>(grey, &options, threads, ((4 << 20) + 77, 0.9));
                same_on_threads::<u16>(alpha, &options, threads, ((1 << 20) + 77, 0.9));
                same_on_threads::<u8>(alpha, &options, threads, ((2 << 20) + 77, 0.3));
                same_on_threads::<u16>(reserved, &options, threads, ((4 << 20) + 77, 0.9));
                same_on_threads::<u8>(reserved, &options, threads, ((6 << 20) + 77, 0.3));
            }
        }
    }
}

/// Where groups are so large that a cut is seldom; and where less than two of the sections that carriers are counted in are taken.
#[test]
fn rare_cuts_give_the_same_bits() {
    let grey = Layout::new(8).unwrap();
    let large = Options::new().scheme(Scheme::Matrix(Hamming::new(8).unwrap()));
    // 85 of 256 are selected, of which 256 blocks hold 64 groups of 255; and a number that has no factor in common
    for share in [0.3, 0.33, 0.9] {
        let keyed = large.clone().key(Key::new([3; 32]));
        same_on_threads::<u8>(grey, &keyed, 2, ((9 << 20) + 5, share));
    }
    let reserved = grey.with_reserved(0, 0).unwrap();
    same_on_threads::<u8>(reserved, &Options::new(), 2, (160 << 20, 0.03));
}

/// The reversible scheme is the same on more cores: its stream has one order.
#[test]
fn reversible_is_the_same() {
    let layout = Layout::new(8).unwrap().with_columns(512).unwrap();
    let options = Options::new().scheme(Scheme::Reversible);
    let original: Vec<u8> = (0..512usize * 512)
        .map(|i| (i % 512 / 4).to_le_bytes()[0])
        .collect();
    let (mut serial, mut parallel) = (original.clone(), original);
    for threads in 1..=4 {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let cover = CoverMut::new(&mut parallel, layout).unwrap();
            embed_par(cover, b"hidden", &options).unwrap();
            assert_eq!(
                extract_par(Cover::new(&parallel, layout).unwrap(), &options).unwrap(),
                b"hidden"
            );
            let cover = CoverMut::new(&mut parallel, layout).unwrap();
            assert_eq!(lsb_stego::recover(cover, &options).unwrap(), b"hidden");
        });
        embed(
            CoverMut::new(&mut serial, layout).unwrap(),
            b"hidden",
            &options,
        )
        .unwrap();
        let cover = CoverMut::new(&mut parallel, layout).unwrap();
        pool.install(|| embed_par(cover, b"hidden", &options))
            .unwrap();
        assert!(serial == parallel);
        for samples in [&mut serial, &mut parallel] {
            lsb_stego::recover(CoverMut::new(samples, layout).unwrap(), &options).unwrap();
        }
    }
    let raw = write_bits_par(
        CoverMut::new(&mut serial, layout).unwrap(),
        &options,
        &[0],
        8,
    );
    assert!(matches!(raw, Err(Error::Scheme { .. })));
}

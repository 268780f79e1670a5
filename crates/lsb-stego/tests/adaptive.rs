//! The adaptive scheme: what it may touch, what it holds, and that it comes back.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test panics, and its numbers are small"
)]

mod reference;

use lsb_stego::cost::{self, Costs};
use lsb_stego::trellis::Trellis;
use lsb_stego::{
    Bits, Cover, CoverMut, Error, Key, Layout, Level, Options, Sample, Scheme, capacity, embed,
    extract, extract_any, read_bits, search,
};
use proptest::prelude::*;
use reference::adaptive::Adaptive;
use reference::{Plain, cost as plain_cost};

fn options(height: u8, costs: Costs) -> Options {
    let trellis = Trellis::new(height).unwrap();
    Options::new().scheme(Scheme::Adaptive { costs, trellis })
}

/// Numbers that look random, the same ever after (splitmix64).
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (1u64..).map(move |i| {
        let z = (i + (seed << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

/// One walk along the cover serves every height, and finds what each alone finds: after other schemes and other keys too, which have
/// walks of their own. One in three samples cannot move, so that granules are not full.
#[test]
fn heights_share_a_walk_and_find_the_same() {
    let layout = Layout::new(8).unwrap().with_columns(150).unwrap();
    let cover: Vec<u8> = numbers(11)
        .map(|number| [0, 255, number.to_le_bytes()[0], 90, 7, 8][(number >> 32) as usize % 6])
        .take(150 * 300)
        .collect();
    let heights = || (7..=12).map(|height| options(height, Costs::Uniform));
    let key = |byte| move |options: Options| options.key(Key::new([byte; 32]));
    let ways: Vec<Options> = heights()
        .chain([Options::new(), Options::new().scheme(Scheme::Matching)])
        .chain(heights().map(key(1)))
        .chain(heights().map(key(2)))
        .chain(heights())
        .collect();
    let every = Cover::new(&cover, layout).unwrap();
    assert_eq!(extract_any(every, &ways), Err(Error::NoPayload));
    assert_eq!(extract_any(every, &[]), Err(Error::NoPayload));
    for (index, way) in ways.iter().enumerate().take(20).skip(3).step_by(4) {
        for length in [0, 40, 2000] {
            let payload: Vec<u8> = numbers(12)
                .map(|n| n.to_le_bytes()[3])
                .take(length)
                .collect();
            let mut stego = cover.clone();
            embed(CoverMut::new(&mut stego, layout).unwrap(), &payload, way).unwrap();
            let stego = Cover::new(&stego, layout).unwrap();
            let found = extract_any(stego, &ways).unwrap();
            let alone = search(ways.iter().enumerate(), |(index, way)| {
                Ok((index, extract(stego, way)?))
            });
            assert_eq!(Ok(&found), alone.as_ref());
            // Matching is read as replacement.
            let first = if index == 7 { 6 } else { index };
            assert_eq!(found, (first, payload));
        }
    }
}

/// Whether the sample at a place may move: said again, value by value.
fn movable(layout: &Layout, place: usize, value: u16) -> bool {
    let channels = usize::from(layout.channels());
    let allowed = |value: u16| {
        let reserved = layout
            .reserved()
            .is_some_and(|(low, high)| (low..=high).contains(&value));
        value > 0 && value < layout.peak() && !reserved
    };
    let value = value & layout.peak();
    layout.carrying() >> (place % channels) & 1 == 1
        && allowed(value)
        && (allowed(value - 1) || allowed(value + 1))
}

/// Embeds, and holds the stego samples against all that is promised.
fn check<S: Sample>(
    samples: &[S],
    layout: Layout,
    (options, code): (&Options, Trellis),
    payload: &[u8],
) {
    let value = |sample: S| -> u16 { sample.into() };
    let places = 0..samples.len();
    let held = places
        .clone()
        .filter(|&p| movable(&layout, p, value(samples[p])))
        .count();
    let holds = capacity(Cover::new(samples, layout).unwrap(), options).unwrap();
    assert_eq!(holds.bits(), held);
    let mut stego = samples.to_vec();
    let done = embed(CoverMut::new(&mut stego, layout).unwrap(), payload, options);
    if payload.len() > holds.payload_bytes() || held < 128 {
        let refused = Error::TooSmall {
            needed_bytes: payload.len(),
            available_bytes: holds.payload_bytes(),
        };
        assert_eq!(done, Err(refused));
        assert!(stego == samples);
        return;
    }
    assert_eq!(done.unwrap().bits(), 8 * (16 + payload.len()));
    for place in places {
        let [before, after] = [samples[place], stego[place]].map(value);
        assert_eq!(
            movable(&layout, place, before),
            movable(&layout, place, after)
        );
        assert!(before.abs_diff(after) <= 1 && before & !layout.peak() == after & !layout.peak());
        assert!(before == after || movable(&layout, place, before));
    }
    let cover = Cover::new(&stego, layout).unwrap();
    assert_eq!(extract(cover, options).as_deref(), Ok(payload));
    // What changes cost is the embedder's alone.
    let other = Scheme::Adaptive {
        costs: Costs::Suniward,
        trellis: code,
    };
    assert_eq!(
        extract(cover, &options.clone().scheme(other)).as_deref(),
        Ok(payload)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_embedded_comes_back(
        seed in 0u64..1000,
        rows in 1usize..40,
        columns in 1u32..40,
        depth in 1u8..=16,
        alpha in any::<bool>(),
        reserved in proptest::option::of((any::<u16>(), 0u16..300)),
        keyed in any::<bool>(),
        height in 7u8..=9,
        model in 0usize..3,
        share in 0usize..=110,
    ) {
        let (channels, carrying) = if alpha { (4, 0b0111) } else { (1, 1) };
        let mut layout = Layout::new(depth).unwrap()
            .with_channels(channels, carrying).unwrap()
            .with_columns(columns).unwrap();
        if let Some((low, span)) = reserved {
            let low = low & layout.peak();
            let high = low.saturating_add(span).min(layout.peak());
            layout = layout.with_reserved(low, high).unwrap();
        }
        let code = Trellis::new(height).unwrap();
        let mut options = options(height, [Costs::Uniform, Costs::Hill, Costs::Suniward][model]);
        if keyed {
            options = options.key(Key::new([9; 32]));
        }
        let count = rows * columns as usize * usize::from(channels);
        let wide: Vec<u16> = numbers(seed).take(count).map(|n| (n >> 20 & 0xFFFF) as u16).collect();
        let holds = capacity(Cover::new(&wide, layout).unwrap(), &options).unwrap();
        let length = holds.payload_bytes() * share / 100 + usize::from(share > 100);
        let payload: Vec<u8> = numbers(seed + 1).map(|n| n.to_le_bytes()[0]).take(length).collect();
        check(&wide, layout, (&options, code), &payload);
        if depth <= 8 {
            let narrow: Vec<u8> = wide.iter().map(|n| n.to_le_bytes()[0]).collect();
            let length = payload.len().min(capacity(Cover::new(&narrow, layout).unwrap(), &options).unwrap().payload_bytes());
            check(&narrow, layout, (&options, code), &payload[..length]);
        }
    }
}

/// A picture: a slope with grain on its right half.
fn picture(rows: u32, columns: u32) -> Vec<u16> {
    let grain = numbers(3);
    (0..rows * columns)
        .zip(grain)
        .map(|(i, grain)| {
            let (row, column) = (i / columns, i % columns);
            let rough = if column > columns / 2 { grain % 64 } else { 0 };
            u16::try_from(500 + u64::from(row / 4 + column / 4) + rough).unwrap()
        })
        .collect()
}

/// Every length that a cover holds, so that every length of stream is met on both sides.
#[test]
fn every_length_comes_back() {
    let (samples, code) = (picture(48, 48), Trellis::new(7).unwrap());
    let layout = Layout::new(12).unwrap().with_columns(48).unwrap();
    for options in [
        options(7, Costs::Uniform),
        options(7, Costs::Uniform).key(Key::new([1; 32])),
    ] {
        let most = capacity(Cover::new(&samples, layout).unwrap(), &options).unwrap();
        for length in 0..=most.payload_bytes() + 1 {
            let payload: Vec<u8> = numbers(5)
                .map(|n| n.to_le_bytes()[0])
                .take(length)
                .collect();
            check(&samples, layout, (&options, code), &payload);
        }
    }
}

/// Every level, and one core or all, the same stego samples: small covers and such as have several segments.
#[test]
fn every_level_gives_the_same() {
    for (rows, columns, length) in [(64, 64, 100), (400, 500, 9000)] {
        let samples = picture(rows, columns);
        let layout = Layout::new(12).unwrap().with_columns(columns).unwrap();
        for model in [Costs::Hill, Costs::Suniward] {
            let payload = vec![0x5A; length];
            let stegos: Vec<Vec<u16>> = Level::available()
                .map(|level| {
                    let mut stego = samples.clone();
                    let options = options(7, model).level(level);
                    embed(
                        CoverMut::new(&mut stego, layout).unwrap(),
                        &payload,
                        &options,
                    )
                    .unwrap();
                    assert_eq!(
                        extract(Cover::new(&stego, layout).unwrap(), &options),
                        Ok(payload.clone())
                    );
                    stego
                })
                .collect();
            assert!(stegos.iter().all(|stego| stego == &stegos[0]));
            #[cfg(feature = "rayon")]
            {
                let (mut stego, options) = (samples.clone(), options(7, model));
                let cover = CoverMut::new(&mut stego, layout).unwrap();
                lsb_stego::embed_par(cover, &payload, &options).unwrap();
                assert!(stego == stegos[0]);
                let cover = Cover::new(&stego, layout).unwrap();
                assert_eq!(lsb_stego::extract_par(cover, &options), Ok(payload));
                assert_eq!(cost::map_par(cover, model), cost::map(cover, model));
            }
        }
    }
}

/// At every level the same costs, bit by bit, and those of plain loops in `f64`: widths around the 32 samples that are worked on
/// at once, pictures smaller than the filters, channels, both ends of the range often.
#[test]
fn every_level_costs_what_plain_loops_cost() {
    fn check_costs<S: Sample>(samples: &[S], layout: Layout) {
        let cover = Cover::new(samples, layout).unwrap();
        let value = |place: usize| Into::<u16>::into(samples[place]);
        let channels = usize::from(layout.channels());
        for model in [Costs::Uniform, Costs::Hill, Costs::Suniward] {
            let bits = |level| {
                let costs = cost::map_at(level, cover, model).unwrap();
                costs.iter().map(|cost| cost.to_bits()).collect::<Vec<_>>()
            };
            let found = cost::map(cover, model).unwrap();
            let of_found: Vec<u32> = found.iter().map(|cost| cost.to_bits()).collect();
            for level in Level::available() {
                assert!(bits(level) == of_found, "{level:?}, {layout:?}, {model:?}");
            }
            for channel in 0..channels {
                let places = (channel..samples.len()).step_by(channels);
                let plane = plain_cost::Plane {
                    values: places
                        .clone()
                        .map(|at| (value(at) & layout.peak()).into())
                        .collect(),
                    columns: layout.columns() as usize,
                };
                let expected = match model {
                    Costs::Hill => plain_cost::hill(&plane),
                    Costs::Suniward => plain_cost::suniward(&plane),
                    _ => vec![1.0; plane.values.len()],
                };
                for (place, expected) in places.zip(expected) {
                    let cost = found[place];
                    if movable(&layout, place, value(place)) {
                        let off = (f64::from(cost) / expected - 1.0).abs();
                        // Coefficients round by what the values before them are of.
                        let most = match model {
                            Costs::Suniward => 6e-8 * f64::from(layout.peak()),
                            _ => 1e-6,
                        };
                        assert!(off < most, "{cost}, not {expected}, {layout:?}, {model:?}");
                    } else {
                        assert_eq!(cost, f32::INFINITY, "{layout:?}, {model:?}");
                    }
                }
            }
        }
    }
    let sizes = [
        (1, 1),
        (2, 5),
        (3, 1),
        (7, 9),
        (15, 3),
        (16, 2),
        (17, 3),
        (31, 2),
        (32, 3),
        (33, 2),
    ];
    for (columns, rows) in sizes
        .into_iter()
        .chain([(48, 1), (63, 2), (64, 2), (65, 2), (33, 20)])
    {
        for (channels, carrying) in [(1, 1), (4, 0b0101)] {
            let wide: Vec<u16> = numbers(u64::from(columns) + 7)
                .take(columns as usize * rows * usize::from(channels))
                .map(|number| match number >> 61 {
                    0 => 0,
                    1 => u16::MAX,
                    2..=4 => 0x4040 | (number >> 9 & 3) as u16,
                    _ => (number >> 20 & 0xFFFF) as u16,
                })
                .collect();
            let narrow: Vec<u8> = wide.iter().map(|n| n.to_le_bytes()[1]).collect();
            let layout = |depth: u8| {
                let layout = Layout::new(depth).unwrap().with_columns(columns).unwrap();
                layout.with_channels(channels, carrying).unwrap()
            };
            for depth in [5, 8] {
                check_costs(&narrow, layout(depth));
            }
            for depth in [11, 16] {
                check_costs(&wide, layout(depth));
            }
        }
    }
}

/// Holds what is embedded against plain loops: the stream that the samples carry, what the changes cost, and which way each
/// sample has moved.
fn check_plain<S: Sample + TryFrom<u32>>(
    reference: &Adaptive,
    columns: usize,
    samples: &[u32],
    (costs, length): (Costs, usize),
) {
    let Adaptive { plain, height, key } = *reference;
    let mut layout = Layout::new(plain.bits_stored as u8)
        .unwrap()
        .with_channels(plain.channels as u8, plain.carrying as u8)
        .unwrap()
        .with_columns(columns as u32)
        .unwrap();
    if let Some((low, high)) = plain.reserved {
        layout = layout.with_reserved(low as u16, high as u16).unwrap();
    }
    let mut options = options(height, costs);
    if let Some(key) = key {
        options = options.key(Key::new(key));
    }
    let original: Vec<S> = samples
        .iter()
        .map(|&s| S::try_from(s).ok().unwrap())
        .collect();
    let cover = Cover::new(&original, layout).unwrap();
    let held = capacity(cover, &options).unwrap();
    assert_eq!(held.bits(), reference.capacity(samples));
    let payload: Vec<u8> = numbers(11)
        .map(|n| n.to_le_bytes()[0])
        .take(length.min(held.payload_bytes()))
        .collect();
    let mut stego = original.clone();
    embed(
        CoverMut::new(&mut stego, layout).unwrap(),
        &payload,
        &options,
    )
    .unwrap();
    let wide: Vec<u32> = stego
        .iter()
        .map(|&sample| u32::from(Into::<u16>::into(sample)))
        .collect();

    let k = reference.length(samples, 8 * (16 + payload.len()));
    let told = format!("{reference:?}, {costs:?}, {length} bytes, {k} bits");
    assert_eq!(
        reference.length(&wide, 8 * (16 + payload.len())),
        k,
        "{told}"
    );
    assert!(
        reference.stream(&wide, k) == reference.expected(&payload, k),
        "the plain loops read it, {told}"
    );

    let map = cost::map(cover, costs).unwrap();
    let mut moved = reference.elements(samples, k);
    moved.retain(|element| samples[element.place] != wide[element.place]);
    if samples.len() < 5000 {
        let cost: f64 = moved.iter().map(|e| f64::from(map[e.place])).sum();
        let least = reference.least_cost(samples, &map, &payload, k);
        // Sums of costs have 24 bits in the crate.
        assert!(
            (cost - least).abs() <= 1e-3 * least,
            "{cost}, {least}, {told}"
        );
    }
    let all = (0..wide.len()).filter(|&i| samples[i] != wide[i]).count();
    assert_eq!(moved.len(), all, "{told}");

    moved.sort_by_key(|element| {
        let last_first = core::cmp::Reverse((element.block, element.within % 32));
        (element.segment, last_first)
    });
    for (element, coin) in moved.iter().zip(reference.coins(moved.len())) {
        let (before, after) = (samples[element.place], wide[element.place]);
        let [up, down] = [before + 1, before - 1].map(|to| reference.carries(element.place, to));
        let expected = match (up, down) {
            (true, true) => coin,
            (up, _) => up,
        };
        assert_eq!(after > before, expected, "{told}");
    }
}

/// The format has no secrets that `DESIGN.md` does not tell: order, lengths, segments, blocks, columns, steps.
#[test]
fn as_the_plain_loops() {
    let grey = Plain {
        bits_stored: 8,
        channels: 1,
        carrying: 1,
        reserved: None,
    };
    let plains = [
        grey,
        Plain {
            bits_stored: 12,
            ..grey
        },
        Plain {
            channels: 4,
            carrying: 0b0111,
            reserved: Some((100, 103)),
            ..grey
        },
    ];
    for plain in plains {
        let peak = (1u64 << plain.bits_stored) - 1;
        let samples: Vec<u32> = (0..24 * 37 * plain.channels as u64)
            .zip(numbers(8))
            .map(|(i, n)| match n % 16 {
                0 => n >> 16 & peak,
                1 => peak,
                _ => 90 + i / 300 + n % 3,
            })
            .map(|value| value as u32)
            .collect();
        for key in [None, Some([3; 32])] {
            for (height, costs) in [(7, Costs::Hill), (8, Costs::Uniform), (10, Costs::Suniward)] {
                let reference = Adaptive { plain, height, key };
                for length in [0, 1, 7, 23, 60, usize::MAX] {
                    check_plain::<u16>(&reference, 37, &samples, (costs, length));
                    if plain.bits_stored <= 8 {
                        check_plain::<u8>(&reference, 37, &samples, (costs, length));
                    }
                }
            }
        }
    }
    // Several granules in one segment, and three segments of 19 granules each or 20.
    let large: Vec<u32> = picture(400, 600).into_iter().map(u32::from).collect();
    let reference = Adaptive {
        plain: Plain {
            bits_stored: 12,
            ..grey
        },
        height: 7,
        key: Some([3; 32]),
    };
    for length in [100, 900] {
        check_plain::<u16>(&reference, 600, &large, (Costs::Uniform, length));
    }
}

/// Changes fall where there is grain, and are fewer than replacement would make.
#[test]
fn changes_follow_the_content() {
    let samples = picture(128, 128);
    let layout = Layout::new(12).unwrap().with_columns(128).unwrap();
    let payload: Vec<u8> = numbers(7)
        .map(|n| n.to_le_bytes()[0])
        .take(128 * 128 / 10 / 8)
        .collect();
    for model in [Costs::Hill, Costs::Suniward] {
        let mut stego = samples.clone();
        embed(
            CoverMut::new(&mut stego, layout).unwrap(),
            &payload,
            &options(10, model),
        )
        .unwrap();
        let changed: Vec<usize> = (0..samples.len())
            .filter(|&i| samples[i] != stego[i])
            .collect();
        let smooth = changed.iter().filter(|&&place| place % 128 < 56).count();
        assert_eq!(smooth, 0, "{model:?}");
        // 1766 bits with the header; half as many changes in order, and a quarter here.
        assert!(changed.len() < 450, "{model:?} {}", changed.len());
        // Both ways alike.
        let up = changed
            .iter()
            .filter(|&&place| stego[place] > samples[place])
            .count();
        assert!(up.abs_diff(changed.len() / 2) < changed.len() / 5, "{up}");
    }
}

/// Flat ground, where every cost is the greatest there is, and noise: what the capacity says fits.
#[test]
fn flat_covers_hold_what_they_say() {
    let layout = Layout::new(8).unwrap().with_columns(40).unwrap();
    for value in [0u8, 1, 100, 254, 255] {
        let samples = vec![value; 1600];
        let (options, code) = (options(10, Costs::Hill), Trellis::default());
        let holds = capacity(Cover::new(&samples, layout).unwrap(), &options).unwrap();
        assert_eq!(
            holds.bits(),
            if matches!(value, 0 | 255) { 0 } else { 1600 }
        );
        check(
            &samples,
            layout,
            (&options, code),
            &vec![0xA5; holds.payload_bytes()],
        );
    }
}

#[test]
fn one_sample_moved_is_noticed() {
    let samples = picture(40, 40);
    let layout = Layout::new(12).unwrap().with_columns(40).unwrap();
    let options = options(10, Costs::Hill).key(Key::new([4; 32]));
    let mut stego = samples;
    embed(
        CoverMut::new(&mut stego, layout).unwrap(),
        &[1; 60],
        &options,
    )
    .unwrap();
    for place in (0..stego.len()).step_by(31) {
        let mut moved = stego.clone();
        moved[place] ^= 1;
        let found = extract(Cover::new(&moved, layout).unwrap(), &options);
        assert!(
            matches!(
                found,
                Err(Error::Checksum { .. }
                    | Error::NoPayload
                    | Error::Version { .. }
                    | Error::ClaimedLength { .. })
            ),
            "{place} {found:?}"
        );
    }
    let cover = Cover::new(&stego, layout).unwrap();
    for wrong in [Key::new([5; 32]), Key::new([0; 32])] {
        assert_eq!(
            extract(cover, &options.clone().key(wrong)),
            Err(Error::NoPayload)
        );
    }
}

#[test]
fn mistakes_have_their_errors() {
    let mut samples = vec![9u8; 400];
    let options = options(10, Costs::Hill);
    let bare = Layout::new(8).unwrap();
    let columns = Error::Columns {
        columns: 0,
        samples: 400,
    };
    assert_eq!(
        embed(CoverMut::new(&mut samples, bare).unwrap(), b"x", &options),
        Err(columns.clone())
    );
    let cover = Cover::new(&samples, bare).unwrap();
    assert_eq!(capacity(cover, &options), Err(columns.clone()));
    assert_eq!(cost::map(cover, Costs::Hill), Err(columns));
    // Nobody needs rows to extract.
    assert_eq!(extract(cover, &options), Err(Error::NoPayload));
    let raw = Error::Scheme {
        scheme: "adaptive",
        operation: "carry bits without a frame",
    };
    assert_eq!(read_bits(cover, &options, 1), Err(raw));
    let two = Err(Error::OneBit {
        scheme: "adaptive",
        bits: 2,
    });
    assert_eq!(capacity(cover, &options.bits(Bits::Two)), two);
    let empty: [u8; 0] = [];
    let cover = Cover::new(&empty, bare.with_columns(5).unwrap()).unwrap();
    assert_eq!(cost::map(cover, Costs::Suniward), Ok(vec![]));
}

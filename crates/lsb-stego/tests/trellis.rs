//! The bare trellis code, through the public functions.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a test panics, and its numbers are small"
)]

use lsb_stego::trellis::{MAX_COST, Trellis, embed, embed_at, extract};
use lsb_stego::{Error, Level};

/// Numbers that look random, the same ever after (splitmix64).
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (1u64..).map(move |i| {
        let z = (i + (seed << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

fn bits(seed: u64, count: usize) -> Vec<u8> {
    numbers(seed)
        .take(count)
        .map(|number| u8::from(number & 1 == 1))
        .collect()
}

fn bytes(seed: u64, count: usize) -> Vec<u8> {
    numbers(seed)
        .flat_map(u64::to_le_bytes)
        .take(count)
        .collect()
}

/// Evenly from 0 to 1.
fn even(seed: u64, count: usize) -> Vec<f32> {
    numbers(seed)
        .take(count)
        .map(|number| (number >> 40) as f32 / 16_777_216.0)
        .collect()
}

fn put(payload: &mut [u8], from: usize) {
    payload
        .iter_mut()
        .skip(from / 8 + 1)
        .for_each(|byte| *byte = 0);
    if let Some(last) = payload.get_mut(from / 8) {
        *last &= (1 << (from % 8)) - 1;
    }
}

/// The most bits that any code could embed at so much cost in all: the entropy of independent changes, each of probability
/// `1 / (1 + exp(lambda * cost))`, with the lambda that brings the cost about (Fridrich and Filler 2007).
fn most_bits(costs: &[f32], distortion: f64) -> f64 {
    let at = |lambda: f64| {
        costs.iter().fold((0.0, 0.0), |(bits, total), &cost| {
            let odds = (-lambda * f64::from(cost)).exp();
            let p = odds / (1.0 + odds);
            let entropy = if p > 0.0 {
                -p * p.log2() - (1.0 - p) * (1.0 - p).log2()
            } else {
                0.0
            };
            (bits + entropy, total + p * f64::from(cost))
        })
    };
    let (mut low, mut high) = (1e-3, 1e4_f64);
    for _ in 0..50 {
        let middle = (low * high).sqrt();
        if at(middle).1 > distortion {
            low = middle;
        } else {
            high = middle;
        }
    }
    at(low).0
}

/// Near the bound, and nearer at a greater height. What is lost of the bits that any code could embed at the same cost is 4 to
/// 8 % at height 10 where costs are spread (linear and square profiles), and 5 to 13 % where all are the same. Printed with
/// `--nocapture`.
#[test]
fn distortion_is_near_the_bound() {
    let count = 40_000;
    let linear = even(1, count);
    let square: Vec<f32> = linear.iter().map(|cost| cost * cost).collect();
    let constant = vec![1.0; count];
    for (profile, costs, most_lost) in [
        ("constant", constant, [0.20, 0.14]),
        ("linear", linear, [0.13, 0.09]),
        ("square", square, [0.13, 0.09]),
    ] {
        for part in [2, 3, 4, 8, 16, 30] {
            let mut before = 1.0;
            for (height, most_lost) in [7, 10].into_iter().zip(most_lost) {
                let mut stego = bits(2, count);
                let (payload, trellis) = (bytes(3, count / 8), Trellis::new(height).unwrap());
                let bit_len = count / part;
                let found = embed(&mut stego, &costs, trellis, &payload, bit_len).unwrap();
                let most = most_bits(&costs, found);
                let loss = 1.0 - bit_len as f64 / most;
                println!(
                    "{profile} 1/{part} height {height}: {:.1} % lost",
                    100.0 * loss
                );
                assert!(
                    (0.0..most_lost).contains(&loss) && loss < before,
                    "{profile} {part} {loss}"
                );
                before = loss;
            }
        }
    }
}

/// Any number of bits up to one per element, in elements on both sides of a segment.
#[test]
fn any_rate_comes_back() {
    for count in [1, 2, 9, 100, 1000, 70_000, 140_001] {
        let (cover, costs) = (bits(4, count), even(5, count));
        for bit_len in [
            0,
            1,
            count / 100,
            count / 7,
            count / 2,
            count / 3 * 2,
            count - 1,
            count,
        ] {
            let (mut stego, mut payload) = (cover.clone(), bytes(6, count.div_ceil(8)));
            let cost = embed(
                &mut stego,
                &costs,
                Trellis::new(7).unwrap(),
                &payload,
                bit_len,
            )
            .unwrap();
            payload.truncate(bit_len.div_ceil(8));
            put(&mut payload, bit_len);
            assert_eq!(
                extract(&stego, Trellis::new(7).unwrap(), bit_len).unwrap(),
                payload
            );
            let changed = (0..count).filter(|&place| stego[place] != cover[place]);
            let sum: f64 = changed.map(|place| f64::from(costs[place])).sum();
            assert!((sum - cost).abs() < 1e-6);
        }
    }
}

/// At every level the same elements change, to the same cost, bit by bit: at every height, in as many elements as there are in a
/// word of decisions, one less and one more, and on both sides of a segment. `every_level_finds_what_plain_loops_find` in
/// `src/trellis/tests.rs` holds what they find against plain loops.
#[test]
fn every_level_changes_the_same_elements() {
    let few =
        (7..=12).flat_map(|height| [1, 31, 32, 33, 34, 500, 2049].map(|count| (height, count)));
    for (height, count) in few.chain([(7, 65_535), (7, 65_537), (7, 140_001)]) {
        let (cover, payload) = (bits(17, count), bytes(18, count.div_ceil(8)));
        let mut costs = even(19, count);
        costs
            .iter_mut()
            .skip(5)
            .step_by(11)
            .for_each(|cost| *cost = f32::INFINITY);
        let trellis = Trellis::new(height).unwrap();
        for bit_len in [count.div_ceil(40), count / 3, count * 3 / 4] {
            let made = |level| {
                let mut stego = cover.clone();
                let cost = embed_at(level, &mut stego, &costs, trellis, &payload, bit_len);
                (cost.map(f64::to_bits), stego)
            };
            let mut stego = cover.clone();
            let cost = embed(&mut stego, &costs, trellis, &payload, bit_len);
            for level in Level::available() {
                assert!(
                    made(level) == (cost.clone().map(f64::to_bits), stego.clone()),
                    "{level:?}, {count}"
                );
            }
            if cost.is_ok() {
                let mut expected = payload[..bit_len.div_ceil(8)].to_vec();
                put(&mut expected, bit_len);
                assert_eq!(extract(&stego, trellis, bit_len), Ok(expected));
            }
        }
    }
}

/// Elements of infinite cost stay, up to as many as leave room; then it says so.
#[test]
fn wet_elements_stay() {
    let count = 20_000;
    let cover = bits(7, count);
    let payload = bytes(8, count / 8);
    for (share, carries) in [(50, true), (70, true), (97, false)] {
        let costs: Vec<f32> = numbers(9)
            .take(count)
            .map(|number| {
                if (number >> 20) % 100 < share {
                    f32::INFINITY
                } else {
                    1.0
                }
            })
            .collect();
        let mut stego = cover.clone();
        let found = embed(&mut stego, &costs, Trellis::default(), &payload, count / 10);
        if carries {
            assert!(found.unwrap().is_finite());
            let wet = (0..count).filter(|&place| costs[place] == f32::INFINITY);
            assert!(wet.into_iter().all(|place| stego[place] == cover[place]));
            assert_eq!(
                extract(&stego, Trellis::default(), count / 10).unwrap(),
                payload[..count / 80]
            );
        } else {
            assert_eq!((found, &stego), (Err(Error::Wet), &cover));
        }
    }
}

/// Costs ten decimal digits apart, as HILL gives them on smooth ground, do not drown one another.
#[test]
fn great_costs_hide_no_small_ones() {
    let count = 60_000;
    let mut costs = even(10, count);
    for run in costs.chunks_mut(500).step_by(2) {
        run.fill(1e10);
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&place| {
        numbers(11)
            .nth(place % 97)
            .unwrap()
            .rotate_left(u32::try_from(place % 63).unwrap())
            ^ place as u64
    });
    let costs: Vec<f32> = order.iter().map(|&place| costs[place]).collect();
    let (mut stego, payload) = (bits(12, count), bytes(13, count / 8));
    let found = embed(&mut stego, &costs, Trellis::default(), &payload, count / 10).unwrap();
    let most = most_bits(
        &costs
            .iter()
            .copied()
            .filter(|&cost| cost < 2.0)
            .collect::<Vec<_>>(),
        found,
    );
    assert!(count as f64 / 10.0 > 0.85 * most, "{found} {most}");
}

/// Sums of the largest costs are no infinities: that every change is as dear as can be is no reason to refuse.
#[test]
fn the_largest_costs_are_finite() {
    let count = 4000;
    for bit_len in [count, count / 3, 3] {
        let (mut carrier, payload) = (vec![0; count], vec![0xFF; count / 8]);
        let trellis = Trellis::new(12).unwrap();
        let cost = embed(
            &mut carrier,
            &vec![MAX_COST; count],
            trellis,
            &payload,
            bit_len,
        )
        .unwrap();
        // three bits of one column are one change, and as many bits as elements are hundreds
        let changes = cost / f64::from(MAX_COST);
        assert!(
            changes >= if bit_len == 3 { 1.0 } else { 200.0 },
            "{changes}"
        );
        let read = extract(&carrier, trellis, bit_len).unwrap();
        assert!(
            read.iter()
                .map(|byte| byte.count_ones() as usize)
                .sum::<usize>()
                == bit_len
        );
    }
}

#[test]
fn mistakes_have_their_errors() {
    let (mut three, trellis) = ([0, 1, 0], Trellis::default());
    let lengths = Error::Costs {
        elements: 3,
        costs: 2,
    };
    assert_eq!(embed(&mut three, &[1.0; 2], trellis, &[0], 1), Err(lengths));
    let few = Error::TooFewBits {
        needed_bits: 4,
        available_bits: 3,
    };
    assert_eq!(
        embed(&mut three, &[1.0; 3], trellis, &[0], 4),
        Err(few.clone())
    );
    assert_eq!(extract(&three, trellis, 4), Err(few));
    let short = Error::ShortPayload { bits: 3, bytes: 0 };
    assert_eq!(embed(&mut three, &[1.0; 3], trellis, &[], 3), Err(short));
    for cost in [-1.0, f32::NAN, f32::NEG_INFINITY, 1.1 * MAX_COST, f32::MAX] {
        let costs = [1.0, f32::INFINITY, cost];
        assert_eq!(
            embed(&mut three, &costs, trellis, &[0], 1),
            Err(Error::Cost { element: 2 })
        );
    }
    for height in [0, 6, 13, 255] {
        assert_eq!(Trellis::new(height), Err(Error::Height { height }));
    }
    assert_eq!(three, [0, 1, 0]);
}

#[cfg(feature = "rayon")]
#[test]
fn every_core_gives_the_same() {
    let count = 300_000;
    let (costs, payload) = (even(14, count), bytes(15, count / 8));
    for bit_len in [count / 2, count / 50] {
        let [mut one, mut all] = [bits(16, count), bits(16, count)];
        let trellis = Trellis::new(7).unwrap();
        let serial = embed(&mut one, &costs, trellis, &payload, bit_len);
        let parallel = lsb_stego::trellis::embed_par(&mut all, &costs, trellis, &payload, bit_len);
        assert_eq!((serial, one), (parallel, all));
    }
}

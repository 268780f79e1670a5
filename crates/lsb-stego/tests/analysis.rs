//! Metrics and detectors on a real image, against values computed by others.
//!
//! The image is `CT_small.dcm` of pydicom (see `examples/data/README.md`), its 128 x 128 words as they are, and brought to eight
//! bits. `analysis.py` beside this file prints the values of scikit-image 0.26 (PSNR, SSIM), numpy 2.4.6 (correlation,
//! histograms, RS from the paper), scipy 1.17 and sealwatch 2025.9 (Sample Pairs, chi-square, WS with other weights) and
//! conseal 2025.11 (HILL, S-UNIWARD); and, with numpy and scipy from the formulas of the papers, RS, Sample Pairs, chi-square and
//! WS with its own weights, at 8 and at 16 bits.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test panics, and its numbers are exact"
)]

use lsb_stego::cost::{self, Costs};
use lsb_stego::detect::{
    chi_square, regular_singular, sample_pairs, sample_pairs_at, weighted_stego,
};
use lsb_stego::metric::{Peak, compare, compare_at, mse, mse_at, ssim};
use lsb_stego::{Cover, Error, Layout, Level, Sample};

const CT: &[u8] = include_bytes!("../../../examples/data/CT_small.dcm");
/// Where its pixel data begins.
const OFFSET: usize = 6300;
const COLUMNS: usize = 128;

/// Offset binary, as `medical-image` gives them.
fn words() -> Vec<u16> {
    let bytes = &CT[OFFSET..OFFSET + 2 * COLUMNS * COLUMNS];
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|word| u16::from_le_bytes(*word) ^ 0x8000)
        .collect()
}

fn bytes() -> Vec<u8> {
    words()
        .into_iter()
        .map(|word| u8::try_from((word - 0x8000) / 9).unwrap_or(u8::MAX))
        .collect()
}

/// Replaces the lowest bit of about `rate` per cent of the samples; Lehmer's generator chooses.
fn replaced<S: Sample>(samples: &[S], rate: u64, put: impl Fn(S, u16) -> S) -> Vec<S> {
    let mut state = 1_u64;
    let mut step = |sample: &S| {
        state = state * 48_271 % 0x7FFF_FFFF;
        let bit = u16::try_from(state >> 13 & 1).unwrap();
        if (state >> 16) % 100 < rate {
            put(*sample, bit)
        } else {
            *sample
        }
    };
    samples.iter().map(&mut step).collect()
}

fn put16(sample: u16, bit: u16) -> u16 {
    sample & !1 | bit
}

fn put8(sample: u8, bit: u16) -> u8 {
    sample & !1 | bit.to_le_bytes()[0]
}

fn cover<S: Sample>(samples: &[S]) -> Cover<'_, S> {
    let bits = if S::BITS == 8 { 8 } else { 16 };
    let layout = Layout::new(bits).unwrap().with_columns(128).unwrap();
    Cover::new(samples, layout).unwrap()
}

fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{found} is not {expected}"
    );
}

#[test]
fn metrics_are_those_of_scikit_image() {
    let original = words();
    for (rate, changed, mse, stored, range, [ssim_stored, ssim_range], ncc, distance) in [
        (
            50,
            4_113,
            0.251_037_597_656_25,
            102.332_078_373_170_6,
            72.292_596_857_328_65,
            [0.999_999_937_416_699_5, 0.999_966_914_625_626_7],
            0.999_999_129_646_835_4,
            0.066_223_144_531_25,
        ),
        (
            100,
            8_297,
            0.506_408_691_406_25,
            99.284_454_567_349,
            69.244_973_051_507_05,
            [0.999_999_874_047_222_7, 0.999_933_479_515_659_4],
            0.999_998_244_306_301_1,
            0.091_247_558_593_75,
        ),
    ] {
        let stego = replaced(&original, rate, put16);
        let compared = compare(cover(&original), cover(&stego)).unwrap();
        assert_eq!((compared.samples(), compared.changed()), (16_384, changed));
        assert_eq!((compared.largest(), compared.peak(Peak::Range)), (1, 2_063));
        near(compared.mse(), mse);
        near(compared.psnr(Peak::Stored), stored);
        near(compared.psnr(Peak::Range), range);
        near(compared.ncc(), ncc);
        near(compared.histogram_distance(), distance);
        near(
            ssim(cover(&original), cover(&stego), Peak::Stored)
                .unwrap()
                .unwrap(),
            ssim_stored,
        );
        near(
            ssim(cover(&original), cover(&stego), Peak::Range)
                .unwrap()
                .unwrap(),
            ssim_range,
        );
    }
}

/// Every sample takes part in the mean of logarithms; corners, edges, flat and textured places are held one by one.
#[test]
fn costs_are_those_of_conseal() {
    fn check<S: Sample>(samples: &[S], model: Costs, mean: f64, values: [f64; 8]) {
        let costs = cost::map(cover(samples), model).unwrap();
        for level in Level::available() {
            assert!(
                cost::map_at(level, cover(samples), model).unwrap() == costs,
                "{level:?}"
            );
        }
        let logarithms: f64 = costs.iter().map(|&cost| f64::from(cost).ln()).sum();
        let found = logarithms / 16_384.0;
        assert!(
            (found - mean).abs() < 1e-5,
            "{model:?}: {found} is not {mean}"
        );
        let places = [0, 127, 63, 5000, 8256, 10_321, 128 * 127, 128 * 128 - 1];
        for (place, value) in places.into_iter().zip(values) {
            let found = f64::from(costs[place]);
            assert!(
                (found / value - 1.0).abs() < 1e-4,
                "{model:?}: {found} is not {value}"
            );
        }
    }
    check(
        &bytes(),
        Costs::Hill,
        0.383_273_192_893_355_26,
        [
            2.210_927_01,
            1.782_969_95,
            1.447_139_38,
            1.602_292_06,
            0.929_127_157,
            1.727_114_8,
            1.473_550_56,
            1.473_427_53,
        ],
    );
    check(
        &bytes(),
        Costs::Suniward,
        1.991_520_875_099_097_4,
        [
            8.876_041_07,
            9.165_092_31,
            7.901_826_57,
            7.388_028_38,
            5.596_313_07,
            7.586_370_4,
            7.356_331_13,
            9.005_222_6,
        ],
    );
    check(
        &words(),
        Costs::Hill,
        -1.686_869_194_515_085,
        [
            0.295_361_549,
            0.257_102_43,
            0.183_011_875,
            0.197_986_633,
            0.113_047_13,
            0.231_520_459,
            0.181_136_057,
            0.182_349_041,
        ],
    );
    check(
        &words(),
        Costs::Suniward,
        0.927_913_738_826_864_3,
        [
            3.318_033_91,
            3.701_642_66,
            3.090_738_48,
            2.782_748_22,
            1.540_106_65,
            2.635_450_29,
            2.286_353_45,
            4.047_129_47,
        ],
    );
}

#[test]
fn detectors_are_those_of_numpy() {
    let original = bytes();
    for (rate, pairs, rs, weighted, (statistic, probability)) in [
        (
            0,
            0.025_071_643_120_234_473,
            0.013_502_416_191_211_366,
            0.008_916_976_513_746_625,
            (118.797_325_395_133_44, 0.042_908_771_161_317_26),
        ),
        (
            10,
            0.113_413_873_704_822_5,
            0.105_785_320_710_723_15,
            0.091_903_565_320_135_79,
            (104.254_217_853_386_08, 0.220_501_594_695_767_63),
        ),
        (
            50,
            0.450_976_963_033_708_66,
            0.529_186_462_495_644_7,
            0.476_634_905_534_327_5,
            (64.270_240_435_070_4, 0.991_829_879_758_010_3),
        ),
        (
            100,
            0.838_687_661_828_610_7,
            0.856_746_656_098_159_1,
            0.942_857_139_543_916,
            (42.368_318_251_448_22, 0.999_999_093_293_244_7),
        ),
    ] {
        let stego = replaced(&original, rate, put8);
        near(sample_pairs(cover(&stego)).unwrap(), pairs);
        near(regular_singular(cover(&stego)).unwrap(), rs);
        near(weighted_stego(cover(&stego)).unwrap(), weighted);
        let found = chi_square(cover(&stego)).unwrap();
        near(found.statistic, statistic);
        assert_eq!(found.degrees, 94);
        near(found.probability, probability);
    }
}

/// sealwatch takes the variance over nine samples, the middle one too, and gives the change rate: half the embedding rate.
#[test]
fn weighted_stego_is_near_that_of_sealwatch() {
    let original = bytes();
    for (rate, change_rate) in [
        (0, 0.004_573_127_3),
        (10, 0.045_545_414),
        (50, 0.232_835_04),
        (100, 0.461_175_2),
    ] {
        let found = weighted_stego(cover(&replaced(&original, rate, put8))).unwrap() / 2.0;
        assert!((found - change_rate).abs() < 0.012, "{found} {change_rate}");
    }
}

/// aletheia (`attacks.rs` of its commit 031a6df) takes squares of two by two that overlap, with the mask 1 0 / 0 1, and its
/// negative flips are additions of one; on the cover it says 0.12, where RS of rows says 0.01.
#[test]
fn regular_singular_is_near_that_of_aletheia() {
    let original = bytes();
    for (rate, expected) in [
        (50, 0.509_006_369_194_697_5),
        (100, 0.850_800_986_802_944_7),
    ] {
        let found = regular_singular(cover(&replaced(&original, rate, put8))).unwrap();
        assert!((found - expected).abs() < 0.021, "{found} {expected}");
    }
}

/// Sixteen-bit words of so small an image scatter the estimates far; they are what others compute, and no better.
#[test]
fn detectors_of_sixteen_bits_are_those_of_numpy() {
    let original = words();
    for (rate, pairs, rs, weighted, (statistic, probability)) in [
        (
            0,
            -0.521_133_377_121_689_6,
            -0.063_948_108_726_387_4,
            0.069_673_378_177_186_1,
            (154.880_442_741_250_05, 0.999_999_999_999_999_9),
        ),
        (
            50,
            0.309_347_898_990_025_3,
            1.888_888_888_888_888_2,
            0.751_842_028_356_156_4,
            (168.496_831_107_440_58, 0.999_999_999_999_927_2),
        ),
        (
            100,
            0.725_557_980_197_996_7,
            1.684_410_646_387_832_6,
            0.972_714_977_240_144_7,
            (154.855_664_491_810_9, 0.999_999_999_999_999_9),
        ),
    ] {
        let stego = replaced(&original, rate, put16);
        near(sample_pairs(cover(&stego)).unwrap(), pairs);
        near(regular_singular(cover(&stego)).unwrap(), rs);
        near(weighted_stego(cover(&stego)).unwrap(), weighted);
        let found = chi_square(cover(&stego)).unwrap();
        near(found.statistic, statistic);
        assert_eq!(found.degrees, 322);
        near(found.probability, probability);
    }
}

/// 100 x 126 pixels of channels made of the image: as it is, its columns as rows, upside down, and noise for alpha, which two
/// channels have too.
fn coloured<S: Sample + TryFrom<u32>>(image: &[S], channels: u8) -> Vec<S> {
    let mask = if S::BITS == 8 { 0xFF } else { 0xFFFF };
    let value = |channel: u8, row: usize, column: usize| match channel {
        0 => image[row * COLUMNS + column],
        1 => image[column * COLUMNS + row],
        2 => image[image.len() - 1 - (row * COLUMNS + column)],
        _ => {
            let place = u32::try_from(row * COLUMNS + column).unwrap();
            S::try_from((place * 40_503 / 8) & mask).ok().unwrap()
        }
    };
    let first = if channels == 2 { 2 } else { 0 };
    let pixels = (0..100).flat_map(|row| (0..126).map(move |column| (row, column)));
    pixels
        .flat_map(|(row, column)| (first..first + channels).map(move |c| (c, row, column)))
        .map(|(channel, row, column)| value(channel, row, column))
        .collect()
}

/// Grey, RGB, RGBA without its alpha, green of RGBA alone, and grey with alpha, at a width that is no whole number of RS's groups:
/// channels that do not carry are written to as well, and do not show. Of several that do, what is counted is added, and their
/// similarities have a mean. `analysis.py` computes all of it with numpy, scikit-image and scipy, and prints for single channels of
/// eight bits what sealwatch says, too: the same Sample Pairs, and twice the chi-square statistic.
#[test]
fn figures_of_channels_are_those_of_numpy() {
    fn check<S: Sample + TryFrom<u32>>(
        image: &[S],
        put: impl Fn(S, u16) -> S,
        table: &[(u8, u8, u64, [f64; 13])],
    ) {
        let bits = if S::BITS == 8 { 8 } else { 16 };
        for &(channels, carrying, rate, expected) in table {
            let layout = Layout::new(bits).unwrap().with_columns(126).unwrap();
            let layout = layout.with_channels(channels, carrying).unwrap();
            let original = coloured(image, channels);
            let stego = replaced(&original, rate, &put);
            let [a, b] = [&original, &stego].map(|samples| Cover::new(samples, layout).unwrap());
            let compared = compare(a, b).unwrap();
            let similar = |peak| ssim(a, b, peak).unwrap().unwrap();
            let equal = chi_square(b).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "a few thousand samples")]
            let changed = compared.changed() as f64;
            let found = [
                changed,
                compared.psnr(Peak::Stored),
                similar(Peak::Stored),
                compared.psnr(Peak::Range),
                similar(Peak::Range),
                compared.ncc(),
                compared.histogram_distance(),
                sample_pairs(b).unwrap(),
                regular_singular(b).unwrap(),
                weighted_stego(b).unwrap(),
                equal.statistic,
                f64::from(equal.degrees),
                equal.probability,
            ];
            for (number, (found, expected)) in found.into_iter().zip(expected).enumerate() {
                let off = (found - expected).abs();
                assert!(
                    off <= 1e-9 * expected.abs().max(1.0),
                    "figure {number} of {layout:?} at {rate}: {found} is not {expected}"
                );
            }
        }
    }
    check(&bytes(), put8, &COLOURED_8);
    check(&words(), put16, &COLOURED_16);
}

#[test]
fn equal_images_are_equal() {
    let original = bytes();
    let compared = compare(cover(&original), cover(&original)).unwrap();
    assert_eq!(
        (compared.changed(), compared.mse(), compared.ncc()),
        (0, 0.0, 1.0)
    );
    assert_eq!(compared.psnr(Peak::Stored), f64::INFINITY);
    assert_eq!(compared.efficiency(8), f64::INFINITY);
    assert_eq!(
        ssim(cover(&original), cover(&original), Peak::Stored),
        Ok(Some(1.0))
    );
}

/// Alpha neither counts nor is looked at, and bits that are not stored are not there.
#[test]
fn only_what_carries_counts() {
    let layout = Layout::new(7)
        .unwrap()
        .with_channels(2, 0b01)
        .unwrap()
        .with_columns(2)
        .unwrap();
    let (a, b) = ([1_u8, 9, 2, 9], [0x81_u8, 0, 3, 0]);
    let compared = compare(
        Cover::new(&a, layout).unwrap(),
        Cover::new(&b, layout).unwrap(),
    )
    .unwrap();
    assert_eq!((compared.samples(), compared.changed()), (2, 1));
    assert_eq!(
        ssim(
            Cover::new(&a, layout).unwrap(),
            Cover::new(&b, layout).unwrap(),
            Peak::Stored
        ),
        Ok(None)
    );
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let layout = Layout::new(8).unwrap();
    let (a, b) = ([0_u8; 4], [0_u8; 5]);
    let (a, b) = (
        Cover::new(&a, layout).unwrap(),
        Cover::new(&b, layout).unwrap(),
    );
    let lengths = Error::Lengths {
        expected: 4,
        found: 5,
    };
    assert_eq!(compare(a, b).err(), Some(lengths.clone()));
    assert_eq!(ssim(a, b, Peak::Stored), Err(lengths));
    let columns = Error::Columns {
        columns: 0,
        samples: 4,
    };
    assert_eq!(sample_pairs(a), Err(columns.clone()));
    assert_eq!(chi_square(a), Err(columns));
}

/// Constant and tiny images give figures, not panics and not NaN.
#[test]
fn flat_and_tiny_images_are_quiet() {
    let flat = [
        (1_u32, vec![7_u8]),
        (4, vec![0; 64]),
        (3, vec![255; 9]),
        (12, vec![9; 144]),
        (12, vec![0; 144]),
    ];
    for (columns, samples) in flat {
        let layout = Layout::new(8).unwrap().with_columns(columns).unwrap();
        let flat = Cover::new(&samples, layout).unwrap();
        for figure in [
            sample_pairs(flat).unwrap(),
            regular_singular(flat).unwrap(),
            weighted_stego(flat).unwrap(),
            chi_square(flat).unwrap().probability,
        ] {
            assert!(figure.is_finite(), "{figure}");
        }
        let other: Vec<u8> = samples.iter().map(|sample| sample ^ 1).collect();
        let other = Cover::new(&other, layout).unwrap();
        let large = samples.len() == 144;
        for peak in [Peak::Stored, Peak::Range] {
            let same = compare(flat, flat).unwrap();
            assert_eq!(same.psnr(peak), f64::INFINITY);
            assert_eq!(ssim(flat, flat, peak), Ok(large.then_some(1.0)));
            let found = ssim(flat, other, peak).unwrap();
            assert_eq!(found.is_some(), large && peak == Peak::Stored);
            assert!(found.is_none_or(|found| found > 0.0 && found < 1.0));
        }
        let compared = compare(flat, other).unwrap();
        assert_eq!(compared.peak(Peak::Range), 0);
        assert_eq!(compared.psnr(Peak::Range), f64::NEG_INFINITY);
        assert!(compared.psnr(Peak::Stored) > 48.0);
        assert_eq!(compared.ncc(), 1.0);
    }
}

/// No payload and no change made the quotient NaN.
#[test]
fn efficiency_is_a_number() {
    let layout = Layout::new(8).unwrap();
    let [a, b] = [&[1_u8, 2], &[1, 3]].map(|samples| Cover::new(samples, layout).unwrap());
    let (same, one) = (compare(a, a).unwrap(), compare(a, b).unwrap());
    assert_eq!(
        (same.efficiency(0), same.efficiency(8)),
        (0.0, f64::INFINITY)
    );
    assert_eq!((one.efficiency(0), one.efficiency(8)), (0.0, 8.0));
}

/// A cover of two neighbouring values far from 0: where SSIM's constants are small, what rounding leaves of the variances must be
/// smaller.
#[test]
fn similarity_of_nearly_flat_images_is_at_most_one() {
    let layout = Layout::new(16).unwrap().with_columns(32).unwrap();
    let a: Vec<u16> = (0..1024_u16).map(|i| 65_000 + u16::from(i == 0)).collect();
    for b in [
        a.iter().map(|value| value ^ 1).collect::<Vec<u16>>(),
        vec![65_001; 1024],
        vec![64_999; 1024],
        (0..1024).map(|i| 65_000 + i % 3).collect(),
    ] {
        let [a, b] = [&a, &b].map(|samples| Cover::new(samples, layout).unwrap());
        let found = ssim(a, b, Peak::Range).unwrap().unwrap();
        assert!(found < 1.0 && found > -1.0, "{found}");
        assert_eq!(ssim(b, b, Peak::Range), Ok(Some(1.0)));
    }
}

/// Found by fuzzing: at the pole of RS's formula the estimate was infinite, which JSON writes as none.
#[test]
fn the_pole_of_regular_singular_is_a_number() {
    let layout = Layout::new(8).unwrap().with_columns(4).unwrap();
    for samples in [[10_u8, 13, 10, 15], [11, 12, 11, 12]] {
        let found = regular_singular(Cover::new(&samples, layout).unwrap());
        assert_eq!(found, Ok(1.0));
    }
}

/// Every core or one: the same figures, to the last bit, for shapes on both sides of where work is split.
#[cfg(feature = "rayon")]
#[test]
fn every_core_gives_the_same() {
    use lsb_stego::detect::{
        chi_square_par, regular_singular_par, sample_pairs_par, weighted_stego_par,
    };
    use lsb_stego::metric::{compare_par, mse_par, ssim_par};

    let ct = bytes();
    for (columns, rows, channels, carrying) in
        [(128, 128, 1, 1), (1024, 1030, 1, 1), (701, 400, 4, 0b0111)]
    {
        let all: Vec<u8> = ct
            .iter()
            .copied()
            .cycle()
            .take(columns * rows * channels)
            .collect();
        let stego = replaced(&all, 50, put8);
        let layout = Layout::new(8)
            .unwrap()
            .with_channels(u8::try_from(channels).unwrap(), carrying)
            .unwrap()
            .with_columns(u32::try_from(columns).unwrap())
            .unwrap();
        let [a, b] = [&all, &stego].map(|samples| Cover::new(samples, layout).unwrap());
        assert_eq!(mse_par(a, b), mse(a, b));
        let [serial, parallel] = [compare(a, b).unwrap(), compare_par(a, b).unwrap()];
        assert_eq!(format!("{serial:?}"), format!("{parallel:?}"));
        assert_eq!(mse(a, b).unwrap(), serial.mse());
        assert_eq!(ssim_par(a, b, Peak::Range), ssim(a, b, Peak::Range));
        assert_eq!(sample_pairs_par(b), sample_pairs(b));
        assert_eq!(regular_singular_par(b), regular_singular(b));
        assert_eq!(weighted_stego_par(b), weighted_stego(b));
        assert_eq!(chi_square_par(b), chi_square(b));
    }
}

/// Sample Pairs of one row, from the paper's definitions.
fn plain_pairs<S: Sample>(cover: Cover<'_, S>) -> f64 {
    let layout = cover.layout();
    let channels = usize::from(layout.channels());
    let values: Vec<u16> = cover
        .samples()
        .iter()
        .map(|&s| s.into() & layout.peak())
        .collect();
    let carries = |i: usize| layout.carrying() >> (i % channels) & 1 == 1;
    let (mut pairs, mut x, mut y, mut close) = (0.0, 0.0, 0.0, 0.0);
    for i in (0..values.len() - channels).filter(|&i| carries(i)) {
        let (r, s) = (values[i], values[i + channels]);
        let even = s.is_multiple_of(2);
        pairs += 1.0;
        if r / 2 == s / 2 {
            close += 1.0;
        }
        match r.cmp(&s) {
            std::cmp::Ordering::Less if even => x += 1.0,
            std::cmp::Ordering::Greater if !even => x += 1.0,
            std::cmp::Ordering::Equal => {}
            _ => y += 1.0,
        }
    }
    let (a, b, c): (f64, f64, f64) = (close / 2.0, 2.0 * x - pairs, y - x);
    if a == 0.0 {
        return if b == 0.0 { 0.0 } else { -c / b };
    }
    let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
    ((-b - root) / (2.0 * a)).min((-b + root) / (2.0 * a))
}

/// Squares and pairs at every level, and at the one that is taken unsaid, against plain loops: every length around the lanes, extreme values, bits that are not stored, channels
/// that do not carry.
#[test]
fn fast_loops_count_what_plain_loops_count() {
    fn check<S: Sample + From<u8>>(a: &[S], b: &[S], layout: Layout) {
        let channels = usize::from(layout.channels());
        let carries = |i: usize| layout.carrying() >> (i % channels) & 1 == 1;
        let value = |sample: S| i64::from(Into::<u16>::into(sample) & layout.peak());
        let squares: Vec<i64> = (0..a.len())
            .filter(|&i| carries(i))
            .map(|i| (value(a[i]) - value(b[i])).pow(2))
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let expected = squares.iter().sum::<i64>() as f64 / squares.len().max(1) as f64;
        let [a, b] = [a, b].map(|samples| Cover::new(samples, layout).unwrap());
        let whole = compare(a, b).unwrap();
        assert_eq!((mse(a, b).unwrap(), whole.mse()), (expected, expected));
        for level in Level::available() {
            assert_eq!(mse_at(level, a, b).unwrap(), expected, "{level:?}");
            let found = compare_at(level, a, b).unwrap();
            assert_eq!(format!("{found:?}"), format!("{whole:?}"), "{level:?}");
        }
        if a.samples().len() >= 2 * channels {
            let pixels = u32::try_from(a.samples().len() / channels).unwrap();
            let wide = Cover::new(a.samples(), layout.with_columns(pixels).unwrap()).unwrap();
            let expected = plain_pairs(wide);
            assert_eq!(sample_pairs(wide).unwrap(), expected);
            for level in Level::available() {
                assert_eq!(sample_pairs_at(level, wide).unwrap(), expected, "{level:?}");
            }
        }
    }
    let mut state = 1_u64;
    let mut next = || {
        state = state * 48_271 % 0x7FFF_FFFF;
        // both ends, often
        match state >> 12 & 7 {
            0 => 0,
            1 => u16::MAX,
            _ => u16::try_from(state >> 4 & 0xFFFF).unwrap(),
        }
    };
    let a: Vec<u16> = (0..70_000).map(|_| next()).collect();
    let b: Vec<u16> = (0..70_000).map(|_| next()).collect();
    let narrow =
        |samples: &[u16]| -> Vec<u8> { samples.iter().map(|s| s.to_le_bytes()[1]).collect() };
    for (channels, carrying) in [(1, 1), (3, 0b111), (4, 0b0101)] {
        for pixels in (0..70).chain([4095, 4096, 4097, 16_384, 17_001]) {
            let length = pixels * usize::from(channels);
            let (a, b) = (&a[..length], &b[..length]);
            for bits in [16, 11] {
                let layout = Layout::new(bits)
                    .unwrap()
                    .with_channels(channels, carrying)
                    .unwrap();
                check(a, b, layout);
            }
            for bits in [8, 5] {
                let layout = Layout::new(bits)
                    .unwrap()
                    .with_channels(channels, carrying)
                    .unwrap();
                check(&narrow(a), &narrow(b), layout);
            }
        }
    }
}

/// Channels, which of them carry, the rate, and as `analysis.py` prints them: samples changed; PSNR and SSIM against the stored peak,
/// then against the range; correlation; distance of histograms; Sample Pairs, RS and WS of the stego image; chi-square, its degrees of
/// freedom and its probability. Of eight bits.
const COLOURED_8: [(u8, u8, u64, [f64; 13]); 10] = [
    (
        1,
        0b1,
        10,
        [
            644.0,
            61.045_650_386_256_61,
            0.999_564_668_433_489_1,
            60.111_556_424_375_266,
            0.999_497_354_460_344_4,
            0.999_988_419_921_653_4,
            0.011_428_571_428_571_429,
            0.114_531_461_770_703_27,
            0.151_581_846_776_372_38,
            0.144_763_711_577_229_2,
            77.061_339_830_774_88,
            94.0,
            0.897_796_937_048_051,
        ],
    ),
    (
        1,
        0b1,
        60,
        [
            3_772.0,
            53.368_792_219_201_82,
            0.997_519_981_295_104_2,
            52.434_698_257_320_484,
            0.997_140_695_110_545,
            0.999_932_167_841_639_2,
            0.037_936_507_936_507_935,
            0.565_191_481_985_616_6,
            0.592_161_495_514_264_4,
            0.604_688_763_867_366_8,
            64.053_963_652_513_03,
            94.0,
            0.992_274_769_303_188_3,
        ],
    ),
    (
        3,
        0b111,
        10,
        [
            1_945.0,
            61.016_525_550_434_09,
            0.999_540_164_600_174,
            60.082_431_588_552_75,
            0.999_468_379_964_543_5,
            0.999_985_165_146_421_9,
            0.008_650_793_650_793_65,
            0.085_378_324_372_843_73,
            0.119_499_623_488_129_55,
            0.126_018_449_481_782_95,
            246.698_032_073_610_22,
            101.0,
            3.372_450_276_010_602e-14,
        ],
    ),
    (
        3,
        0b111,
        60,
        [
            11_375.0,
            53.346_207_553_759_86,
            0.997_334_315_928_156_6,
            52.412_113_591_878_516,
            0.996_919_376_718_695,
            0.999_913_277_154_475_6,
            0.031_190_476_190_476_192,
            0.576_056_196_870_875_5,
            0.654_361_003_140_679,
            0.612_303_571_059_895_9,
            73.107_651_448_016_04,
            101.0,
            0.983_465_450_223_530_5,
        ],
    ),
    (
        4,
        0b111,
        10,
        [
            1_904.0,
            61.109_052_166_566_8,
            0.999_539_112_461_150_6,
            60.174_958_204_685_46,
            0.999_466_185_974_619_1,
            0.999_985_478_636_396_1,
            0.008_730_158_730_158_73,
            0.091_129_093_594_194_31,
            0.114_783_500_031_939_16,
            0.130_779_813_226_889_7,
            247.580_273_401_220_44,
            101.0,
            2.582_966_533_142_583_3e-14,
        ],
    ),
    (
        4,
        0b111,
        60,
        [
            11_302.0,
            53.374_168_577_432_56,
            0.997_331_165_602_160_4,
            52.440_074_615_551_22,
            0.996_914_692_559_900_5,
            0.999_913_822_820_360_6,
            0.034_550_264_550_264_55,
            0.617_891_036_529_132_4,
            0.648_002_634_568_974_8,
            0.625_388_108_630_224_5,
            91.034_916_713_246_89,
            101.0,
            0.751_209_181_324_691_2,
        ],
    ),
    (
        4,
        0b10,
        10,
        [
            619.0,
            61.217_602_569_653_55,
            0.999_558_109_859_984_1,
            60.245_495_900_983_53,
            0.999_485_351_701_174,
            0.999_984_572_943_478_5,
            0.012_142_857_142_857_143,
            0.069_383_098_165_111_57,
            0.065_426_566_403_372_19,
            0.141_222_521_334_127_66,
            84.534_914_336_771_83,
            88.0,
            0.584_825_595_787_246_9,
        ],
    ),
    (
        4,
        0b10,
        60,
        [
            3_700.0,
            53.452_491_819_184_786,
            0.997_366_026_227_062_4,
            52.480_385_150_514_756,
            0.996_938_828_178_038_7,
            0.999_907_783_206_267_6,
            0.035_396_825_396_825_4,
            0.528_638_028_161_824_1,
            0.643_917_213_848_977_4,
            0.571_607_264_011_313_1,
            51.080_278_115_327_21,
            88.0,
            0.999_435_603_171_845_3,
        ],
    ),
    (
        2,
        0b1,
        10,
        [
            658.0,
            60.952_250_123_715_18,
            0.999_497_296_803_229_6,
            59.980_143_455_045_15,
            0.999_413_982_624_975_7,
            0.999_980_776_546_943_3,
            0.013_333_333_333_333_334,
            0.115_371_388_160_755,
            0.141_031_407_929_956_55,
            0.110_988_643_046_290_1,
            112.356_248_082_233_49,
            78.0,
            0.006_598_884_111_469_556,
        ],
    ),
    (
        2,
        0b1,
        60,
        [
            3_860.0,
            53.268_636_013_137_18,
            0.997_100_645_481_870_4,
            52.296_529_344_467_15,
            0.996_620_138_771_449_7,
            0.999_887_343_031_897_7,
            0.039_365_079_365_079_37,
            0.620_214_910_158_505_4,
            0.666_887_194_670_328_8,
            0.583_277_674_718_703_3,
            54.454_738_376_098_355,
            78.0,
            0.980_417_948_642_091_2,
        ],
    ),
];

/// The same of sixteen bits.
const COLOURED_16: [(u8, u8, u64, [f64; 13]); 10] = [
    (
        1,
        0b1,
        10,
        [
            600.0,
            109.551_659_022_644_19,
            0.999_999_988_272_958_9,
            79.512_177_506_802_23,
            0.999_994_438_612_121_2,
            0.999_999_866_721_682_8,
            0.025_714_285_714_285_714,
            -0.475_081_458_191_664_86,
            0.078_759_436_088_115_9,
            0.275_167_331_591_932_85,
            153.707_354_895_802_8,
            302.0,
            0.999_999_999_999_946_8,
        ],
    ),
    (
        1,
        0b1,
        60,
        [
            3_799.0,
            101.536_478_590_933_41,
            0.999_999_925_733_870_6,
            71.496_997_075_091_46,
            0.999_964_464_858_957,
            0.999_999_156_144_412_6,
            0.085_793_650_793_650_8,
            -0.351_318_692_310_044_7,
            0.152_578_229_264_195_1,
            0.506_644_088_646_467_4,
            140.920_214_177_752_43,
            302.0,
            0.999_999_999_999_999_9,
        ],
    ),
    (
        3,
        0b111,
        10,
        [
            1_999.0,
            109.096_256_132_496_08,
            0.999_999_986_710_664_5,
            79.056_774_616_654_11,
            0.999_993_269_998_213_5,
            0.999_999_811_761_033_3,
            0.019_550_264_550_264_55,
            0.173_844_858_419_272_89,
            0.247_263_098_612_514_33,
            0.163_650_696_655_461_75,
            583.964_171_858_303_6,
            504.0,
            0.007_818_445_643_853_514,
        ],
    ),
    (
        3,
        0b111,
        60,
        [
            11_408.0,
            101.532_288_948_599_34,
            0.999_999_924_975_403_4,
            71.492_807_432_757_37,
            0.999_961_580_035_706_5,
            0.999_998_925_766_789_1,
            0.059_894_179_894_179_896,
            0.347_338_326_729_534_8,
            -0.040_000_000_000_000_11,
            0.720_658_184_142_71,
            329.432_168_181_498_64,
            504.0,
            0.999_999_999_832_831_7,
        ],
    ),
    (
        4,
        0b111,
        10,
        [
            1_886.0,
            109.348_967_189_664_15,
            0.999_999_987_500_381_2,
            79.309_485_673_822_2,
            0.999_993_558_029_701_1,
            0.999_999_822_406_022_7,
            0.017_142_857_142_857_144,
            0.280_172_122_655_994_4,
            -0.013_546_831_349_858_646,
            0.114_786_159_666_297_32,
            556.442_151_463_599_7,
            504.0,
            0.052_772_029_200_011_554,
        ],
    ),
    (
        4,
        0b111,
        60,
        [
            11_182.0,
            101.619_189_194_450_71,
            0.999_999_926_299_72,
            71.579_707_678_608_74,
            0.999_962_171_107_474_9,
            0.999_998_947_039_080_7,
            0.059_417_989_417_989_42,
            0.583_832_138_038_239_2,
            0.618_377_999_911_973_6,
            0.493_250_515_453_233_45,
            293.185_297_909_071,
            504.0,
            0.999_999_999_999_998_2,
        ],
    ),
    (
        4,
        0b10,
        10,
        [
            613.0,
            109.458_566_781_296_47,
            0.999_999_988_174_315_9,
            79.372_647_834_787_05,
            0.999_993_881_105_104_7,
            0.999_999_811_355_955_8,
            0.026_428_571_428_571_43,
            0.776_556_776_556_776_8,
            -0.034_349_451_102_490_01,
            -0.048_057_962_154_026_294,
            156.337_293_990_654_64,
            295.0,
            0.999_999_999_998_124_4,
        ],
    ),
    (
        4,
        0b10,
        60,
        [
            3_699.0,
            101.652_328_213_326_68,
            0.999_999_926_756_361_8,
            71.566_409_266_817_26,
            0.999_962_113_018_214_1,
            0.999_998_861_637_465_4,
            0.080_079_365_079_365_08,
            0.774_785_440_758_037_9,
            1.372_218_907_429_182_8,
            0.093_324_272_888_617_98,
            165.852_302_342_256_08,
            295.0,
            0.999_999_999_895_018_5,
        ],
    ),
    (
        2,
        0b1,
        10,
        [
            647.0,
            109.224_128_719_793_61,
            0.999_999_986_965_807_7,
            79.121_261_690_564_48,
            0.999_992_868_046_025_5,
            0.999_999_766_662_259_5,
            0.027_698_412_698_412_698,
            0.462_049_296_973_583_1,
            -0.044_172_226_121_593_765,
            0.207_305_262_366_599_44,
            140.545_773_000_307_63,
            250.0,
            0.999_999_997_466_158_5,
        ],
    ),
    (
        2,
        0b1,
        60,
        [
            3_826.0,
            101.505_721_869_567_85,
            0.999_999_923_833_218_6,
            71.402_854_840_338_72,
            0.999_958_275_415_948,
            0.999_998_619_986_963_4,
            0.083_174_603_174_603_18,
            0.779_469_668_600_492_8,
            1.494_939_501_210_182,
            0.654_644_677_396_799_5,
            122.190_125_880_037_9,
            250.0,
            0.999_999_999_999_465_5,
        ],
    ),
];

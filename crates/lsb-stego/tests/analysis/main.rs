//! Metrics and detectors on a real image, against values computed by others.
//!
//! The image is `CT_small.dcm` of pydicom (see `examples/data/README.md`), its 128 x 128 words as they are, and brought to eight
//! bits. `tests/analysis.py` prints the values of scikit-image 0.26 (PSNR, SSIM), numpy 2.4.6 (correlation,
//! histograms, RS from the paper), scipy 1.17 and sealwatch 2025.9 (Sample Pairs, chi-square, WS with other weights) and
//! conseal 2025.11 (HILL, S-UNIWARD); and, with numpy and scipy from the formulas of the papers, RS, Sample Pairs, chi-square and
//! WS with its own weights, at 8 and at 16 bits.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test panics, and its numbers are exact"
)]

mod coloured;
mod padded;

use lsb_stego::cost::{self, Costs};
use lsb_stego::detect::{
    chi_square, regular_singular, sample_pairs, sample_pairs_at, weighted_stego,
};
use lsb_stego::metric::{Peak, compare, compare_at, mse, mse_at, ssim};
use lsb_stego::{Cover, Error, Layout, Level, Sample};

const CT: &[u8] = include_bytes!("../../../../examples/data/CT_small.dcm");
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
    use lsb_stego::metric::{compare_par, mse_par, ssim_against_par, ssim_par};

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
        let peaks = [Peak::Stored, Peak::Range];
        let against = peaks.map(|peak| ssim(a, b, peak).unwrap());
        assert_eq!(ssim_against_par(a, b, peaks), Ok(against));
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

/// Squares and pairs at every level, and at the one that is taken unsaid, against plain loops: every length around the lanes, extreme
/// values, bits that are not stored, channels that do not carry.
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

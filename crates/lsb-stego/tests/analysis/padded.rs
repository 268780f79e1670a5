//! Detectors of images with padding, whose samples carry nothing.

use lsb_stego::detect::{chi_square, regular_singular, sample_pairs, weighted_stego};
use lsb_stego::{Cover, Layout, Options, Sample, capacity};

use super::{COLUMNS, bytes, put8, put16, replaced, words};

/// Chi-square's three figures, and the estimates of RS, Sample Pairs and WS.
fn figures<S: Sample>(cover: Cover<'_, S>) -> [f64; 6] {
    let found = chi_square(cover).unwrap();
    [
        found.statistic,
        f64::from(found.degrees),
        found.probability,
        regular_singular(cover).unwrap(),
        sample_pairs(cover).unwrap(),
        weighted_stego(cover).unwrap(),
    ]
}

/// The image in the middle of one of so many more columns and rows at each side, which hold the values in turns.
fn padded<S: Sample>(image: &[S], more: usize, values: [S; 2]) -> Vec<S> {
    let (columns, rows) = (COLUMNS + 2 * more, image.len() / COLUMNS + 2 * more);
    let mut samples: Vec<S> = (0..columns * rows).map(|at| values[at / 3 % 2]).collect();
    let lines = samples.chunks_exact_mut(columns).skip(more);
    for (line, row) in lines.zip(image.chunks_exact(COLUMNS)) {
        line[more..more + COLUMNS].copy_from_slice(row);
    }
    samples
}

fn check<S: Sample>(image: &[S], bits: u8, values: [S; 2]) {
    let layout = |columns: usize| {
        let layout = Layout::new(bits).unwrap();
        layout
            .with_columns(u32::try_from(columns).unwrap())
            .unwrap()
    };
    let alone = figures(Cover::new(image, layout(COLUMNS)).unwrap());
    // as many columns as groups of four are in line with those of the image alone
    for more in [4, 64] {
        let samples = padded(image, more, values);
        let reserved = values[0].into();
        let layout = layout(COLUMNS + 2 * more);
        let cover = |layout| Cover::new(&samples, layout).unwrap();
        let with = layout.with_reserved(reserved, reserved).unwrap();
        let carrying = capacity(cover(with), &Options::new()).unwrap().bits();
        assert_eq!(carrying, image.len());
        assert_eq!(figures(cover(with)), alone, "{bits} bits, {more}");
        assert_ne!(figures(cover(layout)), alone, "the padding would count");
    }
}

/// They were counted like any other, so that a full image with much padding looked like one that nothing was embedded into.
#[test]
fn padding_around_an_image_changes_no_estimate() {
    for rate in [0, 50, 100] {
        // a value and its partner: the one that is reserved takes the other with it
        check(&replaced(&words(), rate, put16), 16, [2000, 2001]);
        let bytes: Vec<u8> = bytes().iter().map(|value| (*value).max(2)).collect();
        check(&replaced(&bytes, rate, put8), 8, [0, 1]);
    }
}

/// Nothing is left to count where every sample is reserved.
#[test]
fn nothing_but_padding_is_quiet() {
    let layout = Layout::new(12).unwrap().with_columns(32).unwrap();
    let layout = layout.with_reserved(0, 7).unwrap();
    let samples: Vec<u16> = (0..1024).map(|at| at % 8).collect();
    assert_eq!(figures(Cover::new(&samples, layout).unwrap()), [0.0; 6]);
}

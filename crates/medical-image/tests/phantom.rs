//! `examples/data/phantom.png` is nobody's picture: this computes it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use medical_image::{Picture, Samples};

const SIDE: i64 = 256;

/// Ellipses: centre, half axes, grey value; later ones cover earlier ones. All in pixels.
const ELLIPSES: [(i64, i64, i64, i64, i64); 9] = [
    (128, 128, 92, 116, 230), // skull
    (128, 130, 84, 108, 92),  // brain
    (96, 124, 20, 52, 60),    // ventricles
    (160, 124, 16, 44, 60),
    (128, 76, 26, 30, 112),
    (128, 118, 7, 7, 140),
    (128, 146, 7, 7, 140),
    (110, 196, 8, 5, 160),
    (148, 198, 5, 8, 176),
];

fn phantom() -> Vec<u8> {
    // Lehmer's generator stands in for the noise of a detector
    let mut state = 20_040_119_u64;
    let mut noise = || {
        state = state * 48_271 % 0x7FFF_FFFF;
        i64::try_from(state >> 8).unwrap() % 7 - 3
    };
    let mut samples = Vec::new();
    for y in 0..SIDE {
        for x in 0..SIDE {
            let inside = |&&(cx, cy, a, b, _): &&(i64, i64, i64, i64, i64)| {
                ((x - cx) * b).pow(2) + ((y - cy) * a).pow(2) <= (a * b).pow(2)
            };
            let grey = ELLIPSES
                .iter()
                .rev()
                .find(inside)
                .map_or(8, |ellipse| ellipse.4);
            samples.push(u8::try_from(grey + noise()).unwrap());
        }
    }
    samples
}

#[test]
fn the_phantom_is_the_committed_picture() {
    let picture =
        Picture::read(include_bytes!("../../../examples/data/phantom.png").to_vec()).unwrap();
    assert_eq!(picture.samples(), &Samples::U8(phantom()));
}

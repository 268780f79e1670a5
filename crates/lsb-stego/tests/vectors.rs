//! Known answers of format version 1, worked out by hand or with `reference`, and frozen: a release that fails one cannot
//! read what an older one embedded.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a test panics, and its numbers are small"
)]

mod reference;

use lsb_stego::{
    Bits, Cover, CoverMut, Layout, Level, Options, embed, extract, read_bits, write_bits,
};

fn options(level: Level, bits: u8) -> Options {
    Options::new().bits(Bits::new(bits).unwrap()).level(level)
}

/// The payload 0xB4, 0x6D (bits, first to last: 0010 1101 1011 0110) into samples of value 0xF0.
#[test]
fn bits_by_hand() {
    let answers: [(u8, &[u8]); 4] = [
        (1, &[0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0]),
        (2, &[0, 1, 3, 2, 1, 3, 2, 1]),
        (3, &[4, 6, 6, 6, 6]),
        (4, &[4, 11, 13, 6]),
    ];
    for level in Level::available() {
        for (bits, lows) in answers {
            let mut samples = vec![0xF0u8; lows.len()];
            let cover = CoverMut::new(&mut samples, Layout::new(8).unwrap()).unwrap();
            let bit_len = 16 / usize::from(bits) * usize::from(bits);
            write_bits(cover, &options(level, bits), &[0xB4, 0x6D], bit_len).unwrap();
            let found: Vec<u8> = samples.iter().map(|sample| sample & 0x0F).collect();
            assert_eq!(found, lows, "{level:?}, {bits} bits");
        }
    }
}

/// RGBA without alpha, one reserved value: the third pixel's green cannot carry.
#[test]
fn alpha_and_reserved_values_stay() {
    let layout = Layout::new(8).unwrap().with_channels(4, 0b0111).unwrap();
    let layout = layout.with_reserved(0x21, 0x21).unwrap();
    let cover = [0u8, 0, 0, 255, 0, 0, 0, 255, 0, 0x20, 0, 255];
    for level in Level::available() {
        let mut samples = cover;
        let stego = CoverMut::new(&mut samples, layout).unwrap();
        write_bits(stego, &options(level, 1), &[0xFF], 8).unwrap();
        assert_eq!(
            samples,
            [1, 1, 1, 255, 1, 1, 1, 255, 1, 0x20, 1, 255],
            "{level:?}"
        );
        let stego = Cover::new(&samples, layout).unwrap();
        assert_eq!(read_bits(stego, &options(level, 1), 8).unwrap(), [0xFF]);
        assert!(read_bits(stego, &options(level, 1), 9).is_err());
    }
}

/// The frame of "medshare", byte for byte, at four bits per sample of 16-bit samples.
#[test]
fn a_frame() {
    let bytes = b"LSBf\x01\0\0\0\x08\0\0\0\x61\xae\x6a\x9emedshare";
    assert_eq!(reference::frame(b"medshare", 0), bytes);
    for level in Level::available() {
        let mut samples = [0x0100u16; 48];
        let layout = Layout::new(16).unwrap();
        let cover = CoverMut::new(&mut samples, layout).unwrap();
        embed(cover, b"medshare", &options(level, 4)).unwrap();
        let expected: Vec<u16> = bytes
            .iter()
            .flat_map(|&byte| [byte & 15, byte >> 4])
            .map(|n| 0x0100 + u16::from(n))
            .collect();
        assert_eq!(samples.as_slice(), expected, "{level:?}");
        let stego = Cover::new(&samples, layout).unwrap();
        assert_eq!(extract(stego, &options(level, 4)).unwrap(), b"medshare");
    }
}

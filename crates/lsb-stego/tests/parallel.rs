//! More cores give the same bits: covers on both sides of the split, whole and odd channels, framed and raw.

#![cfg(feature = "rayon")]
#![allow(clippy::unwrap_used, reason = "a test panics")]

use lsb_stego::{
    Bits, Cover, CoverMut, Layout, Options, embed, embed_par, extract_par, read_bits,
    read_bits_par, write_bits, write_bits_par,
};

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
    let held = lsb_stego::capacity(Cover::new(&original, layout).unwrap(), options).unwrap();
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

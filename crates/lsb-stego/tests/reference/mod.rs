//! The format in plain loops: read this first. Every level and every split of the work gives these bits.

#![allow(dead_code, reason = "every test program uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test panics, and its numbers are small"
)]

pub(crate) mod adaptive;
pub(crate) mod cost;
pub(crate) mod keyed;
pub(crate) mod reversible;

/// What a layout says: stored bits, channels, the mask of those that carry, reserved values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    pub(crate) bits_stored: u32,
    pub(crate) channels: usize,
    pub(crate) carrying: u32,
    pub(crate) reserved: Option<(u32, u32)>,
}

/// Whether sample number `index` carries `k` bits: its channel does, and no value that it could take is reserved.
pub(crate) fn carries(plain: &Plain, k: u32, index: usize, sample: u32) -> bool {
    let stored = sample & ((1 << plain.bits_stored) - 1);
    let reachable = |value: u32| value >> k == stored >> k;
    plain.carrying >> (index % plain.channels) & 1 == 1
        && !plain
            .reserved
            .is_some_and(|(low, high)| (low..=high).any(reachable))
}

/// The positions of the payload bits, in order: sample and bit within it, from the lowest.
pub(crate) fn positions(plain: &Plain, k: u32, samples: &[u32]) -> Vec<(usize, u32)> {
    let carrying = samples
        .iter()
        .enumerate()
        .filter(|&(i, &s)| carries(plain, k, i, s));
    carrying
        .flat_map(|(index, _)| (0..k).map(move |bit| (index, bit)))
        .collect()
}

/// Bit `i` of bytes is bit `i % 8` of byte `i / 8`.
pub(crate) fn bit(bytes: &[u8], i: usize) -> u32 {
    u32::from(bytes[i / 8] >> (i % 8) & 1)
}

/// LSB replacement of the first `bit_len` payload bits.
pub(crate) fn write_bits(plain: &Plain, k: u32, samples: &mut [u32], bytes: &[u8], bit_len: usize) {
    let positions = positions(plain, k, samples);
    for (i, (sample, at)) in positions.into_iter().take(bit_len).enumerate() {
        samples[sample] = samples[sample] & !(1 << at) | bit(bytes, i) << at;
    }
}

/// The inverse.
pub(crate) fn read_bits(plain: &Plain, k: u32, samples: &[u32], bit_len: usize) -> Vec<u8> {
    let mut bytes = vec![0; bit_len.div_ceil(8)];
    for (i, (sample, at)) in positions(plain, k, samples)
        .into_iter()
        .take(bit_len)
        .enumerate()
    {
        bytes[i / 8] |= ((samples[sample] >> at & 1) as u8) << (i % 8);
    }
    bytes
}

/// The frame: magic, version, keystream, two zeros, length, CRC-32C of what follows the magic but itself, payload.
pub(crate) fn frame(payload: &[u8], keystream: u8) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let covered = [&[1, keystream, 0, 0][..], &length, payload].concat();
    let crc = covered.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ ((crc & 1) * 0x82f6_3b78)
        })
    });
    [
        b"LSBf",
        &[1, keystream, 0, 0][..],
        &length,
        &(!crc).to_le_bytes(),
        payload,
    ]
    .concat()
}

//! The reversible scheme in plain loops: one sample after the other, one flag after the other.

use std::ops::Range;

use super::{Plain, carries, frame, read_bits, write_bits};

/// Which side, above or below the prediction, moves.
type Sides = [bool; 2];

/// Sides and bins.
#[derive(Clone, Copy, Debug)]
struct Rule {
    plain: Plain,
    sides: Sides,
    bins: i64,
}

/// What becomes of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Forward {
    Skip { flag: bool },
    Carry { zero: i64, one: i64, flag: bool },
    Move { to: i64, flag: bool },
}

impl Rule {
    fn reserved(&self, from: i64, to: i64) -> impl Fn(i64) -> bool {
        let reserved = self.plain.reserved;
        move |x| {
            reserved.is_some_and(|(low, high)| {
                (i64::from(low) + from..=i64::from(high) + to).contains(&x)
            })
        }
    }

    fn zone(&self, x: i64, p: i64) -> bool {
        let peak = (1 << self.plain.bits_stored) - 1;
        if x >= p {
            x > peak - self.bins || self.reserved(-self.bins, 0)(x)
        } else {
            x < self.bins || self.reserved(0, self.bins)(x)
        }
    }

    fn forward(&self, x: i64, p: i64) -> Forward {
        let (side, e, up) = if x >= p {
            (self.sides[0], x - p, 1)
        } else {
            (self.sides[1], p - 1 - x, -1)
        };
        if !side || self.reserved(0, 0)(x) {
            return Forward::Skip { flag: false };
        }
        if self.zone(x, p) {
            let back = if e < 2 * self.bins {
                e - e / 2
            } else {
                self.bins
            };
            return Forward::Skip {
                flag: !self.zone(x - up * back, p),
            };
        }
        if e < self.bins {
            let (zero, one) = (x + up * e, x + up * (e + 1));
            let flag = self.zone(zero, p) || self.zone(one, p);
            Forward::Carry { zero, one, flag }
        } else {
            let to = x + up * self.bins;
            Forward::Move {
                to,
                flag: self.zone(to, p),
            }
        }
    }
}

fn mean(a: i64, b: i64) -> i64 {
    (a + b + 1) / 2
}

/// The samples that may carry, below the guard row, and their predictions.
fn positions(
    plain: &Plain,
    columns: usize,
    samples: &[u32],
    guard_row: usize,
) -> Vec<(usize, i64, i64)> {
    let stride = columns * plain.channels;
    let mut found = Vec::new();
    for row in guard_row + 1..(samples.len() / stride).saturating_sub(1) {
        for column in 1..columns.saturating_sub(1) {
            for channel in 0..plain.channels {
                if (row + column) % 2 == 0 && plain.carrying >> channel & 1 == 1 {
                    let at = row * stride + column * plain.channels + channel;
                    let value = |at: usize| i64::from(samples[at]);
                    let beside = mean(value(at - plain.channels), value(at + plain.channels));
                    let across = mean(value(at - stride), value(at + stride));
                    found.push((at, value(at), mean(beside, across)));
                }
            }
        }
    }
    found
}

/// The row after those that hold so many bits of a head.
fn guard_row(plain: &Plain, columns: usize, samples: &[u32], bits: usize) -> Option<usize> {
    let stride = columns * plain.channels;
    (0..samples.len() / stride).find(|row| {
        let above = samples[..row * stride].iter().enumerate();
        above.filter(|&(i, &s)| carries(plain, 1, i, s)).count() >= bits
    })
}

/// Run lengths plus one of skipped and moved samples in turn, without the last, in Elias gamma code.
fn map(flags: &[bool]) -> Vec<u8> {
    let (mut bits, mut moved, mut run) = (Vec::new(), false, 0u32);
    for &flag in flags {
        if flag != moved {
            let width = (run + 1).ilog2();
            bits.extend((0..width).map(|_| false));
            bits.extend((0..=width).rev().map(|at| (run + 1) >> at & 1 == 1));
            (moved, run) = (flag, 0);
        }
        run += 1;
    }
    let byte = |bits: &[bool]| {
        bits.iter()
            .rev()
            .fold(0, |byte, &bit| byte << 1 | u8::from(bit))
    };
    bits.chunks(8).map(byte).collect()
}

pub(crate) fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ ((crc & 1) * 0x82f6_3b78)
        })
    })
}

/// Eight bands of an even number of rows each, of 4096 samples together or a little more, if they are less than half of all
/// rows: the first sample of each, and what comes after its last.
fn bands(first: usize, rows: usize, stride: usize) -> Option<Vec<Range<usize>>> {
    let mut height = 2;
    while 8 * height * stride < 4096 {
        height += 2;
    }
    (16 * height < rows).then(|| {
        let band = |band| first + band * rows / 8..first + band * rows / 8 + height;
        let band = |number| band(number).start * stride..band(number).end * stride;
        (0..8).map(band).collect()
    })
}

/// Embeds; whether it fits.
pub(crate) fn embed(plain: &Plain, columns: usize, samples: &mut [u32], payload: &[u8]) -> bool {
    let Some(guard) = guard_row(plain, columns, samples, 8 * 24) else {
        return false;
    };
    let needed = 8 * (16 + payload.len()) + 8 * 24;
    let errors = positions(plain, columns, samples, guard);
    let stride = columns * plain.channels;
    let rows = (samples.len() / stride).saturating_sub(guard + 2);
    let mut with = |(sides, bins)| {
        let rule = Rule {
            plain: *plain,
            sides,
            bins,
        };
        with_rule(&rule, columns, samples, guard, payload)
    };
    if let Some(bands) = bands(guard + 1, rows, stride) {
        let looked = bands.iter().map(Range::len).sum::<usize>();
        let within = |&(at, x, p): &(usize, i64, i64)| {
            bands.iter().any(|band| band.contains(&at)).then_some(x - p)
        };
        let errors: Vec<i64> = errors.iter().filter_map(within).collect();
        let needed = (needed * looked).div_ceil(rows * stride);
        let candidates = candidates(plain, &errors, needed as u128);
        if candidates.first().is_some_and(|&first| with(first)) {
            return true;
        }
    }
    let errors: Vec<i64> = errors.iter().map(|(_, x, p)| x - p).collect();
    let candidates = candidates(plain, &errors, needed as u128);
    candidates.into_iter().any(with)
}

/// Sides and bins that promise so many bits, those of least distortion first.
fn candidates(plain: &Plain, errors: &[i64], needed: u128) -> Vec<(Sides, i64)> {
    let most_bins = (((1 << plain.bits_stored) - 1) / 4 + 1).min(4096);
    let bins = (0..12).flat_map(|power| [1i64 << power, (3i64 << power) >> 1]);
    let bins = bins.skip(1).filter(|&bins| bins <= most_bins);
    let mut candidates = Vec::new();
    for bins in bins.chain([most_bins]) {
        for sides in [[true, false], [false, true], [true, true]] {
            let (mut most, mut distortion) = (0u128, 0u128);
            for &error in errors {
                let (side, e) = if error >= 0 {
                    (sides[0], error)
                } else {
                    (sides[1], -1 - error)
                };
                if side {
                    most += u128::from(e < bins);
                    let square = if e < bins {
                        e * e + (e + 1) * (e + 1)
                    } else {
                        2 * bins * bins
                    };
                    distortion += u128::try_from(square).unwrap();
                }
            }
            if most >= needed {
                candidates.push((distortion * needed / most.max(1), sides, bins));
            }
        }
    }
    candidates.sort_by_key(|candidate| candidate.0);
    let each = candidates.into_iter();
    each.map(|(_, sides, bins)| (sides, bins)).collect()
}

fn with_rule(
    rule: &Rule,
    columns: usize,
    samples: &mut [u32],
    mut guard: usize,
    payload: &[u8],
) -> bool {
    let plain = &rule.plain;
    let (positions, map, carrying) = loop {
        let positions = positions(plain, columns, samples, guard);
        let (mut flags, mut carrying) = (Vec::new(), 0);
        for &(_, x, p) in &positions {
            match rule.forward(x, p) {
                Forward::Skip { flag: true } => flags.push(false),
                Forward::Carry { flag: true, .. } | Forward::Move { flag: true, .. } => {
                    flags.push(true);
                }
                _ => {}
            }
            carrying += usize::from(matches!(rule.forward(x, p), Forward::Carry { .. }));
        }
        let map = map(&flags);
        match guard_row(plain, columns, samples, 8 * (24 + map.len())) {
            None => return false,
            Some(row) if row <= guard => break (positions, map, carrying),
            Some(row) => guard = row,
        }
    };
    let head_bits = 8 * (24 + map.len());
    let frame = frame(payload, 0);
    if carrying < head_bits + 8 * frame.len() {
        return false;
    }
    let word = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let sides = u8::from(rule.sides[0]) + 2 * u8::from(rule.sides[1]);
    let mut head = [
        b"LSBr\x01".as_slice(),
        &[sides],
        &u16::try_from(rule.bins).unwrap().to_le_bytes(),
        &word(guard),
        &word(head_bits + 8 * frame.len()),
        &word(map.len()),
    ]
    .concat();
    let checksum = crc(&[head.as_slice(), &map].concat());
    head.extend(checksum.to_le_bytes());
    head.extend(&map);
    let stream = [read_bits(plain, 1, samples, head_bits), frame].concat();
    let mut next = 0;
    for (at, x, p) in positions {
        if next == 8 * stream.len() {
            break;
        }
        let to = match rule.forward(x, p) {
            Forward::Skip { .. } => x,
            Forward::Move { to, .. } => to,
            Forward::Carry { zero, one, .. } => {
                next += 1;
                [zero, one][super::bit(&stream, next - 1) as usize]
            }
        };
        samples[at] = u32::try_from(to).unwrap();
    }
    write_bits(plain, 1, samples, &head, head_bits);
    true
}

//! Matrix embedding in bits that were read from samples: where not every sample is selected, and at the end of a cover.
//! The layout is that of `arch::matrix`: 64 groups side by side, and fewer at the end.

use crate::Hamming;

/// Groups side by side.
pub(crate) const WIDTH: usize = 64;

/// Changes `bits`, the lowest bits of selected samples, so that `groups` of them carry the first `count` bits of `payload`.
pub(crate) fn embed(bits: &mut [u8], code: Hamming, groups: usize, payload: &[u8], count: usize) {
    for part in parts(code, groups) {
        let mut differ = [0; 8];
        let planes = syndrome(bits, code, part);
        for (plane, (differ, syndrome)) in
            differ.iter_mut().zip(planes).take(code.bits()).enumerate()
        {
            let at = part.payload + plane * part.width;
            // Where the payload has ended, the syndrome may stay as it is.
            let wanted = low_bits(count.saturating_sub(at).min(part.width));
            *differ = (syndrome ^ get(payload, at, part.width)) & wanted;
        }
        for column in 1..=code.samples() {
            let all = low_bits(part.width);
            let change = (0..code.bits()).fold(all, |change, bit| {
                change
                    & if column >> bit & 1 == 1 {
                        differ[bit]
                    } else {
                        !differ[bit]
                    }
            });
            toggle(bits, part.samples + (column - 1) * part.width, change);
        }
    }
}

/// Reads the bits that `groups` of `bits` carry; `payload` has room and is zero.
pub(crate) fn extract(bits: &[u8], code: Hamming, groups: usize, payload: &mut [u8]) {
    for part in parts(code, groups) {
        for (plane, syndrome) in syndrome(bits, code, part)
            .into_iter()
            .take(code.bits())
            .enumerate()
        {
            toggle(payload, part.payload + plane * part.width, syndrome);
        }
    }
}

/// Groups side by side, and their first sample and payload bit.
#[derive(Clone, Copy)]
struct Part {
    width: usize,
    samples: usize,
    payload: usize,
}

fn parts(code: Hamming, groups: usize) -> impl Iterator<Item = Part> {
    (0..groups).step_by(WIDTH).map(move |first| Part {
        width: WIDTH.min(groups - first),
        samples: first * code.samples(),
        payload: first * code.bits(),
    })
}

fn syndrome(bits: &[u8], code: Hamming, part: Part) -> [u64; 8] {
    let mut planes = [0; 8];
    for column in 1..=code.samples() {
        let word = get(bits, part.samples + (column - 1) * part.width, part.width);
        for (bit, plane) in planes.iter_mut().enumerate() {
            if column >> bit & 1 == 1 {
                *plane ^= word;
            }
        }
    }
    planes
}

const fn low_bits(count: usize) -> u64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}

/// `count` bits, 64 at most, from bit `at` on; zeros after the end.
fn get(bytes: &[u8], at: usize, count: usize) -> u64 {
    let mut near = [0; 16];
    let rest = bytes.get(at / 8..).unwrap_or_default();
    let present = rest.len().min(9);
    near[..present].copy_from_slice(&rest[..present]);
    let near = (u128::from_le_bytes(near) >> (at % 8)).to_le_bytes();
    u64::from_le_bytes(near.as_chunks().0[0]) & low_bits(count)
}

/// XORs 64 bits from bit `at` on; those after the end are not there.
fn toggle(bytes: &mut [u8], at: usize, word: u64) {
    let near = (u128::from(word) << (at % 8)).to_le_bytes();
    for (byte, change) in bytes.iter_mut().skip(at / 8).zip(near) {
        *byte ^= change;
    }
}

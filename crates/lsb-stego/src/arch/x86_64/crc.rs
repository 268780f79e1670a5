//! CRC-32C by its instruction, which is part of SSE 4.2 and so of every level here.

use core::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u64};

/// The state after these bytes.
#[inline]
#[target_feature(enable = "sse4.2")]
pub(super) fn crc32c(state: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut wide = u64::from(state);
    for &word in words {
        wide = _mm_crc32_u64(wide, u64::from_le_bytes(word));
    }
    // The instruction leaves the upper half zero.
    let [a, b, c, d, ..] = wide.to_le_bytes();
    let mut state = u32::from_le_bytes([a, b, c, d]);
    for &byte in rest {
        state = _mm_crc32_u8(state, byte);
    }
    state
}

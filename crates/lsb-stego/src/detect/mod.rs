//! How well a payload is hidden from someone who counts: the classic attacks on LSB replacement.
//!
//! Each estimates the embedding rate or the probability that a payload is there, from the stego image alone. They are made
//! for sequential or scattered replacement of the lowest bit; other schemes are hidden from them to the extent that the
//! figures show. A figure near zero is no proof of innocence.
//!
//! Of several carrying channels what is counted in each is added, and no sample is a neighbour of one in another channel; channels that
//! do not carry, and bits that are not stored, are not looked at. Reserved samples (padding), which carry nothing either, are left out with the
//! pair, the group or the window that one is a part of: rates are of the samples that may carry one bit, as [`capacity`](crate::capacity())
//! counts them.
//!
//! ```
//! use lsb_stego::detect::sample_pairs;
//! use lsb_stego::{Cover, Layout};
//!
//! // a smooth ramp, and the same with its lowest bits replaced by noise
//! let ramp: Vec<u8> = (0..128 * 128u32).map(|i| (i % 128 + i / 128) as u8 / 2 + 40).collect();
//! let mut state = 1u64;
//! let noisy: Vec<u8> = ramp
//!     .iter()
//!     .map(|sample| {
//!         state = state * 48_271 % 0x7FFF_FFFF;
//!         (sample & !1) | (state >> 13 & 1) as u8
//!     })
//!     .collect();
//! let layout = Layout::new(8)?.with_columns(128)?;
//! let rate = sample_pairs(Cover::new(&noisy, layout)?)?;
//! assert!(rate > 0.8, "{rate}");
//! # Ok::<(), lsb_stego::Error>(())
//! ```

#![expect(
    clippy::cast_precision_loss,
    reason = "figures for people, right to 15 digits"
)]

mod chi_square;
mod pairs;
mod regular;
mod weighted;

#[cfg(feature = "rayon")]
pub use chi_square::chi_square_par;
pub use chi_square::{ChiSquare, chi_square};
#[cfg(feature = "rayon")]
pub use pairs::sample_pairs_par;
pub use pairs::{sample_pairs, sample_pairs_at};
pub use regular::regular_singular;
#[cfg(feature = "rayon")]
pub use regular::regular_singular_par;
pub use weighted::weighted_stego;
#[cfg(feature = "rayon")]
pub use weighted::weighted_stego_par;

/// The roots of `a x^2 + b x + c`, by falling magnitude of `b`'s share; of a complex pair the real part, twice.
fn roots(a: f64, b: f64, c: f64) -> Option<[f64; 2]> {
    if a == 0.0 {
        return (b != 0.0).then(|| [-c / b; 2]);
    }
    let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
    Some([(-b + root) / (2.0 * a), (-b - root) / (2.0 * a)])
}

//! Levels of SIMD instructions: the only place that asks the CPU, and the only one with `unsafe`.
//!
//! A [`Task`] is a loop written once, generic over a token [`Simd`]; [`dispatch`] runs it with the token of a [`Level`],
//! inside one function that is compiled for that level. A level can be named only where its instructions were found, so
//! holding one is the proof that the token needs.

#![allow(
    unsafe_code,
    reason = "tokens call the CPU's instructions, dispatch enters functions compiled for them"
)]

use core::fmt;

pub(crate) mod kernel;
#[macro_use]
pub(crate) mod lanes;
pub(crate) mod masked;
pub(crate) mod matrix;
pub(crate) mod path;
pub(crate) mod region;
mod scalar;
pub(crate) mod shift;
mod simd;
pub(crate) mod tally;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub(crate) use simd::{BLOCK, ChaCha, Ends, KEYSTREAM, Lane, Simd};

/// A set of SIMD instructions that this CPU has.
///
/// ```
/// use lsb_stego::Level;
///
/// assert_eq!(Level::available().next(), Some(Level::default().min(Level::portable())));
/// for level in Level::available() {
///     assert_eq!(Level::named(level.name()), Some(level));
/// }
/// assert_eq!(Level::named("abacus"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(Kind);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

const KINDS: &[Kind] = &[
    Kind::Portable,
    #[cfg(target_arch = "x86_64")]
    Kind::Avx2,
    #[cfg(target_arch = "x86_64")]
    Kind::Avx512,
];

impl Level {
    /// The level that needs nothing of the CPU: eight samples at a time in a 64-bit word. No instruction of it is `unsafe`; but
    /// the histogram of the reversible scheme adds to its counts without checking bounds, as it does at every level.
    #[must_use]
    pub const fn portable() -> Self {
        Self(Kind::Portable)
    }

    /// The best level of this CPU. Without the feature `std`, of what the program was compiled for.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::portable())
    }

    /// Every level of this CPU, from the slowest to the fastest.
    pub fn available() -> impl Iterator<Item = Self> {
        KINDS
            .iter()
            .filter(|kind| kind.found())
            .map(|&kind| Self(kind))
    }

    /// The level of that name, if this CPU has it: `portable`, `avx2`, `avx512`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::available().find(|level| level.name() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }
}

impl Kind {
    fn found(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86_64::Avx2::found(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86_64::Avx512::found(),
        }
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::detect()
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A loop over blocks, generic over the token. `run` is `#[inline(always)]`, and so is everything below it.
pub(crate) trait Task {
    type Output;

    fn run<V: Simd>(self, simd: V) -> Self::Output;
}

/// Sixteen blocks of a keystream.
pub(crate) struct Keystream<'a> {
    pub(crate) state: &'a ChaCha,
    pub(crate) counter: u64,
    pub(crate) bytes: &'a mut [u8; KEYSTREAM],
}

impl Task for Keystream<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) {
        simd.chacha8(self.state, self.counter, self.bytes);
    }
}

/// The state of a CRC-32C after these bytes.
pub(crate) struct Checksum<'a> {
    pub(crate) state: u32,
    pub(crate) bytes: &'a [u8],
}

impl Task for Checksum<'_> {
    type Output = u32;

    #[inline(always)]
    fn run<V: Simd>(self, simd: V) -> u32 {
        simd.crc32c(self.state, self.bytes)
    }
}

/// Overwrites a secret with zeros, which no compiler leaves out.
pub(crate) fn wipe<T: Copy + Default>(secret: &mut [T]) {
    for value in secret {
        // SAFETY: `value` is a reference, and so valid and aligned for a write.
        unsafe { core::ptr::write_volatile(value, T::default()) };
    }
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
}

/// Runs the task at the level; the CPU was asked when the level was made.
pub(crate) fn dispatch<T: Task>(level: Level, task: T) -> T::Output {
    match level.0 {
        Kind::Portable => task.run(scalar::Portable),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => {
            // SAFETY: a `Level` of this kind is made by `Level::available` only, after `Avx2::found`.
            unsafe { x86_64::run_avx2(task) }
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => {
            // SAFETY: a `Level` of this kind is made by `Level::available` only, after `Avx512::found`.
            unsafe { x86_64::run_avx512(task) }
        }
    }
}

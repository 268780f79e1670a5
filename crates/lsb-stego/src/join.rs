//! Serial or on several cores: the split is written once, in `bits::Plan`.

/// Runs two halves of the work.
pub(crate) trait Join {
    /// The fewest bytes of samples that are worth a task of their own; none is ever with `usize::MAX`.
    const PART: usize;

    fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send);
}

/// One half after the other.
pub(crate) struct Serial;

impl Join for Serial {
    const PART: usize = usize::MAX;

    fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
        first();
        second();
    }
}

/// Both halves at once, if a core is free.
#[cfg(feature = "rayon")]
pub(crate) struct Rayon;

#[cfg(feature = "rayon")]
impl Join for Rayon {
    // Tried on two cores with AVX-512, raw bits, in parts of 2 MiB: 4 and 6 MiB took 1.0 to 1.7 times as long as on one core,
    // 8 MiB 0.5 to 1.2 times, 12 MiB and more 0.4 to 0.6 times. One core writes 4 MiB in 200 microseconds and reads them in
    // 60, about what it takes until another has woken up.
    const PART: usize = 4 << 20;

    fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
        rayon::join(first, second);
    }
}

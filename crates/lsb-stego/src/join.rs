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
    // Waking another core takes about as long as one core needs for a few MiB: below that, two were slower. The row
    // T10 of `ratios` in benches/compare shows where two cores begin to pay on a machine.
    const PART: usize = 4 << 20;

    fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
        rayon::join(first, second);
    }
}

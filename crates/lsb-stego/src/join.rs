//! Serial or on several cores: the split is written once, in `bits::Plan`.

/// Runs two halves of the work.
pub(crate) trait Join {
    /// The fewest bytes of samples that are worth a task of their own; none is ever with `usize::MAX`.
    const PART: usize;

    /// The same where a sample takes several times as long: along a path, and under every scheme but replacement.
    const SLOW_PART: usize = Self::PART;

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
    // Waking another core takes about as long as one core needs for a MiB or two. The row T10 of `ratios` in
    // benches/compare shows where two cores begin to pay on a machine, and what two cores of it can do at all.
    const PART: usize = 2 << 20;
    const SLOW_PART: usize = 1 << 20;

    fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
        rayon::join(first, second);
    }
}

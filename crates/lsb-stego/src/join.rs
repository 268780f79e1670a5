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
    // Tried on two busy cores with AVX2, in two parts against one: 1 MiB took as long, 2 MiB 1.3 times as long, 8 MiB 0.9
    // times. One core embeds 2 MiB in 50 microseconds, about what it takes until another has woken up.
    const PART: usize = 2 << 20;

    fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
        rayon::join(first, second);
    }
}

//! Serial or on several cores: where to split says `part::Counted::halve`.

/// Runs two halves of the work.
pub(crate) trait Join {
    /// The fewest bytes of samples that are worth a task of their own; none is ever with `usize::MAX`.
    const PART: usize;

    /// The same where a sample takes several times as long: along a path, and under every scheme but replacement.
    const SLOW_PART: usize = Self::PART;

    /// Of so many bytes of samples, the fewest that are worth a task of their own because there are cores for no more tasks.
    fn share(all: usize) -> usize;

    fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send);
}

/// One half after the other.
pub(crate) struct Serial;

impl Join for Serial {
    const PART: usize = usize::MAX;

    fn share(_: usize) -> usize {
        usize::MAX
    }

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

    // One task for each core. More cost more than they even out: at 4 MiB each takes as long as waking a core, and where one
    // core writes what lay in the cache of the other, the lines have to cross first.
    fn share(all: usize) -> usize {
        let tasks = rayon::current_num_threads().next_power_of_two();
        // Halves are rounded down, the more so the more there are.
        all / tasks / 4 * 3
    }

    fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
        if rayon::current_thread_index().is_some() {
            rayon::join(first, second);
        } else {
            // The first half begins here and now, where its samples are likely near: `rayon::join` would move both to the
            // pool, which takes waking one more core before, and this one after.
            rayon::in_place_scope(|scope| {
                scope.spawn(move |_| second());
                first();
            });
        }
    }
}

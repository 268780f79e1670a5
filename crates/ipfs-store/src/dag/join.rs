//! Hashing while something else goes on: on all cores with the feature `rayon`, else one after the other.

/// Replaces every item by what `work` makes of it, and meanwhile, on this thread, does `other`.
#[cfg(feature = "rayon")]
pub(crate) fn while_working<T: Send, U: Send, R>(
    items: Vec<T>,
    work: impl Fn(T) -> U + Sync,
    other: impl FnOnce() -> R,
) -> (Vec<U>, R) {
    if items.len() < 2 {
        // nothing to share out, and a small file needs no pool
        let done = items.into_iter().map(work).collect();
        return (done, other());
    }
    let mut slots: Vec<Option<U>> = items.iter().map(|_| None).collect();
    let work = &work;
    // in place: `other` reads from what may not move to another thread
    let result = rayon::in_place_scope(|scope| {
        for (item, slot) in items.into_iter().zip(&mut slots) {
            scope.spawn(move |_| *slot = Some(work(item)));
        }
        other()
    });
    (slots.into_iter().flatten().collect(), result)
}

/// As above.
#[cfg(not(feature = "rayon"))]
pub(crate) fn while_working<T, U, R>(
    items: Vec<T>,
    work: impl Fn(T) -> U,
    other: impl FnOnce() -> R,
) -> (Vec<U>, R) {
    let done = items.into_iter().map(work).collect();
    (done, other())
}

//! Work on items in order, several at once: on all cores with the feature `rayon`, else one after the other.

use crate::Result;

/// Where the items come from, and where what is made of them goes: both on the caller's thread, which need not be `Send`.
pub(crate) trait Ends<T, U> {
    /// The next item, or `None` after the last.
    fn next(&mut self) -> Result<Option<T>>;

    /// Takes what was made of an item, in the order of the items.
    fn take(&mut self, made: U) -> Result<()>;
}

/// Makes something of every item; at most `limit` are under way.
#[cfg(feature = "rayon")]
pub(crate) fn pipeline<T: Send, U: Send>(
    ends: &mut impl Ends<T, U>,
    limit: usize,
    work: impl Fn(T) -> U + Sync,
) -> Result<()> {
    use std::collections::VecDeque;
    use std::sync::mpsc::sync_channel;

    let Some(first) = ends.next()? else {
        return Ok(());
    };
    let mut next = ends.next()?;
    if next.is_none() {
        return ends.take(work(first)); // a small file needs no pool
    }
    // one for each thread, and one that waits for each of two that end at once: few, so that they stay in the cache
    let limit = limit.min(rayon::current_num_threads() + 2);
    let work = &work;
    rayon::in_place_scope(|scope| {
        let mut first = Some(first);
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < limit {
                let item = match first.take().or_else(|| next.take()) {
                    Some(item) => item,
                    None => match ends.next()? {
                        Some(item) => item,
                        None => break,
                    },
                };
                let (sender, receiver) = sync_channel(1);
                scope.spawn(move |_| drop(sender.send(work(item))));
                under_way.push_back(receiver);
            }
            let Some(receiver) = under_way.pop_front() else {
                return Ok(());
            };
            match wait(&receiver) {
                Some(made) => ends.take(made)?,
                None => return Ok(()), // it panicked, and the scope goes on with that
            }
        }
    })
}

/// Waits for the result; a thread of the pool works meanwhile, since the result may be its own to make.
#[cfg(feature = "rayon")]
fn wait<U>(receiver: &std::sync::mpsc::Receiver<U>) -> Option<U> {
    use std::sync::mpsc::TryRecvError;
    loop {
        match receiver.try_recv() {
            Ok(made) => return Some(made),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        match rayon::yield_now() {
            None => return receiver.recv().ok(), // not of the pool
            Some(rayon::Yield::Executed) => {}
            Some(rayon::Yield::Idle) => std::thread::yield_now(),
        }
    }
}

/// As above.
#[cfg(not(feature = "rayon"))]
pub(crate) fn pipeline<T, U>(
    ends: &mut impl Ends<T, U>,
    _limit: usize,
    work: impl Fn(T) -> U,
) -> Result<()> {
    while let Some(item) = ends.next()? {
        ends.take(work(item))?;
    }
    Ok(())
}

//! What became of transactions that were refused when nobody waited for the answer any more.
//!
//! A refused transaction leaves no trace in the ledger, so only the server can tell whoever polls for it; for some minutes,
//! and of so many transactions that it takes a few mebibytes at most.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ledger_core::TxId;

use super::problem::Problem;

/// For how long a refusal is told.
const KEPT: Duration = Duration::from_secs(600);
/// Of how many transactions, the newest.
const MOST: usize = 4096;

/// Refused transactions by their names.
#[derive(Default)]
pub(super) struct Refusals(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    problems: BTreeMap<TxId, (Instant, Problem)>,
    /// The names in the order in which they came, each with its time.
    order: VecDeque<(Instant, TxId)>,
}

impl Refusals {
    /// Keeps why a transaction was refused.
    pub(super) fn keep(&self, id: TxId, problem: Problem) {
        self.keep_at(Instant::now(), id, problem);
    }

    /// Why a transaction was refused, if it was a while ago.
    pub(super) fn find(&self, id: &TxId) -> Option<Problem> {
        self.find_at(Instant::now(), id)
    }

    fn keep_at(&self, now: Instant, id: TxId, problem: Problem) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.problems.insert(id, (now, problem));
        kept.order.push_back((now, id));
        while let Some((then, id)) = kept.order.front().copied() {
            let old = now.saturating_duration_since(then) >= KEPT;
            if !old && kept.order.len() <= MOST {
                break;
            }
            kept.order.pop_front();
            // it may have been refused again since
            if kept
                .problems
                .get(&id)
                .is_some_and(|(time, _)| *time == then)
            {
                kept.problems.remove(&id);
            }
        }
    }

    fn find_at(&self, now: Instant, id: &TxId) -> Option<Problem> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, problem) = kept.problems.get(id)?;
        (now.saturating_duration_since(*then) < KEPT).then(|| problem.clone())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn id(number: usize) -> TxId {
        format!("{number:064x}").parse().unwrap()
    }

    fn problem() -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "replayed", "again")
    }

    #[test]
    fn refusals_are_told_for_a_time_and_of_so_many() {
        let refusals = Refusals::default();
        let start = Instant::now();
        refusals.keep_at(start, id(0), problem());
        let last = start + KEPT.saturating_sub(Duration::from_nanos(1));
        assert!(refusals.find_at(last, &id(0)).is_some());
        assert!(refusals.find_at(start + KEPT, &id(0)).is_none());
        // refused again, it is told from then on
        refusals.keep_at(last, id(0), problem());
        refusals.keep_at(start + KEPT, id(1), problem());
        assert!(refusals.find_at(start + KEPT, &id(0)).is_some());
        for number in 2..10 + MOST {
            refusals.keep_at(last + KEPT / 2, id(number), problem());
        }
        let kept = refusals.0.lock().unwrap();
        assert_eq!((kept.problems.len(), kept.order.len()), (MOST, MOST));
        assert!(!kept.problems.contains_key(&id(9)) && kept.problems.contains_key(&id(10)));
    }
}

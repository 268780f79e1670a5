//! What transactions pass on their way into the writer's queue, one alone or many of one request.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use ledger_core::store::RedbSnapshot;
use ledger_core::{Address, Reading, Receipt, Transaction, TxId, Verified};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Permit;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::api::Shared;
use super::params::Since;
use super::problem::{Answered, Problem};
use super::refusals::Refusals;
use super::reply::Representation;
use super::settings::Reads;
use super::writer::Submission;
use crate::Error;

/// When a refusal comes that tells nothing: longer than any of its reasons takes to be found.
const UNTOLD: Duration = Duration::from_millis(10);

/// The refusal of whatever no live member signed, where reads are for members.
pub(super) const UNKNOWN_SIGNER: &str = "unknown-signer";

/// Reads the canonical bytes of a transaction.
pub(super) fn decoded(bytes: &[u8]) -> Answered<Transaction> {
    Transaction::from_bytes(bytes).map_err(|error| match error {
        error @ ledger_core::Error::TooLarge { .. } => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            error.to_string(),
        ),
        // what a decoder says of bytes is for who writes decoders
        ledger_core::Error::Malformed { reason, .. } if reason == "not the canonical encoding" => {
            Problem::malformed("the transaction is not in its canonical encoding")
        }
        _ => Problem::malformed("expected the canonical DAG-CBOR of a signed transaction"),
    })
}

/// Stops whoever asks for the proof that a checkpoint is continued which the log has not reached: later it would be recorded by then.
pub(super) async fn reached(
    shared: &Arc<Shared>,
    since: &Since,
    form: Representation,
) -> Answered<()> {
    let size = shared.progress.borrow().size;
    let Some(older) = since.older.filter(|older| *older > size) else {
        return Ok(());
    };
    if form == Representation::Json {
        return Ok(());
    }
    // a block is on disk a moment before the writer says so
    let found =
        shared.read(move |_, reading| Ok(reading.consistency(older, reading.head().log_size)?));
    found.await.map(drop)
}

/// Refuses a transaction whose signature does not hold under the key of now, as it was checked ahead: whoever can sign nothing
/// takes no place in the queue and none of the writer's time. None when the ledger has moved on meanwhile, which the writer looks at.
/// Where reads are for members, who hears of a refusal waits for [`untold`] first.
pub(super) async fn signed(
    shared: &Arc<Shared>,
    tx: &Transaction,
    verified: Option<Verified>,
) -> Answered<Option<Verified>> {
    if shared.reads == Reads::Everybody {
        return holding(shared, tx, verified).await;
    }
    let sender = *tx.sender();
    let live = shared.read(move |_, reading| is_live(reading, &sender));
    by_member(shared, live.await?, verified)
}

/// As [`signed`], for each.
pub(super) async fn signed_each(
    shared: &Arc<Shared>,
    txs: &[Transaction],
    verified: Vec<Option<Verified>>,
) -> Answered<Vec<Answered<Option<Verified>>>> {
    if shared.reads == Reads::Everybody {
        let mut each = Vec::with_capacity(txs.len());
        for (tx, verified) in txs.iter().zip(verified) {
            each.push(holding(shared, tx, verified).await);
        }
        return Ok(each);
    }
    let senders: Vec<_> = txs.iter().map(|tx| *tx.sender()).collect();
    let live = shared.read(move |_, reading| {
        let live = senders.iter().map(|sender| is_live(reading, sender));
        live.collect::<Answered<Vec<_>>>()
    });
    let each = live.await?.into_iter().zip(verified);
    let each = each.map(|(live, verified)| by_member(shared, live, verified));
    Ok(each.collect())
}

async fn holding(
    shared: &Arc<Shared>,
    tx: &Transaction,
    verified: Option<Verified>,
) -> Answered<Option<Verified>> {
    match verified {
        Some(_) => Ok(verified),
        None => reason(shared, tx).await,
    }
}

fn is_live(reading: &Reading<RedbSnapshot>, sender: &Address) -> Answered<bool> {
    let member = reading.member(sender)?;
    Ok(member.is_some_and(|member| member.is_live()))
}

/// Who is a member, and how much it has sent, is for members: the words do not tell it.
fn by_member(
    shared: &Shared,
    live: bool,
    verified: Option<Verified>,
) -> Answered<Option<Verified>> {
    if live && verified.is_some() {
        return Ok(verified);
    }
    shared.metrics.refused(UNKNOWN_SIGNER);
    let detail = "no live member signed this transaction";
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Err(Problem::new(status, UNKNOWN_SIGNER, detail))
}

/// Waits until the time does not tell either why some of so many transactions, which came then, are refused.
pub(super) async fn untold(shared: &Shared, many: usize, asked: Instant) {
    if shared.reads == Reads::Members {
        // a difference of one is many times as long for many
        let many = u32::try_from(many).unwrap_or(u32::MAX);
        let wait = UNTOLD.saturating_mul(many).min(shared.timeout / 2);
        tokio::time::sleep_until(asked + wait.max(UNTOLD)).await;
    }
}

/// Why a transaction is refused whose signature does not hold, if it still is.
async fn reason(shared: &Arc<Shared>, tx: &Transaction) -> Answered<Option<Verified>> {
    let one = shared.refusing.acquire().await;
    let _one = one.map_err(|_| Problem::stopping())?;
    let tx = tx.clone();
    shared
        .read(move |shared, _| match shared.node.check_signed(&tx) {
            Ok(()) => Ok(None),
            Err(error) => {
                if let Error::Refused(refusal) = &error {
                    shared.metrics.refused(refusal.code());
                }
                Err(error.into())
            }
        })
        .await
}

/// Puts a transaction into the queue.
pub(super) fn queue(
    shared: &Arc<Shared>,
    tx: Transaction,
    verified: Option<Verified>,
) -> Answered<Waiting> {
    let room = room(shared, tx.as_bytes().len())?;
    let place = shared.queue.try_reserve();
    let place = place.map_err(|error| full(&error))?;
    Ok(enter(shared, place, tx, verified, Some(room)))
}

/// Puts transactions into the queue one behind the other: all of them, or none when there is no room for all.
pub(super) fn queue_all(
    shared: &Arc<Shared>,
    txs: Vec<(Transaction, Option<Verified>)>,
) -> Answered<Vec<Waiting>> {
    let mut room = room(shared, txs.iter().map(|(tx, _)| tx.as_bytes().len()).sum())?;
    let places = shared.queue.try_reserve_many(txs.len());
    let places = places.map_err(|error| full(&error))?;
    let waiting = places.zip(txs).map(|(place, (tx, verified))| {
        let room = room.split(tx.as_bytes().len());
        enter(shared, place, tx, verified, room)
    });
    Ok(waiting.collect())
}

/// Room for so many bytes that wait.
fn room(shared: &Shared, bytes: usize) -> Answered<OwnedSemaphorePermit> {
    let bytes = u32::try_from(bytes).map_err(|_| busy())?;
    let room = Arc::clone(&shared.room).try_acquire_many_owned(bytes);
    room.map_err(|_| busy())
}

fn full<T>(error: &TrySendError<T>) -> Problem {
    match error {
        TrySendError::Full(_) => busy(),
        TrySendError::Closed(_) => Problem::stopping(),
    }
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "too many transactions wait for their block",
    )
}

fn enter(
    shared: &Arc<Shared>,
    place: Permit<'_, Submission>,
    tx: Transaction,
    verified: Option<Verified>,
    room: Option<OwnedSemaphorePermit>,
) -> Waiting {
    let (answer, answered) = oneshot::channel();
    let waiting = Waiting {
        refusals: Arc::clone(&shared.refusals),
        id: tx.id(),
        answer: Answer::Awaited(answered),
    };
    place.send(Submission {
        tx,
        verified,
        answer,
        room,
    });
    waiting
}

/// A transaction that is in the queue, or was refused before. When nobody hears what becomes of it (the request preferred that, took too
/// long, or its connection was closed) a refusal is kept for whoever asks then.
pub(super) struct Waiting {
    refusals: Arc<Refusals>,
    id: TxId,
    answer: Answer,
}

enum Answer {
    Awaited(oneshot::Receiver<Answered<Receipt>>),
    There(Answered<Receipt>),
    Heard,
}

impl Waiting {
    /// One that is refused already.
    pub(super) fn refused(shared: &Shared, id: TxId, problem: Problem) -> Self {
        Self {
            refusals: Arc::clone(&shared.refusals),
            id,
            answer: Answer::There(Err(problem)),
        }
    }

    /// What the writer answers, or that it answers nothing any more.
    pub(super) async fn outcome(&mut self) -> Answered<Receipt> {
        if let Answer::Awaited(answered) = &mut self.answer {
            match answered.await {
                Ok(outcome) => self.answer = Answer::There(outcome),
                Err(_) => self.answer = Answer::Heard,
            }
        }
        match &self.answer {
            Answer::There(outcome) => outcome.clone(),
            Answer::Awaited(_) | Answer::Heard => Err(Problem::stopping().unsaid()),
        }
    }

    /// What the writer answers, if it does within this time.
    pub(super) async fn within(&mut self, wait: Duration) -> Option<Answered<Receipt>> {
        if wait.is_zero() {
            return None;
        }
        tokio::time::timeout(wait, self.outcome()).await.ok()
    }

    /// Whoever sent it hears what became of it.
    pub(super) fn heard(mut self) {
        self.answer = Answer::Heard;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let (refusals, id) = (Arc::clone(&self.refusals), self.id);
        match std::mem::replace(&mut self.answer, Answer::Heard) {
            Answer::There(Err(problem)) => refusals.keep(id, problem),
            Answer::Awaited(answered) => {
                let Ok(runtime) = Handle::try_current() else {
                    return;
                };
                runtime.spawn(async move {
                    if let Ok(Err(problem)) = answered.await {
                        refusals.keep(id, problem);
                    }
                });
            }
            Answer::There(Ok(_)) | Answer::Heard => {}
        }
    }
}

/// Index and height of a transaction, if it is recorded.
pub(super) fn known(reading: &Reading<RedbSnapshot>, id: &TxId) -> Answered<Option<(u64, u64)>> {
    let Some(index) = reading.find(id)? else {
        return Ok(None);
    };
    Ok(Some((index, reading.height_of(index)?.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a batch that took too long, those were lost that the writer had answered.
    #[tokio::test]
    async fn a_refusal_is_kept_until_somebody_hears_it() {
        let refusals = Arc::<Refusals>::default();
        let begin = |number| {
            let (answer, answered) = oneshot::channel();
            let waiting = Waiting {
                refusals: Arc::clone(&refusals),
                id: TxId::new([number; 32]),
                answer: Answer::Awaited(answered),
            };
            (answer, waiting)
        };
        let problem = || Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "replayed", "again");
        let is_kept = |number| refusals.find(&TxId::new([number; 32])).is_some();
        // answered, and nobody was told
        let (answer, mut waiting) = begin(1);
        assert!(answer.send(Err(problem())).is_ok());
        assert!(waiting.outcome().await.is_err() && !is_kept(1));
        drop(waiting);
        assert!(is_kept(1));
        // told
        let (answer, mut waiting) = begin(2);
        assert!(answer.send(Err(problem())).is_ok());
        assert!(waiting.outcome().await.is_err());
        waiting.heard();
        assert!(!is_kept(2));
        // answered when nobody waits any more
        let (answer, waiting) = begin(3);
        drop(waiting);
        assert!(answer.send(Err(problem())).is_ok());
        while !is_kept(3) {
            tokio::task::yield_now().await;
        }
        // never answered: what became of it is not known, which is no refusal
        let (answer, mut waiting) = begin(4);
        drop(answer);
        let unsaid = waiting.outcome().await.unwrap_err();
        assert!(unsaid.is_failure());
        drop(waiting);
        assert!(!is_kept(4));
    }
}

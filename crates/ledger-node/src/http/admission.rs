//! What transactions pass on their way into the writer's queue, one alone or many of one request.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use ledger_core::store::RedbSnapshot;
use ledger_core::{Reading, Receipt, Transaction, TxId, Verified};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::api::Shared;
use super::problem::{Answered, Problem};
use super::settings::Reads;
use super::writer::Submission;
use crate::Error;

/// When a refusal comes that tells nothing: longer than any of its reasons takes to be found.
const UNTOLD: Duration = Duration::from_millis(10);

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

/// Refuses each transaction whose signature does not hold under the key of now, as it was checked ahead: whoever can sign nothing
/// takes no place in the queue and none of the writer's time. None when the ledger has moved on meanwhile, which the writer looks at.
pub(super) async fn signed(
    shared: &Arc<Shared>,
    txs: &[Transaction],
    verified: Vec<Option<Verified>>,
    asked: Instant,
) -> Answered<Vec<Answered<Option<Verified>>>> {
    if shared.reads == Reads::Members {
        return signed_by_members(shared, txs, verified, asked).await;
    }
    let mut each = Vec::with_capacity(txs.len());
    for (tx, verified) in txs.iter().zip(verified) {
        each.push(match verified {
            Some(_) => Ok(verified),
            None => reason(shared, tx).await,
        });
    }
    Ok(each)
}

/// Who is a member, and how much it has sent, is for members: neither words nor time tell it.
async fn signed_by_members(
    shared: &Arc<Shared>,
    txs: &[Transaction],
    verified: Vec<Option<Verified>>,
    asked: Instant,
) -> Answered<Vec<Answered<Option<Verified>>>> {
    let senders: Vec<_> = txs.iter().map(|tx| *tx.sender()).collect();
    let live = shared.read(move |_, reading| {
        let live = senders.iter().map(|sender| {
            let member = reading.member(sender)?;
            Ok(member.is_some_and(|member| member.is_live()))
        });
        live.collect::<Answered<Vec<bool>>>()
    });
    let mut untold = false;
    let each = live.await?.into_iter().zip(verified);
    let each = each.map(|(live, verified)| {
        if live && verified.is_some() {
            return Ok(verified);
        }
        untold = true;
        shared.metrics.refused("unknown-signer");
        let detail = "no live member signed this transaction";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Err(Problem::new(status, "unknown-signer", detail))
    });
    let each = each.collect();
    if untold {
        // a difference of one is many times as long for many
        let many = u32::try_from(txs.len()).unwrap_or(u32::MAX);
        let wait = UNTOLD.saturating_mul(many).min(shared.timeout / 2);
        tokio::time::sleep_until(asked + wait.max(UNTOLD)).await;
    }
    Ok(each)
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

/// Puts transactions into the queue one behind the other: all of them, or none when there is no room for all.
pub(super) fn queue(
    shared: &Arc<Shared>,
    txs: Vec<(Transaction, Option<Verified>)>,
) -> Answered<Vec<Waiting>> {
    let busy = || {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many transactions wait for their block",
        )
    };
    let bytes = txs.iter().map(|(tx, _)| tx.as_bytes().len()).sum::<usize>();
    let bytes = u32::try_from(bytes).map_err(|_| busy())?;
    let room = Arc::clone(&shared.room).try_acquire_many_owned(bytes);
    let mut room = room.map_err(|_| busy())?;
    let places = shared.queue.try_reserve_many(txs.len());
    let places = places.map_err(|error| match error {
        TrySendError::Full(()) => busy(),
        TrySendError::Closed(()) => Problem::stopping(),
    })?;
    let mut waiting = Vec::with_capacity(txs.len());
    for (place, (tx, verified)) in places.zip(txs) {
        let (answer, answered) = oneshot::channel();
        waiting.push(Waiting {
            answered: Some(answered),
            shared: Arc::clone(shared),
            id: tx.id(),
        });
        let room = room.split(tx.as_bytes().len());
        place.send(Submission {
            tx,
            verified,
            answer,
            room,
        });
    }
    Ok(waiting)
}

/// A transaction that is in the queue. When nobody waits any more (the request preferred that, took too long, or its
/// connection was closed) a refusal is kept for whoever asks then.
pub(super) struct Waiting {
    answered: Option<oneshot::Receiver<Answered<Receipt>>>,
    shared: Arc<Shared>,
    id: TxId,
}

impl Waiting {
    /// What the writer answers.
    pub(super) async fn outcome(&mut self) -> Answered<Answered<Receipt>> {
        let answered = self.answered.as_mut().ok_or_else(Problem::stopping)?;
        let outcome = answered.await;
        self.answered = None;
        outcome.map_err(|_| Problem::stopping())
    }

    /// What the writer answers, if it does within this time.
    pub(super) async fn within(&mut self, wait: Duration) -> Option<Answered<Answered<Receipt>>> {
        if wait.is_zero() {
            return None;
        }
        tokio::time::timeout(wait, self.outcome()).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let (Some(answered), Ok(runtime)) = (self.answered.take(), Handle::try_current()) else {
            return;
        };
        let (shared, id) = (Arc::clone(&self.shared), self.id);
        runtime.spawn(async move {
            if let Ok(Err(problem)) = answered.await {
                shared.refusals.keep(id, problem);
            }
        });
    }
}

/// Index and height of a transaction, if it is recorded.
pub(super) fn known(reading: &Reading<RedbSnapshot>, id: &TxId) -> Answered<Option<(u64, u64)>> {
    let Some(index) = reading.find(id)? else {
        return Ok(None);
    };
    Ok(Some((index, reading.height_of(index)?.0)))
}

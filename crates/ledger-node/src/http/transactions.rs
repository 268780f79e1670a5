//! Transactions: submitting one, finding one, listing them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ledger_core::store::{Order, RedbSnapshot};
use ledger_core::{Address, Question, Reading, Receipt, Transaction, TxId, Verified};
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::api::{Headers, Shared};
use super::course::Sent;
use super::description::Binary;
use super::params::{Asked, First, Named, Since, natural, page, read_some};
use super::prefer::Preferences;
use super::problem::{Answered, Problem};
use super::reply::{CBOR, Found, Representation};
use super::settings::Reads;
use super::view::{Page, ReceiptView, TransactionView};
use super::writer::Submission;
use crate::Error;

/// When a refusal comes that tells nothing: longer than any of its reasons takes to be found.
const UNTOLD: Duration = Duration::from_millis(10);

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A signed transaction for those who send JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Submitted {
    /// Its canonical bytes, in base64.
    transaction: String,
}

/// Records a signed transaction; answers when its block is on disk.
///
/// The signature is checked first, under the sender's key of now; where reads are for members, everything that no live member signed
/// is refused in the same words. The same transaction again is no error: it has its receipt already. With `Prefer: respond-async` (RFC 7240) the answer
/// comes at once, with `Prefer: respond-async, wait=SECONDS` after so many if there is no block by then; the transaction's
/// address tells when it is recorded, and for ten minutes why it was refused.
#[utoipa::path(
    post, path = "/v1/transactions", tag = "transactions",
    params(
        Since,
        ("Prefer" = Option<String>, Header, description = "`respond-async`, also with `wait=SECONDS` (RFC 7240)"),
    ),
    request_body(
        content((Binary = "application/cbor"), (Submitted = "application/json")),
        description = "Canonical DAG-CBOR, at most 65,535 bytes",
    ),
    responses(
        (status = 201, description = "Recorded", content((ReceiptView = "application/json"), (Binary = "application/cbor"))),
        (status = 200, description = "Recorded before", content((ReceiptView = "application/json"), (Binary = "application/cbor"))),
        (status = 202, description = "Waiting for its block", body = ReceiptView),
        (status = "4XX", description = "Refused, with its code", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "It took too long, and may still be recorded: `Location` tells", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Not recorded", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    Asked(since): Asked<Since>,
    form: Representation,
    headers: HeaderMap,
    Sent(body, course): Sent,
) -> Answered<Response> {
    if !shared.node.records() {
        return Err(Problem::read_only(StatusCode::FORBIDDEN));
    }
    let tx = read(&headers, &body)?;
    let (id, cid) = (tx.id(), tx.cid().to_string());
    let verified = match signed(&shared, &tx).await {
        Ok(verified) => verified,
        // recorded before, under a key of then
        Err(problem) => return answered_by(&shared, Err(problem), (id, cid), since, form).await,
    };
    let busy = || {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many transactions wait for their block",
        )
    };
    let bytes = u32::try_from(tx.as_bytes().len()).map_err(|_| busy())?;
    let room = Arc::clone(&shared.room).try_acquire_many_owned(bytes);
    let (answer, answered) = oneshot::channel();
    let submission = Submission {
        tx,
        verified,
        answer,
        room: Some(room.map_err(|_| busy())?),
    };
    shared
        .queue
        .try_send(submission)
        .map_err(|error| match error {
            TrySendError::Full(_) => busy(),
            TrySendError::Closed(_) => Problem::stopping(),
        })?;
    let location = format!("/v1/transactions/{id}");
    course.queued(&location);
    let mut waiting = Waiting {
        answered: Some(answered),
        shared: Arc::clone(&shared),
        id,
    };
    let preferences = Preferences::of(&headers);
    let outcome = if preferences.respond_async {
        // less than a request may take, which would end without an answer
        let wait = preferences.wait.unwrap_or_default().min(shared.timeout / 2);
        waiting.within(wait).await
    } else {
        Some(waiting.outcome().await)
    };
    drop(waiting);
    let mut response = match outcome {
        Some(outcome) => answered_by(&shared, outcome?, (id, cid), since, form).await?,
        None => {
            let view = ReceiptView {
                id: id.to_string(),
                cid,
                index: None,
                height: None,
            };
            let applied = [(PREFERENCE_APPLIED, "respond-async")];
            (StatusCode::ACCEPTED, applied, Json(view)).into_response()
        }
    };
    let location = HeaderValue::from_str(&location).map_err(|_| Problem::stopping())?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// Checks the sender's signature under the key of now: whoever can sign nothing takes no place in the queue and none of the
/// writer's time. None when the ledger has moved on meanwhile, which the writer looks at.
async fn signed(shared: &Arc<Shared>, tx: &Transaction) -> Answered<Option<Verified>> {
    let asked = Instant::now();
    let verified = shared.node.verify_ahead(tx);
    if shared.reads == Reads::Everybody && verified.is_some() {
        return Ok(verified);
    }
    let sender = *tx.sender();
    if shared.reads == Reads::Members {
        let live = shared.read(move |_, reading| {
            Ok(reading
                .member(&sender)?
                .is_some_and(|member| member.is_live()))
        });
        if live.await? && verified.is_some() {
            return Ok(verified);
        }
        // who is a member, and how much it has sent, is for members: neither words nor time tell it
        tokio::time::sleep_until(asked + UNTOLD).await;
        shared.metrics.refused("unknown-signer");
        let detail = "no live member signed this transaction";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::new(status, "unknown-signer", detail));
    }
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

/// A transaction that is in the queue. When nobody waits any more (the request preferred that, took too long, or its
/// connection was closed) a refusal is kept for whoever asks then.
struct Waiting {
    answered: Option<oneshot::Receiver<Answered<Receipt>>>,
    shared: Arc<Shared>,
    id: TxId,
}

impl Waiting {
    /// What the writer answers.
    async fn outcome(&mut self) -> Answered<Answered<Receipt>> {
        let answered = self.answered.as_mut().ok_or_else(Problem::stopping)?;
        let outcome = answered.await;
        self.answered = None;
        outcome.map_err(|_| Problem::stopping())
    }

    /// What the writer answers, if it does within this time.
    async fn within(&mut self, wait: Duration) -> Option<Answered<Answered<Receipt>>> {
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

/// The reply when the writer has answered.
async fn answered_by(
    shared: &Arc<Shared>,
    outcome: Answered<Receipt>,
    (id, cid): (TxId, String),
    since: Since,
    form: Representation,
) -> Answered<Response> {
    let view = move |(index, height)| ReceiptView {
        id: id.to_string(),
        cid,
        index: Some(index),
        height: Some(height),
    };
    if let (Ok(receipt), Representation::Json) = (&outcome, form) {
        // nothing has to be looked up, so no other thread is waited for
        let view = view((receipt.index, receipt.height.0));
        let vary = [(VARY, HeaderValue::from_static("accept"))];
        return Ok((StatusCode::CREATED, vary, Json(view)).into_response());
    }
    shared
        .answer(form, move |_, reading| {
            let (receipt, status) = match outcome {
                Ok(receipt) => ((receipt.index, receipt.height.0), StatusCode::CREATED),
                // said twice: the first answer was lost on its way
                Err(problem) => match known(reading, &id)? {
                    Some(receipt) => (receipt, StatusCode::OK),
                    None => return Err(problem),
                },
            };
            let question = Question {
                older: since.older,
                blocks: vec![ledger_core::Height(receipt.1)],
                transactions: vec![receipt.0],
                ..Question::default()
            };
            Ok(Found::new(view(receipt), question).status(status))
        })
        .await
}

fn read(headers: &HeaderMap, body: &[u8]) -> Answered<Transaction> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let decoded;
    let bytes = match kind.map(|kind| kind.split(';').next().unwrap_or_default().trim()) {
        Some(CBOR | "application/octet-stream") => body,
        Some("application/json") => {
            let submitted: Submitted = serde_json::from_slice(body)
                .map_err(|error| Problem::malformed(error.to_string()))?;
            decoded = BASE64_STANDARD
                .decode(&submitted.transaction)
                .map_err(|error| Problem::malformed(format!("the base64: {error}")))?;
            &decoded
        }
        _ => {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "expected application/cbor or application/json",
            ));
        }
    };
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

/// Index and height of a transaction, if it is recorded.
fn known(reading: &Reading<RedbSnapshot>, id: &TxId) -> Answered<Option<(u64, u64)>> {
    let Some(index) = reading.find(id)? else {
        return Ok(None);
    };
    Ok(Some((index, reading.height_of(index)?.0)))
}

/// Which transactions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listed {
    /// Only those that concern this member: an OpenPGP fingerprint.
    #[param(pattern = "^([0-9A-F]{40}|[0-9A-F]{64})$")]
    member: Option<String>,
    /// Which come first.
    #[serde(default)]
    #[param(inline)]
    first: First,
    /// Where the page begins: what `next` said, or an index; with the newest first, the page has those before it.
    #[serde(default, deserialize_with = "natural")]
    cursor: Option<u64>,
    /// How many, at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The number of transactions of the checkpoint that the asker keeps.
    #[serde(default, deserialize_with = "natural")]
    older: Option<u64>,
}

/// Lists transactions in the order of the log, or the newest first.
#[utoipa::path(
    get, path = "/v1/transactions", tag = "transactions", params(Listed),
    responses(
        (status = 200, description = "A page", content((Page<TransactionView> = "application/json"), (Binary = "application/cbor"))),
        (status = "4XX", description = "Malformed", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Asked(listed): Asked<Listed>,
    form: Representation,
) -> Answered<Response> {
    let limit = page(listed.limit)?;
    let member: Option<Address> = read_some(listed.member.as_ref())?;
    let (order, start) = listed.first.order();
    let from = listed.cursor.unwrap_or(start);
    let list = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let mut indices = match member {
            Some(member) => reading.involved(&member, from, order, limit + 1)?,
            None => reading.indices(from, order, limit + 1),
        };
        let beyond = (indices.len() > limit).then(|| indices.pop()).flatten();
        let next = beyond.map(|index| match order {
            Order::Ascending => index.to_string(),
            Order::Descending => index.saturating_add(1).to_string(),
        });
        let mut found = recorded(reading, indices, listed.older)?.next(next.clone());
        if let Ok(page) = &mut found.view {
            page.next = next;
        }
        Ok(found)
    };
    shared.answer(form, list).await
}

/// Transactions by their indices, each with its block.
pub(super) fn recorded(
    reading: &Reading<RedbSnapshot>,
    indices: Vec<u64>,
    older: Option<u64>,
) -> Answered<Found<Page<TransactionView>>> {
    let mut headers = Headers::new(reading);
    let (mut items, mut blocks) = (Vec::new(), BTreeSet::new());
    for &index in &indices {
        let tx = reading.transaction(index)?;
        let tx = tx.ok_or_else(|| Problem::not_found("transaction"))?;
        let header = headers.of(index)?;
        items.push(TransactionView::new(&tx, index, &header));
        blocks.insert(header.height);
    }
    let question = Question {
        older,
        blocks: blocks.into_iter().collect(),
        transactions: indices,
        ..Question::default()
    };
    Ok(Found::new(Page { items, next: None }, question))
}

/// One transaction; or, for some minutes after nobody waited for the answer, why it was refused.
#[utoipa::path(
    get, path = "/v1/transactions/{id}", tag = "transactions",
    params(("id" = String, Path, description = "SHA-256 of its bytes", pattern = "^[0-9a-f]{64}$"), Since),
    responses(
        (status = 200, description = "It is recorded", content((TransactionView = "application/json"), (Binary = "application/cbor"))),
        (status = "4XX", description = "It is not recorded: 422 with the code when it was refused a while ago", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Named(id): Named<TxId>,
    Asked(since): Asked<Since>,
    form: Representation,
) -> Answered<Response> {
    let one = move |shared: &Shared, reading: &Reading<RedbSnapshot>| {
        let index = reading.find(&id)?;
        let missing = || {
            let refused = shared.refusals.find(&id);
            refused.unwrap_or_else(|| Problem::not_found("transaction"))
        };
        let index = index.ok_or_else(missing)?;
        let mut found = recorded(reading, vec![index], since.older)?;
        let view = found.view?.items.pop();
        Ok(Found {
            view: view.ok_or_else(|| Problem::not_found("transaction")),
            question: std::mem::take(&mut found.question),
            status: found.status,
            next: None,
        })
    };
    shared.answer(form, one).await
}

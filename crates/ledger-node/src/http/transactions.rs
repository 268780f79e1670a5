//! Transactions: submitting one, finding one, listing them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::header::{LOCATION, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ledger_core::store::{Order, RedbSnapshot};
use ledger_core::{Address, Question, Reading, Receipt, Transaction, TxId};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::admission;
use super::api::{Headers, Shared};
use super::body;
use super::course::Sent;
use super::description::Binary;
use super::params::{Asked, First, Named, Since, natural, page, read_some};
use super::prefer::Preferences;
use super::problem::{Answered, Problem};
use super::reply::{CBOR, Found, Representation};
use super::view::{Page, ReceiptView, TransactionView};

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
///
/// When the store fails, the transaction is not in the ledger that is served. Only where its disk had taken the block, and took neither
/// the end of that write nor that it was undone, and the server is then killed, may it be there when it starts again.
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
        (status = 504, description = "It took too long, or the answer failed, and it may be recorded: its address tells", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Not recorded: too much waits, or the store failed, after which the address of the transaction is certain", body = Problem, content_type = "application/problem+json"),
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
    let location = format!("/v1/transactions/{id}");
    let asked = Instant::now();
    admission::reached(&shared, &since, form).await?;
    let verified = shared.node.verify_ahead(&tx);
    let verified = match admission::signed(&shared, &tx, verified).await {
        Ok(verified) => verified,
        // recorded before, under a key of then
        Err(problem) => {
            admission::untold(&shared, 1, asked).await;
            return answered_by(&shared, Err(problem), (id, cid), since, form).await;
        }
    };
    let mut waiting = admission::queue(&shared, tx, verified)?;
    course.queued(Some(&location));
    let preferences = Preferences::of(&headers);
    let outcome = if preferences.respond_async {
        // less than a request may take, which would end without an answer
        let wait = preferences.wait.unwrap_or_default().min(shared.timeout / 2);
        waiting.within(wait).await
    } else {
        Some(waiting.outcome().await)
    };
    let mut response = match outcome {
        Some(outcome) => {
            let response = answered_by(&shared, outcome, (id, cid), since, form).await;
            waiting.heard();
            response?
        }
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
    let refused = Arc::new(AtomicBool::new(false));
    let refuses = Arc::clone(&refused);
    let location = format!("/v1/transactions/{id}");
    let answer = shared
        .answer(form, move |_, reading| {
            let (receipt, status) = match outcome {
                Ok(receipt) => ((receipt.index, receipt.height.0), StatusCode::CREATED),
                // said twice: the first answer was lost on its way
                Err(problem) => match admission::known(reading, &id)? {
                    Some(receipt) => (receipt, StatusCode::OK),
                    None => {
                        refuses.store(true, Ordering::Relaxed);
                        return Err(problem);
                    }
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
        .await;
    match answer {
        // no word on the transaction: it is recorded, or was before, or nobody can tell
        Err(problem) if problem.is_failure() && !refused.load(Ordering::Relaxed) => {
            Ok(([(LOCATION, location)], problem.unsaid()).into_response())
        }
        answer => answer,
    }
}

fn read(headers: &HeaderMap, bytes: &[u8]) -> Answered<Transaction> {
    match body::media_type(headers) {
        Some(CBOR | "application/octet-stream") => admission::decoded(bytes),
        Some(body::JSON) => {
            let submitted: Submitted = body::json(bytes)?;
            admission::decoded(&body::base64(&submitted.transaction)?)
        }
        _ => Err(body::other_type(CBOR)),
    }
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

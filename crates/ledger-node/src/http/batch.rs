//! Batches: many transactions in one request.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::header::{EXPECT, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use ledger_core::store::RedbSnapshot;
use ledger_core::{Height, Question, Reading, Receipt, Transaction, TxId, Verified};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::admission::{self, Waiting};
use super::api::Shared;
use super::body;
use super::course::{Asker, Course, Sent};
use super::description::Binary;
use super::limits::{Full, Place};
use super::params::{Asked, Since};
use super::problem::{Answered, Problem};
use super::reply::{Found, Representation};
use super::settings::Reads;
use crate::batch::{MAX_BATCH, MAX_BATCH_BYTES, take};

const CBOR_SEQUENCE: &str = "application/cbor-seq";

/// Signed transactions for those who send JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmittedBatch {
    /// The canonical bytes of each, in base64, in the order in which they are to be recorded.
    #[serde(deserialize_with = "few")]
    #[schema(min_items = 1, max_items = 100)]
    transactions: Vec<String>,
}

/// What became of one transaction of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Outcome")]
pub(super) struct OutcomeView {
    /// SHA-256 of its bytes, in hexadecimal.
    id: String,
    /// The CID of its bytes as an IPFS block.
    cid: String,
    /// Where it stands in the log; absent when it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    /// The height of its block; absent when it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    /// Whether it was recorded before, or earlier in this batch; absent when it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_before: Option<bool>,
    /// Why it is not recorded; absent when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// Records up to a hundred signed transactions, in their order; answers when their blocks are on disk.
///
/// If one of them cannot be read, none is recorded, and the problem says which, from 0. One that the rules refuse does not
/// stop the others, except those that need it: a sender's later ones have the wrong sequence then. Each signature is checked
/// first, under its sender's key of now, as for one transaction: a member that the batch itself enrolls sends in the next. The same
/// transactions again are no error. In JSON each has its receipt or its problem, in the order of the request; the proven
/// answer holds those that are recorded, to be found by their bytes, and says nothing of the others. A batch counts as so many
/// requests as it has transactions, as far as an address may send at once. A 5XX that is no 504 says that none is recorded, because each
/// failed so; when the store failed, as far as that is certain of one transaction. Where reads are for members there is no proof for a batch of which nothing is recorded, but a 422.
#[utoipa::path(
    post, path = "/v1/transactions/batch", tag = "transactions", params(Since),
    request_body(
        content((Binary = "application/cbor-seq"), (SubmittedBatch = "application/json")),
        description = "A sequence (RFC 8742) of canonical DAG-CBOR, 1 to 100 transactions of up to 65,535 bytes, at most 1 MiB in either form",
    ),
    responses(
        (status = 200, description = "What became of each", content((Vec<OutcomeView> = "application/json"), (Binary = "application/cbor"))),
        (status = "4XX", description = "Nothing is recorded: malformed, too large, beyond the log, or too many requests of this address", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "It took too long, or the answer failed, and some may be recorded: their addresses tell", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Nothing is recorded: too much waits, or the server failed", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    Asked(since): Asked<Since>,
    representation: Representation,
    batch: Batch,
) -> Answered<Response> {
    let Batch {
        form,
        bytes,
        asker,
        course,
        place,
    } = batch;
    let asked = Instant::now();
    admission::reached(&shared, &since, representation).await?;
    let read = {
        let shared = Arc::clone(&shared);
        // nobody ends this work: its place is taken until it is done, also when nobody waits for it any more
        tokio::task::spawn_blocking(move || (read(&shared, asker, form, &bytes), place))
    };
    let (read, place) = read.await.map_err(|_| Problem::stopping())?;
    let (txs, verified) = read?;
    let signed = admission::signed_each(&shared, &txs, verified).await?;
    drop(place);
    if signed.iter().any(Result::is_err) {
        admission::untold(&shared, txs.len(), asked).await;
    }
    let (mut items, mut entering) = (Vec::with_capacity(txs.len()), Vec::new());
    for (tx, signed) in txs.into_iter().zip(signed) {
        let (id, cid) = (tx.id(), tx.cid().to_string());
        let refused = signed.map(|verified| entering.push((tx, verified))).err();
        items.push((id, cid, refused));
    }
    let mut queued = admission::queue_all(&shared, entering)?.into_iter();
    if queued.len() > 0 {
        course.queued(None);
    }
    let sent = items.into_iter().filter_map(|(id, cid, refused)| {
        let waiting = match refused {
            Some(problem) => Waiting::refused(&shared, id, problem),
            None => queued.next()?,
        };
        Some((id, cid, waiting))
    });
    // all of them, before the first is waited for: when that takes too long, each keeps its refusal
    let mut sent: Vec<_> = sent.collect();
    let mut outcomes = Vec::with_capacity(sent.len());
    for (id, cid, waiting) in &mut sent {
        let receipt = waiting.outcome().await;
        outcomes.push(Outcome {
            id: *id,
            cid: cid.clone(),
            found: receipt.map(|receipt| Recorded::now(&receipt)),
        });
    }
    let outcomes = recorded_before(&shared, outcomes);
    let outcomes = outcomes.await.map_err(Problem::unsaid)?;
    let reply = match of_all(&shared, &outcomes, representation) {
        Some(problem) => Err(problem),
        None => {
            let answer = answer(&shared, outcomes, &since, representation);
            Ok(answer.await.map_err(Problem::unsaid)?)
        }
    };
    sent.into_iter().for_each(|(_, _, waiting)| waiting.heard());
    reply
}

/// What the ledger said of a transaction.
struct Outcome {
    id: TxId,
    cid: String,
    found: Answered<Recorded>,
}

/// Finds those that are recorded all the same: they were said twice, in this batch or before.
async fn recorded_before(
    shared: &Arc<Shared>,
    mut outcomes: Vec<Outcome>,
) -> Answered<Vec<Outcome>> {
    if outcomes.iter().all(|outcome| outcome.found.is_ok()) {
        return Ok(outcomes);
    }
    let find = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.found.is_err()) {
            if let Some((index, height)) = admission::known(reading, &outcome.id)? {
                outcome.found = Ok(Recorded {
                    index,
                    height,
                    before: true,
                });
            }
        }
        Ok(outcomes)
    };
    shared.read(find).await
}

/// The problem of a batch of which nothing is recorded, when it has one.
fn of_all(
    shared: &Shared,
    outcomes: &[Outcome],
    representation: Representation,
) -> Option<Problem> {
    let problems = outcomes.iter().map(|outcome| outcome.found.as_ref().err());
    let problems = problems.collect::<Option<Vec<_>>>()?;
    if problems.iter().all(|problem| problem.is_failure()) {
        return problems.first().copied().cloned();
    }
    // a proof shows the newest header, which is for members
    if representation == Representation::Json || shared.reads == Reads::Everybody {
        return None;
    }
    let unknown = problems
        .iter()
        .all(|problem| problem.code == admission::UNKNOWN_SIGNER);
    let (code, detail) = match unknown {
        true => (
            admission::UNKNOWN_SIGNER,
            "no live member signed any of these transactions",
        ),
        false => (
            "unrecorded",
            "none of these transactions is recorded: in JSON each has its reason",
        ),
    };
    Some(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail))
}

/// The reply when all have their outcome.
async fn answer(
    shared: &Arc<Shared>,
    outcomes: Vec<Outcome>,
    since: &Since,
    representation: Representation,
) -> Answered<Response> {
    if representation == Representation::Json {
        // nothing has to be looked up
        let views: Vec<_> = outcomes.into_iter().map(OutcomeView::from).collect();
        let vary = [(VARY, HeaderValue::from_static("accept"))];
        return Ok((vary, Json(views)).into_response());
    }
    let (mut blocks, mut indices) = (BTreeSet::new(), BTreeSet::new());
    for recorded in outcomes.iter().flat_map(|outcome| &outcome.found) {
        blocks.insert(Height(recorded.height));
        indices.insert(recorded.index);
    }
    let question = Question {
        older: since.older,
        blocks: blocks.into_iter().collect(),
        transactions: indices.into_iter().collect(),
        ..Question::default()
    };
    let proven = move |_: &Shared, _: &Reading<RedbSnapshot>| Ok(Found::new((), question));
    shared.answer(representation, proven).await
}

/// Where a transaction stands, and since when.
struct Recorded {
    index: u64,
    height: u64,
    before: bool,
}

impl Recorded {
    const fn now(receipt: &Receipt) -> Self {
        Self {
            index: receipt.index,
            height: receipt.height.0,
            before: false,
        }
    }
}

impl From<Outcome> for OutcomeView {
    fn from(outcome: Outcome) -> Self {
        let (recorded, problem) = match outcome.found {
            Ok(recorded) => (Some(recorded), None),
            Err(problem) => (None, Some(problem)),
        };
        Self {
            id: outcome.id.to_string(),
            cid: outcome.cid,
            index: recorded.as_ref().map(|recorded| recorded.index),
            height: recorded.as_ref().map(|recorded| recorded.height),
            recorded_before: recorded.map(|recorded| recorded.before),
            problem,
        }
    }
}

/// The body of a request with a batch. A place was taken before the first byte of it was read, and is kept until the signatures
/// are checked.
pub(super) struct Batch {
    form: Form,
    bytes: Bytes,
    asker: IpAddr,
    course: Course,
    place: Place,
}

/// How the transactions stand in a body.
#[derive(Clone, Copy)]
enum Form {
    Sequence,
    Json,
}

impl FromRequest<Arc<Shared>> for Batch {
    type Rejection = Response;

    async fn from_request(mut request: Request, shared: &Arc<Shared>) -> Result<Self, Response> {
        let (form, asker, place) = match entered(&request, shared) {
            Ok(entered) => entered,
            Err(problem) => {
                discard(request).await;
                return Err(problem.into_response());
            }
        };
        DefaultBodyLimit::max(MAX_BATCH_BYTES).apply(&mut request);
        let sent = Sent::from_request(request, shared).await;
        let Sent(bytes, course) = sent.map_err(|response| match response.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let detail = format!("a batch has at most {MAX_BATCH_BYTES} bytes");
                too_large(detail).into_response()
            }
            _ => response,
        })?;
        Ok(Self {
            form,
            bytes,
            asker,
            course,
            place,
        })
    }
}

/// What is known before the body is read: its form, who asks, and a place for it.
fn entered(request: &Request, shared: &Shared) -> Answered<(Form, IpAddr, Place)> {
    if !shared.node.records() {
        return Err(Problem::read_only(StatusCode::FORBIDDEN));
    }
    let form = Form::of(request.headers())?;
    let asker = request.extensions().get::<Asker>().copied();
    let Asker(asker) = asker.ok_or_else(Problem::stopping)?;
    let place = shared.batches.enter(asker).map_err(|full| {
        shared.metrics.turned_away.inc();
        match full {
            Full::All => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many batches are being read",
            ),
            Full::Address => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "batches",
                "this address sends too many batches at a time",
            ),
        }
    })?;
    Ok((form, asker, place))
}

/// Lets a body come and keeps nothing of it: whoever still sends when the connection is closed does not hear why. Whoever asked
/// whether to send it hears that at once.
async fn discard(request: Request) {
    if request.headers().contains_key(EXPECT) {
        return;
    }
    let mut rest = MAX_BATCH_BYTES;
    let mut body = request.into_body().into_data_stream();
    while let Some(Ok(piece)) = body.next().await {
        match rest.checked_sub(piece.len()) {
            Some(less) => rest = less,
            None => return,
        }
    }
}

impl Form {
    fn of(headers: &HeaderMap) -> Answered<Self> {
        match body::media_type(headers) {
            Some(CBOR_SEQUENCE) => Ok(Self::Sequence),
            Some(body::JSON) => Ok(Self::Json),
            _ => Err(body::other_type(CBOR_SEQUENCE)),
        }
    }

    /// The bytes of each transaction, of which nothing is known yet; one beyond the limit shows that there are too many.
    fn parts(self, bytes: &[u8]) -> Answered<Vec<Cow<'_, [u8]>>> {
        let mut parts = Vec::new();
        match self {
            Self::Sequence => {
                let mut rest = bytes;
                while !rest.is_empty() && parts.len() <= MAX_BATCH {
                    let part = take(&mut rest).ok_or_else(|| {
                        let problem = Problem::malformed("expected a sequence of whole CBOR items");
                        problem.of_transaction(parts.len())
                    })?;
                    parts.push(Cow::Borrowed(part));
                }
            }
            Self::Json => {
                let submitted: SubmittedBatch = body::json(bytes)?;
                for (text, number) in submitted.transactions.iter().zip(0..) {
                    let part = body::base64(text);
                    let part = part.map_err(|problem| problem.of_transaction(number))?;
                    parts.push(Cow::Owned(part));
                }
            }
        }
        Ok(parts)
    }
}

fn too_large(detail: String) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
}

/// The transactions of a body, with their signatures checked together.
fn read(
    shared: &Shared,
    asker: IpAddr,
    form: Form,
    bytes: &[u8],
) -> Answered<(Vec<Transaction>, Vec<Option<Verified>>)> {
    let parts = form.parts(bytes)?;
    match parts.len() {
        0 => return Err(Problem::malformed("expected at least one transaction")),
        1..=MAX_BATCH => {}
        _ => {
            let detail = format!("a batch has at most {MAX_BATCH} transactions");
            return Err(too_large(detail));
        }
    }
    // the request itself was counted
    let more = u32::try_from(parts.len() - 1).unwrap_or(u32::MAX);
    if let Some(rate) = &shared.rate
        && !rate.allows_more(asker, more)
    {
        shared.metrics.turned_away.inc();
        return Err(Problem::too_often());
    }
    let txs = parts.iter().zip(0..).map(|(bytes, number)| {
        admission::decoded(bytes).map_err(|problem| problem.of_transaction(number))
    });
    let txs = txs.collect::<Answered<Vec<_>>>()?;
    let bytes = txs.iter().map(|tx| tx.as_bytes().len()).sum::<usize>();
    let most = shared.queue.max_capacity();
    if txs.len() > most || bytes > shared.all_room {
        // it would never have its turn
        let detail = format!(
            "at most {most} transactions of {} bytes may wait here",
            shared.all_room
        );
        return Err(too_large(detail));
    }
    let verified = shared.node.verify_each(&txs);
    Ok((txs, verified))
}

/// Reads a list of which no more is kept than shows that it is too long.
fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Few;

    impl<'de> Visitor<'de> for Few {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of transactions in base64")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut few = Vec::new();
            while few.len() <= MAX_BATCH {
                match list.next_element()? {
                    Some(text) => few.push(text),
                    None => return Ok(few),
                }
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(few)
        }
    }

    deserializer.deserialize_seq(Few)
}

//! Shares: by sender, receiver, state and content; what happened to one; the bundle to keep.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ledger_core::store::RedbSnapshot;
use ledger_core::{Cid, Question, Reading, ShareFilter, ShareId, StatusKind};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::api::Shared;
use super::cosigning;
use super::description::Binary;
use super::large;
use super::params::{Asked, First, Named, Since, natural, page, read_some};
use super::problem::{Answered, Problem};
use super::reply::{CBOR, Found, Representation};
use super::transactions::recorded;
use super::view::{Page, ShareView, TransactionView};

/// Which shares.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listed {
    /// Sent by this member: an OpenPGP fingerprint.
    #[param(pattern = "^([0-9A-F]{40}|[0-9A-F]{64})$")]
    sender: Option<String>,
    /// For this member: an OpenPGP fingerprint.
    #[param(pattern = "^([0-9A-F]{40}|[0-9A-F]{64})$")]
    receiver: Option<String>,
    /// What became of them.
    #[param(inline)]
    status: Option<StatusName>,
    /// Of this content: a CID.
    content: Option<String>,
    /// Accepted, or not, by the receiver that is asked for; without one, by everybody whose grant stands.
    accepted: Option<bool>,
    /// Whose id begins with these digits.
    #[param(pattern = "^[0-9a-fA-F]{1,64}$")]
    begins: Option<String>,
    /// Which come first, in the order in which they were recorded or granted to the receiver.
    #[serde(default)]
    #[param(inline)]
    first: First,
    /// Where the page begins: what `next` said.
    #[serde(default, deserialize_with = "natural")]
    cursor: Option<u64>,
    /// How many, at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The number of transactions of the checkpoint that the asker keeps.
    #[serde(default, deserialize_with = "natural")]
    older: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StatusName {
    Live,
    Rejected,
    Withdrawn,
}

/// Lists shares, with where each stands now. A page takes no further share after 4 MiB of what the ledger knows of them, and says where
/// the next one begins.
#[utoipa::path(
    get, path = "/v1/shares", tag = "shares", params(Listed),
    responses(
        (status = 200, description = "A page", content((Page<ShareView> = "application/json"), (Binary = "application/cbor"))),
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
    let (order, start) = listed.first.order();
    let from = listed.cursor.unwrap_or(start);
    let filter = ShareFilter {
        sender: read_some(listed.sender.as_ref())?,
        receiver: read_some(listed.receiver.as_ref())?,
        status: listed.status.map(|status| match status {
            StatusName::Live => StatusKind::Live,
            StatusName::Rejected => StatusKind::Rejected,
            StatusName::Withdrawn => StatusKind::Withdrawn,
        }),
        content: read_some::<Cid>(listed.content.as_ref())?,
        accepted: listed.accepted,
        begins: read_some(listed.begins.as_ref())?,
    };
    let list = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let found = reading.find_shares(&filter, order, from, limit)?;
        let next = found.next.map(|next| next.to_string());
        let view = Page {
            items: found
                .shares
                .iter()
                .map(|(id, share)| ShareView::new(id, share))
                .collect(),
            next: next.clone(),
        };
        let question = Question {
            older: listed.older,
            shares: found.shares.iter().map(|(id, _)| *id).collect(),
            ..Question::default()
        };
        Ok(Found::new(view, question).next(next))
    };
    shared.answer(form, list).await
}

/// One share, with where it stands now.
#[utoipa::path(
    get, path = "/v1/shares/{id}", tag = "shares",
    params(("id" = String, Path, description = "Its name", pattern = "^[0-9a-f]{64}$"), Since),
    responses(
        (status = 200, description = "It is recorded", content((ShareView = "application/json"), (Binary = "application/cbor"))),
        (status = 404, description = "It is not recorded, and that can be proven", content((Problem = "application/problem+json"), (Binary = "application/cbor"))),
        (status = "4XX", description = "Malformed", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Named(id): Named<ShareId>,
    Asked(since): Asked<Since>,
    form: Representation,
) -> Answered<Response> {
    let one = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let question = Question {
            older: since.older,
            shares: vec![id],
            ..Question::default()
        };
        let found = match reading.share(&id)? {
            Some(share) => Found::new(ShareView::new(&id, &share), question),
            None => Found::absent("share", question),
        };
        Ok(found)
    };
    shared.answer(form, one).await
}

/// Everything that happened to a share, in order; few long lives at a time, which have to be taken in the time of a request.
#[utoipa::path(
    get, path = "/v1/shares/{id}/events", tag = "shares",
    params(("id" = String, Path, description = "Its name", pattern = "^[0-9a-f]{64}$"), Since),
    responses(
        (status = 200, description = "Its transactions", content((Page<TransactionView> = "application/json"), (Binary = "application/cbor"))),
        (status = 404, description = "It is not recorded, and that can be proven", content((Problem = "application/problem+json"), (Binary = "application/cbor"))),
        (status = "4XX", description = "Malformed", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    Named(id): Named<ShareId>,
    Asked(since): Asked<Since>,
    form: Representation,
) -> Answered<Response> {
    let many = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let events = reading.share(&id)?.map_or(0, |share| share.events.len());
        Ok(u64::try_from(events).unwrap_or(u64::MAX))
    };
    let place = large::place(&shared, shared.read(many).await?).await?;
    let history = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let mut found = match reading.share(&id)? {
            Some(share) => recorded(reading, share.events, since.older)?,
            None => Found::absent("share", Question::default()),
        };
        found.question.older = since.older;
        found.question.shares = vec![id];
        Ok(found)
    };
    let response = shared.answer(form, history).await?;
    large::held(response, place, shared.timeout).await
}

/// The proof bundle of a share: a file to keep, which `medshare check-proof` believes or not. Where witnesses are asked, it
/// carries their cosignatures, and waits for them for up to two seconds.
#[utoipa::path(
    get, path = "/v1/shares/{id}/proof", tag = "shares",
    params(("id" = String, Path, description = "Its name", pattern = "^[0-9a-f]{64}$"), Since),
    responses(
        (status = 200, description = "The bundle", body = Binary, content_type = "application/cbor"),
        (status = "4XX", description = "It is not recorded", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn proof(
    State(shared): State<Arc<Shared>>,
    Named(id): Named<ShareId>,
    Asked(since): Asked<Since>,
) -> Answered<Response> {
    let cosigned = cosigning::caught_up(&shared).await?;
    let prove = move |shared: &Shared, reading: &Reading<RedbSnapshot>| {
        let (reading, note) = match &cosigned {
            Some(cosigned) => (&*cosigned.reading, cosigned.note.to_string()),
            None => (reading, shared.node.checkpoint_at(reading)?),
        };
        if reading.share(&id)?.is_none() {
            return Err(Problem::not_found("share"));
        }
        Ok(reading.prove(&id, note, since.older)?.to_bytes())
    };
    let bundle = shared.read(prove).await?;
    let name = format!("attachment; filename=\"{id}.proof\"");
    let headers = [(CONTENT_TYPE, CBOR.to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, bundle).into_response())
}

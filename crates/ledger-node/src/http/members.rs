//! Members.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ledger_core::store::RedbSnapshot;
use ledger_core::{Address, Question, Reading};
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::Shared;
use super::description::Binary;
use super::params::{Asked, Named, Since, natural, page, read_some};
use super::problem::{Answered, Problem};
use super::reply::{Found, Representation};
use super::view::{MemberView, Page};

/// Which members.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listed {
    /// Where the page begins: what `next` said.
    #[param(pattern = "^([0-9A-F]{40}|[0-9A-F]{64})$")]
    cursor: Option<String>,
    /// How many, at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The number of transactions of the checkpoint that the asker keeps.
    #[serde(default, deserialize_with = "natural")]
    older: Option<u64>,
}

/// Lists members in the order of their addresses.
#[utoipa::path(
    get, path = "/v1/members", tag = "members", params(Listed),
    responses(
        (status = 200, description = "A page", content((Page<MemberView> = "application/json"), (Binary = "application/cbor"))),
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
    let after: Option<Address> = read_some(listed.cursor.as_ref())?;
    let list = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let members = reading.members(after.as_ref(), limit)?;
        let next = members
            .last()
            .filter(|_| members.len() == limit)
            .map(|(address, _)| address.to_string());
        let view = Page {
            items: members
                .iter()
                .map(|(address, member)| MemberView::new(address, member))
                .collect(),
            next: next.clone(),
        };
        let question = Question {
            older: listed.older,
            members: members.iter().map(|(address, _)| *address).collect(),
            ..Question::default()
        };
        Ok(Found::new(view, question).next(next))
    };
    shared.answer(form, list).await
}

/// One member.
#[utoipa::path(
    get, path = "/v1/members/{address}", tag = "members",
    params(("address" = String, Path, description = "Its OpenPGP fingerprint", pattern = "^([0-9A-F]{40}|[0-9A-F]{64})$"), Since),
    responses(
        (status = 200, description = "It was enrolled", content((MemberView = "application/json"), (Binary = "application/cbor"))),
        (status = 404, description = "It was never enrolled, and that can be proven", content((Problem = "application/problem+json"), (Binary = "application/cbor"))),
        (status = "4XX", description = "Malformed", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Named(address): Named<Address>,
    Asked(since): Asked<Since>,
    form: Representation,
) -> Answered<Response> {
    let one = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let question = Question {
            older: since.older,
            members: vec![address],
            ..Question::default()
        };
        let found = match reading.member(&address)? {
            Some(member) => Found::new(MemberView::new(&address, &member), question),
            None => Found::absent("member", question),
        };
        Ok(found)
    };
    shared.answer(form, one).await
}

//! Blocks: headers, the newest first, and the transactions of one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use ledger_core::store::RedbSnapshot;
use ledger_core::{Height, Question, Reading};
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::{Shared, header_at};
use super::description::Binary;
use super::large;
use super::log::FOREVER;
use super::params::{Asked, Named, Since, natural, page};
use super::problem::{Answered, Problem};
use super::reply::{Found, Representation};
use super::view::{BlockView, Page};

/// Which blocks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listed {
    /// Where the page begins: a height, or what `next` said.
    #[serde(default, deserialize_with = "natural")]
    cursor: Option<u64>,
    /// How many, at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The number of transactions of the checkpoint that the asker keeps.
    #[serde(default, deserialize_with = "natural")]
    older: Option<u64>,
}

/// Lists the headers of blocks, the newest first.
#[utoipa::path(
    get, path = "/v1/blocks", tag = "blocks", params(Listed),
    responses(
        (status = 200, description = "A page", content((Page<BlockView> = "application/json"), (Binary = "application/cbor"))),
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
    let list = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let newest = reading.head().height.0;
        let from = listed.cursor.map_or(newest, |cursor| cursor.min(newest));
        let heights: Vec<_> = (0..=from).rev().take(limit).collect();
        let next = heights
            .last()
            .and_then(|last| last.checked_sub(1))
            .map(|next| next.to_string());
        let block = |&height: &u64| {
            let (first, header) = header_at(reading, Height(height))?;
            Ok(BlockView::new(&header, first, None))
        };
        let view = Page {
            items: heights.iter().map(block).collect::<Answered<_>>()?,
            next: next.clone(),
        };
        let question = Question {
            older: listed.older,
            blocks: heights.into_iter().map(Height).collect(),
            ..Question::default()
        };
        Ok(Found::new(view, question).next(next))
    };
    shared.answer(form, list).await
}

/// One block with its transactions; few large ones at a time, which have to be taken in the time of a request.
#[utoipa::path(
    get, path = "/v1/blocks/{height}", tag = "blocks",
    params(("height" = u64, Path, description = "Its number"), Since),
    responses(
        (status = 200, description = "It is there", content((BlockView = "application/json"), (Binary = "application/cbor"))),
        (status = "4XX", description = "It is not there yet", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Named(height): Named<u64>,
    Asked(since): Asked<Since>,
    form: Representation,
) -> Answered<Response> {
    let many = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let (first, header) = header_at(reading, Height(height))?;
        Ok(header.log_size.saturating_sub(first))
    };
    let place = large::place(&shared, shared.read(many).await?).await?;
    let one = move |_: &Shared, reading: &Reading<RedbSnapshot>| {
        let (first, header) = header_at(reading, Height(height))?;
        let block = reading.block(Height(height))?;
        let block = block.ok_or_else(|| Problem::not_found("block"))?;
        let question = Question {
            older: since.older,
            blocks: vec![Height(height)],
            transactions: (first..header.log_size).collect(),
            ..Question::default()
        };
        let view = BlockView::new(&header, first, Some(&block.transactions));
        Ok(Found::new(view, question))
    };
    let response = shared.answer(form, one).await?;
    large::held(response, place, shared.timeout).await
}

/// The checkpoint over a block, as a C2SP signed note: what the node signed when it was the newest, without the cosignatures of witnesses.
///
/// Asking for it moves nothing at `/checkpoint`, which may still be at an earlier block, because it waits for witnesses.
#[utoipa::path(
    get, path = "/v1/blocks/{height}/checkpoint", tag = "blocks",
    params(("height" = u64, Path, description = "Its number")),
    responses(
        (status = 200, description = "The note, which never changes", body = String, content_type = "text/plain; charset=utf-8"),
        (status = "4XX", description = "The block is not there yet, or the node has no key", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn checkpoint(
    State(shared): State<Arc<Shared>>,
    Named(height): Named<u64>,
) -> Answered<Response> {
    let sign = move |shared: &Shared, reading: &Reading<RedbSnapshot>| {
        let header = reading.header(Height(height))?;
        let header = header.ok_or_else(|| Problem::not_found("block"))?;
        Ok(shared.node.checkpoint_over(&header)?)
    };
    let note = shared.read(sign).await?;
    Ok(([(CACHE_CONTROL, FOREVER)], note).into_response())
}

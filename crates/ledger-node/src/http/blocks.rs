//! Blocks: headers, the newest first, and the transactions of one.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use futures_util::{TryStreamExt as _, stream};
use ledger_core::store::RedbSnapshot;
use ledger_core::{Height, Question, Reading};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use super::api::{Shared, header_at};
use super::description::Binary;
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

/// From how many transactions on a block's answer is a large one.
const LARGE: u64 = 64;
/// What is handed to a connection at a time.
const PIECE: usize = 64 * 1024;

/// Holds a large answer's place until it is sent, and ends what is not taken in this time: places are few, because each may
/// take some tens of megabytes.
async fn held(
    response: Response,
    place: OwnedSemaphorePermit,
    time: Duration,
) -> Answered<Response> {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await;
    let body = body.map_err(|_| Problem::stopping())?;
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    let until = Instant::now() + time;
    let pieces = stream::unfold((body, place), move |(mut rest, place)| async move {
        if rest.is_empty() {
            return None;
        }
        if Instant::now() > until {
            return Some((Err(io::ErrorKind::TimedOut), (Bytes::new(), place)));
        }
        let piece = rest.split_to(rest.len().min(PIECE));
        Some((Ok(piece), (rest, place)))
    });
    let pieces = pieces.map_err(io::Error::from);
    Ok(Response::from_parts(parts, Body::from_stream(pieces)))
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
    let place = if shared.read(many).await? >= LARGE {
        let place = Arc::clone(&shared.large).acquire_owned().await;
        Some(place.map_err(|_| Problem::stopping())?)
    } else {
        None
    };
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
    match place {
        Some(place) => held(response, place, shared.timeout).await,
        None => Ok(response),
    }
}

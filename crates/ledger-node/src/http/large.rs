//! Large answers: a few at a time, because each may take some tens of megabytes.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use futures_util::{TryStreamExt as _, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::api::Shared;
use super::problem::{Answered, Problem};

/// From how many transactions on an answer is a large one.
const LARGE: u64 = 64;
/// What is handed to a connection at a time.
const PIECE: usize = 64 * 1024;

/// The place that an answer with so many transactions needs, when there is one; none for one that is not large.
pub(super) async fn place(
    shared: &Shared,
    transactions: u64,
) -> Answered<Option<OwnedSemaphorePermit>> {
    if transactions < LARGE {
        return Ok(None);
    }
    let place = Arc::clone(&shared.large).acquire_owned().await;
    Ok(Some(place.map_err(|_| Problem::stopping())?))
}

/// Holds a large answer's place until it is sent, and ends what is not taken in this time.
pub(super) async fn held(
    response: Response,
    place: Option<OwnedSemaphorePermit>,
    time: Duration,
) -> Answered<Response> {
    let Some(place) = place else {
        return Ok(response);
    };
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

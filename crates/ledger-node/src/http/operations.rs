//! For whoever runs the server: is it up, is it ready, how much does it do, what does it offer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::api::Shared;
use super::problem::{Answered, Problem};

/// The server's word on itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Health")]
struct Health {
    /// `up` or `ready`.
    status: String,
}

impl Health {
    fn new(status: &str) -> Json<Self> {
        let status = status.to_owned();
        Json(Self { status })
    }
}

/// Whether the process runs.
#[utoipa::path(
    get, path = "/health", tag = "operations",
    responses((status = 200, description = "It runs", body = Health)),
)]
pub(super) async fn health() -> Response {
    Health::new("up").into_response()
}

/// Whether transactions are taken: the ledger can be read, no block failed to be written in the last five seconds, the clock can be
/// believed, there is the node's key (503 `read-only` otherwise), and the server is not stopping.
#[utoipa::path(
    get, path = "/ready", tag = "operations",
    responses(
        (status = 200, description = "It takes transactions", body = Health),
        (status = "4XX", description = "Asked too often", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "It takes none", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Answered<Response> {
    if *shared.stopping.borrow() || shared.queue.is_closed() {
        return Err(Problem::stopping());
    }
    if !shared.node.records() {
        return Err(Problem::read_only(StatusCode::SERVICE_UNAVAILABLE));
    }
    let clock = |shared: &Shared, _: &_| Ok(shared.node.next_time().map(drop)?);
    shared.read(clock).await?;
    if !shared.progress.borrow().is_healthy() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store",
            "a block could not be written a moment ago",
        ));
    }
    Ok(Health::new("ready").into_response())
}

/// Figures for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses(
        (status = 200, description = "The figures", body = String, content_type = "application/openmetrics-text"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Answered<Response> {
    let head = shared.read(|_, reading| Ok((reading.head().height.0, reading.head().log_size)));
    let (height, size) = head.await?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = shared.metrics.text(height, size);
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", body = String, content_type = "application/json")),
)]
pub(super) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], super::openapi()).into_response()
}

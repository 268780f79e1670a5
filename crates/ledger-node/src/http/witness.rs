//! Witnessing: the checkpoints of other logs, cosigned (C2SP tlog-witness).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ledger_core::NotCosigned;

use super::api::Shared;
use super::course::Sent;
use super::problem::{Answered, Problem};

/// The type of an answer that says which checkpoint was cosigned last.
pub(super) const SIZE: &str = "text/x.tlog.size";

/// Cosigns another log's checkpoint, if it continues the last one of that log that was cosigned.
#[utoipa::path(
    post, path = "/add-checkpoint", tag = "log",
    request_body(
        content = String, content_type = "text/plain",
        description = "`old SIZE`, the consistency proof with a hash in base64 a line, an empty line, the signed note (C2SP tlog-witness)",
    ),
    responses(
        (status = 200, description = "The cosignature: a line of a signed note", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 409, description = "The size of the last checkpoint that was cosigned", body = String, content_type = "text/x.tlog.size"),
        (status = "4XX", description = "Malformed, an unknown log, not signed by it, or not proven to continue", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "It could not be kept, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn add_checkpoint(
    State(shared): State<Arc<Shared>>,
    Sent(body, _): Sent,
) -> Answered<Response> {
    let Some(witnessing) = shared.witnessing.clone() else {
        let detail = "this server witnesses no log";
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-log", detail));
    };
    let now = shared.node.now();
    let answer = tokio::task::spawn_blocking(move || witnessing.add_checkpoint(&body, now));
    let answer = answer.await.map_err(|_| Problem::stopping())?;
    match answer? {
        Ok(line) => Ok(line.into_response()),
        Err(NotCosigned::Conflict { size }) => {
            let body = format!("{size}\n");
            Ok((StatusCode::CONFLICT, [(CONTENT_TYPE, SIZE)], body).into_response())
        }
        Err(why) => {
            let status = StatusCode::from_u16(why.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let code = match &why {
                NotCosigned::Signature => "signature",
                NotCosigned::UnknownLog { .. } => "unknown-log",
                NotCosigned::Inconsistent(_) => "inconsistent",
                _ => "malformed",
            };
            Err(Problem::new(status, code, why.to_string()))
        }
    }
}

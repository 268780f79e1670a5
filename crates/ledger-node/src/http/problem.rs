//! Errors as problem+json (RFC 9457).

use axum::Json;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Error;

pub(super) const PROBLEM_JSON: &str = "application/problem+json";

const KEYLESS: &str =
    "this is a copy without the node's key: it is read, but records and signs nothing";

/// What went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Problem")]
pub(super) struct Problem {
    /// A name of the kind of problem: `urn:medshare:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What was expected and what was found.
    detail: String,
    /// A stable name of the reason, for programs: `replayed`, `unknown-share`, ….
    code: String,
}

/// The answer of a route: what it answers, or a problem.
pub(super) type Answered<T> = Result<T, Problem>;

impl Problem {
    pub(super) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:medshare:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
        }
    }

    /// Something in the request that is not what the description says.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    pub(super) fn not_found(what: &str) -> Self {
        let code = format!("unknown-{}", what.replace(' ', "-"));
        Self::new(
            StatusCode::NOT_FOUND,
            &code,
            format!("the ledger has no such {what}"),
        )
    }

    /// Nothing can be recorded here.
    pub(super) fn read_only(status: StatusCode) -> Self {
        Self::new(status, "read-only", KEYLESS)
    }

    pub(super) fn stopping() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "the server is stopping",
        )
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = match &error {
            Error::NoKey { .. } => KEYLESS.to_owned(),
            error => error.to_string(),
        };
        let (status, code) = match &error {
            Error::Refused(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, refusal.code()),
            Error::Clock { .. } => (StatusCode::SERVICE_UNAVAILABLE, "clock"),
            Error::NoKey { .. } => (StatusCode::FORBIDDEN, "no-key"),
            Error::Ledger(ledger_core::Error::Beyond { .. }) => (StatusCode::CONFLICT, "beyond"),
            Error::Ledger(ledger_core::Error::Store { .. }) => {
                (StatusCode::INSUFFICIENT_STORAGE, "store")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "damaged"),
        };
        Self::new(status, code, detail)
    }
}

impl From<ledger_core::Error> for Problem {
    fn from(error: ledger_core::Error) -> Self {
        match error {
            ledger_core::Error::Refused(refusal) => Self::from(Error::Refused(refusal)),
            other => Self::from(Error::Ledger(other)),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Gives the errors of the layers below (an unknown path, a method that is not allowed, a body too large) the same form.
pub(super) async fn dress(response: Response) -> Response {
    let status = response.status();
    let dressed = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        kind == PROBLEM_JSON || kind == super::reply::CBOR || kind == super::witness::SIZE
    });
    if dressed || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("not-found", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => ("method", "this address does not take this method"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "the body is larger than a transaction"),
        _ => ("malformed", "the request is not what the description says"),
    };
    let mut problem = Problem::new(status, code, detail).into_response();
    for kept in [ALLOW, CACHE_CONTROL] {
        if let Some(value) = response.headers().get(&kept) {
            problem.headers_mut().insert(kept, value.clone());
        }
    }
    problem
}

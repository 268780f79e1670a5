//! Errors as problem+json (RFC 9457).

use std::io::{self, ErrorKind};

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
    pub(super) code: String,
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

    /// The same problem, with which transaction of many has it, from 0.
    pub(super) fn of_transaction(mut self, number: usize) -> Self {
        self.detail = format!("transaction {number}: {}", self.detail);
        self
    }

    /// Whether it is the server's, and says nothing about what was sent.
    pub(super) const fn is_failure(&self) -> bool {
        self.status >= 500
    }

    /// The answer when what was queued cannot be told of: neither a refusal nor a failure to record.
    pub(super) fn unsaid(self) -> Self {
        let detail = format!(
            "{}: what was sent may be recorded, which its address tells",
            self.detail
        );
        Self::new(StatusCode::GATEWAY_TIMEOUT, &self.code, detail)
    }

    pub(super) fn too_often() -> Self {
        let detail = "this address asks too often";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate", detail)
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
    /// A stranger does not learn where the server keeps its files, nor what the system says of them.
    fn from(error: Error) -> Self {
        let internal = StatusCode::INTERNAL_SERVER_ERROR;
        let new = |status, code: &str, detail: &str| Self::new(status, code, detail);
        match &error {
            Error::Refused(refusal) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, refusal.code(), error.to_string())
            }
            Error::Clock { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "clock", error.to_string())
            }
            Error::NoKey { .. } => new(StatusCode::FORBIDDEN, "no-key", KEYLESS),
            Error::Ledger(ledger_core::Error::Beyond { .. }) => {
                Self::new(StatusCode::CONFLICT, "beyond", error.to_string())
            }
            error if is_full(error) => {
                let detail =
                    "the disk of the server is full: it records nothing until there is room";
                new(StatusCode::INSUFFICIENT_STORAGE, "full", detail)
            }
            Error::Ledger(ledger_core::Error::Store { action, .. }) => Self::new(
                internal,
                "store",
                format!("the store failed while {action}"),
            ),
            Error::Damaged { what, .. } | Error::Ledger(ledger_core::Error::Damaged { what }) => {
                Self::new(
                    internal,
                    "damaged",
                    format!("the ledger is damaged: {what}"),
                )
            }
            Error::Kept { .. } => {
                let detail = "the last checkpoint could not be kept: nothing was cosigned";
                new(internal, "kept", detail)
            }
            Error::Busy { .. } | Error::Ledger(ledger_core::Error::Busy) => {
                let detail = "another process has the ledger open";
                new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
            }
            _ => new(internal, "internal", "the server cannot answer this"),
        }
    }
}

/// Whether somebody has to make room: a disk, a quota, or a limit on the size of a file is reached. The layers below hand on the
/// system's error, or its words alone.
fn is_full(error: &Error) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let number = error.to_string();
        let number = number.split_once("(os error ").and_then(|(_, rest)| {
            let (number, _) = rest.split_once(')')?;
            number.parse().ok()
        });
        let kind = match (error.downcast_ref::<io::Error>(), number) {
            (Some(error), _) => Some(error.kind()),
            (None, Some(number)) => Some(io::Error::from_raw_os_error(number).kind()),
            (None, None) => None,
        };
        if matches!(
            kind,
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
        ) {
            return true;
        }
        next = error.source();
    }
    false
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
        // a clock or a missing key is not mended in a second
        let passes = !matches!(self.code.as_str(), "clock" | "read-only");
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        let turned_away = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        if turned_away && passes {
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    /// Every failure of the store was a full disk, what was not known was damage, and paths were told to whoever asked.
    #[test]
    fn failures_have_their_status_and_tell_no_paths() {
        let path = || PathBuf::from("/srv/secret");
        let store = |source: Box<dyn std::error::Error + Send + Sync>| {
            Error::Ledger(ledger_core::Error::Store {
                action: "writing a block",
                source,
            })
        };
        let system = |kind: ErrorKind| Box::new(io::Error::new(kind, "/srv/secret"));
        for (error, status, code) in [
            (store(system(ErrorKind::StorageFull)), 507, "full"),
            (store(system(ErrorKind::QuotaExceeded)), 507, "full"),
            (store(system(ErrorKind::PermissionDenied)), 500, "store"),
            (store("the cable is out, /srv/secret".into()), 500, "store"),
            #[cfg(target_os = "linux")]
            (
                store("No space left on device (os error 28)".into()),
                507,
                "full",
            ),
            #[cfg(target_os = "linux")]
            (
                store("Input/output error (os error 5)".into()),
                500,
                "store",
            ),
            (
                Error::Kept {
                    path: path(),
                    reason: "permission denied".to_owned(),
                },
                500,
                "kept",
            ),
            (
                Error::Damaged {
                    path: path(),
                    what: "header 5 is missing".to_owned(),
                },
                500,
                "damaged",
            ),
            (
                Error::Busy {
                    path: path(),
                    waited: Duration::ZERO,
                },
                503,
                "busy",
            ),
            (Error::NoKey { path: path() }, 403, "no-key"),
            (
                Error::File {
                    path: path(),
                    source: ErrorKind::PermissionDenied.into(),
                },
                500,
                "internal",
            ),
            (Error::Missing { path: path() }, 500, "internal"),
        ] {
            let words = error.to_string();
            let problem = Problem::from(error);
            assert_eq!(
                (problem.status, problem.code.as_str()),
                (status, code),
                "{words}"
            );
            assert!(!problem.detail.contains("/srv"), "{}", problem.detail);
        }
    }
}

//! What stands in the body of a request, in whichever of its forms.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::de::DeserializeOwned;

use super::problem::{Answered, Problem};

pub(super) const JSON: &str = "application/json";

/// Of which type a body is, without the parameters.
pub(super) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(kind.split(';').next().unwrap_or_default().trim())
}

/// That a body is of another type than of this one, or of JSON.
pub(super) fn other_type(expected: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "media-type",
        format!("expected {expected} or {JSON}"),
    )
}

/// Reads JSON.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Answered<T> {
    serde_json::from_slice(bytes).map_err(|error| Problem::malformed(error.to_string()))
}

/// Reads base64.
pub(super) fn base64(text: &str) -> Answered<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(text);
    bytes.map_err(|error| Problem::malformed(format!("the base64: {error}")))
}

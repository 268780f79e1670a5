//! Replies in two representations: JSON, or the answer that proves it.

use std::cmp::Reverse;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ledger_core::store::RedbSnapshot;
use ledger_core::{Question, Reading};
use serde::Serialize;

use super::api::Shared;
use super::prefer::split;
use super::problem::{Answered, Problem};

pub(super) const CBOR: &str = "application/cbor";
const JSON: &str = "application/json";
/// Where the next page begins, for both representations.
pub(super) const NEXT_CURSOR: HeaderName = HeaderName::from_static("next-cursor");

/// Which representation is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Representation {
    Json,
    Proven,
}

impl<S: Send + Sync> FromRequestParts<S> for Representation {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers))
    }
}

impl Representation {
    /// The one that is accepted with the greater weight (RFC 9110, section 12.5.1); of two that weigh the same, what is named more
    /// precisely, then what is named first; JSON when neither is.
    fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT).into_iter();
        let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
        let ranges: Vec<_> = lines
            .iter()
            .flat_map(|line| split(line, ','))
            .map(Range::read)
            .collect();
        let (json, proven) = (weighed(&ranges, JSON), weighed(&ranges, CBOR));
        if proven > json {
            Self::Proven
        } else {
            Self::Json
        }
    }
}

/// A media range of `Accept` and its weight in thousandths.
struct Range {
    name: String,
    weight: u16,
}

impl Range {
    fn read(text: &str) -> Self {
        let mut parts = split(text, ';');
        let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let weight = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("q")
                .then(|| thousandths(value.trim()))
        });
        Self {
            name,
            weight: weight.unwrap_or(1000),
        }
    }
}

/// A weight: `0`, `1`, or a fraction of up to three digits (section 12.4.2); what is none of these accepts nothing.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if digits => format!("{fraction:0<3}").parse().unwrap_or(0),
        "1" if digits && fraction.bytes().all(|byte| byte == b'0') => 1000,
        _ => 0,
    }
}

/// How much a type is accepted: its weight by the range that names it most precisely, how precise that is, and how early it comes.
fn weighed(ranges: &[Range], kind: &str) -> (u16, u8, Reverse<usize>) {
    let (family, _) = kind.split_once('/').unwrap_or((kind, ""));
    let matches = |(place, range): (usize, &Range)| {
        let precision = match range.name.as_str() {
            name if name == kind => 2,
            "*/*" => 0,
            name if name.strip_suffix("/*") == Some(family) => 1,
            _ => return None,
        };
        Some((precision, Reverse(place), range.weight))
    };
    let best = ranges.iter().enumerate().filter_map(matches).max();
    match best {
        Some((precision, place, weight)) if weight > 0 => (weight, precision, place),
        _ => (0, 0, Reverse(usize::MAX)),
    }
}

/// What a route has found: a status, what JSON shows, and what proves it.
pub(super) struct Found<T> {
    pub(super) status: StatusCode,
    pub(super) view: Answered<T>,
    pub(super) question: Question,
    pub(super) next: Option<String>,
}

impl<T: Serialize> Found<T> {
    pub(super) const fn new(view: T, question: Question) -> Self {
        Self {
            status: StatusCode::OK,
            view: Ok(view),
            question,
            next: None,
        }
    }

    /// That there is no such thing, which can be proven too.
    pub(super) fn absent(what: &str, question: Question) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            view: Err(Problem::not_found(what)),
            question,
            next: None,
        }
    }

    /// Tells where the next page begins.
    pub(super) fn next(mut self, next: Option<String>) -> Self {
        self.next = next;
        self
    }

    pub(super) const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The reply, from the same moment of the ledger as what was found, with the note that witnesses cosigned if it is given.
    pub(super) fn reply(
        self,
        form: Representation,
        shared: &Shared,
        reading: &Reading<RedbSnapshot>,
        note: Option<&str>,
    ) -> Answered<Response> {
        let mut response = match form {
            Representation::Json => match self.view {
                Ok(view) => (self.status, Json(view)).into_response(),
                Err(problem) => problem.into_response(),
            },
            Representation::Proven => {
                let mut answer = shared.node.answer_at(reading, &self.question)?;
                if let Some(note) = note {
                    answer = answer.cosigned(note.to_owned());
                }
                let answer = answer.to_bytes();
                (self.status, [(CONTENT_TYPE, CBOR)], answer).into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("accept"));
        if let Some(next) = self.next
            && let Ok(next) = HeaderValue::from_str(&next)
        {
            headers.insert(NEXT_CURSOR, next);
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prefix was compared.
    #[test]
    fn what_is_accepted_is_weighed() {
        use Representation::{Json, Proven};
        for (lines, expected) in [
            (&[][..], Json),
            (&["*/*"], Json),
            (&["application/*"], Json),
            (&["text/html"], Json),
            (&["application/cbor"], Proven),
            (&["Application/CBOR"], Proven),
            (&[" application/cbor ; q=0.001"], Proven),
            (&["application/cbor;q=0"], Json),
            (&["application/cbor;q=0.000"], Json),
            (&["application/cbor;q=2"], Json),
            (&["application/cbor;q=0.0001"], Json),
            (&["application/cborx"], Json),
            (&["application/cbor-seq"], Json),
            (&["application/json;q=0.5, application/cbor"], Proven),
            (
                &["application/json;q=0.5", "application/cbor;Q=0.6"],
                Proven,
            ),
            (&["application/json, application/cbor;q=0.9"], Json),
            (&["application/json, application/cbor"], Json),
            (&["application/cbor, application/json"], Proven),
            (&["*/*, application/cbor"], Proven),
            (&["*/*;q=0.1, application/json;q=0"], Proven),
            (&["application/*;q=0.9, application/cbor;q=0.2"], Json),
            (
                &["text/html;x=\"application/cbor, a\", application/json"],
                Json,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT, line.parse().unwrap());
            }
            assert_eq!(Representation::of(&headers), expected, "{lines:?}");
        }
    }
}

//! Replies in two representations: JSON, or the answer that proves it.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ledger_core::store::RedbSnapshot;
use ledger_core::{Question, Reading};
use serde::Serialize;

use super::api::Shared;
use super::problem::{Answered, Problem};

pub(super) const CBOR: &str = "application/cbor";
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
        let accept = parts.headers.get(ACCEPT).map(HeaderValue::as_bytes);
        let proven = accept.is_some_and(|accept| accept.starts_with(CBOR.as_bytes()));
        Ok(if proven { Self::Proven } else { Self::Json })
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

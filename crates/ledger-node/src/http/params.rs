//! What requests say: paths and queries, read strictly, with problems that name what is wrong.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use ledger_core::store::Order;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;

/// The most things on one page.
pub(super) const MAX_PAGE: usize = 100;

/// The query of a request.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(asked)| Self(asked))
            .map_err(|error| Problem::malformed(error.body_text()))
    }
}

/// The one name in a request's path.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr<Err: std::fmt::Display>> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::malformed(error.body_text()))?;
        read(&text).map(Self)
    }
}

/// Reads an identifier.
pub(super) fn read<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| Problem::malformed(error.to_string()))
}

/// Reads an identifier that may be absent.
pub(super) fn read_some<T: FromStr<Err: std::fmt::Display>>(
    text: Option<&String>,
) -> Result<Option<T>, Problem> {
    text.map(|text| read(text)).transpose()
}

/// The query of an address that answers about one thing.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// The number of transactions of the checkpoint that the asker keeps; a proof then shows that it is continued.
    #[serde(default, deserialize_with = "natural")]
    pub(super) older: Option<u64>,
}

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum First {
    #[default]
    Oldest,
    Newest,
}

impl First {
    /// In which order that is, and where its first page begins: at the first transaction, or before the one that comes next.
    pub(super) const fn order(self) -> (Order, u64) {
        match self {
            Self::Oldest => (Order::Ascending, 0),
            Self::Newest => (Order::Descending, u64::MAX),
        }
    }
}

/// How many things a page may have.
pub(super) fn page(limit: Option<u32>) -> Result<usize, Problem> {
    let limit = limit.map_or(50, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    if (1..=MAX_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::malformed(format!(
            "expected a limit of 1 to {MAX_PAGE}, found {limit}"
        )))
    }
}

/// A number that may be absent, of those that JSON and its schemas agree on: up to 63 bits.
pub(super) fn natural<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    count(deserializer).map(Some)
}

/// As [`natural`], where there has to be one.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if i64::try_from(number).is_ok() {
        Ok(number)
    } else {
        Err(D::Error::custom("expected a number of up to 63 bits"))
    }
}

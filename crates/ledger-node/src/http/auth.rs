//! Lets members read who sign their requests.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ledger_core::{Address, Height, Signature, signed_digest};

use super::api::Shared;
use super::course::Course;
use super::problem::{Answered, Problem};
use super::settings::Reads;
use crate::reader::{READ_TOLERANCE, read_message};

/// Lets a request under `/v1` or `/tile` pass, or asks for a member's signature. Transactions need none: they are signed themselves.
pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    if shared.reads == Reads::Everybody {
        return next.run(request).await;
    }
    let mut response = checked(&shared, request, next).await;
    // a cache on the way would give it to whoever asks next; `public` would even overrule that it was signed (RFC 9111,
    // section 3.5)
    let cached = HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(CACHE_CONTROL, cached);
    response
}

async fn checked(shared: &Arc<Shared>, mut request: Request, next: Next) -> Response {
    if *request.method() != Method::POST {
        let header = request.headers().get(AUTHORIZATION).cloned();
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        match authorize(shared, header.as_ref(), path).await {
            Ok(member) => {
                if let Some(course) = request.extensions().get::<Course>() {
                    course.signed(member);
                }
                request.extensions_mut().insert(Reader(Some(member)));
            }
            Err(problem) => {
                let mut response = problem.into_response();
                let scheme = HeaderValue::from_static("Medshare");
                response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
                return response;
            }
        }
    }
    next.run(request).await
}

async fn authorize(
    shared: &Arc<Shared>,
    header: Option<&HeaderValue>,
    path: String,
) -> Answered<Address> {
    let refused = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "unsigned", detail);
    let header = header
        .and_then(|header| header.to_str().ok())
        .and_then(Credentials::read)
        .ok_or_else(|| refused("reading takes a request that a member signed"))?;
    let now = shared.node.now();
    if now.abs_diff(header.time) > READ_TOLERANCE {
        return Err(refused(
            "the request was signed too long ago, or a clock is wrong",
        ));
    }
    let address = header.address;
    let holds = shared.read(move |shared, reading| {
        let next = Height(reading.head().height.0.saturating_add(1));
        let member = reading.member(&header.address)?;
        let key = member
            .filter(ledger_core::MemberState::is_live)
            .and_then(|member| member.key_at(next).copied());
        let message = read_message(&shared.node.chain(), &header.address, header.time, &path);
        Ok(key.is_some_and(|key| key.verifies(&signed_digest(&message), &header.signature)))
    });
    if holds.await? {
        Ok(address)
    } else {
        Err(refused("no live member signed this request"))
    }
}

/// The member that signed the request; none where everybody reads.
#[derive(Clone, Copy, Default)]
pub(super) struct Reader(pub(super) Option<Address>);

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

struct Credentials {
    address: Address,
    time: u64,
    signature: Signature,
}

impl Credentials {
    fn read(text: &str) -> Option<Self> {
        let (mut address, mut time, mut signature) = (None, None, None);
        for part in text.strip_prefix("Medshare ")?.split(", ") {
            let (name, value) = part.split_once('=')?;
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            match name {
                "address" => address = value.parse().ok(),
                "time" => time = value.parse().ok(),
                "signature" => {
                    let bytes = BASE64_STANDARD.decode(value).ok()?;
                    signature = bytes.try_into().ok().map(Signature::new);
                }
                _ => return None,
            }
        }
        Some(Self {
            address: address?,
            time: time?,
            signature: signature?,
        })
    }
}

//! The course of a request: who asks, how far it came, and what is told of it when it ends.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ledger_core::Address;

use super::api::Shared;
use super::problem::{self, Problem};
use super::settings::Log;

/// A request that was answered, for a log. It is made when the answer begins: a stream of events goes on after it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Handled {
    /// Who asked: the address that connected, or that a trusted proxy named.
    pub asker: IpAddr,
    /// The member that signed the question, where reads are for members.
    pub member: Option<Address>,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, as they were asked for, in ASCII: other letters are percent-encoded.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// How long it took until the answer began.
    pub took: Duration,
}

/// The address that limits are counted for.
#[derive(Clone, Copy)]
pub(super) struct Asker(pub(super) IpAddr);

/// How far a request has come, for the answer when it takes too long.
#[derive(Clone, Default)]
pub(super) struct Course(Arc<Steps>);

#[derive(Default)]
struct Steps {
    arrived: AtomicBool,
    queued: OnceLock<Option<String>>,
    member: OnceLock<Address>,
}

impl Course {
    /// The whole body is there.
    fn arrived(&self) {
        self.0.arrived.store(true, Ordering::Relaxed);
    }

    /// What was sent waits for its block, whatever becomes of the request: one transaction, with this address, or many.
    pub(super) fn queued(&self, location: Option<&str>) {
        self.0.queued.get_or_init(|| location.map(str::to_owned));
    }

    /// A member signed the request.
    pub(super) fn signed(&self, member: Address) {
        self.0.member.get_or_init(|| member);
    }

    /// The answer when the time is over.
    fn ended(&self, method: &Method) -> Response {
        let gone = |status, detail: &str| Problem::new(status, "timeout", detail);
        if let Some(None) = self.0.queued.get() {
            let detail = "the server took too long: the transactions may still be recorded, which the address of each tells";
            return gone(StatusCode::GATEWAY_TIMEOUT, detail).into_response();
        }
        if let Some(Some(location)) = self.0.queued.get() {
            let detail = format!(
                "the server took too long: the transaction may still be recorded, which {location} tells"
            );
            let mut response = gone(StatusCode::GATEWAY_TIMEOUT, &detail).into_response();
            if let Ok(location) = HeaderValue::from_str(location) {
                response.headers_mut().insert(LOCATION, location);
            }
            return response;
        }
        if *method == Method::POST && !self.0.arrived.load(Ordering::Relaxed) {
            let detail = "the body of the request did not come in time";
            return gone(StatusCode::REQUEST_TIMEOUT, detail).into_response();
        }
        let detail = "the server took too long to answer";
        gone(StatusCode::GATEWAY_TIMEOUT, detail).into_response()
    }
}

/// The whole body of a request, and its course.
pub(super) struct Sent(pub(super) Bytes, pub(super) Course);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let course = request.extensions().get::<Course>().cloned();
        let course = course.unwrap_or_default();
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(IntoResponse::into_response)?;
        course.arrived();
        Ok(Self(bytes, course))
    }
}

/// Turns away who asks too often, ends what takes too long, counts the rest, and gives every error one form.
pub(super) async fn guard(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    path: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let (course, method) = (Course::default(), request.method().clone());
    let asker = asker(peer.ip(), request.headers(), &shared.proxies);
    request.extensions_mut().insert(course.clone());
    request.extensions_mut().insert(Asker(asker));
    let asked = shared.log.as_ref().map(|_| request.uri().clone());
    let start = Instant::now();
    let allowed = shared.rate.as_ref().is_none_or(|rate| rate.allows(asker));
    let mut response = if allowed {
        match tokio::time::timeout(shared.timeout, next.run(request)).await {
            Ok(response) => problem::dress(response).await,
            Err(_) => course.ended(&method),
        }
    } else {
        shared.metrics.turned_away.inc();
        Problem::too_often().into_response()
    };
    // whatever says nothing else is asked for again each time
    let cached = response.headers_mut().entry(CACHE_CONTROL);
    cached.or_insert(HeaderValue::from_static("no-cache"));
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    let took = start.elapsed();
    shared.metrics.request(route, status, took);
    if let (Some(Log(log)), Some(asked)) = (&shared.log, asked) {
        log(&Handled {
            asker,
            member: course.0.member.get().copied(),
            method: method.to_string(),
            path: ascii(asked.path_and_query().map_or("/", |path| path.as_str())),
            status,
            took,
        });
    }
    response
}

/// Who asks: the last address in `X-Forwarded-For` that is no trusted proxy, when a trusted proxy is who connects. What cannot be read
/// counts as the proxy's own.
fn asker(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !proxies.contains(&peer) {
        return peer;
    }
    // byte by byte: letters that are none of an address do not make those behind them unreadable
    let named = headers.get_all("x-forwarded-for").iter();
    let named: Vec<_> = named
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|address| {
            let address = std::str::from_utf8(address).ok()?.trim();
            address
                .parse()
                .ok()
                .map(|address: IpAddr| address.to_canonical())
        })
        .collect();
    let mut named = named.into_iter().rev();
    let first = named.find(|address| !address.is_some_and(|address| proxies.contains(&address)));
    first.flatten().unwrap_or(peer)
}

/// Text without the letters that would move the cursor of whoever reads it.
fn ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            ascii.push(char::from(byte));
        } else {
            ascii.push_str(&format!("%{byte:02X}"));
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_behind_a_proxy_cannot_choose_who_they_are() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = [address("10.0.0.1"), address("10.0.0.2")];
        let cases: [(&str, &[&[u8]], &str); 10] = [
            // nobody stands between
            ("192.0.2.1", &[b"203.0.113.5"], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[b"203.0.113.5"], "203.0.113.5"),
            ("::ffff:10.0.0.1", &[b"203.0.113.5"], "203.0.113.5"),
            // what the asker wrote itself stands before what the proxies added
            ("10.0.0.1", &[b"198.51.100.9, 203.0.113.5"], "203.0.113.5"),
            (
                "10.0.0.1",
                &[b"198.51.100.9", b"203.0.113.5, 10.0.0.2"],
                "203.0.113.5",
            ),
            ("10.0.0.1", &[b"\xff, 203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", &[b"203.0.113.5, 2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1", &[b"203.0.113.5, unknown"], "10.0.0.1"),
            ("10.0.0.1", &[b"10.0.0.2"], "10.0.0.1"),
        ];
        for (peer, forwarded, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
            }
            let found = asker(address(peer), &headers, &proxies);
            assert_eq!(found, address(expected), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn what_is_asked_moves_no_cursor() {
        assert_eq!(ascii("/v1/shares?limit=2"), "/v1/shares?limit=2");
        assert_eq!(
            ascii("/a\u{9b}2J\u{2028}b \n"),
            "/a%C2%9B2J%E2%80%A8b%20%0A"
        );
    }
}

//! How often one address may ask, and how long an answer may take.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::DefaultClock;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use super::api::Shared;
use super::problem::{self, Problem};

/// After how many requests the addresses that have been quiet are forgotten.
const FORGET: u32 = 10_000;

/// Counts the requests of each address.
pub(super) struct Rate {
    limiter: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock>,
    seen: AtomicU32,
}

impl Rate {
    /// So many a second, and as many at once after a pause.
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_second(per_second)),
            seen: AtomicU32::new(0),
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        if self.seen.fetch_add(1, Ordering::Relaxed) % FORGET == FORGET - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&neighbourhood(address)).is_ok()
    }
}

/// Who counts as one: an address of IPv4, a /64 of IPv6, which is what one customer gets.
pub(super) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        address => address,
    }
}

/// Turns away who asks too often, ends what takes too long, counts the rest, and gives every error one form.
pub(super) async fn guard(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let allowed = shared
        .rate
        .as_ref()
        .is_none_or(|rate| rate.allows(peer.ip()));
    let response = if allowed {
        match tokio::time::timeout(shared.timeout, next.run(request)).await {
            Ok(response) => problem::dress(response).await,
            Err(_) => {
                let problem = Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "timeout",
                    "the request took too long",
                );
                problem.into_response()
            }
        }
    } else {
        shared.metrics.turned_away.inc();
        let problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate",
            "this address asks too often",
        );
        problem.into_response()
    };
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    shared.metrics.request(route, status, start.elapsed());
    response
}

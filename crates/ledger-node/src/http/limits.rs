//! How often one address may ask, how much it may hold open, and how long an answer may take.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode};
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

/// Places that addresses take for as long as they hold something open.
#[derive(Clone)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
    all: usize,
    per_address: usize,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by: BTreeMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All are taken.
    All,
    /// All that one address may take.
    Address,
}

/// One place, taken until it is dropped.
pub(super) struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    /// So many for all, and so many of them for one address.
    pub(super) fn new(all: usize, per_address: usize) -> Self {
        Self {
            taken: Arc::default(),
            all,
            per_address,
        }
    }

    /// A place for an address.
    pub(super) fn enter(&self, address: IpAddr) -> Result<Place, Full> {
        let address = neighbourhood(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.by.get(&address).copied().unwrap_or_default() >= self.per_address {
            return Err(Full::Address);
        }
        if taken.all >= self.all {
            return Err(Full::All);
        }
        taken.all += 1;
        *taken.by.entry(address).or_default() += 1;
        Ok(Place {
            places: self.clone(),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = self.places.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(count) = taken.by.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by.remove(&self.address);
            }
        }
    }
}

/// How far a request has come, for the answer when it takes too long.
#[derive(Clone, Default)]
pub(super) struct Course(Arc<Steps>);

#[derive(Default)]
struct Steps {
    arrived: AtomicBool,
    queued: OnceLock<String>,
}

impl Course {
    /// The whole body is there.
    fn arrived(&self) {
        self.0.arrived.store(true, Ordering::Relaxed);
    }

    /// The transaction waits for its block, whatever becomes of the request; this is its address.
    pub(super) fn queued(&self, location: &str) {
        self.0.queued.get_or_init(|| location.to_owned());
    }

    /// The answer when the time is over.
    fn ended(&self, method: &Method) -> Response {
        let gone = |status, detail: &str| Problem::new(status, "timeout", detail);
        if let Some(location) = self.0.queued.get() {
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
    request.extensions_mut().insert(course.clone());
    let start = Instant::now();
    let allowed = shared
        .rate
        .as_ref()
        .is_none_or(|rate| rate.allows(peer.ip()));
    let mut response = if allowed {
        match tokio::time::timeout(shared.timeout, next.run(request)).await {
            Ok(response) => problem::dress(response).await,
            Err(_) => course.ended(&method),
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
    // whatever says nothing else is asked for again each time
    let cached = response.headers_mut().entry(CACHE_CONTROL);
    cached.or_insert(HeaderValue::from_static("no-cache"));
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    shared.metrics.request(route, status, start.elapsed());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_64_of_ipv6_counts_as_one_address() {
        let same = [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::1", "::2"),
        ];
        for (one, other) in same {
            assert_eq!(neighbourhood(address(one)), neighbourhood(address(other)));
        }
        let different = [
            ("2001:db8:1:2::1", "2001:db8:1:3::1"),
            ("2001:db8:1:2::1", "2001:db9:1:2::1"),
            ("192.0.2.1", "192.0.2.2"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ];
        for (one, other) in different {
            assert_ne!(neighbourhood(address(one)), neighbourhood(address(other)));
        }
    }

    #[test]
    fn places_are_counted_for_each_neighbourhood_and_come_back() {
        let places = Places::new(3, 2);
        let enter = |text| places.enter(address(text));
        let (one, two) = (enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap());
        assert_eq!(enter("2001:db8::3").err(), Some(Full::Address));
        let third = enter("2001:db8:0:1::3").unwrap();
        assert_eq!(enter("192.0.2.1").err(), Some(Full::All));
        drop(one);
        let fourth = enter("2001:db8::3").unwrap();
        drop((two, third, fourth));
        let taken = places.taken.lock().unwrap();
        assert_eq!((taken.all, taken.by.len()), (0, 0));
    }

    #[test]
    fn a_64_of_ipv6_has_one_rate() {
        let rate = Rate::new(NonZeroU32::new(2).unwrap());
        let mut allowed = (0..6_u16).map(|host| {
            let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, host, host, host, host);
            rate.allows(address.into())
        });
        assert!(allowed.next().unwrap() && allowed.next().unwrap());
        assert!(!allowed.all(|allowed| allowed));
        assert!(rate.allows(address("2001:db8:0:1::")));
    }
}

//! How often one address may ask, and how much it may hold open.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::DefaultClock;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

/// After how many requests the addresses that have been quiet are forgotten.
const FORGET: u32 = 10_000;

/// Counts the requests of each address.
pub(super) struct Rate {
    limiter: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock>,
    at_once: u32,
    seen: AtomicU32,
}

impl Rate {
    /// So many a second, and as many at once after a pause.
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_second(per_second)),
            at_once: per_second.get(),
            seen: AtomicU32::new(0),
        }
    }

    pub(super) fn allows(&self, address: IpAddr) -> bool {
        if self.seen.fetch_add(1, Ordering::Relaxed) % FORGET == FORGET - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&neighbourhood(address)).is_ok()
    }

    /// Counts so many more for a request that was allowed, all or none: of one that is worth more than what may come at once, only so many,
    /// so that it has its turn after a pause.
    pub(super) fn allows_more(&self, address: IpAddr, more: u32) -> bool {
        let Some(more) = NonZeroU32::new(more.min(self.at_once.saturating_sub(1))) else {
            return true;
        };
        let checked = self.limiter.check_key_n(&neighbourhood(address), more);
        matches!(checked, Ok(Ok(())))
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
    fn what_counts_more_than_may_come_at_once_has_its_turn() {
        let rate = Rate::new(NonZeroU32::new(10).unwrap());
        let [one, two, three] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(address);
        assert!(rate.allows(one) && rate.allows_more(one, 99));
        assert!(!rate.allows(one), "it counted as ten");
        assert!(rate.allows(two) && rate.allows_more(two, 4));
        assert!(rate.allows(two) && !rate.allows_more(two, 99));
        assert!(
            rate.allows(two) && rate.allows_more(two, 2),
            "none of it was counted"
        );
        assert!(rate.allows(three) && rate.allows_more(three, 0));
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

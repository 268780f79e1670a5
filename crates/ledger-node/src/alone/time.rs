//! The node's clock, and when it is not believed.
//!
//! A block's time is never before the last block's. One block of the year 2099 would so make every later transaction stale,
//! for ever; so a clock that has jumped is noticed before it is written down.

use std::fmt;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// What tells the time, in seconds since 1970.
pub(super) type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// How long a ledger rested at most, if nobody says otherwise.
pub(super) const RESTED: Duration = Duration::from_secs(366 * 24 * 3600);
/// By how much the clock may be ahead of the time that has passed since the node was opened: a machine that slept has
/// not counted it.
const SLEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The time of blocks.
pub(super) struct Time {
    clock: Clock,
    rested: Duration,
    /// What the clock said when the ledger was opened, and when that was by what nobody sets; none when it was behind the
    /// ledger then, so wrong, and may be set right.
    opened: Option<(u64, Instant)>,
}

impl Time {
    /// The time of a ledger that is opened, whose last block is of this time.
    pub(super) fn new(clock: Clock, rested: Duration, last: u64) -> Self {
        let now = clock();
        Self {
            clock,
            rested,
            opened: (now >= last).then(|| (now, Instant::now())),
        }
    }

    /// What the clock says.
    pub(super) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// The time for a block behind one of this time, unless the clock has jumped ahead.
    pub(super) fn after(&self, last: u64) -> Result<u64> {
        let now = self.now();
        let opened = self.opened;
        let counted = opened.map(|(then, since)| then.saturating_add(since.elapsed().as_secs()));
        let bounds = [
            Some((last, self.rested)),
            counted.map(|counted| (counted, SLEPT)),
        ];
        for (expected, tolerated) in bounds.into_iter().flatten() {
            if now.saturating_sub(expected) > tolerated.as_secs() {
                return Err(Error::Clock {
                    clock: now,
                    last,
                    expected,
                    tolerated,
                });
            }
        }
        Ok(now)
    }
}

/// Seconds since 1970 as people write them: RFC 3339, in UTC.
pub(crate) struct Utc(pub(crate) u64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / 86_400, self.0 % 86_400);
        // years that begin in March, in periods of 400 years (146,097 days) from the year 0 on
        let days = days + 719_468;
        let (period, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = period * 400 + year + next;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_date_writes_them() {
        // date -u -d @SECONDS +%FT%TZ
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_070_908_799, "2098-12-31T23:59:59Z"),
            (4_070_908_800, "2099-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Utc(seconds).to_string(), written);
        }
        assert!(!Utc(u64::MAX).to_string().is_empty());
    }
}

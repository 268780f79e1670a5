//! The acceptance rules and the reference time.

use std::fmt;
use std::time::{Duration, SystemTime};

use sequoia_openpgp::policy::StandardPolicy;

/// Algorithms are judged by what is known today, however early the reference time: 2026-01-01.
const KNOWLEDGE: Duration = Duration::from_secs(1_767_225_600);

/// What is accepted, and at which time: certs, algorithms, limits.
///
/// Algorithms are judged by sequoia's standard policy: no SHA-1 in new signatures, no RSA below 2048 bits, no 64-bit blocks.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use pgp_envelope::Policy;
///
/// let received = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
/// let policy = Policy::at(received).memory(1 << 20).size(4 << 30);
/// # let _ = policy;
/// ```
#[derive(Clone)]
pub struct Policy {
    pub(crate) time: SystemTime,
    pub(crate) tolerance: Duration,
    pub(crate) memory: usize,
    pub(crate) size: u64,
    pub(crate) decompressed: u64,
    pub(crate) nesting: u32,
    pub(crate) recipients: usize,
    pub(crate) standard: StandardPolicy<'static>,
}

impl Policy {
    /// The rules at a reference time: certs must be valid then, and what was signed later is refused.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        let judged = time.max(SystemTime::UNIX_EPOCH + KNOWLEDGE);
        Self {
            time,
            tolerance: Duration::from_secs(600),
            memory: 16 << 20,
            size: 1 << 40,
            decompressed: 1 << 30,
            nesting: 4,
            recipients: 10_000,
            standard: StandardPolicy::at(judged),
        }
    }

    /// The rules at this moment, by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        Self::at(SystemTime::now())
    }

    /// How much later than the reference time a signature may claim to be made, for clocks that disagree: 10 minutes.
    #[must_use]
    pub const fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The most bytes of plaintext that stay in memory while they are unverified; more goes to a temporary file: 16 MiB.
    #[must_use]
    pub const fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// The most bytes of plaintext: 1 TiB.
    #[must_use]
    pub const fn size(mut self, bytes: u64) -> Self {
        self.size = bytes;
        self
    }

    /// As [`Policy::size`], where the limit was higher.
    #[must_use]
    pub fn size_at_most(mut self, bytes: u64) -> Self {
        self.size = self.size.min(bytes);
        self
    }

    /// The most bytes that compressed content may become, also when no compression is announced outside: 1 GiB.
    #[must_use]
    pub const fn decompressed(mut self, bytes: u64) -> Self {
        self.decompressed = bytes;
        self
    }

    /// The most layers of compression and signatures around the content: 4.
    #[must_use]
    pub const fn nesting(mut self, layers: u32) -> Self {
        self.nesting = layers;
        self
    }

    /// The most key packets that are looked at: 10,000.
    #[must_use]
    pub const fn recipients(mut self, packets: usize) -> Self {
        self.recipients = packets;
        self
    }

    /// The reference time.
    #[must_use]
    pub const fn time(&self) -> SystemTime {
        self.time
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("time", &self.time)
            .field("tolerance", &self.tolerance)
            .field("memory", &self.memory)
            .field("size", &self.size)
            .field("decompressed", &self.decompressed)
            .field("nesting", &self.nesting)
            .field("recipients", &self.recipients)
            .finish_non_exhaustive()
    }
}

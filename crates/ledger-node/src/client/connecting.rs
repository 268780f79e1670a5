//! How a server is reached, and by whom.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ledger_core::{Address, WitnessKey};

/// Signs a request to read: gets [`crate::reader::read_message`], returns the signature, or why there is none.
pub(super) type Sign<'a> = Box<dyn Fn(&[u8]) -> Result<[u8; 64], SignError> + Send + Sync + 'a>;
type SignError = Box<dyn Error + Send + Sync>;

/// How a server is reached.
#[derive(Default)]
pub struct Connecting<'a> {
    pub(super) kept: Option<PathBuf>,
    pub(super) roots: Option<Vec<u8>>,
    pub(super) timeout: Option<Duration>,
    pub(super) reader: Option<(Address, Sign<'a>)>,
    pub(super) witnesses: Vec<WitnessKey>,
    pub(super) quorum: usize,
}

impl fmt::Debug for Connecting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting")
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}

impl<'a> Connecting<'a> {
    /// Remembers for as long as the client lives, trusts the well-known certificate authorities, waits up to a minute. A server
    /// that has no time and says for how long (429 or 503 with `Retry-After`, up to ten seconds) is asked again, five times.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the last checkpoint in a file, so that the next process notices a rollback too. Processes may share one: what each is shown is
    /// held against what any has kept. A file beside it, of the same name and `.lock`, is held while it is written.
    #[must_use]
    pub fn keep(mut self, file: impl Into<PathBuf>) -> Self {
        self.kept = Some(file.into());
        self
    }

    /// Accepts servers with these certificates, or certified by them, in place of the well-known authorities (PEM).
    #[must_use]
    pub fn roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Waits this long for an answer.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Signs requests to read as this member, from the first on that a server asks to be signed, so that no key is
    /// unlocked for a server that everybody may ask. The function gets a message and returns the Ed25519 signature of its
    /// [`ledger_core::signed_digest`], as for a transaction; its error is [`crate::Error::Unsigned`].
    #[must_use]
    pub fn reader(
        mut self,
        address: Address,
        sign: impl Fn(&[u8]) -> Result<[u8; 64], SignError> + Send + Sync + 'a,
    ) -> Self {
        self.reader = Some((address, Box::new(sign)));
        self
    }

    /// Believes only what at least `quorum` of these witnesses cosigned: a server that shows others another history needs
    /// their help. Cosignatures come a moment after a block; they are waited for, some seconds.
    #[must_use]
    pub fn witnesses(mut self, witnesses: Vec<WitnessKey>, quorum: usize) -> Self {
        (self.witnesses, self.quorum) = (witnesses, quorum);
        self
    }
}

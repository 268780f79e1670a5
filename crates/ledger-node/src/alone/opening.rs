//! Founding and opening: what a ledger begins with, and waiting for a file that others use.

use std::fmt;
use std::fs::OpenOptions;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ledger_core::store::{Opening as FileOpening, RedbStore};
use ledger_core::{Authority, ChainId, Tolerance};

use super::time::{Clock, RESTED};
use crate::{Error, Result};

/// What a new ledger begins with.
#[derive(Clone, Debug)]
pub struct Founding {
    pub(super) name: String,
    pub(super) authorities: Vec<Authority>,
    pub(super) threshold: u64,
    pub(super) tolerance: Tolerance,
}

impl Founding {
    /// A ledger with one authority, whose signature is enough.
    #[must_use]
    pub fn new(name: &str, authority: Authority) -> Self {
        Self {
            name: name.to_owned(),
            authorities: vec![authority],
            threshold: 1,
            tolerance: Tolerance::default(),
        }
    }

    /// Adds an authority.
    #[must_use]
    pub fn authority(mut self, authority: Authority) -> Self {
        self.authorities.push(authority);
        self
    }

    /// Says how many authorities must sign together.
    #[must_use]
    pub const fn threshold(mut self, threshold: u64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Says how far a sender's clock may be from the node's.
    #[must_use]
    pub const fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }
}

/// What hears how long was waited so far.
type Waiting<'a> = Box<dyn FnMut(Duration) + 'a>;

/// How a ledger is opened.
pub struct Opening<'a> {
    wait: Duration,
    waiting: Waiting<'a>,
    pub(super) chain: Option<ChainId>,
    pub(super) clock: Clock,
    pub(super) rested: Duration,
}

impl Default for Opening<'_> {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(5),
            waiting: Box::new(|_| {}),
            chain: None,
            clock: Box::new(|| {
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |time| time.as_secs())
            }),
            rested: RESTED,
        }
    }
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("wait", &self.wait)
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

impl<'a> Opening<'a> {
    /// Waits up to five seconds for other processes, in silence, for any chain.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits this long for other processes.
    #[must_use]
    pub const fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Hears from time to time how long was waited so far: to tell the user why nothing happens.
    #[must_use]
    pub fn waiting(mut self, waiting: impl FnMut(Duration) + 'a) -> Self {
        self.waiting = Box::new(waiting);
        self
    }

    /// Opens the ledger of this chain only.
    #[must_use]
    pub const fn chain(mut self, chain: ChainId) -> Self {
        self.chain = Some(chain);
        self
    }

    /// Says how long after the last block the next one may be written; 366 days otherwise. A clock that is further ahead is
    /// not believed, because a ledger's time never goes back.
    #[must_use]
    pub const fn rested(mut self, rested: Duration) -> Self {
        self.rested = rested;
        self
    }

    /// Takes the time from elsewhere than the system, in seconds since 1970.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }
}

/// Opens the file, waiting while another process has it.
pub(super) fn wait_for(
    path: &Path,
    how: FileOpening,
    opening: &mut Opening<'_>,
) -> Result<RedbStore> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        match RedbStore::open(path, how) {
            Err(ledger_core::Error::Busy) => {}
            other => return other.map_err(|error| at(path, error)),
        }
        let waited = start.elapsed();
        if waited >= opening.wait {
            return Err(Error::Busy {
                path: path.to_owned(),
                waited,
            });
        }
        (opening.waiting)(waited);
        thread::sleep(pause.min(opening.wait.saturating_sub(waited)));
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// Makes the file for its owner alone, because the node's key will lie in it.
pub(super) fn make_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(path).and_then(|file| {
        // the mode above is of new files only; what has bytes is not ours to change
        #[cfg(unix)]
        if file.metadata()?.len() == 0 {
            use std::os::unix::fs::PermissionsExt as _;
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        drop(file);
        Ok(())
    });
    made.map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// Names the file in an error of the ledger.
pub(super) fn at(path: &Path, error: ledger_core::Error) -> Error {
    let path = path.to_owned();
    match error {
        ledger_core::Error::Refused(refusal) => Error::Refused(refusal),
        ledger_core::Error::Damaged { what } => Error::Damaged { path, what },
        ledger_core::Error::NotALedger { reason } => Error::NotALedger { path, reason },
        ledger_core::Error::Empty => Error::NotALedger {
            path,
            reason: "it is empty".to_owned(),
        },
        ledger_core::Error::Exists { chain } => Error::Exists { path, chain },
        ledger_core::Error::Busy => Error::Busy {
            path,
            waited: Duration::ZERO,
        },
        other => Error::Ledger(other),
    }
}

//! The embedded default: one process appends blocks to one file, durable before it answers.
//!
//! No server is needed: a command opens the file, does its work and closes it; another one that comes meanwhile waits.
//! The node's key lies in the file, because alone, who can write the file is the node.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ed25519_dalek::SigningKey;
use ledger_core::store::{Opening as FileOpening, RedbSnapshot, RedbStore};
use ledger_core::{
    Audit, ChainId, Genesis, Header, Ledger, LogKey, MAX_BLOCK_TRANSACTIONS, Nonce, PublicKey,
    Reading, Receipt, Refusal, Transaction, Verified,
};
use zeroize::Zeroizing;

use self::keys::Keys;
use self::opening::{at, make_private, wait_for};
use self::time::Time;
use crate::file::{folder_of, sync_name};
use crate::{Error, Result};

mod copy;
mod keys;
mod opening;
mod queries;
pub(crate) mod time;

pub use self::copy::Importing;
pub use self::opening::{Founding, Opening};

/// The name under which the node's key lies beside the ledger.
const NODE_KEY: &str = "node key";
/// The most transactions of one block of those that wait: more gain nothing.
pub(crate) const GROUP: usize = 1000;
/// The bytes of transactions after which a block takes no further one, so that an answer holds all of it.
pub(crate) const GROUP_BYTES: usize = 8 << 20;

/// A ledger in one file, run by this process alone.
pub struct Node {
    ledger: Ledger<RedbStore>,
    // none in an import
    key: Option<SigningKey>,
    path: PathBuf,
    time: Time,
    // who holds it makes a block of everything that waits
    writer: Mutex<()>,
    queue: Mutex<Vec<Arc<Job>>>,
    keys: Keys,
}

/// A transaction that waits for its block.
struct Job {
    tx: Transaction,
    verified: Option<Verified>,
    outcome: Mutex<Option<Result<Receipt>>>,
}

/// How many of these one block takes, of `most`: as many as a block's answer has room for, and one in any case.
fn fitting<'a>(txs: impl IntoIterator<Item = &'a Transaction>, most: usize) -> usize {
    let mut bytes = 0;
    let fits = |tx: &&Transaction| {
        let room = bytes < GROUP_BYTES;
        bytes += tx.as_bytes().len();
        room
    };
    txs.into_iter().take(most).take_while(fits).count()
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("path", &self.path)
            .field("chain", &self.chain())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// Founds a ledger in a new file, or in one that was left empty; only its owner may read it.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] when the file holds a ledger, [`Error::Busy`], [`Error::File`], or what is wrong with the founding.
    pub fn found(path: &Path, founding: Founding) -> Result<Self> {
        Self::found_with(path, founding, Opening::new())
    }

    /// Founds a ledger with another way of waiting or another clock.
    ///
    /// # Errors
    ///
    /// As [`Node::found`].
    pub fn found_with(path: &Path, founding: Founding, mut opening: Opening<'_>) -> Result<Self> {
        make_private(path)?;
        let store = wait_for(path, FileOpening::Create, &mut opening)?;
        let secret = Zeroizing::new(random()?);
        let key = SigningKey::from_bytes(&secret);
        let genesis = Genesis {
            name: founding.name,
            nonce: Nonce::new(random()?),
            created_at: (opening.clock)(),
            node_key: PublicKey::from(&key),
            authorities: founding.authorities,
            threshold: founding.threshold,
            tolerance: founding.tolerance,
        };
        let ledger = genesis
            .check_new()
            .and_then(|()| Ledger::found_with(store, genesis, &[(NODE_KEY, secret.as_slice())]))
            .map_err(|e| at(path, e))?;
        sync_name(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::new(ledger, Some(key), path, opening))
    }

    /// Opens the ledger in a file; waits up to five seconds for other processes.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::NotALedger`], [`Error::Busy`], [`Error::Damaged`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, Opening::new())
    }

    /// Opens the ledger in a file with another way of waiting, for one chain only, or with another clock.
    ///
    /// # Errors
    ///
    /// As [`Node::open`], and [`Error::OtherChain`].
    pub fn open_with(path: &Path, mut opening: Opening<'_>) -> Result<Self> {
        if !path.exists() {
            return Err(Error::Missing {
                path: path.to_owned(),
            });
        }
        let store = wait_for(path, FileOpening::Existing, &mut opening)?;
        let ledger = Ledger::open(store).map_err(|error| at(path, error))?;
        if let Some(expected) = opening.chain.filter(|chain| *chain != ledger.chain()) {
            return Err(Error::OtherChain {
                path: path.to_owned(),
                expected,
                found: ledger.chain(),
            });
        }
        let secret = ledger
            .extra(NODE_KEY)
            .map_err(|error| at(path, error))?
            .map(Zeroizing::new);
        let key = secret.map(|secret| node_key(&secret, ledger.genesis()));
        let damaged = || Error::Damaged {
            path: path.to_owned(),
            what: "the node's key".to_owned(),
        };
        let key = key.map(|key| key.ok_or_else(damaged)).transpose()?;
        Ok(Self::new(ledger, key, path, opening))
    }

    fn new(
        ledger: Ledger<RedbStore>,
        key: Option<SigningKey>,
        path: &Path,
        opening: Opening<'_>,
    ) -> Self {
        let (writer, queue) = (Mutex::new(()), Mutex::new(Vec::new()));
        let last = ledger.view().map_or(u64::MAX, |view| view.head().time);
        Self {
            ledger,
            key,
            path: path.to_owned(),
            time: Time::new(opening.clock, opening.rested, last),
            writer,
            queue,
            keys: Keys::default(),
        }
    }

    /// What the chain is.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        self.ledger.genesis()
    }

    /// The chain's name.
    #[must_use]
    pub fn chain(&self) -> ChainId {
        self.ledger.chain()
    }

    /// What a receiver has to trust: the chain and the node's key.
    #[must_use]
    pub fn log_key(&self) -> LogKey {
        self.genesis().log_key()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The time by this node's clock, in seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.time.now()
    }

    /// The time for the next block, unless the clock has jumped ahead.
    pub(crate) fn next_time(&self) -> Result<u64> {
        self.time.after(self.head()?.time)
    }

    /// Whether it has the node's key: without, as after an import, it is read, but records and signs nothing.
    #[must_use]
    pub const fn records(&self) -> bool {
        self.key.is_some()
    }

    /// The node's key, or why there is none.
    fn key(&self) -> Result<&SigningKey> {
        self.key.as_ref().ok_or_else(|| Error::NoKey {
            path: self.path.clone(),
        })
    }

    /// Puts a transaction into a block, and returns when the block is on disk. Transactions that other threads submit
    /// meanwhile share the next block and its one durable write.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the reason; [`Error::Clock`], or a failure of the store, after which nothing of the block is
    /// in the ledger as long as it is open. Where the disk had taken the block, and took neither its sync nor that it was erased, a
    /// process that is killed before the next one may find it when it opens the ledger again.
    pub fn submit(&self, tx: &Transaction) -> Result<Receipt> {
        let job = Arc::new(Job {
            tx: tx.clone(),
            verified: self.verify_ahead(tx),
            outcome: Mutex::new(None),
        });
        lock(&self.queue).push(Arc::clone(&job));
        let _writer = lock(&self.writer);
        // another thread may have taken it along, or others may come first in the queue
        loop {
            if let Some(outcome) = lock(&job.outcome).take() {
                return outcome;
            }
            let mut queue = lock(&self.queue);
            let many = fitting(queue.iter().map(|job| &job.tx), GROUP);
            let jobs: Vec<_> = queue.drain(..many).collect();
            drop(queue);
            if jobs.is_empty() {
                // whoever took it along panicked before it had an outcome
                return Err(Error::Ledger(ledger_core::Error::Store {
                    action: "writing a block",
                    source: "the thread that wrote it stopped".into(),
                }));
            }
            self.write_jobs(&jobs);
        }
    }

    /// Puts several transactions into one block, with one durable write; those that are refused are left out. A block takes
    /// no further one after [`MAX_BLOCK_TRANSACTIONS`] or 8 MiB: what is more is put into several, one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::Clock`], or a failure of the store, as of [`Node::submit`], after which nothing is in the ledger of those behind it.
    pub fn submit_all(&self, txs: &[Transaction]) -> Result<Vec<Result<Receipt, Refusal>>> {
        // before the lock: another thread's block is written meanwhile
        let verified = self.verify_all(txs);
        let _writer = lock(&self.writer);
        let (mut rest, mut verified) = (txs, verified.into_iter());
        let mut outcomes = Vec::with_capacity(txs.len());
        loop {
            let (block, behind) = rest.split_at(fitting(rest, MAX_BLOCK_TRANSACTIONS));
            outcomes.extend(self.write(block.iter().zip(verified.by_ref().take(block.len())))?);
            if behind.is_empty() {
                return Ok(outcomes);
            }
            rest = behind;
        }
    }

    /// As [`Node::submit_all`], for transactions whose signatures [`Node::verify_ahead`] checked.
    #[cfg(feature = "http")]
    pub(crate) fn submit_verified(
        &self,
        txs: &[(Transaction, Option<Verified>)],
    ) -> Result<Vec<Result<Receipt, Refusal>>> {
        let _writer = lock(&self.writer);
        self.write(txs.iter().map(|(tx, verified)| (tx, *verified)))
    }

    fn write_jobs(&self, jobs: &[Arc<Job>]) {
        let outcomes = self.write(jobs.iter().map(|job| (&job.tx, job.verified)));
        match outcomes {
            Ok(outcomes) => {
                for (job, outcome) in jobs.iter().zip(outcomes) {
                    *lock(&job.outcome) = Some(outcome.map_err(Error::Refused));
                }
            }
            Err(error) => {
                // the first hears the error itself, the others the same of the clock, or its words
                let other = again(&error);
                let mut first = Some(error);
                for job in jobs {
                    let error = first.take().unwrap_or_else(&other);
                    *lock(&job.outcome) = Some(Err(error));
                }
            }
        }
    }

    /// One block of these transactions; the caller holds the writer's lock.
    fn write<'a>(
        &self,
        txs: impl Iterator<Item = (&'a Transaction, Option<Verified>)>,
    ) -> Result<Vec<Result<Receipt, Refusal>>> {
        self.key()?;
        let mut staged = self
            .ledger
            .begin(self.next_time()?)
            .map_err(|error| self.at(error))?;
        let mut outcomes = Vec::new();
        for (tx, verified) in txs {
            let outcome = match &verified {
                Some(verified) => staged.apply_verified(tx, verified),
                None => staged.apply(tx),
            };
            outcomes.push(match outcome {
                Ok(receipt) => Ok(receipt),
                Err(ledger_core::Error::Refused(refusal)) => Err(refusal),
                Err(error) => return Err(self.at(error)),
            });
        }
        if !staged.is_empty() {
            let block = staged.finish().map_err(|error| self.at(error))?;
            self.ledger.commit(&block).map_err(|error| self.at(error))?;
        }
        Ok(outcomes)
    }

    /// Whether the transaction would be accepted now. Only [`Node::submit`] decides.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the reason, [`Error::Clock`], or a failure of the store.
    pub fn check(&self, tx: &Transaction) -> Result<()> {
        self.ledger
            .check(tx, self.next_time()?)
            .map_err(|error| self.at(error))
    }

    /// Why a transaction whose signature does not hold is refused, by the ledger as it is now; when it comes is not looked at.
    #[cfg(feature = "http")]
    pub(crate) fn check_signed(&self, tx: &Transaction) -> Result<()> {
        let time = self.head()?.time.max(tx.created_at());
        self.ledger.check(tx, time).map_err(|error| self.at(error))
    }

    /// One moment of the ledger, with everything that can be read and proven.
    ///
    /// # Errors
    ///
    /// A failure of the store; so for every method below.
    pub fn view(&self) -> Result<Reading<RedbSnapshot>> {
        self.ledger.view().map_err(|error| self.at(error))
    }

    /// The newest header.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn head(&self) -> Result<Header> {
        Ok(self.view()?.head().clone())
    }

    /// Computes the whole chain again from its genesis and compares every table of it; `progress` hears the blocks done
    /// and the blocks there are. Meanwhile a temporary file beside the ledger takes about as much room as the ledger.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] naming the first part that is not what the rules give, [`Error::Scratch`] when there is no room.
    pub fn verify_chain(&self, progress: impl FnMut(u64, u64)) -> Result<Audit> {
        self.verify_chain_in(folder_of(&self.path), progress)
    }

    /// As [`Node::verify_chain`], with the temporary file in this folder.
    ///
    /// # Errors
    ///
    /// As [`Node::verify_chain`].
    pub fn verify_chain_in(&self, folder: &Path, progress: impl FnMut(u64, u64)) -> Result<Audit> {
        let scratch = RedbStore::scratch(folder).map_err(|error| Error::scratch(folder, error))?;
        self.ledger
            .audit_into(scratch, progress)
            .map_err(|error| match error {
                ledger_core::Error::Rebuilding { source } => Error::scratch(folder, *source),
                other => self.at(other),
            })
    }

    fn at(&self, error: ledger_core::Error) -> Error {
        at(&self.path, error)
    }
}

/// The node's key from its secret bytes, when it is the one that the genesis names.
fn node_key(secret: &[u8], genesis: &Genesis) -> Option<SigningKey> {
    let key = SigningKey::try_from(secret).ok()?;
    (PublicKey::from(&key) == genesis.node_key).then_some(key)
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// The same failure for those that shared a block with the first who hears it.
fn again(error: &Error) -> impl Fn() -> Error + use<> {
    let words = error.to_string();
    let clock = match *error {
        Error::Clock {
            clock,
            last,
            expected,
            tolerated,
        } => Some((clock, last, expected, tolerated)),
        _ => None,
    };
    move || match clock {
        Some((clock, last, expected, tolerated)) => Error::Clock {
            clock,
            last,
            expected,
            tolerated,
        },
        None => Error::Ledger(ledger_core::Error::Store {
            action: "writing a block",
            source: words.clone().into(),
        }),
    }
}

/// A lock's content also after a panic elsewhere: what it guards is whole at any moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

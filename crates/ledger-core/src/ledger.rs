//! The ledger over a store: founding, blocks, and one durable commit per block.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::merkle::{Appended, InclusionProof, Peaks, Tiles, joined, leaf_hash};
use crate::rules::{Change, Position, View, admit, authenticate, newly, transition};
use crate::state::{member_key, share_key};
use crate::store::{Batch, LedgerStore, Snapshot, Table};
use crate::tx::Body;
use crate::{
    Address, ChainId, Digest, Error, Genesis, Header, Height, MemberState, Result, ShareId,
    ShareState, Transaction, TxId, Verified, map,
};

/// The version of the layout in a store.
pub const FORMAT_VERSION: u64 = 3;
/// The oldest version that is still read; opening such a store makes it one of [`FORMAT_VERSION`].
const OLDEST_FORMAT: u64 = 1;

const FORMAT: &[u8] = b"format";
const GENESIS: &[u8] = b"genesis";
const HEAD: &[u8] = b"head";
const PEAKS: &[u8] = b"peaks";
/// What the names of values begin with that are kept beside the ledger.
pub(crate) const EXTRA: &[u8] = b"extra ";

/// The deterministic state machine and its log over a store.
#[derive(Debug)]
pub struct Ledger<S> {
    store: S,
    genesis: Arc<Genesis>,
    chain: ChainId,
}

/// Where an accepted transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Its index in the log.
    pub index: u64,
    /// The height of its block.
    pub height: Height,
    /// Its name.
    pub id: TxId,
}

impl Receipt {
    /// Where a transaction stands, by whoever found out.
    #[must_use]
    pub const fn new(index: u64, height: Height, id: TxId) -> Self {
        Self { index, height, id }
    }
}

impl<S: LedgerStore> Ledger<S> {
    /// Founds a ledger in an empty store: block 0, which makes the authorities members.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] when the store holds a ledger, [`Error::Genesis`] when the genesis is unusable.
    pub fn found(store: S, genesis: Genesis) -> Result<Self> {
        Self::found_with(store, genesis, &[])
    }

    /// Founds a ledger and keeps a few bytes beside it, in the same durable write: what a node needs to run it.
    ///
    /// # Errors
    ///
    /// As [`Ledger::found`].
    pub fn found_with(store: S, genesis: Genesis, extra: &[(&str, &[u8])]) -> Result<Self> {
        Self::found_by(store, genesis, extra, map::update)
    }

    /// As [`Ledger::found_with`], with another way to update the state tree.
    pub(crate) fn found_by(
        store: S,
        genesis: Genesis,
        extra: &[(&str, &[u8])],
        update: map::Update<S::Snapshot>,
    ) -> Result<Self> {
        genesis.check()?;
        let snapshot = store.snapshot()?;
        if let Some(bytes) = snapshot.get(Table::Meta, GENESIS)? {
            return Err(Error::Exists {
                chain: Genesis::from_bytes(&bytes)?.chain(),
            });
        }
        let mut batch = Batch::new();
        for (name, value) in extra {
            batch.put(Table::Meta, extra_key(name), *value);
        }
        batch.put(Table::Meta, FORMAT, FORMAT_VERSION.to_be_bytes());
        batch.put(Table::Meta, GENESIS, genesis.to_bytes());
        let mut values = BTreeMap::new();
        for authority in &genesis.authorities {
            let member = MemberState::new(
                authority.key,
                authority.cert,
                authority.name.clone(),
                Height(0),
            );
            values.insert(member_key(&authority.address), member.to_bytes());
        }
        let peaks = Peaks::default();
        let header = Header {
            height: Height(0),
            previous: genesis.cid(),
            time: genesis.created_at,
            log_size: 0,
            log_root: peaks.root(),
            state_root: update(&snapshot, Height(0), &values, &mut batch)?,
        };
        write_head(&mut batch, &header, &peaks, values);
        store.commit(&batch)?;
        Ok(Self {
            store,
            chain: genesis.chain(),
            genesis: Arc::new(genesis),
        })
    }

    /// Opens the ledger in a store, and checks that its newest parts fit together.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`], [`Error::Format`], or [`Error::Damaged`] naming the part.
    pub fn open(store: S) -> Result<Self> {
        let snapshot = store.snapshot()?;
        let Some(format) = snapshot.get(Table::Meta, FORMAT)? else {
            return Err(Error::Empty);
        };
        let found = u64::from_be_bytes(
            format
                .try_into()
                .map_err(|_| Error::damaged("the format version"))?,
        );
        if !(OLDEST_FORMAT..=FORMAT_VERSION).contains(&found) {
            return Err(Error::Format {
                expected: FORMAT_VERSION,
                found,
            });
        }
        let genesis = snapshot
            .get(Table::Meta, GENESIS)?
            .ok_or_else(|| Error::damaged("there is no genesis"))?;
        let genesis =
            Genesis::from_bytes(&genesis).map_err(|error| named("the genesis", &error))?;
        let ledger = Self {
            store,
            chain: genesis.chain(),
            genesis: Arc::new(genesis),
        };
        let head = head(&snapshot)?;
        let peaks = read_peaks(&snapshot, &head)?;
        if peaks.root() != head.log_root {
            return Err(Error::damaged(format!(
                "the log's edge does not have the root of block {}",
                head.height
            )));
        }
        if map::root(&snapshot)? != head.state_root {
            return Err(Error::damaged(format!(
                "the state does not have the root of block {}",
                head.height
            )));
        }
        if found < FORMAT_VERSION {
            // the tables are the same: what is new is the journal before them, and that they know of it
            let mut batch = Batch::new();
            batch.put(Table::Meta, FORMAT, FORMAT_VERSION.to_be_bytes());
            ledger.store.commit(&batch)?;
        }
        Ok(ledger)
    }

    /// What the chain is.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The chain's name.
    #[must_use]
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// The store below.
    #[must_use]
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Gives the store back.
    #[must_use]
    pub fn into_store(self) -> S {
        self.store
    }

    /// One moment of the ledger, for reading and proving.
    ///
    /// # Errors
    ///
    /// When the store fails, or its head is damaged.
    pub fn view(&self) -> Result<crate::Reading<S::Snapshot>> {
        let snapshot = self.store.snapshot()?;
        let head = head(&snapshot)?;
        Ok(crate::Reading::new(
            snapshot,
            Arc::clone(&self.genesis),
            self.chain,
            head,
        ))
    }

    /// Begins the next block at this time; a time before the last block's is taken as the last block's.
    ///
    /// Nothing is copied and nothing is written: the block is an overlay over the store as it is now.
    ///
    /// # Errors
    ///
    /// When the store fails, or its head is damaged.
    pub fn begin(&self, time: u64) -> Result<Staged<S::Snapshot>> {
        let snapshot = self.store.snapshot()?;
        let previous = head(&snapshot)?;
        let log = Appended::new(read_peaks(&snapshot, &previous)?);
        Ok(Staged {
            snapshot,
            genesis: Arc::clone(&self.genesis),
            chain: self.chain,
            height: Height(previous.height.0.saturating_add(1)),
            time: time.max(previous.time),
            previous,
            members: BTreeMap::new(),
            shares: BTreeMap::new(),
            log,
            records: Vec::new(),
        })
    }

    /// Whether the transaction would be accepted in a block of this time, as the ledger is now: the check for admission.
    /// Only [`Staged::apply`] decides.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the reason, or a failure of the store.
    pub fn check(&self, tx: &Transaction, time: u64) -> Result<()> {
        self.begin(time)?.apply(tx).map(drop)
    }

    /// Writes a finished block, durably. Again the same block is no error and writes nothing: engines replay after a crash.
    ///
    /// # Errors
    ///
    /// [`Error::Overtaken`] when the ledger's head is no longer the block's predecessor, or a failure of the store.
    pub fn commit(&self, block: &Finished) -> Result<()> {
        let head = head(&self.store.snapshot()?)?;
        if head == block.header {
            return Ok(());
        }
        if head.cid() != block.header.previous {
            let expected = Height(block.header.height.0.saturating_sub(1));
            return Err(Error::Overtaken {
                expected,
                found: head.height,
            });
        }
        self.store.commit(&block.batch)
    }

    /// A value kept beside the ledger by [`Ledger::found_with`].
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub fn extra(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.store.snapshot()?.get(Table::Meta, &extra_key(name))
    }
}

/// A block in the making: the state as it would be, over a moment of the store.
#[derive(Debug)]
pub struct Staged<R> {
    snapshot: R,
    genesis: Arc<Genesis>,
    chain: ChainId,
    previous: Header,
    height: Height,
    time: u64,
    members: BTreeMap<Address, MemberState>,
    shares: BTreeMap<ShareId, ShareState>,
    log: Appended,
    records: Vec<Record>,
}

/// An accepted transaction, to be written.
#[derive(Debug)]
struct Record {
    id: TxId,
    bytes: Vec<u8>,
    involved: BTreeSet<Address>,
}

impl<R: Snapshot> View for Staged<R> {
    fn member(&self, address: &Address) -> Result<Option<Cow<'_, MemberState>>> {
        match self.members.get(address) {
            Some(member) => Ok(Some(Cow::Borrowed(member))),
            None => Ok(stored_member(&self.snapshot, address)?.map(Cow::Owned)),
        }
    }

    fn share(&self, share: &ShareId) -> Result<Option<Cow<'_, ShareState>>> {
        match self.shares.get(share) {
            Some(share) => Ok(Some(Cow::Borrowed(share))),
            None => Ok(stored_share(&self.snapshot, share)?.map(Cow::Owned)),
        }
    }
}

impl<R: Snapshot> Staged<R> {
    /// The height that the block will have.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.height
    }

    /// The block's time, in seconds since 1970.
    #[must_use]
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// The number of transactions accepted so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True while no transaction was accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds a transaction to the block if the rules allow it; a refused one changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the reason; or a failure of the store, after which this block should be dropped.
    pub fn apply(&mut self, tx: &Transaction) -> Result<Receipt> {
        self.apply_signed(tx, None, true)
    }

    /// As [`Staged::apply`], for a transaction that is recorded in a block already.
    pub(crate) fn apply_recorded(&mut self, tx: &Transaction) -> Result<Receipt> {
        self.apply_signed(tx, None, false)
    }

    /// As [`Staged::apply`], for a transaction whose signature was checked ahead; it is checked again here when another
    /// transaction was checked, or another key is the sender's at this height.
    ///
    /// # Errors
    ///
    /// As [`Staged::apply`].
    pub fn apply_verified(&mut self, tx: &Transaction, verified: &Verified) -> Result<Receipt> {
        self.apply_signed(tx, Some(verified), true)
    }

    fn apply_signed(
        &mut self,
        tx: &Transaction,
        verified: Option<&Verified>,
        is_new: bool,
    ) -> Result<Receipt> {
        let index = self.log.peaks.size();
        let at = Position {
            height: self.height,
            time: self.time,
            index,
        };
        let sender = admit(self, &self.genesis, &self.chain, tx, at)?;
        let id = tx.id();
        let key = sender.key_at(self.height);
        if !verified
            .zip(key)
            .is_some_and(|(verified, key)| verified.says(&id, key))
        {
            authenticate(tx.sender(), &sender, tx, self.height)?;
        }
        let change = transition(self, &self.genesis, tx, at)?;
        if is_new {
            newly(self, tx, self.height)?;
        }
        // none when this block has changed it already
        let stored = match sender {
            Cow::Owned(sender) => Some(sender),
            Cow::Borrowed(_) => None,
        };
        let mut involved = BTreeSet::from([*tx.sender()]);
        if let Some(member) = tx.body().member() {
            involved.insert(*member);
        }
        // everything that can fail comes before the first change
        self.log
            .push(&Tiles::new(&self.snapshot), leaf_hash(tx.as_bytes()))?;
        match change {
            Change::Member(address, member) => {
                self.members.insert(address, member);
            }
            Change::Share(id, share) => {
                if matches!(tx.body(), Body::Share(_) | Body::Grant(_) | Body::Revoke(_)) {
                    involved.extend(tx.body().receivers());
                } else {
                    involved.insert(share.sender);
                    involved.extend(share.receivers.iter().map(|receiver| receiver.address));
                }
                self.shares.insert(id, share);
            }
        }
        // the sender itself may be what changed
        if let Some(sender) = stored {
            self.members.entry(*tx.sender()).or_insert(sender);
        }
        if let Some(sender) = self.members.get_mut(tx.sender()) {
            sender.sequence = sender.sequence.saturating_add(1);
        }
        self.records.push(Record {
            id,
            bytes: tx.to_bytes(),
            involved,
        });
        Ok(Receipt {
            index,
            height: self.height,
            id,
        })
    }

    /// Closes the block: its header, and everything that has to be written.
    ///
    /// # Errors
    ///
    /// When the store fails or its state tree is damaged.
    pub fn finish(self) -> Result<Finished> {
        self.finish_by(map::update)
    }

    /// As [`Staged::finish`], with another way to update the state tree.
    pub(crate) fn finish_by(self, update: map::Update<R>) -> Result<Finished> {
        let mut batch = Batch::new();
        let mut values = BTreeMap::new();
        values.extend(
            self.members
                .iter()
                .map(|(address, member)| (member_key(address), member.to_bytes())),
        );
        values.extend(
            self.shares
                .iter()
                .map(|(id, share)| (share_key(id), share.to_bytes())),
        );
        let state_root = update(&self.snapshot, self.height, &values, &mut batch)?;
        let header = Header {
            height: self.height,
            previous: self.previous.cid(),
            time: self.time,
            log_size: self.log.peaks.size(),
            log_root: self.log.peaks.root(),
            state_root,
        };
        let transactions = self.records.len();
        for (index, record) in (self.previous.log_size..).zip(self.records) {
            for address in &record.involved {
                batch.put(Table::Involved, involved_key(address, index), b"");
            }
            batch.put(Table::Id, *record.id.as_bytes(), index.to_be_bytes());
            batch.put(Table::Transaction, index.to_be_bytes(), record.bytes);
        }
        self.log.write(&mut batch);
        write_head(&mut batch, &header, &self.log.peaks, values);
        Ok(Finished {
            header,
            batch,
            transactions,
        })
    }
}

/// A closed block, to be committed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finished {
    /// The block's header; its digest is what an engine calls the application hash.
    pub header: Header,
    /// What is to be written.
    pub batch: Batch,
    /// The number of transactions.
    pub transactions: usize,
}

/// The newest header.
pub(crate) fn head<R: Snapshot>(snapshot: &R) -> Result<Header> {
    let bytes = snapshot
        .get(Table::Meta, HEAD)?
        .ok_or_else(|| Error::damaged("there is no head"))?;
    Header::from_bytes(&bytes).map_err(|error| named("the head", &error))
}

/// The log's right edge, which must be that of the head's size.
pub(crate) fn read_peaks<R: Snapshot>(snapshot: &R, head: &Header) -> Result<Peaks> {
    let bytes = snapshot.get(Table::Meta, PEAKS)?.unwrap_or_default();
    let (hashes, rest) = bytes.as_chunks::<32>();
    Peaks::new(
        head.log_size,
        hashes.iter().copied().map(Digest::new).collect(),
    )
    .filter(|_| rest.is_empty())
    .ok_or_else(|| {
        Error::damaged(format!(
            "the log's edge does not fit {} leaves",
            head.log_size
        ))
    })
}

/// A member as the snapshot has it.
pub(crate) fn stored_member<R: Snapshot>(
    snapshot: &R,
    address: &Address,
) -> Result<Option<MemberState>> {
    let bytes = snapshot.get(Table::State, &member_key(address))?;
    let read = |bytes: Vec<u8>| {
        MemberState::from_bytes(&bytes).map_err(|error| named("a member's state", &error))
    };
    bytes.map(read).transpose()
}

/// A share as the snapshot has it.
pub(crate) fn stored_share<R: Snapshot>(
    snapshot: &R,
    share: &ShareId,
) -> Result<Option<ShareState>> {
    let bytes = snapshot.get(Table::State, &share_key(share))?;
    bytes.map(|bytes| read_share(&bytes)).transpose()
}

/// A share as its table has it.
pub(crate) fn read_share(bytes: &[u8]) -> Result<ShareState> {
    ShareState::from_bytes(bytes).map_err(|error| named("a share's state", &error))
}

/// The key under which a transaction is listed for a member: the address, padded, and the index.
pub(crate) fn involved_key(address: &Address, index: u64) -> [u8; 40] {
    let mut key = [0; 40];
    let (padded, end) = key.split_at_mut(32);
    for (to, from) in padded.iter_mut().zip(address.as_bytes()) {
        *to = *from;
    }
    end.copy_from_slice(&index.to_be_bytes());
    key
}

/// A proof of inclusion under the head.
pub(crate) fn inclusion<R: Snapshot>(
    snapshot: &R,
    index: u64,
    size: u64,
) -> Result<InclusionProof> {
    InclusionProof::new(&Tiles::new(snapshot), index, size)
}

fn write_head(
    batch: &mut Batch,
    header: &Header,
    peaks: &Peaks,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
) {
    for (key, value) in values {
        batch.put(Table::State, key, value);
    }
    batch.put(
        Table::Header,
        header.height.0.to_be_bytes(),
        header.to_bytes(),
    );
    batch.put(Table::Meta, HEAD, header.to_bytes());
    batch.put(Table::Meta, PEAKS, joined(peaks.hashes()));
}

fn extra_key(name: &str) -> Vec<u8> {
    [EXTRA, name.as_bytes()].concat()
}

/// Damage where bytes should have been well-formed.
fn named(what: &str, error: &Error) -> Error {
    Error::damaged(format!("{what}: {error}"))
}

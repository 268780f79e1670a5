//! Reading the ledger at one moment: members, shares, transactions, blocks, proofs.

use std::sync::Arc;

use crate::ledger::{inclusion, involved_key, stored_member, stored_share};
use crate::merkle::{ConsistencyProof, InclusionProof, Tiles};
use crate::proof::{AbsenceBundle, ProofBundle};
use crate::state::{member_key, share_key};
use crate::store::{Order, Snapshot, Table};
use crate::{
    Address, Block, Body, ChainId, Checkpoint, Digest, Error, Genesis, Header, Height, MemberState,
    Result, ShareId, ShareState, Transaction, TxId, map,
};

/// How many transactions are read at a time while looking for shares.
const PAGE: usize = 256;

/// The ledger at one moment; blocks that come later do not show in it.
#[derive(Debug)]
pub struct Reading<R> {
    snapshot: R,
    genesis: Arc<Genesis>,
    chain: ChainId,
    head: Header,
}

impl<R: Snapshot> Reading<R> {
    pub(crate) const fn new(
        snapshot: R,
        genesis: Arc<Genesis>,
        chain: ChainId,
        head: Header,
    ) -> Self {
        Self {
            snapshot,
            genesis,
            chain,
            head,
        }
    }

    /// The newest header.
    #[must_use]
    pub const fn head(&self) -> &Header {
        &self.head
    }

    /// The moment of the store below.
    #[must_use]
    pub const fn snapshot(&self) -> &R {
        &self.snapshot
    }

    /// What the chain is.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// A member.
    ///
    /// # Errors
    ///
    /// When the store fails or is damaged there; so for every method here.
    pub fn member(&self, address: &Address) -> Result<Option<MemberState>> {
        stored_member(&self.snapshot, address)
    }

    /// At most `limit` members after an address, in the order of their addresses.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn members(
        &self,
        after: Option<&Address>,
        limit: usize,
    ) -> Result<Vec<(Address, MemberState)>> {
        let from = after.map_or_else(
            || b"m".to_vec(),
            |address| [member_key(address).as_slice(), &[0]].concat(),
        );
        let entries = self
            .snapshot
            .range(Table::State, &from, b"n", Order::Ascending, limit)?;
        let read = |(key, value): (Vec<u8>, Vec<u8>)| {
            let address = Address::new(key.get(1..).unwrap_or_default());
            let member =
                address.and_then(|address| Ok((address, MemberState::from_bytes(&value)?)));
            member.map_err(|error| Error::damaged(format!("a member's state: {error}")))
        };
        entries.into_iter().map(read).collect()
    }

    /// A share.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn share(&self, share: &ShareId) -> Result<Option<ShareState>> {
        stored_share(&self.snapshot, share)
    }

    /// At most `limit` shares whose transactions come at or after an index, in the order they were recorded.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn shares(&self, from: u64, limit: usize) -> Result<Vec<(ShareId, ShareState)>> {
        let mut found = Vec::new();
        let mut next = from;
        while found.len() < limit && next < self.head.log_size {
            for tx in self.transactions(next, PAGE)? {
                next += 1;
                if let Body::Share(share) = tx.body()
                    && found.len() < limit
                {
                    let state = self.share(&share.share_id)?;
                    let state = state.ok_or_else(|| {
                        Error::damaged(format!("share {} has no state", share.share_id))
                    })?;
                    found.push((share.share_id, state));
                }
            }
        }
        Ok(found)
    }

    /// The transaction at an index.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn transaction(&self, index: u64) -> Result<Option<Transaction>> {
        let bytes = self
            .snapshot
            .get(Table::Transaction, &index.to_be_bytes())?;
        bytes
            .map(|bytes| read_transaction(index, &bytes))
            .transpose()
    }

    /// At most `limit` transactions from an index on.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`]; [`Error::Damaged`] when one is missing.
    pub fn transactions(&self, from: u64, limit: usize) -> Result<Vec<Transaction>> {
        let to = from
            .saturating_add(u64::try_from(limit).unwrap_or(u64::MAX))
            .min(self.head.log_size);
        let (first, last) = (from.to_be_bytes(), to.to_be_bytes());
        let entries =
            self.snapshot
                .range(Table::Transaction, &first, &last, Order::Ascending, limit)?;
        if u64::try_from(entries.len()) != Ok(to.saturating_sub(from)) {
            return Err(Error::damaged(format!(
                "a transaction between {from} and {to} is missing"
            )));
        }
        (from..)
            .zip(entries)
            .map(|(index, (_, bytes))| read_transaction(index, &bytes))
            .collect()
    }

    /// The index of the transaction with this name.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn find(&self, id: &TxId) -> Result<Option<u64>> {
        let bytes = self.snapshot.get(Table::Id, id.as_bytes())?;
        let read = |bytes: Vec<u8>| {
            bytes
                .try_into()
                .map(u64::from_be_bytes)
                .map_err(|_| Error::damaged("an index"))
        };
        bytes.map(read).transpose()
    }

    /// The indices of at most `limit` transactions that concern a member, from `from` on (or, descending, before it).
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn involved(
        &self,
        address: &Address,
        from: u64,
        order: Order,
        limit: usize,
    ) -> Result<Vec<u64>> {
        let (low, high) = match order {
            Order::Ascending => (from, u64::MAX),
            Order::Descending => (0, from),
        };
        let (low, high) = (involved_key(address, low), involved_key(address, high));
        let entries = self
            .snapshot
            .range(Table::Involved, &low, &high, order, limit)?;
        let index = |(key, _): &(Vec<u8>, Vec<u8>)| {
            key.last_chunk::<8>()
                .map(|index| u64::from_be_bytes(*index))
        };
        Ok(entries.iter().filter_map(index).collect())
    }

    /// The indices of at most `limit` transactions, from `from` on (or, descending, before it).
    #[must_use]
    pub fn indices(&self, from: u64, order: Order, limit: usize) -> Vec<u64> {
        let size = self.head().log_size;
        match order {
            Order::Ascending => (from..size).take(limit).collect(),
            Order::Descending => (0..from.min(size)).rev().take(limit).collect(),
        }
    }

    /// Every transaction on a share, in order, each with its index and the height of its block.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`]; no error but an empty list when there is no such share.
    pub fn history(&self, share: &ShareId) -> Result<Vec<(u64, Height, Transaction)>> {
        let events = self
            .share(share)?
            .map(|share| share.events)
            .unwrap_or_default();
        events
            .into_iter()
            .map(|index| {
                let tx = self
                    .transaction(index)?
                    .ok_or_else(|| Error::damaged(format!("transaction {index} is missing")))?;
                Ok((index, self.height_of(index)?, tx))
            })
            .collect()
    }

    /// The header at a height.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn header(&self, height: Height) -> Result<Option<Header>> {
        let bytes = self.snapshot.get(Table::Header, &height.0.to_be_bytes())?;
        let read = |bytes: Vec<u8>| {
            Header::from_bytes(&bytes)
                .map_err(|error| Error::damaged(format!("header {height}: {error}")))
        };
        bytes.map(read).transpose()
    }

    /// The block at a height: its header and the transactions that it added.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn block(&self, height: Height) -> Result<Option<Block>> {
        let Some(header) = self.header(height)? else {
            return Ok(None);
        };
        let from = match height.0.checked_sub(1) {
            Some(before) => self.some_header(Height(before))?.log_size,
            None => 0,
        };
        let count = usize::try_from(header.log_size.saturating_sub(from)).unwrap_or(usize::MAX);
        Ok(Some(Block::new(header, self.transactions(from, count)?)))
    }

    /// The height of the block that holds the transaction at an index.
    ///
    /// # Errors
    ///
    /// [`Error::Beyond`] when the log ends before it; else as [`Reading::member`].
    pub fn height_of(&self, index: u64) -> Result<Height> {
        if index >= self.head.log_size {
            return Err(Error::Beyond {
                what: "index",
                found: index,
                size: self.head.log_size,
            });
        }
        // the first height whose log goes beyond the index
        let (mut low, mut high) = (0, self.head.height.0);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.some_header(Height(middle))?.log_size > index {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(Height(low))
    }

    /// Shows that a transaction stands at an index of the log when it had `size` leaves.
    ///
    /// # Errors
    ///
    /// [`Error::Beyond`]; else as [`Reading::member`].
    pub fn inclusion(&self, index: u64, size: u64) -> Result<InclusionProof> {
        self.within(size)?;
        inclusion(&self.snapshot, index, size)
    }

    /// Shows that the log with `to` leaves continues the one with `from`.
    ///
    /// # Errors
    ///
    /// [`Error::Beyond`]; else as [`Reading::member`].
    pub fn consistency(&self, from: u64, to: u64) -> Result<ConsistencyProof> {
        self.within(to)?;
        ConsistencyProof::new(&Tiles::new(&self.snapshot), from, to)
    }

    /// The hashes of a tile of the log (C2SP tlog-tiles), as many as there are, at most 256.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn tile(&self, level: u32, number: u64) -> Result<Vec<Digest>> {
        Tiles::new(&self.snapshot).tile(level, number)
    }

    /// Everything a stranger needs to believe that a share is recorded, and what its state is at the checkpoint.
    ///
    /// `checkpoint` is the signed note over [`Reading::head`]; `older` the number of leaves of the checkpoint that the
    /// stranger keeps.
    ///
    /// # Errors
    ///
    /// [`crate::Refusal::UnknownShare`] when there is no such share; [`Error::Damaged`] when the proof does not hold, so
    /// that a damaged ledger says so instead of handing out nonsense.
    pub fn prove(
        &self,
        share: &ShareId,
        checkpoint: String,
        older: Option<u64>,
    ) -> Result<ProofBundle> {
        let state = self
            .share(share)?
            .ok_or(crate::Refusal::UnknownShare { share: *share })?;
        let transaction = self
            .snapshot
            .get(Table::Transaction, &state.index.to_be_bytes())?;
        let transaction = transaction
            .ok_or_else(|| Error::damaged(format!("transaction {} is missing", state.index)))?;
        let sender = self.member(&state.sender)?;
        let sender = sender
            .ok_or_else(|| Error::damaged(format!("sender {} has no state", state.sender)))?;
        let bundle = ProofBundle::new(
            transaction,
            self.inclusion(state.index, self.head.log_size)?,
            (
                map::prove(&self.snapshot, &share_key(share))?,
                state.clone(),
            ),
            (
                map::prove(&self.snapshot, &member_key(&state.sender))?,
                sender,
            ),
            self.head.clone(),
            checkpoint,
            self.since(older)?,
        );
        let log = self.genesis.log_key();
        match crate::verify(&bundle.to_bytes(), &crate::Trust::new(log)) {
            Ok(_) => Ok(bundle),
            Err(rejected) => Err(Error::damaged(format!(
                "the proof of share {share} does not hold: {rejected}"
            ))),
        }
    }

    /// Everything a stranger needs to believe that no share of this name is recorded at the checkpoint.
    ///
    /// # Errors
    ///
    /// [`crate::Refusal::ShareExists`] when there is one; else as [`Reading::prove`].
    pub fn prove_absence(
        &self,
        share: &ShareId,
        checkpoint: String,
        older: Option<u64>,
    ) -> Result<AbsenceBundle> {
        if self.share(share)?.is_some() {
            return Err(crate::Refusal::ShareExists { share: *share }.into());
        }
        let proof = map::prove(&self.snapshot, &share_key(share))?;
        Ok(AbsenceBundle::new(
            *share,
            proof,
            self.head.clone(),
            checkpoint,
            self.since(older)?,
        ))
    }

    /// A checkpoint over the head, signed by the node's key.
    #[must_use]
    pub fn checkpoint(&self, key: &ed25519_dalek::SigningKey) -> String {
        Checkpoint::sign(self.chain, &self.head, key)
    }

    fn since(&self, older: Option<u64>) -> Result<Option<ConsistencyProof>> {
        older
            .map(|size| self.consistency(size, self.head.log_size))
            .transpose()
    }

    fn some_header(&self, height: Height) -> Result<Header> {
        self.header(height)?
            .ok_or_else(|| Error::damaged(format!("header {height} is missing")))
    }

    fn within(&self, size: u64) -> Result<()> {
        if size > self.head.log_size {
            return Err(Error::Beyond {
                what: "size",
                found: size,
                size: self.head.log_size,
            });
        }
        Ok(())
    }
}

fn read_transaction(index: u64, bytes: &[u8]) -> Result<Transaction> {
    Transaction::from_bytes(bytes)
        .map_err(|error| Error::damaged(format!("transaction {index}: {error}")))
}

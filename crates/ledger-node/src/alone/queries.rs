//! What can be asked of a node: each answer from one moment of the ledger.

use ledger_core::merkle::{ConsistencyProof, InclusionProof};
use ledger_core::store::{Order, RedbSnapshot};
use ledger_core::{
    AbsenceBundle, Address, AnswerBundle, Block, Checkpoint, Height, MemberState, ProofBundle,
    Question, Reading, Refusal, ShareFilter, ShareId, ShareState, Transaction, TxId,
};

use super::Node;
use crate::{Error, Event, Result};

impl Node {
    /// Everything a stranger needs to believe that a share is recorded, and what its state is now.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with [`Refusal::UnknownShare`]; else as [`Node::view`].
    pub fn prove(&self, share: &ShareId) -> Result<ProofBundle> {
        self.prove_since(share, None)
    }

    /// As [`Node::prove`], with the proof that the log continues a checkpoint that the stranger keeps.
    ///
    /// # Errors
    ///
    /// As [`Node::prove`], and [`ledger_core::Error::Beyond`] when that checkpoint is newer than this ledger.
    pub fn prove_since(&self, share: &ShareId, older: Option<&Checkpoint>) -> Result<ProofBundle> {
        self.prove_at(&self.view()?, share, older.map(Checkpoint::size))
    }

    /// As [`Node::prove_since`], at one moment, for a checkpoint of which only the size is known.
    pub(crate) fn prove_at(
        &self,
        reading: &Reading<RedbSnapshot>,
        share: &ShareId,
        older: Option<u64>,
    ) -> Result<ProofBundle> {
        let note = self.checkpoint_at(reading)?;
        reading
            .prove(share, note, older)
            .map_err(|error| self.at(error))
    }

    /// Answers a question, provably: states, blocks and transactions at this moment.
    ///
    /// # Errors
    ///
    /// [`ledger_core::Error::Beyond`] for what the ledger has not reached; else as [`Node::view`].
    pub fn answer(&self, question: &Question) -> Result<AnswerBundle> {
        self.answer_at(&self.view()?, question)
    }

    pub(crate) fn answer_at(
        &self,
        reading: &Reading<RedbSnapshot>,
        question: &Question,
    ) -> Result<AnswerBundle> {
        reading
            .answer(question, self.key()?)
            .map_err(|error| self.at(error))
    }

    /// The signed note over a moment's newest block.
    pub(crate) fn checkpoint_at(&self, reading: &Reading<RedbSnapshot>) -> Result<String> {
        Ok(reading.checkpoint(self.key()?))
    }

    /// The signed note over an earlier header: a key always signs the same in the same way, so it is the one that was over the newest
    /// block then.
    #[cfg(feature = "http")]
    pub(crate) fn checkpoint_over(&self, header: &ledger_core::Header) -> Result<String> {
        Ok(Checkpoint::sign(self.chain(), header, self.key()?))
    }

    /// Everything a stranger needs to believe that no share of this name is recorded now.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with [`Refusal::ShareExists`]; else as [`Node::prove_since`].
    pub fn prove_absence(
        &self,
        share: &ShareId,
        older: Option<&Checkpoint>,
    ) -> Result<AbsenceBundle> {
        let reading = self.view()?;
        let note = reading.checkpoint(self.key()?);
        reading
            .prove_absence(share, note, older.map(Checkpoint::size))
            .map_err(|error| self.at(error))
    }

    /// The signed note over the newest block.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn checkpoint(&self) -> Result<String> {
        self.checkpoint_at(&self.view()?)
    }

    /// A share, if it is recorded.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn share(&self, share: &ShareId) -> Result<Option<ShareState>> {
        self.view()?.share(share).map_err(|error| self.at(error))
    }

    /// At most `limit` shares recorded at or after an index of the log, in order.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn shares(&self, from: u64, limit: usize) -> Result<Vec<(ShareId, ShareState)>> {
        self.view()?
            .shares(from, limit)
            .map_err(|error| self.at(error))
    }

    /// Every share that matches, in the order in which they were recorded (or granted to the receiver asked for).
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn find_shares(&self, filter: &ShareFilter) -> Result<Vec<(ShareId, ShareState)>> {
        let reading = self.view()?;
        let (mut found, mut next) = (Vec::new(), Some(0));
        while let Some(from) = next {
            let page = reading
                .find_shares(filter, Order::Ascending, from, usize::MAX)
                .map_err(|error| self.at(error))?;
            found.extend(page.shares);
            next = page.next;
        }
        Ok(found)
    }

    /// Everything that happened to a share, in order; empty when there is no such share.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn events(&self, share: &ShareId) -> Result<Vec<Event>> {
        let reading = self.view()?;
        let history = reading.history(share).map_err(|error| self.at(error))?;
        let event = |(index, height, tx)| self.happened(&reading, index, height, tx);
        history.into_iter().map(event).collect()
    }

    /// At most `limit` transactions from an index on: all of them, or those that concern a member.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn log(&self, member: Option<&Address>, from: u64, limit: usize) -> Result<Vec<Event>> {
        let reading = self.view()?;
        let indices = match member {
            Some(member) => reading
                .involved(member, from, Order::Ascending, limit)
                .map_err(|error| self.at(error))?,
            None => reading.indices(from, Order::Ascending, limit),
        };
        let event = |index| {
            let height = reading.height_of(index);
            let tx = reading.transaction(index).map_err(|error| self.at(error))?;
            let tx = tx.ok_or_else(|| self.missing("transaction", index))?;
            self.happened(&reading, index, height.map_err(|error| self.at(error))?, tx)
        };
        indices.into_iter().map(event).collect()
    }

    /// A transaction with the time of its block.
    fn happened(
        &self,
        reading: &Reading<RedbSnapshot>,
        index: u64,
        height: Height,
        tx: Transaction,
    ) -> Result<Event> {
        let header = reading.header(height).map_err(|error| self.at(error))?;
        let header = header.ok_or_else(|| self.missing("header", height.0))?;
        Ok(Event {
            index,
            height,
            time: header.time,
            tx,
        })
    }

    fn missing(&self, what: &str, number: u64) -> Error {
        Error::Damaged {
            path: self.path().to_owned(),
            what: format!("{what} {number} is missing"),
        }
    }

    /// Every transaction on a share, in order, each with its index and the height of its block.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn history(&self, share: &ShareId) -> Result<Vec<(u64, Height, Transaction)>> {
        self.view()?.history(share).map_err(|error| self.at(error))
    }

    /// A member, if it was ever enrolled.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn member(&self, address: &Address) -> Result<Option<MemberState>> {
        self.view()?.member(address).map_err(|error| self.at(error))
    }

    /// Every member, in the order of the addresses.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn members(&self) -> Result<Vec<(Address, MemberState)>> {
        self.view()?
            .members(None, usize::MAX)
            .map_err(|error| self.at(error))
    }

    /// The sequence of a member's next transaction.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with [`Refusal::UnknownSender`]; else as [`Node::view`].
    pub fn next_sequence(&self, address: &Address) -> Result<u64> {
        let member = self
            .member(address)?
            .ok_or(Error::Refused(Refusal::UnknownSender { address: *address }))?;
        Ok(member.sequence)
    }

    /// The transaction at an index of the log.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn transaction(&self, index: u64) -> Result<Option<Transaction>> {
        self.view()?
            .transaction(index)
            .map_err(|error| self.at(error))
    }

    /// The index of the transaction with this name.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn find(&self, id: &TxId) -> Result<Option<u64>> {
        self.view()?.find(id).map_err(|error| self.at(error))
    }

    /// The indices of at most `limit` transactions that concern a member, the newest first, all before an index.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn involved(&self, address: &Address, before: u64, limit: usize) -> Result<Vec<u64>> {
        self.view()?
            .involved(address, before, Order::Descending, limit)
            .map_err(|error| self.at(error))
    }

    /// The block at a height.
    ///
    /// # Errors
    ///
    /// As [`Node::view`].
    pub fn block(&self, height: Height) -> Result<Option<Block>> {
        self.view()?.block(height).map_err(|error| self.at(error))
    }

    /// Shows that the log with `to` leaves continues the one with `from`.
    ///
    /// # Errors
    ///
    /// As [`Node::view`], and [`ledger_core::Error::Beyond`].
    pub fn consistency(&self, from: u64, to: u64) -> Result<ConsistencyProof> {
        self.view()?
            .consistency(from, to)
            .map_err(|error| self.at(error))
    }

    /// Shows that a transaction stands at an index of the log when it had `size` leaves.
    ///
    /// # Errors
    ///
    /// As [`Node::view`], and [`ledger_core::Error::Beyond`].
    pub fn inclusion(&self, index: u64, size: u64) -> Result<InclusionProof> {
        self.view()?
            .inclusion(index, size)
            .map_err(|error| self.at(error))
    }
}

//! What can be asked: each answer is proven, or is an error.

use std::collections::BTreeMap;

use ledger_core::{
    Address, Answer, Block, Checkpoint, Height, MemberState, Receipt, Refusal, ShareFilter,
    ShareId, ShareState, StatusKind, Transaction, TxId, verify,
};

use super::{Client, receipt, since, until_cosigned};
use crate::{Error, Event, Result};

impl Client<'_> {
    /// The newest checkpoint, which continues the last one seen.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::Server`], or [`Error::Unproven`] with the reason; so for every method below.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        Ok(self.ask("/v1/checkpoint")?.0.checkpoint().clone())
    }

    /// A member, if it was ever enrolled.
    ///
    /// # Errors
    ///
    /// As [`Client::checkpoint`], and [`Error::Unanswered`].
    pub fn member(&self, address: &Address) -> Result<Option<MemberState>> {
        let path = format!("/v1/members/{address}");
        let (answer, _) = self.ask(&path)?;
        let member = answer.member(address);
        let member = member.ok_or_else(|| self.unanswered(&path, "the member"))?;
        Ok(member.cloned())
    }

    /// Every member, in the order of the addresses; that none was left out is not proven.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn members(&self) -> Result<Vec<(Address, MemberState)>> {
        let mut members = BTreeMap::new();
        let mut path = "/v1/members?limit=100".to_owned();
        loop {
            let (answer, next) = self.ask(&path)?;
            let before = members.len();
            members.extend(answer.members().map(|(a, m)| (*a, m.clone())));
            // a page that adds nobody ends the list, whatever it says of a next one
            match next.and_then(|next| next.parse::<Address>().ok()) {
                Some(next) if members.len() > before => {
                    path = format!("/v1/members?limit=100&cursor={next}");
                }
                _ => return Ok(members.into_iter().collect()),
            }
        }
    }

    /// A share, if it is recorded.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn share(&self, share: &ShareId) -> Result<Option<ShareState>> {
        let path = format!("/v1/shares/{share}");
        let (answer, _) = self.ask(&path)?;
        let state = answer.share(share);
        let state = state.ok_or_else(|| self.unanswered(&path, "the share"))?;
        Ok(state.cloned())
    }

    /// Every share that matches; each is proven, that none was left out is not.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn find_shares(&self, filter: &ShareFilter) -> Result<Vec<(ShareId, ShareState)>> {
        let mut query = "/v1/shares?limit=100".to_owned();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                query.push_str(&format!("&{name}={value}"));
            }
        };
        add("sender", filter.sender.map(|sender| sender.to_string()));
        add(
            "receiver",
            filter.receiver.map(|receiver| receiver.to_string()),
        );
        add("content", filter.content.map(|content| content.to_string()));
        let status = filter.status.map(|status| match status {
            StatusKind::Live => "live",
            StatusKind::Rejected => "rejected",
            StatusKind::Withdrawn => "withdrawn",
        });
        add("status", status.map(str::to_owned));
        add(
            "accepted",
            filter.accepted.map(|accepted| accepted.to_string()),
        );
        add("begins", filter.begins.map(|prefix| prefix.to_string()));
        let mut found = BTreeMap::new();
        let mut cursor = 0;
        loop {
            let path = format!("{query}&cursor={cursor}");
            let (answer, next) = self.ask(&path)?;
            for (id, state) in answer.shares() {
                if !filter.matches(id, state) {
                    return Err(self.unanswered(&path, "a share of another kind"));
                }
                let receiver = filter
                    .receiver
                    .and_then(|address| state.receiver(&address).cloned());
                let order = receiver.map_or(state.index, |receiver| receiver.granted);
                found.insert(order, (*id, state.clone()));
            }
            // a server cannot send us round in circles
            match next.and_then(|next| next.parse().ok()) {
                Some(next) if next > cursor && next <= answer.header().log_size => cursor = next,
                _ => return Ok(found.into_values().collect()),
            }
        }
    }

    /// Everything that happened to a share, in order; empty when there is no such share.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn events(&self, share: &ShareId) -> Result<Vec<Event>> {
        let path = format!("/v1/shares/{share}/events");
        let (answer, _) = self.ask(&path)?;
        let state = answer.share(share);
        let state = state.ok_or_else(|| self.unanswered(&path, "the share"))?;
        let events = state
            .map(|state| state.events.as_slice())
            .unwrap_or_default();
        events
            .iter()
            .map(|&index| self.event(&answer, &path, index))
            .collect()
    }

    /// At most a hundred transactions from an index on: all of them, of which none is left out, or, by the server's
    /// word, those that concern a member.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn log(&self, member: Option<&Address>, from: u64) -> Result<Vec<Event>> {
        let query = member.map_or_else(String::new, |member| format!("&member={member}"));
        let path = format!("/v1/transactions?limit=100&cursor={from}{query}");
        let (answer, _) = self.ask(&path)?;
        let indices: Vec<_> = answer.transactions().map(|(index, _)| index).collect();
        // as many as the server likes, and at least one when there is one
        let there = (from..answer.header().log_size).take(indices.len().max(1));
        let fits = match member {
            None => indices.iter().copied().eq(there),
            Some(_) => indices.iter().all(|index| *index >= from),
        };
        if !fits {
            return Err(self.unanswered(&path, "the transactions from there on"));
        }
        indices
            .into_iter()
            .map(|index| self.event(&answer, &path, index))
            .collect()
    }

    /// The block at a height.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn block(&self, height: Height) -> Result<Option<Block>> {
        let path = format!("/v1/blocks/{height}");
        let (answer, _) = match self.ask(&path) {
            // that it is not there yet is for the checkpoint to show
            Err(Error::Server { status: 404, .. }) if self.checkpoint()?.height() < height => {
                return Ok(None);
            }
            other => other?,
        };
        let block = answer.block(height);
        let block = block.ok_or_else(|| self.unanswered(&path, "the block"))?;
        let txs = (block.first..block.header.log_size).map(|index| {
            let tx = answer.transaction(index).cloned();
            tx.ok_or_else(|| self.unanswered(&path, "a transaction of the block"))
        });
        Ok(Some(Block::new(
            block.header.clone(),
            txs.collect::<Result<_>>()?,
        )))
    }

    /// Records a transaction, and returns when it is proven to be in the log. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::RefusedThere`] with the reason; else as [`Client::member`].
    pub fn submit(&self, tx: &Transaction) -> Result<Receipt> {
        let path = "/v1/transactions";
        let post = |path: &str| self.transport.post(path, tx.as_bytes());
        let answer = self.send(path, post)?;
        let id = tx.id();
        let found = answer.transactions().find(|(_, found)| found.id() == id);
        let receipt = found.and_then(|(index, _)| receipt(&answer, index, id));
        receipt.ok_or_else(|| self.unanswered(path, "the transaction"))
    }

    /// Where a transaction is recorded: proven. That it is not recorded is the server's word alone: no proof shows that a transaction is
    /// missing from the log, and one that was sent a moment ago may still wait for its block.
    ///
    /// # Errors
    ///
    /// As [`Client::member`].
    pub fn find(&self, id: &TxId) -> Result<Option<u64>> {
        let path = format!("/v1/transactions/{id}");
        let (answer, _) = match self.ask(&path) {
            Err(Error::Server { status: 404, .. }) => return Ok(None),
            other => other?,
        };
        let index = answer.transactions().find(|(_, tx)| tx.id() == *id);
        let (index, _) = index.ok_or_else(|| self.unanswered(&path, "the transaction"))?;
        Ok(Some(index))
    }

    /// The bundle of a share, which [`ledger_core::verify`] believes; it continues the last checkpoint seen and, with an
    /// older one, that too.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with [`Refusal::UnknownShare`], proven; else as [`Client::member`].
    pub fn prove(&self, share: &ShareId, older: Option<&Checkpoint>) -> Result<Vec<u8>> {
        until_cosigned(|| self.prove_once(share, older))
    }

    fn prove_once(&self, share: &ShareId, older: Option<&Checkpoint>) -> Result<Vec<u8>> {
        let kept = self.memory.last();
        let before = older.or(kept.as_ref());
        let path = since(&format!("/v1/shares/{share}/proof"), before);
        let replied = self.transport.get(&path)?;
        let bytes = match self.body(replied, kept.as_ref()) {
            Err(Error::Server { status: 404, .. }) if self.share(share)?.is_none() => {
                return Err(Error::Refused(Refusal::UnknownShare { share: *share }));
            }
            other => other?.0,
        };
        let mut trust = self.trust.clone();
        if let Some(before) = before {
            trust = trust.older(before.clone());
        }
        let proven = verify(&bytes, &trust).map_err(Error::Unproven)?;
        if proven.share_id() != share {
            return Err(self.unanswered(&path, "the share"));
        }
        if let (Some(_), Some(kept)) = (older, &kept) {
            self.continues(proven.checkpoint(), kept.clone())?;
        }
        self.remember(proven.checkpoint(), kept)?;
        Ok(bytes)
    }

    /// One transaction of an answer, with its block.
    fn event(&self, answer: &Answer, path: &str, index: u64) -> Result<Event> {
        let tx = answer.transaction(index);
        let tx = tx.ok_or_else(|| self.unanswered(path, "a transaction"))?;
        let block = answer.block_of(index);
        let block = block.ok_or_else(|| self.unanswered(path, "the block of a transaction"))?;
        Ok(Event {
            index,
            height: block.header.height,
            time: block.header.time,
            tx: tx.clone(),
        })
    }
}

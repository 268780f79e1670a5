//! Looking for shares: by sender, by receiver, by what became of them, a page at a time.

use crate::store::{Order, Snapshot};
use crate::{
    Address, Body, Cid, Error, Reading, ReceiverState, Result, ShareId, ShareState, Status,
};

/// How many transactions are looked at for one page, found or not: what bounds the work of one question.
pub const MAX_SEARCH: usize = 4096;
/// How many are read at a time.
const CHUNK: usize = 256;

/// Which shares; without a condition, every one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct ShareFilter {
    /// Sent by this member.
    pub sender: Option<Address>,
    /// For this member: named by the share or by a grant, also when the grant was taken back.
    pub receiver: Option<Address>,
    /// What became of them.
    pub status: Option<StatusKind>,
    /// Of this content: the share's own, or one that a grant made.
    pub content: Option<Cid>,
    /// Accepted, or not, by the receiver that is asked for; without one, by everybody whose grant stands, who must be somebody.
    pub accepted: Option<bool>,
}

/// A [`Status`] without its particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "as complete as Status")]
pub enum StatusKind {
    /// Neither rejected nor withdrawn.
    Live,
    /// A receiver refused it.
    Rejected,
    /// Its sender took it back.
    Withdrawn,
}

impl StatusKind {
    /// The kind of a status.
    #[must_use]
    pub const fn of(status: &Status) -> Self {
        match status {
            Status::Live => Self::Live,
            Status::Rejected { .. } => Self::Rejected,
            Status::Withdrawn { .. } => Self::Withdrawn,
        }
    }
}

impl ShareFilter {
    /// Whether a share is one of those.
    #[must_use]
    pub fn matches(&self, share: &ShareState) -> bool {
        self.sender.is_none_or(|sender| sender == share.sender)
            && self
                .receiver
                .is_none_or(|receiver| share.receiver(&receiver).is_some())
            && self
                .status
                .is_none_or(|kind| kind == StatusKind::of(&share.status))
            && self.content.is_none_or(|content| {
                let mut others = share.receivers.iter().map(|receiver| receiver.content);
                share.content == content || others.any(|other| other == Some(content))
            })
            && self
                .accepted
                .is_none_or(|accepted| accepted == self.is_accepted(share))
    }

    fn is_accepted(&self, share: &ShareState) -> bool {
        let asked_for = |receiver: &&ReceiverState| match &self.receiver {
            Some(address) => receiver.address == *address,
            None => receiver.revoked.is_none(),
        };
        let mut receivers = share.receivers.iter().filter(asked_for).peekable();
        receivers.peek().is_some() && receivers.all(|receiver| receiver.accepted.is_some())
    }
}

/// Some shares, and where to go on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SharePage {
    /// The shares, in the order in which they were recorded (or granted to the receiver asked for), or the other way round.
    pub shares: Vec<(ShareId, ShareState)>,
    /// The `from` of the next page; none when there is nothing more.
    pub next: Option<u64>,
}

impl<R: Snapshot> Reading<R> {
    /// At most `limit` shares that match, among the transactions from an index on (or, descending, before it). A page may hold
    /// fewer, even none, and say where to go on, because one question looks at [`MAX_SEARCH`] transactions at most.
    ///
    /// # Errors
    ///
    /// As [`Reading::member`].
    pub fn find_shares(
        &self,
        filter: &ShareFilter,
        order: Order,
        from: u64,
        limit: usize,
    ) -> Result<SharePage> {
        let mut shares = Vec::new();
        let mut next = from;
        for _ in 0..MAX_SEARCH / CHUNK {
            let indices = self.candidates(filter, order, next, CHUNK)?;
            let last = indices.len() < CHUNK;
            for index in indices {
                if shares.len() >= limit {
                    let next = Some(next);
                    return Ok(SharePage { shares, next });
                }
                next = match order {
                    Order::Ascending => index.saturating_add(1),
                    Order::Descending => index,
                };
                if let Some((id, state)) = self.named_at(index, filter)?
                    && filter.matches(&state)
                {
                    shares.push((id, state));
                }
            }
            if last {
                return Ok(SharePage { shares, next: None });
            }
        }
        let next = Some(next);
        Ok(SharePage { shares, next })
    }

    /// The transactions that can be the ones by which a share is found.
    fn candidates(
        &self,
        filter: &ShareFilter,
        order: Order,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>> {
        // whom fewer transactions concern cannot be known; the receiver's list also holds what it was sent
        match filter.receiver.or(filter.sender) {
            Some(address) => self.involved(&address, from, order, limit),
            None => Ok(self.indices(from, order, limit)),
        }
    }

    /// The share that is found at this transaction: each one at exactly one, so that no page repeats it.
    fn named_at(&self, index: u64, filter: &ShareFilter) -> Result<Option<(ShareId, ShareState)>> {
        let missing = || Error::damaged(format!("transaction {index} is missing"));
        let tx = self.transaction(index)?.ok_or_else(missing)?;
        let id = match tx.body() {
            Body::Share(share) => share.share_id,
            Body::Grant(grant) => grant.share_id,
            _ => return Ok(None),
        };
        let state = self
            .share(&id)?
            .ok_or_else(|| Error::damaged(format!("share {id} has no state")))?;
        let named = match &filter.receiver {
            // a receiver whose grant was taken back and given again is found at the newest
            Some(receiver) => state.receiver(receiver).map(|receiver| receiver.granted),
            None => Some(state.index),
        };
        Ok((named == Some(index)).then_some((id, state)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Chain, Person, share, share_id};

    /// More transactions than one question looks at, of which few match: pages are short or empty, go on where they say, and miss
    /// nothing from either end.
    #[test]
    fn pages_go_on_over_everything_that_one_question_looks_at() {
        let many = u64::try_from(MAX_SEARCH + 3 * CHUNK / 2).unwrap();
        let mut chain = Chain::new(2);
        for number in 0..many {
            let sender = Person::new(1 + u32::from(number % 600 == 0));
            chain
                .send(&sender, share(number, &[&Person::new(0)]))
                .unwrap();
        }
        let reading = chain.ledger.view().unwrap();
        let of = |person: u32| ShareFilter {
            sender: Some(Person::new(person).address),
            // looked for in the receiver's list, which has all of them
            receiver: Some(Person::new(0).address),
            ..ShareFilter::default()
        };
        for (filter, step) in [(of(2), 600), (ShareFilter::default(), 1)] {
            let expected: Vec<_> = (0..many).step_by(step).map(share_id).collect();
            for order in [Order::Ascending, Order::Descending] {
                let mut next = Some(if order == Order::Ascending {
                    0
                } else {
                    u64::MAX
                });
                let (mut found, mut empty) = (Vec::new(), 0);
                while let Some(from) = next {
                    let page = reading.find_shares(&filter, order, from, 100).unwrap();
                    assert!(page.shares.len() <= 100);
                    empty += usize::from(page.shares.len() < 100);
                    found.extend(page.shares.iter().map(|(id, _)| *id));
                    next = page.next;
                }
                if order == Order::Descending {
                    found.reverse();
                }
                assert_eq!(found, expected, "{order:?}");
                assert_eq!(empty, if step == 1 { 1 } else { 2 }, "{order:?}");
            }
        }
    }
}

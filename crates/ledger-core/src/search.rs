//! Looking for shares: by sender, by receiver, by what became of them, a page at a time.

use std::fmt;
use std::str::FromStr;

use crate::ledger::read_share;
use crate::state::share_key;
use crate::store::{Order, Snapshot, Table};
use crate::{
    Address, Body, Cid, Error, Reading, ReceiverState, Result, ShareId, ShareState, Status,
};

/// How many transactions are looked at for one page, found or not: what bounds the work of one question. Where it is about the
/// beginning of an id, 513 states are looked at first.
pub const MAX_SEARCH: usize = 4096;
/// After how many bytes of states a page takes no further share: one with the most receivers has a few hundred kilobytes, and an answer
/// holds a page.
const PAGE: usize = 4 << 20;
/// How many are read at a time.
const CHUNK: usize = 256;
/// How many ids may begin alike for the state map to be asked for them, and not the log.
const ALIKE: usize = 512;
/// How many states are in memory together while their ids are looked at: one with the most receivers has a few hundred kilobytes.
const STATES: usize = 16;

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
    /// Whose id begins so.
    pub begins: Option<ShareIdPrefix>,
}

/// The first hexadecimal digits of a share id, as a person types it: 1 to 64 of them.
///
/// ```
/// use ledger_core::{ShareId, ShareIdPrefix};
///
/// let prefix: ShareIdPrefix = "c0ffee1".parse()?;
/// assert!(prefix.begins(&ShareId::new([0xc0, 0xff, 0xee, 0x1d].repeat(8).try_into().unwrap())));
/// assert_eq!(prefix.to_string(), "c0ffee1");
/// # Ok::<(), ledger_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareIdPrefix {
    /// The first and the last id that begin so.
    first: ShareId,
    last: ShareId,
    digits: usize,
}

impl ShareIdPrefix {
    /// Whether an id begins so.
    #[must_use]
    pub fn begins(&self, id: &ShareId) -> bool {
        (self.first..=self.last).contains(id)
    }
}

impl FromStr for ShareIdPrefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.len();
        if !(1..=64).contains(&digits) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::Malformed {
                what: "the beginning of a share id",
                reason: format!("expected 1 to 64 hexadecimal digits, found {digits} characters"),
            });
        }
        Ok(Self {
            first: format!("{text:0<64}").parse()?,
            last: format!("{text:f<64}").parse()?,
            digits,
        })
    }
}

impl fmt::Display for ShareIdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*}", self.digits, self.first.to_string())
    }
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
    pub fn matches(&self, id: &ShareId, share: &ShareState) -> bool {
        self.begins.is_none_or(|prefix| prefix.begins(id))
            && self.sender.is_none_or(|sender| sender == share.sender)
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

    /// The transaction at which a share is found: each one at exactly one, so that no page repeats it. A receiver whose grant was
    /// taken back and given again is found at the newest.
    fn place(&self, share: &ShareState) -> Option<u64> {
        match &self.receiver {
            Some(receiver) => share.receiver(receiver).map(|receiver| receiver.granted),
            None => Some(share.index),
        }
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
    /// fewer, even none, and say where to go on: see [`MAX_SEARCH`]. It takes no further share after 4 MiB of their states.
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
        self.find_some(filter, order, from, (limit, PAGE))
    }

    /// As [`Reading::find_shares`], so many shares and so many bytes of their states.
    fn find_some(
        &self,
        filter: &ShareFilter,
        order: Order,
        from: u64,
        most: (usize, usize),
    ) -> Result<SharePage> {
        // whom few transactions concern is found sooner by those
        if let Some(prefix) = &filter.begins
            && filter.receiver.or(filter.sender).is_none()
            && let Some(page) = self.beginning(prefix, filter, order, from, most)?
        {
            return Ok(page);
        }
        let (mut shares, mut bytes) = (Vec::new(), 0);
        let mut next = from;
        for _ in 0..MAX_SEARCH / CHUNK {
            let indices = self.candidates(filter, order, next, CHUNK)?;
            let last = indices.len() < CHUNK;
            for index in indices {
                if shares.len() >= most.0 || bytes >= most.1 {
                    let next = Some(next);
                    return Ok(SharePage { shares, next });
                }
                next = match order {
                    Order::Ascending => index.saturating_add(1),
                    Order::Descending => index,
                };
                if let Some((id, state)) = self.named_at(index, filter)?
                    && filter.matches(&id, &state)
                {
                    bytes += state.to_bytes().len();
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

    /// As [`Reading::find_some`] among those whose id begins so, which the state map has together; none when they are more than
    /// [`ALIKE`], and the log is looked through as for any other condition.
    fn beginning(
        &self,
        prefix: &ShareIdPrefix,
        filter: &ShareFilter,
        order: Order,
        from: u64,
        most: (usize, usize),
    ) -> Result<Option<SharePage>> {
        let (mut start, mut end) = (share_key(&prefix.first), share_key(&prefix.last));
        // a range ends before its last key
        end.push(0);
        let (mut looked, mut found) = (0, Vec::new());
        loop {
            let snapshot = self.snapshot();
            let entries = snapshot.range(Table::State, &start, &end, Order::Ascending, STATES)?;
            let Some((last, _)) = entries.last() else {
                break;
            };
            start = [last.as_slice(), &[0]].concat();
            looked += entries.len();
            if looked > ALIKE {
                return Ok(None);
            }
            for (key, state) in entries {
                let id = key.last_chunk().copied().map(ShareId::new);
                let id = id.ok_or_else(|| Error::damaged("a key of the state"))?;
                let state = read_share(&state)?;
                let place = filter.place(&state).filter(|place| match order {
                    Order::Ascending => *place >= from,
                    Order::Descending => *place < from,
                });
                if let Some(place) = place.filter(|_| filter.matches(&id, &state)) {
                    found.push((place, id));
                }
            }
        }
        found.sort_unstable_by_key(|(place, _)| *place);
        if order == Order::Descending {
            found.reverse();
        }
        let (mut shares, mut bytes) = (Vec::new(), 0);
        for (place, id) in found {
            if shares.len() >= most.0 || bytes >= most.1 {
                let next = match order {
                    Order::Ascending => place,
                    Order::Descending => place.saturating_add(1),
                };
                let next = Some(next);
                return Ok(Some(SharePage { shares, next }));
            }
            let state = self.found(&id)?;
            bytes += state.to_bytes().len();
            shares.push((id, state));
        }
        Ok(Some(SharePage { shares, next: None }))
    }

    /// The state of a share that is there.
    fn found(&self, id: &ShareId) -> Result<ShareState> {
        let missing = || Error::damaged(format!("share {id} has no state"));
        self.share(id)?.ok_or_else(missing)
    }

    /// The share that is found at this transaction.
    fn named_at(&self, index: u64, filter: &ShareFilter) -> Result<Option<(ShareId, ShareState)>> {
        let missing = || Error::damaged(format!("transaction {index} is missing"));
        let tx = self.transaction(index)?.ok_or_else(missing)?;
        let id = match tx.body() {
            Body::Share(share) => share.share_id,
            Body::Grant(grant) => grant.share_id,
            _ => return Ok(None),
        };
        let state = self.found(&id)?;
        Ok((filter.place(&state) == Some(index)).then_some((id, state)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Chain, Person, share, share_id};

    /// Among others whose ids begin otherwise, from either end, a page at a time, and with another condition beside.
    #[test]
    fn a_beginning_finds_those_whose_ids_begin_so() {
        let mut chain = Chain::new(2);
        let receiver = Person::new(0);
        for number in 0..600 {
            let sender = Person::new(1 + u32::from(number % 3 == 0));
            chain.send(&sender, share(number, &[&receiver])).unwrap();
        }
        let reading = chain.ledger.view().unwrap();
        let mut several = 0;
        for text in ["0", "7", "f", "FF", "a5", "00", "c"] {
            let begins: ShareIdPrefix = text.parse().unwrap();
            let begin = |id: &ShareId| id.to_string().starts_with(&text.to_lowercase());
            assert_eq!(begins.to_string(), text.to_lowercase());
            for (receiver, sender) in [
                (None, None),
                (Some(0), None),
                (None, Some(2)),
                (Some(1), None),
            ] {
                let address =
                    |person: Option<u32>| person.map(|person| Person::new(person).address);
                let filter = ShareFilter {
                    begins: Some(begins),
                    receiver: address(receiver),
                    sender: address(sender),
                    ..ShareFilter::default()
                };
                let mut expected: Vec<_> = (0..600_u64)
                    .filter(|number| begin(&share_id(*number)) && receiver != Some(1))
                    .filter(|number| sender.is_none() || number % 3 == 0)
                    .map(share_id)
                    .collect();
                several += usize::from(expected.len() > 4);
                for (order, start) in [(Order::Ascending, 0), (Order::Descending, u64::MAX)] {
                    let (mut found, mut next) = (Vec::new(), Some(start));
                    while let Some(from) = next {
                        let page = reading.find_shares(&filter, order, from, 4).unwrap();
                        assert!(page.shares.len() == 4 || page.next.is_none());
                        found.extend(page.shares.iter().map(|(id, _)| *id));
                        next = page.next;
                    }
                    assert_eq!(found, expected, "{text} {order:?}");
                    expected.reverse();
                }
            }
        }
        assert!(several > 10, "{several}");
    }

    /// A hundred shares that thousands had received were more than a client reads as one answer.
    #[test]
    fn a_page_takes_so_many_bytes() {
        let mut chain = Chain::new(2);
        let (sender, receiver) = (Person::new(1), Person::new(0));
        for number in 0..40 {
            chain.send(&sender, share(number, &[&receiver])).unwrap();
        }
        let reading = chain.ledger.view().unwrap();
        let size = reading.share(&share_id(0)).unwrap().unwrap();
        let size = size.to_bytes().len();
        let all = ShareFilter::default();
        let begins: Vec<_> = (0..16)
            .map(|digit| ShareFilter {
                begins: Some(format!("{digit:x}").parse().unwrap()),
                ..all
            })
            .collect();
        let mut full = 0;
        for filters in [&vec![all], &begins] {
            for (order, start) in [(Order::Ascending, 0), (Order::Descending, u64::MAX)] {
                let mut found = Vec::new();
                for filter in filters {
                    let mut next = Some(start);
                    while let Some(from) = next {
                        let most = (100, 2 * size);
                        let page = reading.find_some(filter, order, from, most).unwrap();
                        // the indices in a later one's state take a few bytes more
                        assert!(page.shares.len() <= 2);
                        full += usize::from(page.shares.len() == 2);
                        found.extend(page.shares.into_iter().map(|(id, _)| id));
                        next = page.next;
                    }
                }
                found.sort_unstable();
                let mut expected: Vec<_> = (0..40).map(share_id).collect();
                expected.sort_unstable();
                assert_eq!(found, expected, "{order:?}");
            }
        }
        assert!(full > 50, "{full}");
    }

    #[test]
    fn a_beginning_is_one_to_sixty_four_digits() {
        let id = share_id(3);
        let text = id.to_string();
        for digits in 1..=64 {
            let prefix: ShareIdPrefix = text[..digits].parse().unwrap();
            assert!(prefix.begins(&id));
            assert_eq!(prefix.to_string(), text[..digits]);
            assert!(!prefix.begins(&share_id(4)) || digits < 3);
        }
        let long = format!("{text}0");
        for wrong in ["", "g", "0x12", " 12", "12 ", "é", &long] {
            assert!(wrong.parse::<ShareIdPrefix>().is_err(), "{wrong:?}");
        }
    }

    /// As many as the state map is asked for begin alike, and one more, which the log is looked through for: every one once, in order,
    /// from either end, and also while it becomes one more.
    #[test]
    fn pages_go_on_where_too_many_begin_so() {
        let alike = |number: u64| {
            let mut id = *share_id(number).as_bytes();
            id[0] = 0x5a;
            ShareId::new(id)
        };
        let mut chain = Chain::new(1);
        let sender = Person::new(0);
        let mut send = |number| {
            let mut body = share(number, &[&sender]);
            if let Body::Share(share) = &mut body {
                share.share_id = alike(number);
            }
            chain.send(&sender, body).unwrap();
            chain.ledger.view().unwrap()
        };
        let filter = ShareFilter {
            begins: Some("5a".parse().unwrap()),
            ..ShareFilter::default()
        };
        let many = u64::try_from(ALIKE).unwrap();
        let (before, after) = ((0..many).map(&mut send).last().unwrap(), send(many));
        for order in [Order::Ascending, Order::Descending] {
            let start = match order {
                Order::Ascending => 0,
                Order::Descending => u64::MAX,
            };
            // the readings of the first page and of those after it, and how many there are
            let newest = match order {
                Order::Ascending => many + 1,
                // what came behind the first page is not in it
                Order::Descending => many,
            };
            for (first, rest, count) in [
                (&before, &before, many),
                (&after, &after, many + 1),
                (&before, &after, newest),
            ] {
                let (mut found, mut next, mut reading) = (Vec::new(), Some(start), first);
                while let Some(from) = next {
                    let page = reading.find_shares(&filter, order, from, 100).unwrap();
                    found.extend(page.shares.iter().map(|(id, _)| *id));
                    (next, reading) = (page.next, rest);
                }
                let mut expected: Vec<_> = (0..count).map(alike).collect();
                if order == Order::Descending {
                    expected.reverse();
                }
                assert!(found == expected, "{order:?} {count}");
            }
        }
    }

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

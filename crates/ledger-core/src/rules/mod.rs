//! The rules: who may send what, and what it does. One function, [`transition`]; what it says in which state is the table of
//! DESIGN.md, which a test compares with it cell by cell. What each kind does:
//!
//! | kind | |
//! |---|---|
//! | enroll | member from now on |
//! | rotate-key | key valid from the next block |
//! | revoke-member | may send nothing more |
//! | share | records it |
//! | grant | adds receivers |
//! | revoke | takes grants back |
//! | accept | notes it |
//! | reject, withdraw | freezes the share |

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::state::{MAX_MEMBER_KEYS, MAX_SHARE_EVENTS, MAX_SHARE_RECEIVERS};
use crate::tx::verify;
use crate::{
    Address, Body, ChainId, Genesis, Height, KeySpan, MemberState, ReceiverState, Refusal, Result,
    ShareId, ShareState, Signature, Status, Transaction,
};

/// How many of a member's newest keys are looked at to say that a key is valid no more, or not yet.
const OTHER_KEYS: usize = 8;

/// What the rules read: the state as it is before the transaction.
pub(crate) trait View {
    fn member(&self, address: &Address) -> Result<Option<Cow<'_, MemberState>>>;
    fn share(&self, share: &ShareId) -> Result<Option<Cow<'_, ShareState>>>;
}

/// Where a transaction would stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) height: Height,
    pub(crate) time: u64,
    pub(crate) index: u64,
}

/// The one value that a transaction changes, beside its sender's sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Member(Address, MemberState),
    Share(ShareId, ShareState),
}

/// What holds for every kind of transaction, but for the signatures.
pub(crate) fn admit<'a>(
    view: &'a impl View,
    genesis: &Genesis,
    chain: &ChainId,
    tx: &Transaction,
    at: Position,
) -> Result<Cow<'a, MemberState>> {
    if tx.chain() != chain {
        return Err(Refusal::WrongChain {
            expected: *chain,
            found: *tx.chain(),
        }
        .into());
    }
    tx.check()?;
    let address = *tx.sender();
    let sender = view
        .member(&address)?
        .ok_or(Refusal::UnknownSender { address })?;
    if let Some(height) = sender.revoked {
        return Err(Refusal::RevokedSender { address, height }.into());
    }
    let (expected, found) = (sender.sequence, tx.sequence());
    if found < expected {
        return Err(Refusal::Replayed {
            address,
            expected,
            found,
        }
        .into());
    }
    if found > expected {
        return Err(Refusal::WrongSequence {
            address,
            expected,
            found,
        }
        .into());
    }
    let (time, created) = (at.time, tx.created_at());
    let ahead = created.saturating_sub(time);
    if ahead > genesis.tolerance.future {
        return Err(Refusal::FutureTime {
            time,
            ahead,
            tolerance: genesis.tolerance.future,
        }
        .into());
    }
    let behind = time.saturating_sub(created);
    if behind > genesis.tolerance.past {
        return Err(Refusal::StaleTime {
            time,
            behind,
            tolerance: genesis.tolerance.past,
        }
        .into());
    }
    Ok(sender)
}

/// Checks the sender's signature under the key valid at this height, and names an outdated key and an early one as such.
pub(crate) fn authenticate(
    address: &Address,
    member: &MemberState,
    tx: &Transaction,
    height: Height,
) -> Result<(), Refusal> {
    signed_by(address, member, tx, tx.signature(), height)
}

/// Checks a member's signature under a transaction.
fn signed_by(
    address: &Address,
    member: &MemberState,
    tx: &Transaction,
    signature: &Signature,
    height: Height,
) -> Result<(), Refusal> {
    let verified = match member.key_at(height) {
        Some(key) => verify(key, tx.message(), signature, address),
        None => Err(Refusal::BadSignature { address: *address }),
    };
    verified.map_err(|refusal| {
        // not all of a thousand: whoever sends nonsense would pay one signature for a thousand checks
        let other = member.keys.iter().rev().take(OTHER_KEYS);
        let mut other = other
            .filter(|span| !span.is_valid(height))
            .filter(|span| verify(&span.key, tx.message(), signature, address).is_ok())
            .map(|span| match span.until {
                Some(until) if until <= height => Refusal::KeyNotValid {
                    address: *address,
                    until,
                },
                _ => Refusal::KeyNotYetValid {
                    address: *address,
                    height,
                    from: span.from,
                },
            });
        other.next().unwrap_or(refusal)
    })
}

/// The table: whether this sender may send this now, and the value that it changes.
pub(crate) fn transition(
    view: &impl View,
    genesis: &Genesis,
    tx: &Transaction,
    at: Position,
) -> Result<Change> {
    let sender = *tx.sender();
    let alone = matches!(tx.body(), Body::RotateKey(rotate) if rotate.address == sender);
    match tx.body() {
        Body::Enroll(_) | Body::RevokeMember(_) => authorities(view, genesis, tx, at.height)?,
        Body::RotateKey(_) if !alone => authorities(view, genesis, tx, at.height)?,
        _ if !tx.approvals().is_empty() => return Err(Refusal::NeedlessApproval.into()),
        _ => {}
    }
    match tx.body() {
        Body::Enroll(enroll) => {
            let address = enroll.address;
            if view.member(&address)?.is_some() {
                return Err(Refusal::MemberExists { address }.into());
            }
            let member = MemberState::new(enroll.key, enroll.cert, enroll.name.clone(), at.height);
            Ok(Change::Member(address, member))
        }
        Body::RotateKey(rotate) => {
            let mut member = live_member(view, &rotate.address)?.into_owned();
            if member.keys.iter().any(|span| span.key == rotate.key) {
                return Err(Refusal::KeyReused {
                    address: rotate.address,
                }
                .into());
            }
            let next = Height(at.height.0.saturating_add(1));
            if let Some(last) = member.keys.last_mut() {
                last.until = Some(next);
            }
            // a second rotation within one block replaces a key that never was valid
            member
                .keys
                .retain(|span| span.until.is_none_or(|until| span.from < until));
            if member.keys.len() >= MAX_MEMBER_KEYS {
                return Err(Refusal::Limit {
                    what: "keys of a member",
                    limit: MAX_MEMBER_KEYS,
                    found: member.keys.len(),
                }
                .into());
            }
            member.keys.push(KeySpan {
                key: rotate.key,
                from: next,
                until: None,
            });
            member.cert = rotate.cert.or(member.cert);
            Ok(Change::Member(rotate.address, member))
        }
        Body::RevokeMember(revoke) => {
            let mut member = live_member(view, &revoke.address)?.into_owned();
            enough_remain(view, genesis, &revoke.address)?;
            member.revoked = Some(at.height);
            Ok(Change::Member(revoke.address, member))
        }
        Body::Share(share) => {
            if view.share(&share.share_id)?.is_some() {
                return Err(Refusal::ShareExists {
                    share: share.share_id,
                }
                .into());
            }
            live_receivers(view, &share.receivers)?;
            let receiver = |address: &Address| ReceiverState::new(*address, None, at.index);
            Ok(Change::Share(
                share.share_id,
                ShareState {
                    sender,
                    content: share.content,
                    commitment: share.commitment,
                    index: at.index,
                    height: at.height,
                    status: Status::Live,
                    receivers: share.receivers.iter().map(receiver).collect(),
                    events: vec![at.index],
                },
            ))
        }
        Body::Grant(grant) => {
            let mut share = sent_share(view, &grant.share_id, &sender)?;
            few_events(&share)?;
            if let Some(address) = grant
                .receivers
                .iter()
                .find(|address| share.is_granted(address))
            {
                return Err(Refusal::AlreadyReceiver { address: *address }.into());
            }
            live_receivers(view, &grant.receivers)?;
            share
                .receivers
                .retain(|receiver| !grant.receivers.contains(&receiver.address));
            let receiver =
                |address: &Address| ReceiverState::new(*address, Some(grant.content), at.index);
            share.receivers.extend(grant.receivers.iter().map(receiver));
            few_receivers(&share)?;
            Ok(happened(grant.share_id, share, at.index))
        }
        Body::Revoke(revoke) => {
            // however many events there were: a sender can always take back what it granted
            let mut share = sent_share(view, &revoke.share_id, &sender)?;
            if let Some(address) = revoke
                .receivers
                .iter()
                .find(|address| !share.is_granted(address))
            {
                return Err(Refusal::NotReceiver { address: *address }.into());
            }
            for receiver in share
                .receivers
                .iter_mut()
                .filter(|r| revoke.receivers.contains(&r.address))
            {
                receiver.revoked = Some(at.index);
            }
            Ok(happened(revoke.share_id, share, at.index))
        }
        Body::Accept(accept) => {
            let mut share = received_share(view, &accept.share_id, &sender)?;
            for receiver in share
                .receivers
                .iter_mut()
                .filter(|receiver| receiver.address == sender)
            {
                if receiver.accepted.is_some() {
                    return Err(Refusal::AlreadyAccepted { address: sender }.into());
                }
                receiver.accepted = Some(at.index);
            }
            Ok(happened(accept.share_id, share, at.index))
        }
        Body::Reject(reject) => {
            let mut share = received_share(view, &reject.share_id, &sender)?;
            share.status = Status::Rejected {
                by: sender,
                index: at.index,
            };
            Ok(happened(reject.share_id, share, at.index))
        }
        Body::Withdraw(withdraw) => {
            let mut share = sent_share(view, &withdraw.share_id, &sender)?;
            share.status = Status::Withdrawn { index: at.index };
            Ok(happened(withdraw.share_id, share, at.index))
        }
    }
}

/// The share with one more event.
fn happened(id: ShareId, mut share: ShareState, index: u64) -> Change {
    share.events.push(index);
    Change::Share(id, share)
}

/// Checks that the sender and those who approve are different live authorities, as many as the genesis asks for, and
/// that the approvals' signatures hold.
fn authorities(
    view: &impl View,
    genesis: &Genesis,
    tx: &Transaction,
    height: Height,
) -> Result<()> {
    let mut signed = BTreeSet::from([*tx.sender()]);
    if !genesis.is_authority(tx.sender()) {
        return Err(Refusal::NotAuthority {
            address: *tx.sender(),
        }
        .into());
    }
    let needed = usize::try_from(genesis.threshold).unwrap_or(usize::MAX);
    if tx.approvals().len() >= needed {
        return Err(Refusal::NeedlessApproval.into());
    }
    for approval in tx.approvals() {
        let address = approval.authority;
        if !genesis.is_authority(&address) {
            return Err(Refusal::NotAuthority { address }.into());
        }
        if !signed.insert(address) {
            return Err(Refusal::Repeated { address }.into());
        }
        let member = live_member(view, &address)?;
        signed_by(&address, &member, tx, &approval.signature, height)?;
    }
    if signed.len() < needed {
        return Err(Refusal::ThresholdNotMet {
            needed,
            found: signed.len(),
        }
        .into());
    }
    Ok(())
}

/// What a transaction must be that is recorded from now on. Ledgers hold others, which were recorded when this was no rule, so that no
/// recorded one is held against it.
pub(crate) fn newly(view: &impl View, tx: &Transaction, height: Height) -> Result<()> {
    let approvals = tx.approvals();
    let out_of_order = approvals
        .windows(2)
        .find(|pair| matches!(pair, [one, next] if one.authority >= next.authority));
    if let Some([_, next]) = out_of_order {
        let address = next.authority;
        return Err(Refusal::ApprovalOrder { address }.into());
    }
    let mut keys = BTreeSet::new();
    let mut distinct = |address: Address| -> Result<bool> {
        let member = view.member(&address)?;
        let key = member.and_then(|member| member.key_at(height).copied());
        Ok(key.is_none_or(|key| keys.insert(key)))
    };
    distinct(*tx.sender())?;
    for address in approvals.iter().map(|approval| approval.authority) {
        if !distinct(address)? {
            return Err(Refusal::SharedKey { address }.into());
        }
    }
    Ok(())
}

/// Checks that enough authorities remain without this member to reach the threshold.
fn enough_remain(view: &impl View, genesis: &Genesis, without: &Address) -> Result<()> {
    if !genesis.is_authority(without) {
        return Ok(());
    }
    let mut remaining = 0;
    for authority in genesis
        .authorities
        .iter()
        .filter(|authority| authority.address != *without)
    {
        remaining += usize::from(
            view.member(&authority.address)?
                .is_some_and(|member| member.is_live()),
        );
    }
    let needed = usize::try_from(genesis.threshold).unwrap_or(usize::MAX);
    if remaining < needed {
        return Err(Refusal::TooFewAuthorities { needed, remaining }.into());
    }
    Ok(())
}

/// A member that was not revoked.
fn live_member<'a>(view: &'a impl View, address: &Address) -> Result<Cow<'a, MemberState>> {
    let address = *address;
    let member = view
        .member(&address)?
        .ok_or(Refusal::UnknownMember { address })?;
    match member.revoked {
        Some(height) => Err(Refusal::RevokedMember { address, height }.into()),
        None => Ok(member),
    }
}

/// Checks that every receiver is a live member.
fn live_receivers(view: &impl View, receivers: &[Address]) -> Result<()> {
    for &address in receivers {
        let member = view
            .member(&address)?
            .ok_or(Refusal::UnknownReceiver { address })?;
        if let Some(height) = member.revoked {
            return Err(Refusal::RevokedReceiver { address, height }.into());
        }
    }
    Ok(())
}

/// A share to which something may still happen.
fn live_share(view: &impl View, id: &ShareId) -> Result<ShareState> {
    let share = view
        .share(id)?
        .ok_or(Refusal::UnknownShare { share: *id })?;
    match share.status {
        Status::Live => Ok(share.into_owned()),
        status => Err(Refusal::Frozen { status }.into()),
    }
}

/// A live share of this sender.
fn sent_share(view: &impl View, id: &ShareId, sender: &Address) -> Result<ShareState> {
    let share = live_share(view, id)?;
    if share.sender == *sender {
        Ok(share)
    } else {
        Err(Refusal::NotSender {
            sender: share.sender,
        }
        .into())
    }
}

/// A live share with a standing grant for this receiver.
fn received_share(view: &impl View, id: &ShareId, receiver: &Address) -> Result<ShareState> {
    let share = live_share(view, id)?;
    if share.is_granted(receiver) {
        Ok(share)
    } else {
        Err(Refusal::NotReceiver { address: *receiver }.into())
    }
}

/// Checks that a share has room for one more grant, and for all that may come of it: an acceptance and a revocation of each
/// receiver.
fn few_events(share: &ShareState) -> Result<(), Refusal> {
    match share.events.len() {
        found if found >= MAX_SHARE_EVENTS => Err(Refusal::Limit {
            what: "events of a share",
            limit: MAX_SHARE_EVENTS,
            found,
        }),
        _ => Ok(()),
    }
}

/// Checks that a share has had no more receivers than its state and its proof can hold.
const fn few_receivers(share: &ShareState) -> Result<(), Refusal> {
    let found = share.receivers.len();
    if found > MAX_SHARE_RECEIVERS {
        return Err(Refusal::Limit {
            what: "receivers of a share",
            limit: MAX_SHARE_RECEIVERS,
            found,
        });
    }
    Ok(())
}

#[cfg(all(test, feature = "testing"))]
mod tests;

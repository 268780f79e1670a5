//! The rules once more, as simple as they can be said: a list of what was accepted, and questions to that list.
//!
//! Nothing here keeps a state, so that a mistake in keeping one shows.

use std::collections::BTreeMap;

use super::{Chain, Person, content, share_id};
use crate::store::MemoryStore;
use crate::{
    Accept, Address, Body, Commitment, Error, Grant, Reject, Revoke, RevokeMember, RotateKey,
    Share, Trust, Unsigned, Withdraw, verify,
};

/// How many persons take part.
const PERSONS: u8 = 6;
/// How many shares there may be.
const SHARES: u8 = 4;
/// The most steps of one run.
const STEPS: usize = 64;

/// Who decides about members: the first persons, so many of them together.
#[derive(Clone, Copy, Debug)]
struct Deciding {
    authorities: u8,
    threshold: usize,
}

/// Either of two decides alone.
const ALONE: Deciding = Deciding {
    authorities: 2,
    threshold: 1,
};
/// Two of three decide together.
const TOGETHER: Deciding = Deciding {
    authorities: 3,
    threshold: 2,
};

/// An approval: whose it is to be, and whether that one's key made it.
type Approving = (Address, bool);

/// What was accepted so far: sender and body, in order.
#[derive(Debug)]
struct History {
    deciding: Deciding,
    accepted: Vec<(Address, Body)>,
}

impl History {
    fn authorities(&self) -> impl Iterator<Item = Address> + use<> {
        (0..self.deciding.authorities).map(|number| person(number).address)
    }

    fn is_authority(&self, who: &Address) -> bool {
        self.authorities().any(|authority| authority == *who)
    }

    /// Whether the sender and those who approve are as many authorities as must decide.
    fn decided(&self, sender: &Address, approvals: &[Approving]) -> bool {
        let mut signed = vec![*sender];
        for (who, right) in approvals {
            if signed.contains(who) || !right {
                return false;
            }
            signed.push(*who);
        }
        signed.len() == self.deciding.threshold
            && signed
                .iter()
                .all(|who| self.is_authority(who) && self.is_live(who))
    }

    fn sequence(&self, who: &Address) -> u64 {
        self.accepted
            .iter()
            .map(|(sender, _)| u64::from(sender == who))
            .sum()
    }

    fn is_member(&self, who: &Address) -> bool {
        let enrolled = |body: &Body| matches!(body, Body::Enroll(enroll) if enroll.address == *who);
        self.is_authority(who) || self.accepted.iter().any(|(_, body)| enrolled(body))
    }

    fn is_revoked(&self, who: &Address) -> bool {
        self.accepted
            .iter()
            .any(|(_, body)| matches!(body, Body::RevokeMember(revoke) if revoke.address == *who))
    }

    fn is_live(&self, who: &Address) -> bool {
        self.is_member(who) && !self.is_revoked(who)
    }

    fn on(&self, share: &Body) -> Vec<&(Address, Body)> {
        self.accepted
            .iter()
            .filter(|(_, body)| body.share_id() == share.share_id())
            .collect()
    }

    /// Since the last time that somebody was named by a share or grant: was the grant taken back, was it accepted?
    fn grant(&self, of: &Body, who: &Address) -> Option<(bool, bool)> {
        let mut grant = None;
        for (sender, body) in self.on(of) {
            match body {
                Body::Share(_) | Body::Grant(_) if body.receivers().contains(who) => {
                    grant = Some((false, false));
                }
                Body::Revoke(_) if body.receivers().contains(who) => {
                    grant = grant.map(|(_, accepted)| (true, accepted));
                }
                Body::Accept(_) if sender == who => {
                    grant = grant.map(|(revoked, _)| (revoked, true));
                }
                _ => {}
            }
        }
        grant
    }

    /// Whether the rules allow this next, signature and sequence aside.
    fn allows(&self, sender: &Address, body: &Body, approvals: &[Approving]) -> bool {
        let events = self.on(body);
        let recorded = events
            .iter()
            .find(|(_, body)| matches!(body, Body::Share(_)));
        let frozen = events
            .iter()
            .any(|(_, body)| matches!(body, Body::Reject(_) | Body::Withdraw(_)));
        let own = recorded.is_some_and(|(from, _)| from == sender) && !frozen;
        let stands = |who: &Address| self.grant(body, who).is_some_and(|(revoked, _)| !revoked);
        let to_me = recorded.is_some() && !frozen && stands(sender);
        let receivers = body.receivers();
        let distinct = receivers
            .iter()
            .enumerate()
            .all(|(at, who)| !receivers.iter().skip(at + 1).any(|w| w == who));
        let named = !receivers.is_empty() && distinct;
        let own_key = matches!(body, Body::RotateKey(rotate) if rotate.address == *sender);
        let about_members = matches!(
            body,
            Body::Enroll(_) | Body::RotateKey(_) | Body::RevokeMember(_)
        );
        let signed = if about_members && !own_key {
            self.decided(sender, approvals)
        } else {
            approvals.is_empty()
        };
        self.is_live(sender)
            && signed
            && match body {
                Body::Enroll(enroll) => !self.is_member(&enroll.address),
                Body::RotateKey(rotate) => self.is_live(&rotate.address),
                Body::RevokeMember(revoke) => {
                    let left = self
                        .authorities()
                        .filter(|who| *who != revoke.address && self.is_live(who));
                    self.is_live(&revoke.address)
                        && (!self.is_authority(&revoke.address)
                            || left.count() >= self.deciding.threshold)
                }
                Body::Share(_) => {
                    recorded.is_none() && named && receivers.iter().all(|who| self.is_live(who))
                }
                Body::Grant(_) => {
                    own && named
                        && receivers
                            .iter()
                            .all(|who| self.is_live(who) && !stands(who))
                }
                Body::Revoke(_) => own && named && receivers.iter().all(stands),
                Body::Accept(_) => to_me && self.grant(body, sender) == Some((false, false)),
                Body::Reject(_) => to_me,
                Body::Withdraw(_) => own,
            }
    }
}

/// Drives a ledger and the model side by side with steps read from bytes, and compares every verdict, every state and
/// every proof. A step takes four bytes; when some are left over, authorities decide together.
///
/// # Panics
///
/// When the ledger and the model disagree.
pub fn run(data: &[u8]) {
    let (steps, rest) = data.as_chunks::<4>();
    let deciding = if rest.is_empty() { ALONE } else { TOGETHER };
    let threshold = u64::try_from(deciding.threshold).unwrap_or(u64::MAX);
    let genesis = super::genesis(deciding.authorities.into(), threshold);
    let mut chain = Chain::over(MemoryStore::new(), genesis, 0);
    let mut history = History {
        deciding,
        accepted: Vec::new(),
    };
    let mut keys: BTreeMap<Address, Person> = (0..PERSONS)
        .map(|n| (person(n).address, person(n)))
        .collect();
    let mut staged = chain
        .ledger
        .begin(chain.time + 1)
        .expect("memory does not fail");
    let mut rotated = BTreeMap::new();
    for (step, bytes) in steps.iter().take(STEPS).enumerate() {
        let [kind, actor, subject, mask] = *bytes;
        let sender = person(actor % PERSONS).address;
        let body = body(kind, subject, mask, step);
        // one of eight comes with the sequence of the one before or after, one of eight is signed by somebody else
        let (sequence, in_turn) = match mask >> 6 {
            3 if actor >= 128 => (history.sequence(&sender).wrapping_add(1), false),
            2 if actor >= 128 => (history.sequence(&sender).wrapping_sub(1), false),
            _ => (history.sequence(&sender), true),
        };
        let forged = actor % 64 >= 56;
        let signer = if forged {
            &person(PERSONS)
        } else {
            keys.get(&sender).expect("everybody has a key")
        };
        let tx = Unsigned::new(
            chain.ledger.chain(),
            sender,
            sequence,
            staged.time(),
            body.clone(),
        )
        .sign(&signer.key);
        let approvals = approving(deciding, &body, mask);
        let tx = approvals.iter().fold(tx, |tx, (who, right)| {
            let own = keys.get(who).filter(|_| *right);
            tx.approve(*who, &own.unwrap_or(&person(PERSONS)).key)
        });
        let expected = in_turn && !forged && history.allows(&sender, &body, &approvals);
        match staged.apply(&tx) {
            Ok(_) => assert!(
                expected,
                "step {step}: the ledger accepts {body:?} of {sender}"
            ),
            Err(Error::Refused(refusal)) => {
                assert!(
                    !expected,
                    "step {step}: the ledger refuses {body:?} of {sender}: {refusal}"
                );
            }
            Err(error) => panic!("step {step}: {error}"),
        }
        if expected {
            if let Body::RotateKey(rotate) = &body {
                rotated.insert(rotate.address, renewed(&rotate.address, step));
            }
            history.accepted.push((sender, body));
        }
        if kind >= 128 {
            let finished = staged.finish().expect("memory does not fail");
            chain.ledger.commit(&finished).expect("it follows the head");
            chain.time += 1;
            // a new key is valid from the next block on
            keys.append(&mut rotated);
            staged = chain
                .ledger
                .begin(chain.time + 1)
                .expect("memory does not fail");
        }
    }
    chain
        .ledger
        .commit(&staged.finish().expect("memory does not fail"))
        .expect("it follows the head");
    compare(&chain, &history);
    chain
        .ledger
        .audit(|_, _| {})
        .expect("the chain is what the rules give");
}

/// Compares what the ledger shows and proves with what the history says.
fn compare(chain: &Chain, history: &History) {
    let view = chain.ledger.view().expect("memory does not fail");
    let trust = Trust::new(chain.ledger.genesis().log_key());
    for who in (0..PERSONS).map(|n| person(n).address) {
        let member = view.member(&who).expect("memory does not fail");
        assert_eq!(member.is_some(), history.is_member(&who));
        if let Some(member) = member {
            assert_eq!(
                (member.sequence, member.is_live()),
                (history.sequence(&who), history.is_live(&who))
            );
        }
    }
    for number in 0..SHARES {
        let id = share_id(number.into());
        let probe = Body::Withdraw(Withdraw { share_id: id });
        let events = history.on(&probe);
        let Some(state) = view.share(&id).expect("memory does not fail") else {
            assert!(events.is_empty());
            let absence = view
                .prove_absence(&id, chain.checkpoint(), None)
                .expect("it is absent")
                .to_bytes();
            crate::verify_absence(&absence, &trust).expect("absence is proven");
            continue;
        };
        let proven =
            verify(&chain.prove(&id, None).expect("it is recorded"), &trust).expect("it is proven");
        assert_eq!(proven.state(), &state);
        assert_eq!(state.events.len(), events.len());
        assert_eq!(
            state.is_live(),
            !events
                .iter()
                .any(|(_, b)| matches!(b, Body::Reject(_) | Body::Withdraw(_)))
        );
        for who in (0..PERSONS).map(|n| person(n).address) {
            let receiver = state
                .receiver(&who)
                .map(|r| (r.revoked.is_some(), r.accepted.is_some()));
            assert_eq!(receiver, history.grant(&probe, &who));
        }
    }
}

fn person(number: u8) -> Person {
    Person::new(number.into())
}

/// Who approves: where authorities decide together, one person, or those of the mask's bits; and with its highest bit none of
/// their own keys makes it. The mask says nothing else about members.
fn approving(deciding: Deciding, body: &Body, mask: u8) -> Vec<Approving> {
    let about_members = matches!(
        body,
        Body::Enroll(_) | Body::RotateKey(_) | Body::RevokeMember(_)
    );
    if deciding.threshold == 1 || !about_members {
        return Vec::new();
    }
    let several = mask & 8 != 0;
    (0..PERSONS)
        .filter(|number| {
            if several {
                mask >> number & 1 == 1
            } else {
                mask % 8 % PERSONS == *number
            }
        })
        .map(|number| (person(number).address, mask < 128))
        .collect()
}

/// The same person with a key of its own for each step.
fn renewed(who: &Address, step: usize) -> Person {
    let number = u32::try_from(step).unwrap_or(u32::MAX).saturating_add(1000);
    Person {
        address: *who,
        key: Person::new(number).key,
    }
}

fn body(kind: u8, subject: u8, mask: u8, step: usize) -> Body {
    let share_id = share_id(u64::from(subject % SHARES));
    let who = person(subject % PERSONS);
    let address = who.address;
    let receivers = (0..PERSONS)
        .filter(|n| mask >> n & 1 == 1)
        .map(|n| person(n).address)
        .collect();
    match kind % 12 {
        0 | 9 => Body::Enroll(crate::Enroll {
            address,
            key: who.public_key(),
            cert: None,
            name: None,
        }),
        1 => Body::RotateKey(RotateKey {
            address,
            key: renewed(&address, step).public_key(),
            cert: None,
        }),
        2 => Body::RevokeMember(RevokeMember { address }),
        3 | 10 => Body::Share(Share {
            share_id,
            content: content(subject.into()),
            commitment: Commitment::new([subject; 32]),
            description: None,
            receivers,
        }),
        4 | 11 => Body::Grant(Grant {
            share_id,
            content: content(mask.into()),
            receivers,
        }),
        5 => Body::Revoke(Revoke {
            share_id,
            receivers,
        }),
        6 => Body::Accept(Accept { share_id }),
        7 => Body::Reject(Reject {
            share_id,
            reason: None,
        }),
        _ => Body::Withdraw(Withdraw { share_id }),
    }
}

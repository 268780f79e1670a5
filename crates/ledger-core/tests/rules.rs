//! The rules: one rejection each, and what each kind does.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::testing::{Chain, FOUNDED, Person, content, genesis, share, share_id};
use ledger_core::{
    Accept, Body, ChainId, Enroll, Error, Genesis, Grant, MAX_MEMBER_KEYS, MAX_SHARE_EVENTS,
    MAX_SHARE_RECEIVERS, PublicKey, Refusal, Reject, Revoke, RevokeMember, RotateKey, Transaction,
    Trust, Unsigned, Withdraw, verify,
};

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result.unwrap_err() {
        Error::Refused(refusal) => refusal,
        error => panic!("{error}"),
    }
}

/// Checks that a body is refused with this code.
#[track_caller]
fn refused(chain: &mut Chain, sender: u32, body: Body, code: &str) {
    let found = refusal(chain.send(&Person::new(sender), body));
    assert_eq!(found.code(), code, "{found}");
}

/// The authority 0, members 1 to 4; 1 has sent share 1 to 2 and 3.
fn chain() -> Chain {
    let mut chain = Chain::new(4);
    chain
        .send(
            &Person::new(1),
            share(1, &[&Person::new(2), &Person::new(3)]),
        )
        .unwrap();
    chain
}

fn grant(receivers: &[u32]) -> Body {
    let receivers = receivers.iter().map(|n| Person::new(*n).address).collect();
    Body::Grant(Grant {
        share_id: share_id(1),
        content: content(9),
        receivers,
    })
}

fn revoke(receivers: &[u32]) -> Body {
    let receivers = receivers.iter().map(|n| Person::new(*n).address).collect();
    Body::Revoke(Revoke {
        share_id: share_id(1),
        receivers,
    })
}

fn accept() -> Body {
    Body::Accept(Accept {
        share_id: share_id(1),
    })
}

fn reject() -> Body {
    Body::Reject(Reject {
        share_id: share_id(1),
        reason: None,
    })
}

fn withdraw() -> Body {
    Body::Withdraw(Withdraw {
        share_id: share_id(1),
    })
}

fn rotate(member: u32, key: u32) -> Body {
    let (address, key) = (Person::new(member).address, Person::new(key).public_key());
    Body::RotateKey(RotateKey {
        address,
        key,
        cert: None,
    })
}

fn revoke_member(member: u32) -> Body {
    Body::RevokeMember(RevokeMember {
        address: Person::new(member).address,
    })
}

#[test]
fn another_chain_is_refused() {
    let mut chain = chain();
    let alice = Person::new(1);
    let tx = Unsigned::new(
        ChainId::new([1; 32]),
        alice.address,
        1,
        chain.time,
        share(2, &[&alice]),
    );
    assert_eq!(
        refusal(chain.put(&tx.sign(&alice.key))).code(),
        "wrong-chain"
    );
}

#[test]
fn replays_duplicates_and_gaps_are_refused() {
    let mut chain = chain();
    let alice = Person::new(1);
    let tx = chain.sign(&alice, share(2, &[&Person::new(2)]));
    chain.put(&tx).unwrap();
    assert!(matches!(
        refusal(chain.put(&tx)),
        Refusal::Replayed {
            expected: 2,
            found: 1,
            ..
        }
    ));
    let again = chain.sign_as(&alice, 1, share(3, &[&Person::new(2)]));
    assert!(matches!(
        refusal(chain.put(&again)),
        Refusal::Replayed { .. }
    ));
    let gap = chain.sign_as(&alice, 3, share(3, &[&Person::new(2)]));
    assert!(matches!(
        refusal(chain.put(&gap)),
        Refusal::WrongSequence {
            expected: 2,
            found: 3,
            ..
        }
    ));
    // also twice within one block
    let mut staged = chain.ledger.begin(chain.time).unwrap();
    let tx = chain.sign(&alice, share(3, &[&Person::new(2)]));
    staged.apply(&tx).unwrap();
    assert!(matches!(
        refusal(staged.apply(&tx)),
        Refusal::Replayed { .. }
    ));
    assert_eq!(staged.len(), 1);
}

#[test]
fn a_time_outside_the_tolerance_is_refused() {
    let chain = chain();
    let alice = Person::new(1);
    let at = |created: u64, block: u64| {
        let tx = Unsigned::new(
            chain.ledger.chain(),
            alice.address,
            1,
            created,
            share(2, &[&alice]),
        );
        chain.ledger.check(&tx.sign(&alice.key), block)
    };
    let now = FOUNDED + 1_000_000;
    at(now + 300, now).unwrap();
    assert!(matches!(
        refusal(at(now + 301, now)),
        Refusal::FutureTime { ahead: 301, .. }
    ));
    at(now - 86_400, now).unwrap();
    assert!(matches!(
        refusal(at(now - 86_401, now)),
        Refusal::StaleTime { behind: 86_401, .. }
    ));
    assert!(matches!(
        refusal(at(u64::MAX, now)),
        Refusal::FutureTime { .. }
    ));
    assert!(matches!(
        refusal(at(0, u64::MAX)),
        Refusal::StaleTime { .. }
    ));
}

#[test]
fn senders_that_are_no_members_are_refused() {
    let mut chain = chain();
    refused(
        &mut chain,
        7,
        share(2, &[&Person::new(2)]),
        "unknown-sender",
    );
    chain.send(&Person::new(0), revoke_member(1)).unwrap();
    refused(&mut chain, 1, withdraw(), "revoked-sender");
    refused(&mut chain, 0, revoke_member(1), "revoked-member");
    refused(&mut chain, 0, rotate(1, 60), "revoked-member");
    refused(&mut chain, 0, Person::new(1).enrollment(), "member-exists");
    refused(
        &mut chain,
        2,
        share(2, &[&Person::new(1)]),
        "revoked-receiver",
    );
    // what it sent before stands
    chain.send(&Person::new(2), accept()).unwrap();
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let mut chain = chain();
    let mut thief = Person::new(1);
    thief.key = Person::new(2).key;
    let tx = chain.sign(&thief, withdraw());
    assert_eq!(refusal(chain.put(&tx)).code(), "bad-signature");
    // the signature of one transaction under another one's bytes
    let (a, b) = (
        chain.sign(&Person::new(1), withdraw()),
        chain.sign(&Person::new(1), share(2, &[&Person::new(2)])),
    );
    let at = |tx: &Transaction| {
        let bytes = tx.to_bytes();
        bytes
            .windows(64)
            .position(|w| w == tx.signature().as_bytes())
            .unwrap()
    };
    let mut mixed = a.to_bytes();
    mixed[at(&a)..at(&a) + 64].copy_from_slice(b.signature().as_bytes());
    assert_eq!(
        refusal(chain.put(&Transaction::from_bytes(&mixed).unwrap())).code(),
        "bad-signature"
    );
    // one flipped bit in the signature
    let mut flipped = a.to_bytes();
    flipped[at(&a)] ^= 1;
    assert_eq!(
        refusal(chain.put(&Transaction::from_bytes(&flipped).unwrap())).code(),
        "bad-signature"
    );
    chain.put(&a).unwrap();
}

#[test]
fn a_rotated_key_is_valid_from_the_next_block_on() {
    let mut chain = chain();
    let alice = Person::new(1);
    let mut renewed = alice.clone();
    renewed.key = Person::new(60).key;
    let mut staged = chain.ledger.begin(chain.time).unwrap();
    staged.apply(&chain.sign(&alice, rotate(1, 60))).unwrap();
    let early = chain.sign_as(&renewed, 2, share(2, &[&Person::new(2)]));
    let height = staged.height();
    assert!(matches!(
        refusal(staged.apply(&early)),
        Refusal::KeyNotYetValid { height: now, from, .. } if now == height && from.0 == height.0 + 1
    ));
    staged
        .apply(&chain.sign_as(&alice, 2, share(2, &[&Person::new(2)])))
        .unwrap();
    chain.ledger.commit(&staged.finish().unwrap()).unwrap();
    let late = chain.sign(&alice, withdraw());
    let height = chain.ledger.view().unwrap().head().height.0 + 1;
    assert!(
        matches!(refusal(chain.put(&late)), Refusal::KeyNotValid { until, .. } if until.0 == height)
    );
    chain.send(&renewed, withdraw()).unwrap();
    let tx = chain.sign(&renewed, rotate(1, 1));
    assert_eq!(refusal(chain.put(&tx)).code(), "key-reused");
}

/// Four authorities of which three must sign: fewer, strangers, one twice, another's signature and too many are told apart.
#[test]
fn approvals_reach_the_threshold_or_are_refused() {
    let store = ledger_core::store::MemoryStore::new();
    let ledger = ledger_core::Ledger::found(store, genesis(4, 3)).unwrap();
    let mut chain = Chain::open(ledger);
    let people: Vec<_> = (0..10).map(Person::new).collect();
    let enroll = |chain: &Chain, approvals: &[(usize, usize)]| {
        let tx = chain.sign(&people[0], people[9].enrollment());
        approvals.iter().fold(tx, |tx, (authority, key)| {
            tx.approve(people[*authority].address, &people[*key].key)
        })
    };
    for (approvals, code) in [
        (&[][..], "threshold-not-met"),
        (&[(1, 1)], "threshold-not-met"),
        (&[(1, 1), (1, 1)], "repeated"),
        (&[(1, 1), (0, 0)], "repeated"),
        (&[(1, 1), (5, 5)], "not-authority"),
        (&[(1, 1), (2, 3)], "bad-signature"),
        (&[(1, 1), (2, 2), (3, 3)], "needless-approval"),
    ] {
        let tx = enroll(&chain, approvals);
        let found = refusal(chain.put(&tx));
        assert_eq!(found.code(), code, "{approvals:?}: {found}");
    }
    // the same threshold holds for the other kinds that authorities send
    for body in [revoke_member(3), rotate(3, 60)] {
        refused(&mut chain, 0, body, "threshold-not-met");
    }
    let tx = enroll(&chain, &[(3, 3), (1, 1)]);
    chain.put(&tx).unwrap();
    // an approval by a key that was replaced, and by one that is not valid before the next block
    let mut staged = chain.ledger.begin(chain.time).unwrap();
    staged
        .apply(&chain.sign(&people[1], rotate(1, 60)))
        .unwrap();
    let early = chain.sign(&people[0], revoke_member(9));
    let early = early.approve(people[1].address, &Person::new(60).key);
    let early = early.approve(people[2].address, &people[2].key);
    assert_eq!(refusal(staged.apply(&early)).code(), "key-not-yet-valid");
    chain.ledger.commit(&staged.finish().unwrap()).unwrap();
    let late = chain.sign(&people[0], revoke_member(9));
    let late = late.approve(people[1].address, &people[1].key);
    let late = late.approve(people[2].address, &people[2].key);
    assert_eq!(refusal(chain.put(&late)).code(), "key-not-valid");
    // one of four may go, then three remain and none may go
    let revoke = |chain: &mut Chain, member: u32, approvals: &[(usize, u32)]| {
        let tx = chain.sign(&people[0], revoke_member(member));
        let tx = approvals.iter().fold(tx, |tx, (authority, key)| {
            tx.approve(people[*authority].address, &Person::new(*key).key)
        });
        chain.put(&tx)
    };
    revoke(&mut chain, 3, &[(1, 60), (2, 2)]).unwrap();
    let revoked = revoke(&mut chain, 9, &[(1, 60), (3, 3)]);
    assert_eq!(refusal(revoked).code(), "revoked-member");
    let last = revoke(&mut chain, 2, &[(1, 60), (2, 2)]);
    assert_eq!(refusal(last).code(), "too-few-authorities");
    revoke(&mut chain, 9, &[(2, 2), (1, 60)]).unwrap();
}

#[test]
fn only_authorities_change_members() {
    let mut chain = chain();
    refused(&mut chain, 1, Person::new(9).enrollment(), "not-authority");
    refused(&mut chain, 1, revoke_member(2), "not-authority");
    refused(&mut chain, 1, rotate(2, 60), "not-authority");
    refused(&mut chain, 0, revoke_member(9), "unknown-member");
    refused(&mut chain, 0, rotate(9, 60), "unknown-member");
    refused(&mut chain, 0, Person::new(2).enrollment(), "member-exists");
    refused(&mut chain, 0, revoke_member(0), "too-few-authorities");
    chain.send(&Person::new(0), rotate(2, 60)).unwrap();
    let mut renewed = Person::new(2);
    renewed.key = Person::new(60).key;
    chain.send(&renewed, accept()).unwrap();
}

#[test]
fn keys_for_which_signatures_mean_nothing_are_refused() {
    let mut chain = chain();
    // a point of order one, one of order eight, and no point at all
    let hexes = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "0200000000000000000000000000000000000000000000000000000000000000",
    ];
    for key in hexes.map(|key| key.parse::<PublicKey>().unwrap()) {
        let address = Person::new(9).address;
        let enroll = Body::Enroll(Enroll {
            address,
            key,
            cert: None,
            name: None,
        });
        refused(&mut chain, 0, enroll, "weak-key");
        let rotate = Body::RotateKey(RotateKey {
            address: Person::new(1).address,
            key,
            cert: None,
        });
        refused(&mut chain, 1, rotate, "weak-key");
    }
}

#[test]
fn limits_are_kept() {
    let mut chain = chain();
    let person = Person::new(9);
    let name = Some("x".repeat(1025));
    let enroll = Enroll {
        address: person.address,
        key: person.public_key(),
        cert: None,
        name,
    };
    refused(&mut chain, 0, Body::Enroll(enroll), "limit");
    refused(
        &mut chain,
        2,
        Body::Reject(Reject {
            share_id: share_id(1),
            reason: Some("x".repeat(1025)),
        }),
        "limit",
    );
    let people: Vec<_> = (0..65).map(Person::new).collect();
    refused(
        &mut chain,
        1,
        share(2, &people.iter().collect::<Vec<_>>()),
        "limit",
    );
    refused(&mut chain, 1, share(2, &[]), "no-receiver");
    refused(
        &mut chain,
        1,
        share(2, &[&Person::new(2), &Person::new(3), &Person::new(2)]),
        "repeated",
    );
    let Body::Share(mut long) = share(2, &[&Person::new(2)]) else {
        unreachable!()
    };
    long.description = Some("x".repeat(16 * 1024 + 1));
    refused(&mut chain, 1, Body::Share(long), "limit");
    let needless = chain.sign(&Person::new(1), withdraw());
    let needless = needless
        .approve_with(Person::new(0).address, |_| Ok::<_, ()>([0; 64]))
        .unwrap();
    assert_eq!(refusal(chain.put(&needless)).code(), "needless-approval");
}

#[test]
fn a_share_is_recorded_once_for_members() {
    let mut chain = chain();
    refused(&mut chain, 1, share(1, &[&Person::new(2)]), "share-exists");
    refused(&mut chain, 2, share(1, &[&Person::new(2)]), "share-exists");
    refused(
        &mut chain,
        1,
        share(2, &[&Person::new(2), &Person::new(9)]),
        "unknown-receiver",
    );
    for body in [grant(&[4]), revoke(&[2]), accept(), reject(), withdraw()] {
        let mut empty = Chain::new(4);
        refused(&mut empty, 1, body, "unknown-share");
    }
}

#[test]
fn only_the_sender_grants_revokes_and_withdraws() {
    let mut chain = chain();
    for body in [grant(&[4]), revoke(&[2]), withdraw()] {
        refused(&mut chain, 2, body, "not-sender");
    }
    refused(&mut chain, 1, grant(&[2]), "already-receiver");
    refused(&mut chain, 1, grant(&[9]), "unknown-receiver");
    refused(&mut chain, 1, revoke(&[4]), "not-receiver");
    chain.send(&Person::new(1), revoke(&[2])).unwrap();
    refused(&mut chain, 1, revoke(&[2]), "not-receiver");
    chain.send(&Person::new(1), grant(&[2])).unwrap();
}

#[test]
fn only_a_receiver_whose_grant_stands_accepts_and_rejects() {
    let mut chain = chain();
    for body in [accept(), reject()] {
        refused(&mut chain, 4, body.clone(), "not-receiver");
        refused(&mut chain, 1, body, "not-receiver");
    }
    chain.send(&Person::new(2), accept()).unwrap();
    refused(&mut chain, 2, accept(), "already-accepted");
    chain.send(&Person::new(1), revoke(&[2, 3])).unwrap();
    refused(&mut chain, 2, reject(), "not-receiver");
    refused(&mut chain, 3, accept(), "not-receiver");
    chain.send(&Person::new(1), grant(&[3])).unwrap();
    chain.send(&Person::new(3), accept()).unwrap();
}

#[test]
fn nothing_happens_to_a_rejected_or_withdrawn_share() {
    for (sender, end) in [(2, reject()), (1, withdraw())] {
        let mut chain = chain();
        chain.send(&Person::new(sender), end).unwrap();
        for body in [grant(&[4]), revoke(&[2]), withdraw()] {
            refused(&mut chain, 1, body, "frozen");
        }
        for body in [accept(), reject()] {
            refused(&mut chain, 3, body, "frozen");
        }
        refused(&mut chain, 1, share(1, &[&Person::new(2)]), "share-exists");
    }
}

/// A history that grew without end would at last be larger than what the state holds of a member.
#[test]
fn a_member_with_too_many_keys_still_sends_and_is_revoked() {
    let mut chain = chain();
    let city = Person::new(0);
    let keys = u32::try_from(MAX_MEMBER_KEYS).unwrap();
    for key in 1..keys {
        chain.send(&city, rotate(1, 1000 + key)).unwrap();
    }
    refused(&mut chain, 0, rotate(1, 5000), "limit");
    let mut last = Person::new(999 + keys);
    last.address = Person::new(1).address;
    chain.send(&last, share(2, &[&Person::new(2)])).unwrap();
    chain.send(&city, revoke_member(1)).unwrap();
    let view = chain.ledger.view().unwrap();
    let member = view.member(&last.address).unwrap().unwrap();
    assert!(!member.is_live() && member.keys.len() == MAX_MEMBER_KEYS);
}

#[test]
fn a_share_with_too_many_events_can_still_be_revoked_and_ended() {
    let mut chain = chain();
    let mut staged = chain.ledger.begin(chain.time).unwrap();
    let alice = Person::new(1);
    for event in 1..u64::try_from(MAX_SHARE_EVENTS).unwrap() {
        let body = if event % 2 == 1 {
            grant(&[4])
        } else {
            revoke(&[4])
        };
        staged.apply(&chain.sign_as(&alice, event, body)).unwrap();
    }
    let sequence = u64::try_from(MAX_SHARE_EVENTS).unwrap();
    let refused = staged.apply(&chain.sign_as(&alice, sequence, grant(&[0])));
    assert_eq!(refusal(refused).code(), "limit");
    // what was granted is taken back all the same
    for (sequence, body) in (sequence..).zip([revoke(&[4]), revoke(&[2])]) {
        staged
            .apply(&chain.sign_as(&alice, sequence, body))
            .unwrap();
    }
    chain.ledger.commit(&staged.finish().unwrap()).unwrap();
    chain.send(&Person::new(3), accept()).unwrap();
    chain.send(&Person::new(3), reject()).unwrap();
}

/// Sixteen grants to 64 each, and everybody has accepted: 1,024 acceptances and the share were as many as 1,024 grants, and the sender
/// could never take back one of them.
#[test]
fn acceptances_do_not_keep_a_sender_from_revoking() {
    let mut chain = chain();
    let (city, alice) = (Person::new(0), Person::new(1));
    let most = u32::try_from(MAX_SHARE_EVENTS).unwrap();
    let receivers: Vec<u32> = (10..10 + most).collect();
    let mut staged = chain.ledger.begin(chain.time).unwrap();
    for (sequence, number) in (4..).zip(&receivers) {
        let enrollment = Person::new(*number).enrollment();
        staged
            .apply(&chain.sign_as(&city, sequence, enrollment))
            .unwrap();
    }
    for (sequence, group) in (1..).zip(receivers.chunks(64)) {
        staged
            .apply(&chain.sign_as(&alice, sequence, grant(group)))
            .unwrap();
    }
    for number in &receivers {
        let accepted = chain.sign_as(&Person::new(*number), 0, accept());
        staged.apply(&accepted).unwrap();
    }
    chain.ledger.commit(&staged.finish().unwrap()).unwrap();
    for group in receivers.chunks(64) {
        chain.send(&alice, revoke(group)).unwrap();
    }
    let view = chain.ledger.view().unwrap();
    let share = view.share(&share_id(1)).unwrap().unwrap();
    let standing = share.receivers.iter().filter(|r| r.revoked.is_none());
    assert_eq!(standing.count(), 2);
    assert_eq!(share.events.len(), 1 + 16 + 1024 + 16);
}

/// Each receiver takes room in the share's state, and so in its proof.
#[test]
fn a_share_with_the_most_receivers_is_still_proven() {
    let mut chain = chain();
    let most = u32::try_from(MAX_SHARE_RECEIVERS).unwrap();
    let (city, alice) = (Person::new(0), Person::new(1));
    // receivers 2 and 3 are there
    let others: Vec<u32> = (10..10 + most - 2).collect();
    let mut staged = chain.ledger.begin(chain.time).unwrap();
    for (sequence, number) in (4..).zip(&others) {
        let enrollment = Person::new(*number).enrollment();
        let enrollment = chain.sign_as(&city, sequence, enrollment);
        staged.apply(&enrollment).unwrap();
    }
    chain.ledger.commit(&staged.finish().unwrap()).unwrap();
    for group in others.chunks(64) {
        chain.send(&alice, grant(group)).unwrap();
    }
    refused(&mut chain, 1, grant(&[4]), "limit");
    // whose grant was taken back has a place there already
    chain.send(&alice, revoke(&[3])).unwrap();
    refused(&mut chain, 1, grant(&[4]), "limit");
    chain.send(&alice, grant(&[3])).unwrap();
    chain.send(&Person::new(3), accept()).unwrap();
    let bundle = chain.prove(&share_id(1), None).unwrap();
    let log = chain.ledger.genesis().log_key();
    let proven = verify(&bundle, &Trust::new(log)).unwrap();
    assert_eq!(proven.state().receivers.len(), MAX_SHARE_RECEIVERS);
}

#[test]
fn a_genesis_that_cannot_start_a_chain_is_named() {
    let broken = |change: fn(&mut Genesis)| {
        let mut genesis = genesis(2, 1);
        change(&mut genesis);
        genesis.check().unwrap_err().to_string()
    };
    assert!(broken(|g| g.threshold = 0).contains("threshold of 1 to 2, found 0"));
    assert!(broken(|g| g.threshold = 3).contains("threshold of 1 to 2, found 3"));
    assert!(broken(|g| g.authorities.clear()).contains("authorities, found 0"));
    assert!(broken(|g| g.authorities[1] = g.authorities[0].clone()).contains("named twice"));
    assert!(broken(|g| g.node_key = PublicKey::new([0; 32])).contains("node's key"));
    assert!(broken(|g| g.name = "x".repeat(2000)).contains("name"));
}

#[test]
fn a_block_is_written_once_and_only_on_its_predecessor() {
    let chain = chain();
    let alice = Person::new(1);
    let block = |number| {
        let mut staged = chain.ledger.begin(chain.time).unwrap();
        staged
            .apply(&chain.sign_as(&alice, 1, share(number, &[&Person::new(2)])))
            .unwrap();
        staged.finish().unwrap()
    };
    let (first, second) = (block(2), block(3));
    chain.ledger.commit(&first).unwrap();
    // engines replay after a crash: the same block again is nothing new, another in its place is an error
    chain.ledger.commit(&first).unwrap();
    assert!(matches!(
        chain.ledger.commit(&second),
        Err(Error::Overtaken { .. })
    ));
    assert_eq!(chain.ledger.view().unwrap().head(), &first.header);
}

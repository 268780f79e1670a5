//! Proof bundles: what they prove, and one changed thing at a time that they reject.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use ledger_core::testing::{Chain, Person, content, node_key, share, share_id};
use ledger_core::{
    Accept, Body, Checkpoint, Enroll, Grant, Height, LogKey, ProofBundle, PublicKey, Reject,
    Rejected, Revoke, RevokeMember, RotateKey, Status, Trust, Withdraw, verify, verify_absence,
};

/// Person 1 shares number 1 with persons 2 and 3, among other shares.
fn chain() -> Chain {
    let mut chain = Chain::new(4);
    let [alice, bob, carol] = [1, 2, 3].map(Person::new);
    for number in 0..5 {
        chain.send(&alice, share(number, &[&bob, &carol])).unwrap();
    }
    chain
}

fn trust(chain: &Chain) -> Trust {
    Trust::new(chain.ledger.genesis().log_key())
}

#[test]
fn a_bundle_proves_the_record_and_its_state() {
    let mut chain = chain();
    let [alice, bob, carol, dave] = [1, 2, 3, 4].map(Person::new);
    let id = share_id(1);
    let proven = verify(&chain.prove(&id, None).unwrap(), &trust(&chain)).unwrap();
    assert_eq!(
        (*proven.share_id(), proven.sender(), proven.sender_key()),
        (id, &alice.address, &alice.public_key())
    );
    assert_eq!((proven.index(), proven.height().0), (5, 6));
    assert!(proven.state().is_live());
    assert_eq!(proven.state().content_for(&bob.address), Some(&content(1)));
    assert_eq!(proven.state().content_for(&dave.address), None);

    chain
        .send(
            &alice,
            Body::Grant(Grant {
                share_id: id,
                content: content(100),
                receivers: vec![dave.address],
            }),
        )
        .unwrap();
    chain
        .send(
            &alice,
            Body::Revoke(Revoke {
                share_id: id,
                receivers: vec![carol.address],
            }),
        )
        .unwrap();
    chain
        .send(&bob, Body::Accept(Accept { share_id: id }))
        .unwrap();
    let proven = verify(&chain.prove(&id, None).unwrap(), &trust(&chain)).unwrap();
    assert_eq!(
        proven.state().content_for(&dave.address),
        Some(&content(100))
    );
    assert_eq!(
        proven.state().content_for(&carol.address),
        None,
        "a revoked grant is no grant"
    );
    assert!(
        proven
            .state()
            .receiver(&bob.address)
            .unwrap()
            .accepted
            .is_some()
    );
    assert_eq!(proven.state().events.len(), 4);

    chain
        .send(
            &dave,
            Body::Reject(Reject {
                share_id: id,
                reason: Some("not mine".to_owned()),
            }),
        )
        .unwrap();
    let proven = verify(&chain.prove(&id, None).unwrap(), &trust(&chain)).unwrap();
    assert!(matches!(proven.state().status, Status::Rejected { by, .. } if by == dave.address));
    chain
        .send(
            &alice,
            Body::Withdraw(Withdraw {
                share_id: share_id(2),
            }),
        )
        .unwrap();
    let proven = verify(&chain.prove(&share_id(2), None).unwrap(), &trust(&chain)).unwrap();
    assert!(matches!(proven.state().status, Status::Withdrawn { .. }));
}

#[test]
fn a_key_of_its_time_still_proves_after_it_was_replaced_or_revoked() {
    let mut chain = chain();
    let alice = Person::new(1);
    let mut renewed = Person::new(50);
    renewed.address = alice.address;
    let rotate = RotateKey {
        address: alice.address,
        key: renewed.public_key(),
        cert: None,
    };
    chain.send(&alice, Body::RotateKey(rotate)).unwrap();
    chain.send(&renewed, share(9, &[&Person::new(2)])).unwrap();
    let key = |id| {
        *verify(&chain.prove(&share_id(id), None).unwrap(), &trust(&chain))
            .unwrap()
            .sender_key()
    };
    assert_eq!((key(1), key(9)), (alice.public_key(), renewed.public_key()));

    chain
        .send(
            &Person::new(0),
            Body::RevokeMember(RevokeMember {
                address: alice.address,
            }),
        )
        .unwrap();
    let proven = verify(&chain.prove(&share_id(1), None).unwrap(), &trust(&chain)).unwrap();
    assert!(
        !proven.sender_state().is_live(),
        "the receiver is told that the sender was revoked since"
    );
}

#[test]
fn every_flipped_bit_is_rejected() {
    let chain = chain();
    let bundle = chain.prove(&share_id(1), Some(3)).unwrap();
    let log = chain.ledger.genesis().log_key();
    let header = chain.ledger.view().unwrap().header(Height(3)).unwrap();
    let note = Checkpoint::sign(chain.ledger.chain(), &header.unwrap(), &node_key());
    let seen = Checkpoint::open(&note, &log).unwrap();
    assert_eq!(seen.size(), 3);
    let (trust, older) = (Trust::new(log), Trust::new(log).older(seen));
    verify(&bundle, &trust).unwrap();
    verify(&bundle, &older).unwrap();
    let whole = ProofBundle::from_bytes(&bundle).unwrap();
    let read = |bundle: &ProofBundle| {
        let words = format!("{bundle:?}");
        words.split("consistency:").next().unwrap().to_owned()
    };
    let mut unread = 0;
    for bit in 0..8 * bundle.len() {
        let mut changed = bundle.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // with an older checkpoint everything is read
        assert!(verify(&changed, &older).is_err(), "bit {bit}");
        // without one nothing looks into the consistency proof
        if verify(&changed, &trust).is_ok() {
            let changed = ProofBundle::from_bytes(&changed).unwrap();
            assert_eq!(read(&changed), read(&whole), "bit {bit}");
            unread += 1;
        }
    }
    // its path of whole hashes, and few of the bits of its sizes
    assert!((256 * 2..256 * 6).contains(&unread), "{unread} bits");
    for length in 0..bundle.len() {
        assert!(
            verify(&bundle[..length], &trust).is_err(),
            "cut to {length} bytes"
        );
    }
    assert!(
        verify(&[bundle.as_slice(), &[0]].concat(), &trust).is_err(),
        "one byte too many"
    );
}

#[test]
fn a_signature_by_another_node_is_rejected() {
    let chain = chain();
    let bundle = chain.prove(&share_id(1), None).unwrap();
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    let other = LogKey::new(chain.ledger.chain(), PublicKey::from(&stranger));
    assert_eq!(
        verify(&bundle, &Trust::new(other)).unwrap_err(),
        Rejected::Signature
    );
    let elsewhere = LogKey::new(
        ledger_core::ChainId::new([1; 32]),
        PublicKey::from(&node_key()),
    );
    assert!(matches!(
        verify(&bundle, &Trust::new(elsewhere)).unwrap_err(),
        Rejected::WrongChain { .. }
    ));
}

#[test]
fn absence_is_proven_and_presence_is_not_absence() {
    let chain = chain();
    let view = chain.ledger.view().unwrap();
    for number in 5..200 {
        let bundle = view
            .prove_absence(&share_id(number), chain.checkpoint(), None)
            .unwrap();
        assert_eq!(
            verify_absence(&bundle.to_bytes(), &trust(&chain))
                .unwrap()
                .share_id(),
            &share_id(number)
        );
    }
    assert!(
        view.prove_absence(&share_id(1), chain.checkpoint(), None)
            .is_err()
    );
    // the proof of one absent name under another name
    let bundle = view
        .prove_absence(&share_id(5), chain.checkpoint(), None)
        .unwrap()
        .to_bytes();
    let (from, to) = (*share_id(5).as_bytes(), *share_id(1).as_bytes());
    let at = bundle
        .windows(32)
        .position(|window| window == from)
        .unwrap();
    let mut forged = bundle;
    forged[at..at + 32].copy_from_slice(&to);
    assert_eq!(
        verify_absence(&forged, &trust(&chain)).unwrap_err(),
        Rejected::ShareState
    );
}

#[test]
fn an_older_checkpoint_detects_forks_and_rollbacks() {
    let log = Chain::new(0).ledger.genesis().log_key();
    let open = |chain: &Chain| Checkpoint::open(&chain.checkpoint(), &log).unwrap();
    let mut true_chain = chain();
    let seen = open(&true_chain);
    let fresh = verify(
        &true_chain.prove(&share_id(1), None).unwrap(),
        &Trust::new(log).older(seen.clone()),
    );
    assert_eq!(
        fresh.unwrap().checkpoint(),
        &seen,
        "the same checkpoint again needs no proof"
    );

    true_chain
        .send(&Person::new(1), share(7, &[&Person::new(2)]))
        .unwrap();
    let newer = open(&true_chain);
    let trust = Trust::new(log).older(seen.clone());
    verify(
        &true_chain.prove(&share_id(1), Some(seen.size())).unwrap(),
        &trust,
    )
    .unwrap();
    let without = verify(&true_chain.prove(&share_id(1), None).unwrap(), &trust).unwrap_err();
    assert_eq!(without, Rejected::NoConsistency { known: seen.size() });

    let older_bundle = chain().prove(&share_id(1), None).unwrap();
    let rolled = verify(&older_bundle, &Trust::new(log).older(newer.clone())).unwrap_err();
    assert_eq!(
        rolled,
        Rejected::RolledBack {
            known: newer.size(),
            found: seen.size()
        }
    );

    // the node shows somebody else another history: one share less, then as many transactions or more
    let mut forked = Chain::new(4);
    for number in [0, 1, 2, 3, 8] {
        forked
            .send(
                &Person::new(1),
                share(number, &[&Person::new(2), &Person::new(3)]),
            )
            .unwrap();
    }
    let same_size = verify(
        &forked.prove(&share_id(1), Some(seen.size())).unwrap(),
        &trust,
    )
    .unwrap_err();
    assert_eq!(same_size, Rejected::Forked { known: 9, found: 9 });
    forked
        .send(&Person::new(1), share(7, &[&Person::new(2)]))
        .unwrap();
    let longer = verify(
        &forked.prove(&share_id(1), Some(seen.size())).unwrap(),
        &trust,
    )
    .unwrap_err();
    assert_eq!(
        longer,
        Rejected::Forked {
            known: 9,
            found: 10
        }
    );
}

#[test]
fn a_member_enrolled_by_a_threshold_of_authorities() {
    let mut chain = Chain::over(
        ledger_core::store::MemoryStore::new(),
        ledger_core::testing::genesis(3, 2),
        0,
    );
    let [first, second, outsider, new] = [0, 1, 5, 9].map(Person::new);
    let enroll = || {
        Body::Enroll(Enroll {
            address: new.address,
            key: new.public_key(),
            cert: None,
            name: None,
        })
    };
    let sign = |person: &Person, message: &[u8]| {
        Ok::<_, std::convert::Infallible>(
            *ledger_core::tx::sign_message(&person.key, message).as_bytes(),
        )
    };
    let alone = chain.sign(&first, enroll());
    assert!(
        chain
            .put(&alone)
            .unwrap_err()
            .to_string()
            .contains("2 authorities must sign, 1 did")
    );
    let twice = alone
        .clone()
        .approve_with(first.address, |message| sign(&first, message))
        .unwrap();
    assert!(chain.put(&twice).is_err());
    let stranger = alone
        .clone()
        .approve_with(outsider.address, |message| sign(&outsider, message))
        .unwrap();
    assert!(chain.put(&stranger).is_err());
    let forged = alone
        .clone()
        .approve_with(second.address, |message| sign(&outsider, message))
        .unwrap();
    assert!(chain.put(&forged).is_err());
    let both = alone
        .approve_with(second.address, |message| sign(&second, message))
        .unwrap();
    chain.put(&both).unwrap();
    assert!(
        chain
            .ledger
            .view()
            .unwrap()
            .member(&new.address)
            .unwrap()
            .is_some()
    );
}

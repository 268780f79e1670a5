//! Answers: whatever was asked is proven, and one changed thing at a time is rejected.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ipld_core::ipld::Ipld;
use ledger_core::merkle::leaf_hash;
use ledger_core::store::MemoryStore;
use ledger_core::testing::{Chain, Person, genesis, node_key, share, share_id};
use ledger_core::{
    Accept, Answer, AnswerBundle, Body, Checkpoint, Error, Height, Question, Rejected, RotateKey,
    Trust, verify_answer,
};
use proptest::prelude::*;

/// Person 1 shares numbers 0 to 4 with person 2, who accepts number 1: nine blocks after the genesis.
fn chain() -> Chain {
    let mut chain = Chain::new(3);
    for number in 0..5 {
        chain
            .send(&Person::new(1), share(number, &[&Person::new(2)]))
            .unwrap();
    }
    let share_id = share_id(1);
    chain
        .send(&Person::new(2), Body::Accept(Accept { share_id }))
        .unwrap();
    chain
}

fn trust(chain: &Chain) -> Trust {
    Trust::new(chain.ledger.genesis().log_key())
}

fn everything() -> Question {
    Question {
        older: Some(4),
        members: [1, 2, 9].map(|number| Person::new(number).address).to_vec(),
        shares: [0, 1, 9].map(share_id).to_vec(),
        blocks: (0..10).map(Height).collect(),
        transactions: (0..9).collect(),
    }
}

fn ask(chain: &Chain, question: &Question) -> Vec<u8> {
    let view = chain.ledger.view().unwrap();
    view.answer(question, &node_key()).unwrap().to_bytes()
}

fn believed(chain: &Chain, question: &Question) -> Answer {
    verify_answer(&ask(chain, question), &trust(chain)).unwrap()
}

#[test]
fn everything_that_was_asked_is_proven() {
    let chain = chain();
    let view = chain.ledger.view().unwrap();
    let answer = believed(&chain, &everything());
    for number in [1, 2, 9] {
        let address = Person::new(number).address;
        let state = view.member(&address).unwrap();
        assert_eq!(answer.member(&address), Some(state.as_ref()));
    }
    for number in [0, 1, 9] {
        let state = view.share(&share_id(number)).unwrap();
        assert_eq!(answer.share(&share_id(number)), Some(state.as_ref()));
    }
    // and the authority, who enrolled them
    assert_eq!((answer.members().count(), answer.shares().count()), (3, 2));
    assert_eq!(answer.transactions().count(), 9);
    for (index, tx) in answer.transactions() {
        assert_eq!(view.transaction(index).unwrap().as_ref(), Some(tx));
        let block = answer.block_of(index).unwrap();
        assert_eq!(block.header.height, view.height_of(index).unwrap());
        assert_eq!(block.first, index, "each is alone in its block");
    }
    assert_eq!(answer.block(Height(0)).unwrap().header.log_size, 0);
    assert_eq!(answer.header(), view.head());
    // what was not asked is not answered
    assert_eq!(answer.member(&Person::new(3).address), None);
    assert_eq!(answer.share(&share_id(2)), None);
    assert_eq!(answer.transaction(9), None);
    assert!(answer.block(Height(10)).is_none());
}

#[test]
fn what_is_not_there_yet_is_no_answer() {
    let chain = chain();
    let view = chain.ledger.view().unwrap();
    let ask = |question: Question| view.answer(&question, &node_key()).unwrap_err();
    for question in [
        Question {
            transactions: vec![9],
            ..Question::default()
        },
        Question {
            blocks: vec![Height(10)],
            ..Question::default()
        },
        Question {
            older: Some(10),
            ..Question::default()
        },
    ] {
        assert!(matches!(ask(question), Error::Beyond { .. }));
    }
}

#[test]
fn an_answer_continues_the_checkpoint_seen_before() {
    let mut chain = chain();
    let log = chain.ledger.genesis().log_key();
    let older = Checkpoint::open(&chain.checkpoint(), &log).unwrap();
    chain
        .send(&Person::new(1), share(7, &[&Person::new(2)]))
        .unwrap();
    let trust = trust(&chain).older(older.clone());
    let question = |older| Question {
        older,
        ..Question::default()
    };
    let answer = verify_answer(&ask(&chain, &question(Some(older.size()))), &trust).unwrap();
    assert_eq!(answer.checkpoint().size(), older.size() + 1);
    let without = verify_answer(&ask(&chain, &question(None)), &trust).unwrap_err();
    assert!(
        matches!(without, Rejected::NoConsistency { .. }),
        "{without}"
    );

    // another history of the same length, signed by the same key
    let mut fork = self::chain();
    fork.send(&Person::new(2), share(8, &[&Person::new(1)]))
        .unwrap();
    let newest = Trust::new(log).older(answer.checkpoint().clone());
    let forked = verify_answer(&ask(&fork, &question(Some(10))), &newest).unwrap_err();
    assert!(matches!(forked, Rejected::Forked { .. }), "{forked}");
    let old = self::chain();
    let back = verify_answer(&ask(&old, &question(None)), &newest).unwrap_err();
    assert!(matches!(back, Rejected::RolledBack { .. }), "{back}");
}

#[test]
fn a_receipt_takes_less_than_four_kib() {
    let mut chain = chain();
    let tx = chain.sign(&Person::new(1), share(7, &[&Person::new(2)]));
    let receipt = chain.put(&tx).unwrap();
    let question = Question {
        blocks: vec![receipt.height],
        transactions: vec![receipt.index],
        ..Question::default()
    };
    let bytes = ask(&chain, &question);
    // a path at ten million leaves has 24 hashes, this one has four
    assert!(bytes.len() + 20 * 32 < 4096, "{} bytes", bytes.len());
    let answer = verify_answer(&bytes, &trust(&chain)).unwrap();
    assert_eq!(answer.transaction(receipt.index), Some(&tx));
    let block = answer.block_of(receipt.index).unwrap();
    assert_eq!(block.header.height, receipt.height);
}

/// Parts of two answers of one node do not make a third.
#[test]
fn parts_of_another_moment_are_rejected() {
    let mut chain = chain();
    let question = Question {
        shares: vec![share_id(0)],
        blocks: vec![Height(3)],
        transactions: vec![2],
        ..Question::default()
    };
    let then = ask(&chain, &question);
    chain
        .send(&Person::new(1), share(7, &[&Person::new(2)]))
        .unwrap();
    let now = ask(&chain, &question);
    let [then, now] = [then, now].map(|bytes| parts(&bytes));
    let trust = trust(&chain);
    for (field, rejected) in [
        ("header", "header"),
        ("shares", "share-state"),
        ("blocks", "block"),
        ("transactions", "inclusion"),
    ] {
        let mut mixed = now.clone();
        mixed.insert(field.to_owned(), then[field].clone());
        let found =
            verify_answer(&serde_ipld_dagcbor::to_vec(&mixed).unwrap(), &trust).unwrap_err();
        assert_eq!(found.code(), rejected, "{field}: {found}");
    }
}

/// The answer about the newest transaction, which is alone in its block, after the node changed it and signed its log again.
fn invented(chain: &Chain, change: impl FnOnce(&mut BTreeMap<String, Ipld>)) -> Vec<u8> {
    let view = chain.ledger.view().unwrap();
    let mut header = view.head().clone();
    let index = header.log_size - 1;
    let tx = view.transaction(index).unwrap().unwrap();
    let mut tx = serde_ipld_dagcbor::from_slice(tx.as_bytes()).unwrap();
    change(&mut tx);
    let tx = serde_ipld_dagcbor::to_vec(&tx).unwrap();
    let path = view.inclusion(index, header.log_size).unwrap();
    header.log_root = path.root(&leaf_hash(&tx)).unwrap();
    let note = Checkpoint::sign(chain.ledger.chain(), &header, &node_key());
    let header: Ipld = serde_ipld_dagcbor::from_slice(&header.to_bytes()).unwrap();

    let question = Question {
        transactions: vec![index],
        ..Question::default()
    };
    let mut answer = parts(&ask(chain, &question));
    answer.insert("header".to_owned(), header.clone());
    answer.insert("checkpoint".to_owned(), Ipld::String(note));
    for (list, field, value) in [
        ("blocks", "header", header),
        ("transactions", "transaction", Ipld::Bytes(tx)),
    ] {
        let Some(Ipld::List(claims)) = answer.get_mut(list) else {
            panic!("no {list}");
        };
        let [Ipld::Map(claim)] = claims.as_mut_slice() else {
            panic!("not one of {list}");
        };
        claim.insert(field.to_owned(), value);
    }
    serde_ipld_dagcbor::to_vec(&answer).unwrap()
}

fn parts(answer: &[u8]) -> BTreeMap<String, Ipld> {
    serde_ipld_dagcbor::from_slice(answer).unwrap()
}

/// Whoever has the node's key can put into the log what it likes; it cannot sign for a member.
#[test]
fn what_the_node_made_up_is_nobodys_transaction() {
    let chain = chain();
    let trust = trust(&chain);
    let unchanged = invented(&chain, |_| {});
    verify_answer(&unchanged, &trust).unwrap();
    let unsigned = invented(&chain, |tx| {
        tx.insert("signature".to_owned(), Ipld::Bytes(vec![0; 64]));
    });
    let elsewhere = invented(&chain, |tx| {
        let Some(Ipld::Map(unsigned)) = tx.get_mut("unsigned") else {
            panic!("no words");
        };
        unsigned.insert("chain".to_owned(), Ipld::Bytes(vec![9; 32]));
    });
    let without = |field| {
        let mut answer = parts(&unchanged);
        answer.remove(field).unwrap();
        serde_ipld_dagcbor::to_vec(&answer).unwrap()
    };
    for (answer, rejected) in [
        (unsigned, "sender"),
        (elsewhere, "wrong-chain"),
        (without("members"), "sender"),
        (without("blocks"), "no-block"),
    ] {
        let found = verify_answer(&answer, &trust).unwrap_err();
        assert_eq!(found.code(), rejected, "{found}");
    }
}

#[test]
fn each_signature_is_held_against_the_key_of_then() {
    let mut chain = Chain::over(MemoryStore::new(), genesis(2, 2), 0);
    let [one, two, member] = [0, 1, 2].map(Person::new);
    let enroll = chain.sign(&one, member.enrollment());
    let enroll = enroll.approve(two.address, &two.key);
    chain.put(&enroll).unwrap();
    let approved = invented(&chain, |tx| {
        let Some(Ipld::List(approvals)) = tx.get_mut("approvals") else {
            panic!("no approvals");
        };
        let [Ipld::Map(approval)] = approvals.as_mut_slice() else {
            panic!("not one approval");
        };
        approval.insert("signature".to_owned(), Ipld::Bytes(vec![0; 64]));
    });
    let found = verify_answer(&approved, &trust(&chain)).unwrap_err();
    assert_eq!(found.code(), "approval", "{found}");

    // another key from the next block on, for who signed and for who approved
    let (old, mut member) = (member, Person::new(2));
    member.key = Person::new(3).key;
    chain.send(&old, share(0, &[&one])).unwrap();
    for (person, key) in [
        (&old, member.public_key()),
        (&two, Person::new(4).public_key()),
    ] {
        let rotate = RotateKey {
            address: person.address,
            key,
            cert: None,
        };
        chain.send(person, Body::RotateKey(rotate)).unwrap();
    }
    let tx = chain.sign(&member, share(1, &[&one]));
    chain.put(&tx).unwrap();
    let size = chain.ledger.view().unwrap().head().log_size;
    let question = Question {
        transactions: (0..size).collect(),
        ..Question::default()
    };
    assert_eq!(believed(&chain, &question).transactions().count(), 5);
    let outdated = tx.unsigned().clone().sign(&old.key);
    let outdated = invented(&chain, |tx| {
        let signature = Ipld::Bytes(outdated.signature().as_bytes().to_vec());
        tx.insert("signature".to_owned(), signature);
    });
    let found = verify_answer(&outdated, &trust(&chain)).unwrap_err();
    assert_eq!(found.code(), "sender", "{found}");
}

/// An answer, and a trust that remembers a checkpoint of four transactions.
fn answered() -> &'static (Vec<u8>, Trust) {
    static ANSWERED: OnceLock<(Vec<u8>, Trust)> = OnceLock::new();
    ANSWERED.get_or_init(|| {
        let mut chain = Chain::new(3);
        let log = chain.ledger.genesis().log_key();
        chain
            .send(&Person::new(1), share(0, &[&Person::new(2)]))
            .unwrap();
        let older = Checkpoint::open(&chain.checkpoint(), &log).unwrap();
        let chain = self::chain();
        (ask(&chain, &everything()), trust(&chain).older(older))
    })
}

proptest! {
    #[test]
    fn a_changed_byte_is_rejected_or_as_true_as_before(at in any::<prop::sample::Index>(), by in 1..=255_u8) {
        let (bytes, trust) = answered();
        let mut bytes = bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        // one proof of absence holds for many names that are absent, so another of them may stand there
        if let Ok(answer) = verify_answer(&bytes, trust) {
            let chain = chain();
            let view = chain.ledger.view().unwrap();
            for number in [1, 2] {
                let address = Person::new(number).address;
                let state = view.member(&address).unwrap();
                prop_assert_eq!(answer.member(&address), Some(state.as_ref()));
            }
            for number in [0, 1] {
                let id = share_id(number);
                let state = view.share(&id).unwrap();
                prop_assert_eq!(answer.share(&id), Some(state.as_ref()));
            }
            prop_assert_eq!((answer.members().count(), answer.shares().count()), (3, 2));
            for (index, tx) in answer.transactions() {
                let recorded = view.transaction(index).unwrap();
                prop_assert_eq!(Some(tx), recorded.as_ref());
            }
            prop_assert_eq!(answer.transactions().count(), 9);
        }
    }

    #[test]
    fn noise_is_no_answer(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(AnswerBundle::from_bytes(&noise).is_err());
    }
}

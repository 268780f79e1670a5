//! A node alone: founding, opening, waiting, and answers that are on disk.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ledger_core::store::{Batch, LedgerStore as _, RedbStore, Table};
use ledger_core::testing::{Person, content, share, share_id};
use ledger_core::{
    Accept, Body, ChainId, Grant, Refusal, Revoke, ShareFilter, StatusKind, Transaction, Trust,
    Unsigned, Withdraw, verify,
};
use ledger_node::{Access, Error, Founding, Node, Opening};

/// A ledger in a new folder, with person 0 as authority and persons 1 and 2 as members.
fn founded() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
    for number in 1..=2 {
        node.submit(&sign(&node, 0, Person::new(number).enrollment()))
            .unwrap();
    }
    (folder, node)
}

fn sign(node: &Node, sender: u32, body: Body) -> Transaction {
    let sender = Person::new(sender);
    let sequence = node.next_sequence(&sender.address).unwrap();
    Unsigned::new(node.chain(), sender.address, sequence, node.now(), body).sign(&sender.key)
}

#[test]
fn what_was_answered_is_there_when_opened_again() {
    let (folder, node) = founded();
    let path = folder.path().join("ledger");
    let tx = sign(&node, 1, share(1, &[&Person::new(2)]));
    let receipt = node.submit(&tx).unwrap();
    assert_eq!(
        (receipt.index, receipt.height.0, receipt.id),
        (2, 3, tx.id())
    );
    let (chain, trusted) = (node.chain(), Trust::new(node.log_key()));
    drop(node);

    let node = Node::open_with(&path, Opening::new().chain(chain)).unwrap();
    assert_eq!(node.transaction(2).unwrap().unwrap(), tx);
    assert_eq!(node.find(&tx.id()).unwrap(), Some(2));
    assert_eq!(node.shares(0, 10).unwrap().len(), 1);
    assert_eq!(node.members().unwrap().len(), 3);
    assert_eq!(node.history(&share_id(1)).unwrap().len(), 1);
    assert_eq!(
        node.involved(&Person::new(2).address, u64::MAX, 10)
            .unwrap(),
        [2, 1]
    );
    assert_eq!(
        node.block(receipt.height).unwrap().unwrap().transactions,
        [tx]
    );
    let proven = verify(&node.prove(&share_id(1)).unwrap().to_bytes(), &trusted).unwrap();
    assert_eq!(proven.sender(), &Person::new(1).address);
    let audit = node.verify_chain(|_, _| {}).unwrap();
    assert_eq!((audit.blocks, audit.transactions), (4, 3));
}

#[test]
fn shares_are_found_by_sender_by_receiver_and_by_what_became_of_them() {
    let (_folder, node) = founded();
    let (zero, one, two) = (Person::new(0), Person::new(1), Person::new(2));
    for (number, sender, receiver) in [(1, 1, &two), (2, 2, &one), (3, 1, &zero)] {
        node.submit(&sign(&node, sender, share(number, &[receiver])))
            .unwrap();
    }
    let grant = Body::Grant(Grant {
        share_id: share_id(3),
        content: content(3),
        receivers: vec![two.address],
    });
    node.submit(&sign(&node, 1, grant.clone())).unwrap();
    let revoke = Body::Revoke(Revoke {
        share_id: share_id(3),
        receivers: vec![two.address],
    });
    node.submit(&sign(&node, 1, revoke)).unwrap();
    node.submit(&sign(&node, 1, grant)).unwrap();
    let withdraw = Body::Withdraw(Withdraw {
        share_id: share_id(1),
    });
    node.submit(&sign(&node, 1, withdraw)).unwrap();

    let access = Access::from(node);
    let found = |sender: Option<&Person>, receiver: Option<&Person>, status| {
        let filter = ShareFilter {
            sender: sender.map(|person| person.address),
            receiver: receiver.map(|person| person.address),
            status,
            ..ShareFilter::default()
        };
        let shares = access.shares(&filter).unwrap();
        assert!(shares.iter().all(|(id, state)| filter.matches(id, state)));
        shares.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(found(None, None, None), [1, 2, 3].map(share_id));
    assert_eq!(found(Some(&one), None, None), [1, 3].map(share_id));
    assert_eq!(found(None, Some(&two), None), [1, 3].map(share_id));
    assert_eq!(found(Some(&two), Some(&one), None), [share_id(2)]);
    assert_eq!(found(Some(&two), Some(&two), None), []);
    assert_eq!(
        found(None, None, Some(StatusKind::Withdrawn)),
        [share_id(1)]
    );
    assert_eq!(
        found(Some(&one), None, Some(StatusKind::Live)),
        [share_id(3)]
    );
    // who accepted: the receiver that is asked for, or everybody whose grant stands
    let accepted = |receiver: Option<u32>, accepted| {
        let filter = ShareFilter {
            receiver: receiver.map(|number| Person::new(number).address),
            accepted: Some(accepted),
            ..ShareFilter::default()
        };
        let shares = access.shares(&filter).unwrap();
        shares.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(accepted(None, true), []);
    assert_eq!(accepted(None, false), [1, 2, 3].map(share_id));
    let Access::Alone(node) = &access else {
        panic!("it is opened here")
    };
    let accept = |number| {
        Body::Accept(Accept {
            share_id: share_id(number),
        })
    };
    node.submit(&sign(node, 1, accept(2))).unwrap();
    node.submit(&sign(node, 2, accept(3))).unwrap();
    assert_eq!(accepted(None, true), [share_id(2)]);
    assert_eq!(accepted(Some(2), true), [share_id(3)]);
    assert_eq!(accepted(Some(2), false), [share_id(1)]);
    assert_eq!(accepted(None, false), [1, 3].map(share_id));
    let kinds: Vec<_> = access
        .events(&share_id(3))
        .unwrap()
        .iter()
        .map(|event| event.tx.body().kind())
        .collect();
    assert_eq!(kinds, ["share", "grant", "revoke", "grant", "accept"]);
    let older = access.checkpoint().unwrap();
    let bundle = access.prove(&share_id(2), Some(&older)).unwrap();
    verify(&bundle, &Trust::new(access.log_key()).older(older)).unwrap();
}

#[test]
fn a_refused_transaction_leaves_no_trace() {
    let (_folder, node) = founded();
    let head = node.head().unwrap();
    let unknown = node
        .submit(&sign(&node, 1, share(1, &[&Person::new(7)])))
        .unwrap_err();
    assert!(
        matches!(unknown, Error::Refused(Refusal::UnknownReceiver { .. })),
        "{unknown}"
    );
    let proof = node.prove(&share_id(1));
    assert!(matches!(
        proof,
        Err(Error::Refused(Refusal::UnknownShare { .. }))
    ));
    assert_eq!(node.head().unwrap(), head);
}

#[test]
fn a_file_that_is_no_ledger_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    assert!(matches!(Node::open(&path), Err(Error::Missing { .. })));
    fs::write(&path, "").unwrap();
    assert!(
        matches!(Node::open(&path), Err(Error::NotALedger { .. })),
        "{:?}",
        Node::open(&path)
    );
    fs::write(
        &path,
        "a letter to my grandmother, long enough to be a page".repeat(200),
    )
    .unwrap();
    assert!(
        matches!(Node::open(&path), Err(Error::NotALedger { .. })),
        "{:?}",
        Node::open(&path)
    );
    Node::open(folder.path()).unwrap_err();

    let (folder, node) = founded();
    drop(node);
    let path = folder.path().join("ledger");
    let again = Node::found(&path, Founding::new("again", Person::new(0).authority()));
    assert!(matches!(again, Err(Error::Exists { .. })));
    let other = Node::open_with(&path, Opening::new().chain(ChainId::new([1; 32])));
    assert!(matches!(other, Err(Error::OtherChain { .. })));
}

#[test]
#[cfg(unix)]
fn only_the_owner_reads_the_file_with_the_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _node) = founded();
    let mode = fs::metadata(folder.path().join("ledger"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn whoever_comes_second_waits_and_says_so() {
    let (folder, node) = founded();
    let path = folder.path().join("ledger");
    let mut heard = 0;
    let opening = Opening::new()
        .wait(Duration::from_millis(200))
        .waiting(|_| heard += 1);
    let busy = Node::open_with(&path, opening).unwrap_err();
    assert!(
        matches!(busy, Error::Busy { waited, .. } if waited >= Duration::from_millis(200)),
        "{busy}"
    );
    assert!(heard > 1);
    let second = thread::spawn(move || {
        Node::open_with(&path, Opening::new().wait(Duration::from_mins(1))).map(drop)
    });
    thread::sleep(Duration::from_millis(50));
    drop(node);
    second.join().unwrap().unwrap();
}

#[test]
fn many_submitters_each_have_their_place() {
    let (_folder, node) = founded();
    let node = Arc::new(node);
    for number in 3..11 {
        node.submit(&sign(&node, 0, Person::new(number).enrollment()))
            .unwrap();
    }
    let submit = |sender: u32| {
        let node = Arc::clone(&node);
        thread::spawn(move || {
            for number in 0..25 {
                let body = share(u64::from(sender) * 1000 + number, &[&Person::new(1)]);
                let tx = sign(&node, sender, body);
                let receipt = node.submit(&tx).unwrap();
                assert_eq!(node.transaction(receipt.index).unwrap().unwrap(), tx);
            }
        })
    };
    let threads: Vec<_> = (3..11).map(submit).collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let audit = node.verify_chain(|_, _| {}).unwrap();
    assert_eq!(audit.transactions, 10 + 200);
}

/// The chain is computed again in a file beside the ledger that is gone whatever comes out.
#[test]
fn verifying_leaves_nothing_beside_the_ledger() {
    let (folder, node) = founded();
    let path = node.path().to_owned();
    drop(node);
    let names = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let node = Node::open(&path).unwrap();
    let mut heard = Vec::new();
    node.verify_chain(|done, all| heard.push((done, all)))
        .unwrap();
    assert_eq!(names(), before);
    assert_eq!(
        heard.last(),
        Some(&(heard.len() as u64 + 1, heard.len() as u64 + 1))
    );
    // where there is no folder or no room, that is said, and it is not the ledger's fault
    let missing = folder.path().join("missing");
    let failed = node.verify_chain_in(&missing, |_, _| {});
    match failed {
        Err(Error::Scratch { folder, .. }) => assert_eq!(folder, missing),
        other => panic!("{other:?}"),
    }
    drop(node);
    let store = RedbStore::open(&path, ledger_core::store::Opening::Existing).unwrap();
    let mut batch = Batch::new();
    batch.put(Table::Involved, [7; 40], b"");
    store.commit(&batch).unwrap();
    store.close().unwrap();
    let damaged = Node::open(&path).unwrap().verify_chain(|_, _| {});
    assert!(matches!(damaged, Err(Error::Damaged { .. })), "{damaged:?}");
    assert_eq!(names(), before);
}

#[test]
fn a_batch_is_one_block_and_refusals_are_left_out() {
    let (_folder, node) = founded();
    let (chain, sender) = (node.chain(), Person::new(1));
    let make = |(sequence, number)| {
        let body = share(number, &[&Person::new(2)]);
        Unsigned::new(chain, sender.address, sequence, node.now(), body).sign(&sender.key)
    };
    // the second use of a sequence and a gap are refused, whatever stands around them
    let txs: Vec<_> = (0..40)
        .map(|n| (n, n))
        .chain([(39, 100), (41, 101), (40, 102)])
        .map(make)
        .collect();
    let before = node.head().unwrap();
    let outcomes = node.submit_all(&txs).unwrap();
    assert_eq!(node.head().unwrap().height.0, before.height.0 + 1);
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        41
    );
    assert!(matches!(outcomes[40], Err(Refusal::Replayed { .. })));
    assert!(matches!(outcomes[41], Err(Refusal::WrongSequence { .. })));
    node.verify_chain(|_, _| {}).unwrap();
}

#[test]
fn a_clock_that_jumps_back_does_not_turn_the_chain_back() {
    let folder = tempfile::tempdir().unwrap();
    let time = Arc::new(AtomicU64::new(1_700_000_000));
    let clock = Arc::clone(&time);
    let opening = Opening::new().clock(move || clock.load(Ordering::Relaxed));
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found_with(&folder.path().join("ledger"), founding, opening).unwrap();
    node.submit(&sign(&node, 0, Person::new(1).enrollment()))
        .unwrap();
    time.store(1_600_000_000, Ordering::Relaxed);
    let stale = node
        .submit(&sign(&node, 0, Person::new(2).enrollment()))
        .unwrap_err();
    assert!(
        matches!(
            stale,
            Error::Refused(Refusal::StaleTime {
                behind: 100_000_000,
                ..
            })
        ),
        "{stale}"
    );
    time.store(1_700_000_100, Ordering::Relaxed);
    node.submit(&sign(&node, 0, Person::new(2).enrollment()))
        .unwrap();
    assert_eq!(node.head().unwrap().time, 1_700_000_100);
}

const DAY: u64 = 86_400;
const NOW: u64 = 1_700_000_000;
/// The first second of 2099.
const IN_2099: u64 = 4_070_908_800;

/// A clock that the test sets.
fn set_clock(time: &Arc<AtomicU64>) -> Opening<'static> {
    let clock = Arc::clone(time);
    Opening::new().clock(move || clock.load(Ordering::Relaxed))
}

/// One block of 2099 would make every later transaction stale for ever.
#[test]
fn a_clock_that_jumps_ahead_is_not_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let time = Arc::new(AtomicU64::new(NOW));
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found_with(&path, founding, set_clock(&time)).unwrap();
    node.submit(&sign(&node, 0, Person::new(1).enrollment()))
        .unwrap();
    let before = node.head().unwrap();
    for jumped in [NOW + 7 * DAY + 60, NOW + 300 * DAY, IN_2099, u64::MAX] {
        time.store(jumped, Ordering::Relaxed);
        // the sender's clock is the same one
        let tx = sign(&node, 0, Person::new(2).enrollment());
        let alone = node.submit(&tx).unwrap_err();
        let together = node.submit_all(std::slice::from_ref(&tx)).unwrap_err();
        for error in [alone, together, node.check(&tx).unwrap_err()] {
            assert!(
                matches!(error, Error::Clock { clock, last: NOW, .. } if clock == jumped),
                "{error}"
            );
        }
        assert_eq!(node.head().unwrap(), before);
    }
    // right again, it goes on at once; a week's sleep is no jump
    time.store(NOW + 60, Ordering::Relaxed);
    node.submit(&sign(&node, 0, Person::new(2).enrollment()))
        .unwrap();
    time.store(NOW + 7 * DAY, Ordering::Relaxed);
    node.submit(&sign(&node, 0, Person::new(3).enrollment()))
        .unwrap();
    assert_eq!(node.head().unwrap().time, NOW + 7 * DAY);
}

#[test]
fn a_clock_that_is_wrong_from_the_start_is_named_with_both_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let time = Arc::new(AtomicU64::new(NOW));
    let founding = Founding::new("test", Person::new(0).authority());
    drop(Node::found_with(&path, founding, set_clock(&time)).unwrap());
    time.store(IN_2099, Ordering::Relaxed);
    let node = Node::open_with(&path, set_clock(&time)).unwrap();
    let error = node
        .submit(&sign(&node, 0, Person::new(1).enrollment()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("2099-01-01T00:00:00Z") && error.contains("2023-11-14T22:13:20Z"),
        "{error}"
    );
    // it is read and proven all the same
    node.verify_chain(|_, _| {}).unwrap();
    node.checkpoint().unwrap();
    drop(node);
    // a year's rest is believed, a longer one is when somebody says so
    time.store(NOW + 366 * DAY, Ordering::Relaxed);
    let node = Node::open_with(&path, set_clock(&time)).unwrap();
    node.submit(&sign(&node, 0, Person::new(1).enrollment()))
        .unwrap();
    drop(node);
    time.store(IN_2099, Ordering::Relaxed);
    let opening = set_clock(&time).rested(Duration::from_secs(80 * 366 * DAY));
    let node = Node::open_with(&path, opening).unwrap();
    node.submit(&sign(&node, 0, Person::new(2).enrollment()))
        .unwrap();
    assert_eq!(node.head().unwrap().time, IN_2099);
}

/// A machine without a battery for its clock begins in 1970 until it has asked for the time.
#[test]
fn a_clock_that_was_behind_may_be_set_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let time = Arc::new(AtomicU64::new(NOW));
    let founding = Founding::new("test", Person::new(0).authority());
    drop(Node::found_with(&path, founding, set_clock(&time)).unwrap());
    time.store(0, Ordering::Relaxed);
    let node = Node::open_with(&path, set_clock(&time)).unwrap();
    time.store(NOW + 30 * DAY, Ordering::Relaxed);
    node.submit(&sign(&node, 0, Person::new(1).enrollment()))
        .unwrap();
    time.store(IN_2099, Ordering::Relaxed);
    let error = node.submit(&sign(&node, 0, Person::new(2).enrollment()));
    assert!(matches!(error, Err(Error::Clock { .. })));
}

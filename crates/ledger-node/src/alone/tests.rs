//! Which transactions share a block: whoever waits while the block before is written, as many as it takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ledger_core::testing::{Person, share};
use ledger_core::{Body, Height, Question, Trust, Unsigned, verify_answer};

use super::*;

fn founded() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
    (folder, node)
}

/// Person 0's transactions with these sequences.
fn signed(node: &Node, sequences: std::ops::Range<u64>) -> Vec<Transaction> {
    let person = Person::new(0);
    let sign = |sequence| {
        let body = share(sequence, &[&person]);
        Unsigned::new(node.chain(), person.address, sequence, node.now(), body).sign(&person.key)
    };
    sequences.map(sign).collect()
}

fn job(tx: Transaction) -> Arc<Job> {
    Arc::new(Job {
        tx,
        verified: None,
        outcome: Mutex::new(None),
    })
}

/// How many transactions each block holds, the genesis first.
fn sizes(node: &Node) -> Vec<u64> {
    let view = node.view().unwrap();
    let sizes = (0..=view.head().height.0).map(|height| {
        let header = view.header(Height(height)).unwrap();
        header.unwrap().log_size
    });
    let mut before = 0;
    let sizes = sizes.map(|size| size - std::mem::replace(&mut before, size));
    sizes.collect()
}

#[test]
fn whoever_waits_shares_the_next_block() {
    let (_folder, node) = founded();
    for person in 1..=8 {
        let body = Person::new(person).enrollment();
        let person = Person::new(0);
        let sequence = node.head().unwrap().log_size;
        let tx = Unsigned::new(node.chain(), person.address, sequence, node.now(), body);
        node.submit(&tx.sign(&person.key)).unwrap();
    }
    let before = sizes(&node);
    assert_eq!(before, [0, 1, 1, 1, 1, 1, 1, 1, 1]);
    // as long as a block is being written
    let writer = lock(&node.writer);
    thread::scope(|scope| {
        let submit = |person| {
            let node = &node;
            scope.spawn(move || {
                let (person, number) = (Person::new(person), u64::from(person));
                let body = share(number, &[&Person::new(0)]);
                let tx = Unsigned::new(node.chain(), person.address, 0, node.now(), body);
                node.submit(&tx.sign(&person.key)).unwrap().height
            })
        };
        let submitting: Vec<_> = (1..=8).map(submit).collect();
        while lock(&node.queue).len() < 8 {
            thread::yield_now();
        }
        drop(writer);
        for submitting in submitting {
            assert_eq!(submitting.join().unwrap(), Height(9));
        }
    });
    assert_eq!(sizes(&node), [&before[..], &[8]].concat());
}

/// Whoever shared a block with a thread that panicked looked for an outcome without end, and kept everybody else from the ledger.
#[test]
fn whoever_shares_a_block_with_a_panic_hears_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let founding = Founding::new("test", Person::new(0).authority());
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    let opening = Opening::new().clock(move || {
        assert!(!breaks.swap(false, Ordering::Relaxed), "the clock broke");
        1_700_000_000
    });
    let node = Node::found_with(&folder.path().join("ledger"), founding, opening).unwrap();
    let txs = signed(&node, 0..2);
    let writer = lock(&node.writer);
    thread::scope(|scope| {
        let node = &node;
        let submit = |tx| scope.spawn(move || node.submit(tx).map(|receipt| receipt.height));
        let submitting: Vec<_> = txs.iter().map(submit).collect();
        while lock(&node.queue).len() < 2 {
            thread::yield_now();
        }
        broken.store(true, Ordering::Relaxed);
        drop(writer);
        let ended: Vec<_> = submitting
            .into_iter()
            .map(|thread| thread.join().map_err(drop))
            .collect();
        let panicked = ended.iter().filter(|ended| ended.is_err()).count();
        assert_eq!(panicked, 1);
        let told = ended.into_iter().flatten().next().unwrap().unwrap_err();
        assert!(!told.is_refusal(), "{told}");
    });
    // and the ledger goes on
    node.submit(&txs[0]).unwrap();
}

/// More than a thousand gain nothing, and nobody is left behind: whoever is beyond them has the block after.
#[test]
fn a_block_takes_a_thousand_of_those_that_wait() {
    let (_folder, node) = founded();
    let mut txs = signed(&node, 0..2003);
    let last = txs.pop().unwrap();
    lock(&node.queue).extend(txs.into_iter().map(job));
    assert_eq!(node.submit(&last).unwrap().height, Height(3));
    assert_eq!(sizes(&node), [0, 1000, 1000, 3]);
}

/// Sixty megabytes were one block, which no answer held: nobody could ask for it.
#[test]
fn a_block_takes_what_an_answer_has_room_for() {
    let large = |node: &Node| -> Vec<Transaction> {
        let person = Person::new(0);
        let sign = |number| {
            let Body::Share(mut body) = share(number, &[&person]) else {
                unreachable!("a share is a share")
            };
            body.description = Some("x".repeat(16_000));
            let body = Body::Share(body);
            Unsigned::new(node.chain(), person.address, number, node.now(), body).sign(&person.key)
        };
        (0..1100).map(sign).collect()
    };
    let (_folder, together) = founded();
    let outcomes = together.submit_all(&large(&together)).unwrap();
    assert_eq!(outcomes.iter().flatten().count(), 1100);
    let (_other, waiting) = founded();
    let mut txs = large(&waiting);
    let last = txs.pop().unwrap();
    lock(&waiting.queue).extend(txs.into_iter().map(job));
    waiting.submit(&last).unwrap();
    for node in [&together, &waiting] {
        let blocks = sizes(node);
        assert_eq!(
            (blocks.len(), blocks.iter().sum::<u64>()),
            (4, 1100),
            "{blocks:?}"
        );
        for height in 1..=3 {
            let (first, after): (u64, u64) = (
                blocks[..height].iter().sum(),
                blocks[..=height].iter().sum(),
            );
            let question = Question {
                blocks: vec![Height(height as u64)],
                transactions: (first..after).collect(),
                ..Question::default()
            };
            let bytes = node.answer(&question).unwrap().to_bytes();
            let answer = verify_answer(&bytes, &Trust::new(node.log_key())).unwrap();
            assert_eq!(answer.transactions().count() as u64, blocks[height]);
        }
    }
    // many small ones
    let (_third, node) = founded();
    let txs = signed(&node, 0..MAX_BLOCK_TRANSACTIONS as u64 + 1);
    assert!(node.submit_all(&txs).unwrap().iter().all(Result::is_ok));
    assert_eq!(sizes(&node), [0, MAX_BLOCK_TRANSACTIONS as u64, 1]);
    assert!(node.submit_all(&[]).unwrap().is_empty());
}

/// The node's key lies in it, whoever made the file.
#[cfg(unix)]
#[test]
fn a_ledger_in_a_file_that_was_empty_is_its_owners_alone() {
    use std::fs::{Permissions, metadata, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let founding = || Founding::new("test", Person::new(0).authority());
    let open_to_all = || set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let mode = || metadata(&path).unwrap().permissions().mode() & 0o777;
    write(&path, "").unwrap();
    open_to_all();
    drop(Node::found(&path, founding()).unwrap());
    assert_eq!(mode(), 0o600);
    // what is somebody's already stays as it is
    open_to_all();
    Node::found(&path, founding()).unwrap_err();
    assert_eq!(mode(), 0o644);
}

#[test]
fn no_key_is_that_of_two_founders() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = [0, 1].map(Person::new);
    let twice = ledger_core::Authority::new(other.address, one.public_key());
    let founding = Founding::new("test", one.authority()).authority(twice);
    let refused = Node::found(&folder.path().join("ledger"), founding.threshold(2));
    assert!(refused.unwrap_err().to_string().contains("key of another"));
}

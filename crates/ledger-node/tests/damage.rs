//! A damaged file is refused by name, or the damage is where nothing is read; it is never believed, never an older ledger, and
//! never a panic.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::panic;
use std::path::Path;
use std::sync::Arc;

use ledger_core::merkle::leaf_hash;
use ledger_core::testing::{Person, share, share_id};
use ledger_core::{Header, Transaction, Trust, Unsigned, verify};
use ledger_node::http::Settings;
use ledger_node::{Error, Founding, Node};
use serde_json::Value;
use server::Running;
use server::ask::{agent, json};

/// A closed ledger of nine blocks, and what it says.
struct Closed {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    head: Header,
    checkpoint: String,
    trust: Trust,
}

impl Closed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let founding = Founding::new("test", Person::new(0).authority());
        let node = Node::found(&path, founding).unwrap();
        let person = Person::new(0);
        let txs: Vec<_> = (0..60)
            .map(|number| {
                let body = share(number, &[&person]);
                Unsigned::new(node.chain(), person.address, number, node.now(), body)
                    .sign(&person.key)
            })
            .collect();
        txs.chunks(7)
            .for_each(|txs| drop(node.submit_all(txs).unwrap()));
        let trust = Trust::new(node.log_key());
        let (head, checkpoint) = (node.head().unwrap(), node.checkpoint().unwrap());
        drop(node);
        let bytes = std::fs::read(&path).unwrap();
        Self {
            folder,
            bytes,
            head,
            checkpoint,
            trust,
        }
    }

    /// Opens, verifies and proves a damaged copy: none when it says what the whole one says, else the words that name the
    /// damage.
    fn said(&self, bytes: &[u8], what: &str) -> Option<String> {
        let path = self.folder.path().join("damaged");
        std::fs::write(&path, bytes).unwrap();
        // closing is part of it
        let outcome = panic::catch_unwind(|| read(&path));
        // what a damaged ledger that was opened left beside it
        for end in ["-journal0", "-journal1"] {
            let _ = std::fs::remove_file(format!("{}{end}", path.display()));
        }
        match outcome {
            Ok(Ok((head, checkpoint, bundle))) => {
                verify(&bundle, &self.trust).unwrap();
                assert_eq!(head, self.head, "{what}: another ledger");
                assert_eq!(checkpoint, self.checkpoint, "{what}");
                None
            }
            Ok(Err(error)) => {
                let words = error.to_string();
                let named = words.contains("damaged") || words.contains("is no ledger");
                assert!(named, "{what}: {words}");
                Some(words)
            }
            Err(_) => panic!("{what}: a panic"),
        }
    }
}

fn read(path: &Path) -> Result<(Header, String, Vec<u8>), Error> {
    let node = Node::open(path)?;
    node.verify_chain(|_, _| {})?;
    Ok((
        node.head()?,
        node.checkpoint()?,
        node.prove(&share_id(5))?.to_bytes(),
    ))
}

/// redb's own panics are caught in the store; their words would fill the screen.
fn quietly(test: impl FnOnce()) {
    let usual = Arc::new(panic::take_hook());
    let kept = Arc::clone(&usual);
    panic::set_hook(Box::new(move |info| {
        if info
            .location()
            .is_some_and(|at| at.file().ends_with("damage.rs"))
        {
            kept(info);
        }
    }));
    test();
    panic::set_hook(Box::new(move |info| usual(info)));
}

#[test]
fn every_damaged_place_is_named_or_unread() {
    let closed = Closed::new();
    let used = closed.bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let (mut named, mut unread) = (0, 0);
    quietly(|| {
        for round in 0..400_usize {
            let mut bytes = closed.bytes.clone();
            let at = round * 2_654_435_761 % used;
            match round % 4 {
                0 => bytes[at] ^= 1 << (round % 8),
                1 => bytes[at..(at + 512).min(used)].fill(0),
                2 => bytes[at..(at + 64).min(used)].fill(0xff),
                _ => bytes.truncate(at),
            }
            match closed.said(&bytes, &format!("{round} at {at}")) {
                Some(_) => named += 1,
                None => unread += 1,
            }
        }
    });
    // redb writes every page anew, and most of a small file is pages of older commits that nothing reads any more
    assert!(named > 100, "{named} named, {unread} unread");
}

/// redb keeps two commits, and one bit of its header says which is the newer. A closed ledger is the same by either: redb writes once
/// more when it is closed, and the commit before that would say that a journal lies beside it.
#[test]
fn a_closed_ledger_is_the_same_by_either_of_its_two_commits() {
    const NEWER: (usize, usize) = (9, 0);
    let closed = Closed::new();
    let [one, other] = [64, 192].map(|at| &closed.bytes[at..at + 128]);
    assert_ne!(one, other, "two commits, one after the other");
    let mut refused = [0, 0];
    quietly(|| {
        // every bit before the two commits, and one of each of their bytes
        let front = (0..64).flat_map(|at| (0..8).map(move |bit| (at, bit)));
        for (at, bit) in front.chain((64..320).map(|at| (at, at % 8))) {
            let mut bytes = closed.bytes.clone();
            bytes[at] ^= 1 << bit;
            let said = closed.said(&bytes, &format!("bit {bit} of byte {at}"));
            match said {
                Some(words) if words.contains("Primary is corrupted") => {
                    refused[(at - 64) / 128] += 1;
                }
                Some(words) => assert!((at, bit) != NEWER, "{words}"),
                None => {}
            }
        }
    });
    // the newer one, if its own bytes are damaged, is not passed over for the other; all but its first byte, the format's, say so
    refused.sort_unstable();
    assert!(matches!(refused, [0 | 127, 127]), "{refused:?}");
}

/// Closing redb writes once more, by what the file says of its free pages: 512 zeros in page 4 stopped it with a panic, behind the
/// back of whoever had read the ledger.
#[test]
fn closing_a_file_whose_free_pages_are_damaged_is_no_panic() {
    let closed = Closed::new();
    quietly(|| {
        for at in (49..closed.bytes.len() - 512).step_by(4096) {
            let mut bytes = closed.bytes.clone();
            bytes[at..at + 512].fill(0);
            closed.said(&bytes, &format!("512 zeros at {at}"));
        }
    });
}

/// Asks for the proof that a beginning of the log is continued.
fn prove(running: &Running, path: &str, kind: &str, body: &[u8]) -> (u16, Option<String>, Value) {
    let request = agent().post(format!("{}{path}?older=3", running.url));
    let request = request.header("accept", "application/cbor");
    let mut response = request.content_type(kind).send(body).unwrap();
    let status = response.status().as_u16();
    let location = response.headers().get("location");
    let location = location.map(|location| location.to_str().unwrap().to_owned());
    (status, location, response.body_mut().read_json().unwrap())
}

/// A block is written, and then the store cannot be read, here of a tile that only the proof needs: whoever submitted hears that it may
/// be recorded, and finds it when it asks, or sends it again.
#[test]
fn an_answer_that_fails_behind_the_record_is_no_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found(&path, founding).unwrap();
    let signed =
        |node: &Node, number| server::signed(node, 0, number, share(number, &[&Person::new(0)]));
    let txs: Vec<_> = (0..300).map(|number| signed(&node, number)).collect();
    node.submit_all(&txs).unwrap();
    let next = [300, 301, 302].map(|number| signed(&node, number));
    drop(node);
    let mut bytes = std::fs::read(&path).unwrap();
    let leaf = leaf_hash(txs[5].as_bytes());
    let found = (0..bytes.len() - 32).filter(|at| bytes[*at..].starts_with(leaf.as_bytes()));
    let found: Vec<_> = found.collect();
    assert!(!found.is_empty());
    found.iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(&path, &bytes).unwrap();
    let node = Node::open(&path).unwrap();
    let running = Running::serve(folder, node, Settings::new().rate(None));

    let unsaid = |(status, location, problem): (u16, Option<String>, Value)| {
        assert_eq!(
            (status, &problem["code"]),
            (504, &"damaged".into()),
            "{problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("may be recorded"), "{detail}");
        location
    };
    let (kind, batch) = ("application/cbor", "application/cbor-seq");
    let path = "/v1/transactions";
    let location = unsaid(prove(&running, path, kind, next[0].as_bytes()));
    assert_eq!(location, Some(format!("{path}/{}", next[0].id())));
    // and when it is sent again
    let location = unsaid(prove(&running, path, kind, next[0].as_bytes()));
    assert!(location.is_some());
    let both: Vec<u8> = next[1..].iter().flat_map(Transaction::to_bytes).collect();
    let path = "/v1/transactions/batch";
    assert_eq!(unsaid(prove(&running, path, batch, &both)), None);
    for (tx, index) in next.iter().zip(300..) {
        let recorded = json(&running, &format!("/v1/transactions/{}", tx.id()));
        assert_eq!(recorded["index"], index);
        let again = agent().post(format!("{}/v1/transactions", running.url));
        let mut again = again.content_type(kind).send(tx.as_bytes()).unwrap();
        assert_eq!(again.status(), 200);
        let receipt: Value = again.body_mut().read_json().unwrap();
        assert_eq!(receipt["index"], index);
    }
}

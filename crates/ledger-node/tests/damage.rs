//! A damaged file is refused by name, or the damage is where nothing is read; it is never believed and never a panic.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::panic;

use ledger_core::testing::{Person, share, share_id};
use ledger_core::{Trust, Unsigned, verify};
use ledger_node::{Error, Founding, Node};

#[test]
fn every_damaged_place_is_named_or_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let node = Node::found(&path, Founding::new("test", Person::new(0).authority())).unwrap();
    let person = Person::new(0);
    let txs: Vec<_> = (0..60)
        .map(|number| {
            let body = share(number, &[&person]);
            Unsigned::new(node.chain(), person.address, number, node.now(), body).sign(&person.key)
        })
        .collect();
    txs.chunks(7)
        .for_each(|txs| drop(node.submit_all(txs).unwrap()));
    let trust = Trust::new(node.log_key());
    let (head, checkpoint) = (node.head().unwrap(), node.checkpoint().unwrap());
    drop(node);
    let whole = std::fs::read(&path).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();

    // redb's own panics are caught in the store; their words would fill the screen
    panic::set_hook(Box::new(|_| {}));
    let damaged = folder.path().join("damaged");
    let (mut named, mut unread) = (0, 0);
    for round in 0..400_usize {
        let mut bytes = whole.clone();
        let at = round * 2_654_435_761 % used;
        match round % 4 {
            0 => bytes[at] ^= 1 << (round % 8),
            1 => bytes[at..(at + 512).min(used)].fill(0),
            2 => bytes[at..(at + 64).min(used)].fill(0xff),
            _ => bytes.truncate(at),
        }
        std::fs::write(&damaged, &bytes).unwrap();
        let outcome = panic::catch_unwind(|| {
            let node = Node::open(&damaged)?;
            node.verify_chain(|_, _| {})?;
            Ok::<_, Error>((
                node.head()?,
                node.checkpoint()?,
                node.prove(&share_id(5))?.to_bytes(),
            ))
        });
        match outcome {
            Ok(Ok((found, note, bundle))) => {
                // nothing that is read was hit, or an older, whole commit is what remains
                verify(&bundle, &trust).unwrap();
                assert!((found == head && note == checkpoint) || found.height < head.height);
                unread += 1;
            }
            Ok(Err(error)) => {
                let words = error.to_string();
                assert!(
                    words.contains("damaged") || words.contains("is no ledger"),
                    "{round} at {at}: {words}"
                );
                named += 1;
            }
            Err(_) => {
                drop(panic::take_hook());
                panic!("round {round}, place {at}: a panic");
            }
        }
    }
    drop(panic::take_hook());
    // redb writes every page anew, and most of a small file is pages of older commits that nothing reads any more
    assert!(named > 100, "{named} named, {unread} unread");
}

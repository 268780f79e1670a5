//! kill -9 under load, again and again: nothing answered is lost, and the chain verifies.
//!
//! `MEDSHARE_CRASH_CYCLES=2000 cargo test -p ledger-node --test crash` is the long mode.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use ledger_core::testing::{Person, share};
use ledger_core::{TxId, Unsigned};
use ledger_node::{Founding, Node};

const LEDGER: &str = "MEDSHARE_CRASH_LEDGER";
const THREADS: u32 = 4;

/// Not a test of its own: the process that is killed. It submits without end and says what was answered.
#[test]
fn child() {
    let Some(path) = env::var_os(LEDGER) else {
        return;
    };
    let node = Arc::new(Node::open(path.as_ref()).unwrap());
    let submit = |sender: u32| {
        let node = Arc::clone(&node);
        thread::spawn(move || {
            let sender = Person::new(sender);
            let mut sequence = node.next_sequence(&sender.address).unwrap();
            loop {
                let number = u64::from_be_bytes(*sender.address.as_bytes().first_chunk().unwrap())
                    ^ sequence;
                let body = share(number, &[&Person::new(0)]);
                let tx = Unsigned::new(node.chain(), sender.address, sequence, node.now(), body)
                    .sign(&sender.key);
                let receipt = node.submit(&tx).unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "answered {} {}", receipt.index, receipt.id).unwrap();
                out.flush().unwrap();
                sequence += 1;
            }
        })
    };
    let threads: Vec<_> = (1..=THREADS).map(submit).collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

fn spawn(path: &std::path::Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(LEDGER, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_at_any_moment_nothing_answered_is_lost() {
    let cycles: u64 =
        env::var("MEDSHARE_CRASH_CYCLES").map_or(12, |cycles| cycles.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let node = Node::found(&path, Founding::new("test", Person::new(0).authority())).unwrap();
    for (sequence, member) in (0..).zip(1..=THREADS) {
        let person = Person::new(0);
        let body = Person::new(member).enrollment();
        let tx = Unsigned::new(node.chain(), person.address, sequence, node.now(), body);
        node.submit(&tx.sign(&person.key)).unwrap();
    }
    drop(node);
    let mut answered: Vec<(u64, TxId)> = Vec::new();
    for cycle in 0..cycles {
        let mut child = spawn(&path);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // somewhere between the first answer and some dozens later, at no round moment
        let wanted = answered.len() + 1 + usize::try_from(cycle * 7919 % 40).unwrap();
        let note = |line: String, answered: &mut Vec<(u64, TxId)>| {
            // libtest writes its own words before ours, without a newline
            if let Some((_, line)) = line.split_once("answered ") {
                let (index, id) = line.split_once(' ').unwrap();
                answered.push((index.parse().unwrap(), id.parse().unwrap()));
            }
        };
        while answered.len() < wanted {
            note(
                lines
                    .next()
                    .expect("the child goes on until it is killed")
                    .unwrap(),
                &mut answered,
            );
        }
        thread::sleep(Duration::from_micros(cycle * 104_729 % 3000));
        child.kill().unwrap();
        child.wait().unwrap();
        // what it had said before the end, a last line may be cut
        let rest: Vec<_> = lines.map_while(Result::ok).collect();
        for line in rest
            .into_iter()
            .filter(|line| line.split(' ').next_back().is_some_and(|id| id.len() == 64))
        {
            note(line, &mut answered);
        }
        let node = Node::open(&path).unwrap();
        for (index, id) in &answered {
            assert_eq!(node.find(id).unwrap(), Some(*index), "cycle {cycle}");
        }
        if cycle % 4 == 0 {
            node.verify_chain(|_, _| {}).unwrap();
        }
    }
    let audit = Node::open(&path).unwrap().verify_chain(|_, _| {}).unwrap();
    assert!(audit.transactions >= u64::try_from(answered.len()).unwrap());
}

/// Several processes use one file in turn, each for one transaction, as commands at a shell do.
#[test]
fn processes_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let node = Node::found(&path, Founding::new("test", Person::new(0).authority())).unwrap();
    drop(node);
    let threads: Vec<_> = (1..=4_u32)
        .map(|first| {
            let path = path.clone();
            thread::spawn(move || {
                for number in 0..5 {
                    let opening = ledger_node::Opening::new().wait(Duration::from_mins(1));
                    let node = Node::open_with(&path, opening).unwrap();
                    let person = Person::new(0);
                    let sequence = node.next_sequence(&person.address).unwrap();
                    let body = Person::new(first * 100 + number).enrollment();
                    let tx =
                        Unsigned::new(node.chain(), person.address, sequence, node.now(), body);
                    node.submit(&tx.sign(&person.key)).unwrap();
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(
        Node::open(&path)
            .unwrap()
            .verify_chain(|_, _| {})
            .unwrap()
            .transactions,
        20
    );
}

//! Several processes on one ledger and one store, and processes that are killed.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ipfs_store::{Block, BlockStore as _, EmbeddedStore, Error, MemoryStore, car};

mod common;
use common::{Place, Ran, image, program, text};

#[test]
fn several_homes_share_at_once() {
    let place = Place::new();
    let ct = image("CT_small.dcm");
    let senders = ["alice", "bob", "mallory"];
    let rounds = 3;
    thread::scope(|scope| {
        for (sender, receiver) in senders.iter().zip(senders.iter().cycle().skip(1)) {
            let (place, ct) = (&place, &ct);
            scope.spawn(move || {
                for round in 0..rounds {
                    let to = format!("{receiver}.pgp");
                    let shared = place
                        .run([
                            "share",
                            "--json",
                            "--home",
                            sender,
                            ct.to_str().unwrap(),
                            "--to",
                            &to,
                        ])
                        .ok()
                        .json();
                    let out = format!("{sender}-{round}");
                    place
                        .receive(receiver, text(&shared, "share_id"), &out)
                        .ok();
                    assert_eq!(fs::read(ct).unwrap(), fs::read(place.path(&out)).unwrap());
                }
            });
        }
    });
    let log = place
        .run(["log", "--json", "--home", "city", "--all"])
        .ok()
        .json();
    assert_eq!(
        log["shares"].as_array().unwrap().len(),
        senders.len() * rounds
    );
}

/// What was imported was durable before its roots were pinned, one by one: a collection of another process took what was left.
#[test]
fn an_import_is_whole_beside_a_collection() {
    let place = Place::empty();
    let memory = MemoryStore::new();
    let roots: Vec<_> = (0..1000u32)
        .map(|number| {
            let block = Block::raw(number.to_be_bytes().to_vec()).unwrap();
            memory.put(&block).unwrap();
            *block.cid()
        })
        .collect();
    let file = fs::File::create(place.path("many.car")).unwrap();
    car::export(&memory, &roots, file).unwrap();
    // in the moment between two pins, or never
    let open = || EmbeddedStore::open_waiting(&place.path("store"), Duration::ZERO).unwrap();
    let (store, ended) = (open(), AtomicBool::new(false));
    let imported = thread::scope(|scope| {
        for collecting in [open(), open()] {
            let ended = &ended;
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    match collecting.gc() {
                        Ok(_) => thread::sleep(Duration::from_millis(2)), // or the import has no turn
                        Err(error) => assert!(matches!(error, Error::Busy { .. }), "{error}"),
                    }
                }
            });
        }
        let imported = place.run(["car", "import", "many.car", "--store", "store"]);
        ended.store(true, Ordering::Relaxed);
        imported
    });
    imported.ok();
    assert_eq!(store.pins().unwrap().len(), roots.len());
    assert!(roots.iter().all(|root| store.has(root).unwrap()));
}

/// Kills `share` at moments spread over its whole run. What it answered is recorded and can be received; the chain
/// verifies; what it did not answer is whole on the ledger or not there.
#[test]
fn a_killed_share_loses_nothing_that_was_answered() {
    let place = Place::new();
    let ct = image("CT_small.dcm");
    let mut answered = Vec::new();
    for round in 0..24u64 {
        let mut child = program(place.directory.path())
            .args([
                "share",
                "--json",
                "--home",
                "alice",
                ct.to_str().unwrap(),
                "--to",
                "bob.pgp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(round * 13 % 400));
        let _ = child.kill();
        let ran = Ran::of(child.wait_with_output().unwrap());
        if let Ok(shared) = serde_json::from_slice::<serde_json::Value>(&ran.stdout)
            && ran.stdout.ends_with(b"\n")
            && shared["share_id"].is_string()
        {
            answered.push(text(&shared, "share_id").to_owned());
        }
    }
    // one that nobody killed, so that at least one is answered
    answered.push(text(&place.share(&ct), "share_id").to_owned());
    let ledger = ledger_node::Node::open(&place.path("shared/ledger.redb")).unwrap();
    ledger.verify_chain(|_, _| {}).unwrap();
    let recorded: Vec<_> = ledger.shares(0, usize::MAX).unwrap();
    drop(ledger);
    for share_id in &answered {
        assert!(
            recorded.iter().any(|(id, _)| id.to_string() == *share_id),
            "{share_id} was answered and is lost"
        );
    }
    // everything that is recorded can be received: content is stored before its record
    for (share_id, _) in recorded {
        place.receive("bob", &share_id.to_string(), "received").ok();
        assert_eq!(
            fs::read(&ct).unwrap(),
            fs::read(place.path("received")).unwrap()
        );
    }
}

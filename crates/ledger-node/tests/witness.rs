//! Witnesses over HTTP: one hospital's server cosigns another's checkpoints, and whoever asks for a quorum gets it.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ledger_core::testing::{Person, share, share_id};
use ledger_core::{
    AddCheckpoint, Checkpoint, Digest, LogKey, NotCosigned, Rejected, Trust, WitnessKey, verify,
    verify_answer,
};
use ledger_node::http::{Settings, WitnessAddress};
use ledger_node::{Client, Connecting, Error, Founding, Node, Witnessing};
use server::{Running, proxy, signed};
use ureq::Agent;

const NAME: &str = "hospital.example/witness";

fn settings() -> Settings {
    Settings::new().rate(None)
}

/// A ledger with three members, not served yet.
fn founded() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let founding = Founding::new("observed", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
    for (sequence, number) in (0..).zip(1..=3) {
        let body = Person::new(number).enrollment();
        node.submit(&signed(&node, 0, sequence, body)).unwrap();
    }
    (folder, node)
}

/// A server that witnesses a log, and its witness' key.
fn witness(folder: &Path, log: LogKey) -> (Running, WitnessKey) {
    let witnessing = Witnessing::open(folder, NAME, &[log]).unwrap();
    let key = witnessing.key().clone();
    (Running::with(settings().witnessing(witnessing)), key)
}

/// What a server answers to a request for a cosignature: status, type, body.
fn ask(running: &Running, request: &str) -> (u16, String, String) {
    let agent = Agent::config_builder().http_status_as_error(false).build();
    let url = format!("{}/add-checkpoint", running.url);
    let mut response = agent.new_agent().post(url).send(request).unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap();
    let kind = kind.to_owned();
    let body = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), kind, body)
}

fn growth(node: &Node, from: u64, to: u64) -> Vec<Digest> {
    node.consistency(from, to).unwrap().path
}

#[test]
fn a_server_answers_as_tlog_witness_says() {
    let (_folder, node) = founded();
    let kept = tempfile::tempdir().unwrap();
    let (running, key) = witness(kept.path(), node.log_key());
    let first = node.checkpoint().unwrap();
    let (status, kind, line) = ask(
        &running,
        &AddCheckpoint::new(0, Vec::new(), first.clone()).to_string(),
    );
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"));
    let opened = Checkpoint::open_cosigned(&(first + &line), &node.log_key(), &[key]);
    assert_eq!(opened.unwrap().1, 1);

    let body = share(1, &[&Person::new(2)]);
    node.submit(&signed(&node, 1, 0, body)).unwrap();
    let (note, path) = (node.checkpoint().unwrap(), growth(&node, 3, 4));
    let (_other, stranger) = founded();
    let forged = {
        let head = node.head().unwrap();
        Checkpoint::sign(node.chain(), &head, &Person::new(9).key)
    };
    let request = |old, path: &[Digest], note: &str| {
        AddCheckpoint::new(old, path.to_vec(), note.to_owned()).to_string()
    };
    for (request, status, code) in [
        (String::from("hello"), 400, "malformed"),
        (request(9, &path, &note), 400, "malformed"),
        (request(3, &path, &forged), 403, "signature"),
        (
            request(0, &[], &stranger.checkpoint().unwrap()),
            404,
            "unknown-log",
        ),
        (request(3, &[], &note), 422, "inconsistent"),
        (
            request(3, &[Digest::new([7; 32])], &note),
            422,
            "inconsistent",
        ),
    ] {
        let (found, kind, body) = ask(&running, &request);
        assert_eq!((found, kind.as_str()), (status, "application/problem+json"));
        assert!(body.contains(&format!("\"code\":\"{code}\"")), "{body}");
    }
    let (status, kind, body) = ask(&running, &request(0, &[], &note));
    assert_eq!(
        (status, kind.as_str(), body.as_str()),
        (409, "text/x.tlog.size", "3\n")
    );
    assert_eq!(ask(&running, &request(3, &path, &note)).0, 200);
    // a server that witnesses nothing says so
    assert_eq!(ask(&Running::new(), &request(3, &path, &note)).0, 404);
}

#[test]
fn what_was_cosigned_is_remembered_and_forks_are_not() {
    let (folder, node) = founded();
    let kept = tempfile::tempdir().unwrap();
    let open = || Witnessing::open(kept.path(), NAME, &[node.log_key()]);
    let first = node.checkpoint().unwrap();
    let witnessing = open().unwrap();
    assert!(matches!(open(), Err(Error::Busy { .. })));
    let old = folder.path().join("old");
    node.backup(&old, |_| ()).unwrap();
    let send = |node: &Node, number| {
        let body = share(number, &[&Person::new(2)]);
        node.submit(&signed(node, 1, 0, body)).unwrap();
    };
    send(&node, 1);
    let cosign = |witnessing: &Witnessing, old, path, note: &str| {
        let request = AddCheckpoint::new(old, path, note.to_owned()).to_string();
        witnessing.add_checkpoint(request.as_bytes(), 9).unwrap()
    };
    let second = node.checkpoint().unwrap();
    cosign(&witnessing, 0, Vec::new(), &first).unwrap();
    cosign(&witnessing, 3, growth(&node, 3, 4), &second).unwrap();
    let key = witnessing.key().clone();
    drop(witnessing);

    // the same node from its backup goes on otherwise: its own checkpoints, its own proofs, right ones
    let fork = Node::open(&old).unwrap();
    send(&fork, 2);
    let witnessing = open().unwrap();
    assert_eq!(witnessing.key(), &key);
    let rolled_back = cosign(&witnessing, 3, Vec::new(), &first);
    assert_eq!(rolled_back, Err(NotCosigned::Conflict { size: 4 }));
    let forked = cosign(&witnessing, 4, Vec::new(), &fork.checkpoint().unwrap());
    assert_eq!(forked, Err(NotCosigned::Conflict { size: 4 }));
    fork.submit(&signed(&fork, 1, 1, share(3, &[&Person::new(2)])))
        .unwrap();
    let note = fork.checkpoint().unwrap();
    let forked = cosign(&witnessing, 4, growth(&fork, 4, 5), &note);
    assert!(matches!(
        forked,
        Err(NotCosigned::Inconsistent(Rejected::Forked {
            known: 4,
            found: 5
        }))
    ));
    drop(witnessing);

    // another ledger's checkpoint in the place of this one's is noticed
    let file = kept.path().join(format!("{}.checkpoint", node.chain()));
    std::fs::write(&file, "nothing").unwrap();
    assert!(matches!(open(), Err(Error::Kept { .. })));
    std::fs::remove_file(&file).unwrap();
    std::fs::write(kept.path().join("key"), "short").unwrap();
    assert!(matches!(open(), Err(Error::Damaged { .. })));
}

/// Waits until something is so.
fn until(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn proofs_carry_the_cosignatures_of_those_who_answer() {
    let (folder, node) = founded();
    let log = node.log_key();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [(first, first_key), (second, second_key)] =
        folders.each_ref().map(|folder| witness(folder.path(), log));
    let trust = |quorum| {
        let keys = vec![first_key.clone(), second_key.clone()];
        Trust::new(log).witnesses(keys, quorum)
    };
    let addresses = [(&first, &first_key), (&second, &second_key)].map(|(running, key)| {
        let written = format!("{key}@{}/", running.url);
        written.parse::<WitnessAddress>().unwrap()
    });
    let observed = Running::serve(folder, node, settings().witnesses(addresses.to_vec()));
    let checkpoint = || {
        let mut response = ureq::get(format!("{}/checkpoint", observed.url))
            .call()
            .unwrap();
        response.body_mut().read_to_string().unwrap()
    };
    let cosigned = |note: &str, quorum| {
        let keys = [first_key.clone(), second_key.clone()];
        let (checkpoint, found) = Checkpoint::open_cosigned(note, &log, &keys).unwrap();
        (found == quorum).then(|| checkpoint.size())
    };
    until("both cosign", || cosigned(&checkpoint(), 2) == Some(3));

    // a proof waits for the cosignatures on what it proves
    for number in 1..=5 {
        observed.send(1, share(number, &[&Person::new(2)]));
        let client = observed.client();
        let bundle = client.prove(&share_id(number), None).unwrap();
        let proven = verify(&bundle, &trust(2)).unwrap();
        assert_eq!(proven.checkpoint().size(), 3 + number);
        let next = client.prove(&share_id(number), Some(proven.checkpoint()));
        verify(&next.unwrap(), &trust(2).older(proven.checkpoint().clone())).unwrap();
    }
    // one witness is gone: the other one's cosignature still comes, and a quorum of two does not
    drop(first.stop());
    observed.send(1, share(6, &[&Person::new(2)]));
    until("the other cosigns", || {
        cosigned(&checkpoint(), 1) == Some(9)
    });
    let bundle = observed.client().prove(&share_id(6), None).unwrap();
    verify(&bundle, &trust(1)).unwrap();
    let missing = verify(&bundle, &trust(2)).unwrap_err();
    assert_eq!(
        missing,
        Rejected::Witnesses {
            needed: 2,
            found: 1
        }
    );
    // nobody is left: proofs come without, and the last cosigned checkpoint stays
    drop(second.stop());
    observed.send(1, share(7, &[&Person::new(2)]));
    let metrics = || {
        let url = format!("{}/metrics", observed.url);
        let mut response = ureq::get(url).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    };
    until("both are out of reach", || {
        metrics().contains("outcome=\"unreachable\"") && {
            let bundle = observed.client().prove(&share_id(7), None).unwrap();
            verify(&bundle, &trust(0)).unwrap().checkpoint().size() == 10
        }
    });
    // nor does whoever asks for the newest block's own note move it
    let newest = observed.client().checkpoint().unwrap();
    let url = format!("{}/v1/blocks/{}/checkpoint", observed.url, newest.height());
    let alone = ureq::get(url).call().unwrap().body_mut().read_to_string();
    let alone = Checkpoint::open(&alone.unwrap(), &log).unwrap();
    assert_eq!((alone.size(), alone.header()), (10, newest.header()));
    assert_eq!(cosigned(&checkpoint(), 1), Some(9));
    assert!("nothing".parse::<WitnessAddress>().is_err());
}

#[test]
fn answers_carry_cosignatures_and_hold_for_who_knows_no_witness() {
    let (folder, node) = founded();
    let log = node.log_key();
    let kept = tempfile::tempdir().unwrap();
    let (witness, key) = witness(kept.path(), log);
    let address = format!("{key}@{}/", witness.url);
    let address = address.parse::<WitnessAddress>().unwrap();
    let observed = Running::serve(folder, node, settings().witnesses(vec![address]));
    let agent = Agent::config_builder().http_status_as_error(false).build();
    let agent = agent.new_agent();
    let get = |path: &str, accept: &str| {
        let url = format!("{}{path}", observed.url);
        let mut response = agent.get(url).header("accept", accept).call().unwrap();
        response.body_mut().read_to_vec().unwrap()
    };
    let keys = vec![key.clone()];
    let note = || {
        let body = get("/v1/checkpoint", "application/json");
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let note = body["note"].as_str().unwrap();
        let (checkpoint, found) = Checkpoint::open_cosigned(note, &log, &keys).unwrap();
        assert_eq!(body["size"], checkpoint.size());
        (checkpoint.size(), found)
    };
    until("the witness cosigns", || note() == (3, 1));
    let (alone, quorum) = (
        Trust::new(log),
        Trust::new(log).witnesses(vec![key.clone()], 1),
    );

    // everything that was recorded before is in the moment that was cosigned
    let person = Person::new(1).address;
    for number in 1..=4 {
        let tx = observed.sign(1, share(number, &[&Person::new(2)]));
        let mut response = agent
            .post(format!("{}/v1/transactions", observed.url))
            .header("accept", "application/cbor")
            .content_type("application/cbor")
            .send(tx.as_bytes())
            .unwrap();
        assert_eq!(response.status(), 201);
        let receipt = response.body_mut().read_to_vec().unwrap();
        let size = 3 + number;
        let id = share_id(number);
        let paths = [
            "/v1/checkpoint".to_owned(),
            format!("/v1/members/{person}"),
            "/v1/members".to_owned(),
            format!("/v1/shares/{id}"),
            "/v1/shares".to_owned(),
            format!("/v1/shares/{id}/events"),
            // not recorded, which is proven too
            format!("/v1/shares/{}", share_id(99)),
            format!("/v1/blocks/{number}"),
            "/v1/blocks".to_owned(),
            "/v1/transactions".to_owned(),
            format!("/v1/transactions/{}", tx.id()),
        ];
        let answers = paths.iter().map(|path| get(path, "application/cbor"));
        for bytes in answers.chain([receipt]) {
            let answer = verify_answer(&bytes, &quorum).unwrap();
            assert_eq!(answer.checkpoint().size(), size);
            verify_answer(&bytes, &alone).unwrap();
        }
        assert_eq!(note(), (size, 1));
    }

    // so a client that counts on the witness records and asks as any other
    let connecting = Connecting::new().witnesses(vec![key], 1);
    let client = Client::connect(&observed.url, log, connecting).unwrap();
    let tx = observed.sign(1, share(6, &[&Person::new(2)]));
    assert_eq!(client.submit(&tx).unwrap().index, 7);
    assert_eq!(client.checkpoint().unwrap().size(), 8);
    client.prove(&share_id(6), None).unwrap();

    // without the witness the node goes on, and whoever counts on it refuses
    drop(witness.stop());
    observed.send(1, share(5, &[&Person::new(2)]));
    until("answers come without", || {
        let bytes = get("/v1/checkpoint", "application/cbor");
        let answer = verify_answer(&bytes, &alone).unwrap();
        answer.checkpoint().size() == 9 && verify_answer(&bytes, &quorum).is_err()
    });
    let bytes = get("/v1/checkpoint", "application/cbor");
    let (needed, found) = (1, 0);
    let missing = verify_answer(&bytes, &quorum).unwrap_err();
    assert_eq!(missing, Rejected::Witnesses { needed, found });
    assert_eq!(note(), (9, 0));
    let refused = client.checkpoint().unwrap_err();
    assert!(matches!(
        refused,
        Error::Unproven(Rejected::Witnesses { .. })
    ));
    let refused = client.prove(&share_id(6), None).unwrap_err();
    assert!(!refused.is_refusal(), "{refused}");
}

/// The address of somebody who takes connections and never says a word.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let held: Vec<_> = listener.incoming().map_while(Result::ok).collect();
        drop(held);
    });
    url
}

/// Every answer waited two seconds for a witness that hung, and then had no cosignature of those that had given theirs.
#[test]
fn a_witness_that_hangs_takes_nothing_from_the_others() {
    let (folder, node) = founded();
    let log = node.log_key();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (good, key) = witness(folders[0].path(), log);
    let hanging = Witnessing::open(folders[1].path(), "hanging.example/witness", &[log]);
    let hanging = hanging.unwrap().key().clone();
    let addresses = [
        WitnessAddress::new(hanging, &silent()).unwrap(),
        WitnessAddress::new(key.clone(), &good.url).unwrap(),
    ];
    let observed = Running::serve(folder, node, settings().witnesses(addresses.to_vec()));
    let note = || {
        let url = format!("{}/v1/checkpoint", observed.url);
        let mut response = ureq::get(url).call().unwrap();
        let body: serde_json::Value = response.body_mut().read_json().unwrap();
        let keys = std::slice::from_ref(&key);
        let opened = Checkpoint::open_cosigned(body["note"].as_str().unwrap(), &log, keys);
        let (checkpoint, found) = opened.unwrap();
        (checkpoint.size(), found)
    };
    // long before the one that hangs is given up
    let start = Instant::now();
    until("the good one cosigns", || note() == (3, 1));
    assert!(start.elapsed() < Duration::from_secs(4), "it waited");
    // for as long as the other one is asked, given up and asked again
    let mut size = 3;
    while start.elapsed() < Duration::from_secs(9) {
        let begun = Instant::now();
        observed.send(1, share(size, &[&Person::new(2)]));
        size += 1;
        assert_eq!(note(), (size, 1));
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?} at {size}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Without a cosignature the newest checkpoint is shown, and the first that was cosigned could be one before it.
#[test]
fn a_checkpoint_that_was_shown_is_not_taken_back() {
    let (folder, node) = founded();
    let log = node.log_key();
    let kept = tempfile::tempdir().unwrap();
    let (witness, key) = witness(kept.path(), log);
    let slow = Arc::new(Mutex::new(()));
    let holding = slow.lock().unwrap();
    let held = Arc::clone(&slow);
    let say = move |_: &str, body| {
        drop(held.lock());
        std::thread::sleep(Duration::from_millis(300));
        Some(body)
    };
    let url = proxy::between(&witness.url, Arc::new(str::to_owned), Arc::new(say));
    let address = WitnessAddress::new(key.clone(), &url).unwrap();
    let observed = Running::serve(folder, node, settings().witnesses(vec![address]));
    let shown = || {
        let mut response = ureq::get(format!("{}/checkpoint", observed.url))
            .call()
            .unwrap();
        let note = response.body_mut().read_to_string().unwrap();
        let keys = std::slice::from_ref(&key);
        let (checkpoint, found) = Checkpoint::open_cosigned(&note, &log, keys).unwrap();
        (checkpoint.size(), found)
    };
    assert_eq!(shown(), (3, 0));
    observed.send(1, share(1, &[&Person::new(2)]));
    assert_eq!(shown(), (4, 0));
    drop(holding);
    until("it is cosigned", || {
        let (size, found) = shown();
        assert!(size >= 4, "it went back to {size}");
        (size, found) == (4, 1)
    });
}

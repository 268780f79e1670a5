//! Many transactions in one request: their order, what stops one or all, limits, and a client that believes only what is proven.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod client;
#[path = "../server/mod.rs"]
mod server;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ledger_core::testing::{Person, share};
use ledger_core::{Body, RevokeMember, Transaction, Trust, Unsigned, verify_answer};
use ledger_node::Error;
use ledger_node::batch::{MAX_BATCH, MAX_BATCH_BYTES};
use ledger_node::http::{Reads, Settings};
use serde_json::{Value, json};
use server::ask::{agent, get, json, now};
use server::{Running, held};
use ureq::Body as Reply;
use ureq::http::Response;

const SEQUENCE: &str = "application/cbor-seq";
const JSON: &str = "application/json";
const CBOR: &str = "application/cbor";
const PATH: &str = "/v1/transactions/batch";

fn sign(running: &Running, sender: u32, key: u32, sequence: u64, body: Body) -> Transaction {
    let (chain, sender) = (running.log.chain(), Person::new(sender));
    Unsigned::new(chain, sender.address, sequence, now(), body).sign(&Person::new(key).key)
}

/// A share of a sender's own, with so long a description.
fn shared(running: &Running, sender: u32, sequence: u64, description: usize) -> Transaction {
    let mut body = share(u64::from(sender) << 32 | sequence, &[&Person::new(sender)]);
    if let Body::Share(share) = &mut body {
        share.description = Some("x".repeat(description));
    }
    sign(running, sender, sender, sequence, body)
}

/// The shares of one sender, one after the other.
fn shares(running: &Running, sender: u32, sequences: std::ops::Range<u64>) -> Vec<Transaction> {
    let shares = sequences.map(|sequence| shared(running, sender, sequence, 0));
    shares.collect()
}

fn sequence(txs: &[Transaction]) -> Vec<u8> {
    txs.iter().flat_map(Transaction::to_bytes).collect()
}

fn in_json(txs: &[Transaction]) -> Vec<u8> {
    let texts = txs.iter().map(|tx| BASE64_STANDARD.encode(tx.as_bytes()));
    json!({ "transactions": texts.collect::<Vec<_>>() })
        .to_string()
        .into_bytes()
}

fn send(running: &Running, kind: &str, accept: &str, body: &[u8]) -> Response<Reply> {
    agent()
        .post(format!("{}{PATH}", running.url))
        .header("accept", accept)
        .content_type(kind)
        .send(body)
        .unwrap()
}

/// Asks for the proof.
fn prove(running: &Running, query: &str, txs: &[Transaction]) -> Response<Reply> {
    let request = agent().post(format!("{}{PATH}{query}", running.url));
    let request = request.header("accept", CBOR).content_type(SEQUENCE);
    request.send(sequence(txs)).unwrap()
}

/// What became of each.
fn outcomes(running: &Running, txs: &[Transaction]) -> Vec<Value> {
    let mut response = send(running, SEQUENCE, JSON, &sequence(txs));
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["vary"], "accept");
    response.body_mut().read_json().unwrap()
}

/// The code and the words of a problem that stops all.
fn problem(mut response: Response<Reply>, status: u16) -> (String, String) {
    assert_eq!(response.status(), status);
    let kind = &response.headers()["content-type"];
    assert_eq!(kind, "application/problem+json");
    let problem: Value = response.body_mut().read_json().unwrap();
    assert_eq!(problem["status"], status);
    let text = |name: &str| problem[name].as_str().unwrap().to_owned();
    (text("code"), text("detail"))
}

fn size(running: &Running) -> u64 {
    json(running, "/v1/checkpoint")["size"].as_u64().unwrap()
}

/// Why each is not recorded; none of those that are.
fn codes(outcomes: &[Value]) -> Vec<Option<&str>> {
    for outcome in outcomes {
        let recorded = outcome["problem"].is_null();
        assert_eq!(outcome["index"].is_u64(), recorded, "{outcome}");
        assert_eq!(outcome["height"].is_u64(), recorded, "{outcome}");
        assert_eq!(outcome["recorded_before"].is_boolean(), recorded);
    }
    let codes = outcomes.iter();
    codes
        .map(|outcome| outcome["problem"]["code"].as_str())
        .collect()
}

#[test]
fn the_order_of_a_batch_is_that_of_the_log() {
    let running = Running::new();
    // two senders in turns, each with consecutive sequences
    let txs: Vec<_> = (0..100)
        .map(|number| shared(&running, 1 + number % 2, u64::from(number / 2), 0))
        .collect();
    let said = outcomes(&running, &txs);
    assert_eq!(said.len(), MAX_BATCH);
    for ((outcome, tx), index) in said.iter().zip(&txs).zip(3_u64..) {
        assert_eq!(outcome["id"], tx.id().to_string());
        assert_eq!(outcome["cid"], tx.cid().to_string());
        assert_eq!(outcome["index"], index);
        assert_eq!(outcome["recorded_before"], false);
        let found = json(&running, &format!("/v1/transactions/{}", tx.id()));
        assert_eq!(
            (&found["index"], &found["height"]),
            (&outcome["index"], &outcome["height"])
        );
    }
    // all of it again is no error, and no second record
    let again = outcomes(&running, &txs);
    for (again, first) in again.iter().zip(&said) {
        assert_eq!(again["recorded_before"], true);
        for field in ["id", "cid", "index", "height"] {
            assert_eq!(again[field], first[field]);
        }
    }
    assert_eq!(size(&running), 103);
}

#[test]
fn one_that_is_refused_does_not_stop_the_others() {
    let running = Running::new();
    let mut unsigned = shared(&running, 3, 0, 0).to_bytes();
    *unsigned.last_mut().unwrap() ^= 1;
    let txs = [
        shared(&running, 1, 0, 0),
        sign(&running, 1, 1, 1, share(77, &[&Person::new(9)])),
        // it needs the one before
        shared(&running, 1, 2, 0),
        shared(&running, 1, 1, 0),
        Transaction::from_bytes(&unsigned).unwrap(),
        sign(&running, 9, 9, 0, share(78, &[&Person::new(1)])),
        shared(&running, 1, 0, 0),
        shared(&running, 2, 0, 0),
        // a member that the batch enrolls signs in the next one
        sign(&running, 0, 0, 3, Person::new(8).enrollment()),
        shared(&running, 8, 0, 0),
    ];
    let said = outcomes(&running, &txs);
    let expected = [
        None,
        Some("unknown-receiver"),
        Some("wrong-sequence"),
        None,
        Some("bad-signature"),
        Some("unknown-sender"),
        None,
        None,
        None,
        Some("unknown-sender"),
    ];
    assert_eq!(codes(&said), expected);
    // the same form and the same status as of one
    assert_eq!(said[1]["problem"]["status"], 422);
    assert_eq!(
        said[1]["problem"]["type"],
        "urn:medshare:problem:unknown-receiver"
    );
    // one that stands twice is recorded once
    assert_eq!(said[6]["index"], said[0]["index"]);
    let before = [0, 3, 6, 7].map(|at| said[at]["recorded_before"].as_bool().unwrap());
    assert_eq!(before, [false, false, true, false]);
    assert_eq!(size(&running), 7);
    assert_eq!(codes(&outcomes(&running, &txs[9..])), [None]);
}

#[test]
fn one_that_cannot_be_read_stops_all_and_is_named() {
    let running = Running::new();
    let txs = shares(&running, 1, 0..3);
    let bytes: Vec<_> = txs.iter().map(Transaction::to_bytes).collect();
    let long = [b"\x5a\x00\x01\x00\x00".as_slice(), &[0; 65_536]].concat();
    for (bad, status, code, words) in [
        (
            b"\xa0".as_slice(),
            400,
            "malformed",
            "transaction 1: expected the canonical",
        ),
        (
            b"\x00",
            400,
            "malformed",
            "transaction 1: expected the canonical",
        ),
        (&long, 413, "too-large", "transaction 1: "),
        (
            b"\xff",
            400,
            "malformed",
            "transaction 1: expected a sequence",
        ),
    ] {
        let body = [&bytes[0], bad, &bytes[1]].concat();
        let (found, detail) = problem(send(&running, SEQUENCE, JSON, &body), status);
        assert_eq!(found, code);
        assert!(detail.starts_with(words), "{detail}");
    }
    // cut off within the last one
    let cut = sequence(&txs);
    let cut = send(&running, SEQUENCE, JSON, &cut[..cut.len() - 1]);
    assert!(problem(cut, 400).1.starts_with("transaction 2: "));
    for (body, words) in [
        (
            json!({ "transactions": [BASE64_STANDARD.encode(&bytes[0]), "?"] }),
            "transaction 1: the base64",
        ),
        (
            json!({ "transactions": [BASE64_STANDARD.encode(&bytes[0]), ""] }),
            "transaction 1: expected",
        ),
        (json!({ "transactions": [1] }), "invalid type"),
        (json!({ "transactions": [], "more": 1 }), "unknown field"),
        (json!([]), "invalid length 0"),
    ] {
        let response = send(&running, JSON, JSON, body.to_string().as_bytes());
        let (code, detail) = problem(response, 400);
        assert!(code == "malformed" && detail.contains(words), "{detail}");
    }
    assert_eq!(size(&running), 3);
}

#[test]
fn a_batch_has_limits_and_other_requests_keep_theirs() {
    let running = Running::new();
    for (kind, body) in [(SEQUENCE, Vec::new()), (JSON, in_json(&[]))] {
        let (code, detail) = problem(send(&running, kind, JSON, &body), 400);
        assert_eq!(
            (code.as_str(), detail.as_str()),
            ("malformed", "expected at least one transaction")
        );
    }
    let many = shares(&running, 1, 0..101);
    for (kind, body) in [(SEQUENCE, sequence(&many)), (JSON, in_json(&many))] {
        let (code, detail) = problem(send(&running, kind, JSON, &body), 413);
        assert!(
            code == "too-large" && detail.contains("100 transactions"),
            "{detail}"
        );
    }
    // one byte more than there may be, and just as many, which are read
    for (more, status) in [(1, 413), (0, 400)] {
        let bytes = vec![0xff; MAX_BATCH_BYTES + more];
        for kind in [SEQUENCE, JSON] {
            let response = send(&running, kind, JSON, &bytes);
            let (_, detail) = problem(response, status);
            assert_eq!(detail.contains("1048576 bytes"), more == 1, "{detail}");
        }
    }
    for kind in [
        CBOR,
        "text/plain",
        "application/cbor-seqx",
        "application/octet-stream",
    ] {
        let response = send(&running, kind, JSON, &sequence(&many[..1]));
        assert_eq!(problem(response, 415).0, "media-type", "{kind}");
    }
    let wrong = get(&running, PATH);
    assert_eq!(wrong.headers()["allow"], "POST");
    assert_eq!(problem(wrong, 405).0, "method");
    let one = agent().post(format!("{}/v1/transactions", running.url));
    let one = one.content_type(CBOR).send(vec![0; 100_000]).unwrap();
    assert_eq!(problem(one, 413).0, "too-large");
    assert_eq!(size(&running), 3);
    // nearly all bytes that there may be
    let large: Vec<_> = (0..63)
        .map(|number| shared(&running, 1, number, 16_000))
        .collect();
    let bytes = sequence(&large);
    assert!(bytes.len() > MAX_BATCH_BYTES - 40_000);
    assert!(
        outcomes(&running, &large)
            .iter()
            .all(|outcome| outcome["index"].is_u64())
    );
    // in JSON
    let mut said = send(
        &running,
        "application/json; charset=utf-8",
        JSON,
        &in_json(&many[63..]),
    );
    let said: Vec<Value> = said.body_mut().read_json().unwrap();
    assert_eq!((said.len(), codes(&said)), (38, vec![None; 38]));
}

#[test]
fn the_proven_answer_holds_what_is_recorded() {
    let running = Running::new();
    let txs = [
        shared(&running, 1, 0, 0),
        shared(&running, 1, 5, 0),
        shared(&running, 2, 0, 0),
        shared(&running, 1, 0, 0),
    ];
    let proven = |txs: &[Transaction], query: &str| {
        let mut response = prove(&running, query, txs);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], CBOR);
        let bytes = response.body_mut().read_to_vec().unwrap();
        verify_answer(&bytes, &Trust::new(running.log)).unwrap()
    };
    let answer = proven(&txs, "?older=3");
    let found: Vec<_> = answer.transactions().collect();
    assert_eq!(found, [(3, &txs[0]), (4, &txs[2])]);
    assert!(answer.block_of(3).is_some() && answer.block_of(4).is_some());
    // of nothing recorded there is nothing to prove but the checkpoint
    assert_eq!(proven(&txs[1..2], "").transactions().count(), 0);
    assert_eq!(proven(&txs, "").transactions().count(), 2);
}

#[test]
fn a_stranger_learns_from_a_batch_no_more_than_from_one() {
    let running = Running::with(Settings::new().rate(None).reads(Reads::Members));
    let address = Person::new(3).address;
    let revoke = Body::RevokeMember(RevokeMember { address });
    assert_eq!(
        codes(&outcomes(&running, &[sign(&running, 0, 0, 3, revoke)])),
        [None]
    );
    let own = |sender, key, sequence| {
        sign(
            &running,
            sender,
            key,
            sequence,
            share(1, &[&Person::new(2)]),
        )
    };
    // a stranger, another's name, a used and a later sequence of it, a member that was revoked
    let untold = [
        own(9, 9, 0),
        own(1, 9, 0),
        own(1, 2, 7),
        own(0, 9, 0),
        own(3, 3, 0),
        own(3, 9, 7),
    ];
    let said = outcomes(&running, &untold);
    assert_eq!(said[0]["problem"]["code"], "unknown-signer");
    for outcome in &said {
        assert_eq!(outcome["problem"], said[0]["problem"]);
    }
    // nor by the time: of a stranger there is no key to try, of a member there are some
    let times = [&untold[0], &untold[2]].map(|tx| {
        let many: Vec<_> = (0..6).map(|_| tx.clone()).collect();
        let times = (0..5).map(|_| {
            let begun = Instant::now();
            outcomes(&running, &many);
            begun.elapsed()
        });
        times.min().unwrap()
    });
    assert!(
        times.iter().all(|time| *time >= Duration::from_millis(60)),
        "{times:?}"
    );
    let difference = times[0].abs_diff(times[1]);
    assert!(difference < Duration::from_millis(30), "{times:?}");
    // members hear what is wrong, also beside strangers
    let mixed = [
        own(9, 9, 0),
        shared(&running, 1, 0, 0),
        own(1, 1, 9),
        shared(&running, 2, 0, 0),
    ];
    let mut response = send(&running, SEQUENCE, JSON, &sequence(&mixed));
    assert_eq!(response.headers()["cache-control"], "private, no-store");
    let said: Vec<Value> = response.body_mut().read_json().unwrap();
    assert_eq!(
        codes(&said),
        [Some("unknown-signer"), None, Some("wrong-sequence"), None]
    );
}

/// It was given the newest header, and that the log of a checkpoint which it kept has been continued.
#[test]
fn a_stranger_is_proven_nothing() {
    let running = Running::with(Settings::new().rate(None).reads(Reads::Members));
    let stranger = |number| sign(&running, 9, 9, number, share(number, &[&Person::new(2)]));
    let untold = [stranger(0), stranger(1)];
    for query in ["", "?older=0", "?older=2", "?older=3"] {
        let (code, _) = problem(prove(&running, query, &untold), 422);
        assert_eq!(code, "unknown-signer", "{query}");
        // a member that has sent nothing right has a problem too, as for one transaction
        let later = [stranger(0), shared(&running, 1, 9, 0)];
        let (code, _) = problem(prove(&running, query, &later), 422);
        assert_eq!(code, "unrecorded", "{query}");
    }
    assert_eq!(
        codes(&outcomes(&running, &untold)),
        [Some("unknown-signer"); 2]
    );
    let mixed = [stranger(0), shared(&running, 1, 0, 0)];
    assert_eq!(prove(&running, "?older=3", &mixed).status(), 200);
    let client = running.client();
    for outcome in client.submit_all(&untold) {
        assert!(
            matches!(&outcome, Err(Error::RefusedThere { code, .. }) if code == "unknown-signer"),
            "{outcome:?}"
        );
    }
}

/// Strangers waited in the places of those who are served.
#[test]
fn whoever_hears_late_why_has_no_place() {
    let settings = Settings::new().rate(None).reads(Reads::Members);
    let running = Running::with(settings.batches(1, 1));
    let stranger = |number| sign(&running, 9, 9, number, share(number, &[&Person::new(2)]));
    let untold: Vec<_> = (0..100).map(stranger).collect();
    let tx = shared(&running, 1, 0, 0);
    // how long before the stranger a member is served who comes later: a busy machine may be late once
    let ahead = || {
        thread::scope(|scope| {
            let waits = scope.spawn(|| {
                assert_eq!(
                    codes(&outcomes(&running, &untold)),
                    [Some("unknown-signer"); 100]
                );
                Instant::now()
            });
            thread::sleep(Duration::from_millis(200));
            while send(&running, SEQUENCE, JSON, tx.as_bytes()).status() != 200 {
                thread::sleep(Duration::from_millis(20));
            }
            let served = Instant::now();
            waits.join().unwrap().saturating_duration_since(served)
        })
    };
    assert!(
        (0..5).any(|_| ahead() > Duration::from_millis(300)),
        "strangers keep the place"
    );
}

/// They were recorded, and the answer was a problem.
#[test]
fn whoever_keeps_what_is_not_there_yet_records_nothing() {
    let running = Running::new();
    let txs = shares(&running, 1, 0..2);
    let (code, _) = problem(prove(&running, "?older=4", &txs), 409);
    assert_eq!((code.as_str(), size(&running)), ("beyond", 3));
    let one = agent().post(format!("{}/v1/transactions?older=4", running.url));
    let one = one.header("accept", CBOR).content_type(CBOR);
    let (code, _) = problem(one.send(txs[0].as_bytes()).unwrap(), 409);
    assert_eq!((code.as_str(), size(&running)), ("beyond", 3));
    // in JSON nothing is proven, so it does not matter
    let body = sequence(&txs);
    let url = format!("{}{PATH}?older=4", running.url);
    let request = agent().post(url).content_type(SEQUENCE);
    assert_eq!(request.send(&body[..]).unwrap().status(), 200);
    assert_eq!(prove(&running, "?older=5", &txs).status(), 200);
}

/// The status of one transaction for which nobody waits.
fn async_status(running: &Running, tx: &Transaction) -> u16 {
    let request = agent().post(format!("{}/v1/transactions", running.url));
    let request = request.header("prefer", "respond-async").content_type(CBOR);
    request.send(tx.as_bytes()).unwrap().status().as_u16()
}

#[test]
fn a_batch_has_room_for_all_or_none() {
    // by number: the writer has the first, and the second waits
    let (running, lock) = held(Settings::new().queue(10));
    let holding = lock.lock();
    let single = |tx: &Transaction| assert_eq!(async_status(&running, tx), 202);
    let txs = shares(&running, 0, 0..13);
    single(&txs[0]);
    lock.reached();
    single(&txs[1]);
    let full = send(&running, SEQUENCE, JSON, &sequence(&txs[2..12]));
    assert_eq!(full.headers()["retry-after"], "1");
    assert_eq!(problem(full, 503).0, "busy");
    // never is there room for so many
    let never = send(&running, SEQUENCE, JSON, &sequence(&txs[2..]));
    assert_eq!(problem(never, 413).0, "too-large");
    thread::scope(|scope| {
        let fits = scope.spawn(|| outcomes(&running, &txs[2..11]));
        // later it fits all the more
        thread::sleep(Duration::from_millis(300));
        drop(holding);
        assert_eq!(codes(&fits.join().unwrap()), [None; 9]);
    });
    assert_eq!(size(&running), 11, "nothing of the one without room");

    // by bytes, of which the places are given back
    let (running, lock) = held(Settings::new().queue_bytes(100_000));
    let txs: Vec<_> = (0..16)
        .map(|number| shared(&running, 0, number, 16_000))
        .collect();
    let never = send(&running, SEQUENCE, JSON, &sequence(&txs[..7]));
    assert_eq!(problem(never, 413).0, "too-large");
    let holding = lock.lock();
    for tx in &txs[..4] {
        assert_eq!(async_status(&running, tx), 202);
    }
    let full = send(&running, SEQUENCE, JSON, &sequence(&txs[4..7]));
    assert_eq!(problem(full, 503).0, "busy");
    drop(holding);
    let start = Instant::now();
    while send(&running, SEQUENCE, JSON, &sequence(&txs[4..10])).status() != 200 {
        assert!(start.elapsed() < Duration::from_secs(10), "no room");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(codes(&outcomes(&running, &txs[10..16])), [None; 6]);
    assert_eq!(size(&running), 16);
}

/// A hundred connections could each begin a mebibyte.
#[test]
fn few_batches_are_read_at_a_time_and_none_for_longer_than_a_request() {
    for (settings, places, status, code) in [
        (Settings::new().batches(2, 100), 2, 503, "busy"),
        (Settings::new().batches(100, 2), 2, 429, "batches"),
        // unless said
        (Settings::new(), 4, 429, "batches"),
    ] {
        let patience = Duration::from_secs(6);
        let running = Running::with(settings.rate(None).timeouts(patience, patience));
        let address = running.url.strip_prefix("http://").unwrap();
        let begin = || {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {SEQUENCE}\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n").unwrap();
            let mut said = [0; 12];
            stream.read_exact(&mut said).unwrap();
            assert_eq!(&said, b"HTTP/1.1 100");
            stream
        };
        let (mut slow, mut others) = (begin(), Vec::new());
        others.resize_with(places - 1, begin);
        let tx = shared(&running, 1, 0, 0);
        let beyond = send(&running, SEQUENCE, JSON, tx.as_bytes());
        assert_eq!(beyond.headers()["retry-after"], "1");
        assert_eq!(problem(beyond, status).0, code);
        // whoever sends one, or reads, is served
        assert_eq!(running.client().submit(&tx).unwrap().index, 3);
        // a connection breaks off with half of the body on its way
        let mut broken = others.pop().unwrap();
        broken.write_all(&vec![0; 500_000]).unwrap();
        drop(broken);
        let start = Instant::now();
        while send(&running, SEQUENCE, JSON, tx.as_bytes()).status() != 200 {
            assert!(
                start.elapsed() < Duration::from_secs(4),
                "the place is not given back"
            );
            thread::sleep(Duration::from_millis(20));
        }
        slow.set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut rest = String::new();
        slow.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("HTTP/1.1 408"), "{rest}");
    }
}

/// The connection was closed while the body was on its way, so that the answer was lost with it.
#[test]
fn whoever_is_turned_away_with_a_large_batch_hears_why() {
    let running = Running::with(Settings::new().rate(None).batches(0, 100));
    let body = vec![0xff; MAX_BATCH_BYTES];
    for _ in 0..5 {
        let busy = send(&running, SEQUENCE, JSON, &body);
        assert_eq!(problem(busy, 503).0, "busy");
        let unknown = send(&running, "text/plain", JSON, &body);
        assert_eq!(problem(unknown, 415).0, "media-type");
    }
}

#[test]
fn a_batch_that_takes_too_long_may_still_be_recorded() {
    let settings = Settings::new().timeouts(Duration::from_secs(3), Duration::from_secs(10));
    let (running, lock) = held(settings);
    let txs = [
        shared(&running, 0, 0, 0),
        sign(&running, 0, 0, 1, share(77, &[&Person::new(9)])),
        shared(&running, 0, 1, 0),
        // refused before it waits
        sign(&running, 0, 9, 2, share(78, &[&Person::new(0)])),
    ];
    let holding = lock.lock();
    let late = send(&running, SEQUENCE, JSON, &sequence(&txs));
    assert!(late.headers().get("location").is_none());
    let (code, detail) = problem(late, 504);
    assert!(
        code == "timeout" && detail.contains("may still be recorded"),
        "{detail}"
    );
    drop(holding);
    // its refusals are kept for whoever asks
    for (tx, status) in txs.iter().zip([200, 422, 200, 422]) {
        let path = format!("/v1/transactions/{}", tx.id());
        let start = Instant::now();
        let found = loop {
            let found = get(&running, &path).status();
            if found != 404 || start.elapsed() > Duration::from_secs(10) {
                break found;
            }
            thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(found, status);
    }
}

#[test]
fn a_batch_counts_as_its_transactions() {
    let running = Running::with(Settings::new().rate(NonZeroU32::new(50)));
    let txs = shares(&running, 1, 0..100);
    let send = |txs: &[Transaction]| send(&running, SEQUENCE, JSON, &sequence(txs));
    // more than may come at once has its turn all the same, and then nothing for a second
    let start = Instant::now();
    assert_eq!(send(&txs).status(), 200);
    let next = send(&txs[..40]);
    if start.elapsed() < Duration::from_millis(700) {
        assert_eq!(next.headers()["retry-after"], "1");
        assert_eq!(problem(next, 429).0, "rate");
    }
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(send(&txs).status(), 200);
    thread::sleep(Duration::from_millis(1100));
    let few: Vec<_> = (0..30).map(|_| send(&txs[..1]).status().as_u16()).collect();
    assert_eq!(few, [200; 30]);
    // a client waits as it is told, and gets them through
    let client = running.client();
    let start = Instant::now();
    let receipts = client.submit_all(&shares(&running, 2, 0..200));
    assert!(receipts.iter().all(Result::is_ok) && receipts.len() == 200);
    assert!(
        start.elapsed() > Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_copy_that_only_reads_takes_no_batch() {
    let running = Running::without_key(Settings::new());
    let tx = shared(&running, 0, 0, 0);
    let refused = send(&running, SEQUENCE, JSON, tx.as_bytes());
    assert_eq!(problem(refused, 403).0, "read-only");
}

#[test]
fn the_description_says_what_a_batch_is() {
    let api: Value = serde_json::from_str(&ledger_node::http::openapi()).unwrap();
    let post = &api["paths"][PATH]["post"];
    let content = &post["requestBody"]["content"];
    assert!(content[SEQUENCE].is_object() && content[JSON].is_object());
    let schema = content[JSON]["schema"]["$ref"].as_str().unwrap();
    let schema = api.pointer(schema.trim_start_matches('#')).unwrap();
    let list = &schema["properties"]["transactions"];
    assert_eq!(
        (&list["minItems"], &list["maxItems"]),
        (&json!(1), &json!(MAX_BATCH))
    );
    let responses = post["responses"].as_object().unwrap();
    let statuses: Vec<_> = responses.keys().collect();
    assert_eq!(statuses, ["200", "4XX", "504", "5XX"]);
    assert_eq!(responses["200"]["content"][JSON]["schema"]["type"], "array");
    assert!(responses["200"]["content"][CBOR].is_object());
}

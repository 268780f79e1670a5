//! What takes its time: streams of events, which have no end and so have limits, and answers that come later.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ledger_core::testing::{Person, content, share, share_id};
use ledger_core::{Body, Grant, Revoke, Transaction, Unsigned};
use ledger_node::http::Settings;
use ledger_node::{Founding, Node, Opening};
use serde_json::Value;
use server::ask::{agent, now};
use server::{Running, held};

/// Opens a stream and reads its head: the connection, and the status line.
fn stream(running: &Running) -> (BufReader<TcpStream>, String) {
    let address = running.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).unwrap();
    write!(stream, "GET /v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let status = head.lines().next().unwrap().to_owned();
    (reader, status)
}

fn get(running: &Running, path: &str) -> (u16, Value) {
    let url = format!("{}{path}", running.url);
    let mut response = agent().get(url).call().unwrap();
    let status = response.status().as_u16();
    (status, response.body_mut().read_json().unwrap())
}

fn code(problem: &Value) -> &str {
    problem["code"].as_str().unwrap()
}

#[test]
fn streams_beyond_the_limits_are_refused_and_places_come_back() {
    // of one address, and of all
    for (settings, status) in [
        (Settings::new().streams(100, 3), 429),
        (Settings::new().streams(3, 100), 503),
    ] {
        let running = Running::with(settings.rate(None));
        let mut open = Vec::new();
        for _ in 0..3 {
            let (reader, head) = stream(&running);
            assert_eq!(head, "HTTP/1.1 200 OK");
            open.push(reader);
        }
        let url = format!("{}/v1/events", running.url);
        let mut refused = agent().get(url).call().unwrap();
        assert_eq!(refused.status(), status);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(
            refused.headers()["content-type"],
            "application/problem+json"
        );
        let problem: Value = refused.body_mut().read_json().unwrap();
        assert_eq!(code(&problem), "streams");
        // whoever asks for something else is served, and those that listen hear
        let tx = running.sign(1, share(1, &[&Person::new(2)]));
        running.client().submit(&tx).unwrap();
        for reader in &mut open {
            let mut line = String::new();
            while !line.starts_with("event: share") {
                line.clear();
                assert!(reader.read_line(&mut line).unwrap() > 0);
            }
        }
        // the place of one that hangs up is free again
        open.pop();
        let start = Instant::now();
        let again = loop {
            let (reader, head) = stream(&running);
            if head == "HTTP/1.1 200 OK" {
                break reader;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{head}");
            thread::sleep(Duration::from_millis(20));
        };
        drop((open, again));
    }
}

/// Posts a transaction with what it prefers: the status, what was applied, and the address to poll.
fn post(running: &Running, prefer: &str, tx: &Transaction) -> (u16, Option<String>, String) {
    let response = agent()
        .post(format!("{}/v1/transactions", running.url))
        .header("prefer", prefer)
        .content_type("application/cbor")
        .send(tx.as_bytes())
        .unwrap();
    let header = |name: &str| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    let location = header("location").unwrap_or_default();
    (
        response.status().as_u16(),
        header("preference-applied"),
        location,
    )
}

/// Asks until there is another answer than that nothing is known.
fn poll(running: &Running, location: &str) -> (u16, Value) {
    let start = Instant::now();
    loop {
        let (status, answer) = get(running, location);
        if status != 404 {
            return (status, answer);
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{answer}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn whoever_did_not_wait_hears_of_the_record_or_of_the_refusal() {
    let running = Running::new();
    let applied = Some("respond-async".to_owned());
    let tx = running.sign(1, share(1, &[&Person::new(2)]));
    let (status, found, location) = post(&running, "foo=\"a, b\", Respond-Async; x=y", &tx);
    assert_eq!((status, found), (202, applied.clone()));
    let (status, recorded) = poll(&running, &location);
    assert_eq!((status, recorded["kind"].as_str()), (200, Some("share")));

    // refused: the poll tells why, in the form of every problem
    let tx = running.sign(1, share(2, &[&Person::new(9)]));
    let (status, found, location) = post(&running, "respond-async, wait=0", &tx);
    assert_eq!((status, found), (202, applied));
    for _ in 0..2 {
        let (status, problem) = poll(&running, &location);
        assert_eq!((status, code(&problem)), (422, "unknown-receiver"));
    }
    // what was never sent is unknown as before
    let (status, problem) = get(&running, &format!("/v1/transactions/{}", "0".repeat(64)));
    assert_eq!((status, code(&problem)), (404, "unknown-transaction"));

    // allowed later, the same transaction is recorded, and the refusal is history
    running.send(0, Person::new(9).enrollment());
    let (status, found, again) = post(&running, "respond-async, wait=5", &tx);
    assert_eq!((status, found, &again), (201, None, &location));
    let (status, recorded) = get(&running, &location);
    assert_eq!((status, recorded["kind"].as_str()), (200, Some("share")));

    // who does wait hears the refusal at once, and no other word than the RFC's makes it come later
    let tx = running.sign(1, share(1, &[&Person::new(2)]));
    for prefer in [
        "respond-async, wait=5",
        "respond-asyncx",
        "foo=respond-async",
    ] {
        let (status, found, _) = post(&running, prefer, &tx);
        assert_eq!((status, found), (422, None), "{prefer}");
    }
}

#[test]
fn a_server_whose_clock_has_jumped_is_not_ready_and_goes_on_when_it_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let now = 1_700_000_000;
    let time = Arc::new(AtomicU64::new(now));
    let clock = Arc::clone(&time);
    let opening = Opening::new().clock(move || clock.load(Ordering::Relaxed));
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found_with(&folder.path().join("ledger"), founding, opening).unwrap();
    let chain = node.chain();
    let running = Running::serve(folder, node, Settings::new().rate(None));
    let enroll = |at: u64| -> (u16, String) {
        let authority = Person::new(0);
        let body: Body = Person::new(1).enrollment();
        let tx = Unsigned::new(chain, authority.address, 0, at, body).sign(&authority.key);
        let mut response = agent()
            .post(format!("{}/v1/transactions", running.url))
            .content_type("application/cbor")
            .send(tx.as_bytes())
            .unwrap();
        let status = response.status().as_u16();
        (status, response.body_mut().read_to_string().unwrap())
    };
    time.store(4_070_908_800, Ordering::Relaxed);
    let (status, text) = enroll(4_070_908_800);
    assert_eq!(status, 503, "{text}");
    assert!(
        text.contains("\"code\":\"clock\"") && text.contains("2099-01-01T00:00:00Z"),
        "{text}"
    );
    assert_eq!(get(&running, "/ready").0, 503);
    assert_eq!(get(&running, "/v1/checkpoint").0, 200);
    // a balancer that sends nothing until the server is ready sees that it is
    time.store(now + 5, Ordering::Relaxed);
    assert_eq!(get(&running, "/ready").0, 200);
    time.store(4_070_908_800, Ordering::Relaxed);
    let (status, problem) = get(&running, "/ready");
    assert_eq!((status, code(&problem)), (503, "clock"));
    time.store(now + 5, Ordering::Relaxed);
    let (status, text) = enroll(now + 5);
    assert_eq!(status, 201, "{text}");
    assert_eq!(get(&running, "/ready").0, 200);
}

/// A share of the authority, which is a member too.
fn of_authority(running: &Running, sequence: u64, description: usize) -> Transaction {
    let mut body = share(sequence, &[&Person::new(0)]);
    if let Body::Share(share) = &mut body {
        share.description = Some("x".repeat(description));
    }
    let authority = Person::new(0);
    Unsigned::new(
        running.log.chain(),
        authority.address,
        sequence,
        now(),
        body,
    )
    .sign(&authority.key)
}

fn send(running: &Running, tx: &Transaction) -> (u16, Option<String>, Value) {
    let url = format!("{}/v1/transactions", running.url);
    let request = agent().post(url).content_type("application/cbor");
    let mut response = request.send(tx.as_bytes()).unwrap();
    let location = response.headers().get("location");
    let location = location.map(|location| location.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (status, location, response.body_mut().read_json().unwrap())
}

/// It was 408, as if nothing had come of it.
#[test]
fn whoever_waits_too_long_is_told_that_it_may_still_be_recorded() {
    let settings = Settings::new().timeouts(Duration::from_secs(1), Duration::from_secs(10));
    let (running, lock) = held(settings);
    let tx = of_authority(&running, 0, 0);
    let holding = lock.lock();
    let (status, location, problem) = send(&running, &tx);
    assert_eq!((status, code(&problem)), (504, "timeout"));
    let location = location.unwrap();
    assert_eq!(location, format!("/v1/transactions/{}", tx.id()));
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("may still be recorded") && detail.contains(&location),
        "{detail}"
    );
    drop(holding);
    let (status, recorded) = poll(&running, &location);
    assert_eq!((status, recorded["kind"].as_str()), (200, Some("share")));
    // a body that does not come is the client's
    let address = running.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\nContent-Length: 100\r\n\r\nhalf").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 408 Request Timeout\r\n");
}

/// It waited for the writer, which checked up to nine signatures of it.
#[test]
fn whoever_signs_nothing_takes_none_of_the_writers_time() {
    let (running, lock) = held(Settings::new());
    let (recorded, waits) = (of_authority(&running, 0, 0), of_authority(&running, 1, 0));
    assert_eq!(send(&running, &recorded).0, 201);
    let holding = lock.lock();
    assert_eq!(post(&running, "respond-async", &waits).0, 202);
    let (authority, stranger) = (Person::new(0), Person::new(9));
    let sign = |sender: &Person, key: &Person, sequence| {
        let body = share(9, &[&authority]);
        let unsigned = Unsigned::new(running.log.chain(), sender.address, sequence, now(), body);
        unsigned.sign(&key.key)
    };
    for (tx, expected) in [
        (sign(&authority, &stranger, 1), "bad-signature"),
        (sign(&authority, &stranger, 0), "replayed"),
        (sign(&stranger, &stranger, 0), "unknown-sender"),
    ] {
        let (status, _, problem) = send(&running, &tx);
        assert_eq!((status, code(&problem)), (422, expected));
    }
    drop(holding);
    assert_eq!(
        poll(&running, &format!("/v1/transactions/{}", waits.id())).0,
        200
    );
}

/// Eight thousand were counted, each of up to 64 kB.
#[test]
fn what_waits_is_limited_in_bytes() {
    let (running, lock) = held(Settings::new().queue_bytes(200_000));
    let holding = lock.lock();
    let mut taken = Vec::new();
    let refused = loop {
        let tx = of_authority(&running, u64::try_from(taken.len()).unwrap(), 16_000);
        let (status, _, _) = post(&running, "respond-async", &tx);
        if status != 202 {
            break (status, tx);
        }
        taken.push(tx);
        assert!(taken.len() < 50, "there is no limit");
    };
    // what the writer holds counts too
    let each = refused.1.as_bytes().len();
    assert_eq!((refused.0, taken.len()), (503, 200_000 / each));
    let (status, _, problem) = send(&running, &refused.1);
    assert_eq!((status, code(&problem)), (503, "busy"));
    drop(holding);
    for tx in &taken {
        poll(&running, &format!("/v1/transactions/{}", tx.id()));
    }
    assert_eq!(send(&running, &refused.1).0, 201);
}

/// The figures said that what was refused or recorded before was recorded.
#[test]
fn figures_count_what_was_recorded() {
    let running = Running::new();
    let tx = running.sign(1, share(1, &[&Person::new(2)]));
    for status in [201, 200, 200] {
        assert_eq!(send(&running, &tx).0, status);
    }
    let refused = running.sign(1, share(1, &[&Person::new(2)]));
    assert_eq!(send(&running, &refused).0, 422);
    let mut response = agent()
        .get(format!("{}/metrics", running.url))
        .call()
        .unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    for line in [
        "medshare_transactions_recorded_total 1",
        "medshare_block_transactions_count 1",
        "medshare_block_transactions_sum 1.0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

/// The next frame of a stream, which ends with an empty line; a chunk's own lines are left out.
fn frame(reader: &mut BufReader<TcpStream>) -> String {
    let mut frame = String::new();
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "{frame}");
        match line.as_str() {
            "\n" => return frame,
            line if line.ends_with("\r\n") => {}
            line => frame.push_str(line),
        }
    }
}

/// Whoever lost the connection before the first event came back without an id, and began at the end.
#[test]
fn a_stream_says_where_it_is_before_its_first_event_and_when_it_is_silent() {
    let running = Running::new();
    let (mut reader, _) = stream(&running);
    assert_eq!(frame(&mut reader), "id: 2\n");
    drop(reader);
    running.send(1, share(1, &[&Person::new(2)]));
    let listen = |path: &str, last: Option<&str>| {
        let address = running.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n{last}\r\n").unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0);
        }
        reader
    };
    let mut again = listen("/v1/events", Some("2"));
    assert_eq!(frame(&mut again), "id: 2\n");
    assert!(frame(&mut again).starts_with("event: share\nid: 3\n"));
    // from the first on there is none before
    let mut first = listen("/v1/events?from=0", None);
    assert_eq!(frame(&mut first), "id: -1\n");
    assert!(frame(&mut first).starts_with("event: enroll\nid: 0\n"));
    let mut first = listen("/v1/events", Some("-1"));
    assert_eq!(frame(&mut first), "id: -1\n");
    assert!(frame(&mut first).starts_with("event: enroll\nid: 0\n"));
    // nothing of this share: the place moves on all the same
    let path = format!("/v1/events?share={}", share_id(77));
    let mut silent = listen(&path, None);
    assert_eq!(frame(&mut silent), "id: 3\n");
    running.send(1, share(2, &[&Person::new(2)]));
    assert_eq!(frame(&mut silent), "id: 4\n");
}

/// Without the node's key nothing can be recorded: it said that it was ready, and then that a block could not be written.
#[test]
fn a_copy_without_a_key_says_that_it_only_reads() {
    let running = Running::without_key(Settings::new().rate(None));
    for _ in 0..2 {
        let (status, problem) = get(&running, "/ready");
        assert_eq!((status, code(&problem)), (503, "read-only"));
        let (status, _, problem) = send(&running, &of_authority(&running, 0, 0));
        assert_eq!((status, code(&problem)), (403, "read-only"));
    }
    assert_eq!(get(&running, "/v1/blocks").0, 200);
    for path in ["/v1/checkpoint", "/v1/blocks/0/checkpoint"] {
        let (status, problem) = get(&running, path);
        assert_eq!((status, code(&problem)), (403, "no-key"));
    }
    let (_, problem) = get(&running, "/v1/checkpoint");
    let folder = std::path::Path::new(running.folder.path())
        .display()
        .to_string();
    assert!(!problem.to_string().contains(&folder), "{problem}");
}

/// A block of a thousand takes ten megabytes and more to answer, and so does the life of a share with thousands of events; every
/// connection could ask for one and read nothing.
#[test]
fn few_large_answers_are_given_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
    let txs: Vec<_> = (0..500)
        .map(|number| {
            let mut body = share(number, &[&Person::new(0)]);
            if let Body::Share(share) = &mut body {
                share.description = Some("x".repeat(16_000));
            }
            server::signed(&node, 0, number, body)
        })
        .collect();
    assert!(node.submit_all(&txs).unwrap().iter().all(Result::is_ok));
    let receivers = vec![Person::new(1).address];
    let event = |number| match number {
        500 => Person::new(1).enrollment(),
        number if number % 2 == 1 => Body::Grant(Grant {
            share_id: share_id(0),
            receivers: receivers.clone(),
            content: content(1),
        }),
        _ => Body::Revoke(Revoke {
            share_id: share_id(0),
            receivers: receivers.clone(),
        }),
    };
    let events = (500..564).map(|number| server::signed(&node, 0, number, event(number)));
    let events: Vec<_> = events.collect();
    assert!(node.submit_all(&events).unwrap().iter().all(Result::is_ok));
    let long = Duration::from_secs(60);
    let settings = Settings::new().rate(None).timeouts(long, long);
    let running = Running::serve(folder, node, settings);
    let address = running.url.strip_prefix("http://").unwrap();
    let unread: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "GET /v1/blocks/1 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut status = [0; 15];
            std::io::Read::read_exact(&mut stream, &mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 200 OK");
            stream
        })
        .collect();
    // others go on, and whoever asks for as much has its turn when one of those has gone
    assert_eq!(get(&running, "/v1/blocks/0").0, 200);
    assert_eq!(
        get(&running, &format!("/v1/shares/{}/events", share_id(1))).0,
        200
    );
    let (tell, told) = std::sync::mpsc::channel();
    let life = format!("/v1/shares/{}/events", share_id(0));
    let asked = [("/v1/blocks/1", "transactions"), (&life, "items")].map(|(path, field)| {
        let (url, tell) = (format!("{}{path}", running.url), tell.clone());
        thread::spawn(move || {
            let mut response = agent().get(url).call().unwrap();
            let body = response.body_mut().with_config().limit(1 << 30);
            let answer = body.read_json::<Value>().unwrap();
            let many = answer[field].as_array().unwrap().len();
            tell.send((field, many)).unwrap();
        })
    });
    let early = told.recv_timeout(Duration::from_secs(3));
    assert!(early.is_err(), "{early:?}");
    drop(unread);
    let mut answered = [(); 2].map(|()| told.recv_timeout(long).unwrap());
    answered.sort_unstable();
    assert_eq!(answered, [("items", 64), ("transactions", 500)]);
    for asked in asked {
        asked.join().unwrap();
    }
}

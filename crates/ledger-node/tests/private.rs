//! A server that only members may read from: what is kept on the way, who hears what, and until when.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ledger_core::testing::{Person, share};
use ledger_core::{Body, RevokeMember, Transaction, Unsigned};
use ledger_node::http::{Reads, Settings};
use server::Running;
use server::ask::{agent, now, signature};
use ureq::Body as Reply;
use ureq::http::Response;

fn private() -> Running {
    Running::with(Settings::new().rate(None).reads(Reads::Members))
}

fn get(running: &Running, person: Option<u32>, path: &str) -> Response<Reply> {
    let mut request = agent().get(format!("{}{path}", running.url));
    if let Some(person) = person {
        request = request.header("authorization", signature(running, person, path));
    }
    request.call().unwrap()
}

fn sign(running: &Running, sender: u32, key: u32, sequence: u64, body: Body) -> Transaction {
    let chain = running.log.chain();
    Unsigned::new(chain, Person::new(sender).address, sequence, now(), body)
        .sign(&Person::new(key).key)
}

fn post(running: &Running, tx: &Transaction) -> Response<Reply> {
    agent()
        .post(format!("{}/v1/transactions", running.url))
        .content_type("application/cbor")
        .send(tx.as_bytes())
        .unwrap()
}

fn cached(response: &Response<Reply>) -> &str {
    let value = response.headers().get("cache-control");
    value.map_or("", |value| value.to_str().unwrap())
}

/// Tiles never change, so they were marked for every cache on the way, which would have given them to whoever asks next.
#[test]
fn no_cache_on_the_way_keeps_what_only_members_read() {
    let running = private();
    for path in [
        "/tile/entries/000.p/3",
        "/tile/0/000.p/3",
        "/v1/transactions",
        "/v1/shares",
        "/v1/members",
        "/v1/blocks",
        "/v1/blocks/1",
        "/v1/blocks/1/checkpoint",
        "/v1/checkpoint",
        "/v1/inclusion?index=0&size=3",
    ] {
        for (person, status) in [(Some(1), 200), (None, 401)] {
            let response = get(&running, person, path);
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(cached(&response), "private, no-store", "{path}");
        }
    }
    let tx = sign(&running, 1, 1, 0, share(1, &[&Person::new(2)]));
    let response = post(&running, &tx);
    assert_eq!(
        (response.status().as_u16(), cached(&response)),
        (201, "private, no-store")
    );
    let response = get(&running, Some(1), "/v1/shares/zz");
    assert_eq!(
        (response.status().as_u16(), cached(&response)),
        (400, "private, no-store")
    );
    // what is for everybody is asked for again each time
    for path in [
        "/v1/genesis",
        "/checkpoint",
        "/health",
        "/ready",
        "/metrics",
        "/openapi.json",
        "/",
        "/nowhere",
    ] {
        let kept = get(&running, None, path);
        assert_eq!(cached(&kept), "no-cache", "{path}");
    }
    // where everybody reads, only what never changes is kept
    let open = Running::new();
    for path in ["/tile/entries/000.p/3", "/v1/blocks/1/checkpoint"] {
        let kept = get(&open, None, path);
        assert_eq!(cached(&kept), "public, max-age=31536000, immutable");
    }
    for path in [
        "/v1/shares",
        "/tile/0/001",
        "/v1/genesis",
        "/v1/blocks/99/checkpoint",
    ] {
        assert_eq!(cached(&get(&open, None, path)), "no-cache", "{path}");
    }
}

/// Opens a stream as a member and reads its head.
fn stream(running: &Running, person: u32) -> BufReader<TcpStream> {
    let path = "/v1/events";
    let address = running.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let signature = signature(running, person, path);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {signature}\r\nConnection: close\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.contains("cache-control: private, no-store\r\n"),
        "{head}"
    );
    reader
}

/// Waits for an event of this kind.
fn hears(stream: &mut BufReader<TcpStream>, kind: &str) {
    let mut line = String::new();
    while line != format!("event: {kind}\n") {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "no {kind}");
    }
}

/// Membership was looked at once, when the stream began.
#[test]
fn a_stream_ends_when_its_member_is_revoked() {
    let running = private();
    let (mut one, mut two) = (stream(&running, 1), stream(&running, 2));
    let tx = sign(&running, 3, 3, 0, share(1, &[&Person::new(1)]));
    assert_eq!(post(&running, &tx).status(), 201);
    hears(&mut one, "share");
    hears(&mut two, "share");
    let address = Person::new(2).address;
    let revoke = Body::RevokeMember(RevokeMember { address });
    assert_eq!(
        post(&running, &sign(&running, 0, 0, 3, revoke)).status(),
        201
    );
    let tx = sign(&running, 3, 3, 1, share(2, &[&Person::new(1)]));
    assert_eq!(post(&running, &tx).status(), 201);
    hears(&mut one, "revoke-member");
    hears(&mut one, "share");
    let mut rest = String::new();
    two.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("event:"), "{rest}");
}

/// Whoever can sign nothing sends transactions in others' names, and learns neither who is a member nor how many each has sent.
#[test]
fn a_refusal_tells_a_stranger_nothing_about_members() {
    let running = private();
    let body = || share(1, &[&Person::new(2)]);
    let address = Person::new(3).address;
    let revoke = Body::RevokeMember(RevokeMember { address });
    assert_eq!(
        post(&running, &sign(&running, 0, 0, 3, revoke)).status(),
        201
    );
    let refusal = |sender, key, sequence| {
        let mut response = post(&running, &sign(&running, sender, key, sequence, body()));
        let headers = response.headers();
        assert!(headers.get("location").is_none());
        (
            response.status().as_u16(),
            response.body_mut().read_to_string().unwrap(),
        )
    };
    let unknown = refusal(9, 9, 0);
    assert_eq!(unknown.0, 422);
    assert!(
        unknown.1.contains("\"code\":\"unknown-signer\""),
        "{}",
        unknown.1
    );
    for (sender, key, sequence) in [
        (1, 9, 0),
        (1, 9, 5),
        (1, 2, 0),
        (9, 1, 0),
        (3, 3, 0),
        (3, 9, 7),
    ] {
        assert_eq!(
            refusal(sender, key, sequence),
            unknown,
            "{sender} {key} {sequence}"
        );
    }
    // a member is told what is wrong
    let told = refusal(1, 1, 5);
    assert!(told.1.contains("\"code\":\"wrong-sequence\""), "{}", told.1);
    // and where everybody reads, so is everybody
    let open = Running::new();
    for (sender, key, code) in [(9, 9, "unknown-sender"), (1, 9, "bad-signature")] {
        let tx = sign(&open, sender, key, 0, body());
        let text = post(&open, &tx).body_mut().read_to_string().unwrap();
        assert!(text.contains(&format!("\"code\":\"{code}\"")), "{text}");
    }
}

//! The HTTP API as Postman and other strangers see it: JSON, problems, tiles, events, figures, limits.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use ledger_core::merkle::{leaf_hash, root_of};
use ledger_core::testing::{Person, share, share_id};
use ledger_core::{Accept, Body, Checkpoint, Trust, verify};
use ledger_node::http::{Reads, Settings};
use ledger_node::reader::{authorization, read_message};
use serde_json::Value;
use server::Running;
use server::ask::{agent, get, json};
use ureq::Body as Reply;
use ureq::http::Response;

/// The code of the problem that is answered, after checking its form.
fn problem(mut response: Response<Reply>, status: u16) -> String {
    assert_eq!(response.status(), status);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let problem: Value = response.body_mut().read_json().unwrap();
    let code = problem["code"].as_str().unwrap();
    assert_eq!(problem["type"], format!("urn:medshare:problem:{code}"));
    assert_eq!(problem["status"], status);
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    code.to_owned()
}

fn post(running: &Running, kind: &str, body: &[u8]) -> Response<Reply> {
    let url = format!("{}/v1/transactions", running.url);
    agent().post(url).content_type(kind).send(body).unwrap()
}

const CBOR: &str = "application/cbor";

#[test]
fn a_transaction_is_posted_and_found_again() {
    let running = Running::new();
    let tx = running.sign(1, share(7, &[&Person::new(2)]));
    let mut response = post(&running, CBOR, tx.as_bytes());
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/transactions/{}", tx.id()));
    let receipt: Value = response.body_mut().read_json().unwrap();
    assert_eq!(receipt["index"], 3);
    assert_eq!(receipt["cid"], tx.cid().to_string());

    let found = json(&running, &location);
    assert_eq!(found["kind"], "share");
    assert_eq!(found["sender"], Person::new(1).address.to_string());
    assert_eq!(found["share_id"], share_id(7).to_string());
    assert_eq!(found["height"], receipt["height"]);

    // the same again is no error, and no second record
    let mut again = post(&running, CBOR, tx.as_bytes());
    assert_eq!(again.status(), 200);
    assert_eq!(again.body_mut().read_json::<Value>().unwrap(), receipt);
    assert_eq!(json(&running, "/v1/checkpoint")["size"], 4);

    // as JSON, without waiting
    let tx = running.sign(
        2,
        Body::Accept(Accept {
            share_id: share_id(7),
        }),
    );
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let body = format!(
        "{{\"transaction\":\"{}\"}}",
        BASE64_STANDARD.encode(tx.as_bytes())
    );
    let response = agent()
        .post(format!("{}/v1/transactions", running.url))
        .header("prefer", "respond-async")
        .content_type("application/json; charset=utf-8")
        .send(&body)
        .unwrap();
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let start = Instant::now();
    while get(&running, &location).status() == 404 {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "it is never recorded"
        );
    }
    assert_eq!(json(&running, &location)["kind"], "accept");
}

#[test]
fn every_refusal_is_a_problem_with_its_code() {
    let running = Running::new();
    let unknown = running.sign(1, share(1, &[&Person::new(9)]));
    assert_eq!(
        problem(post(&running, CBOR, unknown.as_bytes()), 422),
        "unknown-receiver"
    );
    let mut flipped = running.sign(1, share(1, &[&Person::new(2)])).to_bytes();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(
        problem(post(&running, CBOR, &flipped), 422),
        "bad-signature"
    );
    assert_eq!(problem(post(&running, CBOR, b"\xa0"), 400), "malformed");
    let mut hello = post(&running, CBOR, b"hello");
    let hello: Value = hello.body_mut().read_json().unwrap();
    let plain = "expected the canonical DAG-CBOR of a signed transaction";
    assert_eq!(hello["detail"], plain);
    assert_eq!(
        problem(post(&running, "text/plain", b"hello"), 415),
        "media-type"
    );
    assert_eq!(
        problem(post(&running, "application/json", b"{}"), 400),
        "malformed"
    );
    assert_eq!(
        problem(post(&running, CBOR, &vec![0; 65_535]), 400),
        "malformed"
    );
    for bytes in [65_536, 70_000] {
        let bytes = vec![0; bytes];
        assert_eq!(problem(post(&running, CBOR, &bytes), 413), "too-large");
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        let body = format!("{{\"transaction\":\"{}\"}}", BASE64_STANDARD.encode(bytes));
        let response = post(&running, "application/json", body.as_bytes());
        assert_eq!(problem(response, 413), "too-large");
    }
    assert_eq!(
        problem(post(&running, CBOR, &vec![0; 200_000]), 413),
        "too-large"
    );
    for (path, status, code) in [
        ("/nowhere", 404, "not-found"),
        ("/v1/shares/zz", 400, "malformed"),
        ("/v1/shares/%ff", 400, "malformed"),
        ("/v1/shares?limit=0", 400, "malformed"),
        ("/v1/shares?limit=101", 400, "malformed"),
        ("/v1/shares?colour=red", 400, "malformed"),
        ("/v1/shares?status=lost", 400, "malformed"),
        ("/v1/shares?accepted=perhaps", 400, "malformed"),
        ("/v1/shares?begins=", 400, "malformed"),
        ("/v1/shares?begins=c0ffeg", 400, "malformed"),
        ("/v1/blocks/99", 404, "unknown-block"),
        ("/v1/blocks/-1", 400, "malformed"),
        ("/v1/inclusion?index=3&size=4", 409, "beyond"),
        ("/v1/consistency?from=0&to=4", 409, "beyond"),
        ("/tile/0/001", 404, "unknown-tile"),
        ("/tile/7", 400, "malformed"),
    ] {
        assert_eq!(problem(get(&running, path), status), code, "{path}");
    }
    let absent = format!("/v1/shares/{}", share_id(1));
    assert_eq!(problem(get(&running, &absent), 404), "unknown-share");
    let url = format!("{}/v1/checkpoint", running.url);
    let wrong = agent().delete(url).call().unwrap();
    assert_eq!(wrong.headers()["allow"], "GET,HEAD");
    assert_eq!(problem(wrong, 405), "method");
    assert_eq!(json(&running, "/v1/checkpoint")["size"], 3);
}

/// What a reader of C2SP tlog-tiles does: from the entries to the leaves, from the leaves to the root of the checkpoint.
#[test]
fn tiles_are_those_of_c2sp_and_lead_to_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let founding = ledger_node::Founding::new("test", Person::new(0).authority());
    let node = ledger_node::Node::found(&folder.path().join("ledger"), founding).unwrap();
    let txs: Vec<_> = (0..600)
        .map(|n| server::signed(&node, 0, n, share(n, &[&Person::new(0)])))
        .collect();
    assert!(node.submit_all(&txs).unwrap().iter().all(Result::is_ok));
    let running = Running::serve(folder, node, Settings::new().rate(None));
    let bytes = |path: &str| {
        let mut response = get(&running, path);
        assert_eq!(response.status(), 200, "{path}");
        response.body_mut().read_to_vec().unwrap()
    };
    let mut leaves = Vec::new();
    for name in ["000", "001", "002.p/88"] {
        let entries = bytes(&format!("/tile/entries/{name}"));
        let mut hashes = Vec::new();
        let mut rest = entries.as_slice();
        while let Some((length, more)) = rest.split_first_chunk::<2>() {
            let (entry, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
            hashes.push(leaf_hash(entry));
            rest = more;
        }
        let tile = bytes(&format!("/tile/0/{name}"));
        assert_eq!(
            tile,
            hashes
                .iter()
                .flat_map(|hash| *hash.as_bytes())
                .collect::<Vec<_>>()
        );
        leaves.extend(hashes);
    }
    let above = bytes("/tile/1/000.p/2");
    assert_eq!(above[..32], *root_of(&leaves[..256]).as_bytes());
    // a part of a tile that has grown since is still served
    assert_eq!(bytes("/tile/0/001.p/3"), bytes("/tile/0/001")[..96]);
    let note = String::from_utf8(bytes("/checkpoint")).unwrap();
    let checkpoint = Checkpoint::open(&note, &running.log).unwrap();
    assert_eq!(
        (checkpoint.size(), checkpoint.root()),
        (600, root_of(&leaves))
    );
    assert_eq!(get(&running, "/tile/0/002").status(), 404);
    assert_eq!(get(&running, "/tile/0/002.p/89").status(), 404);
}

#[test]
fn a_proof_is_a_file_to_keep() {
    let running = Running::new();
    running.send(1, share(7, &[&Person::new(2)]));
    let mut response = get(
        &running,
        &format!("/v1/shares/{}/proof?older=2", share_id(7)),
    );
    assert_eq!(response.headers()["content-type"], CBOR);
    let bundle = response.body_mut().read_to_vec().unwrap();
    assert!(bundle.len() < 4096, "{} bytes", bundle.len());
    let proven = verify(&bundle, &Trust::new(running.log)).unwrap();
    assert!(proven.state().is_granted(&Person::new(2).address));
    let path = json(&running, "/v1/inclusion?index=3&size=4");
    assert_eq!(path["path"].as_array().unwrap().len(), 2);
    let path = json(&running, "/v1/consistency?from=3&to=4");
    assert_eq!(path["path"].as_array().unwrap().len(), 3);
}

/// Reads events until `count` have come: their kinds and ids.
fn events(
    running: &Running,
    query: &str,
    last: Option<&str>,
    count: usize,
    mut then: impl FnMut(),
) -> Vec<(String, String)> {
    let address = running.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
    write!(
        stream,
        "GET /v1/events{query} HTTP/1.1\r\nHost: {address}\r\n{last}\r\n"
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "HTTP/1.1 200 OK");
    // the head is there, so the stream has begun
    while !lines.next().unwrap().unwrap().is_empty() {}
    then();
    let (mut found, mut kind, mut id) = (Vec::new(), String::new(), String::new());
    while found.len() < count {
        let line = lines.next().unwrap().unwrap();
        if let Some(name) = line.strip_prefix("event: ") {
            kind = name.to_owned();
        } else if let Some(last) = line.strip_prefix("id: ") {
            id = last.to_owned();
        } else if line.is_empty() && !kind.is_empty() {
            // an id alone is no event
            found.push((std::mem::take(&mut kind), id.clone()));
        }
    }
    found
}

#[test]
fn whoever_waits_hears_that_the_share_was_accepted() {
    let running = Running::new();
    running.send(1, share(7, &[&Person::new(2)]));
    running.send(1, share(8, &[&Person::new(3)]));
    let query = format!("?share={}", share_id(7));
    let heard = events(&running, &query, None, 1, || {
        running.send(
            3,
            Body::Accept(Accept {
                share_id: share_id(8),
            }),
        );
        running.send(
            2,
            Body::Accept(Accept {
                share_id: share_id(7),
            }),
        );
    });
    assert_eq!(heard, [("accept".to_owned(), "6".to_owned())]);
    // whoever lost the connection goes on behind what was heard
    let query = format!("?member={}", Person::new(3).address);
    let heard = events(&running, &query, Some("2"), 2, || {});
    assert_eq!(
        heard
            .iter()
            .map(|(kind, _)| kind.as_str())
            .collect::<Vec<_>>(),
        ["share", "accept"]
    );
    let heard = events(&running, "?from=0", None, 7, || {});
    assert_eq!(heard.last().unwrap().1, "6");
}

#[test]
fn whoever_runs_it_sees_how_it_is() {
    let running = Running::new();
    running.send(1, share(7, &[&Person::new(2)]));
    assert_eq!(json(&running, "/health")["status"], "up");
    assert_eq!(json(&running, "/ready")["status"], "ready");
    let mut response = get(&running, "/metrics");
    let text = response.body_mut().read_to_string().unwrap();
    for line in [
        "medshare_log_size 4",
        "medshare_height 4",
        "medshare_transactions_recorded_total 1",
        "medshare_http_requests_total{route=\"/v1/transactions\",status=\"201\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    let api = json(&running, "/openapi.json");
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(api["paths"]["/v1/shares/{id}/proof"]["get"].is_object());
    let mut page = get(&running, "/");
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'none'")
    );
    assert!(
        page.body_mut()
            .read_to_string()
            .unwrap()
            .starts_with("<!doctype html>")
    );
}

#[test]
fn reading_can_take_a_members_signature() {
    let running = Running::with(Settings::new().rate(None).reads(Reads::Members));
    let chain = running.log.chain();
    for told in ["/v1/shares", "/tile/entries/000.p/5", "/tile/0/000.p/5"] {
        assert_eq!(problem(get(&running, told), 401), "unsigned", "{told}");
    }
    assert_eq!(get(&running, "/checkpoint").status(), 200);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let ask = |person: u32, key: u32, time: u64, signed: &str, asked: &str| {
        use ledger_core::{Signature, tx::sign_message};
        let address = Person::new(person).address;
        let signature: Signature = sign_message(
            &Person::new(key).key,
            &read_message(&chain, &address, time, signed),
        );
        agent()
            .get(format!("{}{asked}", running.url))
            .header("authorization", authorization(&address, time, &signature))
            .call()
            .unwrap()
    };
    let path = "/v1/shares?limit=5";
    assert_eq!(ask(1, 1, now, path, path).status(), 200);
    for (person, key, time, asked) in [
        (1, 2, now, path),
        (9, 9, now, path),
        (1, 1, now - 1000, path),
        (1, 1, now + 1000, path),
        (1, 1, now, "/v1/shares?limit=6"),
    ] {
        assert_eq!(
            problem(ask(person, key, time, path, asked), 401),
            "unsigned"
        );
    }
}

#[test]
fn whoever_asks_too_often_is_turned_away() {
    let running = Running::with(Settings::new().rate(NonZeroU32::new(5)));
    let statuses: Vec<_> = (0..20).map(|_| get(&running, "/health")).collect();
    assert!(statuses.iter().any(|response| response.status() == 200));
    let turned = statuses
        .into_iter()
        .find(|response| response.status() == 429)
        .unwrap();
    assert_eq!(turned.headers()["retry-after"], "1");
    assert_eq!(problem(turned, 429), "rate");
}

/// Half-open connections and senders that drip their request do not keep their places.
#[test]
fn slow_and_silent_connections_are_closed() {
    // thousands, as far as this process may open files: both ends are its own
    let open_files = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let open_files = open_files.lines().find_map(|line| {
        line.strip_prefix("Max open files")?
            .split_whitespace()
            .next()
    });
    let open_files: usize = open_files.and_then(|n| n.parse().ok()).unwrap_or(1024);
    let half_open = (open_files.saturating_sub(400) / 2).clamp(200, 4000);
    let settings = Settings::new()
        .rate(None)
        .connections(half_open - 100, half_open - 120)
        .timeouts(Duration::from_secs(3), Duration::from_secs(2));
    let running = Running::with(settings);
    let address = running.url.strip_prefix("http://").unwrap().to_owned();
    let peer = address.parse().unwrap();
    let mut dripping = Vec::new();
    let start = Instant::now();
    while dripping.len() < half_open && start.elapsed() < Duration::from_secs(10) {
        // what the system queues for a server that is busy or has no places has an end too
        if let Ok(mut stream) = TcpStream::connect_timeout(&peer, Duration::from_millis(200)) {
            let _ = stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nX: ");
            dripping.push(stream);
        }
    }
    assert!(
        dripping.len() >= half_open * 3 / 4,
        "{} connections of {half_open}",
        dripping.len()
    );
    // an honest request comes through as soon as the first places are free
    let start = Instant::now();
    loop {
        let honest = agent().get(format!("{}/health", running.url)).call();
        if honest.is_ok_and(|response| response.status() == 200) {
            break;
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "no place was given up"
        );
        for stream in &mut dripping {
            let _ = stream.write_all(b"x");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // a body that does not come
    let mut stream = TcpStream::connect(&address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    write!(stream, "POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: {CBOR}\r\nContent-Length: 100\r\n\r\nhalf").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
}

/// A request is begun when the server asks for its body, and the stop has come when it closes a connection that was idle.
#[test]
fn stopping_answers_what_was_begun() {
    let running = Running::new();
    let txs: Vec<_> = (0..3)
        .map(|n| running.sign(1 + n, share(u64::from(n), &[&Person::new(0)])))
        .collect();
    let address = running.url.strip_prefix("http://").unwrap().to_owned();
    let connect = || {
        let stream = TcpStream::connect(&address).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        BufReader::new(stream)
    };
    let head = |stream: &mut BufReader<TcpStream>| {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "{head:?}");
        }
        head
    };
    let mut idle = connect();
    idle.get_mut()
        .write_all(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert!(head(&mut idle).starts_with("HTTP/1.1 200"));
    let mut begun: Vec<_> = txs
        .iter()
        .map(|tx| {
            let mut stream = connect();
            write!(
                stream.get_mut(),
                "POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: {CBOR}\r\n\
                 Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
                tx.as_bytes().len()
            )
            .unwrap();
            assert!(head(&mut stream).starts_with("HTTP/1.1 100"));
            stream
        })
        .collect();
    let stopped = std::thread::spawn(|| running.stop());
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "it stops");
    assert!(!stopped.is_finished(), "it waits for what was begun");
    // nobody else waits for an answer that will not come
    let late = TcpStream::connect(&address).map_err(|error| error.kind());
    assert_eq!(late.err(), Some(std::io::ErrorKind::ConnectionRefused));
    for (stream, tx) in begun.iter_mut().zip(&txs) {
        stream.get_mut().write_all(tx.as_bytes()).unwrap();
    }
    for stream in &mut begun {
        let answer = head(stream);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    let folder = stopped.join().unwrap();
    let node = ledger_node::Node::open(&folder.path().join("ledger")).unwrap();
    for tx in &txs {
        assert!(node.find(&tx.id()).unwrap().is_some(), "answered and lost");
    }
    node.verify_chain(|_, _| {}).unwrap();
}

/// A prefix was compared, so that a name that only begins so was taken for it, and weights were not read.
#[test]
fn the_representation_is_the_one_that_is_accepted() {
    let running = Running::new();
    let kind = |accept: &str, path: &str| {
        let url = format!("{}{path}", running.url);
        let response = agent().get(url).header("accept", accept).call().unwrap();
        let headers = response.headers();
        assert_eq!(headers["vary"], "accept", "{path}");
        headers["content-type"].to_str().unwrap().to_owned()
    };
    for path in ["/v1/checkpoint", "/v1/genesis"] {
        for (accept, expected) in [
            ("application/json;q=0.5, application/cbor", CBOR),
            ("Application/CBOR", CBOR),
            ("application/cbor;q=0", "application/json"),
            ("application/cborx", "application/json"),
        ] {
            assert_eq!(kind(accept, path), expected, "{accept} of {path}");
        }
    }
}

/// Four hundred kilobytes of verifier came again with every visit.
#[test]
fn a_browser_that_has_the_page_is_told_so() {
    let running = Running::new();
    for path in [
        "/",
        "/page.css",
        "/page.js",
        "/verifier.js",
        "/verifier.wasm",
    ] {
        let response = get(&running, path);
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        let again = |tags: &str| {
            let url = format!("{}{path}", running.url);
            let mut response = agent()
                .get(url)
                .header("if-none-match", tags)
                .call()
                .unwrap();
            let status = response.status().as_u16();
            assert_eq!(response.headers()["etag"], tag);
            (status, response.body_mut().read_to_vec().unwrap().len())
        };
        assert_eq!(again(&tag), (304, 0));
        assert_eq!(again(&format!("\"other\", W/{tag}")), (304, 0));
        assert_eq!(again("*"), (304, 0));
        let (status, bytes) = again("\"other\"");
        assert!(status == 200 && bytes > 100, "{path}: {status}");
    }
}

/// Signed reads, headers and bytes were not described, so that no client made of the description knew of them.
#[test]
fn the_description_says_how_reads_are_signed_and_what_heads_carry() {
    let api: Value = serde_json::from_str(&ledger_node::http::openapi()).unwrap();
    let scheme = &api["components"]["securitySchemes"]["member"];
    assert_eq!(
        (&scheme["in"], &scheme["name"]),
        (&"header".into(), &"Authorization".into())
    );
    let get = |path: &str| &api["paths"][path]["get"];
    for path in ["/v1/shares", "/v1/events", "/tile/{tile}"] {
        let expected = serde_json::json!([{ "member": [] }, {}]);
        assert_eq!(get(path)["security"], expected, "{path}");
    }
    for path in ["/v1/genesis", "/checkpoint", "/health"] {
        assert!(get(path)["security"].is_null(), "{path}");
    }
    let post = &api["paths"]["/v1/transactions"]["post"];
    for status in ["200", "201", "202", "504"] {
        assert!(
            post["responses"][status]["headers"]["Location"].is_object(),
            "{status}"
        );
    }
    assert!(post["responses"]["202"]["headers"]["Preference-Applied"].is_object());
    assert!(post["responses"]["5XX"]["headers"]["Retry-After"].is_object());
    let named = |operation: &Value, name: &str| {
        let parameters = operation["parameters"].as_array().unwrap();
        parameters
            .iter()
            .any(|one| one["name"] == name && one["in"] == "header")
    };
    assert!(named(post, "Prefer") && named(get("/v1/events"), "Last-Event-ID"));
    for path in [
        "/v1/shares",
        "/v1/members",
        "/v1/blocks",
        "/v1/transactions",
    ] {
        assert!(
            get(path)["responses"]["200"]["headers"]["Next-Cursor"].is_object(),
            "{path}"
        );
    }
    assert!(get("/v1/checkpoint")["responses"]["200"]["headers"].is_null());
    // bytes are bytes, and no array of numbers
    let bytes = &api["components"]["schemas"]["Binary"];
    assert_eq!(
        (&bytes["type"], &bytes["format"]),
        (&"string".into(), &"binary".into())
    );
    let cbor = &get("/v1/shares")["responses"]["200"]["content"]["application/cbor"];
    assert_eq!(cbor["schema"]["$ref"], "#/components/schemas/Binary");
}

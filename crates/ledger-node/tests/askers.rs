//! Who asks: through a proxy that is trusted, as a member, too often; and what is told of it.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ledger_core::testing::{Person, share};
use ledger_node::http::{Handled, Reads, Settings};
use ledger_node::{Client, Connecting, Error};
use server::Running;
use server::ask::{agent, json, signature};
use server::proxy;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The status of a question that somebody asks, as this machine's proxy tells it.
fn status(running: &Running, path: &str, asker: &str) -> u16 {
    let url = format!("{}{path}", running.url);
    let request = agent().get(url).header("x-forwarded-for", asker);
    request.call().unwrap().status().as_u16()
}

/// Behind a proxy everybody has its address: one would use up what all may ask.
#[test]
fn limits_are_those_of_who_asks_and_not_of_the_proxy() {
    let limited = || Settings::new().rate(NonZeroU32::new(3));
    let exhaust = |running: &Running, asker: &str| {
        let start = Instant::now();
        while status(running, "/health", asker) != 429 {
            assert!(start.elapsed() < Duration::from_secs(10));
        }
    };
    let behind = Running::with(limited().proxies(vec![HERE]));
    exhaust(&behind, "192.0.2.1");
    assert_eq!(status(&behind, "/health", "192.0.2.2"), 200);
    // what somebody writes there itself stands before what the proxy adds
    exhaust(&behind, "192.0.2.3");
    assert_eq!(status(&behind, "/health", "192.0.2.9, 192.0.2.3"), 429);
    // nobody asked to believe it
    let open = Running::with(limited());
    exhaust(&open, "192.0.2.1");
    assert_eq!(status(&open, "/health", "192.0.2.2"), 429);
}

/// Opens a stream of events as somebody behind the proxy; the connection, and the first line of the answer.
fn stream(running: &Running, asker: &str) -> (BufReader<TcpStream>, String) {
    let host = running.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!("GET /v1/events HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {asker}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    (reader, line.trim_end().to_owned())
}

#[test]
fn a_proxy_may_connect_for_many_and_each_of_them_has_its_own_streams() {
    let settings = Settings::new().rate(None).connections(64, 1).streams(64, 1);
    let running = Running::with(settings.proxies(vec![HERE]));
    let first = stream(&running, "192.0.2.1");
    let second = stream(&running, "192.0.2.2");
    assert_eq!(
        (first.1.as_str(), second.1.as_str()),
        ("HTTP/1.1 200 OK", "HTTP/1.1 200 OK")
    );
    assert_eq!(
        stream(&running, "192.0.2.1").1,
        "HTTP/1.1 429 Too Many Requests"
    );
}

/// What a hospital keeps: who read what.
#[test]
fn whoever_runs_it_hears_of_each_request() {
    let told: Arc<Mutex<Vec<Handled>>> = Arc::default();
    let log = {
        let told = Arc::clone(&told);
        move |handled: &Handled| told.lock().unwrap().push(handled.clone())
    };
    let settings = Settings::new().rate(None).reads(Reads::Members);
    let running = Running::with(settings.proxies(vec![HERE]).log(log));
    let path = "/v1/shares?limit=3";
    let url = format!("{}{path}", running.url);
    let signed = agent()
        .get(&url)
        .header("authorization", signature(&running, 2, path));
    assert_eq!(signed.call().unwrap().status(), 200);
    let forwarded = agent().get(&url).header("x-forwarded-for", "192.0.2.7");
    assert_eq!(forwarded.call().unwrap().status(), 401);
    let nowhere = agent().get(format!("{}/nowhere", running.url));
    assert_eq!(nowhere.call().unwrap().status(), 404);
    // a member's question that is answered with a problem
    let malformed = "/v1/shares?limit=0";
    let url = format!("{}{malformed}", running.url);
    let signed = agent()
        .get(&url)
        .header("authorization", signature(&running, 3, malformed));
    assert_eq!(signed.call().unwrap().status(), 400);
    let told = told.lock().unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|one| {
            (
                one.asker.to_string(),
                one.member,
                one.method.as_str(),
                one.path.as_str(),
                one.status,
            )
        })
        .collect();
    let here = HERE.to_string();
    assert_eq!(
        told,
        [
            (here.clone(), Some(Person::new(2).address), "GET", path, 200),
            ("192.0.2.7".to_owned(), None, "GET", path, 401),
            (here.clone(), None, "GET", "/nowhere", 404),
            (here, Some(Person::new(3).address), "GET", malformed, 400),
        ]
    );
}

/// A list of many pages was broken off by the rate that a server allows.
#[test]
fn a_client_waits_when_it_is_told_to() {
    let running = Running::with(Settings::new().rate(NonZeroU32::new(4)));
    let start = Instant::now();
    let client = running.client();
    for _ in 0..12 {
        assert_eq!(client.members().unwrap().len(), 4);
    }
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "it was never turned away"
    );
    let sequence = client
        .member(&Person::new(1).address)
        .unwrap()
        .unwrap()
        .sequence;
    let sign = |number: u64| {
        let body = share(number, &[&Person::new(2)]);
        let address = Person::new(1).address;
        ledger_core::Unsigned::new(
            client.chain(),
            address,
            sequence + number,
            client.now(),
            body,
        )
        .sign(&Person::new(1).key)
    };
    for number in 0..8 {
        client.submit(&sign(number)).unwrap();
    }
    thread::sleep(Duration::from_secs(1));
    assert_eq!(json(&running, "/v1/checkpoint")["size"], 11);
}

/// A server that answers everything with a status and these lines in the head; its address, and how often it was asked.
fn saying(status: u16, head: &'static str) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind((HERE, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            *count.lock().unwrap() += 1;
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while line != "\r\n" {
                line.clear();
                lines.read_line(&mut line).unwrap();
                if let Some(("content-length", value)) = line.to_ascii_lowercase().split_once(": ")
                {
                    length = value.trim().parse().unwrap();
                }
            }
            lines.read_exact(&mut vec![0; length]).unwrap();
            let answer = format!(
                "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: 0\r\n{head}\r\n"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, asked)
}

#[test]
fn a_client_does_not_wait_for_long_nor_for_ever() {
    for (head, times) in [
        ("", 1),
        ("Retry-After: 3600\r\n", 1),
        ("Retry-After: soon\r\n", 1),
        ("Retry-After: 0\r\n", 6),
    ] {
        let (url, asked) = saying(503, head);
        let start = Instant::now();
        let ended = Client::first_use(&url, Connecting::new());
        assert_eq!(*asked.lock().unwrap(), times, "{head}");
        assert!(
            matches!(ended, Err(Error::Server { status: 503, .. })),
            "{ended:?}"
        );
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

/// A server that stops, or a proxy, says 503 also behind a transaction that is recorded; that the next attempt is turned away says
/// nothing of the first.
#[test]
fn what_may_be_recorded_is_not_refused_by_a_later_answer() {
    let running = Running::new();
    let tx = running.sign(1, share(1, &[&Person::new(2)]));
    for (first, second) in [(503, 429), (503, 401), (503, 503)] {
        let asked =
            Mutex::new([saying(first, "Retry-After: 0\r\n").0, saying(second, "").0].into_iter());
        let server = running.url.clone();
        let url = proxy::between(
            "",
            Arc::new(move |path| {
                let next = path
                    .starts_with("/v1/transactions")
                    .then(|| asked.lock().unwrap().next());
                format!("{}{path}", next.flatten().unwrap_or_else(|| server.clone()))
            }),
            Arc::new(|_, body| Some(body)),
        );
        let client = Client::connect(&url, running.log, Connecting::new()).unwrap();
        let error = client.submit(&tx).unwrap_err();
        assert!(
            matches!(error, Error::Server { status: 503, .. }),
            "{error}"
        );
        assert!(!error.is_refusal(), "{error}");
        // asked for the third time it is recorded, for the fourth it was
        client.submit(&tx).unwrap();
        client.submit(&tx).unwrap();
    }
    // turned away before anything: nothing was recorded
    let (limited, _) = saying(429, "");
    let server = running.url.clone();
    let url = proxy::between(
        "",
        Arc::new(move |path| match path.starts_with("/v1/transactions") {
            true => format!("{limited}{path}"),
            false => format!("{server}{path}"),
        }),
        Arc::new(|_, body| Some(body)),
    );
    let client = Client::connect(&url, running.log, Connecting::new()).unwrap();
    assert!(client.submit(&tx).unwrap_err().is_refusal());
}

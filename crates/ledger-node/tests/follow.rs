//! A client that hears of what is recorded when it is.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ledger_core::testing::{Person, share, share_id};
use ledger_core::{Accept, Body, Unsigned, tx};
use ledger_node::client::Subject;
use ledger_node::http::{Reads, Settings};
use ledger_node::{Client, Connecting, Error};
use server::{Running, ask, proxy};

fn accept(number: u64) -> Body {
    Body::Accept(Accept {
        share_id: share_id(number),
    })
}

/// Kinds and indices of some events, whichever way they are followed.
fn heard(client: &Client<'_>, subject: Subject, from: u64, count: usize) -> Vec<(u64, String)> {
    let events = client.follow(subject, from).take(count);
    events
        .map(|event| event.map(|event| (event.index, event.tx.body().kind().to_string())))
        .collect::<Result<_, _>>()
        .unwrap()
}

/// How many streams of events were asked for.
fn streams(running: &Running) -> u64 {
    let metrics = ask::get(running, "/metrics").body_mut().read_to_string();
    let metrics = metrics.unwrap();
    let mut lines = metrics.lines().filter(|line| line.contains("/v1/events"));
    let count = lines.find_map(|line| line.rsplit_once(' ')?.1.parse().ok());
    count.unwrap_or(0)
}

#[test]
fn what_is_recorded_is_heard_at_once_and_proven() {
    let running = Running::new();
    let size = running.client().checkpoint().unwrap().size();
    thread::scope(|scope| {
        let follow = |subject, count| {
            let client = running.client();
            scope.spawn(move || heard(&client, subject, size, count))
        };
        let start = Instant::now();
        let all = follow(Subject::Everything, 4);
        let one = follow(Subject::Share(share_id(1)), 2);
        let member = follow(Subject::Member(Person::new(2).address), 2);
        while streams(&running) < 3 {
            assert!(start.elapsed() < Duration::from_secs(20), "no streams");
            thread::sleep(Duration::from_millis(20));
        }
        running.send(1, share(1, &[&Person::new(2)]));
        running.send(1, share(2, &[&Person::new(3)]));
        running.send(2, accept(1));
        running.send(3, accept(2));
        let kinds = [(0, "share"), (1, "share"), (2, "accept"), (3, "accept")]
            .map(|(at, kind)| (size + at, kind.to_owned()));
        assert_eq!(all.join().unwrap(), kinds);
        let of_two = [kinds[0].clone(), kinds[2].clone()];
        assert_eq!(one.join().unwrap(), of_two);
        assert_eq!(member.join().unwrap(), of_two);
        assert!(
            start.elapsed() < Duration::from_secs(40),
            "a minute is over"
        );
    });
    // each heard of all of it by one stream
    assert_eq!(streams(&running), 3);
    // what was recorded before is there without waiting, from wherever it is asked for
    let client = running.client();
    let mut follow = client.follow(Subject::Everything, 1);
    assert_eq!(follow.position(), 1);
    assert_eq!(follow.next().unwrap().unwrap().index, 1);
    assert_eq!(follow.position(), 2);
}

#[test]
fn a_server_without_a_stream_is_asked_all_the_same() {
    let running = Running::new();
    let size = running.client().checkpoint().unwrap().size();
    // the stream is something else, or says nothing for longer than an answer may take
    let other = |path: &str| path.replace("/v1/events", "/health");
    let silent = |path: &str| path.to_owned();
    for (number, ask) in [
        (1, Arc::new(other) as Arc<proxy::Ask>),
        (2, Arc::new(silent)),
    ] {
        let url = proxy::between(&running.url, ask, Arc::new(|_, body| Some(body)));
        let connecting = Connecting::new().timeout(Duration::from_secs(2));
        let client = Client::connect(&url, running.log, connecting).unwrap();
        thread::scope(|scope| {
            let follow = scope.spawn(|| heard(&client, Subject::Everything, size, number));
            thread::sleep(Duration::from_millis(300));
            running.send(1, share(number as u64, &[&Person::new(2)]));
            assert_eq!(follow.join().unwrap().len(), number);
        });
    }
}

#[test]
fn following_goes_on_when_the_server_is_back() {
    let running = Running::new();
    let gone = Arc::new(AtomicBool::new(false));
    let away = Arc::clone(&gone);
    let url = proxy::between(
        &running.url,
        Arc::new(|path| path.replace("/v1/events", "/health")),
        Arc::new(move |_, body| (!away.load(Ordering::SeqCst)).then_some(body)),
    );
    let client = Client::connect(&url, running.log, Connecting::new()).unwrap();
    let mut follow = client.follow(Subject::Everything, 0);
    assert_eq!(follow.next().unwrap().unwrap().index, 0);
    // those of the same answer are there
    let read = follow.by_ref().take(2).map(|event| event.unwrap().index);
    assert_eq!(read.collect::<Vec<_>>(), [1, 2]);
    gone.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let error = follow.next().unwrap().unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    }
    gone.store(false, Ordering::SeqCst);
    running.send(1, share(1, &[&Person::new(2)]));
    assert_eq!(follow.next().unwrap().unwrap().index, 3);
}

#[test]
fn what_a_server_invents_is_not_heard() {
    let running = Running::new();
    let lies = Arc::new(AtomicBool::new(false));
    let lying = Arc::clone(&lies);
    let url = proxy::between(
        &running.url,
        Arc::new(|path| path.replace("/v1/events", "/health")),
        Arc::new(move |path, mut body| {
            if lying.load(Ordering::SeqCst) && path.starts_with("/v1/transactions") {
                let middle = body.len() / 2;
                body[middle] ^= 1;
            }
            Some(body)
        }),
    );
    let client = Client::connect(&url, running.log, Connecting::new()).unwrap();
    lies.store(true, Ordering::SeqCst);
    let error = client.follow(Subject::Everything, 0).next().unwrap();
    assert!(matches!(error, Err(Error::Unproven(_))), "{error:?}");
}

/// Where reads are for members the stream is too, and is asked for with a signature.
#[test]
fn a_member_follows_where_reads_are_for_members() {
    let running = Running::with(Settings::new().rate(None).reads(Reads::Members));
    let connect = || {
        let person = Person::new(2);
        let reader = move |message: &[u8]| Ok(*tx::sign_message(&person.key, message).as_bytes());
        let connecting = Connecting::new().reader(person.address, reader);
        Client::connect(&running.url, running.log, connecting).unwrap()
    };
    let client = connect();
    let address = Person::new(2).address;
    let sequence = client.member(&address).unwrap().unwrap().sequence;
    let body = share(1, &[&Person::new(3)]);
    let tx = Unsigned::new(client.chain(), address, sequence, client.now(), body)
        .sign(&Person::new(2).key);
    let size = client.checkpoint().unwrap().size();
    thread::scope(|scope| {
        let start = Instant::now();
        let follow = scope.spawn(|| heard(&client, Subject::Member(address), size, 1));
        thread::sleep(Duration::from_millis(500));
        connect().submit(&tx).unwrap();
        assert_eq!(follow.join().unwrap(), [(size, "share".to_owned())]);
        assert!(start.elapsed() < Duration::from_secs(40));
    });
}

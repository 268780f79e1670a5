//! A client that sends batches: few requests, a proof of each receipt, and every lie that it does not believe.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use ledger_core::testing::{Person, share};
use ledger_core::{Receipt, tx};
use ledger_node::http::{Reads, Settings};
use ledger_node::{Client, Connecting, Error, Result};
use serde_json::json;

use super::server::ask::agent;
use super::server::{Running, proxy};
use super::{CBOR, PATH, shared, shares, sign, size};

/// The requests for batches that come through, and a lie about each answer, by its number.
fn lying(
    running: &Running,
    lie: impl Fn(usize, Vec<u8>) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> (Client<'static>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let say = move |path: &str, body: Vec<u8>| match path.starts_with(PATH) {
        true => lie(counted.fetch_add(1, Ordering::SeqCst), body),
        false => Some(body),
    };
    let url = proxy::between(&running.url, Arc::new(str::to_owned), Arc::new(say));
    let client = Client::connect(&url, running.log, Connecting::new()).unwrap();
    (client, count)
}

fn indices(outcomes: Vec<Result<Receipt>>) -> Vec<Result<u64, String>> {
    let index = |outcome: Result<Receipt>| match outcome {
        Ok(receipt) => Ok(receipt.index),
        Err(Error::RefusedThere { code, .. }) => Err(code),
        Err(error) => panic!("{error}"),
    };
    outcomes.into_iter().map(index).collect()
}

#[test]
fn a_client_sends_many_in_few_requests_and_has_a_proof_of_each() {
    let running = Running::new();
    let (client, count) = lying(&running, |_, body| Some(body));
    assert!(client.submit_all(&[]).is_empty());
    let mut txs = shares(&running, 1, 0..250);
    let receipts = client.submit_all(&txs);
    assert_eq!(count.swap(0, Ordering::SeqCst), 3);
    for ((receipt, tx), index) in receipts.iter().zip(&txs).zip(3..) {
        let receipt = receipt.as_ref().unwrap();
        assert_eq!((receipt.index, receipt.id), (index, tx.id()));
        let block = client.block(receipt.height).unwrap().unwrap();
        assert!(block.transactions.contains(tx));
    }
    assert_eq!(receipts.len(), 250);
    // again, with one that is new, one that stands twice, and refused ones: these are asked about once more
    txs.insert(1, shared(&running, 2, 0, 0));
    txs.insert(2, shared(&running, 2, 7, 0));
    txs.insert(50, txs[1].clone());
    txs.push(sign(&running, 3, 2, 0, share(77, &[&Person::new(1)])));
    let found = indices(client.submit_all(&txs));
    assert_eq!(count.swap(0, Ordering::SeqCst), 5);
    assert_eq!(
        (&found[0], &found[1], &found[50]),
        (&Ok(3), &Ok(253), &Ok(253))
    );
    assert_eq!(found[2], Err("wrong-sequence".to_owned()));
    assert_eq!(found.last(), Some(&Err("bad-signature".to_owned())));
    assert_eq!(found.iter().filter(|found| found.is_ok()).count(), 252);
    // by bytes
    let large: Vec<_> = (0..64)
        .map(|number| shared(&running, 3, number, 16_383))
        .collect();
    let found = client.submit_all(&large);
    assert!(found.len() == 64 && found.iter().all(Result::is_ok));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_client_of_a_server_for_members_sends_batches_too() {
    let running = Running::with(Settings::new().rate(None).reads(Reads::Members));
    let person = Person::new(1);
    let reader = move |message: &[u8]| Ok(*tx::sign_message(&person.key, message).as_bytes());
    let connecting = Connecting::new().reader(Person::new(1).address, reader);
    let client = Client::connect(&running.url, running.log, connecting).unwrap();
    let mut txs = shares(&running, 1, 0..3);
    txs.push(sign(&running, 2, 1, 0, share(77, &[&Person::new(1)])));
    let found = indices(client.submit_all(&txs));
    assert_eq!(
        found,
        [Ok(3), Ok(4), Ok(5), Err("unknown-signer".to_owned())]
    );
    assert_eq!(client.find(&txs[2].id()).unwrap(), Some(5));
}

/// One changed bit somewhere in the answer: whatever the client still says is true.
#[test]
fn a_changed_batch_answer_is_never_believed() {
    let running = Running::new();
    let txs = shares(&running, 1, 0..4);
    let truth: Vec<_> = (3..7).map(Ok).collect();
    assert_eq!(indices(running.client().submit_all(&txs)), truth);
    let at = Arc::new(AtomicUsize::new(0));
    let changed = Arc::clone(&at);
    let lie = move |_, mut body: Vec<u8>| {
        let (number, length) = (changed.load(Ordering::SeqCst), body.len());
        body[number * 7919 % length] ^= 1 << (number % 8);
        Some(body)
    };
    let (client, _) = lying(&running, lie);
    let mut refused = 0;
    for number in 0..200 {
        at.store(number, Ordering::SeqCst);
        let mut found = client.submit_all(&txs);
        if let Err(error) = &found[0] {
            assert!(matches!(error, Error::Unproven(_)), "{number}: {error:?}");
            refused += 1;
            let others = found.drain(1..);
            for other in others {
                let told = matches!(other, Err(Error::Unanswered { .. }));
                assert!(told, "{number}: {other:?}");
            }
        } else {
            assert_eq!(indices(found), truth, "{number}");
        }
    }
    assert!(refused > 180, "{refused}");
}

#[test]
fn what_a_server_says_without_a_proof_is_not_believed() {
    let running = Running::new();
    // the proof of nothing: what is recorded by the server's word alone is proven once more
    let empty = {
        let request = agent().get(format!("{}/v1/checkpoint", running.url));
        let mut response = request.header("accept", CBOR).call().unwrap();
        response.body_mut().read_to_vec().unwrap()
    };
    let (client, count) = lying(&running, move |number, body| match number {
        0 => Some(empty.clone()),
        _ => Some(body),
    });
    let txs = shares(&running, 1, 0..3);
    assert_eq!(indices(client.submit_all(&txs)), [Ok(3), Ok(4), Ok(5)]);
    assert_eq!(count.load(Ordering::SeqCst), 2);

    // it says that what it refused is recorded, or says it of another
    let refused = [shared(&running, 1, 9, 0), shared(&running, 2, 9, 0)];
    let ids = refused.each_ref().map(|tx| tx.id().to_string());
    let words = ids
        .clone()
        .map(|id| json!({ "id": id, "index": 3, "height": 1 }));
    let words = json!(words).to_string().into_bytes();
    let (client, _) = lying(&running, move |number, body| {
        Some(if number == 1 { words.clone() } else { body })
    });
    let found = indices(client.submit_all(&refused));
    assert_eq!(found, [0; 2].map(|_| Err("wrong-sequence".to_owned())));
    for words in [
        json!([]),
        json!([{ "id": ids[1] }, { "id": ids[0] }]),
        json!([{ "id": ids[0] }]),
        json!("recorded"),
    ] {
        let said = words.to_string().into_bytes();
        let (client, _) = lying(&running, move |number, body| {
            Some(if number == 1 { said.clone() } else { body })
        });
        let found = client.submit_all(&refused);
        for outcome in found {
            assert!(
                matches!(outcome, Err(Error::Unanswered { .. })),
                "{words}: {outcome:?}"
            );
        }
    }
}

/// What may be recorded is not called refused, and what was not sent is.
#[test]
fn a_request_that_fails_ends_the_rest() {
    let running = Running::new();
    let txs = shares(&running, 1, 0..250);
    let lost = Arc::new(AtomicBool::new(true));
    let loses = Arc::clone(&lost);
    // every answer but one to the first request, which is sent twice
    let (client, count) = lying(&running, move |number, body| {
        (number == 1 || !loses.load(Ordering::SeqCst)).then_some(body)
    });
    let found = client.submit_all(&txs);
    assert_eq!((found.len(), count.load(Ordering::SeqCst)), (250, 5));
    assert!(found[..100].iter().all(Result::is_ok));
    assert!(matches!(found[100], Err(Error::Unreachable { .. })));
    for outcome in &found[101..200] {
        assert!(
            matches!(outcome, Err(Error::Unanswered { .. })),
            "{outcome:?}"
        );
    }
    let refusal = |outcome: &Result<_>| outcome.as_ref().is_err_and(Error::is_refusal);
    assert!(!found[100..200].iter().any(refusal) && found[200..].iter().all(refusal));
    assert!(
        found[200..]
            .iter()
            .all(|outcome| matches!(outcome, Err(Error::Unsent { .. })))
    );
    assert_eq!(size(&running), 203);
    // the first request too
    let found = client.submit_all(&txs[..150]);
    assert!(matches!(found[0], Err(Error::Unreachable { .. })));
    assert!(!found[..100].iter().any(refusal));
    assert_eq!(found.len(), 150);
    for outcome in &found[100..] {
        assert!(matches!(outcome, Err(Error::Unsent { .. })), "{outcome:?}");
    }
    lost.store(false, Ordering::SeqCst);
    let found = indices(client.submit_all(&txs));
    assert!(found.into_iter().eq((3..253).map(Ok)));
}

/// Between a server and a client that asks for so many cosignatures: from the n-th request on, those whose path begins so are turned
/// away.
fn turning_away(
    running: &Running,
    path: &'static str,
    from: usize,
    say: Arc<proxy::Say>,
    quorum: usize,
) -> Client<'static> {
    let count = AtomicUsize::new(0);
    let ask = move |asked: &str| {
        let (name, _) = asked.split_once('?').unwrap_or((asked, ""));
        match name == path && count.fetch_add(1, Ordering::SeqCst) >= from {
            true => "/nowhere".to_owned(),
            false => asked.to_owned(),
        }
    };
    let url = proxy::between(&running.url, Arc::new(ask), say);
    let connecting = Connecting::new().witnesses(Vec::new(), quorum);
    Client::connect(&url, running.log, connecting).unwrap()
}

fn are_perhaps_recorded(outcomes: &[Result<Receipt>]) {
    for outcome in outcomes {
        assert!(
            matches!(outcome, Err(Error::Unanswered { .. })),
            "{outcome:?}"
        );
    }
}

/// What the server had recorded was called certainly not recorded.
#[test]
fn what_was_taken_once_is_not_called_refused_by_whoever_turns_away_later() {
    let running = Running::new();
    let honest: Arc<proxy::Say> = Arc::new(|_: &str, body| Some(body));
    let txs = shares(&running, 1, 0..3);
    // recorded, without the cosignatures that are asked for
    let client = turning_away(&running, PATH, 1, Arc::clone(&honest), 1);
    are_perhaps_recorded(&client.submit_all(&txs));
    assert_eq!(size(&running), 6);
    let client = turning_away(&running, "/v1/transactions", 1, Arc::clone(&honest), 1);
    are_perhaps_recorded(&[client.submit(&shared(&running, 1, 3, 0))]);
    assert_eq!(size(&running), 7);
    // recorded by the server's word, and the proof of it is not to be had
    let empty = {
        let request = agent().get(format!("{}/v1/checkpoint", running.url));
        let mut response = request.header("accept", CBOR).call().unwrap();
        response.body_mut().read_to_vec().unwrap()
    };
    let first = AtomicBool::new(true);
    let say = move |path: &str, body| match path.starts_with(PATH) {
        true if first.swap(false, Ordering::SeqCst) => Some(empty.clone()),
        _ => Some(body),
    };
    let client = turning_away(&running, "/v1/transactions", 0, Arc::new(say), 0);
    are_perhaps_recorded(&client.submit_all(&txs));
    // whoever asks why some are missing
    let client = turning_away(&running, PATH, 1, Arc::clone(&honest), 0);
    let more = [9, 0, 8].map(|sequence| shared(&running, 2, sequence, 0));
    let found = client.submit_all(&more);
    assert!(found[1].is_ok());
    are_perhaps_recorded(&found[..1]);
    are_perhaps_recorded(&found[2..]);
    // what nobody took is refused, each with the words, and what is behind was not sent
    let client = turning_away(&running, PATH, 0, honest, 0);
    let found = client.submit_all(&shares(&running, 3, 0..102));
    for outcome in &found[..100] {
        assert!(
            matches!(outcome, Err(Error::Server { status: 404, .. })),
            "{outcome:?}"
        );
    }
    assert!(matches!(found[100], Err(Error::Unsent { .. })));
    let refusal = |outcome: &Result<_>| outcome.as_ref().is_err_and(Error::is_refusal);
    assert!(found.len() == 102 && found.iter().all(refusal));
}

/// A server that turns away without reading: the client was still sending then, heard nothing, and called it unreachable.
#[test]
fn a_client_asks_before_it_sends_much() {
    let running = Running::new();
    let genesis = agent().get(format!("{}/v1/genesis", running.url));
    let mut genesis = genesis.header("accept", CBOR).call().unwrap();
    let genesis = genesis.body_mut().read_to_vec().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> = lines
                .by_ref()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let asks = head
                .iter()
                .any(|line| line.eq_ignore_ascii_case("expect: 100-continue"));
            let (status, body) = match head[0].starts_with("GET") {
                true => (200, genesis.clone()),
                false => (
                    503,
                    json!({ "code": "busy", "detail": asks.to_string() })
                        .to_string()
                        .into_bytes(),
                ),
            };
            let (mut stream, length) = (stream, body.len());
            write!(
                stream,
                "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            )
            .unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    let client = Client::connect(&url, running.log, Connecting::new()).unwrap();
    let large = (0..10).map(|number| shared(&running, 1, number, 16_000));
    for (txs, asks) in [
        (large.collect(), "true"),
        (shares(&running, 1, 0..2), "false"),
    ] {
        for outcome in client.submit_all(&txs) {
            match outcome {
                Err(Error::Server {
                    status: 503,
                    detail,
                    ..
                }) => assert_eq!(detail, asks),
                other => panic!("{other:?}"),
            }
        }
    }
}

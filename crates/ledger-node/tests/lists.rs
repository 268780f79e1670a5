//! Lists: what they are filtered by, a page at a time, from either end.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod server;

use ledger_core::testing::{Person, content, share, share_id};
use ledger_core::{Body, Checkpoint, Height, Reject, Trust, Withdraw, verify_answer};
use serde_json::Value;
use server::Running;
use server::ask::{agent, get, json};

/// One field of everything that a list has.
fn paged(running: &Running, list: &str, field: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = json(running, &format!("{list}{cursor}"));
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        found.extend(items.iter().map(|item| item[field].clone()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[test]
fn lists_are_filtered_and_paged() {
    let running = Running::new();
    for number in 0..7 {
        let receiver = Person::new(2 + u32::try_from(number).unwrap() % 2);
        running.send(1, share(number, &[&receiver]));
    }
    running.send(
        2,
        Body::Reject(Reject {
            share_id: share_id(2),
            reason: None,
        }),
    );
    running.send(
        1,
        Body::Withdraw(Withdraw {
            share_id: share_id(4),
        }),
    );
    let shares = |query: &str| {
        let found = paged(&running, &format!("/v1/shares?limit=2{query}"), "share_id");
        // the newest first is the same the other way round
        let mut newest = paged(
            &running,
            &format!("/v1/shares?limit=2&first=newest{query}"),
            "share_id",
        );
        newest.reverse();
        assert_eq!(newest, found, "{query}");
        found
    };
    let ids = |numbers: &[u64]| {
        numbers
            .iter()
            .map(|n| Value::from(share_id(*n).to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(shares(""), ids(&[0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(
        shares(&format!("&receiver={}", Person::new(3).address)),
        ids(&[1, 3, 5])
    );
    assert_eq!(
        shares(&format!("&sender={}", Person::new(2).address)),
        ids(&[])
    );
    assert_eq!(shares("&status=withdrawn"), ids(&[4]));
    assert_eq!(shares("&status=rejected"), ids(&[2]));
    // nobody has accepted any
    assert_eq!(shares("&accepted=false"), shares(""));
    assert_eq!(shares("&accepted=true"), ids(&[]));
    assert_eq!(shares(&format!("&content={}", content(6))), ids(&[6]));
    let begins = &share_id(5).to_string()[..6];
    assert_eq!(shares(&format!("&begins={begins}")), ids(&[5]));
    assert_eq!(
        shares(&format!("&begins={begins}&status=rejected")),
        ids(&[])
    );

    let page = json(
        &running,
        &format!("/v1/transactions?limit=3&member={}", Person::new(2).address),
    );
    let indices: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tx| tx["index"].clone())
        .collect();
    assert_eq!(indices, [1, 3, 5]);
    assert_eq!(page["next"], "7");
    let newest = json(
        &running,
        &format!(
            "/v1/transactions?limit=3&first=newest&member={}",
            Person::new(2).address
        ),
    );
    let indices: Vec<_> = newest["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tx| tx["index"].clone())
        .collect();
    // its share withdrawn, the other that it rejects, and a share to it; the share to it before that comes next
    assert_eq!(indices, [11, 10, 9]);
    assert_eq!(newest["next"], "8");
    let members = json(&running, "/v1/members?limit=100");
    assert_eq!(members["items"].as_array().unwrap().len(), 4);
    let blocks = json(&running, "/v1/blocks?limit=2");
    assert_eq!(blocks["items"][0]["height"], 12);
    assert_eq!(blocks["next"], "10");
    let events = json(&running, &format!("/v1/shares/{}/events", share_id(2)));
    let kinds: Vec<_> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tx| tx["kind"].clone())
        .collect();
    assert_eq!(kinds, ["share", "reject"]);
    let block = json(&running, "/v1/blocks/4");
    assert_eq!(
        block["transactions"][0]["share_id"],
        share_id(0).to_string()
    );
}

/// Whoever asks for the newest gets a page of them, each with its proof, and a cursor that goes on before them.
#[test]
fn transactions_are_listed_from_either_end_and_proven_both_ways() {
    let running = Running::new();
    for number in 0..4 {
        running.send(1, share(number, &[&Person::new(2)]));
    }
    let oldest = paged(&running, "/v1/transactions?limit=2", "index");
    assert_eq!(oldest, [0, 1, 2, 3, 4, 5, 6]);
    let mut newest = paged(&running, "/v1/transactions?limit=2&first=newest", "index");
    newest.reverse();
    assert_eq!(newest, oldest);
    let none = json(&running, "/v1/transactions?first=newest&cursor=0");
    assert_eq!(none["items"].as_array().unwrap().len(), 0);
    assert_eq!(none.get("next"), None);
    for (list, transactions) in [
        ("/v1/transactions?first=newest&limit=2", 2),
        ("/v1/shares?first=newest&limit=3", 0),
    ] {
        let url = format!("{}{list}", running.url);
        let mut reply = agent()
            .get(url)
            .header("accept", "application/cbor")
            .call()
            .unwrap();
        assert!(reply.headers().contains_key("next-cursor"), "{list}");
        let bytes = reply.body_mut().read_to_vec().unwrap();
        let answer = verify_answer(&bytes, &Trust::new(running.log)).unwrap();
        assert_eq!(answer.transactions().count(), transactions, "{list}");
    }
}

/// What a share's sender sees of a receiver who will not have it: by whom, and why.
#[test]
fn the_life_of_a_share_tells_who_rejected_it_and_why() {
    let running = Running::new();
    running.send(1, share(1, &[&Person::new(2)]));
    let reason = "the wrong patient \u{2192} \"ward 5\"";
    running.send(
        2,
        Body::Reject(Reject {
            share_id: share_id(1),
            reason: Some(reason.to_owned()),
        }),
    );
    let events = json(&running, &format!("/v1/shares/{}/events", share_id(1)));
    let events = events["items"].as_array().unwrap();
    let of = |name: &str| events.iter().map(|tx| tx[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("kind"), ["share", "reject"]);
    assert_eq!(of("text")[1], reason);
    let by = [1, 2].map(|person| Person::new(person).address.to_string());
    assert_eq!(of("sender"), by);
    assert_eq!(of("height"), [4, 5]);
    // and so does the proven answer
    let proven = running.client().events(&share_id(1)).unwrap();
    let Some(Body::Reject(reject)) = proven.last().map(|event| event.tx.body()) else {
        panic!("{proven:?}");
    };
    assert_eq!(reject.reason.as_deref(), Some(reason));
}

/// Whoever kept a checkpoint finds the same bytes at its block, also when many have followed.
#[test]
fn each_block_has_the_checkpoint_that_was_served_over_it() {
    let running = Running::new();
    let text = |path: &str| {
        let mut response = get(&running, path);
        assert_eq!(response.status(), 200, "{path}");
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert_eq!(kind, "text/plain; charset=utf-8", "{path}");
        response.body_mut().read_to_string().unwrap()
    };
    let mut served = vec![text("/checkpoint")];
    for number in 0..3 {
        running.send(1, share(number, &[&Person::new(2)]));
        served.push(text("/checkpoint"));
    }
    for (height, note) in (3..).zip(&served) {
        assert_eq!(&text(&format!("/v1/blocks/{height}/checkpoint")), note);
        let checkpoint = Checkpoint::open(note, &running.log).unwrap();
        assert_eq!(checkpoint.height(), Height(height));
    }
    let first = text("/v1/blocks/0/checkpoint");
    let first = Checkpoint::open(&first, &running.log).unwrap();
    assert_eq!((first.height(), first.size()), (Height(0), 0));
    for beyond in [7, u64::MAX] {
        let mut response = get(&running, &format!("/v1/blocks/{beyond}/checkpoint"));
        assert_eq!(response.status(), 404);
        let problem: Value = response.body_mut().read_json().unwrap();
        assert_eq!(problem["code"], "unknown-block");
    }
}

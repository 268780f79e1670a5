//! A ledger's file that went back or took another way, as after a backup was put back: no home that saw more goes on with it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

mod common;
use common::{Place, Ran, image, text};

/// Runs a command of Bob's with another file for the ledger.
fn with(place: &Place, ledger: &str, args: &[&str]) -> Ran {
    place.run(
        args.iter()
            .chain(&["--home", "bob", "--ledger", ledger])
            .copied(),
    )
}

/// `receive` and `verify` refused a ledger that had gone back; `log` believed it, and `share` and `withdraw` forked it.
#[test]
fn a_ledger_that_went_back_is_refused_by_every_command() {
    let place = Place::new();
    let first = place.share(&image("CT_small.dcm"));
    let first = text(&first, "share_id");
    place
        .run(["cert", "--home", "alice", "--out", "alice.pgp"])
        .ok();
    let ct = image("CT_small.dcm");
    let ct = ct.to_str().unwrap();
    let own = ["share", "--json", ct, "--to", "alice.pgp", "--home", "bob"];
    let own = place.run(own).ok().json();
    let own = text(&own, "share_id");
    fs::copy(place.path("shared/ledger.redb"), place.path("older")).unwrap();
    fs::copy(place.path("shared/ledger.redb"), place.path("other")).unwrap();
    place.share(&image("CT_small.dcm"));
    place.receive("bob", first, "out").ok();
    let seen = fs::read(place.path("bob/checkpoint")).unwrap();

    // Alice saw no checkpoint
    let status = ["ledger", "status", "--json", "--home", "alice"];
    let recorded = || {
        let older = ["--ledger", "older"];
        place.run(status.iter().chain(&older)).ok().json()["transactions"].clone()
    };
    let before = recorded();
    for command in [
        &["log"][..],
        &["log", first],
        &["members"],
        &["prove", first, "--out", "proof"],
        &["share", ct, "--to", "alice.pgp"],
        &["grant", own, "--to", "city.pgp"],
        &["revoke", own, "--from", "alice.pgp"],
        &["reject", first],
        &["withdraw", own],
        &["rotate-key"],
        &["ledger", "status"],
    ] {
        let words = [
            "older does not continue",
            "it lacks block",
            "bob/checkpoint",
        ];
        with(&place, "older", command).fails(1, &words);
    }
    let (ledger, newer) = (place.path("shared/ledger.redb"), place.path("newer"));
    fs::rename(&ledger, &newer).unwrap();
    fs::copy(place.path("older"), &ledger).unwrap();
    let node = ["node", "--home", "bob", "--listen", "127.0.0.1:0"];
    place.run(node).fails(1, &["does not continue"]);
    fs::rename(&newer, &ledger).unwrap();
    assert_eq!(recorded(), before);
    // the verdict on a proof stays one
    with(&place, "older", &["receive", first, "--out", "again"]).fails(3, &["step 1"]);
    with(&place, "older", &["verify", "out"]).fails(3, &["not proven"]);
    assert_eq!(fs::read(place.path("bob/checkpoint")).unwrap(), seen);

    // whoever saw less goes on with it, and what was recorded since is another history
    let fork = ["log", "--home", "alice", "--ledger", "other"];
    place.run(fork).ok();
    for _ in 0..3 {
        let fork = ["share", ct, "--to", "bob.pgp", "--home", "alice"];
        place
            .run(fork.into_iter().chain(["--ledger", "other"]))
            .ok();
    }
    with(&place, "other", &["log"]).fails(1, &["is another one than", "bob/checkpoint"]);

    // the ledger that goes on is as good as ever, and what is known of it grows
    let third = place.share(&image("CT_small.dcm"));
    place.run(["log", "--home", "bob"]).ok();
    place.receive("bob", text(&third, "share_id"), "third").ok();
    assert_ne!(fs::read(place.path("bob/checkpoint")).unwrap(), seen);

    // what the message says to do after a backup was put back
    fs::remove_file(place.path("bob/checkpoint")).unwrap();
    with(&place, "older", &["receive", first, "--out", "again"]).ok();
    with(&place, "older", &["log"]).ok();
    assert!(place.path("bob/checkpoint").exists());
}

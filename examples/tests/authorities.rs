//! A ledger that several hospitals govern: two of three authorities have to agree to each member.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

mod common;
use common::{Place, Ran, text};

const NAMES: [&str; 3] = ["north", "south", "west"];

/// A home that uses the shared ledger and store.
fn init(place: &Place, name: &str, more: &[&str]) -> Ran {
    let shared = ["--ledger", "shared/ledger.redb", "--store", "shared/store"];
    let email = format!("{name}@hospital.example");
    let who = ["init", "--home", name, "--name", name, "--email", &email];
    place.run(who.iter().chain(&shared).chain(more))
}

/// Three authorities, each with a key that was made before the ledger, and Alice, who is to be a member.
fn founded() -> Place {
    let place = Place::empty();
    for name in NAMES {
        let (userid, key) = (
            format!("{name} <{name}@hospital.example>"),
            format!("{name}.key"),
        );
        let (cert, revocation) = (format!("{name}.cert"), format!("{name}.rev"));
        place
            .run([
                "key",
                "generate",
                &userid,
                "--out",
                &key,
                "--revocation",
                &revocation,
            ])
            .ok();
        place.run(["key", "cert", &key, "--out", &cert]).ok();
    }
    let others = [
        "--authority",
        "south.cert",
        "--authority",
        "west.cert",
        "--threshold",
        "2",
    ];
    let found = init(
        &place,
        "north",
        &[&["--key", "north.key"], &others[..]].concat(),
    )
    .ok();
    assert!(found.text().contains("one of its authorities"), "{found:?}");
    for name in ["south", "west"] {
        init(&place, name, &["--key", &format!("{name}.key")]).ok();
    }
    init(&place, "alice", &[]).ok();
    place
        .run(["cert", "--home", "alice", "--out", "alice.pgp"])
        .ok();
    place
}

fn members(place: &Place) -> Vec<(String, String)> {
    let listed = place
        .run(["members", "--home", "north", "--json"])
        .ok()
        .json();
    let members = listed["members"].as_array().unwrap().iter();
    members
        .map(|member| {
            (
                text(member, "address").to_owned(),
                text(member, "status").to_owned(),
            )
        })
        .collect()
}

fn approve(place: &Place, home: &str, draft: &str, more: &[&str]) -> Ran {
    place.run(["approve", "--home", home, draft].iter().chain(more))
}

#[test]
fn two_of_three_authorities_make_a_member_and_unmake_it() {
    let place = founded();
    assert_eq!(members(&place).len(), 3);
    // not alone, and not without saying how
    let enroll = ["enroll", "--home", "north", "alice.pgp"];
    place
        .run(enroll)
        .fails(1, &["asks for 2 of its authorities", "--draft FILE"]);
    let drafted = place.run(enroll.iter().chain(&["--draft", "draft"])).ok();
    assert!(
        drafted.text().contains("not recorded before others"),
        "{drafted:?}"
    );
    assert_eq!(members(&place).len(), 3);

    let before = fs::read(place.path("draft")).unwrap();
    let seen = approve(&place, "south", "draft", &["--look", "--json"])
        .ok()
        .json();
    assert_eq!(text(&seen, "kind"), "enroll");
    assert_eq!(seen["agreed"].as_array().unwrap().len(), 1);
    assert!(seen["height"].is_null());
    // who drafted it has agreed, and who is no authority cannot
    approve(&place, "north", "draft", &[]).fails(1, &["agreed to this already"]);
    approve(&place, "alice", "draft", &[]).fails(1, &["no authority"]);
    assert_eq!(fs::read(place.path("draft")).unwrap(), before);
    let approved = approve(&place, "south", "draft", &["--json"]).ok().json();
    assert_eq!(approved["height"], 1);
    let alice = text(&approved, "member").to_owned();
    assert_eq!(text(&seen, "member"), alice);
    assert_eq!(members(&place).len(), 4);
    // once
    approve(&place, "west", "draft", &[]).fails(1, &["sequence"]);

    // what a member decides about itself needs nobody
    place.run(["rotate-key", "--home", "south"]).ok();
    let own = ["rotate-key", "--home", "south", "--draft", "own"];
    place.run(own).fails(1, &["leave --draft out"]);
    // the new key approves
    let revoke = [
        "revoke-member",
        "--home",
        "west",
        &alice,
        "--draft",
        "revoke",
    ];
    place.run(revoke).ok();
    approve(&place, "south", "revoke", &[]).ok();
    let status = members(&place)
        .into_iter()
        .find(|(address, _)| *address == alice);
    assert!(status.unwrap().1.contains("revoked"));
}

#[test]
fn a_draft_that_was_changed_or_is_for_another_ledger_is_not_approved() {
    let place = founded();
    let enroll = ["enroll", "--home", "north", "alice.pgp", "--draft", "draft"];
    place.run(enroll).ok();
    let draft = fs::read(place.path("draft")).unwrap();
    for at in (0..draft.len()).step_by(draft.len() / 12) {
        let mut changed = draft.clone();
        changed[at] ^= 1;
        fs::write(place.path("changed"), &changed).unwrap();
        approve(&place, "south", "changed", &[]).fails(1, &[]);
        assert_eq!(fs::read(place.path("changed")).unwrap(), changed);
    }
    assert_eq!(members(&place).len(), 3);
    place
        .run([
            "init",
            "--home",
            "other",
            "--name",
            "o",
            "--email",
            "o@o.example",
        ])
        .ok();
    approve(&place, "other", "draft", &[]).fails(1, &["the draft is for the chain"]);
    approve(&place, "south", "draft", &[]).ok();
}

/// With three of three the draft goes from one to the next.
#[test]
fn a_draft_gathers_approvals_on_its_way() {
    let place = founded();
    let north = [
        "init",
        "--home",
        "north3",
        "--name",
        "n",
        "--email",
        "n@n.example",
        "--key",
        "north.key",
    ];
    let others = [
        "--authority",
        "south.cert",
        "--authority",
        "west.cert",
        "--threshold",
        "3",
    ];
    place.run(north.iter().chain(&others)).ok();
    for name in ["south", "west"] {
        let (home, key) = (format!("{name}3"), format!("{name}.key"));
        let args = [
            "init",
            "--home",
            &home,
            "--name",
            name,
            "--email",
            "x@x.example",
            "--key",
            &key,
        ];
        place
            .run(args.iter().chain(&["--ledger", "north3/ledger.redb"]))
            .ok();
    }
    place
        .run([
            "enroll",
            "--home",
            "north3",
            "alice.pgp",
            "--draft",
            "draft",
        ])
        .ok();
    let first = approve(&place, "south3", "draft", &[]).ok();
    assert!(
        first.text().contains("needed       3 of the authorities"),
        "{first:?}"
    );
    approve(&place, "south3", "draft", &[]).fails(1, &["agreed to this already"]);
    let last = approve(&place, "west3", "draft", &["--json"]).ok().json();
    assert_eq!(
        (
            last["height"].as_u64(),
            last["agreed"].as_array().unwrap().len()
        ),
        (Some(1), 3)
    );
}

#[test]
fn authorities_are_named_when_a_ledger_is_founded() {
    let place = founded();
    init(&place, "east", &["--authority", "south.cert"]).fails(1, &["when it was founded"]);
    let alone = [
        "init",
        "--home",
        "e",
        "--name",
        "e",
        "--email",
        "e@e.example",
    ];
    place
        .run(alone.iter().chain(&["--threshold", "2"]))
        .fails(2, &["--authority"]);
    let too_many = ["--authority", "south.cert", "--threshold", "3"];
    place
        .run(alone.iter().chain(&too_many))
        .fails(1, &["threshold"]);
    fs::write(place.path("letter"), "a letter").unwrap();
    let other = [
        "init",
        "--home",
        "f",
        "--name",
        "f",
        "--email",
        "f@f.example",
        "--key",
        "letter",
    ];
    place.run(other).fails(1, &["cannot read the key letter"]);
}

//! A ledger that several hospitals govern: two of three authorities have to agree to each member.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::time::SystemTime;

use ledger_core::{Address, Body, Enroll, PublicKey, Transaction, Unsigned};
use pgp_envelope::{Cert, Key, KeyOptions, Policy, Signer};
use serde_json::Value;

mod common;
use common::{PASSPHRASE, Place, Ran, text};

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
    assert!(found.text().contains("threshold    2 of them"), "{found:?}");
    for name in ["south", "west"] {
        let joined = init(&place, name, &["--key", &format!("{name}.key")]).ok();
        assert!(!joined.stderr.contains("enrolls it"), "{joined:?}");
    }
    init(&place, "alice", &[]).ok();
    place
        .run(["cert", "--home", "alice", "--out", "alice.pgp"])
        .ok();
    place
}

/// A place with a key of this user ID that was made before there is a home.
fn with_key(userid: &str) -> Place {
    let place = Place::empty();
    let files = ["--out", "east.key", "--revocation", "east.rev"];
    let generate = ["key", "generate", userid];
    place.run(generate.iter().chain(&files)).ok();
    place
}

/// The key's user ID says whose it is, unless something else is said.
#[test]
fn a_home_of_a_key_that_was_made_before_has_its_name() {
    let east = "Dr. East <east@hospital.example>";
    for (userid, more, expected) in [
        (east, &[][..], ["Dr. East", "east@hospital.example"]),
        (east, &["--name", "East"], ["East", "east@hospital.example"]),
        (
            east,
            &["--email", "e@x.example"],
            ["Dr. East", "e@x.example"],
        ),
        ("Radiology, East", &[], ["Radiology, East", ""]),
        // who is asked for a passphrase hears whose
        ("<east@hospital.example>", &[], ["east@hospital.example"; 2]),
        ("east@hospital.example", &[], ["east@hospital.example"; 2]),
    ] {
        let place = with_key(userid);
        let init = ["init", "--home", "east", "--key", "east.key"];
        place.run(init.iter().chain(more)).ok();
        let config = fs::read(place.path("east/config.json")).unwrap();
        let config: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!([&config["name"], &config["email"]], expected, "{userid}");
    }
    let place = with_key("<>");
    let init = ["init", "--home", "east", "--key", "east.key"];
    place
        .run(init)
        .fails(1, &["no user ID with a name", "--name"]);
    place.run(init.iter().chain(&["--name", "East"])).ok();
    let nobody = ["init", "--home", "west"];
    place
        .run(nobody)
        .fails(2, &["--name <NAME>", "--email <EMAIL>"]);
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
    assert_eq!(seen["userids"][0], "alice <alice@hospital.example>");
    assert_eq!(seen["agreed"].as_array().unwrap().len(), 1);
    assert!(seen["height"].is_null());
    // who drafted it has agreed, and who is no authority cannot
    approve(&place, "north", "draft", &[]).fails(1, &["agreed to this already"]);
    approve(&place, "alice", "draft", &[]).fails(1, &["no authority"]);
    assert_eq!(fs::read(place.path("draft")).unwrap(), before);
    // nor is it drafted over what others may have approved
    place
        .run(enroll.iter().chain(&["--draft", "draft"]))
        .fails(1, &["draft exists and is not overwritten"]);
    assert_eq!(fs::read(place.path("draft")).unwrap(), before);
    let approved = approve(&place, "south", "draft", &["--json"]).ok().json();
    assert_eq!(approved["height"], 1);
    let alice = text(&approved, "member").to_owned();
    assert_eq!(text(&seen, "member"), alice);
    assert_eq!(members(&place).len(), 4);
    // once
    approve(&place, "west", "draft", &[]).fails(1, &["has sent something else since, or this"]);

    // what a member decides about itself needs nobody
    place.run(["rotate-key", "--home", "south"]).ok();
    let own = ["rotate-key", "--home", "south", "--draft", "own"];
    place.run(own).fails(1, &["leave --draft out"]);
    assert!(!place.path("south/key.next.pgp").exists() && !place.path("own").exists());
    // who is no authority is told so before anything is written
    let north = [
        "revoke-member",
        "--home",
        "alice",
        "north.cert",
        "--draft",
        "own",
    ];
    place.run(north).fails(1, &["no authority"]);
    assert!(!place.path("own").exists());
    // a key that is known already needs no draft, and there is none
    let known = [
        "rotate-key",
        "--home",
        "west",
        "alice.pgp",
        "--draft",
        "own",
    ];
    let known = place.run(known).ok();
    assert!(known.stderr.contains("knows this key already"), "{known:?}");
    assert!(!place.path("own").exists());
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
    for args in [
        ["approve", "--home", "south", "-"],
        ["approve", "--home", "south", "none"],
    ] {
        place.run(args).fails(1, &[]);
    }
    place
        .run(
            enroll
                .iter()
                .map(|word| if *word == "draft" { "-" } else { word }),
        )
        .fails(1, &["--draft names a file"]);
    approve(&place, "south", "draft", &[]).ok();
}

/// The program's own commands draft no such thing; an authority that lies does: with a key of its own under the name of another, with an
/// approval that nobody gave, with a name that paints over what is shown.
#[test]
fn an_authority_that_lies_gets_no_approval() {
    let place = founded();
    let read = |file: &str| fs::read(place.path(file)).unwrap();
    let north = signer(&read("north/key.pgp"));
    let alice = Cert::read(&read("alice.pgp")).unwrap();
    let config: Value = serde_json::from_slice(&read("north/config.json")).unwrap();
    let [chain, north_address] = ["chain", "fingerprint"].map(|name| text(&config, name));
    let [north_address, alice_address] = [north_address, &alice.fingerprint().to_string()]
        .map(|address| address.parse::<Address>().unwrap());
    let policy = Policy::at(SystemTime::now());
    let own = alice.ledger_key(&policy).unwrap();
    let foreign = Cert::read(&read("north.cert"))
        .unwrap()
        .ledger_key(&policy)
        .unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let draft = |key: [u8; 32], name: &str, at: u64| {
        let body = Body::Enroll(Enroll {
            address: alice_address,
            key: PublicKey::new(key),
            cert: None,
            name: Some(name.to_owned()),
        });
        let chain = chain.parse().unwrap();
        let unsigned = Unsigned::new(chain, north_address, 0, at, body);
        unsigned
            .sign_with(|message| north.sign_ledger(message))
            .unwrap()
    };
    let write = |tx: &Transaction| fs::write(place.path("draft"), tx.as_bytes()).unwrap();
    let cert = ["--cert", "alice.pgp"];

    write(&draft(foreign, "Alice", now));
    approve(&place, "south", "draft", &cert)
        .fails(1, &["not the one in the cert", "do not approve it"]);
    approve(&place, "south", "draft", &["--cert", "north.cert"]).fails(1, &["the cert is of"]);
    approve(&place, "south", "draft", &[]).fails(1, &["names no cert", "--cert"]);
    // another's approval, made up
    let west: Address = Cert::read(&read("west.cert"))
        .unwrap()
        .fingerprint()
        .to_string()
        .parse()
        .unwrap();
    let forged = draft(own, "Alice", now)
        .approve_with(west, |_| Ok::<_, ()>([7; 64]))
        .unwrap();
    write(&forged);
    approve(&place, "south", "draft", &cert).fails(1, &["was not signed by"]);
    // by somebody who is no authority
    let stranger = draft(own, "Alice", now)
        .approve_with(alice_address, |_| Ok::<_, ()>([7; 64]))
        .unwrap();
    write(&stranger);
    approve(&place, "south", "draft", &cert).fails(1, &["no authority"]);
    write(&draft(own, "Alice", now - 2 * 86_400));
    approve(&place, "south", "draft", &cert).fails(1, &["was good until"]);
    // a name that would show another line
    write(&draft(own, "Alice\nagreed \u{1b}[2K", now));
    let looked = approve(&place, "south", "draft", &["--look", "--cert", "alice.pgp"]).ok();
    assert!(
        looked
            .text()
            .contains("name         Alice\\nagreed \\u{1b}[2K\n"),
        "{looked:?}"
    );
    assert_eq!(members(&place).len(), 3);
    // and the same without a lie
    write(&draft(own, "Alice", now));
    approve(&place, "south", "draft", &cert).ok();
    assert_eq!(members(&place).len(), 4);
}

fn signer(key: &[u8]) -> Signer {
    let key = Key::read(key).unwrap().unlock(&PASSPHRASE.into()).unwrap();
    Signer::new(&key, &Policy::at(SystemTime::now())).unwrap()
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
    // these homes have stores of their own, without Alice's cert
    approve(&place, "south3", "draft", &[]).fails(1, &["name it with --cert"]);
    let cert = ["--cert", "alice.pgp"];
    let first = approve(&place, "south3", "draft", &cert).ok();
    assert!(
        first.text().contains("needed       3 of the authorities"),
        "{first:?}"
    );
    approve(&place, "south3", "draft", &cert).fails(1, &["agreed to this already"]);
    let last = approve(&place, "west3", "draft", &[&cert[..], &["--json"]].concat())
        .ok()
        .json();
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
    assert!(!place.path("east").exists());
    // a key without a passphrase stays one, with a warning, in a file that others cannot read
    let open = [
        "key",
        "generate",
        "o <o@o.example>",
        "--out",
        "open.key",
        "--revocation",
        "open.rev",
    ];
    place.run(open.iter().chain(&["--no-passphrase"])).ok();
    let joined = init(&place, "open", &["--key", "open.key"]).ok();
    assert!(joined.stderr.contains("has no passphrase"), "{joined:?}");
    #[cfg(unix)]
    for home in ["open", "south"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(place.path(home).join("key.pgp"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{home}");
    }
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

/// A user ID is what its owner wrote: it moves no cursor of the authority that reads it.
#[test]
fn a_user_id_is_shown_as_one_line() {
    let place = Place::empty();
    place.init("city").ok();
    let options = KeyOptions::new("Eve\u{1b}[2K\rAlice <eve@e.example>");
    let key = Key::generate(&options).unwrap().key;
    fs::write(place.path("eve.pgp"), key.cert().to_armored()).unwrap();
    let enrolled = place.run(["enroll", "--home", "city", "eve.pgp"]).ok();
    let said = enrolled.text();
    assert!(
        said.contains("user id      Eve\\u{1b}[2K\\rAlice <eve"),
        "{said:?}"
    );
}

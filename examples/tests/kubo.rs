//! The program on a real Kubo: its commands about blocks, and a share from one daemon to another.
//!
//! `bash .ci/kubo` builds it. Without it these tests say so and end; with `MEDSHARE_FORBID_SKIPS` they fail instead.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

use std::fs;

mod common;
#[allow(dead_code, reason = "the tests of ipfs-store use all of it")]
#[path = "../../crates/ipfs-store/tests/kubo/daemon.rs"]
mod daemon;
use common::{Place, Ran, image, text};
use daemon::Daemon;

/// A command whose store is this daemon.
fn on(daemon: &Daemon, place: &Place, command: &[&str]) -> Ran {
    let url = format!("http://{}", daemon.api());
    place.run([command, &["--store", &url]].concat())
}

#[test]
fn every_command_about_blocks_works_on_a_daemon() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let place = Place::empty();
    let ct = fs::read(image("CT_small.dcm")).unwrap();
    fs::create_dir(place.path("study")).unwrap();
    fs::write(place.path("study/ct.dcm"), &ct).unwrap();
    fs::write(place.path("study/note"), "head, native").unwrap();

    for profile in ["unixfs-v1-2025", "test-cid-v1", "legacy-cid-v0"] {
        let add = ["add", "study", "--profile", profile];
        let root = on(&daemon, &place, &add).ok();
        let root = String::from_utf8(root.stdout).unwrap();
        let alone = place.run([&add[..], &["--only-hash"]].concat()).ok();
        assert_eq!(root.as_bytes(), alone.stdout, "{profile}");
        assert_eq!(
            daemon.ipfs(&["cat", &format!("{}/ct.dcm", root.trim())]),
            ct
        );
    }

    let root = on(&daemon, &place, &["add", "--json", "study"]).ok().json();
    let root = text(&root, "cid");
    let inside = format!("{root}/ct.dcm");
    assert_eq!(on(&daemon, &place, &["cat", &inside]).ok().stdout, ct);
    on(&daemon, &place, &["get", root, "--out", "back"]).ok();
    assert_eq!(fs::read(place.path("back/ct.dcm")).unwrap(), ct);
    let listed = on(&daemon, &place, &["ls", "--json", root]).ok().json();
    assert_eq!(text(&listed["entries"][0], "name"), "ct.dcm");

    // by hand from the daemon to a directory, and back to it after it has forgotten
    on(
        &daemon,
        &place,
        &["car", "export", root, "--out", "study.car"],
    )
    .ok();
    place
        .run(["car", "import", "study.car", "--store", "folder"])
        .ok();
    assert_eq!(
        place.run(["cat", &inside, "--store", "folder"]).ok().stdout,
        ct
    );
    on(&daemon, &place, &["pin", "rm", root]).ok();
    on(&daemon, &place, &["pin", "rm", root]).fails(1, &["is not pinned"]);
    on(&daemon, &place, &["gc"]).ok();
    on(&daemon, &place, &["cat", &inside]).fails(1, &[root]);
    on(&daemon, &place, &["pin", "add", root]).fails(1, &[root]);
    on(&daemon, &place, &["car", "import", "study.car"]).ok();
    let pins = on(&daemon, &place, &["pin", "ls", "--json"]).ok().json();
    assert!(
        pins["pins"]
            .as_array()
            .unwrap()
            .iter()
            .any(|pin| pin == root)
    );
    assert_eq!(daemon.ipfs(&["cat", &inside]), ct);

    on(&daemon, &place, &["doctor"]).ok();
}

#[test]
fn the_doctor_warns_of_a_daemon_that_would_announce() {
    let Some(mut daemon) = Daemon::init() else {
        return;
    };
    daemon.configure("Provide.Enabled", "true");
    daemon.configure("Routing.Type", r#""dht""#);
    daemon.run();
    let found = on(&daemon, &Place::empty(), &["doctor", "--json"]);
    assert_eq!(found.code, 3, "{found:?}");
    assert!(!found.json()["warnings"].as_array().unwrap().is_empty());
}

/// Alice's hospital has a daemon that asks who is there, Bob's has another; both are in one private swarm.
#[test]
fn a_share_goes_from_one_daemon_to_another() {
    let swarm = "/key/swarm/psk/1.0.0/\n/base16/\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    let start = |authorizations: &str| {
        let mut daemon = Daemon::init()?;
        fs::write(daemon.repo.path().join("swarm.key"), swarm).unwrap();
        daemon.configure("API.Authorizations", authorizations);
        daemon.run();
        Some(daemon)
    };
    let secret = r#"{"alice": {"AuthSecret": "bearer:a-token", "AllowedPaths": ["/api/v0"]}}"#;
    let (Some(hers), Some(his)) = (start(secret), start("{}")) else {
        return;
    };
    let place = Place::empty();
    fs::write(place.path("token"), "bearer:a-token\n").unwrap();
    let init = |name: &str, daemon: &Daemon, more: &[&str]| {
        let email = format!("{name}@hospital.example");
        let url = format!("http://{}", daemon.api());
        let args = [
            "init", "--home", name, "--name", name, "--email", &email, "--ledger", "ledger",
            "--store", &url,
        ];
        place.run([&args[..], more].concat())
    };
    init("refused", &hers, &[]).fails(1, &["40"]);
    let auth = ["--store-auth", "token"];
    init("alice", &hers, &auth).ok();
    init("bob", &his, &[]).ok();
    init("carol", &his, &[]).ok();
    for name in ["alice", "bob", "carol"] {
        let out = format!("{name}.pgp");
        place.run(["cert", "--home", name, "--out", &out]).ok();
        if name != "alice" {
            // the first on an empty ledger is its authority and a member of it
            place.run(["enroll", "--home", "alice", &out]).ok();
        }
    }

    let ct = image("CT_small.dcm");
    let shared = place.share(&ct);
    let share = text(&shared, "share_id");
    let address = his.line(&["swarm", "addrs", "local", "--id"]);
    let address = address
        .lines()
        .find(|line| line.contains("/127.0.0.1/tcp/"))
        .unwrap();
    hers.ipfs(&["--api-auth=bearer:a-token", "swarm", "connect", address]);
    place.receive("bob", share, "received.dcm").ok();
    assert_eq!(
        fs::read(place.path("received.dcm")).unwrap(),
        fs::read(&ct).unwrap()
    );

    // one more head before the same body: what each root gives is a message that any OpenPGP program reads
    let grant = [
        "grant",
        "--json",
        "--home",
        "alice",
        share,
        "--to",
        "carol.pgp",
    ];
    let granted = place.run(grant).ok().json();
    let message = |object| {
        let path = format!("{}/0001.pgp", text(object, "cid"));
        hers.ipfs(&["--api-auth=bearer:a-token", "cat", &path])
    };
    let open = |message: &[u8], key: &str, more: &[&str]| {
        let args = [
            "open",
            "-",
            "--key",
            key,
            "--from",
            "alice.pgp",
            "--out",
            "-",
        ];
        place
            .run_with(message, [&args[..], more].concat())
            .ok()
            .stdout
    };
    let of_bob = open(&message(&shared), "bob/key.pgp", &[]);
    let of_carol = open(&message(&granted), "carol/key.pgp", &["--granted"]);
    assert!(!of_bob.is_empty() && of_bob == of_carol);
    place.receive("carol", share, "of carol.dcm").ok();

    // taken back: her daemon no longer has it, and his copy is his
    let withdrawn = place
        .run(["withdraw", "--json", "--home", "alice", share])
        .ok();
    assert!(withdrawn.json()["removed_blocks"].as_u64().unwrap() > 0);
    assert!(withdrawn.stderr.contains("cannot be recalled"));
    place
        .run(["ls", text(&shared, "cid"), "--home", "alice"])
        .fails(1, &[text(&shared, "cid")]);
    place
        .receive("bob", share, "again.dcm")
        .fails(3, &["withdrawn"]);
}

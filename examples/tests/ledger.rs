//! The ledger at the shell: served, asked over HTTP, proven, copied, damaged.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

mod common;
use common::served::Served;
use common::{Place, Ran, image, program, text};

#[test]
fn every_command_takes_a_url_for_the_ledger() {
    let place = Place::empty();
    for name in ["city", "node"] {
        place.init(name).ok();
    }
    let ledger = place.path("shared/ledger.redb");
    fs::copy(&ledger, place.path("older")).unwrap();
    let served = Served::new(&place, "node");
    let config = fs::read(place.path("city").join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let trust = text(&config, "log_key").to_owned();
    for name in ["alice", "bob"] {
        let email = format!("{name}@hospital.example");
        let init = [
            "init",
            "--home",
            name,
            "--name",
            name,
            "--email",
            &email,
            "--store",
            "shared/store",
        ];
        let at = ["--ledger", &served.url, "--trust", &trust];
        place.run(init.into_iter().chain(at)).ok();
        let cert = format!("{name}.pgp");
        place.run(["cert", "--home", name, "--out", &cert]).ok();
        // whoever founded the ledger asks for it over HTTP from now on, like everybody else
        let at = ["--ledger", &served.url];
        let enroll = ["enroll", "--home", "city", &cert];
        place.run(enroll.into_iter().chain(at)).ok();
    }
    let shared = place.share(&image("CT_small.dcm"));
    let share = text(&shared, "share_id").to_owned();
    place.receive("bob", &share, "out").ok();
    assert_eq!(
        fs::read(image("CT_small.dcm")).unwrap(),
        fs::read(place.path("out")).unwrap()
    );
    let log = place
        .run(["log", "--json", "--home", "alice", &share])
        .ok()
        .json();
    assert_eq!(log["events"].as_array().unwrap().len(), 2);
    let status = place
        .run(["ledger", "status", "--json", "--home", "bob"])
        .ok()
        .json();
    assert_eq!(status["transactions"], 4);
    place
        .run(["prove", "--home", "bob", &share, "--out", "proof"])
        .ok();
    place.run(["check-proof", "proof", "--trust", &trust]).ok();
    place.run(["withdraw", "--home", "alice", &share]).ok();
    place
        .receive("bob", &share, "again")
        .fails(3, &["withdrawn"]);

    // the home remembers the newest checkpoint: a node that goes back is refused
    let kept = fs::read(place.path("bob").join("checkpoint")).unwrap();
    assert!(kept.starts_with(b"medshare/"));
    drop(served);
    place
        .run(["log", "--home", "bob"])
        .fails(1, &["cannot reach"]);
    place
        .run(["ledger", "verify", "--ledger", "shared/ledger.redb"])
        .ok();
    fs::copy(place.path("older"), &ledger).unwrap();
    let served = Served::new(&place, "node");
    let log = ["log", "--home", "bob", "--ledger", &served.url];
    place.run(log).fails(1, &["rolled back"]);
    assert_eq!(
        fs::read(place.path("bob").join("checkpoint")).unwrap(),
        kept
    );
}

/// Whoever waits for an answer hears of it, without asking again and again.
#[test]
fn what_is_recorded_is_shown_while_it_is() {
    let place = Place::new();
    // nobody else can record in a file that this process has
    place
        .run(["log", "--follow", "--home", "alice"])
        .fails(1, &["medshare node"]);
    let served = Served::new(&place, "city");
    let at = ["--ledger", served.url.as_str()];
    let follow = |args: &[&str]| {
        let mut child = program(place.directory.path())
            .args(["log", "--follow", "--home", "alice"])
            .args(at)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, out.map_while(Result::ok))
    };
    let (mut programs, mut objects) = follow(&["--json", "--from", "3"]);
    let ct = image("CT_small.dcm");
    let share = ["share", "--json", "--home", "alice"];
    let to = [ct.to_str().unwrap(), "--to", "bob.pgp"];
    let shared = place.run(share.iter().chain(&to).chain(&at)).ok().json();
    let share = text(&shared, "share_id");
    let reject = ["reject", "--home", "bob", share, "--reason", "not mine"];
    place.run(reject.iter().chain(&at)).ok();
    for (index, kind, words) in [(3, "share", ""), (4, "reject", "not mine")] {
        let event: serde_json::Value = serde_json::from_str(&objects.next().unwrap()).unwrap();
        assert_eq!(event["index"], index);
        assert_eq!(text(&event, "kind"), kind);
        assert_eq!(text(&event, "text"), words);
        assert_eq!(text(&event, "share_id"), share);
    }
    let (mut people, mut lines) = follow(&[&share[..8], "--from", "4"]);
    let line = lines.next().unwrap();
    assert!(
        line.contains("reject") && line.ends_with(": not mine"),
        "{line}"
    );
    people.kill().unwrap();
    people.wait().unwrap();
    // a node that is away is waited for, and said to be
    drop(served);
    let mut said = BufReader::new(programs.stderr.take().unwrap()).lines();
    let said = said.next().unwrap().unwrap();
    assert!(
        said.contains("cannot reach") && said.contains("trying again"),
        "{said}"
    );
    assert!(programs.try_wait().unwrap().is_none());
    programs.kill().unwrap();
    programs.wait().unwrap();
}

/// As the paper's user did it from Postman: who signs is not who sends.
#[test]
fn what_one_signs_another_sends() {
    let place = Place::new();
    let ct = image("CT_small.dcm");
    let share = ["share", "--json", "--home", "alice", "--to", "bob.pgp"];
    let only = [ct.to_str().unwrap(), "--sign-only", "signed"];
    let shared = place.run(share.iter().chain(&only)).ok().json();
    assert!(shared["height"].is_null(), "{shared}");
    let share = text(&shared, "share_id");
    let receive = ["receive", "--home", "bob", share, "--out", "out"];
    place.run(receive).fails(3, &["no approved block"]);

    let served = Served::new(&place, "city");
    let host = served.url.strip_prefix("http://").unwrap();
    let signed = fs::read(place.path("signed")).unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = signed.len();
    let head = format!(
        "POST /v1/transactions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/cbor\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream
        .write_all(&[head.as_bytes(), &signed].concat())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");

    let at = ["--ledger", served.url.as_str()];
    place.run(receive.iter().chain(&at)).ok();
    assert_eq!(fs::read(ct).unwrap(), fs::read(place.path("out")).unwrap());
}

/// What the commands of a membership record, they record at a node as they do in a file.
#[test]
fn what_members_take_back_and_renew_is_recorded_at_a_node() {
    let place = Place::new();
    let ct = image("CT_small.dcm");
    let [first, second] = [(); 2].map(|()| text(&place.share(&ct), "share_id").to_owned());
    let ct = ct.to_str().unwrap();
    let served = Served::new(&place, "city");
    let at = ["--ledger", served.url.as_str()];
    let run = |args: &[&str]| place.run(args.iter().chain(&at));
    let members = |status: &str| {
        let listed = run(&["members", "--json", "--home", "bob"]).ok().json();
        let listed = listed["members"].as_array().unwrap().iter();
        listed.filter(|one| text(one, "status") == status).count()
    };
    assert_eq!((members("member"), members("revoked")), (3, 0));

    let revoke = ["revoke", "--home", "alice", &first, "--from", "bob.pgp"];
    run(&revoke).ok();
    let receive = ["receive", "--home", "bob", &first, "--out", "out"];
    run(&receive).fails(3, &["rejected"]);
    run(&revoke).fails(1, &["refuses"]);

    let reject = ["reject", "--home", "bob", &second, "--reason", "not mine"];
    let rejected = run(&[&reject[..], &["--json"]].concat()).ok().json();
    assert_eq!(rejected["height"], 7);
    let log = run(&["log", "--home", "alice", &second]).ok();
    let log = log.text();
    let last = log.lines().rev().find(|line| line.contains("reject"));
    assert!(
        last.is_some_and(|line| line.ends_with(": not mine")),
        "{log}"
    );
    let grant = ["grant", "--home", "alice", &second, "--to", "mallory.pgp"];
    run(&grant).fails(1, &["refuses"]);

    fs::copy(place.path("alice/key.pgp"), place.path("before")).unwrap();
    let rotate = ["rotate-key", "--json", "--home", "alice"];
    assert_eq!(run(&rotate).ok().json()["height"], 8);
    let share = ["share", "--home", "alice", ct, "--to", "bob.pgp"];
    run(&share).ok();
    fs::copy(place.path("alice/key.pgp"), place.path("after")).unwrap();
    fs::copy(place.path("before"), place.path("alice/key.pgp")).unwrap();
    run(&share).fails(1, &["refuses"]);
    fs::copy(place.path("after"), place.path("alice/key.pgp")).unwrap();

    let expel = |home| ["revoke-member", "--home", home, "mallory.pgp"];
    run(&expel("alice")).fails(1, &["refuses"]);
    run(&expel("city")).ok();
    assert_eq!((members("member"), members("revoked")), (2, 1));
    run(&["share", "--home", "mallory", ct, "--to", "bob.pgp"]).fails(1, &["revoked"]);

    // and the file has it all
    drop(served);
    let verify = ["ledger", "verify", "--json", "--home", "city"];
    let verified = place.run(verify).ok().json();
    assert_eq!(verified["transactions"], 3 + 2 + 1 + 1 + 1 + 1 + 1);
}

#[test]
fn a_proof_goes_through_a_pipe_as_it_goes_into_a_file() {
    let place = Place::new();
    let share = text(&place.share(&image("CT_small.dcm")), "share_id").to_owned();
    let status = place.run(["ledger", "status", "--json", "--home", "city"]);
    let trust = text(&status.ok().json(), "trust").to_owned();
    let prove = ["prove", "--home", "bob", &share];
    place.run(prove.iter().chain(&["--out", "proof"])).ok();
    let proof = fs::read(place.path("proof")).unwrap();
    let piped = place.run(prove).ok();
    assert!(piped.stdout == proof, "{} bytes", piped.stdout.len());
    assert!(piped.stderr.contains("that prove share"), "{piped:?}");
    let mut redirected = program(place.directory.path());
    redirected.args(prove);
    redirected.stdout(fs::File::create(place.path("bundle")).unwrap());
    assert!(redirected.status().unwrap().success());
    assert!(fs::read(place.path("bundle")).unwrap() == proof);
    let check = ["check-proof", "bundle", "--trust", &trust];
    place.run(check).ok();
    let check = ["check-proof", "-", "--trust", &trust];
    place.run_with(&piped.stdout, check).ok();
    // nor do two things go through one
    let mixed = "--json writes its object to stdout";
    place
        .run(prove.iter().chain(&["--json"]))
        .fails(1, &[mixed]);
    let export = ["ledger", "export", "--json", "--home", "city", "-"];
    place.run(export).fails(1, &[mixed]);
    let cert = ["cert", "--json", "--home", "bob", "--out", "-"];
    place.run(cert).fails(1, &[mixed]);
    let car = ["car", "export", "any", "--json", "--out", "-"];
    place.run(car).fails(1, &[mixed]);
}

/// At a terminal, which util-linux's `script` plays, verifying shows how far it is; elsewhere nothing but its result is written.
#[test]
#[cfg(target_os = "linux")]
#[allow(clippy::print_stdout, reason = "says what it leaves out")]
fn verifying_shows_how_far_it_is_at_a_terminal_only() {
    use std::process::Command;
    let place = Place::new();
    let verify = ["ledger", "verify", "--ledger", "shared/ledger.redb"];
    let told = "verified 4 blocks with 3 transactions";
    let piped = place.run(verify).ok();
    assert_eq!(piped.stderr, "");
    assert!(piped.stdout.starts_with(told.as_bytes()), "{piped:?}");
    let json = place.run(verify.iter().chain(&["--json"])).ok();
    assert_eq!(
        (json.stderr.as_str(), json.json()["blocks"].as_u64()),
        ("", Some(4))
    );
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped: script (util-linux) is not installed");
        assert!(
            std::env::var_os("MEDSHARE_FORBID_SKIPS").is_none(),
            "script is missing"
        );
        return;
    }
    let at_a_terminal = |more: &str| {
        let verify = verify.join(" ");
        let program = env!("CARGO_BIN_EXE_medshare").replace('\'', r"'\''");
        let verify = format!("'{program}' {verify} {more}");
        let ran = Command::new("script")
            .current_dir(place.directory.path())
            .args(["--quiet", "--return", "--command", &verify, "/dev/null"])
            .env_remove("MEDSHARE_HOME")
            .env("TERM", "xterm")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let shown = at_a_terminal("");
    assert!(shown.contains("verifying blocks"), "{shown:?}");
    assert!(shown.contains("/4"), "{shown:?}");
    assert!(shown.contains(told), "{shown:?}");
    let object = at_a_terminal("--json");
    let object: serde_json::Value = serde_json::from_str(&object).unwrap();
    assert_eq!(object["blocks"], 4);
}

/// A chain is computed again in a file without a name: beside the ledger, or where the user says.
#[test]
fn a_folder_without_room_for_the_chain_is_named() {
    let place = Place::new();
    let names = || fs::read_dir(place.path("shared")).unwrap().count();
    let before = names();
    let verify = ["ledger", "verify", "--ledger", "shared/ledger.redb"];
    fs::create_dir(place.path("roomy")).unwrap();
    for folder in [&[][..], &["--scratch", "roomy"]] {
        place.run(verify.iter().chain(folder)).ok();
        assert_eq!(names(), before);
    }
    assert_eq!(fs::read_dir(place.path("roomy")).unwrap().count(), 0);
    let told = ["temporary file in nowhere"];
    let nowhere = ["--scratch", "nowhere"];
    place.run(verify.iter().chain(&nowhere)).fails(1, &told);
    let served = Served::new(&place, "city");
    let at = ["--ledger", served.url.as_str(), "--home", "alice"];
    let run = |more: &[&str]| place.run(more.iter().chain(&at));
    run(&["ledger", "verify"]).ok();
    run(&["ledger", "verify", "--scratch", "nowhere"]).fails(1, &told);
    run(&["ledger", "export", "all", "--scratch", "nowhere"]).fails(1, &told);
    assert!(!place.path("all").exists());
    drop(served);
    // no file may have more than 512 bytes, which the temporary one is the first to meet
    #[cfg(target_os = "linux")]
    {
        let mut shell = std::process::Command::new("sh");
        let limited = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
        let program = env!("CARGO_BIN_EXE_medshare");
        shell.current_dir(place.directory.path());
        shell.args(["-c", limited, "sh", program]).args(verify);
        shell.env_remove("MEDSHARE_HOME");
        let told = ["temporary file in shared", "too large"];
        Ran::of(shell.output().unwrap()).fails(1, &told);
        assert_eq!(names(), before);
    }
}

#[test]
fn a_node_for_members_only_is_asked_with_signed_questions() {
    let place = Place::new();
    let served = Served::with(&place, "city", &["--members-only"]);
    let at = ["--ledger", served.url.as_str()];
    let run = |args: &[&str]| place.run(args.iter().chain(&at));
    let ct = image("CT_small.dcm");
    let ct = ct.to_str().unwrap();
    let shared = run(&["share", "--json", "--home", "alice", ct, "--to", "bob.pgp"]).ok();
    let share = text(&shared.json(), "share_id").to_owned();
    run(&["receive", "--home", "bob", &share, "--out", "out"]).ok();
    assert_eq!(fs::read(ct).unwrap(), fs::read(place.path("out")).unwrap());
    // also the commands that sign nothing but their questions
    run(&["log", "--home", "bob", &share]).ok();
    // the first letters of an id are looked up in a list, which is the node's word
    let named = run(&["log", "--home", "bob", &share[..8]]).ok();
    let said = format!("is share {share}, the only one that the node lists");
    assert!(named.stderr.contains(&said), "{}", named.stderr);
    let other = if share.starts_with('0') {
        "1111"
    } else {
        "0000"
    };
    run(&["log", "--home", "bob", other]).fails(1, &["the node lists no share"]);
    run(&["verify", "--home", "bob", "out"]).ok();
    run(&["prove", "--home", "bob", &share, "--out", "proof"]).ok();
    run(&["ledger", "verify", "--home", "bob"]).ok();
    run(&["grant", "--home", "alice", &share, "--to", "mallory.pgp"]).ok();
    run(&["withdraw", "--home", "alice", &share]).ok();
    // whoever is no member yet learns which ledger it is, and no more
    let init = [
        "init",
        "--home",
        "eve",
        "--name",
        "eve",
        "--email",
        "eve@x.example",
    ];
    run(&init).ok();
    run(&["log", "--home", "eve", "--all"]).fails(1, &["401", "unsigned"]);
    run(&["ledger", "status"]).fails(1, &["401", "unsigned"]);
    let mut locked = program(place.directory.path());
    locked.args(["log", "--home", "bob"]).args(at);
    locked.env("MEDSHARE_PASSPHRASE", "wrong");
    Ran::of(locked.output().unwrap()).fails(1, &["cannot sign a question", "cannot unlock"]);
}

#[test]
fn a_share_and_a_membership_are_taken_back() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share = text(&shared, "share_id").to_owned();
    let grant = ["grant", "--home", "alice", &share, "--to", "mallory.pgp"];
    place.run(grant).ok();
    let revoke = ["revoke", "--home", "alice", &share, "--from", "bob.pgp"];
    let stranger = ["revoke", "--home", "bob", &share, "--from", "mallory.pgp"];
    place.run(stranger).fails(1, &["refuses"]);
    place.run(revoke).ok();
    place.receive("bob", &share, "out").fails(3, &["rejected"]);
    assert!(!place.path("out").exists());
    place.receive("mallory", &share, "out").ok();

    let members = || {
        let listed = place
            .run(["members", "--json", "--home", "bob"])
            .ok()
            .json();
        let listed = listed["members"].as_array().unwrap().clone();
        let mut status: Vec<_> = listed
            .iter()
            .map(|one| text(one, "status").to_owned())
            .collect();
        status.sort();
        let revoked = listed
            .iter()
            .find(|one| one["status"] == "revoked")
            .cloned();
        (status, revoked)
    };
    assert_eq!(members().0, ["authority", "member", "member", "member"]);
    let expel = |home| ["revoke-member", "--home", home, "mallory.pgp"];
    place.run(expel("alice")).fails(1, &["refuses"]);
    place.run(expel("city")).ok();
    let (status, revoked) = members();
    assert_eq!(status, ["authority", "member", "member", "revoked"]);
    let fingerprint = text(&revoked.unwrap(), "address").to_owned();
    place
        .run(["revoke-member", "--home", "city", &fingerprint])
        .fails(1, &["refuses"]);
    place
        .run(["revoke-member", "--home", "city", "nobody"])
        .fails(1, &["no fingerprint and no cert"]);
    let ct = image("CT_small.dcm");
    let ct = ct.to_str().unwrap();
    place
        .run(["share", "--home", "mallory", ct, "--to", "bob.pgp"])
        .fails(1, &["revoked"]);
    place
        .run(["share", "--home", "alice", ct, "--to", "mallory.pgp"])
        .fails(1, &["revoked"]);
}

/// A ledger's time never goes back, so a clock that has jumped is not written down; who knows better says so.
#[test]
fn a_clock_far_ahead_is_not_believed() {
    let place = Place::empty();
    for name in ["city", "alice"] {
        place.init(name).ok();
    }
    place
        .run(["cert", "--home", "alice", "--out", "alice.pgp"])
        .ok();
    // of a ledger that did not rest at all, the next second is too late
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let enroll = |days| ["enroll", "--home", "city", "alice.pgp", "--rested", days];
    place
        .run(enroll("0"))
        .fails(1, &["the clock says", "--rested DAYS"]);
    place.run(enroll("1")).ok();
}

/// A running node has its file to itself: it copies it, and everybody else fetches the whole chain.
#[test]
fn a_ledger_that_is_served_is_verified_exported_and_copied() {
    let place = Place::new();
    place.share(&image("CT_small.dcm"));
    let every = ["--backup", "copies", "--backup-every", "1s"];
    let served = Served::with(&place, "city", &every);
    let at = ["--ledger", served.url.as_str()];
    let run = |args: &[&str]| place.run(args.iter().chain(&at));
    // without a home, the node's own word is taken and shown
    let status = run(&["ledger", "status", "--json"]).ok();
    let trust = text(&status.json(), "trust").to_owned();
    assert!(status.stderr.contains(&trust), "{status:?}");
    let verified = run(&["ledger", "verify", "--json", "--trust", &trust]).ok();
    assert_eq!(verified.json()["transactions"], 4);
    let elsewhere = Place::empty();
    elsewhere.init("city").ok();
    let other = elsewhere.run(["ledger", "status", "--json", "--home", "city"]);
    let other = text(&other.ok().json(), "trust").to_owned();
    run(&["ledger", "verify", "--trust", &other]).fails(3, &["rejected", "chain"]);
    run(&["ledger", "export", "all", "--trust", &trust]).ok();
    let import = |trust| {
        [
            "ledger", "import", "--json", "all", "imported", "--trust", trust,
        ]
    };
    place.run(import(&other)).fails(1, &["expected the ledger"]);
    let imported = place.run(import(&trust)).ok().json();
    assert_eq!(imported["transactions"], 4);
    run(&["ledger", "backup", "copy"]).fails(1, &["node --backup"]);
    drop(served);
    place
        .run(["ledger", "export", "--home", "city", "own"])
        .ok();
    assert_eq!(
        fs::read(place.path("all")).unwrap(),
        fs::read(place.path("own")).unwrap()
    );
    let copies = fs::read_dir(place.path("copies")).unwrap();
    let copies: Vec<_> = copies.map(|copy| copy.unwrap().path()).collect();
    let [copy] = copies.as_slice() else {
        panic!("nothing changed, so there is one copy: {copies:?}");
    };
    let verify = ["ledger", "verify", "--ledger", copy.to_str().unwrap()];
    place.run(verify).ok();
}

/// The node's key is in the ledger's file and nowhere else.
#[test]
fn an_export_replaces_no_file() {
    let place = Place::empty();
    place.init("city").ok();
    fs::write(place.path("precious"), "mine").unwrap();
    let export = ["ledger", "export", "--home", "city"];
    let run = |to: &str| place.run(export.iter().chain(&[to]));
    for there in [
        "precious",
        "shared/ledger.redb",
        "./shared/../shared/ledger.redb",
    ] {
        let before = fs::read(place.path(there)).unwrap();
        run(there).fails(1, &["not overwritten"]);
        assert!(fs::read(place.path(there)).unwrap() == before, "{there}");
    }
    run("new").ok();
    if cfg!(unix) {
        // what takes no file's place
        run("/dev/null").ok();
    }
    place.run(["ledger", "verify", "--home", "city"]).ok();
}

#[test]
fn a_ledger_is_proven_copied_and_its_damage_named() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share = text(&shared, "share_id").to_owned();
    let status = place
        .run(["ledger", "status", "--json", "--home", "city"])
        .ok()
        .json();
    let trust = text(&status, "trust").to_owned();

    place
        .run(["prove", "--home", "bob", &share, "--out", "proof"])
        .ok();
    let proven = place
        .run(["check-proof", "--json", "proof", "--trust", &trust])
        .ok()
        .json();
    assert_eq!(text(&proven, "share_id"), share);
    let mut bytes = fs::read(place.path("proof")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(place.path("changed"), bytes).unwrap();
    fs::write(place.path("endless"), vec![0xa1; (1 << 20) + 9]).unwrap();
    place
        .run(["check-proof", "endless", "--trust", &trust])
        .fails(3, &["rejected"]);
    place
        .run(["check-proof", "changed", "--trust", &trust])
        .fails(3, &["rejected"]);
    let other = Place::empty();
    other.init("city").ok();
    let other = other
        .run(["ledger", "status", "--json", "--home", "city"])
        .ok()
        .json();
    place
        .run(["check-proof", "proof", "--trust", text(&other, "trust")])
        .fails(3, &["rejected", "chain"]);

    place
        .run(["ledger", "export", "--home", "city", "all"])
        .ok();
    place.run(["ledger", "import", "all", "imported"]).ok();
    place
        .run(["ledger", "backup", "--home", "city", "copy"])
        .ok();
    for ledger in ["imported", "copy", "shared/ledger.redb"] {
        let verified = place
            .run(["ledger", "verify", "--json", "--ledger", ledger])
            .ok()
            .json();
        assert_eq!(verified["transactions"], status["transactions"], "{ledger}");
    }
    // nobody signs a checkpoint of the copy without a key, and its height is told as any other
    let copied = place.run(["ledger", "status", "--json", "--ledger", "imported"]);
    let copied = copied.ok().json();
    assert_eq!(copied["height"], status["height"]);
    assert_eq!(copied["transactions"], status["transactions"]);
    assert!(copied["checkpoint"].is_null() && !status["checkpoint"].is_null());
    place
        .run(["ledger", "import", "all", "copy"])
        .fails(1, &["copy"]);
    // the first value that is found in the file, changed: the share's own name
    let mut bytes = fs::read(place.path("copy")).unwrap();
    let name: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&share[at..at + 2], 16).unwrap())
        .collect();
    let at = bytes
        .windows(32)
        .rposition(|window| window == name)
        .unwrap();
    bytes[at + 40] ^= 1;
    fs::write(place.path("copy"), bytes).unwrap();
    place
        .run(["ledger", "verify", "--ledger", "copy"])
        .fails(3, &["rejected", "damaged"]);
}

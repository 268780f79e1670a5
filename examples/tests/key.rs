//! `medshare key` as it is run. Keys have no passphrase, or are of RFC 4880 where one is needed: Argon2 is slow on purpose.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::time::{Duration, SystemTime};

use pgp_envelope::{Key, KeyOptions, Policy, Recipient, Sealer, Signer};

mod common;
use common::{PASSPHRASE, Place, Ran, program, text};

const ALICE: &str = "Alice <alice@a.example>";

/// Makes `NAME.key` and `NAME.rev`.
fn generate(place: &Place, name: &str, more: &[&str]) -> Ran {
    let (key, revocation) = (format!("{name}.key"), format!("{name}.rev"));
    let generate = [
        "key",
        "generate",
        ALICE,
        "--out",
        &key,
        "--revocation",
        &revocation,
    ];
    place.run(generate.iter().chain(more))
}

/// A place with a key that nothing locks, its revocation and its cert, made an hour ago: what changes it is later, to the
/// second.
fn unlocked() -> Place {
    let place = Place::empty();
    let options = KeyOptions::new(ALICE).created(an_hour_ago());
    let made = Key::generate(&options).unwrap();
    fs::write(place.path("alice.key"), &*made.key.to_armored()).unwrap();
    fs::write(place.path("alice.rev"), &made.revocation).unwrap();
    fs::write(place.path("alice.pgp"), made.key.cert().to_armored()).unwrap();
    place
}

fn an_hour_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(3600)
}

/// A place with a key that [`PASSPHRASE`] locks.
fn locked() -> Place {
    let place = Place::empty();
    generate(&place, "alice", &["--profile", "rfc4880"]).ok();
    fs::write(place.path("wrong"), "wrong\n").unwrap();
    place
}

/// Runs where no passphrase is in the environment and nobody at a terminal.
fn run_without_passphrase(place: &Place, args: &[&str]) -> Ran {
    let mut program = program(place.directory.path());
    Ran::of(
        program
            .env_remove("MEDSHARE_PASSPHRASE")
            .args(args)
            .output()
            .unwrap(),
    )
}

fn inspect(place: &Place, file: &str) -> String {
    let ran = place.run(["key", "inspect", file]).ok();
    String::from_utf8(ran.stdout).unwrap()
}

fn seal(place: &Place, to: &str, signer: &str, more: &[&str]) -> Ran {
    let seal = ["seal", "alice.key", "--to", to, "--signer", signer];
    place.run(seal.iter().chain(more))
}

fn read(place: &Place, name: &str) -> Vec<u8> {
    fs::read(place.path(name)).unwrap()
}

#[test]
fn generate_makes_a_key_and_what_revokes_it() {
    let place = Place::empty();
    let made = generate(&place, "alice", &["--no-passphrase", "--json"])
        .ok()
        .json();
    assert_eq!(made["userids"][0], ALICE);
    assert!(text(&made, "cert").starts_with("-----BEGIN PGP PUBLIC KEY"));
    let key = read(&place, "alice.key");
    assert!(key.starts_with(b"-----BEGIN PGP PRIVATE KEY"));
    #[cfg(unix)]
    for file in ["alice.key", "alice.rev"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(place.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let said = inspect(&place, "alice.key");
    for line in [
        &format!("fingerprint  {}", text(&made, "fingerprint")),
        "user ID      Alice <alice@a.example>",
        "edition      RFC 9580 (version 6)",
        "secret part  unlocked",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }

    let old = ["--no-passphrase", "--profile", "rfc4880", "--valid", "0"];
    generate(&place, "old", &old).ok();
    let said = inspect(&place, "old.key");
    assert!(said.contains("RFC 4880 (version 4)"), "{said}");
    assert!(said.contains("expires      never"), "{said}");

    let generate = ["key", "generate", ALICE, "--no-passphrase", "--out", "-"];
    let piped = place
        .run(generate.iter().chain(&["--revocation", "piped.rev"]))
        .ok();
    assert!(piped.stderr.contains("made the key"), "{piped:?}");
    let inspected = place.run_with(&piped.stdout, ["key", "inspect", "-"]).ok();
    assert!(inspected.stdout.ends_with(b"secret part  unlocked\n"));
}

#[test]
fn generate_overwrites_nothing_and_wants_a_passphrase() {
    let place = unlocked();
    let before = (read(&place, "alice.key"), read(&place, "alice.rev"));
    let generate = ["key", "generate", ALICE, "--no-passphrase"];
    for (out, revocation, word) in [
        ("alice.key", "new", "alice.key exists"),
        ("new", "alice.rev", "alice.rev exists"),
        ("new", "new", "the same file"),
        ("new", "./new", "the same file"),
        ("new", "missing/../new", "cannot write in missing"),
        ("missing/new", "new", "cannot write in missing"),
    ] {
        place
            .run(
                generate
                    .iter()
                    .chain(&["--out", out, "--revocation", revocation]),
            )
            .fails(1, &[word]);
    }
    let generate = [
        "key",
        "generate",
        ALICE,
        "--out",
        "new",
        "--revocation",
        "rev",
    ];
    run_without_passphrase(&place, &generate).fails(1, &["MEDSHARE_PASSPHRASE"]);
    fs::write(place.path("empty"), "\n").unwrap();
    place
        .run(generate.iter().chain(&["--passphrase-file", "empty"]))
        .fails(1, &["passphrase is empty"]);
    assert_eq!(
        before,
        (read(&place, "alice.key"), read(&place, "alice.rev"))
    );
    assert!(!place.path("new").exists() && !place.path("rev").exists());
}

#[test]
fn passwd_changes_the_passphrase() {
    let place = locked();
    fs::write(place.path("new"), "another\n").unwrap();
    fs::write(place.path("empty"), "\n").unwrap();
    assert!(inspect(&place, "alice.key").contains("locked by a passphrase"));
    let key = read(&place, "alice.key");
    let passwd = ["key", "passwd", "alice.key"];
    let fails = |more: &[&str], words: &[&str]| {
        place.run(passwd.iter().chain(more)).fails(1, words);
        assert!(read(&place, "alice.key") == key, "{more:?}");
    };
    fails(
        &["--new-passphrase-file", "new", "--passphrase-file", "wrong"],
        &["alice.key", "wrong passphrase"],
    );
    fails(&["--new-passphrase-file", "empty"], &["is empty"]);
    fails(&["--new-passphrase-file", "none"], &["none"]);
    // the environment has the old one: it never becomes the new one
    fails(&[], &["terminal", "--new-passphrase-file"]);

    place
        .run(passwd.iter().chain(&["--new-passphrase-file", "new"]))
        .ok();
    place
        .run(["key", "cert", "alice.key", "--out", "alice.pgp"])
        .ok();
    seal(&place, "alice.pgp", "alice.key", &["--out", "msg"]).fails(1, &["wrong passphrase"]);
    let new = ["--out", "msg", "--passphrase-file", "new"];
    seal(&place, "alice.pgp", "alice.key", &new).ok();
}

/// Typed twice at a terminal, which util-linux's `script` plays.
#[test]
#[cfg(target_os = "linux")]
#[allow(clippy::print_stdout, reason = "says what it leaves out")]
fn passwd_asks_at_a_terminal() {
    use std::process::Command;
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped: script (util-linux) is not installed");
        assert!(
            std::env::var_os("MEDSHARE_FORBID_SKIPS").is_none(),
            "script is missing"
        );
        return;
    }
    let place = unlocked();
    let key = read(&place, "alice.key");
    let typed = |answers: &str| {
        let passwd = format!("{} key passwd alice.key", env!("CARGO_BIN_EXE_medshare"));
        fs::write(place.path("typed"), answers).unwrap();
        Command::new("script")
            .current_dir(place.directory.path())
            .args(["--quiet", "--return", "--command", &passwd, "/dev/null"])
            .stdin(fs::File::open(place.path("typed")).unwrap())
            .env_remove("MEDSHARE_PASSPHRASE")
            .output()
            .unwrap()
    };
    let differ = typed("first\nsecond\n");
    assert_eq!(differ.status.code(), Some(1), "{differ:?}");
    assert!(read(&place, "alice.key") == key);
    let same = typed(&format!("{PASSPHRASE}\n{PASSPHRASE}\n"));
    assert!(same.status.success(), "{same:?}");
    assert!(inspect(&place, "alice.key").contains("locked by a passphrase"));
    seal(&place, "alice.pgp", "alice.key", &["--out", "msg"]).ok();
}

#[test]
fn revoke_writes_the_revoked_cert_beside_the_key() {
    let place = unlocked();
    let key = read(&place, "alice.key");
    let revoke = ["key", "revoke", "alice.key", "--reason", "retired"];
    for (out, word) in [
        ("alice.key", "the key itself"),
        ("./alice.key", "the key itself"),
        ("alice.pgp", "exists"),
        ("missing/cert", "cannot write in missing"),
    ] {
        place
            .run(revoke.iter().chain(&["--out", out]))
            .fails(1, &[word]);
        assert!(read(&place, "alice.key") == key, "{out}");
    }
    place
        .run(["key", "revoke", "alice.key", "--out", "revoked.pgp"])
        .fails(2, &["--reason"]);
    let text = ["--text", "left the clinic", "--out", "revoked.pgp"];
    assert!(!inspect(&place, "alice.pgp").contains("revoked"));
    let revoked = place.run(revoke.iter().chain(&text).chain(&["--json"]));
    let revoked = revoked.ok().json();
    let reason = common::text(&revoked, "revoked");
    for file in ["revoked.pgp", "alice.key"] {
        let said = inspect(&place, file);
        assert!(said.contains(&format!("revoked      {reason}\n")), "{said}");
    }
    assert!(reason.ends_with(": left the clinic"), "{reason}");
    let cert = place.run(["key", "inspect", "alice.pgp", "--json"]).ok();
    assert!(cert.json()["revoked"].is_null());
    assert!(read(&place, "alice.key").starts_with(b"-----BEGIN PGP PRIVATE KEY"));
    assert!(read(&place, "revoked.pgp").starts_with(b"-----BEGIN PGP PUBLIC KEY"));
    for (cert, signer) in [("revoked.pgp", "alice.key"), ("alice.pgp", "alice.key")] {
        seal(&place, cert, signer, &["--out", "msg"]).fails(1, &["is revoked", "left the clinic"]);
    }

    generate(&place, "bob", &["--no-passphrase"]).ok();
    let revoke = ["key", "revoke", "bob.key", "--reason", "compromised"];
    let piped = place.run(revoke.iter().chain(&["--out", "-"])).ok();
    assert!(piped.stdout.starts_with(b"-----BEGIN PGP PUBLIC KEY"));
    place
        .run_with(
            &piped.stdout,
            [
                "seal", "bob.rev", "--to", "-", "--signer", "bob.key", "--out", "msg",
            ],
        )
        .fails(1, &["is revoked"]);
}

#[test]
fn a_lost_key_is_revoked_by_what_generate_made() {
    let place = unlocked();
    let cert = read(&place, "alice.pgp");
    fs::rename(place.path("alice.key"), place.path("lost")).unwrap();
    let apply = [
        "key",
        "revoke",
        "alice.pgp",
        "--apply",
        "alice.rev",
        "--out",
    ];
    place
        .run(apply.iter().chain(&["alice.pgp"]))
        .fails(1, &["alice.pgp exists"]);
    place
        .run(apply.iter().chain(&["new", "--reason", "retired"]))
        .fails(2, &["--reason"]);
    generate(&place, "bob", &["--no-passphrase"]).ok();
    for (revocation, word) in [
        ("bob.rev", "expected the cert"),
        ("alice.pgp", "no revocation"),
        ("lost", "no revocation"),
        ("none", "none"),
    ] {
        place
            .run([
                "key",
                "revoke",
                "alice.pgp",
                "--apply",
                revocation,
                "--out",
                "new",
            ])
            .fails(1, &[word]);
    }
    assert!(!place.path("new").exists());
    place.run(apply.iter().chain(&["revoked.pgp"])).ok();
    assert_eq!(read(&place, "alice.pgp"), cert, "the cert that was given");
    place
        .run([
            "seal",
            "alice.rev",
            "--to",
            "revoked.pgp",
            "--signer",
            "bob.key",
            "--out",
            "msg",
        ])
        .fails(1, &["revoked.pgp", "is revoked"]);
}

#[test]
fn rotate_gives_new_subkeys_and_reads_old_messages() {
    let place = unlocked();
    let key = read(&place, "alice.key");
    let alice = Key::read(&key).unwrap();
    let policy = Policy::at(an_hour_ago() + Duration::from_secs(60));
    let mut before = Vec::new();
    Sealer::new()
        .signer(&Signer::new(&alice, &policy).unwrap())
        .recipient(&Recipient::new(&alice.cert(), &policy).unwrap())
        .seal(&b"a scan"[..], &mut before)
        .unwrap();
    fs::write(place.path("before"), before).unwrap();
    let said = place.run(["key", "rotate", "alice.key"]).ok();
    assert!(
        String::from_utf8(said.stdout)
            .unwrap()
            .contains("medshare key cert"),
        "says where the cert is"
    );
    assert!(read(&place, "alice.key") != key);
    place
        .run(["key", "cert", "alice.key", "--out", "rotated.pgp"])
        .ok();
    assert!(read(&place, "rotated.pgp").len() > read(&place, "alice.pgp").len());
    seal(&place, "rotated.pgp", "alice.key", &["--out", "after"]).ok();
    let open = [
        "open",
        "--key",
        "alice.key",
        "--from",
        "rotated.pgp",
        "--out",
        "-",
    ];
    let opened = place.run(open.iter().chain(&["before"])).ok();
    assert_eq!(opened.stdout, b"a scan");
    place.run(open.iter().chain(&["after"])).ok();
    // signed by a subkey that the old cert does not have
    place
        .run([
            "open",
            "after",
            "--key",
            "alice.key",
            "--from",
            "alice.pgp",
            "--out",
            "opened",
        ])
        .fails(3, &["unknown"]);
    place
        .run(["key", "rotate", "alice.pgp"])
        .fails(1, &["no secret part"]);
}

#[test]
fn extend_moves_the_expiry() {
    let place = unlocked();
    fs::copy(place.path("alice.key"), place.path("copy.key")).unwrap();
    let expires = |file: &str| {
        let said = place.run(["key", "inspect", file, "--json"]).ok().json();
        said["expires"].as_str().map(str::to_owned)
    };
    let first = expires("alice.key").unwrap();
    place
        .run(["key", "extend", "copy.key", "--valid", "9000"])
        .ok();
    assert!(expires("copy.key").unwrap() > first);
    place
        .run(["key", "extend", "alice.key", "--valid", "0"])
        .ok();
    assert_eq!(expires("alice.key"), None);
    let cert = place.run(["key", "cert", "alice.key"]).ok();
    fs::write(place.path("alice.pgp"), cert.stdout).unwrap();
    assert_eq!(expires("alice.pgp"), None);
    place
        .run(["key", "extend", "alice.key"])
        .fails(2, &["--valid"]);
}

#[test]
fn a_locked_key_is_changed_by_who_knows_its_passphrase() {
    let place = locked();
    let key = read(&place, "alice.key");
    let changes: [&[&str]; 3] = [
        &["key", "rotate", "alice.key"],
        &["key", "extend", "alice.key", "--valid", "9"],
        &[
            "key",
            "revoke",
            "alice.key",
            "--reason",
            "retired",
            "--out",
            "revoked.pgp",
        ],
    ];
    for change in changes {
        place
            .run(change.iter().chain(&["--passphrase-file", "wrong"]))
            .fails(1, &["alice.key", "wrong passphrase"]);
        run_without_passphrase(&place, change).fails(1, &["MEDSHARE_PASSPHRASE"]);
        assert!(read(&place, "alice.key") == key, "{change:?}");
        assert!(!place.path("revoked.pgp").exists(), "{change:?}");
    }
    for change in changes {
        place.run(change).ok();
        assert!(inspect(&place, "alice.key").contains("locked by a passphrase"));
    }
}

#[test]
fn cert_and_inspect_show_what_is_public() {
    let place = unlocked();
    let cert = read(&place, "alice.pgp");
    assert!(cert.starts_with(b"-----BEGIN PGP PUBLIC KEY"));
    let printed = place.run(["key", "cert", "alice.key"]).ok();
    assert_eq!(printed.stdout, cert);
    let object = place
        .run(["key", "cert", "alice.key", "--json"])
        .ok()
        .json();
    assert_eq!(text(&object, "cert").as_bytes(), cert);
    place
        .run(["key", "cert", "alice.key", "--out", "alice.key"])
        .fails(1, &["alice.key exists"]);
    assert!(inspect(&place, "alice.pgp").contains("secret part  none"));
    assert!(inspect(&place, "alice.key").contains("secret part  unlocked"));
    fs::write(place.path("letter"), "Dear colleague").unwrap();
    for command in ["cert", "inspect"] {
        place
            .run(["key", command, "letter"])
            .fails(1, &["letter is no cert"]);
        place.run(["key", command, "none"]).fails(1, &["none"]);
    }
}

/// `key extend` had read the key and waited for its passphrase while `rotate-key` told the ledger of a new one; then it wrote the old key
/// over the new one, which nobody had any more.
#[test]
#[cfg(unix)]
fn one_command_at_a_time_changes_a_key() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let place = Place::empty();
    place.init("city").ok();
    let pipe = place.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let extend = ["key", "extend", "city/key.pgp", "--valid", "0"];
    let waiting = program(place.directory.path())
        .args(extend.iter().chain(&["--passphrase-file", "pipe"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // opens when the command reads its passphrase
    let mut passphrase = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let before = read(&place, "city/key.pgp");
    let rotate = ["rotate-key", "--home", "city"];
    let passwd = [
        "key",
        "passwd",
        "city/key.pgp",
        "--new-passphrase-file",
        "pipe",
    ];
    for command in [&rotate[..], &extend, &passwd] {
        place
            .run(command)
            .fails(1, &["city/key.pgp", "another command changes this key"]);
        assert!(read(&place, "city/key.pgp") == before, "{command:?}");
    }
    passphrase.write_all(PASSPHRASE.as_bytes()).unwrap();
    drop(passphrase);
    Ran::of(waiting.wait_with_output().unwrap()).ok();
    assert!(read(&place, "city/key.pgp") != before);
    // the second is signed by what the first one made: the home has the key that the ledger knows
    place.run(rotate).ok();
    place.run(rotate).ok();
}

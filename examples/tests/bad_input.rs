//! Bad input: an exit code, a message that says what was expected and found, and nothing half-written.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use pgp_envelope::{Key, KeyOptions};

mod common;
use common::served::Served;
use common::{Place, image, program, text, tiff};

fn share(place: &Place, file: &str, to: &str) -> common::Ran {
    place.run(["share", "--home", "alice", file, "--to", to])
}

#[test]
fn files_that_cannot_be_shared() {
    let place = Place::new();
    share(&place, "missing.dcm", "bob.pgp").fails(1, &["missing.dcm", "No such file"]);
    share(&place, "shared", "bob.pgp").fails(1, &["is a directory"]);

    let ct = fs::read(image("CT_small.dcm")).unwrap();
    fs::write(place.path("cut.dcm"), &ct[..ct.len() / 2]).unwrap();
    share(&place, "cut.dcm", "bob.pgp").fails(1, &["cut.dcm", "needs", "are there"]);

    fs::write(
        place.path("letter.dcm"),
        "Dear colleague, please find attached",
    )
    .unwrap();
    share(&place, "letter.dcm", "bob.pgp").fails(1, &["letter.dcm", "Dear colleague"]);

    fs::write(place.path("empty.dcm"), "").unwrap();
    share(&place, "empty.dcm", "bob.pgp").fails(1, &["empty.dcm", "empty file"]);

    fs::write(place.path("tiny.tif"), tiff(16, 16)).unwrap();
    share(&place, "tiny.tif", "bob.pgp").fails(1, &["too small", "it holds", "are needed"]);

    // PixelData that claims 4 GB in a file of 1 KB
    let mut claims = ct[..1024].to_vec();
    claims.extend([
        0xe0, 0x7f, 0x10, 0x00, b'O', b'W', 0, 0, 0xf0, 0xff, 0xff, 0xff,
    ]);
    fs::write(place.path("claims.dcm"), claims).unwrap();
    share(&place, "claims.dcm", "bob.pgp").fails(1, &["claims.dcm"]);

    let log = place.run(["log", "--json", "--home", "alice"]).ok().json();
    assert_eq!(
        log["shares"].as_array().unwrap().len(),
        0,
        "nothing was recorded"
    );
}

#[test]
fn receivers_that_cannot_receive() {
    let place = Place::new();
    let ct = image("CT_small.dcm");
    let ct = ct.to_str().unwrap();
    share(&place, ct, "nobody.pgp").fails(1, &["nobody.pgp"]);
    share(&place, ct, ct).fails(1, &["OpenPGP cert"]);

    let write = |name: &str, key: &Key| {
        fs::write(place.path(name), key.cert().to_armored()).unwrap();
    };
    let unknown = Key::generate(&KeyOptions::new("unknown <u@example.org>")).unwrap();
    write("unknown.pgp", &unknown.key);
    share(&place, ct, "unknown.pgp").fails(1, &["no member", "medshare enroll"]);

    let created = SystemTime::now() - Duration::from_secs(400 * 86_400);
    let options = KeyOptions::new("expired <e@example.org>")
        .created(created)
        .validity(Some(Duration::from_secs(86_400)));
    write("expired.pgp", &Key::generate(&options).unwrap().key);
    share(&place, ct, "expired.pgp").fails(1, &["expired"]);
    place
        .run(["enroll", "--home", "city", "expired.pgp"])
        .fails(1, &["expired"]);

    let made = Key::generate(&KeyOptions::new("revoked <r@example.org>")).unwrap();
    let cert = made.key.cert();
    let revoked = cert.apply_revocation(&made.revocation).unwrap();
    fs::write(place.path("revoked.pgp"), revoked.to_armored()).unwrap();
    let fp = cert.fingerprint().to_string();
    share(&place, ct, "revoked.pgp").fails(1, &[&fp, "is revoked"]);
    fs::write(place.path("alice.key"), made.key.to_armored().as_bytes()).unwrap();
    place
        .run(["seal", "bob.pgp", "--signer", "alice.key"])
        .fails(2, &["--to", "--out"]);
    let seal = ["seal", "bob.pgp", "--signer", "alice.key", "--out", "msg"];
    let to = |cert| seal.into_iter().chain(["--to", cert]);
    place
        .run(to("revoked.pgp"))
        .fails(1, &["revoked.pgp", &fp, "is revoked"]);
    // one good receiver does not carry a bad one
    place
        .run(to("bob.pgp").chain(["--to", "revoked.pgp"]))
        .fails(1, &["revoked.pgp", "is revoked"]);
    assert!(!place.path("msg").exists(), "nothing was written");

    place
        .run(["share", "--home", "alice", ct])
        .fails(2, &["--to"]);
    place
        .run(["share", "--home", "nowhere", ct, "--to", "bob.pgp"])
        .fails(1, &["no home", "medshare init"]);
}

#[test]
fn shares_that_do_not_exist() {
    let place = Place::new();
    let verdict = place
        .receive("bob", &"ab".repeat(32), "out")
        .fails(3, &["step 1"])
        .json();
    assert_eq!(verdict["step"], 1);
    place
        .receive("bob", "abcd1234", "out")
        .fails(3, &["no approved block"]);
    place.receive("bob", "zz", "out").fails(1, &["hexadecimal"]);
    assert!(!place.path("out").exists());
}

#[test]
fn a_damaged_or_missing_store() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share_id = text(&shared, "share_id");
    // one bit of every file that holds blocks
    let mut files = Vec::new();
    collect(&place.path("shared/store"), &mut files);
    let mut rejected = 0;
    for file in files {
        let bytes = fs::read(&file).unwrap();
        if bytes.len() < 1000 {
            continue;
        }
        let mut damaged = bytes.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        overwrite(&file, &damaged);
        let ran = place.receive("bob", share_id, "out");
        if ran.code == 3 {
            let verdict = ran.fails(3, &["rejected"]).json();
            // step 4 when the block is one of the sender's cert
            assert!(verdict["step"] == 3 || verdict["step"] == 4, "{verdict}");
            rejected += u32::from(verdict["step"] == 3);
            assert!(!place.path("out").exists());
        } else {
            // a bit that nobody reads, or an index that no longer holds together
            assert!(ran.code == 0 || ran.code == 1, "{ran:?}");
            let _ = fs::remove_file(place.path("out"));
        }
        overwrite(&file, &bytes);
    }
    assert!(rejected > 0, "no file of the store held a block");
    place.receive("bob", share_id, "out").ok();

    fs::rename(place.path("shared/store"), place.path("shared/moved")).unwrap();
    place.receive("bob", share_id, "out2").fails(3, &["step 3"]);
    assert!(!place.path("out2").exists());
}

fn collect(directory: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn overwrite(path: &Path, bytes: &[u8]) {
    let permissions = fs::metadata(path).unwrap().permissions();
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, permissions).unwrap();
}

#[test]
fn ledgers_that_are_not_this_homes() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share_id = text(&shared, "share_id");

    // another chain at the same place
    let other = Place::new();
    fs::rename(place.path("shared/ledger.redb"), place.path("kept.redb")).unwrap();
    fs::copy(
        other.path("shared/ledger.redb"),
        place.path("shared/ledger.redb"),
    )
    .unwrap();
    place
        .receive("bob", share_id, "out")
        .fails(1, &["holds the ledger", "expected the ledger"]);

    // no ledger at all, and a file that is none
    fs::remove_file(place.path("shared/ledger.redb")).unwrap();
    place
        .receive("bob", share_id, "out")
        .fails(1, &["no ledger"]);
    fs::write(place.path("shared/ledger.redb"), "x".repeat(10_000)).unwrap();
    place
        .receive("bob", share_id, "out")
        .fails(1, &["no ledger"]);

    // a ledger that was rolled back to before what was seen
    fs::copy(place.path("kept.redb"), place.path("shared/ledger.redb")).unwrap();
    place.receive("bob", share_id, "out").ok();
    place.receive("bob", share_id, "out").ok();
    fs::copy(place.path("kept.redb"), place.path("shared/ledger.redb")).unwrap();
    let verdict = place
        .receive("bob", share_id, "out")
        .fails(3, &["rolled back"])
        .json();
    assert_eq!(verdict["step"], 1);
}

#[test]
fn homes_are_not_overwritten() {
    let place = Place::empty();
    place.init("alice").ok();
    let key = fs::read(place.path("alice/key.pgp")).unwrap();
    place.init("alice").fails(1, &["is a home already"]);
    assert_eq!(fs::read(place.path("alice/key.pgp")).unwrap(), key);
    fs::create_dir(place.path("full")).unwrap();
    fs::write(place.path("full/letter"), "").unwrap();
    place.init("full").fails(1, &["not empty"]);
    let trust = text(&place.init("bob").ok_json(), "log_key").to_owned();
    assert!(trust.starts_with("medshare/"), "{trust}");
}

impl common::Ran {
    /// `init` without `--json` prints the ledger key on a line of its own.
    fn ok_json(self) -> serde_json::Value {
        let ran = self.ok();
        let said = String::from_utf8(ran.stdout).unwrap();
        let key = said
            .lines()
            .find_map(|line| line.strip_prefix("ledger key   "))
            .unwrap();
        serde_json::json!({ "log_key": key })
    }
}

/// A file system of 256 KiB that fills up while a share is stored, and one that is full when it is received.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let place = Place::new();
    let small = place.path("small");
    fs::create_dir(&small).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(&small)
        .output();
    if !mounted.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED a_full_disk: mounting a small file system needs root ({mounted:?})");
        assert!(
            std::env::var_os("MEDSHARE_FORBID_SKIPS").is_none(),
            "skipping is forbidden"
        );
        return;
    }
    let _unmount = Unmount(&small);
    place
        .run([
            "init",
            "--home",
            "carol",
            "--name",
            "carol",
            "--email",
            "carol@hospital.example",
            "--ledger",
            "shared/ledger.redb",
            "--store",
            "small/store",
        ])
        .ok();
    place
        .run(["cert", "--home", "carol", "--out", "carol.pgp"])
        .ok();
    place.run(["enroll", "--home", "city", "carol.pgp"]).ok();
    fs::write(place.path("large.tif"), tiff(800, 800)).unwrap();
    place
        .run(["share", "--home", "carol", "large.tif", "--to", "bob.pgp"])
        .fails(1, &["No space left"]);
    let log = place.run(["log", "--json", "--home", "carol"]).ok().json();
    assert_eq!(
        log["shares"].as_array().unwrap().len(),
        0,
        "nothing was recorded"
    );

    let shared = place.share(&place.path("large.tif"));
    place
        .receive("bob", text(&shared, "share_id"), "small/received.tif")
        .fails(1, &["No space left"]);
    let left: Vec<_> = fs::read_dir(&small)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["store"], "nothing half-written");
}

#[cfg(target_os = "linux")]
struct Unmount<'a>(&'a Path);

#[cfg(target_os = "linux")]
impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0).status();
    }
}

#[test]
#[cfg(not(feature = "gpg-agent"))]
fn a_gpg_agent_that_this_build_does_not_ask() {
    let place = Place::new();
    let cert = "bob.pgp";
    let seal = ["seal", cert, "--to", cert, "--signer", "agent:bob.pgp"];
    place
        .run(seal.into_iter().chain(["--out", "msg"]))
        .fails(1, &["--features gpg-agent"]);
    let open = ["open", cert, "--from", cert, "--key", "agent:bob.pgp"];
    place
        .run(open.into_iter().chain(["--out", "opened"]))
        .fails(1, &["--features gpg-agent"]);
    assert!(!place.path("msg").exists() && !place.path("opened").exists());
}

/// A mistyped path, or a share that was not mounted: another ledger was founded there before its key was compared.
#[test]
fn a_ledger_whose_key_is_known_is_not_founded() {
    let place = Place::empty();
    let trust = text(&place.init("city").ok_json(), "log_key").to_owned();
    let init = [
        "init",
        "--home",
        "dora",
        "--name",
        "d",
        "--email",
        "d@d.example",
    ];
    let at = ["--no-passphrase", "--ledger", "missing/ledger.redb"];
    let ran = place.run(init.iter().chain(&at).chain(&["--trust", &trust]));
    ran.fails(1, &["no ledger at", "missing/ledger.redb"]);
    assert!(!place.path("missing").exists() && !place.path("dora").exists());
}

/// A home was begun, and had a key, before a file that `init` was told of was found missing: the command could not be repeated.
#[test]
fn a_home_is_begun_when_all_that_init_is_told_is_there() {
    let place = Place::empty();
    fs::write(place.path("letter"), "Dear Dora").unwrap();
    let witness = place.run([
        "init",
        "--home",
        "w",
        "--name",
        "w",
        "--email",
        "w",
        "--no-passphrase",
    ]);
    witness.ok();
    let served = Served::with(&place, "w", &["--witness-name", "w.example/w"]);
    let (key, _) = served.witness.as_deref().unwrap().split_once('@').unwrap();
    let init = [
        "init",
        "--home",
        "dora",
        "--name",
        "d",
        "--email",
        "d@d.example",
        "--no-passphrase",
    ];
    for (more, words) in [
        (&["--ledger-ca", "none"][..], "none"),
        (&["--store-ca", "none"], "none"),
        (&["--store-auth", "none"], "none"),
        (
            &["--store", "http://127.0.0.1:1", "--store-auth", "letter"],
            "neither bearer:TOKEN",
        ),
        (&["--authority", "none"], "none"),
        (&["--authority", "letter"], "letter"),
        (&["--witness", key], "name its URL"),
        (
            &["--ledger", &served.url, "--witness", key, "--quorum", "2"],
            "a quorum of 2 among 1",
        ),
    ] {
        place.run(init.iter().chain(more)).fails(1, &[words]);
        assert!(!place.path("dora").exists(), "{more:?}");
    }
    place.run(init).ok();
}

/// A home by an account that has none yet.
const INIT_GIL: [&str; 7] = [
    "init",
    "--home",
    "gil",
    "--name",
    "Gil",
    "--email",
    "g@g.example",
];

/// `init` founded a ledger of its own where every other command would have used the one that the environment names.
#[test]
fn init_uses_the_ledger_and_the_store_that_the_environment_names() {
    let place = Place::empty();
    place.init("city").ok();
    let ran = program(place.directory.path())
        .args(INIT_GIL)
        .arg("--json")
        .env("MEDSHARE_LEDGER", "shared/ledger.redb")
        .env("MEDSHARE_STORE", "shared/store")
        .output()
        .unwrap();
    let made = common::Ran::of(ran).ok().json();
    assert_eq!(made["founded"], false);
    let ledger = place.path("shared/ledger.redb");
    assert_eq!(Path::new(text(&made, "ledger")), ledger);
    assert_eq!(Path::new(text(&made, "store")), place.path("shared/store"));
    place.run(["log", "--home", "gil"]).ok();
}

/// The decoder's own words were shown: `Mismatch { name: "map", found: 45 }`.
#[test]
fn a_file_that_is_no_proof() {
    let place = Place::new();
    let share = place.share(&image("CT_small.dcm"));
    let prove = ["prove", "--home", "alice", text(&share, "share_id")];
    // the result is on stdout, unless the proof is
    let proven = place.run(prove.iter().chain(&["--out", "proof"])).ok();
    assert!(proven.text().contains("that prove share"), "{proven:?}");
    assert!(proven.stderr.is_empty(), "{proven:?}");
    let config = fs::read(place.path("alice/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let trust = text(&config, "log_key");
    let mut proof = fs::read(place.path("proof")).unwrap();
    assert!(place.run(prove).ok().stdout == proof);
    proof.push(0);
    fs::write(place.path("longer"), proof).unwrap();
    for file in ["alice.pgp", "longer"] {
        let words = [file, "no proof that `medshare prove` wrote"];
        let refused = place
            .run(["check-proof", file, "--trust", trust])
            .fails(3, &words);
        assert!(!refused.stderr.contains("Mismatch"), "{refused:?}");
        assert!(!refused.stderr.contains("TrailingData"), "{refused:?}");
    }
}

/// It said to rename the new key over the old one, which nobody had been told of.
#[test]
fn rotate_key_with_a_wrong_passphrase_says_that_and_no_more() {
    let place = Place::empty();
    place.init("city").ok();
    // a new key waits already
    fs::copy(place.path("city/key.pgp"), place.path("city/key.next.pgp")).unwrap();
    let ran = program(place.directory.path())
        .args(["rotate-key", "--home", "city"])
        .env("MEDSHARE_PASSPHRASE", "wrong")
        .output()
        .unwrap();
    let refused = common::Ran::of(ran).fails(1, &["cannot unlock the key of city"]);
    assert!(!refused.stderr.contains("rename"), "{refused:?}");
}

/// Homes of two accounts with one ledger by path were told of a store that failed, and of no way out.
#[cfg(unix)]
#[test]
fn a_ledger_of_another_account_names_the_way_out() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;

    let place = Place::empty();
    place.init("city").ok();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let ledger = place.path("shared/ledger.redb");
    mode(&ledger, 0);
    mode(place.directory.path(), 0o777);
    let mut init = program(place.directory.path());
    init.args(INIT_GIL).args(["--ledger", "shared/ledger.redb"]);
    // root may open everything, so somebody else tries
    if fs::File::open(&ledger).is_ok() {
        init.uid(65_534);
    }
    let refused = common::Ran::of(init.output().unwrap());
    refused.fails(1, &["ledger.redb is for one account", "medshare node"]);
}

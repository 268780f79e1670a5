//! Secret keys with a gpg-agent, as a person would use them. Without GnuPG the test says that it is left out, unless
//! `MEDSHARE_FORBID_SKIPS` is set: then it fails.

#![cfg(all(feature = "gpg-agent", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what it leaves out"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::{env, fs};

use pgp_envelope::{Key, KeyOptions, Profile};

mod common;
use common::{Ran, program};

#[test]
fn an_agent_seals_and_opens() {
    if Command::new("gpg").arg("--version").output().is_err() {
        println!("skipped: GnuPG is not installed");
        assert!(
            env::var_os("MEDSHARE_FORBID_SKIPS").is_none(),
            "GnuPG is missing"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("gnupg");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    let options = KeyOptions::new("alice <a@example.org>").profile(Profile::Rfc4880);
    let key = Key::generate(&options).unwrap().key;
    fs::write(folder.path().join("alice.key"), key.to_armored().as_bytes()).unwrap();
    fs::write(folder.path().join("alice.pgp"), key.cert().to_armored()).unwrap();
    fs::write(folder.path().join("plain"), "a scan").unwrap();
    let gpg = |program: &str, args: &[&str]| {
        let status = Command::new(program)
            .current_dir(folder.path())
            .env("GNUPGHOME", &home)
            .args(args)
            .status();
        assert!(status.unwrap().success(), "{program} {args:?}");
    };
    gpg("gpg", &["--batch", "--quiet", "--import", "alice.key"]);
    fs::remove_file(folder.path().join("alice.key")).unwrap();
    let run = |args: &[&str]| {
        let mut program = program(folder.path());
        Ran::of(program.env("GNUPGHOME", &home).args(args).output().unwrap())
    };
    let keeper = "agent:alice.pgp";
    run(&[
        "seal",
        "plain",
        "--to",
        "alice.pgp",
        "--signer",
        keeper,
        "--out",
        "msg",
    ])
    .ok();
    let open = [
        "open",
        "msg",
        "--key",
        keeper,
        "--from",
        "alice.pgp",
        "--out",
        "opened",
    ];
    run(&open).ok();
    assert_eq!(fs::read(folder.path().join("opened")).unwrap(), b"a scan");
    let stranger = Key::generate(&options).unwrap().key.cert();
    fs::write(folder.path().join("other.pgp"), stranger.to_armored()).unwrap();
    run(&[
        "seal",
        "plain",
        "--to",
        "alice.pgp",
        "--signer",
        "agent:other.pgp",
        "--out",
        "other",
    ])
    .fails(1, &["signing"]);
    gpg("gpgconf", &["--kill", "all"]);
}

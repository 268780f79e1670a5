//! What the program writes to files, pipes and standard output, and what it leaves alone.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::process::{Command, Stdio};

mod common;
use common::{PASSPHRASE, Place, Ran, image, program};

/// Whatever went wrong, FILE was removed, also where somebody else had written it.
#[test]
#[cfg(unix)]
fn a_file_of_others_is_not_signed_into() {
    use std::io::Write as _;
    let place = Place::new();
    let phantom = image("phantom.png");
    let share = ["share", "--home", "alice", "--to", "bob.pgp"];
    let file = [phantom.to_str().unwrap(), "--sign-only", "signed"];
    let share = [&share[..], &file].concat();
    let pipe = place.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let sharing = program(place.directory.path())
        .args(share.iter().chain(&["--passphrase-file", "pipe"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // opens when the command reads its passphrase; the ledger is away when it signs
    let mut passphrase = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let (ledger, away) = (place.path("shared/ledger.redb"), place.path("away"));
    fs::rename(&ledger, &away).unwrap();
    fs::write(place.path("signed"), "of others").unwrap();
    passphrase.write_all(PASSPHRASE.as_bytes()).unwrap();
    drop(passphrase);
    Ran::of(sharing.wait_with_output().unwrap()).fails(1, &["no ledger"]);
    assert_eq!(fs::read(place.path("signed")).unwrap(), b"of others");
    let kept = fs::read_dir(place.path("alice/shares")).unwrap();
    assert_eq!(kept.count(), 0, "of a share that was not signed");

    fs::rename(&away, &ledger).unwrap();
    place
        .run(share)
        .fails(1, &["signed exists and is not overwritten"]);
    assert_eq!(fs::read(place.path("signed")).unwrap(), b"of others");
}

//! What a command that is interrupted leaves behind: nothing.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

mod common;
use common::{Place, image, program, text};

fn temporary(place: &Place) -> Vec<String> {
    fs::read_dir(place.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".medshare-"))
        .collect()
}

/// Each interrupted `receive` left an empty hidden file beside `--out`, whatever it was doing.
#[test]
fn receive_makes_no_file_before_it_has_verified() {
    let place = Place::new();
    let share = place.share(&image("CT_small.dcm"));
    let pipe = place.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let receive = ["receive", "--home", "bob", text(&share, "share_id")];
    let mut waiting = program(place.directory.path())
        .args(receive)
        .args(["--out", "out", "--passphrase-file", "pipe"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // opens when the command reads its passphrase, which it needs to verify anything
    let passphrase = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let left = temporary(&place);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    drop(passphrase);
    assert!(left.is_empty(), "{left:?}");

    // that the place can be written is known before, all the same
    let nowhere = ["--out", "nowhere/out"];
    place
        .run(receive.iter().chain(&nowhere))
        .fails(1, &["cannot write in nowhere"]);
}

#[test]
fn a_signal_removes_what_is_being_written() {
    let place = Place::empty();
    place.init("alice").ok();
    place.run(["cert", "--home", "alice", "--out", "to"]).ok();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut sealing = program(place.directory.path())
            .args(["seal", "-", "--to", "to", "--signer", "alice/key.pgp"])
            .args(["--out", "sealed"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = sealing.stdin.take().unwrap();
        stdin.write_all(&vec![7; 8 << 20]).unwrap();
        let begun = Instant::now();
        while temporary(&place).is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing written");
            thread::sleep(Duration::from_millis(10));
        }
        let kill = ["-s", signal, &sealing.id().to_string()];
        assert!(Command::new("kill").args(kill).status().unwrap().success());
        let ended = sealing.wait().unwrap();
        assert_eq!(ended.code(), Some(code), "{ended}");
        assert!(temporary(&place).is_empty());
        assert!(!place.path("sealed").exists());
    }
}

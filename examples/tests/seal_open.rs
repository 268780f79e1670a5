//! `seal` and `open` as they are run: what is rejected leaves nothing behind, and standard streams are files too.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use medshare_verify::file_digest;
use pgp_envelope::{Cert, Key, KeyOptions, Policy, Recipient, Sealer, Signer, danger};

mod common;
use common::{Place, Ran, program, text};

/// More than [`Policy`] lets wait in memory until it is verified.
const LARGE: usize = 17 << 20;

/// Keys without passphrases, and their certs, for Alice, Bob and Mallory.
fn people() -> Place {
    let place = Place::empty();
    for name in ["alice", "bob", "mallory"] {
        let options = KeyOptions::new(format!("{name} <{name}@hospital.example>"));
        let key = Key::generate(&options).unwrap().key;
        fs::write(place.path(&format!("{name}.key")), &*key.to_armored()).unwrap();
        fs::write(place.path(&format!("{name}.pgp")), key.cert().to_armored()).unwrap();
    }
    place
}

fn seal(place: &Place, signer: &str, more: &[&str]) -> Ran {
    let seal = ["seal", "scan", "--to", "bob.pgp", "--signer", signer];
    place.run(seal.iter().chain(more))
}

const OPEN: [&str; 5] = ["open", "--key", "bob.key", "--from", "alice.pgp"];

fn open(place: &Place, message: &str, out: &str) -> Ran {
    place.run(OPEN.into_iter().chain([message, "--out", out]))
}

fn names(place: &Place) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(place.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Exit code 3 and these words; nothing at `--out`, nothing beside it, nothing on stdout.
#[track_caller]
fn rejects(place: &Place, message: &[u8], words: &str) {
    fs::write(place.path("message"), message).unwrap();
    fs::write(place.path("there"), "was there before").unwrap();
    let before = names(place);
    for out in ["opened", "there", "-"] {
        let ran = open(place, "message", out).fails(3, &["rejected", words]);
        assert_eq!(ran.stdout, b"", "{out}: {words}");
        assert_eq!(names(place), before, "{out}: {words}");
    }
    assert_eq!(fs::read(place.path("there")).unwrap(), b"was there before");
    let piped = OPEN.into_iter().chain(["-", "--out", "-"]);
    let ran = place.run_with(message, piped).fails(3, &[words]);
    assert_eq!(ran.stdout, b"", "stdin: {words}");
    let verdict = place
        .run(
            OPEN.into_iter()
                .chain(["message", "--out", "opened", "--json"]),
        )
        .fails(3, &[words])
        .json();
    assert_eq!(text(&verdict, "verdict"), "rejected");
    assert!(text(&verdict, "reason").contains(words), "{verdict}");
}

#[test]
fn a_rejected_message_leaves_nothing_anywhere() {
    let place = people();
    fs::write(place.path("scan"), "a scan").unwrap();
    seal(&place, "alice.key", &["--out", "sealed"]).ok();
    let sealed = fs::read(place.path("sealed")).unwrap();
    open(&place, "sealed", "opened").ok();
    assert_eq!(fs::read(place.path("opened")).unwrap(), b"a scan");
    fs::remove_file(place.path("opened")).unwrap();

    let (_, short) = sealed.split_last().unwrap();
    rejects(&place, short, "truncated");
    rejects(&place, &flipped(&sealed), "tampered");
    rejects(&place, &[&sealed[..], b"more"].concat(), "bytes follow");

    seal(&place, "mallory.key", &["--out", "forged"]).ok();
    let forged = fs::read(place.path("forged")).unwrap();
    rejects(&place, &forged, "unknown");

    let bob = Cert::read(&fs::read(place.path("bob.pgp")).unwrap()).unwrap();
    let policy = Policy::now();
    let mut unsigned = Vec::new();
    let mut sealer = Sealer::new().recipient(&Recipient::new(&bob, &policy).unwrap());
    danger::seal_unsigned(&mut sealer, &b"a scan"[..], &mut unsigned).unwrap();
    rejects(&place, &unsigned, "not signed");

    // for somebody else
    let alice = Key::read(&fs::read(place.path("alice.key")).unwrap()).unwrap();
    let mut other = Vec::new();
    Sealer::new()
        .signer(&Signer::new(&alice, &policy).unwrap())
        .recipient(&Recipient::new(&alice.cert(), &policy).unwrap())
        .seal(&b"a scan"[..], &mut other)
        .unwrap();
    rejects(&place, &other, "not for any key at hand");
}

/// Plaintext that waited in a file beside `--out` goes with its rejection.
#[test]
fn a_large_rejected_message_leaves_nothing_either() {
    let place = people();
    fs::write(place.path("scan"), vec![7; LARGE]).unwrap();
    seal(&place, "alice.key", &["--out", "sealed"]).ok();
    let sealed = fs::read(place.path("sealed")).unwrap();
    rejects(&place, &flipped(&sealed), "tampered");
    rejects(&place, &sealed[..sealed.len() - 1], "truncated");
    open(&place, "sealed", "opened").ok();
    assert!(fs::read(place.path("opened")).unwrap() == vec![7; LARGE]);
}

/// One bit of the last byte, which closes the encrypted content.
fn flipped(message: &[u8]) -> Vec<u8> {
    let mut flipped = message.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    flipped
}

#[test]
fn hidden_recipients_are_not_named() {
    let place = people();
    fs::write(place.path("scan"), "a scan").unwrap();
    let cert = Cert::read(&fs::read(place.path("bob.pgp")).unwrap()).unwrap();
    let subkeys = subkeys(&cert.to_bytes());
    assert_eq!(subkeys.len(), 2, "for signing, and for encryption");
    let named = |message: &str| {
        let message = fs::read(place.path(message)).unwrap();
        let is_in = |fp: &[u8]| message.windows(fp.len()).any(|window| window == fp);
        // the first eight bytes are the key id of version 6
        let ids = subkeys.iter().filter(|fp| is_in(&fp[..8])).count();
        let whole = subkeys.iter().filter(|fp| is_in(&fp[..])).count();
        (ids, whole, is_in(&cert.fingerprint().as_bytes()[..8]))
    };
    seal(&place, "alice.key", &["--out", "named"]).ok();
    assert_eq!(named("named"), (1, 1, false), "the one for encryption");
    seal(
        &place,
        "alice.key",
        &["--out", "hidden", "--hidden-recipients"],
    )
    .ok();
    assert_eq!(named("hidden"), (0, 0, false));
    for message in ["named", "hidden"] {
        let opened = open(&place, message, "-").ok();
        assert_eq!(opened.stdout, b"a scan", "{message}");
    }
    place
        .run(
            ["open", "hidden", "--key", "mallory.key", "--from"]
                .iter()
                .chain(&["alice.pgp", "--out", "opened"]),
        )
        .fails(3, &["not for any key at hand"]);
}

/// The fingerprints of the subkeys of a version 6 cert: SHA-256 of 0x9b, the length of the packet's body, and the body (RFC
/// 9580 section 5.5.4.3).
fn subkeys(mut cert: &[u8]) -> Vec<[u8; 32]> {
    let mut found = Vec::new();
    while let [tag, rest @ ..] = cert {
        // lengths in one or two bytes (section 4.2.1)
        let (len, rest) = match *rest {
            [len @ ..192, ref rest @ ..] => (usize::from(len), rest),
            [high @ 192..224, low, ref rest @ ..] => (
                (usize::from(high) - 192) * 256 + usize::from(low) + 192,
                rest,
            ),
            _ => panic!("a length that this test does not read"),
        };
        let (body, rest) = rest.split_at(len);
        if *tag == 0xc0 | 14 {
            let length = u32::try_from(len).unwrap().to_be_bytes();
            let hashed = [&[0x9b][..], &length, body].concat();
            found.push(*file_digest(&hashed).as_bytes());
        }
        cert = rest;
    }
    found
}

#[test]
fn an_older_edition_by_choice() {
    let place = people();
    fs::write(place.path("scan"), "a scan").unwrap();
    let container = |more: &[&str]| {
        let sealed = seal(&place, "alice.key", &[&["--json"], more].concat());
        text(&sealed.ok().json(), "container").to_owned()
    };
    assert!(container(&["--out", "new"]).starts_with("SeipdV2"));
    let old = ["--out", "old", "--profile", "rfc4880"];
    assert_eq!(container(&old), "SeipdV1");
    for message in ["new", "old"] {
        assert_eq!(open(&place, message, "-").ok().stdout, b"a scan");
    }
    let old = fs::read(place.path("old")).unwrap();
    rejects(&place, &flipped(&old), "tampered");
    seal(&place, "alice.key", &["--out", "x", "--profile", "pgp5"]).fails(2, &["rfc4880"]);
}

#[test]
fn standard_streams_are_files_too() {
    let place = people();
    let seal = ["seal", "-", "--to", "bob.pgp", "--signer", "alice.key"];
    let sealed = place
        .run_with(b"a scan", seal.iter().chain(&["--out", "-"]))
        .ok();
    assert!(sealed.stderr.contains("sealed for 1"), "{}", sealed.stderr);
    let opened = place
        .run_with(&sealed.stdout, OPEN.into_iter().chain(["-", "--out", "-"]))
        .ok();
    assert_eq!(opened.stdout, b"a scan");
    assert!(opened.stderr.contains("signed by"), "{}", opened.stderr);
    for out in [&seal[..], &[&OPEN[..], &["-"]].concat()] {
        place
            .run(out.iter().chain(&["--out", "-", "--json"]))
            .fails(1, &["--json", "name a file instead of -"]);
    }
}

/// The message flows while there is more to seal: it is never held whole.
#[test]
fn sealing_to_stdout_does_not_wait_for_the_end() {
    let place = people();
    let mut child = program(place.directory.path())
        .args(["seal", "-", "--to", "bob.pgp", "--signer", "alice.key"])
        .args(["--out", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut message = vec![0; 2 << 20];
        stdout.read_exact(&mut message).unwrap();
        let _ = tell.send(());
        stdout.read_to_end(&mut message).unwrap();
        message
    });
    let plain = vec![7; LARGE];
    stdin.write_all(&plain).unwrap();
    let flowed = told.recv_timeout(Duration::from_secs(60));
    drop(stdin);
    assert!(child.wait().unwrap().success());
    fs::write(place.path("sealed"), reader.join().unwrap()).unwrap();
    assert!(flowed.is_ok(), "nothing came before the end of stdin");
    assert!(open(&place, "sealed", "-").ok().stdout == plain);
}

//! Memory stays constant, however long the stream is: 256 MiB here, 2 GiB with `MEDSHARE_LONG` set.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod people;

use std::fs::{self, File};
use std::io::{self, Read};

use pgp_envelope::{Opener, Policy, Recipient, Sealer, Signer};

use people::{key, policy};

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_long_stream_takes_less_than_64_mib() {
    let len = if std::env::var_os("MEDSHARE_LONG").is_some() {
        2 << 30
    } else {
        256 << 20
    };
    let policy: Policy = policy();
    let people =
        [("alice-v6", "bob-v6"), ("alice-v4", "bob-v4")].map(|(from, to)| (key(from), key(to)));
    let before = peak();
    for (from, to) in &people {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("message");
        Sealer::new()
            .signer(&Signer::new(from, &policy).unwrap())
            .recipient(&Recipient::new(&to.cert(), &policy).unwrap())
            .seal(io::repeat(7).take(len), File::create(&path).unwrap())
            .unwrap();
        let opener = Opener::new(&policy).key(to).signer(&from.cert());
        let mut opened = opener.open(File::open(&path).unwrap()).unwrap();
        assert_eq!(opened.len(), len);
        assert_eq!(
            io::copy(&mut opened.plaintext().unwrap(), &mut io::sink()).unwrap(),
            len
        );
    }
    let grown = (peak() - before) / 1024;
    println!("{len} bytes: {grown} MiB more than before");
    assert!(grown < 64, "{grown} MiB");
}

#[test]
fn a_verified_file_is_renamed_and_nothing_is_left_behind() {
    let (from, to) = (key("alice-v6"), key("bob-v6"));
    let plaintext = vec![1; 300_000];
    let message = people::seal(&from, &to, &plaintext);
    let folder = tempfile::tempdir().unwrap();
    let names = || {
        fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    for memory in [0, 1 << 20] {
        let policy = policy().memory(memory);
        let opener = people::opener(&policy, &from, &to).folder(folder.path());
        opener
            .open(&message[..])
            .unwrap()
            .persist(&folder.path().join("scan"))
            .unwrap();
        assert_eq!(fs::read(folder.path().join("scan")).unwrap(), plaintext);
        let mut damaged = message.clone();
        let at = damaged.len() - 20;
        damaged[at] ^= 1;
        assert!(opener.open(&damaged[..]).is_err());
        assert_eq!(names(), ["scan"]);
    }
}

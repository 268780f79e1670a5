//! The stored keys and messages, which later versions must go on reading.
//!
//! With `MEDSHARE_MAKE_DATA` set they are made anew; that changes every one of them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod people;

use std::{env, fs};

use people::{NAMES, day, key, opener, path, policy, seal};
use pgp_envelope::{Key, KeyOptions, Mode, Padding, Profile, Recipient, Sealer, Signer};

const PAIRS: [(&str, &str, &str); 2] = [("v6", "alice-v6", "bob-v6"), ("v4", "alice-v4", "bob-v4")];

fn make() {
    for name in NAMES {
        let profile = if name.ends_with("v6") {
            Profile::Rfc9580
        } else {
            Profile::Rfc4880
        };
        let userid = format!("{name} <{name}@example.org>");
        let options = KeyOptions::new(userid)
            .profile(profile)
            .created(day(0))
            .validity(None);
        let made = Key::generate(&options).unwrap();
        fs::write(
            path(&format!("keys/{name}.asc")),
            made.key.to_armored().as_bytes(),
        )
        .unwrap();
        fs::write(
            path(&format!("keys/{name}-revocation.asc")),
            &made.revocation,
        )
        .unwrap();
    }
    for (version, from, to) in PAIRS {
        let (from, to) = (key(from), key(to));
        fs::write(
            path(&format!("messages/{version}.pgp")),
            seal(&from, &to, b"a scan"),
        )
        .unwrap();
    }
    let (from, to) = (key("alice-v6"), key("bob-v6"));
    let mut message = Vec::new();
    Sealer::new()
        .signer(&Signer::new(&from, &policy()).unwrap())
        .recipient(&Recipient::new(&to.cert(), &policy()).unwrap())
        .hidden_recipients()
        .padding(Padding::Padme)
        .seal(&b"a scan"[..], &mut message)
        .unwrap();
    fs::write(path("messages/v6-hidden-padded.pgp"), message).unwrap();
}

#[test]
fn stored_messages_open_or_the_backend_names_ocb_as_lacking() {
    if env::var_os("MEDSHARE_MAKE_DATA").is_some() {
        make();
    }
    for (file, from, to) in PAIRS
        .into_iter()
        .chain([("v6-hidden-padded", "alice-v6", "bob-v6")])
    {
        let message = fs::read(path(&format!("messages/{file}.pgp"))).unwrap();
        let policy = policy();
        let (from, to) = (key(from), key(to));
        let result = opener(&policy, &from, &to).open(&message[..]);
        if file.starts_with("v6") && !Mode::Ocb.is_supported() {
            assert!(result.unwrap_err().to_string().contains("OCB"));
            continue;
        }
        let opened = result.unwrap();
        assert_eq!(
            (opened.signer(), opened.signed_at()),
            (from.fingerprint(), day(1))
        );
        assert_eq!(opened.into_vec().unwrap(), b"a scan");
    }
}

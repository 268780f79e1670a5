//! One change at a time, each rejected: every bit of a small message, every truncation, and what follows.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod people;

use pgp_envelope::{
    Cert, Error, Key, Opener, Profile, Recipient, Sealer, Signer, danger, head_len,
};

use people::{key, opener, policy, seal};

const PAIRS: [(&str, &str); 2] = [("alice-v6", "bob-v6"), ("alice-v4", "bob-v4")];

#[test]
fn every_flipped_bit_is_rejected() {
    for (from, to) in PAIRS {
        let (from, to) = (key(from), key(to));
        let message = seal(&from, &to, b"a scan");
        let policy = policy();
        let opener = opener(&policy, &from, &to);
        let head = usize::try_from(head_len(&message[..]).unwrap()).unwrap();
        for bit in 0..message.len() * 8 {
            let mut changed = message.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = opener
                .open(&changed[..])
                .expect_err(&format!("bit {bit} of byte {}", bit / 8));
            // behind the container's own header, the only answer is that something was changed
            if bit / 8 >= head + 3 + 36 {
                assert!(matches!(error, Error::Tampered), "bit {bit}: {error:?}");
            }
        }
    }
}

#[test]
fn a_wrong_key_and_a_damaged_key_packet_look_the_same() {
    for (from, to) in PAIRS {
        let (from, to) = (key(from), key(to));
        let policy = policy();
        let message = seal(&from, &to, b"a scan");
        let head = usize::try_from(head_len(&message[..]).unwrap()).unwrap();
        let wrong = opener(&policy, &from, &from)
            .open(&message[..])
            .unwrap_err();
        // behind the packet's header of two bytes
        for at in 2..head {
            let mut damaged = message.clone();
            damaged[at] ^= 0x10;
            let error = opener(&policy, &from, &to).open(&damaged[..]).unwrap_err();
            assert_eq!(
                format!("{error:?} {error}"),
                format!("{wrong:?} {wrong}"),
                "byte {at}"
            );
        }
    }
}

#[test]
fn every_truncation_and_every_byte_behind_is_rejected() {
    for (from, to) in PAIRS {
        let (from, to) = (key(from), key(to));
        let policy = policy();
        let opener = opener(&policy, &from, &to);
        let large: Vec<u8> = (0..600_000u32).map(|i| i.to_le_bytes()[0]).collect();
        for plaintext in [&b"a scan"[..], &large] {
            let message = seal(&from, &to, plaintext);
            let step = (message.len() / 300).max(1);
            for len in (1..message.len()).step_by(step).chain([message.len() - 1]) {
                let error = opener.open(&message[..len]).unwrap_err();
                assert!(matches!(error, Error::Truncated), "{len}: {error:?}");
            }
            for behind in [&b"\0"[..], b"\xca\x03PGP", &message] {
                let longer = [&message, behind].concat();
                let error = opener.open(&longer[..]).unwrap_err();
                assert!(matches!(error, Error::TrailingBytes { .. }), "{error:?}");
            }
        }
        assert!(matches!(opener.open(&b""[..]), Err(Error::NotEncrypted)));
    }
}

#[test]
fn danger_alone_makes_and_reads_the_rest() {
    let policy = policy();
    let bob = key("bob-v6");
    let mut sealer = Sealer::new().recipient(&Recipient::new(&bob.cert(), &policy).unwrap());
    let mut message = Vec::new();
    danger::seal_unsigned(&mut sealer, &b"a scan"[..], &mut message).unwrap();
    let opener = Opener::new(&policy).key(&bob);
    assert!(matches!(opener.open(&message[..]), Err(Error::NotSigned)));
    assert_eq!(
        danger::open_unverified(&opener, &message[..]).unwrap().0,
        b"a scan"
    );
    message[150] ^= 1;
    assert!(matches!(
        danger::open_unverified(&opener, &message[..]),
        Err(Error::Tampered)
    ));
    let none = Sealer::new()
        .signer(&Signer::new(&bob, &policy).unwrap())
        .recipients([])
        .seal(&b""[..], Vec::new());
    assert!(matches!(none, Err(Error::NoRecipients)));
}

#[test]
fn sealing_can_be_cancelled_and_forced() {
    use std::ops::ControlFlow;
    let policy = policy();
    let (alice, bob) = (key("alice-v6"), key("bob-v6"));
    let mut told = Vec::new();
    let sealed = Sealer::new()
        .signer(&Signer::new(&alice, &policy).unwrap())
        .recipient(&Recipient::new(&bob.cert(), &policy).unwrap())
        .progress(|bytes| {
            told.push(bytes);
            if bytes < 200_000 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })
        .seal(&vec![0; 1 << 20][..], std::io::sink());
    assert!(
        matches!(sealed, Err(Error::Cancelled { bytes: 200_000.. })),
        "{sealed:?}"
    );
    assert!(told.is_sorted() && told.len() == 4);
    let mut message = Vec::new();
    let mut sealer = Sealer::new()
        .signer(&Signer::new(&alice, &policy).unwrap())
        .recipient(&Recipient::new(&bob.cert(), &policy).unwrap())
        .profile(Profile::Rfc4880);
    assert_eq!(
        sealer
            .seal(&b"a scan"[..], &mut message)
            .unwrap()
            .container(),
        pgp_envelope::Container::SeipdV1
    );
    assert!(opener(&policy, &alice, &bob).open(&message[..]).is_ok());
}

#[test]
fn certs_that_are_none_are_refused() {
    let cert = key("alice-v6").cert();
    assert_eq!(Cert::read(&cert.to_bytes()).unwrap(), cert);
    assert_eq!(
        Cert::read(key("alice-v6").to_armored().as_bytes()).unwrap(),
        cert
    );
    assert!(
        !Cert::read(key("alice-v6").to_armored().as_bytes())
            .unwrap()
            .to_armored()
            .contains("PRIVATE")
    );
    let two = [cert.to_bytes(), key("bob-v6").cert().to_bytes()].concat();
    for bytes in [&b""[..], b"nothing", &two, &cert.to_bytes()[1..]] {
        assert!(
            matches!(Cert::read(bytes), Err(Error::Malformed { .. })),
            "{}",
            bytes.len()
        );
    }
    assert!(matches!(
        Cert::read(&vec![0; 5 << 20]),
        Err(Error::Limit { .. })
    ));
    assert!(matches!(
        Key::read(&cert.to_bytes()),
        Err(Error::Malformed { .. })
    ));
    let secret = format!(
        "{:?} {:?}",
        key("alice-v6"),
        pgp_envelope::Passphrase::from("hunter2")
    );
    assert!(
        !secret.contains("hunter2") && secret.len() < 120,
        "{secret}"
    );
}

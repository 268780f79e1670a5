//! The samples of RFC 9580's appendix A.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod inside;
mod people;

use std::fs;
use std::time::{Duration, SystemTime};

use openpgp::PacketPile;
use openpgp::packet::{Literal, Packet};
use openpgp::parse::Parse as _;
use openpgp::serialize::{Serialize as _, SerializeInto as _};
use openpgp::types::DataFormat;
use pgp_envelope::{Cert, Error, Key, Mode, Opener, Policy, Recipient, SessionKey, Signer, danger};
use sequoia_openpgp as openpgp;

use people::path;

fn sample(name: &str) -> Vec<u8> {
    fs::read(path(&format!("rfc9580/{name}.asc"))).unwrap()
}

/// After the key of A.4 was made (2022-11-30).
fn policy() -> Policy {
    Policy::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

/// A key that says nothing about itself is no cert, so its signature, though right, vouches for nothing.
#[test]
fn a_1_and_a_2_a_key_without_self_signature_is_refused() {
    let error = Cert::read(&sample("A.1-cert")).unwrap_err();
    assert!(error.to_string().contains("signs nothing about itself"));
    let mut literal = Literal::new(DataFormat::Binary);
    literal.set_body(b"OpenPGP".to_vec());
    let signature = PacketPile::from_bytes(&sample("A.2-signature")).unwrap();
    let mut content = signature.to_vec().unwrap();
    Packet::from(literal).serialize(&mut content).unwrap();
    let (message, session_key) = inside::encrypt(&content);
    let policy = policy();
    let opener = Opener::new(&policy).session_key(&session_key);
    let (plaintext, _) = danger::open_unverified(&opener, &message[..]).unwrap();
    assert_eq!(plaintext, b"OpenPGP");
    let error = opener.open(&message[..]).unwrap_err();
    assert!(matches!(error, Error::SignerUnknown { .. }), "{error:?}");
}

#[test]
fn a_3_and_a_4_the_sample_cert_and_its_key() {
    let cert = Cert::read(&sample("A.3-cert")).unwrap();
    let key = Key::read(&sample("A.4-key")).unwrap();
    assert_eq!(key.cert(), cert);
    assert_eq!(
        cert.fingerprint().to_string(),
        "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"
    );
    assert!(Recipient::new(&cert, &policy()).is_ok());
    assert!(
        Signer::new(&key, &policy())
            .unwrap()
            .sign_ledger(b"tx")
            .is_ok()
    );
}

/// Its Argon2 asks for 2 GiB, as RFC 9106's first recommendation does: not everywhere there, so the wrong passphrase is
/// left out.
#[test]
fn a_5_the_locked_key() {
    let locked = Key::read(&sample("A.5-locked-key")).unwrap();
    assert!(locked.is_locked());
    assert_eq!(locked.cert(), Cert::read(&sample("A.3-cert")).unwrap());
    if std::env::var_os("MEDSHARE_LONG").is_some() {
        let key = locked
            .unlock(&"correct horse battery staple".into())
            .unwrap();
        assert_eq!(
            key.to_armored(),
            Key::read(&sample("A.4-key")).unwrap().to_armored()
        );
    }
}

/// What a backend without the mode must say.
fn is_named<T>(mode: Mode, result: &Result<T, Error>) -> bool {
    matches!(result, Err(error @ Error::Unsupported { .. }) if error.to_string().contains(&mode.to_string()))
}

#[test]
fn a_6_a_cleartext_is_no_envelope() {
    let policy = policy();
    let opener = Opener::new(&policy).signer(&Cert::read(&sample("A.3-cert")).unwrap());
    let error = opener.open(&sample("A.6-cleartext")[..]).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
}

#[test]
fn a_7_a_signed_message_opens_from_inside_an_envelope_alone() {
    let policy = policy();
    let cert = Cert::read(&sample("A.3-cert")).unwrap();
    let opener = Opener::new(&policy).signer(&cert);
    assert!(matches!(
        opener.open(&sample("A.7-inline")[..]),
        Err(Error::NotEncrypted)
    ));
    let content = PacketPile::from_bytes(&sample("A.7-inline")).unwrap();
    let content = content.to_vec().unwrap();
    let (message, session_key) = inside::encrypt(&content);
    let opener = opener.session_key(&session_key);
    let opened = opener.open(&message[..]).unwrap();
    assert_eq!(opened.signer(), cert.fingerprint());
    assert_eq!(
        opened.into_vec().unwrap(),
        b"What we need from the grocery store:\n\n- tofu\n- vegetables\n- noodles\n"
    );
}

#[test]
fn a_8_x25519_with_ocb_or_the_backend_names_what_it_lacks() {
    let policy = policy();
    let opener = Opener::new(&policy).key(&Key::read(&sample("A.4-key")).unwrap());
    if !Mode::Ocb.is_supported() {
        return assert!(is_named(
            Mode::Ocb,
            &opener.open(&sample("A.8-x25519-ocb")[..])
        ));
    }
    let (plaintext, _) = danger::open_unverified(&opener, &sample("A.8-x25519-ocb")[..]).unwrap();
    assert_eq!(plaintext, b"Hello, world!");
    assert!(matches!(
        opener.open(&sample("A.8-x25519-ocb")[..]),
        Err(Error::NotSigned)
    ));
}

#[test]
fn a_9_to_a_11_each_mode_or_the_backend_names_what_it_lacks() {
    let policy = policy();
    for (name, mode) in [
        ("A.9-eax", Mode::Eax),
        ("A.10-ocb", Mode::Ocb),
        ("A.11-gcm", Mode::Gcm),
    ] {
        if !mode.is_supported() {
            // its key packet needs the mode as well, so any key of AES-128
            let any = SessionKey::from_bytes(&[7; 16]).unwrap();
            let opener = Opener::new(&policy).session_key(&any);
            assert!(is_named(mode, &opener.open(&sample(name)[..])), "{name}");
            continue;
        }
        // passphrases are not this crate's: sequoia opens the key packet
        let pile = PacketPile::from_bytes(&sample(name)).unwrap();
        let Some(Packet::SKESK(packet)) = pile.path_ref(&[0]) else {
            panic!("{name} starts with a packet for a passphrase");
        };
        let (_, session_key) = packet.decrypt(&"password".into()).unwrap();
        let session_key = SessionKey::from_bytes(&session_key).unwrap();
        let opener = Opener::new(&policy).session_key(&session_key);
        let (plaintext, _) = danger::open_unverified(&opener, &sample(name)[..]).unwrap();
        assert_eq!(plaintext, b"Hello, world!", "{name}");
        assert!(matches!(
            Opener::new(&policy).open(&sample(name)[..]),
            Err(Error::NotForMe)
        ));
    }
}

/// Passphrases are not this crate's: the session keys are those that the appendix gives.
#[test]
fn a_12_the_containers_of_argon2s_samples_open_by_their_session_keys() {
    for (name, key) in [
        ("A.12-argon2-aes128", "01FE16BBACFD1E7B78EF3B865187374F"),
        (
            "A.12-argon2-aes192",
            "27006DAE68E509022CE45A14E569E91001C2955AF8DFE194",
        ),
        (
            "A.12-argon2-aes256",
            "BBEDA55B9AAE63DAC45D4F49D89DACF4AF37FEFC13BAB2F1F8E18FB74580D8B0",
        ),
    ] {
        let policy = policy();
        let key = openpgp::fmt::hex::decode(key).unwrap();
        let opener = Opener::new(&policy).session_key(&SessionKey::from_bytes(&key).unwrap());
        let (plaintext, _) = danger::open_unverified(&opener, &sample(name)[..]).unwrap();
        assert_eq!(plaintext, b"Hello, world!", "{name}");
        assert!(matches!(
            Opener::new(&policy).open(&sample(name)[..]),
            Err(Error::NotForMe)
        ));
    }
}

//! Whose a cert says that it is: by its primary user ID (RFC 9580 section 5.2.3.27).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod people;

use openpgp::cert::{CertBuilder, UserIDRevocationBuilder};
use openpgp::serialize::SerializeInto as _;
use openpgp::types::ReasonForRevocation;
use pgp_envelope::{Cert, Key, KeyOptions};
use sequoia_openpgp as openpgp;

use people::{day, policy};

/// A key with these user IDs, the first of them primary.
fn named(userids: &[&str]) -> openpgp::Cert {
    let builder = CertBuilder::new().set_creation_time(day(0));
    let builder = userids
        .iter()
        .fold(builder, |builder, userid| builder.add_userid(*userid));
    builder.generate().unwrap().0
}

fn owner(cert: &openpgp::Cert) -> (Option<String>, Option<String>) {
    let cert = Cert::read(&cert.to_vec().unwrap()).unwrap();
    cert.owner(&policy()).unwrap()
}

fn both(name: &str, email: &str) -> (Option<String>, Option<String>) {
    (Some(name.to_owned()), Some(email.to_owned()))
}

/// The cert after its owner has revoked the user ID that begins so.
fn retired(cert: openpgp::Cert, name: &str) -> openpgp::Cert {
    let mut userids = cert.userids().map(|userid| userid.userid());
    let userid = userids.find(|userid| userid.value().starts_with(name.as_bytes()));
    let key = cert.primary_key().key().clone();
    let mut signer = key.parts_into_secret().unwrap().into_keypair().unwrap();
    let revocation = UserIDRevocationBuilder::new()
        .set_signature_creation_time(day(0))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::UIDRetired, b"another name")
        .unwrap()
        .build(&mut signer, &cert, userid.unwrap(), None)
        .unwrap();
    cert.insert_packets(revocation).unwrap().0
}

#[test]
fn section_5_2_3_27_the_primary_user_id_says_whose_a_cert_is() {
    let cert = named(&["Zoe <zoe@example.org>", "Alice <alice@example.org>"]);
    // in the order of their bytes, as they are kept
    let read = Cert::read(&cert.to_vec().unwrap()).unwrap();
    assert!(read.userids()[0].starts_with("Alice"));
    assert_eq!(owner(&cert), both("Zoe", "zoe@example.org"));
    // she is not called so any more
    let cert = retired(cert, "Zoe");
    assert_eq!(owner(&cert), both("Alice", "alice@example.org"));
    assert_eq!(owner(&retired(cert, "Alice")), (None, None));
}

#[test]
fn a_user_id_may_have_a_name_or_an_address_alone_and_a_cert_none() {
    assert_eq!(
        owner(&named(&["Radiology"])),
        (Some("Radiology".to_owned()), None)
    );
    let address = "radiology@example.org";
    assert_eq!(owner(&named(&[address])), (None, Some(address.to_owned())));
    assert_eq!(owner(&named(&[])), (None, None));
}

#[test]
fn an_expired_cert_says_nothing() {
    let options = KeyOptions::new("Alice").created(day(0));
    let key = Key::generate(&options.validity(Some(std::time::Duration::from_secs(1)))).unwrap();
    assert!(key.key.cert().owner(&policy()).is_err());
}

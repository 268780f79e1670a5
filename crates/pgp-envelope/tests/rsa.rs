//! Messages for RSA keys, which others have: their padding tells nothing (RFC 9580 section 13.5).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod people;

use openpgp::cert::{CertBuilder, CipherSuite};
use openpgp::serialize::SerializeInto as _;
use pgp_envelope::{Error, Key, Opener, Profile, Recipient, Sealer, Signer, head_len};
use sequoia_openpgp as openpgp;

use people::{day, key, policy};

fn rsa() -> Key {
    let (cert, _) = CertBuilder::new()
        .set_cipher_suite(CipherSuite::RSA2k)
        .set_creation_time(day(0))
        .add_userid("Carol")
        .add_transport_encryption_subkey()
        .generate()
        .unwrap();
    Key::read(&cert.as_tsk().to_vec().unwrap()).unwrap()
}

#[test]
fn section_13_5_a_damaged_rsa_key_packet_looks_like_a_changed_container() {
    let (alice, carol, policy) = (key("alice-v4"), rsa(), policy());
    for profile in [Profile::Rfc4880, Profile::Rfc9580] {
        for hidden in [false, true] {
            let mut sealer = Sealer::new()
                .signer(&Signer::new(&alice, &policy).unwrap())
                .recipient(&Recipient::new(&carol.cert(), &policy).unwrap())
                .profile(profile);
            if hidden {
                sealer = sealer.hidden_recipients();
            }
            let mut message = Vec::new();
            sealer.seal(&b"a scan"[..], &mut message).unwrap();
            let opener = Opener::new(&policy).key(&carol).signer(&alice.cert());
            let opened = opener.open(&message[..]).unwrap();
            assert_eq!(opened.into_vec().unwrap(), b"a scan");
            let head = usize::try_from(head_len(&message[..]).unwrap()).unwrap();
            let said = |at: usize| {
                let mut changed = message.clone();
                changed[at] ^= 1;
                let error = opener.open(&changed[..]).unwrap_err();
                format!("{error:?} {error}")
            };
            let container = said(message.len() - 1);
            assert_eq!(
                container,
                format!("{:?} {}", Error::Tampered, Error::Tampered)
            );
            for at in [head - 200, head - 100, head - 1] {
                assert_eq!(said(at), container, "{profile:?} {hidden}");
            }
        }
    }
    let bob = key("bob-v4");
    let message = people::seal(&alice, &bob, b"a scan");
    let opened = Opener::new(&policy).key(&carol).signer(&alice.cert());
    assert!(matches!(opened.open(&message[..]), Err(Error::NotForMe)));
}

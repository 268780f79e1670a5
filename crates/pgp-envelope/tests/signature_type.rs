//! A signature over a key or a user ID signs no message, whatever the packets around it say (RFC 9580 section 5.2.1).
//!
//! Everybody who has a cert has such signatures. They are over bytes that can be written down as a message's content, so
//! somebody without any secret key can put them behind it, and announce them as signatures of that content.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod inside;
mod people;

use openpgp::cert::CertBuilder;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::packet::one_pass_sig::{OnePassSig3, OnePassSig6};
use openpgp::packet::{Key, OnePassSig, Packet, Signature};
use openpgp::parse::Parse as _;
use openpgp::serialize::{MarshalInto as _, Serialize as _};
use openpgp::types::{KeyFlags, SignatureType};
use pgp_envelope::{Cert, Error, Opener, danger};
use sequoia_openpgp as openpgp;

use inside::{encrypt, literal, sequoia_cert};
use people::{day, policy};

/// What a signature over a key hashes of it (section 5.2.4).
fn hashed_key(key: &Key<PublicParts, UnspecifiedRole>) -> Vec<u8> {
    let body = key.to_vec().unwrap();
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    match key.version() {
        4 => [&[0x99], &len[2..], &body].concat(),
        _ => [&[0x9b], &len[..], &body].concat(),
    }
}

/// Announces a signature as one over binary data, whatever it is, and puts the data before it.
fn dressed_up(signature: &Signature, data: &[u8]) -> Vec<u8> {
    let binary = SignatureType::Binary;
    let issuer = signature.get_issuers().remove(0);
    let announced: OnePassSig = match signature {
        Signature::V6(signature) => {
            let mut packet = OnePassSig6::new(binary, issuer.try_into().unwrap());
            packet.set_hash_algo(signature.hash_algo());
            packet.set_pk_algo(signature.pk_algo());
            packet.set_salt(signature.salt().to_vec());
            packet.set_last(true);
            packet.into()
        }
        _ => {
            let mut packet = OnePassSig3::new(binary);
            packet.set_hash_algo(signature.hash_algo());
            packet.set_pk_algo(signature.pk_algo());
            packet.set_issuer(issuer.into());
            packet.set_last(true);
            packet.into()
        }
    };
    let mut content = Vec::new();
    Packet::from(announced).serialize(&mut content).unwrap();
    content.extend(literal(data));
    Packet::from(signature.clone())
        .serialize(&mut content)
        .unwrap();
    content
}

fn assert_refused(cert: &openpgp::Cert, signature: &Signature, data: &[u8]) {
    let (message, session_key) = encrypt(&dressed_up(signature, data));
    let expected = Cert::read(&cert.to_vec().unwrap()).unwrap();
    let policy = policy();
    let opener = Opener::new(&policy)
        .session_key(&session_key)
        .signer(&expected);
    let (content, _) = danger::open_unverified(&opener, &message[..]).unwrap();
    assert_eq!(content, data);
    let error = opener.open(&message[..]).unwrap_err();
    assert!(matches!(error, Error::BadSignature { .. }), "{error:?}");
}

/// By which a signing subkey says that it belongs to the primary key (type 0x19).
#[test]
fn a_subkeys_back_signature_is_refused() {
    for name in ["alice-v4", "alice-v6"] {
        let cert = sequoia_cert(name);
        let (subkey, signature) = cert
            .keys()
            .subkeys()
            .find_map(|subkey| {
                let binding = subkey.self_signatures().next()?;
                let signature = binding.embedded_signatures().next()?.clone();
                Some((subkey.key().clone(), signature))
            })
            .unwrap();
        assert_eq!(signature.typ(), SignatureType::PrimaryKeyBinding);
        let data = [
            hashed_key(cert.primary_key().key().role_as_unspecified()),
            hashed_key(subkey.parts_as_public().role_as_unspecified()),
        ];
        assert_refused(&cert, &signature, &data.concat());
    }
}

/// The self-signature of a cert whose primary key signs messages too, as gpg makes them (type 0x13).
#[test]
fn a_certification_by_a_key_that_also_signs_is_refused() {
    let (cert, _) = CertBuilder::new()
        .set_creation_time(day(0))
        .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
        .add_userid("Carol <carol@c.example>")
        .generate()
        .unwrap();
    assert_eq!(cert.primary_key().key().version(), 4);
    let userid = cert.userids().next().unwrap();
    let signature = userid.self_signatures().next().unwrap();
    assert_eq!(signature.typ(), SignatureType::PositiveCertification);
    let value = userid.userid().value();
    let data = [
        &hashed_key(cert.primary_key().key().role_as_unspecified())[..],
        &[0xb4],
        &u32::try_from(value.len()).unwrap().to_be_bytes(),
        value,
    ];
    let read_back = openpgp::Cert::from_bytes(&cert.to_vec().unwrap()).unwrap();
    assert_refused(&read_back, signature, &data.concat());
}

//! What an insider could write: packets as they are, encrypted for Bob. `people` stands beside it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "not every test uses all of it; a test may panic"
)]

use std::io::Write as _;

use openpgp::packet::{Literal, Packet};
use openpgp::serialize::Serialize as _;
use openpgp::serialize::stream::{Encryptor, LiteralWriter, Message, Signer as StreamSigner};
use openpgp::types::{
    CompressionAlgorithm, DataFormat, HashAlgorithm, SignatureType, SymmetricAlgorithm,
};
use pgp_envelope::{Error, Opener, Policy, SessionKey};
use sequoia_openpgp as openpgp;

use crate::people::{day, key};

/// Encrypts packets as they are: what an insider could write. Its session key opens it.
pub(crate) fn encrypt(content: &[u8]) -> (Vec<u8>, SessionKey) {
    let session = openpgp::crypto::SessionKey::from(vec![7; 32]);
    let to = sequoia_cert("bob-v4");
    let mut bytes = Vec::new();
    let standard = openpgp::policy::StandardPolicy::new();
    let recipients = to
        .keys()
        .with_policy(&standard, day(1))
        .supported()
        .for_storage_encryption();
    let message = Message::new(&mut bytes);
    let encryptor =
        Encryptor::with_session_key(message, SymmetricAlgorithm::AES256, session.clone()).unwrap();
    let mut sink = encryptor.add_recipients(recipients).build().unwrap();
    sink.write_all(content).unwrap();
    sink.finalize().unwrap();
    (bytes, SessionKey::from_bytes(&session).unwrap())
}

pub(crate) fn sequoia_cert(name: &str) -> openpgp::Cert {
    use openpgp::parse::Parse as _;
    openpgp::Cert::from_bytes(key(name).to_armored().as_bytes()).unwrap()
}

pub(crate) fn signing_key(name: &str) -> openpgp::crypto::KeyPair {
    let standard = openpgp::policy::StandardPolicy::new();
    let cert = sequoia_cert(name);
    let keys = cert
        .keys()
        .with_policy(&standard, day(1))
        .supported()
        .for_signing()
        .secret();
    keys.map(|key| key.key().clone().into_keypair().unwrap())
        .next()
        .unwrap()
}

pub(crate) fn literal(data: &[u8]) -> Vec<u8> {
    let mut literal = Literal::new(DataFormat::Binary);
    literal.set_body(data.to_vec());
    let mut bytes = Vec::new();
    Packet::from(literal).serialize(&mut bytes).unwrap();
    bytes
}

/// Signed by Alice with stock sequoia.
pub(crate) fn signed(kind: SignatureType, hash: HashAlgorithm, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let message = Message::new(&mut bytes);
    let template = openpgp::packet::signature::SignatureBuilder::new(kind);
    let signer = StreamSigner::with_template(message, signing_key("alice-v4"), template).unwrap();
    let signer = signer.hash_algo(hash).unwrap().creation_time(day(1));
    let mut sink = LiteralWriter::new(signer.build().unwrap()).build().unwrap();
    sink.write_all(data).unwrap();
    sink.finalize().unwrap();
    bytes
}

pub(crate) fn compressed(
    content: &[u8],
    algorithm: CompressionAlgorithm,
    layers: usize,
) -> Vec<u8> {
    let mut packet = match algorithm {
        CompressionAlgorithm::Zlib => {
            let mut encoder = flate2::write::ZlibEncoder::new(vec![2], flate2::Compression::best());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        CompressionAlgorithm::Zip => {
            let mut encoder =
                flate2::write::DeflateEncoder::new(vec![1], flate2::Compression::best());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        _ => [&[0], content].concat(),
    };
    let mut bytes = vec![0xc8, 0xff];
    bytes.extend(u32::try_from(packet.len()).unwrap().to_be_bytes());
    bytes.append(&mut packet);
    match layers {
        1 => bytes,
        _ => compressed(&bytes, algorithm, layers - 1),
    }
}

pub(crate) fn open(policy: &Policy, content: &[u8]) -> Result<Vec<u8>, Error> {
    let (message, session_key) = encrypt(content);
    let opener = Opener::new(policy)
        .session_key(&session_key)
        .signer(&key("alice-v4").cert());
    opener.open(&message[..])?.into_vec()
}

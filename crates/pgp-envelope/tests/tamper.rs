//! One change at a time, each rejected: every bit of a small message, every truncation, what follows, and what stands inside.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod people;

use std::io::Write as _;

use openpgp::packet::{Literal, Packet};
use openpgp::serialize::Serialize as _;
use openpgp::serialize::stream::{Encryptor, LiteralWriter, Message, Signer as StreamSigner};
use openpgp::types::{
    CompressionAlgorithm, DataFormat, HashAlgorithm, SignatureType, SymmetricAlgorithm,
};
use pgp_envelope::{
    Cert, Error, Key, Opener, Policy, Profile, Recipient, Sealer, SessionKey, Signer, danger,
    head_len,
};
use sequoia_openpgp as openpgp;

use people::{day, key, opener, policy, seal};

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

/// Encrypts packets as they are: what an insider could write. Its session key opens it.
fn encrypt(content: &[u8]) -> (Vec<u8>, SessionKey) {
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

fn sequoia_cert(name: &str) -> openpgp::Cert {
    use openpgp::parse::Parse as _;
    openpgp::Cert::from_bytes(key(name).to_armored().as_bytes()).unwrap()
}

fn signing_key(name: &str) -> openpgp::crypto::KeyPair {
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

fn literal(data: &[u8]) -> Vec<u8> {
    let mut literal = Literal::new(DataFormat::Binary);
    literal.set_body(data.to_vec());
    let mut bytes = Vec::new();
    Packet::from(literal).serialize(&mut bytes).unwrap();
    bytes
}

/// Signed by Alice with stock sequoia.
fn signed(kind: SignatureType, hash: HashAlgorithm, data: &[u8]) -> Vec<u8> {
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

fn compressed(content: &[u8], algorithm: CompressionAlgorithm, layers: usize) -> Vec<u8> {
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

fn open(policy: &Policy, content: &[u8]) -> Result<Vec<u8>, Error> {
    let (message, session_key) = encrypt(content);
    let opener = Opener::new(policy)
        .session_key(&session_key)
        .signer(&key("alice-v4").cert());
    opener.open(&message[..])?.into_vec()
}

const BINARY: SignatureType = SignatureType::Binary;

#[test]
fn section_10_3_the_grammar_of_the_content() {
    let policy = policy();
    let good = signed(BINARY, HashAlgorithm::SHA256, b"a scan");
    let open = |content: &[u8]| open(&policy, content);
    assert_eq!(open(&good).unwrap(), b"a scan");
    // markers and padding anywhere; unknown packets from type 40 on are ignored (section 4.3)
    for ignored in [&b"\xca\x03PGP"[..], b"\xd5\x02\0\0", b"\xfc\x01x"] {
        assert_eq!(
            open(&[ignored, &good, ignored].concat()).unwrap(),
            b"a scan"
        );
    }
    let malformed = |content: &[u8]| matches!(open(content), Err(Error::Malformed { .. }));
    assert!(malformed(b""));
    assert!(
        malformed(&[&b"\xe1\x00"[..], &good].concat()),
        "a critical unknown packet (section 4.3)"
    );
    assert!(malformed(&good[..good.len() - 1]), "ends within a packet");
    assert!(
        malformed(&[&b"\x3f"[..], &good].concat()),
        "bit 7 is clear (section 4.2)"
    );
    assert!(
        malformed(&[&b"\xc4\xe1\0\0"[..], &good].concat()),
        "a partial length outside data (section 4.2.1.4)"
    );
    assert!(
        malformed(&[&b"\xcb\xe1\0\0\0"[..], &good].concat()),
        "a first part below 512 (section 4.2.1.4)"
    );
    assert!(malformed(&encrypt(&good).0), "a container in a container");
    let one_pass = &good[..2 + usize::from(good[1])];
    assert!(
        malformed(&[one_pass, &good].concat()),
        "a one-pass packet without signature"
    );
    let signature = &good[one_pass.len() + literal(b"a scan").len()..];
    assert!(
        malformed(&[&good[..], signature].concat()),
        "a signature without one-pass packet"
    );
    assert!(matches!(
        open(&[&good[..], &literal(b"more")].concat()),
        Err(Error::TrailingBytes { .. })
    ));
    assert!(matches!(open(&literal(b"a scan")), Err(Error::NotSigned)));
    // a signature before the content, as before 2000
    assert_eq!(
        open(&[signature, &literal(b"a scan")].concat()).unwrap(),
        b"a scan"
    );
    assert!(matches!(
        open(&[signature, &literal(b"b scan")].concat()),
        Err(Error::BadSignature { .. })
    ));
    let mut moved = good.clone();
    let at = good
        .windows(6)
        .position(|window| window == b"a scan")
        .unwrap();
    moved[at] = b'b';
    assert!(matches!(open(&moved), Err(Error::BadSignature { .. })));
}

/// A carriage return alone is no line ending here and in gpg; sequoia makes it one.
#[test]
fn section_5_2_1_2_text_is_signed_with_its_lines_ended() {
    let policy = policy();
    for text in [&b"one\ntwo\n"[..], b"one\r\ntwo", b"", b"\n\n"] {
        let content = signed(SignatureType::Text, HashAlgorithm::SHA256, text);
        assert_eq!(open(&policy, &content).unwrap(), text, "{text:?}");
    }
}

#[test]
fn section_5_6_compression_is_read_within_limits() {
    let good = signed(BINARY, HashAlgorithm::SHA256, b"a scan");
    for algorithm in [
        CompressionAlgorithm::Zlib,
        CompressionAlgorithm::Zip,
        CompressionAlgorithm::Uncompressed,
    ] {
        let content = compressed(&good, algorithm, 1);
        assert_eq!(open(&policy(), &content).unwrap(), b"a scan", "{algorithm}");
        let inside = [&compressed(&good, algorithm, 1)[..], b"\xca\x03PGP"].concat();
        assert_eq!(open(&policy(), &inside).unwrap(), b"a scan");
    }
    let deep = compressed(&good, CompressionAlgorithm::Zlib, 20);
    assert!(matches!(open(&policy(), &deep), Err(Error::Limit { .. })));
    let bomb = signed(BINARY, HashAlgorithm::SHA256, &vec![0; 4 << 20]);
    let bomb = compressed(&bomb, CompressionAlgorithm::Zlib, 1);
    assert!(bomb.len() < 20_000);
    assert!(open(&policy(), &bomb).is_ok());
    assert!(matches!(
        open(&policy().decompressed(1 << 20), &bomb),
        Err(Error::Limit { .. })
    ));
    assert!(matches!(
        open(&policy().size(1 << 20), &bomb),
        Err(Error::Limit { .. })
    ));
    assert!(
        matches!(
            open(&policy(), b"\xc8\x02\x03x"),
            Err(Error::Unsupported { .. })
        ),
        "BZip2"
    );
    assert!(matches!(
        open(&policy(), b"\xc8\x05\x02junk"),
        Err(Error::Malformed { .. })
    ));
}

#[test]
fn section_5_2_3_weak_and_untimely_signatures() {
    let policy = policy();
    let content = signed(BINARY, HashAlgorithm::SHA1, b"a scan");
    assert!(matches!(
        open(&policy, &content),
        Err(Error::WeakAlgorithm { .. })
    ));
    let good = signed(BINARY, HashAlgorithm::SHA256, b"a scan");
    assert!(matches!(
        open(&Policy::at(day(0)), &good),
        Err(Error::SignatureNotAlive { .. })
    ));
    let (message, session_key) = encrypt(&good);
    let open = |opener: Opener<'_>| {
        opener
            .session_key(&session_key)
            .open(&message[..])
            .map(|opened| opened.signer())
    };
    let (alice, bob) = (key("alice-v4").cert(), key("bob-v4").cert());
    assert_eq!(
        open(Opener::new(&policy).signer(&bob).signer(&alice)).unwrap(),
        alice.fingerprint()
    );
    let unknown = open(Opener::new(&policy).signer(&bob));
    assert!(
        matches!(unknown, Err(Error::SignerUnknown { .. })),
        "{unknown:?}"
    );
    let other = open(Opener::new(&policy).signer(&bob).known(&alice));
    assert!(
        matches!(other, Err(Error::SignerUnexpected { found }) if found == alice.fingerprint())
    );
    assert!(matches!(
        open(Opener::new(&policy)),
        Err(Error::SignerUnknown { .. })
    ));
}

#[test]
fn section_5_7_a_container_without_integrity_is_refused() {
    let policy = policy();
    let (message, session_key) = encrypt(&signed(BINARY, HashAlgorithm::SHA256, b"a scan"));
    let head = usize::try_from(head_len(&message[..]).unwrap()).unwrap();
    let mut old = message.clone();
    old[head] = 0xc9;
    let opener = Opener::new(&policy)
        .session_key(&session_key)
        .signer(&key("alice-v4").cert());
    assert!(matches!(
        opener.open(&old[..]),
        Err(Error::WeakAlgorithm { .. })
    ));
    old[head] = 0xd4;
    assert!(
        matches!(opener.open(&old[..]), Err(Error::Unsupported { .. })),
        "LibrePGP's"
    );
    old[head] = 0xcb;
    assert!(matches!(opener.open(&old[..]), Err(Error::NotEncrypted)));
    let wrong = SessionKey::from_bytes(&[8; 32]).unwrap();
    let opener = Opener::new(&policy).session_key(&wrong);
    assert!(matches!(opener.open(&message[..]), Err(Error::Tampered)));
}

#[test]
fn chunks_in_another_order_are_rejected() {
    let (from, to) = (key("alice-v6"), key("bob-v6"));
    let policy = policy();
    let plaintext = vec![0; 1_200_000];
    let mut message = Vec::new();
    Sealer::new()
        .signer(&Signer::new(&from, &policy).unwrap())
        .recipient(&Recipient::new(&to.cert(), &policy).unwrap())
        .seal(&plaintext[..], &mut message)
        .unwrap();
    let head = usize::try_from(head_len(&message[..]).unwrap()).unwrap();
    // joined into one part: tag, length of five bytes, content
    let mut content = Vec::new();
    let mut rest = &message[head + 1..];
    while rest[0] >= 0xe0 && rest[0] < 0xff {
        let (part, after) = rest[1..].split_at(1 << (rest[0] & 0x1f));
        content.extend_from_slice(part);
        rest = after;
    }
    let skip = if rest[0] < 192 {
        1
    } else if rest[0] < 224 {
        2
    } else {
        5
    };
    content.extend_from_slice(&rest[skip..]);
    let assemble = |content: &[u8]| {
        let len = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&message[..head], &[0xd2, 0xff], &len, content].concat()
    };
    let opener = opener(&policy, &from, &to);
    assert!(opener.open(&assemble(&content)[..]).is_ok());
    const CHUNK: usize = (256 << 10) + 16;
    let chunk = |n: usize| 36 + n * CHUNK..36 + (n + 1) * CHUNK;
    let mut swapped = content.clone();
    swapped[chunk(0)].copy_from_slice(&content[chunk(1)]);
    swapped[chunk(1)].copy_from_slice(&content[chunk(0)]);
    let without = [&content[..36 + CHUNK], &content[36 + 2 * CHUNK..]].concat();
    let shorter = [&content[..36 + 2 * CHUNK], &content[content.len() - 16..]].concat();
    for changed in [&swapped, &without, &shorter] {
        assert!(matches!(
            opener.open(&assemble(changed)[..]),
            Err(Error::Tampered)
        ));
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

//! Each way in which RFC 9580 lets a packet be malformed, by its section, and what the standard asks for then.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod inside;
mod people;

use openpgp::types::{CompressionAlgorithm, HashAlgorithm, SignatureType};
use pgp_envelope::{Error, Opener, Policy, Recipient, Sealer, SessionKey, Signer, head_len};
use sequoia_openpgp as openpgp;

use inside::{compressed, encrypt, literal, open, signed};
use people::{day, key, opener, policy, seal};

const BINARY: SignatureType = SignatureType::Binary;

fn good() -> Vec<u8> {
    signed(BINARY, HashAlgorithm::SHA256, b"a scan")
}

/// Whether content is refused as malformed.
fn malformed(content: &[u8]) -> bool {
    matches!(open(&policy(), content), Err(Error::Malformed { .. }))
}

/// The head of a message, and its container's content without header, joined from its parts.
fn split(message: &[u8]) -> (&[u8], Vec<u8>) {
    let (head, container) = message.split_at(usize::try_from(head_len(message).unwrap()).unwrap());
    let mut content = Vec::new();
    let mut rest = &container[1..];
    while rest[0] >= 0xe0 && rest[0] < 0xff {
        let (part, after) = rest[1..].split_at(1 << (rest[0] & 0x1f));
        content.extend_from_slice(part);
        rest = after;
    }
    let skip = match rest[0] {
        0..192 => 1,
        192..224 => 2,
        _ => 5,
    };
    content.extend_from_slice(&rest[skip..]);
    (head, content)
}

/// A container of one part.
fn container(content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[0xd2, 0xff], &len[..], content].concat()
}

#[test]
fn section_4_2_a_header_with_bit_7_clear_is_malformed() {
    assert!(malformed(&[&b"\x3f"[..], &good()].concat()));
    let message = seal(&key("alice-v6"), &key("bob-v6"), b"a scan");
    let mut changed = message.clone();
    let head = usize::try_from(head_len(&message[..]).unwrap()).unwrap();
    changed[head] &= 0x7f;
    assert!(matches!(
        opener(&policy(), &key("alice-v6"), &key("bob-v6")).open(&changed[..]),
        Err(Error::Malformed { .. })
    ));
}

/// The lengths of section 4.2.1: each form that can say it means the same.
#[test]
fn section_4_2_1_every_form_of_a_length_is_read() {
    let text = b"a scan";
    let body = [&b"b\0\0\0\0\0"[..], text].concat();
    let len = u8::try_from(body.len()).unwrap();
    let signature = {
        let good = good();
        let one_pass = 2 + usize::from(good[1]);
        good[one_pass + literal(text).len()..].to_vec()
    };
    for header in [
        vec![0xcb, len],
        vec![0xcb, 0xff, 0, 0, 0, len],
        vec![0xac, len],
        vec![0xad, 0, len],
        vec![0xae, 0, 0, 0, len],
        vec![0xaf], // section 4.2.2.1: to the end, in the old format
    ] {
        let content = [&signature[..], &header, &body].concat();
        assert_eq!(open(&policy(), &content).unwrap(), text, "{header:x?}");
    }
    assert!(malformed(
        &[&signature[..], &[0xcb, len + 1], &body].concat()
    ));
}

#[test]
fn section_4_2_1_4_partial_lengths_are_for_data_and_start_with_512_bytes() {
    assert!(
        malformed(&[&b"\xc4\xe1\0\0"[..], &good()].concat()),
        "not data"
    );
    assert!(
        malformed(&[&b"\xcb\xe1\0\0\0"[..], &good()].concat()),
        "a short part"
    );
    let from = key("alice-v6");
    let message = seal(&from, &key("bob-v6"), &[7; 2000]);
    let (head, content) = split(&message);
    let (first, rest) = content.split_at(512);
    let last = u32::try_from(rest.len()).unwrap().to_be_bytes();
    let parts = |first: &[u8], power: u8, rest: &[u8]| {
        [head, &[0xd2, 0xe0 | power], first, &[0xff], &last, rest].concat()
    };
    let policy = policy();
    let opener = opener(&policy, &from, &key("bob-v6"));
    assert!(opener.open(&parts(first, 9, rest)[..]).is_ok());
    let (first, more) = content.split_at(256);
    assert!(matches!(
        opener.open(&parts(first, 8, more)[..]),
        Err(Error::Malformed { .. })
    ));
    // the last part of a packet has a length that is not partial, of zero where nothing is left
    let ended = [head, &[0xd2, 0xe9], &content[..512], &[0xe9]].concat();
    assert!(matches!(opener.open(&ended[..]), Err(Error::Truncated)));
}

#[test]
fn section_4_2_2_a_container_cannot_have_an_indeterminate_length() {
    let (alice, bob) = (key("alice-v6"), key("bob-v6"));
    let message = seal(&alice, &bob, b"a scan");
    let (head, content) = split(&message);
    // type 18 has no header in the old format, whose types end at 15; type 9 has one, and is refused for section 5.7
    let old = [head, &[0x80 | 9 << 2 | 3], &content[..]].concat();
    let policy = policy();
    let error = opener(&policy, &alice, &bob).open(&old[..]).unwrap_err();
    assert!(matches!(error, Error::WeakAlgorithm { .. }), "{error:?}");
}

#[test]
fn section_4_3_unknown_packets_are_critical_below_40_and_ignored_from_there() {
    let good = good();
    for critical in [22, 24, 39] {
        assert!(
            malformed(&[&[0xc0 | critical, 0][..], &good].concat()),
            "{critical}"
        );
    }
    for ignored in [40, 50, 63] {
        let packet = [0xc0 | ignored, 1, b'x'];
        let content = [&packet[..], &good, &packet].concat();
        assert_eq!(open(&policy(), &content).unwrap(), b"a scan", "{ignored}");
    }
    assert!(
        malformed(&[&b"\xc0\x00"[..], &good].concat()),
        "type 0 is reserved"
    );
}

/// Versions of key packets that are not known are passed over, and so is one of version 6 before a container of version 1.
#[test]
fn section_5_1_key_packets_of_another_version_are_ignored() {
    let (alice, bob) = (key("alice-v4"), key("bob-v4"));
    let policy = policy();
    let opener = opener(&policy, &alice, &bob);
    let message = seal(&alice, &bob, b"a scan");
    let (head, content) = split(&message);
    let seal_v6 = seal(&key("alice-v6"), &key("bob-v6"), b"");
    let (other, _) = split(&seal_v6);
    let unknown = b"\xc1\x04\x09abc";
    let more = [unknown, other, head, unknown, &container(&content)].concat();
    assert!(opener.open(&more[..]).is_ok());
    let without = [unknown, other, &container(&content)].concat();
    assert!(matches!(opener.open(&without[..]), Err(Error::NotForMe)));
}

#[test]
fn section_5_2_a_signature_of_an_unknown_version_counts_as_none() {
    let good = good();
    let one_pass = 2 + usize::from(good[1]);
    let at = one_pass + literal(b"a scan").len();
    let mut unknown = good.clone();
    let version = at + if good[at + 1] < 192 { 2 } else { 3 };
    assert_eq!(unknown[version], 4);
    unknown[version] = 9;
    assert!(matches!(open(&policy(), &unknown), Err(Error::NotSigned)));
}

/// A one-pass packet of a version that is not known announces nothing: its signature is not verified.
#[test]
fn section_5_4_a_one_pass_packet_of_an_unknown_version_announces_nothing() {
    let mut unknown = good();
    assert_eq!(unknown[2], 3);
    unknown[2] = 9;
    assert!(matches!(
        open(&policy(), &unknown),
        Err(Error::BadSignature { .. })
    ));
}

#[test]
fn section_5_8_and_5_14_markers_and_padding_are_ignored_anywhere() {
    let good = good();
    for ignored in [&b"\xca\x03PGP"[..], b"\xd5\x02\0\0"] {
        let content = [ignored, &good, ignored].concat();
        assert_eq!(open(&policy(), &content).unwrap(), b"a scan");
    }
}

#[test]
fn section_5_9_a_literal_that_ends_in_its_header_is_malformed() {
    assert!(malformed(b"\xcb\x03b\xffx"), "a name of 255 bytes in one");
    assert!(malformed(b"\xcb\x01b"));
    assert!(malformed(b"\xcb\x00"));
    let two = [literal(b"one"), literal(b"two")].concat();
    assert!(matches!(
        open(&policy(), &two),
        Err(Error::TrailingBytes { .. })
    ));
}

/// Not for a missing code, nor for a wrong one, is anything released.
#[test]
fn section_5_13_1_a_container_without_its_modification_detection_code_is_refused() {
    let (message, session_key) = encrypt(&good());
    let (head, content) = split(&message);
    let policy = policy();
    let opener = Opener::new(&policy)
        .session_key(&session_key)
        .signer(&key("alice-v4").cert());
    let open = |content: &[u8]| opener.open(&[head, &container(content)[..]].concat()[..]);
    assert!(open(&content).is_ok());
    for cut in [1, 2, 20, 21, 22, 23, content.len() - 1, content.len() - 19] {
        let error = open(&content[..content.len() - cut]).unwrap_err();
        assert!(matches!(error, Error::Tampered), "{cut}: {error:?}");
    }
    let mut changed = content;
    *changed.last_mut().unwrap() ^= 1;
    assert!(matches!(open(&changed), Err(Error::Tampered)));
}

#[test]
fn section_5_13_2_a_version_mode_or_chunk_size_that_is_not_known_is_named() {
    let (alice, bob) = (key("alice-v6"), key("bob-v6"));
    let message = seal(&alice, &bob, b"a scan");
    let (head, content) = split(&message);
    let policy = policy();
    let opener = opener(&policy, &alice, &bob);
    let with = |at: usize, octet: u8| {
        let mut changed = content.clone();
        changed[at] = octet;
        let error = opener.open(&[head, &container(&changed)[..]].concat()[..]);
        error.expect_err(&format!("octet {at} is {octet}"))
    };
    for version in [0, 3, 255] {
        assert!(
            matches!(with(0, version), Error::Unsupported { .. }),
            "{version}"
        );
    }
    for mode in [0, 4, 255] {
        assert!(matches!(with(2, mode), Error::Unsupported { .. }), "{mode}");
    }
    for chunk in [17, 56, 255] {
        assert!(matches!(with(3, chunk), Error::Malformed { .. }), "{chunk}");
    }
}

#[test]
fn section_10_3_the_grammar_of_the_content() {
    let policy = policy();
    let good = signed(BINARY, HashAlgorithm::SHA256, b"a scan");
    let open = |content: &[u8]| open(&policy, content);
    assert_eq!(open(&good).unwrap(), b"a scan");
    let malformed = |content: &[u8]| matches!(open(content), Err(Error::Malformed { .. }));
    assert!(malformed(b""));
    assert!(malformed(&good[..good.len() - 1]), "ends within a packet");
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
fn section_5_13_2_chunks_in_another_order_or_missing_are_rejected() {
    let (from, to) = (key("alice-v6"), key("bob-v6"));
    let policy = policy();
    let plaintext = vec![0; 1_200_000];
    let mut message = Vec::new();
    Sealer::new()
        .signer(&Signer::new(&from, &policy).unwrap())
        .recipient(&Recipient::new(&to.cert(), &policy).unwrap())
        .seal(&plaintext[..], &mut message)
        .unwrap();
    let (head, content) = split(&message);
    let assemble = |content: &[u8]| [head, &container(content)[..]].concat();
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

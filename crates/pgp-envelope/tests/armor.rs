//! Messages as text (RFC 9580 section 6.2): what may stand around the base64, and that nothing else does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod people;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgp_envelope::Error;

use people::{key, opener, policy, seal};

const END: &str = "-----END PGP MESSAGE-----\n";

/// Header lines, an empty line, and base64 in lines of 64.
fn begin(message: &[u8], headers: &str) -> String {
    let mut text = format!("-----BEGIN PGP MESSAGE-----\n{headers}\n");
    for line in STANDARD.encode(message).as_bytes().chunks(64) {
        writeln!(text, "{}", str::from_utf8(line).unwrap()).unwrap();
    }
    text
}

/// A small message whose base64 ends with padding.
fn message() -> Vec<u8> {
    let (from, to) = (key("alice-v6"), key("bob-v6"));
    let padded = (0..3).map(|n| seal(&from, &to, &b"a scan"[n..]));
    padded
        .into_iter()
        .find(|message| message.len() % 3 == 1)
        .unwrap()
}

fn open(text: &str) -> Result<Vec<u8>, Error> {
    open_bytes(text.as_bytes())
}

fn open_bytes(text: &[u8]) -> Result<Vec<u8>, Error> {
    let (from, to, policy) = (key("alice-v6"), key("bob-v6"), policy());
    opener(&policy, &from, &to).open(text)?.into_vec()
}

#[test]
fn section_6_2_text_before_headers_a_checksum_and_blank_lines_are_allowed() {
    let message = message();
    let plain = begin(&message, "");
    for text in [
        format!("{plain}{END}"),
        format!("{plain}{}", END.trim_end()),
        format!("Dear Bob,\n{plain}{END}"),
        format!("{}{END}", begin(&message, "Comment: a scan\nVersion: 1\n")),
        // section 6.1: a checksum that is wrong is no reason to reject
        format!("{plain}=AAAA\n{END}"),
        format!("{plain}{END}\n \n"),
        format!("{plain}{END}").replace('\n', "\r\n"),
    ] {
        assert!(open(&text).unwrap().ends_with(b"scan"), "{text}");
    }
}

#[test]
fn section_6_2_nothing_follows_the_tail_line() {
    let text = format!("{}{END}", begin(&message(), ""));
    for behind in ["Yours, Alice", "=AAAA", &text] {
        let error = open(&format!("{text}{behind}")).unwrap_err();
        assert!(matches!(error, Error::TrailingBytes { .. }), "{error:?}");
    }
}

#[test]
fn section_6_2_another_tail_line_or_data_behind_the_padding_is_malformed() {
    let text = begin(&message(), "");
    for tail in [
        "-----END PGP SIGNATURE-----\n",
        "-----BEGIN PGP MESSAGE-----\n",
        "AAAA\n",
        "=AAAA\nAAAA\n",
        "=AAAA\n=AAAA\n",
    ] {
        let error = open(&format!("{text}{tail}{END}")).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{tail} {error:?}");
    }
    let unended = open(&text.replace("\n\n", "\nno header\n"));
    assert!(matches!(unended, Err(Error::Malformed { .. })));
}

#[test]
fn section_6_2_every_truncation_is_rejected() {
    let text = format!("{}=AAAA\n{END}", begin(&message(), ""));
    for len in 1..text.trim_end().len() {
        let error = open(&text[..len]).unwrap_err();
        assert!(
            matches!(error, Error::Truncated | Error::Malformed { .. }),
            "{len}: {error:?}"
        );
    }
}

#[test]
fn every_flipped_bit_of_the_data_and_the_tail_is_rejected() {
    let head = "-----BEGIN PGP MESSAGE-----\n\n".len();
    let text = format!("{}{END}", begin(&message(), ""));
    for bit in head * 8..text.trim_end().len() * 8 {
        let mut changed = text.clone().into_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open_bytes(&changed).is_err(), "bit {bit}");
    }
}

//! The head of a message: its key packets, one or more per recipient (RFC 9580 section 5.1).

use std::io::{BufRead, BufReader, Read};

use openpgp::crypto::mpi::Ciphertext;
use openpgp::packet::pkesk::{PKESK3, PKESK6};
use openpgp::packet::{PKESK, Packet};
use openpgp::parse::Parse as _;
use openpgp::serialize::Serialize as _;
use sequoia_openpgp as openpgp;

use crate::error::guarded;
use crate::packet::{Body, Header, Length, read_header, tag, write_header};
use crate::{Error, Recipient, Result, SessionKey};

/// The most bytes of one key packet; RSA with 16384 bits takes 2 KiB, ML-KEM-1024 less.
const MAX_KEY_PACKET: u64 = 16 << 10;

/// Which version of key packet: they go with the container of version 1 and 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V3,
    V6,
}

/// Whether key packets say for whom they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    Named,
    Hidden,
}

const ENCRYPTING: &str = "encrypting a session key";

/// The key packets of a message for these recipients.
pub(crate) fn write(
    version: Version,
    naming: Naming,
    key: &SessionKey,
    recipients: &[Recipient],
) -> Result<Vec<u8>> {
    if recipients.is_empty() {
        return Err(Error::NoRecipients);
    }
    guarded(ENCRYPTING, || packets(version, naming, key, recipients))
}

fn packets(
    version: Version,
    naming: Naming,
    key: &SessionKey,
    recipients: &[Recipient],
) -> Result<Vec<u8>> {
    let failed = ENCRYPTING;
    let mut head = Vec::new();
    for public in recipients.iter().flat_map(|recipient| &recipient.keys) {
        let packet: PKESK = match version {
            Version::V3 => {
                let mut packet = PKESK3::for_recipient(key.cipher(), key.sequoia(), public)
                    .map_err(Error::library(failed))?;
                if naming == Naming::Hidden {
                    packet.set_recipient(None);
                }
                packet.into()
            }
            Version::V6 => {
                let mut packet =
                    PKESK6::for_recipient(key.sequoia(), public).map_err(Error::library(failed))?;
                if naming == Naming::Hidden {
                    packet.set_recipient(None);
                }
                packet.into()
            }
        };
        Packet::from(packet)
            .serialize(&mut head)
            .map_err(Error::library(failed))?;
    }
    Ok(head)
}

/// How many bytes the key packets take; the encrypted container starts there. Nothing is decrypted.
///
/// ```text
///   0                head_len
///   │ key packets    │ encrypted container ...
/// ```
///
/// # Errors
///
/// What is wrong with the packets up to there: [`Error::Malformed`], [`Error::Truncated`], [`Error::NotEncrypted`]. An
/// armored message is malformed here: its head has no bytes of its own.
pub fn head_len(message: impl Read) -> Result<u64> {
    let mut reader = BufReader::new(message);
    let mut len = 0;
    loop {
        let Some(header) = read_header(&mut reader)? else {
            return Err(if len == 0 {
                Error::NotEncrypted
            } else {
                Error::Truncated
            });
        };
        match header.tag {
            tag::SEIPD | tag::SED | tag::AEAD => return Ok(len),
            found => {
                refuse_other(found)?;
                len += header.size + Body::new(&mut reader, header.length).skip()?;
            }
        }
    }
}

/// Refuses what cannot stand before the container. RFC 9580 section 10.3.2 allows key packets, and markers and padding
/// anywhere; section 4.3 has unknown packets ignored from type 40 on.
fn refuse_other(found: u8) -> Result<()> {
    match found {
        tag::PKESK | tag::SKESK | tag::MARKER | tag::PADDING | tag::FIRST_NON_CRITICAL.. => Ok(()),
        tag::SIGNATURE | tag::ONE_PASS | tag::COMPRESSED | tag::LITERAL => Err(Error::NotEncrypted),
        _ => Err(Error::malformed(
            "the message",
            format!("a packet of type {found} stands before its container"),
        )),
    }
}

/// Reads the key packets up to the container, whose header is returned. Those that sequoia does not know are passed over,
/// as section 5.1 asks: damage and novelty look alike.
pub(crate) fn read(reader: &mut dyn BufRead, limit: usize) -> Result<(Vec<PKESK>, Header)> {
    let mut keys = Vec::new();
    let mut seen = 0;
    loop {
        let header = read_header(reader)?.ok_or(match seen {
            0 => Error::NotEncrypted,
            _ => Error::Truncated,
        })?;
        seen += 1;
        if seen > limit {
            return Err(Error::Limit {
                what: "the number of key packets",
                limit: limit as u64,
            });
        }
        match header.tag {
            tag::SEIPD => return Ok((keys, header)),
            tag::SED => {
                return Err(Error::WeakAlgorithm {
                    what: "the encrypted container",
                    reason: "it has no integrity protection (RFC 9580 section 5.7)".to_owned(),
                });
            }
            tag::AEAD => {
                return Err(Error::Unsupported {
                    what: "the encrypted container",
                    reason: "it is LibrePGP's (packet type 20)".to_owned(),
                });
            }
            tag::PKESK => {
                let body =
                    Body::new(reader, header.length).read_all("a key packet", MAX_KEY_PACKET)?;
                keys.extend(parse(tag::PKESK, &body).and_then(|packet| match packet {
                    Packet::PKESK(key) => Some(key),
                    _ => None,
                }));
            }
            found => {
                refuse_other(found)?;
                Body::new(reader, header.length).skip()?;
            }
        }
    }
}

/// Whether the point of a Curve25519 key agreement is written in the one way that honest programs write it.
///
/// RFC 7748 section 5 has the highest bit ignored, and version 3 packets do not bind it: the message would open with it
/// flipped. Version 6 packets bind the point.
pub(crate) fn is_canonical(packet: &PKESK) -> bool {
    match packet.esk() {
        Ciphertext::ECDH { e, .. } => match e.value() {
            [0x40, point @ ..] if point.len() == 32 => {
                point.last().is_some_and(|last| last & 0x80 == 0)
            }
            _ => true,
        },
        _ => true,
    }
}

/// One packet from its body.
pub(crate) fn parse(tag: u8, body: &[u8]) -> Option<Packet> {
    let mut bytes = Vec::with_capacity(body.len() + 6);
    write_header(&mut bytes, tag, u32::try_from(body.len()).ok()?);
    bytes.extend_from_slice(body);
    guarded("reading a packet", || Ok(Packet::from_bytes(&bytes).ok())).ok()?
}

/// Makes a new head for the body of a message: whoever is named there opens the same bytes.
///
/// The body is untouched, so a message of 2 GB is granted to one more receiver with some 100 bytes. Whom the signer meant
/// is written in the signed content, which stays too: a receiver by grant opens with [`crate::Opener::granted`]. Where no key
/// packet of the old head says for whom it is, none of the new one does.
///
/// # Errors
///
/// [`Error::Malformed`] when `head` is no head, [`Error::NoRecipients`], [`Error::Library`].
pub fn regrant(head: &[u8], session_key: &SessionKey, recipients: &[Recipient]) -> Result<Vec<u8>> {
    const WHAT: &str = "the head of a message";
    let mut rest = head;
    let mut version = None;
    let mut naming = Naming::Hidden;
    while let Some(header) = read_header(&mut rest)? {
        let (tag::PKESK, Length::Full(_)) = (header.tag, header.length) else {
            return Err(Error::malformed(
                WHAT,
                format!("it holds a packet of type {}", header.tag),
            ));
        };
        let body = Body::new(&mut rest, header.length).read_all("a key packet", MAX_KEY_PACKET)?;
        let found = match body.first() {
            Some(3) => Version::V3,
            Some(6) => Version::V6,
            other => {
                return Err(Error::malformed(
                    WHAT,
                    format!("a key packet of version {other:?}"),
                ));
            }
        };
        if version.is_some_and(|version| version != found) {
            return Err(Error::malformed(WHAT, "its key packets have two versions"));
        }
        version = Some(found);
        // section 5.1.1: a key id of zeros; section 5.1.2: a fingerprint of no length
        let nobody = match found {
            Version::V3 => body.get(1..9) == Some(&[0; 8]),
            Version::V6 => body.get(1) == Some(&0),
        };
        if !nobody {
            naming = Naming::Named;
        }
    }
    let version = version.ok_or_else(|| Error::malformed(WHAT, "it is empty"))?;
    write(version, naming, session_key, recipients)
}

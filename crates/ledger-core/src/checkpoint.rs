//! Checkpoints: what the node says the log and the state are, as C2SP signed notes, and who cosigned it.
//!
//! ```text
//! medshare/1f0c…e9                                     the log's name: the chain
//! 12                                                   the number of leaves
//! qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=         the root of the log
//! header 7 kkdmnbYuQe7vUu3SHyg1Opw2gBfBvDXuXJlmpdPpDwY=  the height and the header's SHA-256, which holds the state's root
//!
//! — medshare/1f0c…e9 Az3grlgtzPICa5OS8npVmf1Myq/5…     the node's signature
//! — witness.example 0OQw3Q…                            cosignatures of witnesses (C2SP tlog-cosignature)
//! ```
//!
//! The first three lines are C2SP's tlog-checkpoint, the fourth is an extension line as it allows.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::Signer as _;
use signed_note::Note;

use crate::hash::sha256;
use crate::proof::Rejected;
use crate::{ChainId, Digest, Error, Header, Height, PublicKey, Result, Signature};

/// What every log's name begins with.
const ORIGIN: &str = "medshare/";
/// The most bytes of a note.
pub const MAX_NOTE: usize = 64 * 1024;
/// C2SP's type of a plain Ed25519 signature (signed-note).
const ED25519: u8 = 0x01;
/// C2SP's type of a cosignature with time (tlog-cosignature).
const COSIGNATURE: u8 = 0x04;

/// What a receiver trusts: the chain and the node's key, as a C2SP verifier key.
///
/// Written `medshare/CHAIN+ID+KEY`: the chain in hexadecimal, the key's short name, and the key in base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKey {
    chain: ChainId,
    key: PublicKey,
}

impl LogKey {
    /// Names a chain's key.
    #[must_use]
    pub const fn new(chain: ChainId, key: PublicKey) -> Self {
        Self { chain, key }
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// The node's key.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.key
    }

    /// The log's name: the first line of its checkpoints.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{ORIGIN}{}", self.chain)
    }

    fn id(&self) -> u32 {
        key_id(&self.origin(), ED25519, &self.key)
    }
}

impl fmt::Display for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, &self.origin(), self.id(), ED25519, &self.key)
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({self})")
    }
}

impl FromStr for LogKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        const WHAT: &str = "a log's key";
        let (name, key) = read_key(text, ED25519, WHAT)?;
        let chain = name.strip_prefix(ORIGIN).ok_or_else(|| Error::Malformed {
            what: WHAT,
            reason: format!("expected a name that begins with {ORIGIN}"),
        })?;
        // one spelling only: the name is part of what is signed
        let log = Self {
            chain: chain.parse()?,
            key,
        };
        if log.origin() == name {
            Ok(log)
        } else {
            Err(Error::Malformed {
                what: WHAT,
                reason: "expected the chain in lower case".to_owned(),
            })
        }
    }
}

/// The key of a witness: one who has seen a checkpoint, checked that the log only grew, and says so.
///
/// Written as C2SP's verifier keys are, with the type of cosignatures.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: PublicKey,
}

impl WitnessKey {
    /// The witness' name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key itself: what makes two witnesses two.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.key
    }

    /// Names a witness and its key.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a name that a signed note cannot carry, or a key that is none.
    pub fn new(name: &str, key: PublicKey) -> Result<Self> {
        let wrong = |reason: &str| Error::Malformed {
            what: "a witness' key",
            reason: reason.to_owned(),
        };
        if !signed_note::is_key_name_valid(name) {
            return Err(wrong("expected a name without spaces"));
        }
        if key.point().is_none() {
            return Err(wrong("expected an Ed25519 key"));
        }
        let name = name.to_owned();
        Ok(Self { name, key })
    }

    pub(crate) fn id(&self) -> u32 {
        key_id(&self.name, COSIGNATURE, &self.key)
    }

    /// The time of the witness' cosignature on a note, when there is one that holds.
    fn cosigned(&self, note: &Note, signatures: &[signed_note::Signature]) -> Option<u64> {
        signatures
            .iter()
            .filter(|s| s.name() == self.name && s.id() == self.id())
            .find_map(|signature| {
                // C2SP tlog-cosignature: eight bytes of time, then the signature over a header line, the time, and the note
                let (time, signature) = signature.signature().split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                let signature = Signature::new(signature.try_into().ok()?);
                let message = cosigned_message(time, note.text());
                self.key.verifies(&message, &signature).then_some(time)
            })
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, &self.name, self.id(), COSIGNATURE, &self.key)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({self})")
    }
}

impl FromStr for WitnessKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, key) = read_key(text, COSIGNATURE, "a witness' key")?;
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }
}

/// A checkpoint whose signature by the node was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    chain: ChainId,
    size: u64,
    root: Digest,
    height: Height,
    header: Digest,
    note: String,
}

impl Checkpoint {
    /// Reads a signed note and checks the node's signature on it.
    ///
    /// # Errors
    ///
    /// [`Rejected::Checkpoint`] when it is no checkpoint of this log, [`Rejected::Signature`] when the node did not sign it.
    pub fn open(note: &str, log: &LogKey) -> Result<Self, Rejected> {
        Self::open_cosigned(note, log, &[]).map(|(checkpoint, _)| checkpoint)
    }

    /// Reads a signed note, checks the node's signature, and counts the witnesses that cosigned it, each key once.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::open`].
    pub fn open_cosigned(
        note: &str,
        log: &LogKey,
        witnesses: &[WitnessKey],
    ) -> Result<(Self, usize), Rejected> {
        let signed = |text: &[u8], signature: &Signature| log.key.verifies(text, signature);
        Self::open_signed(note, log, signed, witnesses)
    }

    /// As [`Checkpoint::open_cosigned`], with another way to check the node's signature.
    pub(crate) fn open_signed(
        note: &str,
        log: &LogKey,
        signed: impl Fn(&[u8], &Signature) -> bool,
        witnesses: &[WitnessKey],
    ) -> Result<(Self, usize), Rejected> {
        let wrong = |reason: String| Rejected::Checkpoint { reason };
        if note.len() > MAX_NOTE {
            return Err(wrong(format!(
                "a note of {} bytes, at most {MAX_NOTE} are read",
                note.len()
            )));
        }
        let parsed = Note::from_bytes(note.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let text = std::str::from_utf8(parsed.text()).map_err(|error| wrong(error.to_string()))?;
        let read = Text::read(text)
            .ok_or_else(|| wrong("expected the four lines of a checkpoint".to_owned()))?;
        if read.chain != log.chain {
            return Err(Rejected::WrongChain {
                expected: log.chain,
                found: read.chain,
            });
        }
        let (origin, id) = (log.origin(), log.id());
        let signatures = signatures(note);
        let is_signed = signatures
            .iter()
            .filter(|signature| signature.name() == origin && signature.id() == id)
            .filter_map(|signature| signature.signature().try_into().ok().map(Signature::new))
            .any(|signature| signed(parsed.text(), &signature));
        if !is_signed {
            return Err(Rejected::Signature);
        }
        // by key: whoever is named twice is one witness
        let cosigned: BTreeSet<_> = witnesses
            .iter()
            .filter(|witness| witness.cosigned(&parsed, &signatures).is_some())
            .map(|witness| witness.key)
            .collect();
        let Text {
            chain,
            size,
            root,
            height,
            header,
        } = read;
        Ok((
            Self {
                chain,
                size,
                root,
                height,
                header,
                note: note.to_owned(),
            },
            cosigned.len(),
        ))
    }

    /// Signs what a header says: the note that [`Checkpoint::open`] reads.
    #[must_use]
    pub fn sign(chain: ChainId, header: &Header, key: &ed25519_dalek::SigningKey) -> String {
        let log = LogKey::new(chain, PublicKey::from(key));
        let text = Text {
            chain,
            size: header.log_size,
            root: header.log_root,
            height: header.height,
            header: header.digest(),
        };
        let text = text.to_string();
        let signature = key.sign(text.as_bytes()).to_bytes();
        let signature =
            BASE64_STANDARD.encode([log.id().to_be_bytes().as_slice(), &signature].concat());
        format!("{text}\n\u{2014} {} {signature}\n", log.origin())
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// The number of leaves of the log.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the log.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// The height of the newest block.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.height
    }

    /// SHA-256 of the newest header.
    #[must_use]
    pub const fn header(&self) -> Digest {
        self.header
    }

    /// The signed note: keep it, and pass it as the older checkpoint next time.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// What stands in a checkpoint.
struct Text {
    chain: ChainId,
    size: u64,
    root: Digest,
    height: Height,
    header: Digest,
}

impl Text {
    /// Reads the text of a note; none unless writing it again gives the same text.
    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let chain = lines.next()?.strip_prefix(ORIGIN)?.parse().ok()?;
        let size = lines.next()?.parse().ok()?;
        let root = read_digest(lines.next()?)?;
        let (height, header) = lines.next()?.strip_prefix("header ")?.split_once(' ')?;
        let read = Self {
            chain,
            size,
            root,
            height: Height(height.parse().ok()?),
            header: read_digest(header)?,
        };
        (read.to_string() == text).then_some(read)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base64 = |digest: &Digest| BASE64_STANDARD.encode(digest.as_bytes());
        writeln!(
            f,
            "{ORIGIN}{}\n{}\n{}",
            self.chain,
            self.size,
            base64(&self.root)
        )?;
        writeln!(f, "header {} {}", self.height, base64(&self.header))
    }
}

/// What a witness signs (C2SP tlog-cosignature).
pub(crate) fn cosigned_message(time: u64, text: &[u8]) -> Vec<u8> {
    [format!("cosignature/v1\ntime {time}\n").as_bytes(), text].concat()
}

/// The signature lines of a note that was parsed already: its parser keeps them to itself.
fn signatures(note: &str) -> Vec<signed_note::Signature> {
    let lines = note.rsplit_once("\n\n").map_or("", |(_, lines)| lines);
    lines
        .lines()
        .filter_map(|line| signed_note::Signature::from_bytes(line.as_bytes()).ok())
        .collect()
}

fn read_digest(text: &str) -> Option<Digest> {
    BASE64_STANDARD
        .decode(text)
        .ok()?
        .try_into()
        .ok()
        .map(Digest::new)
}

/// C2SP's short name of a key: the first four bytes of SHA-256 of name, newline, type and key.
fn key_id(name: &str, kind: u8, key: &PublicKey) -> u32 {
    let [a, b, c, d, ..] = sha256(&[name.as_bytes(), b"\n", &[kind], key.as_bytes()]);
    u32::from_be_bytes([a, b, c, d])
}

fn write_key(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    id: u32,
    kind: u8,
    key: &PublicKey,
) -> fmt::Result {
    write!(
        f,
        "{name}+{id:08x}+{}",
        BASE64_STANDARD.encode([&[kind], key.as_bytes().as_slice()].concat())
    )
}

/// Reads a C2SP verifier key: its name and its key, when the short name fits both.
fn read_key<'a>(text: &'a str, kind: u8, what: &'static str) -> Result<(&'a str, PublicKey)> {
    let wrong = |reason: &str| Error::Malformed {
        what,
        reason: reason.to_owned(),
    };
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong("expected NAME+ID+KEY"));
    };
    if !signed_note::is_key_name_valid(name) {
        return Err(wrong("expected a name without spaces"));
    }
    let key = BASE64_STANDARD
        .decode(key)
        .map_err(|_| wrong("expected the key in base64"))?;
    let key = match key.split_first() {
        Some((found, key)) if *found == kind => <[u8; 32]>::try_from(key).ok().map(PublicKey::new),
        _ => None,
    };
    let key = key
        .filter(|key| key.point().is_some())
        .ok_or_else(|| wrong("expected an Ed25519 key of this type"))?;
    if format!("{:08x}", key_id(name, kind, &key)) != id {
        return Err(wrong(
            "the short name does not fit name and key: a letter is wrong somewhere",
        ));
    }
    Ok((name, key))
}

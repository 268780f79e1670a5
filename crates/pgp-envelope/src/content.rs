//! What stands inside the encrypted container: signatures around one literal (RFC 9580 section 10.3).

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, ZlibDecoder};
use openpgp::crypto::hash;
use openpgp::packet::{OnePassSig, Packet, Signature};
use openpgp::types::{HashAlgorithm, SignatureType};
use sequoia_openpgp as openpgp;

use crate::aside::{Aside, Portions, Sink};
use crate::head::parse;
use crate::packet::{Body, octet, octets, read_header, tag};
use crate::storage::Storage;
use crate::verify::Signed;
use crate::{Error, Policy, Result};

/// The most bytes of a signature packet: 1,000 recipients take 36 KiB.
const MAX_SIGNATURE: u64 = 1 << 20;
const WHAT: &str = "the encrypted content";
/// How much of the content is hashed and kept at a time.
const PORTION: usize = 256 << 10;

/// Reads the content to where it waits, hashing it for each signature on the way.
pub(crate) struct Content<'a> {
    policy: &'a Policy,
    pub(crate) storage: Aside<Storage>,
    threaded: bool,
    /// What is being hashed: for one-pass packets, and for signatures that stand before the content.
    hashes: Vec<Announced>,
    pub(crate) signatures: Vec<Signed>,
    seen: bool,
    compressed: bool,
}

/// One signature that the content is hashed for; no hash where the signature is of a kind that is not known.
struct Announced {
    hash: Option<hash::Context>,
    text: bool,
    /// Text only: whether the last byte was a carriage return.
    after_return: bool,
    signature: Option<Signature>,
}

impl<'a> Content<'a> {
    pub(crate) const fn new(policy: &'a Policy, storage: Storage, threaded: bool) -> Self {
        Self {
            policy,
            storage: Aside::new(storage, threaded),
            threaded,
            hashes: Vec::new(),
            signatures: Vec::new(),
            seen: false,
            compressed: false,
        }
    }

    /// Reads one message to the end of the reader.
    pub(crate) fn message(&mut self, reader: &mut dyn BufRead, layers: u32) -> Result<()> {
        let limit = self.policy.nesting;
        let mut open = Vec::new();
        let mut seen = false;
        while let Some(header) = read_header(reader)? {
            if layers + u32::try_from(self.hashes.len()).unwrap_or(u32::MAX) > limit {
                return Err(Error::Limit {
                    what: "the nesting of the content",
                    limit: u64::from(limit),
                });
            }
            let body = Body::new(reader, header.length);
            match header.tag {
                // Section 10.3: markers and padding anywhere; section 4.3: unknown packets from type 40 on.
                tag::MARKER | tag::PADDING | tag::FIRST_NON_CRITICAL.. => {
                    body.skip()?;
                }
                tag::ONE_PASS if !seen => {
                    let body = body.read_all("a one-pass packet", MAX_SIGNATURE)?;
                    open.push(self.hashes.len());
                    self.hashes.push(match parse(tag::ONE_PASS, &body) {
                        Some(Packet::OnePassSig(one_pass)) => Announced::by_one_pass(&one_pass),
                        _ => Announced::unknown(),
                    });
                }
                tag::SIGNATURE if !seen => {
                    let body = body.read_all("a signature", MAX_SIGNATURE)?;
                    self.hashes.push(match parse(tag::SIGNATURE, &body) {
                        Some(Packet::Signature(signature)) => Announced::by_signature(signature),
                        _ => Announced::unknown(),
                    });
                }
                tag::LITERAL if !seen => {
                    seen = true;
                    self.literal(body)?;
                }
                tag::COMPRESSED if !seen => {
                    seen = true;
                    self.compressed(body, layers)?;
                }
                tag::SIGNATURE => {
                    let Some(at) = open.pop() else {
                        return Err(Error::malformed(
                            WHAT,
                            "more signatures than one-pass packets",
                        ));
                    };
                    let body = body.read_all("a signature", MAX_SIGNATURE)?;
                    let announced = self.hashes.get_mut(at);
                    if let Some(Packet::Signature(signature)) = parse(tag::SIGNATURE, &body) {
                        let hash = announced
                            .filter(|announced| announced.text == is_text(&signature))
                            .and_then(|announced| announced.hash.take());
                        self.signatures.push(Signed { signature, hash });
                    }
                }
                _ if seen => {
                    return Err(Error::TrailingBytes {
                        what: "the signed content",
                    });
                }
                tag::SED | tag::SEIPD | tag::AEAD => {
                    return Err(Error::malformed(
                        WHAT,
                        "another encrypted container stands in it",
                    ));
                }
                found => {
                    return Err(Error::malformed(
                        WHAT,
                        format!("a packet of type {found} stands in it"),
                    ));
                }
            }
        }
        if !open.is_empty() {
            return Err(Error::malformed(
                WHAT,
                "fewer signatures than one-pass packets",
            ));
        }
        if !seen {
            return Err(Error::malformed(WHAT, "it holds no literal data"));
        }
        if layers == 0 {
            let before = self.hashes.iter_mut();
            self.signatures.extend(before.filter_map(|announced| {
                Some(Signed {
                    signature: announced.signature.take()?,
                    hash: announced.hash.take(),
                })
            }));
        }
        Ok(())
    }

    /// The literal data packet (section 5.9): only its content is signed.
    fn literal(&mut self, mut body: Body<'_>) -> Result<()> {
        if std::mem::replace(&mut self.seen, true) {
            return Err(Error::malformed(WHAT, "it holds two literals"));
        }
        let _format = octet(&mut body)?;
        let name = u64::from(octet(&mut body)?);
        let reading = "reading the message";
        let mut header = Vec::new();
        Read::take(&mut body, name)
            .read_to_end(&mut header)
            .map_err(Error::io(reading))?;
        let _date: [u8; 4] = octets(&mut body)?;
        let (limit, what) = if self.compressed {
            let limit = self.policy.decompressed.min(self.policy.size);
            (limit, "the size of the decompressed content")
        } else {
            (self.policy.size, "the size of the content")
        };
        let threaded = self.threaded && !self.hashes.is_empty();
        let mut hashing = Aside::new(std::mem::take(&mut self.hashes), threaded);
        let portions = Portions::default();
        let mut portion = portions.empty();
        let mut len = 0;
        loop {
            let data = body.fill_buf().map_err(Error::io(reading))?;
            let n = data.len();
            len += n as u64;
            if len > limit {
                return Err(Error::Limit { what, limit });
            }
            portion.extend(data);
            body.consume(n);
            if n == 0 || portion.len() >= PORTION {
                let full = portions.share(portion);
                hashing.take(&full)?;
                self.storage.take(&full)?;
                portion = portions.empty();
            }
            if n == 0 {
                self.hashes = hashing.finish()?;
                return Ok(());
            }
        }
    }

    /// Compressed data (section 5.6), which this crate does not write.
    fn compressed(&mut self, mut body: Body<'_>, layers: u32) -> Result<()> {
        self.compressed = true;
        let limit = self.policy.decompressed;
        let algorithm = octet(&mut body)?;
        // The packets around the literal count too: twice the limit and a little are more than any message needs.
        let ceiling = limit.saturating_mul(2).saturating_add(MAX_SIGNATURE);
        let mut inner: Box<dyn Read + '_> = match algorithm {
            0 => Box::new(&mut body),
            1 => Box::new(DeflateDecoder::new(&mut body)),
            2 => Box::new(ZlibDecoder::new(&mut body)),
            3 => {
                return Err(Error::Unsupported {
                    what: "the compression",
                    reason: "BZip2".to_owned(),
                });
            }
            found => {
                return Err(Error::Unsupported {
                    what: "the compression",
                    reason: format!("algorithm {found}"),
                });
            }
        };
        let mut bounded = BufReader::new(Read::take(&mut inner, ceiling));
        self.message(&mut bounded, layers + 1)
            .map_err(|error| match error {
                // flate2's own words; other kinds are those of a disk or of whoever hands over the message
                Error::Io { source, .. } if source.kind() == io::ErrorKind::InvalidInput => {
                    Error::malformed("the compressed data", source.to_string())
                }
                other => other,
            })?;
        drop(bounded);
        drop(inner);
        // sq before 1.0 pads messages with bytes behind the compressed stream. They are inside the container, so they are the
        // sender's, and nothing looks at them.
        body.skip().map(|_| ())
    }
}

impl Sink for Vec<Announced> {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.iter_mut()
            .for_each(|announced| announced.update(bytes));
        Ok(())
    }
}

fn is_text(signature: &Signature) -> bool {
    signature.typ() == SignatureType::Text
}

impl Announced {
    const fn unknown() -> Self {
        Self {
            hash: None,
            text: false,
            after_return: false,
            signature: None,
        }
    }

    fn by_one_pass(one_pass: &OnePassSig) -> Self {
        let version = if one_pass.version() == 6 { 6 } else { 4 };
        Self {
            hash: hash(
                one_pass.hash_algo(),
                one_pass.typ(),
                version,
                one_pass.salt(),
            ),
            text: one_pass.typ() == SignatureType::Text,
            ..Self::unknown()
        }
    }

    fn by_signature(signature: Signature) -> Self {
        let (algorithm, kind, version) =
            (signature.hash_algo(), signature.typ(), signature.version());
        let salt = match &signature {
            Signature::V6(signature) => Some(signature.salt()),
            _ => None,
        };
        Self {
            hash: hash(algorithm, kind, version, salt),
            text: is_text(&signature),
            after_return: false,
            signature: Some(signature),
        }
    }

    fn update(&mut self, data: &[u8]) {
        let Some(hash) = &mut self.hash else {
            return;
        };
        if !self.text {
            return hash.update(data);
        }
        // Text is signed with its lines ended by CR LF (section 5.2.1.2).
        for line in data.split_inclusive(|&byte| byte == b'\n') {
            if let Some(text) = line.strip_suffix(b"\n") {
                let ended = text.last().map_or(self.after_return, |&last| last == b'\r');
                hash.update(text);
                hash.update(if ended { b"\n" } else { b"\r\n" });
                self.after_return = false;
            } else {
                hash.update(line);
                self.after_return = line.last() == Some(&b'\r');
            }
        }
    }
}

/// A hash that has taken in what stands before the content: a version 6 signature's salt (section 5.2.4).
fn hash(
    algorithm: HashAlgorithm,
    kind: SignatureType,
    version: u8,
    salt: Option<&[u8]>,
) -> Option<hash::Context> {
    if !matches!(kind, SignatureType::Binary | SignatureType::Text) {
        return None;
    }
    let mut hash = algorithm.context().ok()?.for_signature(version);
    if let Some(salt) = salt {
        hash.update(salt);
    }
    Some(hash)
}

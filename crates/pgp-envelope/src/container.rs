//! Reading the encrypted container: segments through the cipher, integrity at the end.

use std::io::{self, BufRead, Read};

use openpgp::types::SymmetricAlgorithm;
use sequoia_openpgp as openpgp;
use sha1::{Digest as _, Sha1};

use crate::cipher::{Aead, BLOCK, OpenCfb, OpenChunk, TAG};
use crate::packet::{Body, Length, octet, octets};
use crate::pipeline::{Block, Pipeline, Stage};
use crate::{Container, Error, Mode, Policy, Result, SessionKey};

/// The random block and its last two bytes again, before the plaintext of a version 1 container.
const PREFIX: usize = BLOCK + 2;
/// The modification detection code packet: 0xD3 0x14 and SHA-1.
const MDC: usize = 22;
/// Ciphertext that is decrypted at a time in version 1.
const SEGMENT: usize = 256 << 10;
/// The largest chunk is 2^(16 + 6) bytes (section 5.13.2).
const MAX_CHUNK_OCTET: u8 = 16;

/// What a container says of itself before its ciphertext.
pub(crate) enum Preamble {
    V1,
    V2 {
        cipher: SymmetricAlgorithm,
        mode: Mode,
        chunk: usize,
        salt: [u8; 32],
    },
}

impl Preamble {
    pub(crate) fn read(body: &mut Body<'_>) -> Result<Self> {
        match octet(body)? {
            1 => Ok(Self::V1),
            2 => {
                let [cipher, mode, chunk] = octets(body)?;
                if chunk > MAX_CHUNK_OCTET {
                    return Err(Error::malformed(
                        "the encrypted container",
                        format!(
                            "chunk size octet {chunk}, at most {MAX_CHUNK_OCTET} (RFC 9580 section 5.13.2)"
                        ),
                    ));
                }
                Ok(Self::V2 {
                    cipher: cipher.into(),
                    mode: Mode::from_id(mode)?,
                    chunk: 1 << (chunk + 6),
                    salt: octets(body)?,
                })
            }
            found => Err(Error::Unsupported {
                what: "the encrypted container",
                reason: format!("version {found}"),
            }),
        }
    }

    pub(crate) fn container(&self) -> Container {
        match self {
            Self::V1 => Container::SeipdV1,
            Self::V2 { mode, chunk, .. } => Container::SeipdV2 {
                mode: *mode,
                chunk: u32::try_from(*chunk).unwrap_or(u32::MAX),
            },
        }
    }

    /// The cipher, where the container names it.
    pub(crate) const fn cipher(&self) -> Option<SymmetricAlgorithm> {
        match self {
            Self::V1 => None,
            Self::V2 { cipher, .. } => Some(*cipher),
        }
    }
}

/// The plaintext of a container. What it gives before its end is unverified in version 1, and verified chunk by chunk
/// in version 2; that nothing is missing shows at the end in both.
pub(crate) struct Plaintext<'a> {
    body: Body<'a>,
    pipeline: Pipeline,
    integrity: Integrity,
    /// Bytes that each input holds at most, without what stands before it.
    input: usize,
    /// Bytes that are kept back, because they are the last ones when nothing follows.
    carry: Vec<u8>,
    lookahead: usize,
    ended: bool,
    verified: bool,
    failed: Option<Failure>,
    block: Option<Block>,
    start: usize,
    end: usize,
    segments: u64,
    bytes: u64,
}

/// What went wrong, to be said again whenever somebody reads on.
#[derive(Clone, Copy)]
enum Failure {
    Truncated,
    Tampered,
    Other,
}

enum Integrity {
    Aead(Aead),
    Mdc { hash: Sha1, iv: [u8; BLOCK] },
}

impl<'a> Plaintext<'a> {
    pub(crate) fn new(
        body: Body<'a>,
        preamble: &Preamble,
        key: &SessionKey,
        cipher: SymmetricAlgorithm,
        workers: usize,
        policy: &Policy,
    ) -> Result<Self> {
        use openpgp::policy::Policy as _;
        let weak = |reason: String| Error::WeakAlgorithm {
            what: "the encrypted container",
            reason,
        };
        policy
            .standard
            .symmetric_algorithm(cipher)
            .map_err(|error| weak(error.to_string()))?;
        if cipher.block_size().ok() != Some(BLOCK) {
            return Err(weak(format!("{cipher} has blocks of 64 bits")));
        }
        if cipher.key_size().ok() != Some(key.as_bytes().len()) {
            return Err(Error::NotForMe);
        }
        let (integrity, input, lookahead, stages) = match preamble {
            Preamble::V1 => {
                let hash = Sha1::new();
                let stage = || -> Box<dyn Stage> {
                    Box::new(OpenCfb {
                        key: key.clone(),
                        cipher,
                    })
                };
                let stages: Vec<_> = (0..=workers).map(|_| stage()).collect();
                let iv = [0; BLOCK];
                (Integrity::Mdc { hash, iv }, SEGMENT, MDC, stages)
            }
            Preamble::V2 {
                mode, chunk, salt, ..
            } => {
                mode.refuse_unsupported("the container's mode")?;
                let aead = Aead::new(key, cipher, *mode, *chunk, salt)?;
                let stage = || -> Box<dyn Stage> { Box::new(OpenChunk(aead.clone())) };
                let stages: Vec<_> = (0..=workers).map(|_| stage()).collect();
                (Integrity::Aead(aead), *chunk + TAG, TAG, stages)
            }
        };
        Ok(Self {
            body,
            pipeline: Pipeline::new(stages),
            integrity,
            input,
            carry: Vec::new(),
            lookahead,
            ended: false,
            verified: false,
            failed: None,
            block: None,
            start: 0,
            end: 0,
            segments: 0,
            bytes: 0,
        })
    }

    /// Passes over what is left: fails when anything was changed or is missing.
    pub(crate) fn drain(&mut self) -> Result<()> {
        loop {
            let n = self
                .fill_buf()
                .map_err(Error::io("reading the message"))?
                .len();
            if n == 0 {
                return Ok(());
            }
            self.consume(n);
        }
    }

    /// Keeps the cipher busy.
    fn feed(&mut self) -> Result<()> {
        while !self.ended && self.pipeline.has_room() {
            let mut block = self.pipeline.take();
            block.input.clear();
            let before = match &self.integrity {
                Integrity::Aead(_) => 0,
                Integrity::Mdc { iv, .. } => {
                    block.input.extend(iv);
                    BLOCK
                }
            };
            block.input.extend(&self.carry);
            let full = before + self.input + self.lookahead;
            block
                .input
                .fill(&mut self.body, full)
                .map_err(Error::io("reading the message"))?;
            let kept = match (block.input.len() == full, &self.integrity) {
                (true, _) => self.lookahead,
                (false, Integrity::Aead(_)) => {
                    self.ended = true;
                    self.lookahead
                }
                (false, Integrity::Mdc { .. }) => {
                    self.ended = true;
                    0
                }
            };
            let len = block.input.len().checked_sub(kept).ok_or(Error::Tampered)?;
            self.carry.clear();
            self.carry.extend(block.input.iter().skip(len));
            block.input.truncate(len);
            if let (Integrity::Mdc { iv, .. }, Some(last)) =
                (&mut self.integrity, block.input.last_chunk())
            {
                *iv = *last;
            }
            if block.input.len() > before {
                self.pipeline.send(block)?;
            }
        }
        Ok(())
    }

    /// Takes the next segment, or checks the end.
    fn advance(&mut self) -> Result<()> {
        if let Some(block) = self.block.take() {
            self.pipeline.give(block);
        }
        self.feed()?;
        match self.pipeline.receive() {
            Some(block) => {
                let block = block?;
                self.accept(&block.output)?;
                self.block = Some(block);
            }
            None => {
                if let Integrity::Aead(aead) = &self.integrity {
                    let tag = self
                        .carry
                        .as_slice()
                        .try_into()
                        .map_err(|_| Error::Tampered)?;
                    aead.check_final_tag(self.segments, self.bytes, tag)?;
                    self.verified = true;
                } else if !self.verified {
                    return Err(Error::Tampered);
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, output: &[u8]) -> Result<()> {
        let last = self.ended && self.pipeline.is_empty();
        self.start = 0;
        self.end = output.len();
        match &mut self.integrity {
            Integrity::Aead(_) => {}
            Integrity::Mdc { hash, .. } => {
                if self.segments == 0 {
                    self.start = PREFIX;
                }
                if last {
                    let (content, digest) =
                        output.split_last_chunk::<20>().ok_or(Error::Tampered)?;
                    hash.update(content);
                    let expected: [u8; 20] = hash.finalize_reset().into();
                    let content = content.strip_suffix(&[0xd3, 0x14]).ok_or(Error::Tampered)?;
                    // Both are an attacker's to see or to choose: no secret is compared.
                    if expected != *digest || content.len() < self.start {
                        return Err(Error::Tampered);
                    }
                    self.end = content.len();
                    self.verified = true;
                } else {
                    hash.update(output);
                }
            }
        }
        self.segments += 1;
        self.bytes += output.len() as u64;
        Ok(())
    }
}

impl Failure {
    fn into_io(self) -> io::Error {
        match self {
            Self::Truncated => Error::Truncated.into_io(),
            Self::Tampered => Error::Tampered.into_io(),
            Self::Other => io::Error::other("reading has failed before"),
        }
    }
}

impl BufRead for Plaintext<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.start >= self.end && !(self.verified && self.block.is_none()) {
            self.start = 0;
            self.end = 0;
            if let Some(failure) = self.failed {
                return Err(failure.into_io());
            }
            self.advance().map_err(|error| {
                self.failed = Some(match error {
                    Error::Truncated => Failure::Truncated,
                    Error::Tampered => Failure::Tampered,
                    _ => Failure::Other,
                });
                error.into_io()
            })?;
        }
        let bytes = self.block.as_ref().map_or(&[][..], |block| &block.output);
        Ok(bytes.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, n: usize) {
        self.start += n;
    }
}

impl Read for Plaintext<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

/// A body that goes on to the end of the bytes around it is no longer allowed for containers (section 4.2.2).
pub(crate) fn refuse_indeterminate(length: Length) -> Result<()> {
    match length {
        Length::Indeterminate => Err(Error::malformed(
            "the encrypted container",
            "its length is indeterminate",
        )),
        _ => Ok(()),
    }
}

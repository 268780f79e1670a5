//! Writing the encrypted container: plaintext through the cipher, ciphertext into parts.

use std::collections::VecDeque;
use std::io::Write;

use sequoia_openpgp as openpgp;
use sha1::{Digest as _, Sha1};

use crate::cipher::{Aead, BLOCK, SealCfb, SealChunk};
use crate::packet::{partial, tag, write_length};
use crate::pipeline::{Block, Pipeline, Stage};
use crate::{Container, Error, Result, SessionKey};

/// Plaintext in each chunk. At 4 KiB, which others write, setting up the cipher costs four times the ciphering; from 64 KiB
/// on it no longer shows, and at 4 MiB, the most that is allowed, buffers fall out of the cache.
pub(crate) const CHUNK: u32 = 1 << CHUNK_POWER;
const CHUNK_POWER: u8 = 18;
/// The chunk size octet counts from 2^6 (section 5.13.2).
const CHUNK_OCTET: u8 = CHUNK_POWER - 6;
/// The container's parts.
const PART_POWER: u8 = 18;
const PART: usize = 1 << PART_POWER;

/// Takes plaintext, writes one encrypted container packet.
pub(crate) struct ContainerWriter<'a> {
    pipeline: Pipeline,
    block: Block,
    parts: Parts<'a>,
    integrity: Integrity,
    plaintext: u64,
    segments: u64,
}

enum Integrity {
    Aead(Aead),
    /// Plain SHA-1: the code rests on the hash being one-way and encrypted, not on its being free of collisions (section 5.13.1), so
    /// nothing looks for collisions here.
    Mdc(Sha1),
}

impl<'a> ContainerWriter<'a> {
    pub(crate) fn new(
        writer: &'a mut dyn Write,
        container: Container,
        key: &SessionKey,
        workers: usize,
    ) -> Result<Self> {
        let mut salt = [0; 32];
        openpgp::crypto::random(&mut salt).map_err(Error::library("asking for randomness"))?;
        let mut preamble = Block::default();
        let (integrity, pipeline) = match container {
            Container::SeipdV1 => {
                preamble.output.extend(&[1]);
                // CFB is a chain: one thread, which is another than the one that hashes where there are two.
                let stage: Box<dyn Stage> = Box::new(SealCfb::new(key.clone()));
                let pipeline = match workers {
                    0 => Pipeline::new(vec![stage]),
                    _ => Pipeline::chained(stage),
                };
                (Integrity::Mdc(Sha1::new()), pipeline)
            }
            Container::SeipdV2 { mode, chunk } => {
                let chunk = chunk as usize;
                let aead = Aead::new(key, key.cipher(), mode, chunk, &salt)?;
                let ids = [
                    2,
                    key.cipher().into(),
                    mode.to_sequoia().into(),
                    CHUNK_OCTET,
                ];
                preamble.output.extend(&ids);
                preamble.output.extend(&salt);
                let stage = || -> Box<dyn Stage> { Box::new(SealChunk(aead.clone())) };
                let stages = (0..=workers).map(|_| stage()).collect();
                (Integrity::Aead(aead), Pipeline::new(stages))
            }
        };
        let mut this = Self {
            pipeline,
            block: Block::default(),
            parts: Parts::new(writer)?,
            integrity,
            plaintext: 0,
            segments: 0,
        };
        this.parts.push(preamble, &mut this.pipeline)?;
        if let Integrity::Mdc(_) = this.integrity {
            // A random block and its last two bytes again, which tell a wrong key early (section 5.13.1).
            let mut prefix = [0; BLOCK];
            openpgp::crypto::random(&mut prefix)
                .map_err(Error::library("asking for randomness"))?;
            let [.., a, b] = prefix;
            this.write(&prefix)?;
            this.write(&[a, b])?;
        }
        Ok(this)
    }

    /// Bytes of plaintext so far.
    pub(crate) const fn plaintext_len(&self) -> u64 {
        self.plaintext
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        if let Integrity::Mdc(hash) = &mut self.integrity {
            hash.update(bytes);
        }
        self.plaintext += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.block.input.len() == CHUNK as usize {
                self.send()?;
            }
            let (now, later) =
                bytes.split_at(bytes.len().min(CHUNK as usize - self.block.input.len()));
            self.block.input.extend(now);
            bytes = later;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        while !self.pipeline.has_room() {
            self.receive()?;
        }
        let mut next = self.pipeline.take();
        next.input.clear();
        self.segments += 1;
        self.pipeline.send(std::mem::replace(&mut self.block, next))
    }

    fn receive(&mut self) -> Result<()> {
        match self.pipeline.receive() {
            Some(block) => self.parts.push(block?, &mut self.pipeline),
            None => Ok(()),
        }
    }

    /// Ends the container, and gives the bytes that it takes.
    pub(crate) fn finish(mut self) -> Result<u64> {
        if let Integrity::Mdc(hash) = &mut self.integrity {
            // The modification detection code hashes its own header too (section 5.13.1).
            let header = [0xd3, 0x14];
            hash.update(header);
            let digest: [u8; 20] = hash.clone().finalize().into();
            self.write(&header)?;
            self.write(&digest)?;
        }
        if !self.block.input.is_empty() {
            self.send()?;
        }
        while !self.pipeline.is_empty() {
            self.receive()?;
        }
        if let Integrity::Aead(aead) = &self.integrity {
            let mut last = Block::default();
            last.output
                .extend(&aead.final_tag(self.segments, self.plaintext)?);
            self.parts.push(last, &mut self.pipeline)?;
        }
        self.parts.finish()
    }
}

/// The container's packet, with partial lengths (section 4.2.1.4).
///
/// A part's length stands before it, and may only be written when the part is sure to come: blocks queue until they fill
/// one. They are written from where they lie, without a copy.
struct Parts<'a> {
    writer: &'a mut dyn Write,
    queue: VecDeque<Block>,
    queued: usize,
    /// Bytes of the queue's first block that were written.
    offset: usize,
    written: u64,
}

impl<'a> Parts<'a> {
    fn new(writer: &'a mut dyn Write) -> Result<Self> {
        let mut parts = Self {
            writer,
            queue: VecDeque::new(),
            queued: 0,
            offset: 0,
            written: 0,
        };
        parts.put(&[0xc0 | tag::SEIPD])?;
        Ok(parts)
    }

    fn push(&mut self, block: Block, spare: &mut Pipeline) -> Result<()> {
        self.queued += block.output.len();
        self.queue.push_back(block);
        while self.queued >= PART {
            self.put(&[partial(PART_POWER)])?;
            self.unqueue(PART, Some(&mut *spare))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<u64> {
        let len = u32::try_from(self.queued).unwrap_or(u32::MAX); // less than a part
        let mut length = Vec::new();
        write_length(&mut length, len);
        self.put(&length)?;
        self.unqueue(self.queued, None)?;
        Ok(self.written)
    }

    /// Writes the first `n` bytes of the queue, and gives back the blocks that are used up.
    fn unqueue(&mut self, mut n: usize, mut spare: Option<&mut Pipeline>) -> Result<()> {
        self.queued -= n;
        while n > 0 {
            let Some(block) = self.queue.pop_front() else {
                break; // n bytes are queued: it does not come to this
            };
            let rest = block.output.get(self.offset..).unwrap_or_default();
            let now = rest.get(..n).unwrap_or(rest);
            self.put(now)?;
            n -= now.len();
            if now.len() < rest.len() {
                self.offset += now.len();
                self.queue.push_front(block);
            } else {
                self.offset = 0;
                if let Some(spare) = &mut spare {
                    spare.give(block);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len() as u64;
        self.writer.write_all(bytes).map_err(|source| Error::Io {
            action: "writing the message",
            source,
        })
    }
}

//! Taking the armor off a message (RFC 9580 section 6.2).

use std::io::{self, BufRead, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;

/// The most bytes of a line, and of everything before the first armor line.
const MAX_LINE: u64 = 1 << 20;
const BEGIN: &str = "-----BEGIN PGP MESSAGE-----";
const END: &str = "-----END PGP MESSAGE-----";

/// The binary message inside armored text.
pub(crate) struct Dearmor<R> {
    text: R,
    begun: bool,
    ended: bool,
    /// Base64 that makes no whole group of four yet.
    pending: Vec<u8>,
    /// The last group was padded: no data can follow it.
    padded: bool,
    bytes: Vec<u8>,
    at: usize,
}

impl<R: BufRead> Dearmor<R> {
    pub(crate) const fn new(text: R) -> Self {
        Self {
            text,
            begun: false,
            ended: false,
            pending: Vec::new(),
            padded: false,
            bytes: Vec::new(),
            at: 0,
        }
    }

    /// The next line without its ending; `None` where the text ends.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        Read::take(&mut self.text, MAX_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.len() as u64 == MAX_LINE {
            return Err(bad("a line is too long"));
        }
        line.truncate(line.trim_ascii_end().len());
        Ok(Some(line))
    }

    fn begin(&mut self) -> io::Result<()> {
        loop {
            match self.line()? {
                Some(line) if line == BEGIN.as_bytes() => break,
                Some(_) => {}
                None => return Err(bad("there is no packet and no line BEGIN PGP MESSAGE")),
            }
        }
        // Headers, which are comments (section 6.2.2), and an empty line.
        loop {
            match self.line()? {
                Some(line) if line.is_empty() => break,
                Some(line) if line.contains(&b':') => {}
                Some(_) => return Err(bad("no empty line stands before the data")),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        self.begun = true;
        Ok(())
    }

    fn refill(&mut self) -> io::Result<()> {
        let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.bytes.clear();
        self.at = 0;
        if line == END.as_bytes() {
            return self.end();
        }
        // The checksum is not looked at: section 6.1 forbids to reject by it.
        if line.starts_with(b"=") {
            return match self.line()? {
                Some(line) if line == END.as_bytes() => self.end(),
                Some(_) => Err(bad(format!("expected {END} behind the checksum"))),
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        if self.padded && !line.is_empty() {
            return Err(bad(format!(
                "expected {END} or a checksum behind padded base64"
            )));
        }
        self.padded |= line.ends_with(b"=");
        self.pending.extend(line);
        let whole = self.pending.len() - self.pending.len() % 4;
        let rest = self.pending.split_off(whole);
        self.bytes = STANDARD
            .decode(&self.pending)
            .map_err(|error| bad(error.to_string()))?;
        self.pending = rest;
        Ok(())
    }

    /// Behind the tail line nothing stands but blank lines: whatever else is there belongs to no message.
    fn end(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            return Err(bad("the base64 ends within a group"));
        }
        while let Some(line) = self.line()? {
            if !line.is_empty() {
                let what = "the armored message";
                return Err(Error::TrailingBytes { what }.into_io());
            }
        }
        self.ended = true;
        Ok(())
    }
}

impl<R: BufRead> Read for Dearmor<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        while self.at == self.bytes.len() && !self.ended {
            self.refill()?;
        }
        let n = self.bytes.get(self.at..).unwrap_or_default().read(into)?;
        self.at += n;
        Ok(n)
    }
}

fn bad(reason: impl Into<String>) -> io::Error {
    Error::malformed("the message", reason).into_io()
}

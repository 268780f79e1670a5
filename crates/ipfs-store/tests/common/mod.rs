//! Inputs that the tests share.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "for tests, of which none uses all of it"
)]

use std::io::{self, Read};

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use sha2::{Digest as _, Sha256};

/// Endless bytes, as Kubo's tests make them: the key stream of `ChaCha20` under SHA-256(seed), with a nonce of zeros.
pub(crate) struct Stream(ChaCha20);

impl Stream {
    pub(crate) fn new(seed: &str) -> Self {
        Self(ChaCha20::new(&Sha256::digest(seed), &[0; 12].into()))
    }

    pub(crate) fn bytes(seed: &str, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        Self::new(seed).0.apply_keystream(&mut bytes);
        bytes
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(0);
        self.0.apply_keystream(buffer);
        Ok(buffer.len())
    }
}

/// Whether two readers give the same bytes.
pub(crate) fn same(mut one: impl Read, mut two: impl Read) -> bool {
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let (a, b) = (fill(&mut one, &mut left), fill(&mut two, &mut right));
        if left[..a] != right[..b] {
            return false;
        }
        if a == 0 {
            return true;
        }
    }
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> usize {
    let mut len = 0;
    while len < buffer.len() {
        match reader.read(&mut buffer[len..]).unwrap() {
            0 => break,
            more => len += more,
        }
    }
    len
}

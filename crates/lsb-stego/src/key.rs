//! The stego key, and the keystreams that it selects.

use core::fmt;

use crate::arch::{ChaCha, KEYSTREAM, Keystream, Level, dispatch, wipe};

/// A stego key: 32 secret bytes that choose the embedding path and the whitening.
///
/// It is for **one cover**: two covers of one size under one key share path and whitening, and whoever holds both stego
/// images sees where their low bits agree. So derive it, per cover, from a long-lived secret and something that both sides
/// know of the cover (HKDF over a SOP Instance UID, say), and a secret that people remember by a slow function first
/// (Argon2id): anybody can try keys on a stego image, and only the cost of a key limits them.
///
/// It is wiped when dropped, compared without early exit, and not shown by `Debug`.
///
/// ```
/// use lsb_stego::{Cover, CoverMut, Error, Key, Layout, Options, embed, extract};
///
/// let (layout, options) = (Layout::new(8)?, Options::new().key(Key::new([7; 32])));
/// let mut samples = vec![100u8; 4096];
/// embed(CoverMut::new(&mut samples, layout)?, b"hidden", &options)?;
/// let stego = Cover::new(&samples, layout)?;
/// assert_eq!(extract(stego, &options)?, b"hidden");
/// assert_eq!(extract(stego, &options.key(Key::new([8; 32]))), Err(Error::NoPayload));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// From 32 bytes, each as likely as any other.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let differ = self
            .0
            .iter()
            .zip(&other.0)
            .fold(0, |all, (a, b)| all | (a ^ b));
        core::hint::black_box(differ) == 0
    }
}

impl Eq for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The id of `ChaCha8` in a frame.
pub(crate) const CHACHA8: u8 = 1;

/// What a keystream is for: the first word of its nonce.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    Path = 1,
    Whitening = 2,
    Steps = 3,
}

/// A keystream, read from any byte on.
pub(crate) struct Stream {
    level: Level,
    state: ChaCha,
    /// The next byte.
    at: u64,
    /// A part of the keystream, and which.
    held: Option<(u64, [u8; KEYSTREAM])>,
}

impl Stream {
    /// Without a key, of the key of zeros.
    pub(crate) fn new(level: Level, key: Option<&Key>, purpose: Use) -> Self {
        let bytes = key.map_or(&[0; 32], |key| &key.0);
        let (words, _) = bytes.as_chunks::<4>();
        Self {
            level,
            state: ChaCha {
                key: core::array::from_fn(|word| u32::from_le_bytes(words[word])),
                nonce: [purpose as u32, 0],
            },
            at: 0,
            held: None,
        }
    }

    pub(crate) fn seek(&mut self, byte: u64) {
        self.at = byte;
    }

    /// The next bytes.
    pub(crate) fn fill(&mut self, mut bytes: &mut [u8]) {
        if self.at.is_multiple_of(KEYSTREAM as u64) {
            let (parts, rest) = bytes.as_chunks_mut::<KEYSTREAM>();
            for part in parts {
                self.make(self.at / KEYSTREAM as u64, part);
                self.at += KEYSTREAM as u64;
            }
            bytes = rest;
        }
        self.pass(bytes, |byte, key| *byte = key);
    }

    /// `bytes` XOR the next bytes.
    pub(crate) fn apply(&mut self, bytes: &mut [u8]) {
        self.pass(bytes, |byte, key| *byte ^= key);
    }

    #[inline(always)]
    fn pass(&mut self, mut bytes: &mut [u8], each: impl Fn(&mut u8, u8)) {
        while !bytes.is_empty() {
            let (part, from) = (self.at / KEYSTREAM as u64, self.at % KEYSTREAM as u64);
            if self.held.as_ref().is_none_or(|&(held, _)| held != part) {
                let mut made = [0; KEYSTREAM];
                self.make(part, &mut made);
                self.held = Some((part, made));
            }
            let keys = self.held.as_ref().map_or(&[][..], |(_, part)| part);
            let keys = &keys[usize::try_from(from).unwrap_or(0)..];
            let (now, rest) = bytes.split_at_mut(bytes.len().min(keys.len()));
            for (byte, &key) in now.iter_mut().zip(keys) {
                each(byte, key);
            }
            self.at += now.len() as u64;
            bytes = rest;
        }
    }

    fn make(&self, part: u64, bytes: &mut [u8; KEYSTREAM]) {
        let task = Keystream {
            state: &self.state,
            counter: part * (KEYSTREAM as u64 / 64),
            bytes,
        };
        dispatch(self.level, task);
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use chacha20::cipher::{KeyIvInit, StreamCipher};

    use super::*;

    /// The `chacha20` crate's `ChaCha8` (RFC 8439's layout, whose counter is 32 bits): the same bytes, at every level.
    #[test]
    fn keystreams_are_chacha8() {
        let key: [u8; 32] = core::array::from_fn(|i| u8::try_from(i * 7).unwrap());
        for purpose in [Use::Path, Use::Whitening, Use::Steps] {
            let mut nonce = [0; 12];
            nonce[4] = purpose as u8;
            let mut expected = vec![0; 5000];
            chacha20::ChaCha8::new(&key.into(), &nonce.into()).apply_keystream(&mut expected);
            for level in Level::available() {
                let mut stream = Stream::new(level, Some(&Key::new(key)), purpose);
                let mut found = vec![0; 5000];
                let (first, rest) = found.split_at_mut(100);
                stream.fill(first);
                stream.fill(rest);
                assert!(found == expected, "{level:?}, {purpose:?}");
                stream.seek(1000);
                stream.apply(&mut found[1000..3333]);
                assert!(found[1000..3333].iter().all(|&byte| byte == 0));
                stream.seek(2048);
                stream.fill(&mut found[2048..4500]);
                assert!(found[2048..] == expected[2048..]);
            }
        }
    }

    #[test]
    fn the_counter_has_64_bits() {
        let mut parts = vec![];
        for level in Level::available() {
            let mut stream = Stream::new(level, None, Use::Path);
            stream.seek((1 << 38) - 1024);
            let mut part = [0; 2048];
            stream.fill(&mut part);
            parts.push(part);
        }
        assert!(parts.iter().all(|part| part == &parts[0]));
        assert_ne!(parts[0][..1024], parts[0][1024..]);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(std::format!("{:?}", Key::new([42; 32])), "Key(..)");
        assert_eq!(Key::new([1; 32]), Key::new([1; 32]));
        assert_ne!(Key::new([1; 32]), Key::new([2; 32]));
    }
}

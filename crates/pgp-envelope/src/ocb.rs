//! OCB (RFC 7253) over AES with many blocks at once, for the pure Rust backend.
//!
//! The mode's libraries (ocb3 0.1, which sequoia uses, and 0.2) cipher block by block and wait for each. The cipher itself is the
//! `aes` crate's.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit, consts::U16};
use aes::{Aes128, Aes192, Aes256, Block};
use openpgp::crypto::mem::secure_cmp;
use sequoia_openpgp as openpgp;
use zeroize::Zeroizing;

use crate::cipher::{BLOCK, TAG};

/// Blocks that are ciphered at once: 4 KiB stay in the first-level cache, and setting up for them costs little.
const WIDE: usize = 1 << WIDE_POWER;
const WIDE_POWER: u32 = 8;
/// OpenPGP's nonces for this mode (RFC 9580 section 9.6).
pub(crate) const NONCE: usize = 15;

/// OCB with one key.
pub(crate) trait Ocb: Send + Sync {
    /// Encrypts; `sealed` is a tag longer than `plaintext`.
    fn seal(&self, nonce: &[u8; NONCE], data: &[u8], plaintext: &[u8], sealed: &mut [u8]);

    /// Decrypts, and says whether the tag is right; when it is not, what `plaintext` holds is worth nothing. `sealed` is a tag
    /// longer than `plaintext`.
    #[must_use]
    fn open(&self, nonce: &[u8; NONCE], data: &[u8], sealed: &[u8], plaintext: &mut [u8]) -> bool;
}

/// With a key for AES of 16, 24 or 32 bytes; others have no cipher.
pub(crate) fn with_key(key: &[u8]) -> Option<Box<dyn Ocb>> {
    match key.len() {
        16 => Some(Box::new(Ocb3::new(Aes128::new_from_slice(key).ok()?))),
        24 => Some(Box::new(Ocb3::new(Aes192::new_from_slice(key).ok()?))),
        32 => Some(Box::new(Ocb3::new(Aes256::new_from_slice(key).ok()?))),
        _ => None,
    }
}

/// Sixteen bytes, the first in the lowest place: they are exclusive-ored alone, in which order does not count.
type Mask = u128;

/// The names of section 4.1: `L_*`, `L_$`, `L_0`, ...
struct Ocb3<C> {
    cipher: C,
    masks: Zeroizing<Masks>,
}

struct Masks {
    star: Mask,
    dollar: Mask,
    /// `L_8`, from which the further ones are doubled: they are needed once in `WIDE` blocks.
    wide: Mask,
    /// The offsets of `WIDE` blocks, without the offset before them and, in the last, without its own `L`.
    steps: [Mask; WIDE],
}

impl zeroize::Zeroize for Masks {
    fn zeroize(&mut self) {
        self.star.zeroize();
        self.dollar.zeroize();
        self.wide.zeroize();
        self.steps.zeroize();
    }
}

impl<C: BlockCipherEncrypt + BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>> Ocb3<C> {
    fn new(cipher: C) -> Self {
        let star = encrypt(&cipher, 0);
        let dollar = double(star);
        let first = double(dollar);
        let mut offset = 0;
        let mut steps = [0; WIDE];
        for (step, block) in steps.iter_mut().zip(1_u32..) {
            // The last one's L depends on which group of blocks it ends.
            if block.trailing_zeros() < WIDE_POWER {
                offset ^= doubled(first, block.trailing_zeros());
            }
            *step = offset;
        }
        let wide = doubled(first, WIDE_POWER);
        Self {
            cipher,
            masks: Zeroizing::new(Masks {
                star,
                dollar,
                wide,
                steps,
            }),
        }
    }

    /// `Offset_0` (section 4.2).
    fn first_offset(&self, nonce: &[u8; NONCE]) -> Mask {
        // The length of the tag is written as zero: 128 bits modulo 128. Then comes a one, and the nonce.
        let mut block = [0; BLOCK];
        let (start, rest) = block.split_at_mut(BLOCK - NONCE);
        start.fill(1);
        rest.copy_from_slice(nonce);
        let block = u128::from_be_bytes(block);
        let bottom = block & 0x3f;
        let top = encrypt(&self.cipher, (block & !0x3f).swap_bytes()).swap_bytes();
        let stretch = (top ^ (top << 8)) >> 64;
        (top << bottom | stretch >> (64 - bottom)).swap_bytes()
    }

    /// `HASH(K, A)` (section 4.1).
    fn hash(&self, data: &[u8]) -> Mask {
        let (mut offset, mut sum) = (0, 0);
        let (blocks, rest) = data.as_chunks::<BLOCK>();
        for (block, index) in blocks.iter().zip(1_u64..) {
            offset ^= doubled(double(self.masks.dollar), index.trailing_zeros());
            sum ^= encrypt(&self.cipher, offset ^ Mask::from_le_bytes(*block));
        }
        if !rest.is_empty() {
            sum ^= encrypt(&self.cipher, padded(rest) ^ offset ^ self.masks.star);
        }
        sum
    }

    /// Ciphers `from` to `to`, of the same length, and gives the tag.
    fn run(
        &self,
        nonce: &[u8; NONCE],
        data: &[u8],
        from: &[u8],
        to: &mut [u8],
        direction: Direction,
    ) -> [u8; TAG] {
        let mut offset = self.first_offset(nonce);
        let mut checksum = 0;
        let mut masks = Zeroizing::new([0; WIDE]);
        let groups = from.chunks(WIDE * BLOCK);
        for ((from, to), number) in groups.zip(to.chunks_mut(WIDE * BLOCK)).zip(1_u64..) {
            for (mask, step) in masks.iter_mut().zip(&self.masks.steps) {
                *mask = offset ^ step;
            }
            if let Some(last) = masks.last_mut() {
                *last ^= doubled(self.masks.wide, number.trailing_zeros());
            }
            let (from, from_rest) = from.as_chunks();
            let (to, to_rest) = to.as_chunks_mut();
            for ((to, from), mask) in to.iter_mut().zip(from).zip(&*masks) {
                let block = Mask::from_le_bytes(*from);
                if direction == Direction::Seal {
                    checksum ^= block;
                }
                *to = (block ^ mask).to_le_bytes();
            }
            let blocks = Block::cast_slice_from_core_mut(to);
            match direction {
                Direction::Seal => self.cipher.encrypt_blocks(blocks),
                Direction::Open => self.cipher.decrypt_blocks(blocks),
            }
            for (to, mask) in to.iter_mut().zip(&*masks) {
                let block = Mask::from_le_bytes(*to) ^ mask;
                if direction == Direction::Open {
                    checksum ^= block;
                }
                *to = block.to_le_bytes();
            }
            if let Some(&last) = from.len().checked_sub(1).and_then(|last| masks.get(last)) {
                offset = last;
            }
            if !from_rest.is_empty() {
                offset ^= self.masks.star;
                let pad = encrypt(&self.cipher, offset).to_le_bytes();
                for ((to, from), pad) in to_rest.iter_mut().zip(from_rest).zip(pad) {
                    *to = from ^ pad;
                }
                checksum ^= padded(match direction {
                    Direction::Seal => from_rest,
                    Direction::Open => to_rest,
                });
            }
        }
        let sum = encrypt(&self.cipher, checksum ^ offset ^ self.masks.dollar);
        (sum ^ self.hash(data)).to_le_bytes()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Seal,
    Open,
}

impl<C> Ocb for Ocb3<C>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + BlockSizeUser<BlockSize = U16> + Send + Sync,
{
    fn seal(&self, nonce: &[u8; NONCE], data: &[u8], plaintext: &[u8], sealed: &mut [u8]) {
        let Some((text, tag)) = sealed.split_last_chunk_mut() else {
            return; // it is a tag longer than the plaintext
        };
        *tag = self.run(nonce, data, plaintext, text, Direction::Seal);
    }

    fn open(&self, nonce: &[u8; NONCE], data: &[u8], sealed: &[u8], plaintext: &mut [u8]) -> bool {
        let Some((text, tag)) = sealed.split_last_chunk::<TAG>() else {
            return false;
        };
        let expected = self.run(nonce, data, text, plaintext, Direction::Open);
        text.len() == plaintext.len() && secure_cmp(&expected, tag).is_eq()
    }
}

fn encrypt<C>(cipher: &C, block: Mask) -> Mask
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let mut block = Block::from(block.to_le_bytes());
    cipher.encrypt_block(&mut block);
    Mask::from_le_bytes(block.into())
}

/// Doubling in GF(2^128), where the first byte is the highest (section 2).
const fn double(mask: Mask) -> Mask {
    let mask = mask.swap_bytes();
    let carry = mask >> 127;
    ((mask << 1) ^ (carry * 0x87)).swap_bytes()
}

fn doubled(mask: Mask, times: u32) -> Mask {
    (0..times).fold(mask, |mask, _| double(mask))
}

/// Fewer bytes than a block, then a one bit and zeros.
fn padded(rest: &[u8]) -> Mask {
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(rest.iter().chain(&[0x80])) {
        *to = *from;
    }
    Mask::from_le_bytes(block)
}

#[cfg(test)]
mod tests {
    use openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};

    use super::*;

    /// Sequoia's, over the crate ocb3.
    fn by_sequoia(key: &[u8], nonce: &[u8], data: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let cipher = match key.len() {
            16 => SymmetricAlgorithm::AES128,
            24 => SymmetricAlgorithm::AES192,
            _ => SymmetricAlgorithm::AES256,
        };
        let key = key.into();
        let context = AEADAlgorithm::OCB.context(cipher, &key, data, nonce);
        let mut sealed = vec![0; plaintext.len() + TAG];
        let mut context = context.unwrap().for_encryption().unwrap();
        context.encrypt_seal(&mut sealed, plaintext).unwrap();
        sealed
    }

    /// On both sides of each block, of each group of blocks, and where the number of a group has another count of trailing zeros.
    #[test]
    fn every_length_and_key_is_sealed_as_by_sequoia_and_opened_again() {
        let group = WIDE * BLOCK;
        let text: Vec<u8> = (0_u32..)
            .map(|i| i.wrapping_mul(i).to_le_bytes()[1])
            .take(20 * group)
            .collect();
        let edges = [0, 1, 2, 3, 4, 7, 8, 16, 17].map(|groups| groups * group);
        let lengths = edges.iter().flat_map(|&edge| {
            let near = [
                0,
                1,
                15,
                16,
                17,
                31,
                32,
                33,
                group - 17,
                group - 16,
                group - 1,
            ];
            near.map(|more| edge + more)
        });
        let key: Vec<u8> = (100..132).collect();
        for len in lengths {
            let plaintext = text.get(..len).unwrap();
            for (size, bottom) in [(16, 0), (24, 1), (32, 63), (32, 200)] {
                let key = key.get(..size).unwrap();
                let ocb = with_key(key).unwrap();
                let mut nonce = [9; NONCE];
                nonce[14] = bottom;
                let data = text.get(..len % 40).unwrap();
                let mut sealed = vec![0; len + TAG];
                ocb.seal(&nonce, data, plaintext, &mut sealed);
                assert!(
                    sealed == by_sequoia(key, &nonce, data, plaintext),
                    "{len} {size}"
                );
                let mut opened = vec![1; len];
                assert!(ocb.open(&nonce, data, &sealed, &mut opened));
                assert!(opened == plaintext, "{len} {size}");
            }
        }
        assert!(with_key(&[1; 17]).is_none());
    }

    #[test]
    fn one_changed_bit_anywhere_is_seen() {
        let ocb = with_key(&[3; 32]).unwrap();
        let (nonce, data, plaintext) = ([5; NONCE], *b"data", [7; 50]);
        let mut sealed = [0; 50 + TAG];
        let mut opened = [0; 50];
        ocb.seal(&nonce, &data, &plaintext, &mut sealed);
        for bit in 0..8 * sealed.len() {
            let mut changed = sealed;
            *changed.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
            assert!(!ocb.open(&nonce, &data, &changed, &mut opened), "bit {bit}");
        }
        assert!(!ocb.open(&[4; NONCE], &data, &sealed, &mut opened));
        assert!(!ocb.open(&nonce, b"date", &sealed, &mut opened));
        assert!(!ocb.open(&nonce, &data, &sealed[..60], &mut opened));
        assert!(ocb.open(&nonce, &data, &sealed, &mut opened));
    }
}

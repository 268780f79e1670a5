//! CFB over AES (RFC 9580 section 12.9) without copies between, for the pure Rust backend.

use aes::cipher::{
    Block, BlockCipherEncrypt, BlockModeEncrypt as _, BlockSizeUser, KeyIvInit as _, consts::U16,
};
use aes::{Aes128, Aes192, Aes256};
use cfb_mode::{Decryptor, Encryptor};

use crate::cipher::BLOCK;

/// Encrypts segments of one chain in place: all are whole blocks but for the last.
pub(crate) trait Chain: Send {
    fn encrypt_next(&mut self, segment: &mut [u8]);
}

/// The start of a chain, with a key for AES of 16, 24 or 32 bytes; others have no cipher.
pub(crate) fn chain(key: &[u8]) -> Option<Box<dyn Chain>> {
    let iv = &[0; BLOCK];
    Some(match key.len() {
        16 => Box::new(Encryptor::<Aes128>::new_from_slices(key, iv).ok()?),
        24 => Box::new(Encryptor::<Aes192>::new_from_slices(key, iv).ok()?),
        32 => Box::new(Encryptor::<Aes256>::new_from_slices(key, iv).ok()?),
        _ => return None,
    })
}

/// Decrypts a segment in place; `None` where there is no cipher for the key.
#[must_use]
pub(crate) fn decrypt(key: &[u8], iv: &[u8], segment: &mut [u8]) -> Option<()> {
    match key.len() {
        16 => (Decryptor::<Aes128>::new_from_slices(key, iv).ok()?).decrypt(segment),
        24 => (Decryptor::<Aes192>::new_from_slices(key, iv).ok()?).decrypt(segment),
        32 => (Decryptor::<Aes256>::new_from_slices(key, iv).ok()?).decrypt(segment),
        _ => return None,
    }
    Some(())
}

impl<C> Chain for Encryptor<C>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send,
{
    fn encrypt_next(&mut self, segment: &mut [u8]) {
        let (blocks, rest) = Block::<C>::slice_as_chunks_mut(segment);
        self.encrypt_blocks(blocks);
        if !rest.is_empty() {
            // Nothing follows: what the rest of the block becomes does not count.
            let mut last = Block::<C>::default();
            last.iter_mut()
                .zip(&*rest)
                .for_each(|(to, from)| *to = *from);
            self.encrypt_block(&mut last);
            rest.iter_mut().zip(last).for_each(|(to, from)| *to = from);
        }
    }
}

//! The ciphers of both containers, on blocks (RFC 9580 sections 5.13.1 and 5.13.2).

use std::io::{Read as _, Write as _};
#[cfg(feature = "crypto-rust")]
use std::sync::Arc;

use openpgp::crypto::aead::{SEIPv2Schedule, Schedule as _};
use openpgp::crypto::symmetric::{
    BlockCipherMode, Decryptor, Encryptor, PaddingMode, UnpaddingMode,
};
use openpgp::parse::buffered_reader::{BufferedReader as _, Memory};
use openpgp::types::SymmetricAlgorithm;
use sequoia_openpgp as openpgp;

use crate::pipeline::{Buffer, Stage};
use crate::{Error, Mode, Result, SessionKey};
#[cfg(feature = "crypto-rust")]
use crate::{
    cfb,
    ocb::{self, Ocb},
};

/// Bytes of an authentication tag, in every mode.
pub(crate) const TAG: usize = 16;
/// Bytes of AES's block.
pub(crate) const BLOCK: usize = 16;

/// Key, nonces and associated data of one version 2 container.
#[derive(Clone)]
pub(crate) struct Aead {
    schedule: SEIPv2Schedule,
    cipher: SymmetricAlgorithm,
    mode: Mode,
    /// Where the backend is slow at the mode.
    #[cfg(feature = "crypto-rust")]
    ocb: Option<Arc<dyn Ocb>>,
}

impl Aead {
    pub(crate) fn new(
        key: &SessionKey,
        cipher: SymmetricAlgorithm,
        mode: Mode,
        chunk: usize,
        salt: &[u8; 32],
    ) -> Result<Self> {
        let schedule = SEIPv2Schedule::new(key.sequoia(), cipher, mode.to_sequoia(), chunk, salt)
            .map_err(Error::library("deriving the message key"))?;
        #[cfg(feature = "crypto-rust")]
        let ocb = match mode {
            Mode::Ocb if is_aes(cipher) => schedule
                .chunk(0, &mut |key, _, _| Ok(ocb::with_key(key)))
                .map_err(Error::library("deriving the message key"))?
                .map(Arc::from),
            _ => None,
        };
        Ok(Self {
            schedule,
            cipher,
            mode,
            #[cfg(feature = "crypto-rust")]
            ocb,
        })
    }

    /// Encrypts chunk `index`; the output is a tag longer.
    fn seal(&self, index: u64, chunk: &[u8], sealed: &mut [u8]) -> Result<()> {
        self.schedule
            .chunk(index, &mut |key, nonce, aad| {
                #[cfg(feature = "crypto-rust")]
                if let (Some(ocb), Ok(nonce)) = (&self.ocb, nonce.try_into()) {
                    ocb.seal(nonce, aad, chunk, sealed);
                    return Ok(());
                }
                let context = self
                    .mode
                    .to_sequoia()
                    .context(self.cipher, key, aad, nonce)?;
                context.for_encryption()?.encrypt_seal(sealed, chunk)
            })
            .map_err(Error::library("encrypting"))
    }

    fn open(&self, index: u64, sealed: &[u8], chunk: &mut [u8]) -> Result<()> {
        self.schedule
            .chunk(index, &mut |key, nonce, aad| {
                #[cfg(feature = "crypto-rust")]
                if let (Some(ocb), Ok(nonce)) = (&self.ocb, nonce.try_into()) {
                    return match ocb.open(nonce, aad, sealed, chunk) {
                        true => Ok(()),
                        false => Err(openpgp::Error::ManipulatedMessage.into()),
                    };
                }
                let context = self
                    .mode
                    .to_sequoia()
                    .context(self.cipher, key, aad, nonce)?;
                context.for_decryption()?.decrypt_verify(chunk, sealed)
            })
            .map_err(|_| Error::Tampered)
    }

    /// The tag behind the last chunk, over the number of all plaintext bytes.
    pub(crate) fn final_tag(&self, chunks: u64, bytes: u64) -> Result<[u8; TAG]> {
        let mut tag = [0; TAG];
        self.schedule
            .finalizer(chunks, bytes, &mut |key, nonce, aad| {
                let context = self
                    .mode
                    .to_sequoia()
                    .context(self.cipher, key, aad, nonce)?;
                context.for_encryption()?.encrypt_seal(&mut tag, &[])
            })
            .map_err(Error::library("encrypting"))?;
        Ok(tag)
    }

    pub(crate) fn check_final_tag(&self, chunks: u64, bytes: u64, tag: &[u8; TAG]) -> Result<()> {
        self.schedule
            .finalizer(chunks, bytes, &mut |key, nonce, aad| {
                let context = self
                    .mode
                    .to_sequoia()
                    .context(self.cipher, key, aad, nonce)?;
                context.for_decryption()?.decrypt_verify(&mut [], tag)
            })
            .map_err(|_| Error::Tampered)
    }
}

#[cfg(feature = "crypto-rust")]
const fn is_aes(cipher: SymmetricAlgorithm) -> bool {
    matches!(
        cipher,
        SymmetricAlgorithm::AES128 | SymmetricAlgorithm::AES192 | SymmetricAlgorithm::AES256
    )
}

pub(crate) struct SealChunk(pub(crate) Aead);

impl Stage for SealChunk {
    fn run(&mut self, index: u64, input: &[u8], output: &mut Buffer) -> Result<()> {
        self.0.seal(index, input, output.set_len(input.len() + TAG))
    }
}

pub(crate) struct OpenChunk(pub(crate) Aead);

impl Stage for OpenChunk {
    fn run(&mut self, index: u64, input: &[u8], output: &mut Buffer) -> Result<()> {
        let len = input.len().checked_sub(TAG).ok_or(Error::Tampered)?;
        self.0.open(index, input, output.set_len(len))
    }
}

/// Encrypts in CFB mode: each segment, of whole blocks but for the last, continues the one before.
pub(crate) struct SealCfb {
    key: SessionKey,
    iv: [u8; BLOCK],
    #[cfg(feature = "crypto-rust")]
    chain: Option<Box<dyn cfb::Chain>>,
}

impl SealCfb {
    pub(crate) fn new(key: SessionKey) -> Self {
        Self {
            #[cfg(feature = "crypto-rust")]
            chain: cfb::chain(key.as_bytes()),
            key,
            iv: [0; BLOCK],
        }
    }
}

impl Stage for SealCfb {
    fn run(&mut self, _: u64, input: &[u8], output: &mut Buffer) -> Result<()> {
        let failed = "encrypting";
        let sealed = output.set_len(input.len());
        #[cfg(feature = "crypto-rust")]
        if let Some(chain) = &mut self.chain {
            sealed.copy_from_slice(input);
            chain.encrypt_next(sealed);
            return Ok(());
        }
        let mut encryptor = Encryptor::new(
            self.key.cipher(),
            BlockCipherMode::CFB,
            PaddingMode::None,
            self.key.sequoia(),
            Some(&self.iv),
            &mut *sealed,
        )
        .map_err(Error::library(failed))?;
        encryptor.write_all(input).map_err(Error::io(failed))?;
        encryptor.finalize().map_err(Error::library(failed))?;
        if let Some(last) = sealed.last_chunk() {
            self.iv = *last;
        }
        Ok(())
    }
}

/// CFB decrypts each block of ciphertext with the one before alone: segments need no order among them. The input is the
/// ciphertext block before the segment (zeros before the first), then the segment.
pub(crate) struct OpenCfb {
    pub(crate) key: SessionKey,
    pub(crate) cipher: SymmetricAlgorithm,
}

impl Stage for OpenCfb {
    fn run(&mut self, _: u64, input: &[u8], output: &mut Buffer) -> Result<()> {
        let failed = "decrypting";
        let (iv, segment) = input.split_at_checked(BLOCK).ok_or(Error::Tampered)?;
        #[cfg(feature = "crypto-rust")]
        if is_aes(self.cipher) {
            let opened = output.set_len(segment.len());
            opened.copy_from_slice(segment);
            if cfb::decrypt(self.key.as_bytes(), iv, opened).is_some() {
                return Ok(());
            }
        }
        let source = Memory::with_cookie(segment, openpgp::parse::Cookie::default());
        let mut decryptor = Decryptor::new(
            self.cipher,
            BlockCipherMode::CFB,
            UnpaddingMode::None,
            self.key.sequoia(),
            Some(iv),
            source.into_boxed(),
        )
        .map_err(Error::library(failed))?;
        decryptor
            .read_exact(output.set_len(segment.len()))
            .map_err(|source| Error::Io {
                action: failed,
                source,
            })
    }
}

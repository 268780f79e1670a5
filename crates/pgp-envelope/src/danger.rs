//! What gives up a promise of this crate, by that name.

use std::io::{Read, Write};

use crate::seal::NoSigner;
use crate::{Opener, Recipient, Result, Sealed, Sealer, SessionKey};

/// Encrypts without signing: the receiver cannot know from whom the message is. [`Opener::open`] refuses it.
///
/// # Errors
///
/// As [`Sealer::seal`].
pub fn seal_unsigned(
    sealer: &mut Sealer<'_, NoSigner, Vec<Recipient>>,
    reader: impl Read,
    writer: impl Write,
) -> Result<Sealed> {
    sealer.seal_unsigned(reader, writer)
}

/// Decrypts without looking at signatures: the plaintext may be from anybody. It is whole, though: what the last who
/// encrypted it wrote.
///
/// # Errors
///
/// As [`Opener::open`], but for signer, signature and intended recipients.
pub fn open_unverified(opener: &Opener<'_>, message: impl Read) -> Result<(Vec<u8>, SessionKey)> {
    let mut message = message;
    let mut unverified = opener.decrypt(&mut message)?;
    let mut bytes = Vec::new();
    unverified
        .storage
        .reader()?
        .read_to_end(&mut bytes)
        .map_err(crate::Error::io("reading the plaintext"))?;
    Ok((bytes, unverified.session_key))
}

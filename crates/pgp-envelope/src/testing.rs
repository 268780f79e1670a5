//! For tests and fuzzing of programs that open messages: containers around whatever one likes.

use crate::writer::{CHUNK, ContainerWriter};
use crate::{Container, Mode, Profile, Result, SessionKey};

/// Encrypts bytes as they are, which need not be the packets that should stand there, without key packets: a container as an
/// insider could write it, to be opened with its session key.
///
/// # Errors
///
/// [`crate::Error::Library`] when the backend lacks the mode or the system randomness.
pub fn contain(profile: Profile, content: &[u8]) -> Result<(Vec<u8>, SessionKey)> {
    let container = match profile {
        Profile::Rfc9580 => Container::SeipdV2 {
            mode: Mode::Ocb,
            chunk: CHUNK,
        },
        Profile::Rfc4880 => Container::SeipdV1,
    };
    let key = SessionKey::generate()?;
    let mut bytes = Vec::new();
    let mut writer = ContainerWriter::new(&mut bytes, container, &key, 0)?;
    writer.write(content)?;
    writer.finish()?;
    Ok((bytes, key))
}

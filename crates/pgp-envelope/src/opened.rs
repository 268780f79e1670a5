//! What was opened: plaintext and its verified signer.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use crate::storage::{Overflow, Plaintext, Storage};
use crate::{Container, Error, Fingerprint, Result, SessionKey};

/// Verified plaintext and who signed it.
pub struct Opened {
    pub(crate) storage: Storage,
    pub(crate) signer: Fingerprint,
    pub(crate) signed_at: SystemTime,
    pub(crate) intended: Vec<Fingerprint>,
    pub(crate) session_key: SessionKey,
    pub(crate) container: Container,
}

impl Opened {
    /// Who signed: the cert, whichever of its keys did.
    #[must_use]
    pub const fn signer(&self) -> Fingerprint {
        self.signer
    }

    /// When, by the signer's clock, in whole seconds.
    #[must_use]
    pub const fn signed_at(&self) -> SystemTime {
        self.signed_at
    }

    /// For whom the signer wrote it; empty when the signer's program does not say.
    #[must_use]
    pub fn intended(&self) -> &[Fingerprint] {
        &self.intended
    }

    /// The secret with which the message can be granted to others.
    #[must_use]
    pub const fn session_key(&self) -> &SessionKey {
        &self.session_key
    }

    /// How the content was encrypted.
    #[must_use]
    pub const fn container(&self) -> Container {
        self.container
    }

    /// Bytes of plaintext.
    #[expect(
        clippy::len_without_is_empty,
        reason = "an empty plaintext is a plaintext"
    )]
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.storage.len()
    }

    /// The plaintext, from its beginning.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the temporary file fails.
    pub fn plaintext(&mut self) -> Result<Plaintext<'_>> {
        self.storage.reader()
    }

    /// The plaintext in memory, however large it is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the temporary file fails.
    pub fn into_vec(mut self) -> Result<Vec<u8>> {
        if self.storage.is_memory() {
            return Ok(self.storage.into_parts().0.into_vec());
        }
        let mut bytes = Vec::new();
        self.write_to(&mut bytes)?;
        Ok(bytes)
    }

    /// Copies the plaintext.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the writer or the temporary file fails.
    pub fn write_to(&mut self, writer: &mut dyn Write) -> Result<u64> {
        io::copy(&mut self.storage.reader()?, writer).map_err(copying)
    }

    /// Makes the plaintext a file, by renaming where [`Opener::folder`](crate::Opener::folder) was on the same file system. What was at the path is
    /// replaced, and never seen half written. When it returns, the file and its name are durable.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn persist(self, path: &Path) -> Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let named = match self.storage.into_parts() {
            (_, Some(Overflow::Named(file))) => file,
            (memory, overflow) => {
                let mut file = tempfile::NamedTempFile::new_in(folder).map_err(copying)?;
                match overflow {
                    Some(mut overflow) => {
                        let from = overflow.as_file();
                        io::Seek::rewind(from).map_err(copying)?;
                        io::copy(from, &mut file).map_err(copying)?;
                    }
                    None => {
                        for piece in memory.pieces() {
                            file.write_all(piece).map_err(copying)?;
                        }
                    }
                }
                file
            }
        };
        named.as_file().sync_all().map_err(copying)?;
        match named.persist(path) {
            Ok(_) => {}
            // Another file system: copied beside the path, then renamed.
            Err(error) => {
                let beside = tempfile::NamedTempFile::new_in(folder).map_err(copying)?;
                fs::copy(error.file.path(), beside.path()).map_err(copying)?;
                beside.as_file().sync_all().map_err(copying)?;
                beside.persist(path).map_err(|error| copying(error.error))?;
            }
        }
        sync_directory(folder).map_err(copying)
    }
}

/// Makes the names in a directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        return fs::File::open(path)?.sync_all();
    }
    Ok(()) // elsewhere directories are not opened
}

fn copying(source: io::Error) -> Error {
    Error::Io {
        action: "handing over the plaintext",
        source,
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("len", &self.len())
            .field("signer", &self.signer)
            .field("signed_at", &self.signed_at)
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}

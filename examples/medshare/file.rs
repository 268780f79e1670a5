//! Files at the edge of the program: read whole up to a limit, written under a temporary name and renamed, `-` for stdin
//! and stdout.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

/// Reads `path` (`-` is stdin) whole.
///
/// # Errors
/// Names the file; says so when it is longer than `limit` bytes, whose length is never allocated on its word.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let reader: Box<dyn Read> = if is_dash(path) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(open(path)?)
    };
    let read = reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", name(path)))?;
    if u64::try_from(read).is_ok_and(|read| read > limit) {
        bail!(
            "{} holds more than {limit} bytes, which is as much as is read here",
            name(path)
        );
    }
    Ok(bytes)
}

/// Bytes as they come, and how many there will be when that is known (0 when not).
pub(crate) struct Reader {
    pub(crate) bytes: Box<dyn Read>,
    pub(crate) len: u64,
}

/// Opens `path` (`-` is stdin) to be read as a stream.
///
/// # Errors
/// Names the file, and says so when it is a directory.
pub(crate) fn reader(path: &Path) -> Result<Reader> {
    if is_dash(path) {
        return Ok(Reader {
            bytes: Box::new(io::stdin().lock()),
            len: 0,
        });
    }
    let file = open(path)?;
    let len = file.metadata().map_or(0, |metadata| metadata.len());
    Ok(Reader {
        bytes: Box::new(file),
        len,
    })
}

/// Opens `path` for reading.
///
/// # Errors
/// Names the file, and says so when it is a directory.
pub(crate) fn open(path: &Path) -> Result<File> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let metadata = file
        .metadata()
        .with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.is_dir() {
        bail!("{} is a directory; expected a file", path.display());
    }
    Ok(file)
}

/// A file in the making: it has a temporary name beside its target until [`Target::commit`], and none afterwards if it is
/// dropped before.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    temporary: Option<NamedTempFile>,
    buffered: Vec<u8>,
}

impl Target {
    /// Makes the temporary file, so that a target that cannot be written is known before any work is done. Output to
    /// stdout (`-`) is kept in memory until commit.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let temporary = if is_dash(path) {
            None
        } else {
            if path.is_dir() {
                bail!("{} is a directory; name the file to write", path.display());
            }
            let directory = parent(path);
            let temporary = tempfile::Builder::new()
                .prefix(".medshare-")
                .tempfile_in(directory)
                .with_context(|| format!("cannot write in {}", directory.display()))?;
            Some(temporary)
        };
        Ok(Self {
            path: path.to_owned(),
            temporary,
            buffered: Vec::new(),
        })
    }

    /// Gives the file its name, once it is on disk.
    ///
    /// # Errors
    /// The temporary file is removed and what stood at the target stays.
    pub(crate) fn commit(self) -> Result<()> {
        let path = self.path;
        match self.temporary {
            Some(temporary) => {
                let fail = || format!("cannot write {}", path.display());
                temporary.as_file().sync_all().with_context(fail)?;
                temporary
                    .persist(&path)
                    .map_err(|e| e.error)
                    .with_context(fail)?;
                sync_directory(parent(&path))
            }
            None => {
                let mut stdout = io::stdout().lock();
                stdout
                    .write_all(&self.buffered)
                    .and_then(|()| stdout.flush())
                    .context("cannot write to stdout")
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.temporary {
            Some(file) => file.write(bytes),
            None => self.buffered.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.as_mut().map_or(Ok(()), |file| file.flush())
    }
}

/// Writes `bytes` at `path` (`-` is stdout), whole or not at all.
///
/// # Errors
/// Names the file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut target = Target::new(path)?;
    target
        .write_all(bytes)
        .with_context(|| format!("cannot write {}", name(path)))?;
    target.commit()
}

/// Whether `path` means stdin or stdout.
pub(crate) fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
}

/// Readable and writable by its owner alone: temporary files already are (0600), and keep that when renamed.
pub(crate) fn private_directory(path: &Path) -> Result<()> {
    let fail = || format!("cannot make the directory {}", path.display());
    fs::create_dir_all(path).with_context(fail)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).with_context(fail)?;
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn name(path: &Path) -> String {
    if is_dash(path) {
        "the standard stream".to_owned()
    } else {
        path.display().to_string()
    }
}

/// A rename is durable once its directory is.
fn sync_directory(path: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(path)
            .and_then(|d| d.sync_all())
            .with_context(|| format!("cannot sync {}", path.display()))?;
    }
    Ok(())
}

//! Files at the edge of the program: read whole up to a limit, written under a temporary name and renamed, `-` for stdin
//! and stdout; what is no ordinary file, as `/dev/null`, is written into.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use crate::temporary::Temporary;

/// Reads `path` (`-` is stdin) whole.
///
/// # Errors
/// Names the file; says so when it is longer than `limit` bytes, whose length is never allocated on its word.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let bytes = read_start(path, limit.saturating_add(1))?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > limit) {
        bail!(
            "{} holds more than {limit} bytes, which is as much as is read here",
            name(path)
        );
    }
    Ok(bytes)
}

/// Reads the first `limit` bytes of `path`, or of stdin for `-`.
pub(crate) fn read_start(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let reader: Box<dyn Read> = if is_dash(path) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(open(path)?)
    };
    reader
        .take(limit)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", name(path)))?;
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

/// A file in the making: from its first byte on it has a temporary name beside its target until [`Target::commit`], and none afterwards
/// if it is dropped before or the program is interrupted.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    place: Place,
    existing: Existing,
    /// Its permissions, before the umask.
    mode: u32,
}

/// Where the bytes wait for [`Target::commit`].
#[derive(Debug)]
enum Place {
    /// What verifies first and writes then leaves nothing while it verifies.
    Beside(Option<Temporary>),
    /// Of stdout, or of a device or a pipe.
    Memory(Vec<u8>),
    /// Nowhere: they are on stdout already.
    Gone,
    /// Nowhere: they are in this device or pipe already.
    Into(File),
}

/// What becomes of a file that stands at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    Replaced,
    Kept,
}

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    /// Its owner alone (0600): keys, and what was decrypted or hidden.
    Owner,
    /// Whoever the umask says, as of any other program's files, and no more than might read what stood there: what is made for others.
    Others,
}

impl Readers {
    /// The permissions of a file at this path, before the umask.
    fn mode(self, path: &Path) -> u32 {
        match self {
            Self::Owner => 0o600,
            #[cfg(unix)]
            Self::Others => {
                use std::os::unix::fs::PermissionsExt as _;
                let stood = path.metadata().map(|at| at.permissions().mode());
                stood.unwrap_or(0o666) & 0o666
            }
            #[cfg(not(unix))]
            Self::Others => 0o666,
        }
    }
}

impl Target {
    /// Makes a temporary file and removes it, so that a target that cannot be written is known before any work is done. What goes to
    /// stdout (`-`), a device or a pipe is kept in memory until commit.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        Self::replacing(path, Readers::Owner)
    }

    fn replacing(path: &Path, readers: Readers) -> Result<Self> {
        Self::at(path, Existing::Replaced, readers, || {
            Ok(Place::Memory(Vec::new()))
        })
    }

    /// As [`Target::new`], but for others to read, and what goes to stdout, a device or a pipe goes as it comes: for what need not be
    /// whole to be shown.
    pub(crate) fn streamed(path: &Path) -> Result<Self> {
        Self::streaming(path, Existing::Replaced)
    }

    /// As [`Target::streamed`], but replaces no file.
    ///
    /// # Errors
    /// As [`Target::fresh`].
    pub(crate) fn fresh_or_streamed(path: &Path) -> Result<Self> {
        if !is_stream(path) {
            check_new(path)?;
        }
        Self::streaming(path, Existing::Kept)
    }

    fn streaming(path: &Path, existing: Existing) -> Result<Self> {
        Self::at(path, existing, Readers::Others, || {
            Ok(if is_dash(path) {
                Place::Gone
            } else {
                Place::Into(open_to_write(path)?)
            })
        })
    }

    /// As [`Target::new`], but replaces nothing.
    ///
    /// # Errors
    /// Says so when there is a file already; so does [`Target::commit`], when it came in the meantime.
    pub(crate) fn fresh(path: &Path) -> Result<Self> {
        Self::beside_none(path, Readers::Owner)
    }

    fn beside_none(path: &Path, readers: Readers) -> Result<Self> {
        check_new(path)?;
        Self::at(path, Existing::Kept, readers, || {
            Ok(Place::Memory(Vec::new()))
        })
    }

    fn at(
        path: &Path,
        existing: Existing,
        readers: Readers,
        stream: impl FnOnce() -> Result<Place>,
    ) -> Result<Self> {
        let mode = readers.mode(path);
        let place = if is_stream(path) {
            stream()?
        } else {
            if path.is_dir() {
                bail!("{} is a directory; name the file to write", path.display());
            }
            let directory = parent(path);
            Temporary::new(directory, mode)
                .with_context(|| format!("cannot write in {}", directory.display()))?;
            Place::Beside(None)
        };
        Ok(Self {
            path: path.to_owned(),
            place,
            existing,
            mode,
        })
    }

    /// Writes all of `bytes` and commits.
    ///
    /// # Errors
    /// Names the file.
    pub(crate) fn fill(mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes)
            .with_context(|| format!("cannot write {}", name(&self.path)))?;
        self.commit()
    }

    /// Gives the file its name, once it is on disk.
    ///
    /// # Errors
    /// The temporary file is removed and what stood at the target stays.
    pub(crate) fn commit(self) -> Result<()> {
        let path = self.path;
        let mut stdout = io::stdout().lock();
        match self.place {
            Place::Beside(temporary) => {
                let fail = || format!("cannot write {}", path.display());
                // of no bytes
                let made = temporary.map_or_else(|| Temporary::new(parent(&path), self.mode), Ok);
                let temporary = made.with_context(fail)?;
                temporary.sync().with_context(fail)?;
                let persisted = temporary.persist(|file| match self.existing {
                    Existing::Replaced => file.persist(&path),
                    Existing::Kept => file.persist_noclobber(&path),
                });
                match persisted {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        return Err(exists(&path));
                    }
                    persisted => persisted.with_context(fail)?,
                };
                let synced = sync_directory(parent(&path));
                if synced.is_err() && self.existing == Existing::Kept {
                    // nothing stood there before
                    let _ = fs::remove_file(&path);
                }
                synced
            }
            Place::Memory(bytes) if is_dash(&path) => stdout
                .write_all(&bytes)
                .and_then(|()| stdout.flush())
                .context("cannot write to stdout"),
            Place::Memory(bytes) => open_to_write(&path)?
                .write_all(&bytes)
                .with_context(|| format!("cannot write {}", path.display())),
            Place::Gone => stdout.flush().context("cannot write to stdout"),
            Place::Into(_) => Ok(()),
        }
    }
}

/// Refuses to overwrite what is there.
pub(crate) fn check_new(path: &Path) -> Result<()> {
    if !is_dash(path) && path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    Ok(())
}

fn exists(path: &Path) -> anyhow::Error {
    anyhow!(
        "{} exists and is not overwritten; name another file",
        path.display()
    )
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.place {
            Place::Beside(file) => {
                let file = match file {
                    Some(file) => file,
                    None => file.insert(Temporary::new(parent(&self.path), self.mode)?),
                };
                file.write(bytes)
            }
            Place::Memory(held) => held.write(bytes),
            Place::Gone => io::stdout().write(bytes),
            Place::Into(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Beside(file) => file.as_mut().map_or(Ok(()), Write::flush),
            Place::Memory(_) => Ok(()),
            Place::Gone => io::stdout().flush(),
            Place::Into(file) => file.flush(),
        }
    }
}

/// Writes `bytes` at `path` (`-` is stdout), whole or not at all, for its owner alone to read.
///
/// # Errors
/// Names the file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Target::new(path)?.fill(bytes)
}

/// As [`write()`], but for others to read, as far as the umask lets them.
pub(crate) fn publish(path: &Path, bytes: &[u8]) -> Result<()> {
    Target::replacing(path, Readers::Others)?.fill(bytes)
}

/// As [`publish`], but replaces nothing; a file that has just these bytes already is as good as written.
///
/// # Errors
/// Names the file, and says so when there is another one.
pub(crate) fn publish_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let is_written = path.is_file() && read_start(path, bytes.len() as u64 + 1)? == bytes;
    if is_written {
        return Ok(());
    }
    Target::beside_none(path, Readers::Others)?.fill(bytes)
}

/// Whether `path` means stdin or stdout; Unix has a name of its own for the latter.
pub(crate) fn is_dash(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdout")
}

/// Whether `path` is stdout, a device or a pipe: what is written into, and has no place that another file could take.
pub(crate) fn is_stream(path: &Path) -> bool {
    let is_other = |at: fs::Metadata| !at.is_file() && !at.is_dir();
    is_dash(path) || path.metadata().is_ok_and(is_other)
}

fn open_to_write(path: &Path) -> Result<File> {
    let opened = File::options().write(true).open(path);
    opened.with_context(|| format!("cannot open {}", path.display()))
}

/// Whether two paths name one place, however they are spelled; neither has to be there yet.
pub(crate) fn same(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let directory = parent(path).canonicalize().ok()?;
        Some(directory.join(path.file_name()?))
    };
    one == other
        || is_dash(one) && is_dash(other)
        || !is_dash(one)
            && !is_dash(other)
            && place(one).is_some_and(|one| place(other) == Some(one))
}

/// Refuses to read two inputs from stdin, of which the first would leave nothing to the other.
pub(crate) fn one_from_stdin<const N: usize>(inputs: [Option<&Path>; N]) -> Result<()> {
    if inputs
        .into_iter()
        .flatten()
        .filter(|path| is_dash(path))
        .count()
        > 1
    {
        bail!("only one input can be stdin (-); name files for the others");
    }
    Ok(())
}

/// Refuses to put what is written in the place of what was read.
pub(crate) fn check_apart<const N: usize>(
    (written, out): (&str, &Path),
    read: [(&str, Option<&Path>); N],
) -> Result<()> {
    for (what, input) in read {
        if !is_stream(out) && input.is_some_and(|input| same(out, input)) {
            bail!("{written} and {what} name the same file");
        }
    }
    Ok(())
}

/// Keeps every other command from changing the key in a file until what this gives is dropped; a standard stream is nobody else's.
///
/// # Errors
/// Another command changes it, or did so just now.
pub(crate) fn alone(key: &Path) -> Result<Option<File>> {
    if is_dash(key) {
        return Ok(None);
    }
    let file = open(key)?;
    let others = || {
        format!(
            "{}: another command changes this key; try again when it has ended",
            key.display()
        )
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!(others()),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", key.display()));
        }
    }
    // whoever had the lock before may have put another file there
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let place = |at: fs::Metadata| (at.dev(), at.ino());
        let fail = || format!("cannot read {}", key.display());
        let locked = file.metadata().with_context(fail)?;
        if place(locked) != place(fs::metadata(key).with_context(fail)?) {
            bail!(others());
        }
    }
    Ok(Some(file))
}

/// Gives a file the name of another one, whose place it takes.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot rename {}", from.display()))?;
    sync_directory(parent(to))
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

/// The path, for a person who reads it.
pub(crate) fn name(path: &Path) -> String {
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

//! Files under a temporary name, which a signal that ends the program removes as well.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use tempfile::{NamedTempFile, PersistError};

/// A file beside the one whose place it is to take; removed when it is dropped, or when the program is interrupted.
#[derive(Debug)]
pub(crate) struct Temporary {
    file: NamedTempFile,
    listed: Listed,
}

impl Temporary {
    /// With these permissions, less the umask, where files have such.
    pub(crate) fn new(folder: &Path, mode: u32) -> io::Result<Self> {
        watch();
        // held while the file is made, so that a signal finds it on the list
        let mut open = open();
        let mut builder = tempfile::Builder::new();
        builder.prefix(".medshare-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(std::fs::Permissions::from_mode(mode));
        }
        #[cfg(not(unix))]
        let _ = mode;
        let file = builder.tempfile_in(folder)?;
        let listed = Listed(file.path().to_owned());
        open.push(listed.0.clone());
        Ok(Self { file, listed })
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_file().sync_all()
    }

    /// Gives the file its name, and keeps it.
    pub(crate) fn persist(
        self,
        as_named: impl FnOnce(NamedTempFile) -> Result<std::fs::File, PersistError>,
    ) -> io::Result<()> {
        let Self { file, listed } = self;
        let persisted = as_named(file);
        drop(listed);
        persisted.map(drop).map_err(|error| error.error)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A path on the list of what a signal removes.
#[derive(Debug)]
struct Listed(PathBuf);

impl Drop for Listed {
    fn drop(&mut self) {
        open().retain(|path| *path != self.0);
    }
}

fn open() -> MutexGuard<'static, Vec<PathBuf>> {
    static OPEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the program at a signal, once all that is on the list is removed. `node`, which ends in order at the same signals, makes no
/// temporary file here.
fn watch() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        // where the system gives no signals, one ends the program as ever
        if let Ok(signal) = signal() {
            thread::spawn(move || {
                let code = signal();
                // held to the end: no other file is made
                let open = open();
                for path in open.iter() {
                    let _ = std::fs::remove_file(path);
                }
                process::exit(code);
            });
        }
    });
}

/// What waits for the signals by which people and systems end programs, and gives the exit code that shells expect then. They are caught
/// when it returns.
fn signal() -> io::Result<impl FnOnce() -> i32 + Send> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let entered = runtime.enter();
    #[cfg(unix)]
    let signal = {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        async move {
            tokio::select! {
                _ = interrupt.recv() => 128 + 2,
                _ = terminate.recv() => 128 + 15,
            }
        }
    };
    #[cfg(not(unix))]
    let signal = {
        let mut interrupt = tokio::signal::windows::ctrl_c()?;
        async move {
            interrupt.recv().await;
            128 + 2
        }
    };
    drop(entered);
    Ok(move || runtime.block_on(signal))
}

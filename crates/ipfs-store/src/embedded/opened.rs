//! A file that stays open between reads, where reads need no common position.

use std::io;
use std::path::Path;

#[cfg(unix)]
pub(super) use self::unix::Opened;

#[cfg(not(unix))]
pub(super) use self::elsewhere::Opened;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Path, io};

    /// Files that are open in this process: a store may have more packs than a process may have files.
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    const MAX_OPEN: usize = 64;

    #[derive(Debug, Default)]
    pub(in super::super) struct Opened(OnceLock<(File, Inode)>);

    /// Device and number of a file: a pack that was healed has the name of the damaged one, and is another file.
    type Inode = (u64, u64);

    impl Opened {
        /// Reads so many bytes, or fewer at the end; `None` when the file cannot stay open.
        pub(in super::super) fn read(
            &self,
            path: &Path,
            offset: u64,
            len: u64,
        ) -> io::Result<Option<Vec<u8>>> {
            // what another process deleted or replaced is gone, though this one has it open
            let metadata = path.metadata()?;
            let inode = (metadata.dev(), metadata.ino());
            let file = match self.0.get() {
                Some((file, opened)) if *opened == inode => file,
                Some(_) => return Ok(None),
                None if OPEN.load(Ordering::Relaxed) >= MAX_OPEN => return Ok(None),
                None => {
                    let file = File::open(path)?;
                    let metadata = file.metadata()?;
                    if self.0.set((file, (metadata.dev(), metadata.ino()))).is_ok() {
                        OPEN.fetch_add(1, Ordering::Relaxed);
                    }
                    match self.0.get() {
                        Some((file, _)) => file,
                        None => return Ok(None),
                    }
                }
            };
            let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
            let mut read = 0;
            while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
                match file.read_at(rest, offset + read as u64) {
                    Ok(0) => break,
                    Ok(more) => read += more,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            bytes.truncate(read);
            Ok(Some(bytes))
        }
    }

    impl Drop for Opened {
        fn drop(&mut self) {
            if self.0.get().is_some() {
                OPEN.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use super::{Path, io};

    #[derive(Debug, Default)]
    pub(in super::super) struct Opened;

    impl Opened {
        #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Unix")]
        pub(in super::super) fn read(
            &self,
            _: &Path,
            _: u64,
            _: u64,
        ) -> io::Result<Option<Vec<u8>>> {
            Ok(None)
        }
    }
}

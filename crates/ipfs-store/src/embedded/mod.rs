//! The durable store: one directory of CAR files, for several processes at once.

mod gc;
mod index;
mod lock;
mod opened;
mod pack;
mod pin;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tempfile::NamedTempFile;

pub use self::gc::Collected;
use self::index::{Index, Place};
pub use self::lock::Hold;
use self::pack::Writer;
use crate::hash::Key;
use crate::{Block, BlockStore, Cid, Error, Result, hash};

/// Blocks in a directory: durable, for several processes at once, every block hashed again when it is read.
///
/// Blocks that were put are in the directory's newest pack, which other processes see, and a power failure spares, from
/// [`BlockStore::sync`] or [`EmbeddedStore::pin`] on. Only what is pinned is kept: [`EmbeddedStore::gc`] deletes the rest.
///
/// Readers never wait. Who puts holds off the garbage collection of other processes until it pins, syncs, collects or
/// drops the store; [`EmbeddedStore::hold`] does until it is dropped.
///
/// # Example
///
/// ```
/// use ipfs_store::{BlockStore as _, EmbeddedStore, Profile, dag};
///
/// let folder = tempfile::tempdir()?;
/// let store = EmbeddedStore::open(folder.path())?;
/// let kept = dag::add(&store, &b"an image"[..], Profile::default())?;
/// let other = dag::add(&store, &b"another image"[..], Profile::default())?;
/// store.pin(&kept.cid)?; // durable from here on
/// store.gc()?;
/// assert!(store.has(&kept.cid)? && !store.has(&other.cid)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EmbeddedStore {
    root: PathBuf,
    wait: Duration,
    index: RwLock<Index>,
    /// Whoever needs both locks takes this one first.
    writer: Mutex<Writer>,
    /// Shared by every [`Hold`], which is had under the writer only.
    held: Arc<()>,
}

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Size {
    /// The blocks, each counted once.
    pub blocks: u64,
    /// The bytes of the files that hold them.
    pub bytes: u64,
}

/// What the file `format` of a store says.
const FORMAT: &str = "ipfs-store 1\n";

/// How long an operation waits for another process before it is [`Error::Busy`].
const WAIT: Duration = Duration::from_secs(30);

impl EmbeddedStore {
    /// Opens the store in a directory, or makes one when the directory is empty or not there.
    ///
    /// # Errors
    ///
    /// [`Error::NotAStore`] for a directory with other files, or of a later version; [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_waiting(path, WAIT)
    }

    /// As [`EmbeddedStore::open`]; operations that another process holds up are [`Error::Busy`] after `wait`.
    ///
    /// # Errors
    ///
    /// As [`EmbeddedStore::open`].
    pub fn open_waiting(path: &Path, wait: Duration) -> Result<Self> {
        let store = Self {
            root: path.to_owned(),
            wait,
            index: RwLock::default(),
            writer: Mutex::default(),
            held: Arc::default(),
        };
        store.create()?;
        store.refresh()?;
        Ok(store)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// How many blocks the directory holds, and how many bytes they take there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn size(&self) -> Result<Size> {
        self.sync()?;
        self.refresh()?;
        Ok(self.index().size())
    }

    fn create(&self) -> Result<()> {
        let no = |reason: String| Error::NotAStore {
            path: self.root.clone(),
            reason,
        };
        let at = |action| move |source| self.failed(action, source);
        fs::create_dir_all(&self.root).map_err(at("making the store's directory"))?;
        let format = self.root.join("format");
        match fs::read(&format) {
            Ok(found) if found == FORMAT.as_bytes() => {}
            Ok(found) => {
                let found = String::from_utf8_lossy(&found)
                    .chars()
                    .take(40)
                    .collect::<String>();
                return Err(no(format!("its format is {found:?}, expected {FORMAT:?}")));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut entries = fs::read_dir(&self.root).map_err(at("reading the store"))?;
                // another process may be making it too
                let ours = ["format", "lock", "packs", "pins"];
                let other = entries.find_map(|entry| {
                    let name = entry.ok()?.file_name();
                    let name = name.to_string_lossy();
                    (!ours.contains(&&*name) && !name.starts_with(pack::TEMPORARY))
                        .then(|| name.into_owned())
                });
                if let Some(other) = other {
                    return Err(no(format!("it holds {other:?}, and no file format")));
                }
                let write = || {
                    let file = temporary(&self.root, "")?;
                    fs::write(file.path(), FORMAT)?;
                    file.as_file().sync_all()?;
                    file.persist(&format).map_err(|error| error.error)?;
                    sync_directory(&self.root)
                };
                write().map_err(at("making the store"))?;
            }
            Err(error) => return Err(self.failed("reading the store's format", error)),
        }
        for folder in [self.packs(), self.pinned()] {
            fs::create_dir_all(&folder).map_err(at("making the store's directories"))?;
        }
        sync_directory(&self.root).map_err(at("making the store's directories"))
    }

    fn packs(&self) -> PathBuf {
        self.root.join("packs")
    }

    fn pinned(&self) -> PathBuf {
        self.root.join("pins")
    }

    fn failed(&self, action: &'static str, source: io::Error) -> Error {
        Error::Io {
            action,
            path: Some(self.root.clone()),
            source,
        }
    }

    // A panic under either lock is between whole steps: what was pending is pending still.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what other processes added and removed.
    fn refresh(&self) -> Result<()> {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let packs = self.packs();
        index
            .refresh(&packs)
            .map_err(|source| self.failed("reading the store's packs", source))
    }

    fn forget_unreadable(&self) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.forget_unreadable();
    }

    /// The block among the packs that all processes see.
    fn committed(&self, cid: &Cid) -> Result<Option<Block>> {
        hash::accept(cid)?;
        let key = Key::of(cid.hash());
        let mut refreshed = false;
        loop {
            let place = self.index().place(&key);
            match place.map(|place| place.read(cid)) {
                Some(Ok(block)) => return Ok(Some(block)),
                // another process moved or deleted it
                Some(Err(error)) if index::is_gone(&error) && !refreshed => {}
                Some(Err(error)) if refreshed => return self.another_copy(cid, error).map(Some),
                Some(Err(_)) => {}
                None if refreshed => return self.index().surely_missing(cid).map(|()| None),
                None => {}
            }
            self.refresh()?;
            refreshed = true;
        }
    }

    /// A second process may have stored the same block, and its copy may be whole.
    fn another_copy(&self, cid: &Cid, error: Error) -> Result<Block> {
        let places = self.index().every_place(&Key::of(cid.hash()));
        places
            .iter()
            .find_map(|place| place.read(cid).ok())
            .ok_or(error)
    }

    fn has_committed(&self, cid: &Cid) -> Result<bool> {
        let key = Key::of(cid.hash());
        if self.index().place(&key).is_some_and(|place| place.exists()) {
            return Ok(true);
        }
        self.refresh()?;
        let index = self.index();
        match index.place(&key) {
            Some(_) => Ok(true),
            None => index.surely_missing(cid).map(|()| false),
        }
    }

    /// Makes what is pending durable, with the writer at hand.
    fn commit(&self, writer: &mut Writer) -> Result<()> {
        if writer.is_empty() {
            return Ok(());
        }
        let packs = self.packs();
        writer
            .commit(&packs)
            .map_err(|source| self.failed("making blocks durable", source))?;
        self.refresh()
    }
}

impl BlockStore for EmbeddedStore {
    fn get(&self, cid: &Cid) -> Result<Option<Block>> {
        hash::accept(cid)?;
        if let Some(block) = Block::inline(cid)? {
            return Ok(Some(block));
        }
        if self.index().place(&Key::of(cid.hash())).is_none() {
            let pending = self.writer().read(cid);
            if let Some(block) = pending? {
                return Ok(Some(block));
            }
        }
        self.committed(cid)
    }

    /// # Errors
    ///
    /// [`Error::Busy`] while another process collects garbage; [`Error::Io`], after which the blocks put since the last
    /// [`BlockStore::sync`] are gone.
    fn put(&self, block: &Block) -> Result<()> {
        let cid = block.cid();
        if Block::inline(cid)?.is_some() {
            return Ok(());
        }
        let mut writer = self.writer();
        if writer.hold(|| self.lock_shared())? {
            self.refresh()?; // garbage may have been collected since
        }
        let key = Key::of(cid.hash());
        if writer.holds(&key) {
            return Ok(());
        }
        // A copy that is damaged is not there: putting the block again heals it.
        let place = self.index().place(&key);
        if place.is_some_and(|place: Place| place.read(cid).is_ok()) {
            return Ok(());
        }
        writer
            .append(&self.packs(), block)
            .map_err(|source| self.failed("storing a block", source))
    }

    fn has(&self, cid: &Cid) -> Result<bool> {
        hash::accept(cid)?;
        if Block::inline(cid)?.is_some() || self.writer().holds(&Key::of(cid.hash())) {
            return Ok(true);
        }
        self.has_committed(cid)
    }

    /// # Errors
    ///
    /// [`Error::Damaged`] while a pack cannot be read whole, since the block may be in there too: [`EmbeddedStore::gc`] replaces
    /// such a pack; [`Error::Busy`] as there; [`Error::Io`].
    ///
    /// # Performance
    ///
    /// The bytes are gone when it returns: the pack that held the block, up to 128 MiB, is written anew without it. For
    /// more than a few blocks, unpin and collect garbage.
    fn delete(&self, cid: &Cid) -> Result<bool> {
        hash::accept(cid)?;
        self.delete_one(cid)
    }

    fn sync(&self) -> Result<()> {
        let mut writer = self.writer();
        self.commit(&mut writer)?;
        writer.release();
        Ok(())
    }
}

impl Drop for EmbeddedStore {
    /// What was put and not pinned becomes visible to other processes, if it can be; whoever needs to know syncs.
    fn drop(&mut self) {
        drop(self.sync());
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore")
            .field("path", &self.root)
            .finish_non_exhaustive()
    }
}

/// The store as all processes see it: what is pending is not there, and the writer is not asked, who may be waiting.
#[derive(Debug)]
struct Committed<'a>(&'a EmbeddedStore);

impl BlockStore for Committed<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Block>> {
        match Block::inline(cid)? {
            Some(block) => Ok(Some(block)),
            None => self.0.committed(cid),
        }
    }

    fn has(&self, cid: &Cid) -> Result<bool> {
        Ok(Block::inline(cid)?.is_some() || self.0.has_committed(cid)?)
    }

    fn put(&self, _: &Block) -> Result<()> {
        Err(Self::READ_ONLY)
    }

    fn delete(&self, _: &Cid) -> Result<bool> {
        Err(Self::READ_ONLY)
    }
}

impl Committed<'_> {
    const READ_ONLY: Error = Error::ReadOnly {
        store: "what is committed",
    };
}

/// A file under a temporary name. Pins and lock are made as any new file is, and so is this one: a store is for the accounts that the
/// umask says, as a whole or not at all.
fn temporary(folder: &Path, suffix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder
        .prefix(pack::TEMPORARY)
        .suffix(suffix)
        .tempfile_in(folder)
}

/// Makes the names in a directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        return fs::File::open(path)?.sync_all();
    }
    Ok(()) // elsewhere directories are not opened; names are durable with the files
}

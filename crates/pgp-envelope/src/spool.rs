//! Hands plaintext that is not verified yet to where it waits, on this thread or with another's help.

use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::storage::{Storage, failed};
use crate::{Error, Result};

/// From this much on, another thread stores: fresh memory and files cost as much as hashing.
const THREADED: u64 = 1 << 20;
/// What it is handed at a time.
const PORTION: usize = 256 << 10;

/// Takes bytes that are not verified yet, on this thread or with another's help.
pub(crate) struct Spool {
    storage: Option<Storage>,
    writer: Option<Writer>,
    threaded: bool,
    pending: Vec<u8>,
    len: u64,
}

impl Spool {
    pub(crate) const fn new(limit: usize, folder: Option<PathBuf>, threaded: bool) -> Self {
        Self {
            storage: Some(Storage::new(limit, folder)),
            writer: None,
            threaded,
            pending: Vec::new(),
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.len += bytes.len() as u64;
        if self.threaded && self.len > THREADED {
            if let Some(storage) = self.storage.take() {
                self.writer = Some(Writer::start(storage));
            }
            self.pending.extend_from_slice(bytes);
            if self.pending.len() >= PORTION {
                self.hand_over()?;
            }
            return Ok(());
        }
        match &mut self.storage {
            Some(storage) => storage.write(bytes),
            None => Ok(()),
        }
    }

    fn hand_over(&mut self) -> Result<()> {
        let portion = mem::take(&mut self.pending);
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        if writer
            .to
            .as_ref()
            .is_none_or(|to| to.send(portion).is_err())
        {
            // It has failed: its reason comes with its end.
            return writer.finish().map(|_| ());
        }
        self.pending = writer.back.try_recv().unwrap_or_default();
        self.pending.clear();
        Ok(())
    }

    /// Everything that was written.
    pub(crate) fn finish(mut self) -> Result<Storage> {
        if let Some(storage) = self.storage.take() {
            return Ok(storage);
        }
        self.hand_over()?;
        match &mut self.writer {
            Some(writer) => writer.finish(),
            None => Err(stopped()),
        }
    }
}

/// The other thread.
struct Writer {
    to: Option<SyncSender<Vec<u8>>>,
    back: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<Result<Storage>>>,
}

impl Writer {
    fn start(mut storage: Storage) -> Self {
        let (to, portions) = sync_channel::<Vec<u8>>(2);
        let (used, back) = sync_channel(4);
        let thread = thread::spawn(move || {
            for portion in portions {
                storage.write(&portion)?;
                // Where nobody wants it back, it is freed.
                let _ = used.try_send(portion);
            }
            Ok(storage)
        });
        Self {
            to: Some(to),
            back,
            thread: Some(thread),
        }
    }

    fn finish(&mut self) -> Result<Storage> {
        self.to = None;
        let thread = self.thread.take().ok_or_else(stopped)?;
        thread.join().unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Writer {
    /// Waits, so that no temporary file outlives the call that made it.
    fn drop(&mut self) {
        self.to = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn stopped() -> Error {
    failed(io::Error::other("the thread that stores has stopped"))
}

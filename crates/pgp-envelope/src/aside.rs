//! Work on plaintext beside the cipher: hashing it, and keeping it until it is verified, each on a thread of its own.

use std::mem;
use std::ops::Deref;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use openpgp::crypto::hash;
use sequoia_openpgp as openpgp;

use crate::pipeline::Buffer;
use crate::{Error, Result};

/// From this much on, a thread is started: below, starting it takes longer than the work.
const THREADED: u64 = 1 << 20;
/// How many portions wait for a thread.
const DEPTH: usize = 16;

/// Takes bytes in order.
pub(crate) trait Sink: Send + 'static {
    fn take(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Sink for hash::Context {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.update(bytes);
        Ok(())
    }
}

/// A sink that is fed here, or once there is much on a thread of its own.
pub(crate) struct Aside<S: Sink> {
    place: Place<S>,
    threaded: bool,
    bytes: u64,
}

enum Place<S> {
    Here(S),
    There(SyncSender<Arc<Portion>>, JoinHandle<Result<S>>),
    Gone,
}

impl<S: Sink> Aside<S> {
    pub(crate) const fn new(sink: S, threaded: bool) -> Self {
        Self {
            place: Place::Here(sink),
            threaded,
            bytes: 0,
        }
    }

    pub(crate) fn take(&mut self, portion: &Arc<Portion>) -> Result<()> {
        self.bytes += portion.len() as u64;
        if self.threaded && self.bytes > THREADED {
            self.place = match mem::replace(&mut self.place, Place::Gone) {
                Place::Here(sink) => start(sink),
                other => other,
            };
        }
        match &mut self.place {
            Place::Here(sink) => sink.take(portion),
            Place::There(to, _) => match to.send(Arc::clone(portion)) {
                Ok(()) => Ok(()),
                // It has failed: its reason comes with its end.
                Err(_) => self.finish().map(drop),
            },
            Place::Gone => Err(stopped()),
        }
    }

    /// The sink, when it has taken everything.
    pub(crate) fn finish(&mut self) -> Result<S> {
        match mem::replace(&mut self.place, Place::Gone) {
            Place::Here(sink) => Ok(sink),
            Place::There(to, thread) => {
                drop(to);
                thread.join().unwrap_or_else(|_| Err(stopped()))
            }
            Place::Gone => Err(stopped()),
        }
    }
}

impl<S: Sink> Drop for Aside<S> {
    /// Waits, so that no temporary file outlives the call that made it.
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

fn start<S: Sink>(mut sink: S) -> Place<S> {
    let (to, portions) = sync_channel::<Arc<Portion>>(DEPTH);
    let thread = thread::spawn(move || {
        for portion in portions {
            sink.take(&portion)?;
        }
        Ok(sink)
    });
    Place::There(to, thread)
}

fn stopped() -> Error {
    Error::library("working on the plaintext")("a thread has stopped")
}

/// Where portions come from, and go back to.
#[derive(Clone, Default)]
pub(crate) struct Portions(Arc<Mutex<Vec<Buffer>>>);

impl Portions {
    /// An empty buffer, a used one if there is one.
    pub(crate) fn empty(&self) -> Buffer {
        let mut buffer = self.spare().pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    pub(crate) fn share(&self, bytes: Buffer) -> Arc<Portion> {
        let from = self.clone();
        Arc::new(Portion { bytes, from })
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Buffer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that several threads read. The buffer is used again when the last of them is done.
pub(crate) struct Portion {
    bytes: Buffer,
    from: Portions,
}

impl Deref for Portion {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Portion {
    fn drop(&mut self) {
        self.from.spare().push(mem::take(&mut self.bytes));
    }
}

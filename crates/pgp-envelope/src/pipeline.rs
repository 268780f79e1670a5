//! Blocks of bytes through a cipher, in order, on this thread or on others.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use zeroize::Zeroizing;

use crate::{Error, Result};

/// What happens to each block: `index` counts from zero, the output buffer is handed in to be used again.
pub(crate) trait Stage: Send {
    fn run(&mut self, index: u64, input: &[u8], output: &mut Buffer) -> Result<()>;
}

/// How many blocks wait for each worker, the one in its hands among them: enough that a thread which the system wakes late, on a
/// busy machine, does not hold up the other.
const DEPTH: usize = 4;

/// Runs blocks through a stage.
///
/// A block goes to the worker that has the least to do, and is run here when all have enough: with a slow cipher this thread
/// ciphers too, with a fast one it hashes. Results are taken in the order of sending. The first block is run here: messages of
/// one block, which are many, start no thread.
pub(crate) struct Pipeline {
    /// For this thread.
    here: Option<Box<dyn Stage>>,
    /// For workers that have not started.
    stages: Vec<Box<dyn Stage>>,
    workers: Vec<Worker>,
    room: usize,
    /// Whether each block needs the one before: then there is one stage, which moves to a worker behind the first block.
    chained: bool,
    sent: u64,
    /// What is under way, the oldest first.
    order: VecDeque<Place>,
    spare: Vec<Block>,
}

/// Where a block is.
enum Place {
    Done(Result<Block>),
    Worker(usize),
}

/// A block before and after; both buffers are used again.
#[derive(Default)]
pub(crate) struct Block {
    pub(crate) input: Buffer,
    pub(crate) output: Buffer,
}

/// Bytes that are wiped when dropped, and whose memory is neither freed nor zeroed between uses: zeroing 256 KiB costs a
/// twentieth of hashing them.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    len: usize,
}

impl Buffer {
    /// Makes it `len` bytes long; what they hold is unspecified.
    pub(crate) fn set_len(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        self.len = len;
        self
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let start = self.len;
        let to = self.set_len(start + bytes.len());
        to.get_mut(start..)
            .expect("it was just made long enough")
            .copy_from_slice(bytes);
    }

    /// Appends what the reader gives, up to `limit` bytes in all. Memory grows with what arrives, not with the limit.
    pub(crate) fn fill(&mut self, reader: &mut dyn Read, limit: usize) -> io::Result<()> {
        while self.len < limit {
            let start = self.len;
            let step = (self.bytes.len() - start).max(FIRST_STEP).max(start);
            let room = self.set_len(limit.min(start + step));
            let read = reader.read(room.get_mut(start..).unwrap_or_default());
            let n = match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.len = start;
                    continue;
                }
                other => other.inspect_err(|_| self.len = start)?,
            };
            self.len = start + n;
            if n == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

const FIRST_STEP: usize = 32 << 10;

struct Worker {
    to: Option<SyncSender<(u64, Block)>>,
    from: Receiver<Result<Block>>,
    thread: Option<JoinHandle<()>>,
    /// What it has to do still, as far as is known here.
    queued: usize,
    done: VecDeque<Result<Block>>,
}

impl Pipeline {
    /// Of one stage to be run here, and one more for each worker.
    pub(crate) fn new(mut stages: Vec<Box<dyn Stage>>) -> Self {
        let here = stages.pop();
        Self {
            room: stages.len() * DEPTH + 1,
            chained: false,
            here,
            stages,
            workers: Vec::new(),
            sent: 0,
            order: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// Of one stage that has to see each block in turn, on a worker.
    pub(crate) fn chained(stage: Box<dyn Stage>) -> Self {
        let mut this = Self::new(vec![stage]);
        this.room = DEPTH;
        this.chained = true;
        this
    }

    /// Whether another block may be sent before one is received.
    pub(crate) fn has_room(&self) -> bool {
        self.order.len() < self.room
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// A block whose buffers have been used before, if there is one.
    pub(crate) fn take(&mut self) -> Block {
        self.spare.pop().unwrap_or_default()
    }

    /// Gives a block's buffers back.
    pub(crate) fn give(&mut self, block: Block) {
        self.spare.push(block);
    }

    /// Sends the next block through.
    pub(crate) fn send(&mut self, mut block: Block) -> Result<()> {
        let index = self.sent;
        self.sent += 1;
        if index > 0 {
            if self.chained {
                self.stages.extend(self.here.take());
            }
            self.workers
                .extend(self.stages.drain(..).map(Worker::start));
            self.workers.iter_mut().for_each(Worker::collect);
            let idle = self.workers.iter_mut().enumerate();
            if let Some((number, worker)) = idle
                .filter(|(_, worker)| worker.queued < DEPTH)
                .min_by_key(|(_, worker)| worker.queued)
            {
                worker.queued += 1;
                self.order.push_back(Place::Worker(number));
                let to = worker.to.as_ref();
                return to
                    .and_then(|to| to.send((index, block)).ok())
                    .ok_or_else(stopped);
            }
        }
        let stage = self.here.as_mut().ok_or_else(stopped)?;
        let done = stage
            .run(index, &block.input, &mut block.output)
            .map(|()| block);
        self.order.push_back(Place::Done(done));
        Ok(())
    }

    /// Takes the next block, waiting for it; `None` when none is under way.
    pub(crate) fn receive(&mut self) -> Option<Result<Block>> {
        match self.order.pop_front()? {
            Place::Done(done) => Some(done),
            Place::Worker(number) => Some(
                self.workers
                    .get_mut(number)
                    .map_or_else(|| Err(stopped()), Worker::receive),
            ),
        }
    }
}

fn stopped() -> Error {
    Error::library("running a cipher")("a worker has stopped")
}

impl Worker {
    fn start(mut stage: Box<dyn Stage>) -> Self {
        let (to, jobs) = sync_channel::<(u64, Block)>(DEPTH);
        let (results, from) = sync_channel(2 * DEPTH);
        let thread = thread::spawn(move || {
            for (index, mut block) in jobs {
                let done = stage
                    .run(index, &block.input, &mut block.output)
                    .map(|()| block);
                // After a failure the others go on: whoever sends a block must not see a closed channel before the error.
                if results.send(done).is_err() {
                    break;
                }
            }
        });
        Self {
            to: Some(to),
            from,
            thread: Some(thread),
            queued: 0,
            done: VecDeque::new(),
        }
    }

    /// Takes what it has done, without waiting.
    fn collect(&mut self) {
        while let Ok(done) = self.from.try_recv() {
            self.queued = self.queued.saturating_sub(1);
            self.done.push_back(done);
        }
    }

    /// The next that it has done.
    fn receive(&mut self) -> Result<Block> {
        if let Some(done) = self.done.pop_front() {
            return done;
        }
        self.queued = self.queued.saturating_sub(1);
        self.from.recv().unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Pipeline {
    /// Ends the threads: a worker that waits for us sees its channel close.
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.to = None;
        }
        for mut worker in mem::take(&mut self.workers) {
            while worker.from.recv().is_ok() {}
            if let Some(thread) = worker.thread.take() {
                // A panic in sequoia ends as the error "a worker has stopped".
                let _ = thread.join();
            }
        }
    }
}

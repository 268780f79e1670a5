//! The whole log as one stream: export, import, and so also a backup that any version can read.
//!
//! ```text
//! "medshare ledger export v2\n"          26 bytes
//! last height, log size                  8 bytes each, big-endian: of the last header
//! last header                            32 bytes: its SHA-256
//! length, genesis                        8 bytes big-endian, then as many bytes of canonical DAG-CBOR
//! length, block 1                        the header and its transactions
//! length, block 2 …                      up to the last height; nothing follows
//! ```
//!
//! The front says what must come, so that a file that was cut short, between two blocks too, is refused. In version 1 the
//! first line is followed by the genesis, and its blocks go on until the stream ends: that is still read, and no cut between
//! two blocks can be noticed in it.

use std::io::{self, Read, Write};

use crate::hash::sha256;
use crate::store::{Batch, LedgerStore, Order, Snapshot, Table};
use crate::{Block, Error, Genesis, Header, Height, Ledger, Result, map};

const MAGIC: &[u8; 26] = b"medshare ledger export v2\n";
/// The first line of an export that does not say how long it is.
const MAGIC_1: &[u8; 26] = b"medshare ledger export v1\n";
/// The most bytes of one part: a block of the most and largest transactions.
const MAX_PART: u64 = 1 << 30;
/// How many entries are copied at a time.
const PAGE: usize = 8192;

impl<S: LedgerStore> Ledger<S> {
    /// Writes the genesis and every block, as the ledger is now; what is recorded meanwhile is left out. `progress` hears
    /// the blocks done and the blocks there are. Returns the height of the last block written.
    ///
    /// # Errors
    ///
    /// When the store or the writer fails.
    pub fn export(&self, mut to: impl Write, mut progress: impl FnMut(u64, u64)) -> Result<Height> {
        let view = self.view()?;
        let last = view.head().height;
        let front = Front::of(view.head());
        to.write_all(MAGIC)
            .and_then(|()| front.write(&mut to))
            .map_err(|error| stream("writing the export", error))?;
        write_part(&mut to, &view.genesis().to_bytes())?;
        for height in 1..=last.0 {
            let block = view.block(Height(height))?;
            let block =
                block.ok_or_else(|| Error::damaged(format!("block {height} is missing")))?;
            write_part(&mut to, &block.to_bytes())?;
            progress(height, last.0);
        }
        to.flush()
            .map_err(|error| stream("writing the export", error))?;
        Ok(last)
    }

    /// Reads an export into an empty store, with every signature and every rule, so that nothing of it has to be trusted
    /// but the genesis. `extra` is kept beside it, as with [`Ledger::found_with`].
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a stream that is none, ends early or goes on behind its end, [`Error::Damaged`] naming the
    /// first block that is not what its transactions give, or a failure of store or reader.
    pub fn import(
        store: S,
        from: impl Read,
        extra: &[(&str, &[u8])],
        progress: impl FnMut(u64),
    ) -> Result<Self> {
        Self::import_if(store, from, |_| Ok(()), extra, progress)
    }

    /// Reads an export as [`Ledger::import`], if its genesis is believed: it is the one thing in an export that nothing
    /// else proves, so whoever knows the chain's name or an authority's key compares it here. Nothing is written before.
    ///
    /// # Errors
    ///
    /// As [`Ledger::import`], and what `believed` returns.
    pub fn import_if(
        store: S,
        mut from: impl Read,
        believed: impl FnOnce(&Genesis) -> Result<()>,
        extra: &[(&str, &[u8])],
        mut progress: impl FnMut(u64),
    ) -> Result<Self> {
        let mut magic = [0; MAGIC.len()];
        let read = from.read_exact(&mut magic);
        let front = match &magic {
            _ if read.is_err() => None,
            MAGIC => Some(Some(Front::read(&mut from)?)),
            MAGIC_1 => Some(None),
            _ => None,
        };
        let front = front
            .ok_or_else(|| malformed("expected the first line `medshare ledger export v2`"))?;
        let genesis = read_part(&mut from)?.ok_or_else(|| malformed("there is no genesis"))?;
        let genesis = Genesis::from_bytes(&genesis)?;
        believed(&genesis)?;
        let ledger = Self::found_with(store, genesis, extra)?;
        let mut head = ledger.view()?.head().clone();
        while let Some(bytes) = read_part(&mut from)? {
            if let Some(front) = front
                && front.height == head.height
            {
                return Err(malformed(&format!(
                    "something follows block {}, which is the last",
                    head.height
                )));
            }
            let block = Block::from_bytes(&bytes)?;
            ledger.replay(&block)?;
            progress(block.header.height.0);
            head = block.header;
        }
        match front {
            Some(front) if front.height != head.height => Err(malformed(&format!(
                "it ends after block {} and {} transactions, expected block {} and {} transactions: it was cut short",
                head.height, head.log_size, front.height, front.log_size
            ))),
            Some(front) if front != Front::of(&head) => Err(malformed(&format!(
                "block {} is not the one that its front names",
                head.height
            ))),
            _ => Ok(ledger),
        }
    }

    /// Copies everything, also what is kept beside the ledger, as it is at one moment, into an empty store. `progress`
    /// hears the entries copied so far. The copy is whole only when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] when the other store holds a ledger, or a failure of either store.
    pub fn copy_to(&self, other: &impl LedgerStore, mut progress: impl FnMut(u64)) -> Result<()> {
        let snapshot = self.store().snapshot()?;
        if other.snapshot()?.get(Table::Meta, b"format")?.is_some() {
            return Err(Error::Exists {
                chain: self.chain(),
            });
        }
        let mut copied = 0;
        // the table by which a ledger is known comes last
        for table in Table::ALL.into_iter().rev() {
            let mut from = Vec::new();
            loop {
                let page = snapshot.range(table, &from, &[0xff; 41], Order::Ascending, PAGE)?;
                let Some((last, _)) = page.last() else {
                    break;
                };
                from = [last.as_slice(), &[0]].concat();
                copied += u64::try_from(page.len()).unwrap_or_default();
                let mut batch = Batch::new();
                page.into_iter()
                    .for_each(|(key, value)| batch.put(table, key, value));
                other.commit(&batch)?;
                progress(copied);
            }
        }
        Ok(())
    }

    /// Computes a block that another ledger of this chain has, with every signature and every rule, and writes it, if it
    /// comes next and is what its transactions give.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] naming the block and what is wrong with it, or a failure of the store.
    pub fn replay(&self, block: &Block) -> Result<()> {
        self.replay_by(block, map::update)
    }

    /// As [`Ledger::replay`], with another way to update the state tree.
    pub(crate) fn replay_by(&self, block: &Block, update: map::Update<S::Snapshot>) -> Result<()> {
        let height = block.header.height;
        let wrong = |reason: String| Error::damaged(format!("block {height}: {reason}"));
        let mut staged = self.begin(block.header.time)?;
        for tx in &block.transactions {
            staged.apply_recorded(tx).map_err(|error| match error {
                // a disk that fails says nothing about the block
                Error::Store { .. } => error,
                other => wrong(other.to_string()),
            })?;
        }
        let finished = staged.finish_by(update)?;
        if finished.header != block.header {
            return Err(wrong(
                "its header is not what its transactions give".to_owned(),
            ));
        }
        self.commit(&finished)
    }
}

/// What an export says of itself before it begins: its last header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Front {
    height: Height,
    log_size: u64,
    header: [u8; 32],
}

impl Front {
    fn of(last: &Header) -> Self {
        Self {
            height: last.height,
            log_size: last.log_size,
            header: sha256(&[&last.to_bytes()]),
        }
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.height.0.to_be_bytes())?;
        to.write_all(&self.log_size.to_be_bytes())?;
        to.write_all(&self.header)
    }

    fn read(from: &mut impl Read) -> Result<Self> {
        let (mut height, mut log_size, mut header) = ([0; 8], [0; 8], [0; 32]);
        from.read_exact(&mut height)
            .and_then(|()| from.read_exact(&mut log_size))
            .and_then(|()| from.read_exact(&mut header))
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => malformed("it ends before its genesis"),
                _ => stream("reading the export", error),
            })?;
        Ok(Self {
            height: Height(u64::from_be_bytes(height)),
            log_size: u64::from_be_bytes(log_size),
            header,
        })
    }
}

fn write_part(to: &mut impl Write, bytes: &[u8]) -> Result<()> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes();
    to.write_all(&length)
        .and_then(|()| to.write_all(bytes))
        .map_err(|error| stream("writing the export", error))
}

/// The next part; none at the end of the stream. Memory grows with what comes, not with what is claimed.
fn read_part(from: &mut impl Read) -> Result<Option<Vec<u8>>> {
    const ACTION: &str = "reading the export";
    let mut length = Vec::new();
    from.take(8)
        .read_to_end(&mut length)
        .map_err(|error| stream(ACTION, error))?;
    if length.is_empty() {
        return Ok(None);
    }
    let length = length
        .try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| malformed("it ends within a length"))?;
    if length > MAX_PART {
        return Err(malformed(&format!(
            "a part of {length} bytes, more than {MAX_PART}"
        )));
    }
    let mut bytes = Vec::new();
    from.take(length)
        .read_to_end(&mut bytes)
        .map_err(|error| stream(ACTION, error))?;
    if u64::try_from(bytes.len()) != Ok(length) {
        return Err(malformed(&format!(
            "it ends after {} of a part's {length} bytes",
            bytes.len()
        )));
    }
    Ok(Some(bytes))
}

fn malformed(reason: &str) -> Error {
    Error::Malformed {
        what: "the export of a ledger",
        reason: reason.to_owned(),
    }
}

fn stream(action: &'static str, error: io::Error) -> Error {
    Error::Store {
        action,
        source: Box::new(error),
    }
}

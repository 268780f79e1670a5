//! Whole DAGs to a daemon, and off it.

use super::Kubo;
use crate::{BlockStore, Cid, Result, car, dag};

/// What a transfer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The blocks that were sent.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The blocks that the daemon had already.
    pub skipped: u64,
}

/// What an erasure reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// Whether the root was pinned until now.
    pub unpinned: bool,
    /// How many blocks the daemon deleted: what nothing else of its own needs.
    pub blocks: u64,
}

/// The bytes that one request carries.
const BATCH: usize = 8 << 20;

impl Kubo {
    /// Sends the DAG under a root, without the blocks that the daemon has; after a failure, sending again goes on where it
    /// ended. Pin the root afterwards: that also shows that all of it arrived.
    ///
    /// # Errors
    ///
    /// What [`dag::cids`] finds in `store`; as [`Kubo::version`].
    pub fn send(&self, store: &dyn BlockStore, root: &Cid) -> Result<Sent> {
        let mut sent = Sent::default();
        let mut batch = car::write_header(&[]);
        let empty = batch.len();
        for cid in dag::cids(store, root) {
            let cid = cid?;
            if self.has(&cid)? {
                sent.skipped += 1;
                continue;
            }
            let block = dag::fetch(store, &cid)?;
            car::push_section(&mut batch, &cid, block.bytes().len());
            batch.extend_from_slice(block.bytes());
            sent.blocks += 1;
            sent.bytes += block.bytes().len() as u64;
            if batch.len() >= BATCH {
                self.import(&batch)?;
                batch.truncate(empty);
            }
        }
        if batch.len() > empty {
            self.import(&batch)?;
        }
        Ok(sent)
    }

    fn import(&self, car: &[u8]) -> Result<()> {
        let args = [
            ("pin-roots", "false"),
            ("allow-big-block", "true"),
            ("offline", "true"),
        ];
        let answers = self
            .http
            .rpc("sending blocks", "dag/import", &args, Some(car))?;
        answers.refuse_errors()
    }

    /// Unpins a root and has the daemon delete what nothing else of its own needs.
    ///
    /// That is all that can be asked for: copies on other nodes, in caches of gateways, in backups and with whoever
    /// fetched the blocks cannot be recalled.
    ///
    /// # Errors
    ///
    /// As [`Kubo::version`].
    pub fn erase(&self, root: &Cid) -> Result<Erased> {
        let unpinned = self.unpin(root)?;
        let blocks = self.gc()?;
        Ok(Erased { unpinned, blocks })
    }
}

//! Where the ledger is kept: a trait of two methods, and one for reading a moment of it.

use crate::Result;

mod batch;
mod memory;
#[cfg(feature = "redb")]
mod redb;

pub use batch::Batch;
pub use memory::{MemorySnapshot, MemoryStore};
#[cfg(feature = "redb")]
pub use redb::{Opening, RedbSnapshot, RedbStore};

/// The tables of a store. Keys are ordered by their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a store has to know every table")]
pub enum Table {
    /// A few values by name: the genesis, the head, the log's peaks.
    Meta,
    /// Height → header.
    Header,
    /// Index → transaction.
    Transaction,
    /// Transaction id → index.
    Id,
    /// Level and number → a tile of the log: up to 256 hashes.
    Tile,
    /// `s` and share id, or `m` and address → state.
    State,
    /// Path → node of the state tree.
    Node,
    /// Address and index → nothing: the transactions that name a member.
    Involved,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 8] = [
        Self::Meta,
        Self::Header,
        Self::Transaction,
        Self::Id,
        Self::Tile,
        Self::State,
        Self::Node,
        Self::Involved,
    ];

    /// The table's name in a store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Header => "header",
            Self::Transaction => "transaction",
            Self::Id => "id",
            Self::Tile => "tile",
            Self::State => "state",
            Self::Node => "node",
            Self::Involved => "involved",
        }
    }
}

/// In which order a range is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Order {
    /// From the smallest key up.
    Ascending,
    /// From the largest key down.
    Descending,
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// One moment of a store: later commits do not show in it.
pub trait Snapshot {
    /// The value of a key.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Store`] when the storage fails, [`crate::Error::Damaged`] when it notices damage.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// At most `limit` entries with `from <= key < to`, in order.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>>;
}

/// Where the ledger is kept.
pub trait LedgerStore: Send + Sync {
    /// One moment of this store.
    type Snapshot: Snapshot;

    /// The store as it is now.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Store`] when the storage fails.
    fn snapshot(&self) -> Result<Self::Snapshot>;

    /// Writes all changes or none, durably before it returns.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Store`] when the storage fails; nothing is written then.
    fn commit(&self, batch: &Batch) -> Result<()>;
}

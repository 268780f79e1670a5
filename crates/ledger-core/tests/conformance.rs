//! The conformance suite, once per store.

use ledger_core::store::{MemoryStore, Opening, RedbStore};
use ledger_core::testing::check_store;

#[test]
fn the_memory_store_keeps_every_rule() {
    check_store(MemoryStore::new);
}

#[test]
fn the_redb_store_keeps_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    check_store(|| {
        number.set(number.get() + 1);
        RedbStore::open(
            &folder.path().join(format!("{}.redb", number.get())),
            Opening::Create,
        )
        .unwrap()
    });
}

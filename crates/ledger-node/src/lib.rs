//! Runs ledger-core: alone in one durable file.

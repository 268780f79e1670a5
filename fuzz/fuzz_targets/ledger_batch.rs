//! See `fuzz/src/ledger.rs`.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::ledger::batch);

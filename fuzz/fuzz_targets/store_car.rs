//! See `fuzz/src/store.rs`.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::store::carried);

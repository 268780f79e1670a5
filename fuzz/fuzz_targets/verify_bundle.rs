//! See `fuzz/src/verify.rs`.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::verify::bundle);

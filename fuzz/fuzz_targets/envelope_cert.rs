//! Arbitrary bytes as a cert, a key and a revocation.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::envelope::cert);

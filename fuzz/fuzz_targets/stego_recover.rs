//! Recovery from arbitrary samples.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::stego::recover_arbitrary);

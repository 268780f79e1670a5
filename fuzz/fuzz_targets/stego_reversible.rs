//! Reversible embedding, and recovery of every sample.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::stego::reversible);

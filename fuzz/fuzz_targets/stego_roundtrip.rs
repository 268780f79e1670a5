//! Embedding, and extraction of what was embedded.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::stego::roundtrip);

//! Embedding and extraction on several cores.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::stego::parallel);

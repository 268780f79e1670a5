//! Adaptive embedding into arbitrary samples.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::stego::adaptive);

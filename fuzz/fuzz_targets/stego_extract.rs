//! Extraction from arbitrary samples.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::stego::extract_arbitrary);

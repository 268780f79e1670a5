//! Detectors on arbitrary samples.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::stego::detectors);

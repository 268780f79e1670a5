//! Metrics of two arbitrary images.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::stego::metrics);

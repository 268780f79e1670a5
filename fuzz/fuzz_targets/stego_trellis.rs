//! The trellis code over arbitrary bits and costs.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::stego::trellis_code);

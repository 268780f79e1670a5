//! Arbitrary restore data.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::image::restore_data);

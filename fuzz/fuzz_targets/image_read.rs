//! Arbitrary bytes as a picture, and back.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::image::read);

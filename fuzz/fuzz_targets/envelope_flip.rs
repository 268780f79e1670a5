//! A message with one bit flipped.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::envelope::flip);

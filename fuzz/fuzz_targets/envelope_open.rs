//! Arbitrary bytes as a message.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::envelope::open);

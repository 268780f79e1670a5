//! Where the head of arbitrary bytes ends.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::envelope::head);

//! Arbitrary packets inside a container.

#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::envelope::content);

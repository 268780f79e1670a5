//! Seals files for people with OpenPGP, and releases nothing that it has not verified.

//! The seven steps by which a receiver proves that a shared medical image is the one that was sent.

//! Against a real Kubo: started here, on loopback, with a private repository, no bootstrap peers and no DHT.
//!
//! `bash .ci/kubo` builds it. Without it these tests say so and end; with `MEDSHARE_FORBID_SKIPS` they fail instead.

#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod daemon;
mod exchange;
mod faults;
mod guarded;
mod swarm;

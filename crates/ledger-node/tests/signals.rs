//! Signals, in a process of its own: whoever gets one gets it whole.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::process::{Command, id};

use ledger_core::testing::Person;
use ledger_node::http::{Server, Settings};
use ledger_node::{Founding, Node};

/// Signals were listened to from `run` on: one that came as soon as the address was printed ended the process where it stood.
#[test]
fn a_signal_before_the_server_runs_ends_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let founding = Founding::new("test", Person::new(0).authority());
    let node = Node::found(&path, founding).unwrap();
    let settings = Settings::new().stop_on_signals();
    let server = Server::bind(node, ([127, 0, 0, 1], 0).into(), settings).unwrap();
    let kill = Command::new("kill").arg(id().to_string()).status();
    assert!(kill.unwrap().success());
    server.run().unwrap();
    Node::open(&path).unwrap();
}

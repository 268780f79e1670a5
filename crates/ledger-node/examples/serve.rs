//! Serves a ledger with some shares on it, until it is interrupted: for `.ci/api`, for Postman, and to look at the page.
//!
//! `cargo run -p ledger-node --example serve -- 127.0.0.1:8040`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::io::Write as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ledger_core::testing::{Person, share, share_id};
use ledger_core::{Accept, Body, Reject, Transaction, Unsigned, Withdraw};
use ledger_node::http::{Server, Settings};
use ledger_node::{Founding, Node};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:8040").parse()?;
    let folder = tempfile::tempdir()?;
    let founding = Founding::new("St. Anna", Person::new(0).authority());
    let node = Node::found(&folder.path().join("ledger"), founding)?;
    for number in 1..=3 {
        node.submit(&sign(&node, 0, Person::new(number).enrollment())?)?;
    }
    for number in 1..=9 {
        node.submit(&sign(
            &node,
            1,
            share(number, &[&Person::new(2), &Person::new(3)]),
        )?)?;
    }
    let [accepted, rejected, withdrawn] = [1, 2, 3].map(share_id);
    let reason = Some("the wrong patient".to_owned());
    let accept = Body::Accept(Accept { share_id: accepted });
    let reject = Body::Reject(Reject {
        share_id: rejected,
        reason,
    });
    let withdraw = Body::Withdraw(Withdraw {
        share_id: withdrawn,
    });
    for (sender, body) in [(2, accept), (3, reject), (1, withdraw)] {
        node.submit(&sign(&node, sender, body)?)?;
    }

    // to be posted: `{"transaction": "…"}`
    let next = sign(&node, 1, share(10, &[&Person::new(2)]))?;
    let next = BASE64_STANDARD.encode(next.as_bytes());
    let trust = node.log_key();
    let server = Server::bind(node, address, Settings::new().rate(None).stop_on_signals())?;
    println!(
        "serving {}\ntrust   {trust}\nshare   {}\nsigned  {next}",
        server.url(),
        share_id(1)
    );
    std::io::stdout().flush()?;
    Ok(server.run()?)
}

fn sign(node: &Node, sender: u32, body: Body) -> ledger_node::Result<Transaction> {
    let sender = Person::new(sender);
    let sequence = node.next_sequence(&sender.address)?;
    let unsigned = Unsigned::new(node.chain(), sender.address, sequence, node.now(), body);
    Ok(unsigned.sign(&sender.key))
}

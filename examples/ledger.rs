//! Founds a ledger, records a share and proves it to a stranger who trusts one line: `cargo run --example ledger`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use anyhow::{Context, Result, ensure};
use ledger_core::{
    Accept, Address, Authority, Body, Cid, Commitment, Digest, PublicKey, Share, ShareId, Trust,
    Unsigned, verify,
};
use ledger_node::{Founding, Node};

fn main() -> Result<()> {
    // In medshare an address is the fingerprint of an OpenPGP cert, and its signing subkey holds this key.
    let key = ledger_core::signing_key(*Digest::of(b"a secret of St. Anna").as_bytes());
    let address = Address::new(Digest::of(b"St. Anna").as_bytes())?;
    let folder = tempfile::tempdir()?;
    let founding = Founding::new(
        "two hospitals",
        Authority::new(address, PublicKey::from(&key)),
    );
    let node = Node::found(&folder.path().join("ledger"), founding)?;

    let share_id = ShareId::new(*Digest::of(b"random in earnest").as_bytes());
    let share = Body::Share(Share {
        share_id,
        content: "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy".parse::<Cid>()?,
        commitment: Commitment::new(*Digest::of(b"salt and description").as_bytes()),
        description: Some("CT chest, 512x512x120".to_owned()),
        receivers: vec![address],
    });
    for body in [share, Body::Accept(Accept { share_id })] {
        let kind = body.kind();
        let sequence = node.next_sequence(&address)?;
        let tx = Unsigned::new(node.chain(), address, sequence, node.now(), body).sign(&key);
        let receipt = node.submit(&tx)?;
        println!(
            "{kind}: index {}, block {}, {}",
            receipt.index,
            receipt.height,
            tx.cid()
        );
    }

    let bundle = node.prove(&share_id)?.to_bytes();
    let trusted = node.log_key().to_string();
    println!(
        "a bundle of {} bytes, to be checked with {trusted}",
        bundle.len()
    );

    // Elsewhere, without the ledger:
    let proven = verify(&bundle, &Trust::new(trusted.parse()?))?;
    let receiver = proven.state().receiver(&address).context("a receiver")?;
    ensure!(
        proven.state().is_live() && receiver.accepted.is_some(),
        "it is live and accepted"
    );
    println!(
        "share {} by {}: {}",
        proven.share_id(),
        proven.sender(),
        proven.state().status
    );
    print!("{}", proven.checkpoint().note());
    Ok(())
}

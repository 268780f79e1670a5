//! Seals a file for two people, opens it as one of them, and grants it to a third: `cargo run --example seal -- FILE`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use anyhow::{Result, ensure};
use pgp_envelope::{Key, KeyOptions, Opener, Policy, Recipient, Sealer, Signer, regrant};

fn main() -> Result<()> {
    let plaintext = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => b"a scan".to_vec(),
    };
    let policy = Policy::now();
    let [alice, bob, carol, dave] = ["Alice", "Bob", "Carol", "Dave"].map(|name| {
        Key::generate(&KeyOptions::new(format!("{name} <{name}@example.org>"))).map(|made| made.key)
    });
    let (alice, bob, carol, dave) = (alice?, bob?, carol?, dave?);

    let mut message = Vec::new();
    let sealed = Sealer::new()
        .signer(&Signer::new(&alice, &policy)?)
        .recipient(&Recipient::new(&bob.cert(), &policy)?)
        .and(&Recipient::new(&carol.cert(), &policy)?)
        .seal(&plaintext[..], &mut message)?;
    println!(
        "{} bytes: a head of {} for two, a body of {}",
        plaintext.len(),
        sealed.head_len(),
        sealed.body_len()
    );

    let opened = Opener::new(&policy)
        .key(&bob)
        .signer(&alice.cert())
        .open(&message[..])?;
    println!(
        "Bob has {} bytes, signed by {}",
        opened.len(),
        opened.signer()
    );
    ensure!(opened.into_vec()? == plaintext);

    let stranger = Opener::new(&policy)
        .key(&dave)
        .signer(&alice.cert())
        .granted();
    match stranger.open(&message[..]) {
        Err(error) => println!("Dave: {error}"),
        Ok(_) => anyhow::bail!("Dave must not open it"),
    }
    let (head, body) = message.split_at(usize::try_from(sealed.head_len())?);
    let head = regrant(
        head,
        sealed.session_key(),
        &[Recipient::new(&dave.cert(), &policy)?],
    )?;
    let granted = [&head[..], body].concat();
    ensure!(stranger.open(&granted[..])?.into_vec()? == plaintext);
    println!(
        "Dave, by a new head of {} bytes: the same {} bytes",
        head.len(),
        plaintext.len()
    );
    Ok(())
}

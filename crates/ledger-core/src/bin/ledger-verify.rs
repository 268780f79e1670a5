//! Believes a proof bundle or says why not: `ledger-verify KEY [CHECKPOINT] < BUNDLE`.
//!
//! KEY is what is trusted, CHECKPOINT the text of one seen before. One fact per line on stdout; exit code 0 when it is
//! verified, 3 when it is rejected, 2 for anything else. Needs no file, no network and no clock, so that it also runs
//! where a page puts it: compiled to WebAssembly, in the browser of somebody who does not trust the server.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints"
)]

use std::io::Read as _;
use std::process::ExitCode;

use ledger_core::merkle::{Side, leaf_hash};
use ledger_core::proof::MAX_BUNDLE;
use ledger_core::{Checkpoint, LogKey, Proven, Rejected, Trust, verify};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(key), older, None) = (args.next(), args.next(), args.next()) else {
        eprintln!("usage: ledger-verify KEY [CHECKPOINT] < BUNDLE");
        return ExitCode::from(2);
    };
    let log: LogKey = match key.parse() {
        Ok(log) => log,
        Err(error) => {
            eprintln!("ledger-verify: {error}");
            return ExitCode::from(2);
        }
    };
    let mut bundle = Vec::new();
    // one byte more than the limit is enough to be refused
    let limit = u64::try_from(MAX_BUNDLE).unwrap_or(u64::MAX);
    if let Err(error) = std::io::stdin()
        .take(limit.saturating_add(1))
        .read_to_end(&mut bundle)
    {
        eprintln!("ledger-verify: cannot read the bundle: {error}");
        return ExitCode::from(2);
    }
    match check(&bundle, log, older.as_deref()) {
        Ok(proven) => {
            say(&proven);
            ExitCode::SUCCESS
        }
        Err(rejected) => {
            println!("rejected {}\nreason {rejected}", rejected.code());
            ExitCode::from(3)
        }
    }
}

fn check(bundle: &[u8], log: LogKey, older: Option<&str>) -> Result<Proven, Rejected> {
    let mut trust = Trust::new(log);
    if let Some(note) = older {
        trust = trust.older(Checkpoint::open(note, &log)?);
    }
    verify(bundle, &trust)
}

fn say(proven: &Proven) {
    let state = proven.state();
    println!("verified");
    println!("share {}", proven.share_id());
    println!("sender {}", proven.sender());
    println!("sender-key {}", proven.sender_key());
    println!("content {}", state.content);
    println!("commitment {}", state.commitment);
    println!("created {}", proven.transaction().created_at());
    println!("height {}", proven.height());
    println!("status {}", state.status);
    for receiver in &state.receivers {
        let revoked = receiver.revoked.map_or("granted", |_| "revoked");
        let accepted = receiver.accepted.map_or("", |_| " accepted");
        println!("receiver {} {revoked}{accepted}", receiver.address);
    }
    println!("index {}", proven.index());
    let leaf = leaf_hash(proven.transaction().as_bytes());
    println!("leaf {leaf}");
    for step in proven.inclusion().walk(&leaf).unwrap_or_default() {
        let side = match step.side {
            Side::Left => "left",
            Side::Right => "right",
        };
        println!("step {side} {} {}", step.sibling, step.hash);
    }
    let header = proven.header();
    println!("log-root {}", header.log_root);
    println!("state-root {}", header.state_root);
    println!("header {}", header.digest());
    println!("size {}", header.log_size);
    println!("head {}", header.height);
    println!("time {}", header.time);
    println!("note");
    print!("{}", proven.checkpoint().note());
}

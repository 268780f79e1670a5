//! Believes what a ledger says or says why not: `ledger-verify proof|answer KEY [CHECKPOINT] < BYTES`.
//!
//! BYTES are the proof bundle of a share or an answer, KEY is what is trusted, CHECKPOINT the text of one seen before. One fact
//! per line on stdout, what people wrote in hexadecimal; exit code 0 when it is verified, 3 when it is rejected, 2 for anything
//! else. Needs no file, no network and no clock, so that it also runs where a page puts it: compiled to WebAssembly, in the
//! browser of somebody who does not trust the server.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints"
)]

use std::fmt::{Display, Write as _};
use std::io::Read as _;
use std::process::ExitCode;

use ledger_core::merkle::{Side, leaf_hash};
use ledger_core::proof::MAX_BUNDLE;
use ledger_core::{
    Answer, Body, Checkpoint, Header, LogKey, MAX_ANSWER, Proven, Rejected, Transaction, Trust,
    verify, verify_answer,
};

fn main() -> ExitCode {
    match run() {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(rejected)) => {
            println!("rejected {}\nreason {rejected}", rejected.code());
            ExitCode::from(3)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Prints what is verified; why it is rejected, or why nothing can be said.
fn run() -> Result<Result<(), Rejected>, String> {
    let mut args = std::env::args().skip(1);
    let (Some(kind), Some(key), older, None) = (args.next(), args.next(), args.next(), args.next())
    else {
        return Err("usage: ledger-verify proof|answer KEY [CHECKPOINT] < BYTES".to_owned());
    };
    let log: LogKey = key
        .parse()
        .map_err(|error| format!("ledger-verify: {error}"))?;
    let (proof, limit) = match kind.as_str() {
        "proof" => (true, MAX_BUNDLE),
        "answer" => (false, MAX_ANSWER),
        _ => {
            return Err(format!(
                "ledger-verify: expected proof or answer, found {kind}"
            ));
        }
    };
    let mut bytes = Vec::new();
    // one byte more than the limit is enough to be refused
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = std::io::stdin().take(limit).read_to_end(&mut bytes);
    read.map_err(|error| format!("ledger-verify: cannot read what is to be verified: {error}"))?;
    let mut trust = Trust::new(log);
    if let Some(note) = older {
        match Checkpoint::open(&note, &log) {
            Ok(older) => trust = trust.older(older),
            Err(rejected) => return Ok(Err(rejected)),
        }
    }
    Ok(if proof {
        verify(&bytes, &trust).map(|proven| say(&proven))
    } else {
        verify_answer(&bytes, &trust).map(|answer| tell(&answer))
    })
}

/// What the bundle of a share proves.
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
    head(header);
    note(proven.checkpoint());
}

/// What an answer proves: a line for each member, share, block and transaction, followed by those that say more about it. The
/// names are those of the HTTP API.
fn tell(answer: &Answer) {
    println!("verified");
    head(answer.header());
    for (address, member) in answer.members() {
        println!("member-state {address}");
        hex("name", member.name.as_deref());
        fact("cert", member.cert);
        for span in &member.keys {
            let until = span.until.map_or_else(String::new, |end| format!(" {end}"));
            println!("key {} {}{until}", span.key, span.from);
        }
        println!("sequence {}", member.sequence);
        fact("revoked", member.revoked);
    }
    for (share_id, share) in answer.shares() {
        println!("share-state {share_id}");
        println!("status {}", share.status);
        for index in &share.events {
            println!("event {index}");
        }
    }
    for address in answer.absent_members() {
        println!("no-member {address}");
    }
    for share_id in answer.absent_shares() {
        println!("no-share {share_id}");
    }
    for block in answer.blocks() {
        let header = &block.header;
        println!("block {}", header.height);
        println!("cid {}", header.cid());
        println!("previous {}", header.previous);
        println!("time {}", header.time);
        println!("first {}", block.first);
        println!("log_size {}", header.log_size);
        println!("log_root {}", header.log_root);
        println!("state_root {}", header.state_root);
    }
    for (index, tx) in answer.transactions() {
        println!("transaction {index}");
        if let Some(block) = answer.block_of(index) {
            println!("height {}", block.header.height);
            println!("time {}", block.header.time);
        }
        transaction(tx);
    }
    note(answer.checkpoint());
}

fn transaction(tx: &Transaction) {
    let body = tx.body();
    println!("id {}", tx.id());
    println!("cid {}", tx.cid());
    println!("kind {}", body.kind());
    println!("sender {}", tx.sender());
    println!("sequence {}", tx.sequence());
    fact("share_id", body.share_id());
    fact("member", body.member());
    for receiver in body.receivers() {
        println!("receiver {receiver}");
    }
    let (content, text) = match body {
        Body::Share(share) => (Some(share.content), share.description.as_deref()),
        Body::Grant(grant) => (Some(grant.content), None),
        Body::Enroll(enroll) => (enroll.cert, enroll.name.as_deref()),
        Body::RotateKey(rotate) => (rotate.cert, None),
        Body::Reject(reject) => (None, reject.reason.as_deref()),
        _ => (None, None),
    };
    fact("content", content);
    hex("text", text);
}

fn fact(name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        println!("{name} {value}");
    }
}

fn hex(name: &str, text: Option<&str>) {
    if let Some(text) = text {
        let mut digits = String::with_capacity(2 * text.len());
        for byte in text.bytes() {
            // into memory: never fails
            let _ = write!(digits, "{byte:02x}");
        }
        println!("{name} {digits}");
    }
}

fn head(header: &Header) {
    println!("size {}", header.log_size);
    println!("head {}", header.height);
    println!("time {}", header.time);
}

fn note(checkpoint: &Checkpoint) {
    println!("note");
    print!("{}", checkpoint.note());
}

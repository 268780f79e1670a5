//! `medshare`: sends a medical image over storage and a network that nobody has to trust, and proves at the
//! other end that it is the image that was sent.
//!
//! Only composition lives here: what a command does is one short file in `command/`, and what it does it with
//! is in the crates.

mod answer;
mod blocks;
mod command;
mod demo;
mod draft;
mod file;
mod home;
mod lab;
mod output;
mod passphrase;
mod pixels;
mod share;
mod temporary;
mod ways;
mod witnesses;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Command;
use crate::output::Output;

/// Sends a medical image over storage and a network that nobody has to trust.
///
/// The patient's description is hidden in the image, the image is signed and sealed for its receivers, stored under
/// its IPFS content identifier and recorded on a ledger. A receiver verifies all of it and gets the original file
/// back, byte for byte, or nothing.
#[derive(Debug, Parser)]
#[command(name = "medshare", version, after_long_help = AFTER_HELP, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print JSON on stdout in place of text: one object, and with `log --follow` one for each event.
    #[arg(long, global = true)]
    json: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done or verified, 1 error, 2 usage, 3 rejected.";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(if cli.json {
        output::Format::Json
    } else {
        output::Format::Text
    });
    match cli.command.run(&output) {
        Ok(outcome) => output.finish(&outcome),
        Err(error) => output.fail(&error),
    }
}

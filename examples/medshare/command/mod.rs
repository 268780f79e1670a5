//! The subcommands, one file each: its arguments (their doc comment is the help) and `run`.

use clap::Subcommand;

use crate::output::{Outcome, Output};

/// A subcommand: one variant, one module, one arm of [`Command::run`].
#[derive(Debug, Subcommand)]
pub(crate) enum Command {}

impl Command {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        let _ = output;
        match *self {}
    }
}

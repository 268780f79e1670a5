//! The subcommands, one file each: its arguments (their doc comment is the help) and `run`.

mod capacity;
mod compare;
mod detect;
mod extract;
mod hide;

use clap::Subcommand;

use crate::output::{Outcome, Output};

/// A subcommand: one variant, one module, one arm of [`Command::run`].
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Capacity(capacity::Args),
    Hide(hide::Args),
    Extract(extract::Args),
    Compare(compare::Args),
    Detect(detect::Args),
}

impl Command {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Capacity(args) => args.run(output),
            Self::Hide(args) => args.run(output),
            Self::Extract(args) => args.run(output),
            Self::Compare(args) => args.run(output),
            Self::Detect(args) => args.run(output),
        }
    }
}

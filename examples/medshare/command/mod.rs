//! The subcommands, one file each: its arguments (their doc comment is the help) and `run`.

mod add;
mod approve;
mod capacity;
mod car;
mod cat;
mod cert;
mod check_proof;
mod compare;
mod demo;
mod detect;
mod doctor;
mod enroll;
mod extract;
mod gc;
mod get;
mod grant;
mod hide;
mod init;
mod keeper;
mod key;
pub(crate) mod lab;
mod ledger;
mod log;
mod ls;
mod members;
mod node;
mod open;
mod pin;
mod prove;
mod receive;
mod reject;
mod revoke;
mod revoke_member;
mod rotate_key;
mod seal;
mod share;
mod verify;
mod withdraw;

use clap::Subcommand;

use crate::output::{Outcome, Output};

/// A subcommand: one variant, one module, one arm of [`Command::run`].
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Cert(cert::Args),
    Enroll(enroll::Args),
    Approve(approve::Args),
    RevokeMember(revoke_member::Args),
    RotateKey(rotate_key::Args),
    Members(members::Args),
    Share(share::Args),
    Receive(receive::Args),
    Grant(grant::Args),
    Verify(verify::Args),
    Log(log::Args),
    Reject(reject::Args),
    Revoke(revoke::Args),
    Withdraw(withdraw::Args),
    Capacity(capacity::Args),
    Hide(hide::Args),
    Extract(extract::Args),
    Compare(compare::Args),
    Seal(seal::Args),
    Open(open::Args),
    Key(key::Args),
    Detect(detect::Args),
    Add(add::Args),
    Cat(cat::Args),
    Get(get::Args),
    Ls(ls::Args),
    Pin(pin::Args),
    Gc(gc::Args),
    Car(car::Args),
    Doctor(doctor::Args),
    Node(node::Args),
    Ledger(ledger::Args),
    Prove(prove::Args),
    CheckProof(check_proof::Args),
    Lab(lab::Args),
}

impl Command {
    pub(crate) fn run(&self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Demo(args) => args.run(output),
            Self::Init(args) => args.run(output),
            Self::Cert(args) => args.run(output),
            Self::Enroll(args) => args.run(output),
            Self::Approve(args) => args.run(output),
            Self::RevokeMember(args) => args.run(output),
            Self::RotateKey(args) => args.run(output),
            Self::Members(args) => args.run(output),
            Self::Share(args) => args.run(output),
            Self::Receive(args) => args.run(output),
            Self::Grant(args) => args.run(output),
            Self::Verify(args) => args.run(output),
            Self::Log(args) => args.run(output),
            Self::Reject(args) => args.run(output),
            Self::Revoke(args) => args.run(output),
            Self::Withdraw(args) => args.run(output),
            Self::Capacity(args) => args.run(output),
            Self::Hide(args) => args.run(output),
            Self::Extract(args) => args.run(output),
            Self::Compare(args) => args.run(output),
            Self::Seal(args) => args.run(output),
            Self::Open(args) => args.run(output),
            Self::Key(args) => args.run(output),
            Self::Detect(args) => args.run(output),
            Self::Add(args) => args.run(output),
            Self::Cat(args) => args.run(output),
            Self::Get(args) => args.run(output),
            Self::Ls(args) => args.run(output),
            Self::Pin(args) => args.run(output),
            Self::Gc(args) => args.run(output),
            Self::Car(args) => args.run(output),
            Self::Doctor(args) => args.run(output),
            Self::Node(args) => args.run(output),
            Self::Ledger(args) => args.run(output),
            Self::Prove(args) => args.run(output),
            Self::CheckProof(args) => args.run(output),
            Self::Lab(args) => args.run(output),
        }
    }
}

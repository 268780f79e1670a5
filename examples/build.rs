//! Says which compiler and which commit a program is of, for reports that somebody wants to get again. Changes that were
//! not committed are not seen.

#![allow(
    clippy::print_stdout,
    reason = "Cargo reads what a build script prints"
)]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = said(&compiler, &["--version"]);
    // Every commit and every checkout appends a line to it; outside of a repository there is none.
    if let Some(log) = said("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = said("git", &["rev-parse", "HEAD"]);
    for (name, value) in [("MEDSHARE_COMPILER", version), ("MEDSHARE_COMMIT", commit)] {
        println!(
            "cargo::rustc-env={name}={}",
            value.as_deref().unwrap_or("unknown")
        );
    }
}

/// The first line that a program prints, if it ends well.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.to_owned();
    output.status.success().then_some(line)
}

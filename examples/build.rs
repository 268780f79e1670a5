//! Says which compiler and which commit a program is of, for reports that somebody wants to get again, and whether sources
//! were changed since.

#![allow(
    clippy::print_stdout,
    reason = "Cargo reads what a build script prints"
)]

use std::process::Command;

fn main() {
    for sources in SOURCES {
        println!("cargo::rerun-if-changed={sources}");
    }
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = said(&compiler, &["--version"]);
    // Every commit and every checkout appends a line to it; outside of a repository there is none.
    if let Some(log) = said("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let mut commit = said("git", &["rev-parse", "HEAD"]);
    // A file that git does not know is of no program unless one that it knows was changed.
    let mut words = vec!["status", "--porcelain", "--untracked-files=no", "--"];
    words.extend(SOURCES);
    if let (Some(commit), Some(_)) = (&mut commit, said("git", &words)) {
        commit.push_str("-dirty");
    }
    for (name, value) in [("MEDSHARE_COMPILER", version), ("MEDSHARE_COMMIT", commit)] {
        println!(
            "cargo::rustc-env={name}={}",
            value.as_deref().unwrap_or("unknown")
        );
    }
}

/// What a program is made of.
const SOURCES: [&str; 4] = [".", "../crates", "../Cargo.toml", "../Cargo.lock"];

/// The first line that a program prints, if it ends well.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.to_owned();
    output.status.success().then_some(line)
}

//! A contract on Ethereum that keeps the same records, what the paper's authors used later: on anvil, in memory.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::Source;

/// The ledger records for two seconds before and after, one durable commit each.
pub(super) fn anvil() -> Result<()> {
    if Command::new("npm").arg("--version").output().is_err() {
        return not_measured("it comes with npm, which is not installed");
    }
    let folder = tempfile::tempdir_in(".")?;
    let (mut source, node) = Source::new(folder.path())?;
    let mut alone = || -> Result<f64> {
        let (start, mut count) = (Instant::now(), 0.0);
        while start.elapsed().as_secs() < 2 {
            node.submit(&source.sign(&node, 1)[0])?;
            count += 1.0;
        }
        Ok(count / start.elapsed().as_secs_f64())
    };
    let before = alone()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/anvil/run");
    let output = match Command::new("bash").arg(script).output() {
        Ok(output) if output.status.success() => output,
        // it installs from the network, which may not be there
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let error = said.lines().find(|line| line.contains("Error: "));
            return not_measured(error.unwrap_or(said.trim()));
        }
        Err(error) => return not_measured(&format!("bash: {error}")),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    let ours = f64::midpoint(before, alone()?);
    let rate = text
        .split_once("clients")
        .and_then(|(_, rest)| rest.split_once("/s"));
    let (theirs, _) = rate.context("its rate with one client")?;
    let theirs: f64 = theirs.trim().parse()?;
    println!(
        "anvil/1 clients           the ledger alone {ours:.0}/s, each signed, durable and proven: {:.1} times as many",
        ours / theirs
    );
    Ok(())
}

fn not_measured(reason: &str) -> Result<()> {
    println!("anvil                     not measured: {reason}");
    Ok(())
}

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::json;

use crate::demo::{Shared, World, attack};
use crate::file;
use crate::output::{Outcome, Output, size, time};
use crate::pixels;

/// Shows everything at work in a temporary home, without server or network: shares images, then attacks the shares.
///
/// Exits with 0 only when every true share is verified and restored bit for bit, and every attack is rejected at its step.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// DICOM, PNG or TIFF files; without one, a CT slice, an MR slice and a drawn PNG that come with the program.
    files: Vec<PathBuf>,
}

/// The images that come with the program; see `examples/data/README.md`.
const BUILT_IN: [(&str, &[u8]); 3] = [
    ("CT_small.dcm", include_bytes!("../../data/CT_small.dcm")),
    (
        "MR_small_implicit.dcm",
        include_bytes!("../../data/MR_small_implicit.dcm"),
    ),
    ("phantom.png", include_bytes!("../../data/phantom.png")),
];

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let images = self.images()?;
        let world = World::new()?;
        output.line("Four people, one ledger and one block store in a temporary directory; no server, no network.");
        for (person, part) in [
            (&world.city, "authority of the ledger"),
            (&world.alice, "sender"),
            (&world.bob, "receiver"),
            (&world.mallory, "stranger: a member too, but not named"),
        ] {
            output.line(format_args!(
                "  {:8} {} ({part})",
                person.name, person.address
            ));
        }

        let mut failures = Vec::new();
        let mut results = Vec::new();
        for (name, bytes) in images {
            let shared = share(&world, &name, bytes, output)?;
            let attacks = attacks(&world, &shared, output, &mut failures)?;
            results.push(json!({
                "file": name,
                "share_id": shared.draft.share_id.to_string(),
                "cid": shared.root.cid.to_string(),
                "height": shared.height.0,
                "scheme": shared.concealed.record.image.scheme.to_string(),
                "verdict": "verified",
                "restored": true,
                "attacks": attacks,
            }));
        }
        if !failures.is_empty() {
            bail!("not as it must be: {}", failures.join("; "));
        }
        output.line("");
        output.line("Every true share was verified and restored bit for bit; every attack was rejected at its step.");
        Ok(Outcome::done(json!({ "shares": results })))
    }

    fn images(&self) -> Result<Vec<(String, Vec<u8>)>> {
        if self.files.is_empty() {
            return Ok(BUILT_IN
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
                .collect());
        }
        let read = |path: &PathBuf| {
            let name = path.file_name().map_or_else(
                || path.display().to_string(),
                |name| name.to_string_lossy().into_owned(),
            );
            Ok((name, file::read(Path::new(path), pixels::LIMIT)?))
        };
        self.files.iter().map(read).collect()
    }
}

/// Shares one image, receives it, and compares.
fn share(world: &World, name: &str, bytes: Vec<u8>, output: &Output) -> Result<Shared> {
    let shared = world.share(name, bytes)?;
    let picture = &shared.picture;
    output.line("");
    output.line(format_args!(
        "{name}: {}, {}",
        picture.summary(),
        size(picture.bytes().len() as u64)
    ));
    let times = shared.times;
    output.line(format_args!(
        "  hidden    {} of description and binding, {} ({})",
        size(shared.concealed.payload_len as u64),
        shared.concealed.record.image.scheme,
        time(times.hide)
    ));
    output.line(format_args!(
        "  sealed    {} for {} ({})",
        size(shared.sealed_bytes),
        world.bob.name,
        time(times.seal)
    ));
    output.line(format_args!(
        "  stored    {} ({})",
        shared.root.cid,
        time(times.store)
    ));
    output.line(format_args!(
        "  recorded  share {} in block {} ({})",
        shared.draft.share_id,
        shared.height,
        time(times.record)
    ));
    let start = std::time::Instant::now();
    let bundle = world.prove(&shared.draft.share_id)?;
    let verified = world.verify(&world.bob, &shared.draft.share_id, &bundle, |check| {
        output.line(format_args!("  {check}"));
    });
    let verified = match verified {
        Ok(verified) => verified,
        Err(rejected) => bail!(
            "{name}: the true share was rejected at {}: {rejected}",
            rejected.step()
        ),
    };
    if verified.original() != picture.bytes() {
        bail!("{name}: what was restored is not what was sent");
    }
    output.line(format_args!(
        "  verified and restored: all {} bytes as they were sent ({})",
        verified.original().len(),
        time(start.elapsed())
    ));
    Ok(shared)
}

/// Attacks the share in every way of the list.
fn attacks(
    world: &World,
    shared: &Shared,
    output: &Output,
    failures: &mut Vec<String>,
) -> Result<Vec<serde_json::Value>> {
    output.line("  attacks:");
    let mut results = Vec::new();
    for attack in attack::ALL {
        let verdict = (attack.run)(world, shared)?;
        let (step, reason) = match &verdict {
            Ok(_) => (None, "ACCEPTED".to_owned()),
            Err(rejected) => (Some(rejected.step().number()), rejected.to_string()),
        };
        let as_expected = step == Some(attack.step.number());
        if !as_expected {
            failures.push(format!(
                "{} (expected a rejection at step {}, found {step:?}: {reason})",
                attack.name,
                attack.step.number()
            ));
        }
        output.line(format_args!(
            "    {:62} {}: {reason}",
            attack.name,
            match step {
                Some(step) => format!("rejected at step {step}"),
                None => "NOT REJECTED".to_owned(),
            },
        ));
        results.push(json!({
            "attack": attack.name,
            "expected_step": attack.step.number(),
            "step": step,
            "reason": reason,
        }));
    }
    Ok(results)
}

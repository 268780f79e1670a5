//! What a ledger takes as it grows: time, memory, bytes on the disk, and what a bundle and its check cost.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use ledger_core::testing::{Person, share_id};
use ledger_core::{Checkpoint, Transaction, Trust, Witness, signed_digest, verify};
use ledger_node::{Node, Opening};

use super::{ENROLLED, Source, median, seconds};

/// Each power of ten in a process of its own, which ends as a killed one does. So the ledger is opened again where it lies: the
/// disk may have no room for a copy. In the folder `GROWTH_IN` it stays, and is measured again without being filled again.
pub(super) fn growth() -> Result<()> {
    let last: u32 = env::var("GROWTH")
        .ok()
        .and_then(|last| last.parse().ok())
        .unwrap_or(6);
    let passing = tempfile::tempdir_in(".")?;
    let folder = env::var_os("GROWTH_IN").map_or_else(|| passing.path().into(), PathBuf::from);
    let file = folder.join("ledger");
    if !file.exists() {
        drop(Source::new(&folder)?);
    }
    let there = Node::open(&file)?.head()?.log_size - ENROLLED;
    for power in 4..=last {
        let count = 10_u64.pow(power);
        if count < there {
            continue;
        }
        let grown = Command::new(env::current_exe()?)
            .args([GROW, &count.to_string()])
            .arg(&file)
            .status()?;
        ensure!(grown.success(), "10^{power} are recorded");
        let start = Instant::now();
        let node = Node::open(&file)?;
        let after_kill = start.elapsed();
        let logged = node.head()?.log_size;
        ensure!(logged == ENROLLED + count, "everything is there");
        let (chain, start) = (node.chain(), Instant::now());
        drop(node);
        let closed = start.elapsed();
        let start = Instant::now();
        let node = Node::open_with(&file, Opening::new().chain(chain))?;
        let opened = start.elapsed();
        drop(node);
        println!(
            "growth/10^{power}  opened in {:5.0} ms, after a kill {:5.0} ms, closed in {:5.0} ms  {:5.0} bytes on disk each",
            opened.as_secs_f64() * 1e3,
            after_kill.as_secs_f64() * 1e3,
            closed.as_secs_f64() * 1e3,
            fs::metadata(&file)?.len() as f64 / count as f64,
        );
        // what takes half an hour is not measured
        if power < 7 {
            let checked = Command::new(env::current_exe()?)
                .arg(CHECK)
                .arg(&file)
                .status()?;
            ensure!(checked.success(), "10^{power} are verified");
        }
    }
    Ok(())
}

/// The process that computes a chain again: the ledger's file.
pub(super) const CHECK: &str = "growth-check";

/// Computes every block again, in a temporary file beside the ledger.
pub(super) fn check(file: &Path) -> Result<()> {
    let node = Node::open(file)?;
    let start = Instant::now();
    let audit = node.verify_chain(|_, _| {})?;
    println!(
        "growth/{:<8} verified from the genesis in {:4.0} us each, memory {:4} MB at the most",
        audit.transactions,
        start.elapsed().as_secs_f64() / audit.transactions as f64 * 1e6,
        memory("VmHWM:")? >> 20,
    );
    Ok(())
}

/// The process of one power: how many, and the ledger's file.
pub(super) const GROW: &str = "growth-to";

/// Fills the ledger, measures it, and ends without closing it.
pub(super) fn grow(count: u64, file: &Path) -> Result<()> {
    let node = Node::open(file)?;
    let from = node.head()?.log_size - ENROLLED;
    let mut source = Source::at(from);
    let mut spent = 0.0;
    // the last of them is the one with many receivers, below
    let few = count.saturating_sub(1);
    for at in (from..few).step_by(1000) {
        let txs = source.sign(&node, (few - at).min(1000) as usize);
        spent += seconds(|| {
            ensure!(node.submit_all(&txs)?.iter().all(Result::is_ok), "recorded");
            Ok(())
        })?;
    }
    let memory = memory("VmRSS:")?;
    let trust = Trust::new(node.log_key());
    let prove = |number: u64| -> Result<(f64, Vec<u8>)> {
        let start = Instant::now();
        let bundle = node.prove(&share_id(number))?.to_bytes();
        Ok((start.elapsed().as_secs_f64(), bundle))
    };
    // all over the ledger; before each, what one page of its file takes to read
    let anywhere = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (stored, pages) = (File::open(file)?, fs::metadata(file)?.len() / 4096);
    let mut page = [0; 4096];
    let mut read = |n: u64| {
        let at = anywhere(n + 500) % pages * 4096;
        seconds(|| Ok(stored.read_exact_at(&mut page, at)?))
    };
    let proofs = (1..=200).map(|n| Ok((read(n)?, prove(anywhere(n) % count)?)));
    let (reads, bundles): (Vec<_>, Vec<_>) =
        proofs.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let again = (1..=200).map(|n| Ok(prove(anywhere(n) % count)?.0));
    let again = again.collect::<Result<_>>()?;
    let heaviest = match from < count {
        true => heaviest(&node, &mut source)?.to_string(),
        false => "unknown".to_owned(),
    };
    // against the limit of a bundle, in turns: its two signatures, each checked by ed25519-dalek, its key's unpacking included
    let last = node.transaction(ENROLLED + count - 1)?;
    let last = last.context("a transaction")?;
    let verified = |trust: &dyn Fn() -> Trust| {
        let verified = bundles.iter().map(|(_, bundle)| {
            let trust = trust();
            seconds(|| {
                verify(bundle, &trust)?;
                Ok(())
            })
        });
        Ok::<_, anyhow::Error>(median(verified.collect::<Result<_>>()?))
    };
    // by who has seen the node's key and the sender's, and by who has not
    let round = || -> Result<[f64; 3]> {
        let known = verified(&|| trust.clone())?;
        let limit = two_signatures(&last, &source)?;
        Ok([known, limit, verified(&|| Trust::new(node.log_key()))?])
    };
    let rounds = (0..21).map(|_| round()).collect::<Result<Vec<_>>>()?;
    let [known, limit, first] =
        [0, 1, 2].map(|part| rounds.iter().map(|round| round[part]).collect::<Vec<_>>());
    let fastest = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min) * 1e6;
    println!(
        "growth/{count:<8} {:7.0}/s  proof {:6.0} us, the same again {:6.0} us, one page of the file {:3.0} us  {} bytes, {heaviest} with all that a bundle may carry, verified in {:.2} of two strict signatures, at the fastest {:.0} us ({:.0} us), at the median {:.0} us, under keys never seen {:.0} us and {:.0} us  memory {:4} MB",
        (count - from) as f64 / spent,
        median(bundles.iter().map(|(time, _)| *time).collect()) * 1e6,
        median(again) * 1e6,
        median(reads) * 1e6,
        bundles
            .iter()
            .map(|(_, bundle)| bundle.len())
            .max()
            .context("a bundle")?,
        median(
            rounds
                .iter()
                .map(|[known, limit, _]| known / limit)
                .collect()
        ),
        fastest(&known),
        fastest(&limit),
        median(known.clone()) * 1e6,
        fastest(&first),
        median(first.clone()) * 1e6,
        memory >> 20,
    );
    // neither `node` nor its threads end by themselves
    std::process::exit(0)
}

/// The bytes of a bundle for a share with eight receivers, under a checkpoint that three witnesses have cosigned and that continues an
/// older one; checked by whoever asks for all of that.
fn heaviest(node: &Node, source: &mut Source) -> Result<usize> {
    let older = Checkpoint::open(&node.checkpoint()?, &node.log_key())?;
    let id = share_id(source.next);
    let shared = source.sign_for(node, 8);
    ensure!(
        node.submit_all(&[shared])?.iter().all(Result::is_ok),
        "recorded"
    );
    let text = node.checkpoint()?;
    let (mut note, mut known) = (text.clone(), Vec::new());
    for number in 1..=3 {
        let (name, key) = (
            format!("witness-{number}.example"),
            Person::new(1000 + number).key,
        );
        let mut witness = Witness::new(&name, key, node.log_key(), None)?;
        note += &witness.cosign(&text, None, node.now())?;
        known.push(witness.key());
    }
    let bundle = node
        .view()?
        .prove(&id, note, Some(older.size()))?
        .to_bytes();
    let trust = Trust::new(node.log_key()).older(older).witnesses(known, 3);
    let receivers = verify(&bundle, &trust)?.state().receivers.len();
    ensure!(receivers == 8, "eight receivers, found {receivers}");
    Ok(bundle.len())
}

/// What ed25519-dalek takes for two strict verifications, each with the unpacking of its key: the median.
fn two_signatures(tx: &Transaction, source: &Source) -> Result<f64> {
    let sender = source
        .people
        .iter()
        .find(|person| person.address == *tx.sender());
    let key = sender.context("a sender")?.key.verifying_key().to_bytes();
    let message = signed_digest(tx.message());
    let signature = ed25519_dalek::Signature::from_bytes(tx.signature().as_bytes());
    let once = || {
        seconds(|| {
            for _ in 0..2 {
                let key = ed25519_dalek::VerifyingKey::from_bytes(std::hint::black_box(&key))?;
                key.verify_strict(&message, &signature)?;
            }
            Ok(())
        })
    };
    Ok(median((0..400).map(|_| once()).collect::<Result<_>>()?))
}

/// The resident memory of this process in bytes: now (`VmRSS:`) or at the most (`VmHWM:`).
fn memory(which: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kib: u64 = line
        .context("the memory of this process")?
        .trim()
        .trim_end_matches(" kB")
        .parse()?;
    Ok(kib << 10)
}

//! The whole path of a transaction against its signature alone, and against that and a commit of its block by redb.

use std::path::Path;
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use ledger_core::{Transaction, UnpackedKey, signed_digest};
use ledger_node::Node;
use redb::Database;

use super::{Memory, SENDERS, Source, seconds, write};

/// Groups of 100 and of 1,000.
pub(super) fn path() -> Result<()> {
    let submitters = thread::available_parallelism()?.get() + 1;
    for (group, blocks) in [(100, 360), (1000, 48)] {
        let folder = tempfile::tempdir_in(".")?;
        let (mut source, node) = Source::new(folder.path())?;
        // as in a node that runs: whoever signs often has signed before
        let earlier = source.sign(&node, (2 * SENDERS * UnpackedKey::OFTEN) as usize);
        submitted(&node, &earlier, group, submitters)?;
        let txs = source.sign(&node, group * blocks);
        let before = strict(&txs[0], &source)?;
        let ours = Spent::of(|| {
            let time = submitted(&node, &txs, group, submitters)?;
            // closing writes to the tables what is not there yet: it is part of what a transaction costs
            drop(node);
            Ok(time)
        })?;
        let after = strict(&txs[0], &source)?;
        let redb = redb_alone(&folder.path().join("redb"), group, blocks)?;
        let count = (group * blocks) as f64;
        let (rate, cpu_rate) = (count / ours.time, count / ours.cpu);
        let strict = (before.time + after.time) / 2.0;
        let cpu_strict = (before.cpu + after.cpu) / 2.0;
        let plain = 1.0 / (cpu_strict + redb.cpu / count);
        println!("path/alone/{group:<5}          {rate:8.0}/s with {submitters} submitters");
        println!(
            "path/alone/{group:<5}          {:8.2} of ed25519-dalek strict on one core ({:.0}/s)",
            rate * strict,
            1.0 / strict
        );
        println!(
            "path/alone/{group:<5}          {cpu_rate:8.0} a second of CPU, {:.2} of ed25519-dalek strict ({:.0})",
            cpu_rate * cpu_strict,
            1.0 / cpu_strict
        );
        println!(
            "path/alone/{group:<5}          {:8.2} of that and a commit of the same bytes by redb for each block ({plain:.0} a second of CPU)",
            cpu_rate / plain
        );
    }
    Ok(())
}

/// The seconds that something took, and those of all cores that this process used: on a busy machine these are what its own work costs.
struct Spent {
    time: f64,
    cpu: f64,
}

impl Spent {
    /// What something used; it returns the seconds that count.
    fn of(run: impl FnOnce() -> Result<f64>) -> Result<Self> {
        let before = cpu_seconds()?;
        let time = run()?;
        let cpu = cpu_seconds()? - before;
        Ok(Self { time, cpu })
    }
}

/// What redb takes, as it comes, for the blocks of as many transactions: computed before, and a commit each.
fn redb_alone(file: &Path, group: usize, blocks: usize) -> Result<Spent> {
    let mut memory = Memory::new();
    let batches = (0..blocks).map(|_| memory.batch(group));
    let batches = batches.collect::<Result<Vec<_>>>()?;
    let database = Database::create(file)?;
    Spent::of(|| {
        seconds(|| {
            batches
                .iter()
                .try_for_each(|batch| write(&database, batch, false))?;
            drop(database);
            Ok(())
        })
    })
}

/// Submits from bytes in groups, in so many threads, each with senders of its own: one waits for the disk while the others' signatures
/// are checked. The seconds that it took.
pub(super) fn submitted(
    node: &Node,
    txs: &[Transaction],
    group: usize,
    submitters: usize,
) -> Result<f64> {
    let mut queues = vec![Vec::new(); submitters];
    for (number, tx) in txs.iter().enumerate() {
        // a sender's transactions stay in order: they all go to one queue
        queues[number % SENDERS as usize % submitters].push(tx.to_bytes());
    }
    let submit = |queue: &[Vec<u8>]| -> Result<()> {
        for bytes in queue.chunks(group) {
            let read = bytes.iter().map(|bytes| Transaction::from_bytes(bytes));
            let outcomes = node.submit_all(&read.collect::<Result<Vec<_>, _>>()?)?;
            ensure!(outcomes.iter().all(Result::is_ok), "every one is recorded");
        }
        Ok(())
    };
    seconds(|| {
        thread::scope(|scope| {
            let threads: Vec<_> = queues
                .iter()
                .map(|queue| scope.spawn(|| submit(queue)))
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().ok().context("a submitter")?)
        })
    })
}

/// What this process has used of all cores so far, in seconds.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("the end of the name")?;
    // user and system time, in hundredths
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

/// What a strict verification takes on this thread.
fn strict(tx: &Transaction, source: &Source) -> Result<Spent> {
    const TIMES: f64 = 8000.0;
    let sender = source
        .people
        .iter()
        .find(|person| person.address == *tx.sender());
    let key = sender.context("a sender")?.key.verifying_key();
    let message = signed_digest(tx.message());
    let signature = ed25519_dalek::Signature::from_bytes(tx.signature().as_bytes());
    let all = Spent::of(|| {
        seconds(|| {
            for _ in 0..TIMES as usize {
                key.verify_strict(&message, &signature)?;
            }
            Ok(())
        })
    })?;
    Ok(Spent {
        time: all.time / TIMES,
        cpu: all.cpu / TIMES,
    })
}

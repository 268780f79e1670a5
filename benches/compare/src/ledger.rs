//! The ledger against its limits and its peers, in one run: `cargo run --release --features ledger --bin ledger [-- PART]`.
//!
//! Parts: `commits` (one submitter against redb's own commits of the same bytes), `path` (decode, verify, apply, log, state,
//! commit, against Ed25519 alone, and with it redb's commit of each block; under `taskset -c 0` for one core), `signatures` (each way to check one), `growth` (proofs, opening, verifying, memory and bytes at 10^4,
//! 10^5, … transactions; `GROWTH=7` goes to 10^7), `http` (saturation against the path in process, one by one and in batches, latency at half of it, and
//! both against a server that only syncs, a sync and arithmetic alone),
//! `postgres` (the same records with an index and a commit each; needs Debian's postgresql), `anvil` (the same records in a contract on
//! Ethereum; needs npm and a network). Without a part: all, this one last.

use std::path::Path;
use std::time::Instant;
use std::{env, thread};

use anyhow::{Context, Result, ensure};
use ledger_core::store::{Batch, MemoryStore, Table};
use ledger_core::testing::{Chain, Person, share};
use ledger_core::{Transaction, Unsigned};
use ledger_node::{Founding, Node};
use redb::{Database, TableDefinition};

#[path = "ledger/anvil.rs"]
mod anvil;
#[path = "ledger/growth.rs"]
mod growth;
#[path = "ledger/http.rs"]
mod http;
#[path = "ledger/path.rs"]
mod path;
#[path = "ledger/postgres.rs"]
mod postgres;
#[path = "ledger/signatures.rs"]
mod signatures;
#[path = "ledger/slowness.rs"]
mod slowness;
#[path = "ledger/syncing.rs"]
mod syncing;

/// Members that send, each with a sequence of its own.
const SENDERS: u32 = 128;

/// The members that the first one enrolled.
const ENROLLED: u64 = SENDERS as u64 - 1;

/// What is measured, by its name on the command line.
type Part = (&'static str, fn() -> Result<()>);

fn main() -> Result<()> {
    let part = env::args().nth(1);
    if part.as_deref() == Some(growth::GROW) {
        let mut args = env::args().skip(2);
        let count = args.next().context("how many")?.parse()?;
        return growth::grow(count, Path::new(&args.next().context("a file")?));
    }
    if part.as_deref() == Some(growth::CHECK) {
        return growth::check(Path::new(&env::args().nth(2).context("a file")?));
    }
    let cores = thread::available_parallelism()?;
    println!("cores {cores}");
    let parts: [Part; 7] = [
        ("signatures", signatures::signatures),
        ("commits", commits),
        ("path", path::path),
        ("http", http::http),
        ("postgres", postgres::postgres),
        ("growth", growth::growth),
        // last: it installs from the network
        ("anvil", anvil::anvil),
    ];
    for (name, run) in parts {
        if part.as_deref().is_none_or(|part| part == name) {
            run()?;
        }
    }
    Ok(())
}

/// The transactions that come next.
struct Source {
    people: Vec<Person>,
    sequences: Vec<u64>,
    next: u64,
}

impl Source {
    /// Founds a ledger in a folder, and enrolls everybody.
    fn new(folder: &Path) -> Result<(Self, Node)> {
        let founding = Founding::new("compare", Person::new(0).authority());
        let node = Node::found(&folder.join("ledger"), founding)?;
        let source = Self::at(0);
        let enroll = (0..)
            .zip(source.people.iter().skip(1))
            .map(|(sequence, person)| {
                sign(&node, &source.people[0], sequence, person.enrollment())
            });
        let enrolled = node.submit_all(&enroll.collect::<Vec<_>>())?;
        ensure!(enrolled.iter().all(Result::is_ok), "everybody is enrolled");
        Ok((source, node))
    }

    /// After so many.
    fn at(next: u64) -> Self {
        let people: Vec<_> = (0..SENDERS).map(Person::new).collect();
        let senders = u64::from(SENDERS);
        let mut sequences: Vec<_> = (0..senders)
            .map(|at| next / senders + u64::from(at < next % senders))
            .collect();
        sequences[0] += ENROLLED;
        Self {
            people,
            sequences,
            next,
        }
    }

    fn sign(&mut self, node: &Node, count: usize) -> Vec<Transaction> {
        (0..count).map(|_| self.sign_for(node, 1)).collect()
    }

    /// The next one, for so many receivers.
    fn sign_for(&mut self, node: &Node, receivers: usize) -> Transaction {
        let at = (self.next % u64::from(SENDERS)) as usize;
        let others = self.people.iter().cycle().skip(at + 1);
        let body = share(self.next, &others.take(receivers).collect::<Vec<_>>());
        let tx = sign(node, &self.people[at], self.sequences[at], body);
        self.sequences[at] += 1;
        self.next += 1;
        tx
    }
}

fn sign(node: &Node, sender: &Person, sequence: u64, body: ledger_core::Body) -> Transaction {
    Unsigned::new(node.chain(), sender.address, sequence, node.now(), body).sign(&sender.key)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn seconds(run: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    run()?;
    Ok(start.elapsed().as_secs_f64())
}

// ---- one submitter against redb

fn commits() -> Result<()> {
    const ROUNDS: usize = 400;
    let folder = tempfile::tempdir_in(".")?;
    let (mut source, node) = Source::new(folder.path())?;
    // what the ledger writes for such a transaction, written by redb alone
    let mut memory = Memory::new();
    let databases = [true, false].map(|two_phases| {
        let file = folder.path().join(format!("redb-{two_phases}"));
        Database::create(file).map(|database| (database, two_phases))
    });
    let mut ratios = [Vec::new(), Vec::new()];
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let txs = source.sign(&node, 1);
        let batch = memory.batch(1)?;
        let ours = seconds(|| Ok(node.submit(&txs[0]).map(|_| ())?))?;
        for (database, ratios) in databases.iter().zip(&mut ratios) {
            let (database, two_phases) = database.as_ref().ok().context("a database")?;
            let theirs = seconds(|| write(database, &batch, *two_phases))?;
            ratios.push(theirs / ours);
        }
        times.push(ours);
    }
    let [quick, plain] = ratios.map(median);
    println!("commits/alone/1           {:8.0}/s", 1.0 / median(times));
    println!("commits/alone/1           {quick:8.2} of redb with quick repair, same bytes");
    println!("commits/alone/1           {plain:8.2} of redb without quick repair, same bytes");
    Ok(())
}

/// The ledger in memory, for the bytes of its batches.
struct Memory {
    chain: Chain<MemoryStore>,
    next: u64,
}

impl Memory {
    fn new() -> Self {
        let chain = Chain::new(SENDERS - 1);
        Self { chain, next: 0 }
    }

    /// Of a block of so many.
    fn batch(&mut self, count: usize) -> Result<Batch> {
        let mut staged = self.chain.ledger.begin(self.chain.time)?;
        for _ in 0..count {
            let (sequence, sender) = (self.next / ENROLLED, self.next % ENROLLED);
            let sender = Person::new(1 + sender as u32);
            let body = share(self.next, &[&Person::new(1)]);
            staged.apply(&self.chain.sign_as(&sender, sequence, body))?;
            self.next += 1;
        }
        let block = staged.finish()?;
        self.chain.ledger.commit(&block)?;
        Ok(block.batch)
    }
}

fn write(database: &Database, batch: &Batch, two_phases: bool) -> Result<()> {
    let name = |table: Table| TableDefinition::<&[u8], &[u8]>::new(table.name());
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(two_phases);
    for (table, changes) in batch.changes() {
        let mut entries = transaction.open_table(name(table))?;
        for (key, value) in changes {
            match value {
                Some(value) => drop(entries.insert(key, value)?),
                None => drop(entries.remove(key)?),
            }
        }
    }
    Ok(transaction.commit()?)
}

//! Benchmarks of ledger-core and ledger-node: durable appends beside redb's own commits of the same bytes, the whole path
//! beside its signatures alone, proofs made and verified.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use ledger_core::store::{Batch, Table};
use ledger_core::testing::{Person, share, share_id};
use ledger_core::{Ledger, Transaction, Trust, Unsigned, verify};
use ledger_node::{Founding, Node};
use redb::{Database, TableDefinition};

/// Members that send in turn.
const SENDERS: u32 = 10;

/// Registers the benchmarks of this module.
pub(crate) fn define(c: &mut Criterion) {
    signatures(c);
    for group in [1, 100, 1000] {
        append(c, group);
    }
    proofs(c);
}

/// A node with members, and the numbers of the next shares.
struct Source {
    node: Node,
    people: Vec<Person>,
    next: u64,
}

impl Source {
    fn new(folder: &Path) -> Self {
        let people: Vec<_> = (0..SENDERS).map(Person::new).collect();
        let founding = Founding::new("bench", Person::new(0).authority());
        let node = Node::found(&folder.join("ledger"), founding).expect("a new file");
        for person in people.iter().skip(1) {
            let authority = Person::new(0);
            let sequence = node.next_sequence(&authority.address).expect("a member");
            let tx = Unsigned::new(
                node.chain(),
                authority.address,
                sequence,
                node.now(),
                person.enrollment(),
            );
            node.submit(&tx.sign(&authority.key))
                .expect("the rules allow it");
        }
        Self {
            node,
            people,
            next: 0,
        }
    }

    /// The next shares, signed.
    fn sign(&mut self, count: usize) -> Vec<Transaction> {
        let mut sequences: Vec<_> = self
            .people
            .iter()
            .map(|p| self.node.next_sequence(&p.address).expect("a member"))
            .collect();
        let now = self.node.now();
        (0..count)
            .map(|_| {
                let at = usize::try_from(self.next % u64::from(SENDERS)).expect("few senders");
                let (sender, sequence) = (&self.people[at], &mut sequences[at]);
                let body = share(self.next, &[&self.people[(at + 1) % self.people.len()]]);
                let tx = Unsigned::new(self.node.chain(), sender.address, *sequence, now, body)
                    .sign(&sender.key);
                (self.next, *sequence) = (self.next + 1, *sequence + 1);
                tx
            })
            .collect()
    }
}

/// The limit: one strict verification of a transaction's signature, and reading it before.
fn signatures(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let tx = Source::new(folder.path()).sign(1).pop().expect("one");
    let (bytes, key) = (tx.to_bytes(), Person::new(0).public_key());
    let mut group = c.benchmark_group("ledger");
    group.throughput(Throughput::Elements(1));
    group.bench_function("verify/ed25519_strict/1", |b| {
        b.iter(|| {
            black_box(&tx)
                .verify_signature(black_box(&key))
                .expect("it holds");
        });
    });
    group.bench_function("decode/transaction/1", |b| {
        b.iter(|| {
            assert_eq!(
                Transaction::from_bytes(black_box(&bytes))
                    .expect("canonical")
                    .sequence(),
                tx.sequence()
            );
        });
    });
    group.finish();
}

/// Durable appends of whole blocks: decode, verify, apply, log, state, commit; and redb's commits of the same bytes.
fn append(c: &mut Criterion, count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut source = Source::new(folder.path());
    let mut group = c.benchmark_group("ledger");
    group
        .throughput(Throughput::Elements(u64::try_from(count).expect("small")))
        .sample_size(20);
    group.bench_function(format!("append/alone/{count}"), |b| {
        b.iter_custom(|rounds| {
            timed(
                rounds,
                |source: &mut Source| source.sign(count),
                &mut source,
                |source, txs| {
                    let bytes: Vec<_> = txs.iter().map(Transaction::as_bytes).collect();
                    let read = bytes
                        .iter()
                        .map(|bytes| Transaction::from_bytes(bytes).expect("canonical"));
                    let outcomes = source
                        .node
                        .submit_all(&read.collect::<Vec<_>>())
                        .expect("durable");
                    assert!(outcomes.iter().all(Result::is_ok));
                },
            )
        });
    });
    for (name, two_phases) in [("redb", true), ("redb_one_phase", false)] {
        let file = folder.path().join(name);
        let database = Database::create(&file).expect("a new file");
        let mut memory = Blocks::new();
        group.bench_function(format!("append/{name}/{count}"), |b| {
            b.iter_custom(|rounds| {
                timed(
                    rounds,
                    |memory: &mut Blocks| memory.batch(count),
                    &mut memory,
                    |_, batch| {
                        commit(&database, &batch, two_phases);
                    },
                )
            });
        });
    }
    group.finish();
}

/// Times `run` alone, not the making of its input.
fn timed<S, I>(
    rounds: u64,
    mut make: impl FnMut(&mut S) -> I,
    state: &mut S,
    mut run: impl FnMut(&mut S, I),
) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..rounds {
        let input = make(state);
        let start = Instant::now();
        run(state, input);
        total += start.elapsed();
    }
    total
}

/// What the ledger would write, made in memory.
struct Blocks {
    ledger: Ledger<ledger_core::store::MemoryStore>,
    next: u64,
}

impl Blocks {
    fn new() -> Self {
        let chain = ledger_core::testing::Chain::new(SENDERS - 1);
        Self {
            ledger: chain.ledger,
            next: 0,
        }
    }

    fn batch(&mut self, count: usize) -> Batch {
        let mut staged = self.ledger.begin(0).expect("memory");
        for _ in 0..count {
            let sender = Person::new(u32::try_from(self.next % u64::from(SENDERS)).expect("few"));
            let member = self
                .ledger
                .view()
                .and_then(|view| view.member(&sender.address))
                .expect("memory");
            let sequence = member.map_or(0, |member| member.sequence) + within(self.next, count);
            let body = share(self.next, &[&Person::new(1)]);
            let tx = Unsigned::new(
                self.ledger.chain(),
                sender.address,
                sequence,
                staged.time(),
                body,
            );
            staged
                .apply(&tx.sign(&sender.key))
                .expect("the rules allow it");
            self.next += 1;
        }
        let block = staged.finish().expect("memory");
        self.ledger.commit(&block).expect("memory");
        block.batch
    }
}

/// How many transactions of the same sender come before this one in its block.
fn within(number: u64, count: usize) -> u64 {
    number % u64::try_from(count).expect("small") / u64::from(SENDERS)
}

fn commit(database: &Database, batch: &Batch, two_phases: bool) {
    let name = |table: Table| TableDefinition::<&[u8], &[u8]>::new(table.name());
    let mut transaction = database.begin_write().expect("redb");
    transaction.set_quick_repair(two_phases);
    for (table, changes) in batch.changes() {
        let mut entries = transaction.open_table(name(table)).expect("redb");
        for (key, value) in changes {
            match value {
                Some(value) => drop(entries.insert(key, value).expect("redb")),
                None => drop(entries.remove(key).expect("redb")),
            }
        }
    }
    transaction.commit().expect("redb");
}

/// A proof made, and verified, at 2,000 shares.
fn proofs(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut source = Source::new(folder.path());
    for _ in 0..2 {
        let txs = source.sign(1000);
        source.node.submit_all(&txs).expect("durable");
    }
    let trust = Trust::new(source.node.log_key());
    let bundle = source
        .node
        .prove(&share_id(1000))
        .expect("recorded")
        .to_bytes();
    let mut group = c.benchmark_group("ledger");
    group.bench_function("prove/bundle/2000", |b| {
        b.iter(|| {
            assert_eq!(
                source
                    .node
                    .prove(&share_id(1000))
                    .expect("recorded")
                    .to_bytes()
                    .len(),
                bundle.len()
            );
        });
    });
    group.bench_function("verify/bundle/2000", |b| {
        b.iter(|| {
            assert_eq!(
                verify(black_box(&bundle), &trust)
                    .expect("it holds")
                    .share_id(),
                &share_id(1000)
            );
        });
    });
    group.finish();
}

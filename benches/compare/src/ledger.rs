//! The ledger against its limits and its peers, in one run: `cargo run --release --features ledger --bin ledger [-- PART]`.
//!
//! Parts: `commits` (one submitter against redb's own commits of the same bytes), `path` (decode, verify, apply, log, state,
//! commit, against Ed25519 alone; under `taskset -c 0` for one core), `signatures` (each way to check one), `growth` (proofs, opening, memory and bytes at 10^4,
//! 10^5, … transactions; `GROWTH=7` goes to 10^7), `http` (saturation against the path in process, latency at half of it, and
//! both against a server that only syncs, a sync and arithmetic alone),
//! `postgres` (the same records with an index and a commit each; needs Debian's postgresql). Without a part: all.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context, Result, ensure};
use ledger_core::store::{Batch, MemoryStore, Table};
use ledger_core::testing::{Chain, Person, share};
use ledger_core::{Transaction, Unsigned, signed_digest};
use ledger_node::http::{Server, Settings};
use ledger_node::{Founding, Node};
use redb::{Database, TableDefinition};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[path = "ledger/growth.rs"]
mod growth;
#[path = "ledger/signatures.rs"]
mod signatures;
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
    let cores = thread::available_parallelism()?;
    println!("cores {cores}");
    let parts: [Part; 6] = [
        ("signatures", signatures::signatures),
        ("commits", commits),
        ("path", path),
        ("http", http),
        ("postgres", postgres),
        ("growth", growth::growth),
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
        (0..count)
            .map(|_| {
                let at = (self.next % u64::from(SENDERS)) as usize;
                let receiver = &self.people[(at + 1) % self.people.len()];
                let body = share(self.next, &[receiver]);
                let tx = sign(node, &self.people[at], self.sequences[at], body);
                self.sequences[at] += 1;
                self.next += 1;
                tx
            })
            .collect()
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
        let batch = memory.batch()?;
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

    fn batch(&mut self) -> Result<Batch> {
        let sender = Person::new(1 + (self.next % u64::from(SENDERS - 1)) as u32);
        let tx = self
            .chain
            .sign(&sender, share(self.next, &[&Person::new(1)]));
        let mut staged = self.chain.ledger.begin(self.chain.time)?;
        staged.apply(&tx)?;
        let block = staged.finish()?;
        self.chain.ledger.commit(&block)?;
        self.next += 1;
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

// ---- the whole path against its signatures

/// One submitter more than cores, each with senders of its own: one waits for the disk while the others' signatures are checked.
fn path() -> Result<()> {
    let submitters = thread::available_parallelism()?.get() + 1;
    for (group, blocks) in [(100, 180), (1000, 24)] {
        let folder = tempfile::tempdir_in(".")?;
        let (mut source, node) = Source::new(folder.path())?;
        let txs = source.sign(&node, group * blocks);
        let (before, cpu_before) = strict(&txs[0], &source)?;
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
        let cpu = cpu_seconds()?;
        let time = seconds(|| {
            thread::scope(|scope| {
                let threads: Vec<_> = queues
                    .iter()
                    .map(|queue| scope.spawn(|| submit(queue)))
                    .collect();
                threads
                    .into_iter()
                    .try_for_each(|thread| thread.join().ok().context("a submitter")?)
            })
        })?;
        let rate = (group * blocks) as f64 / time;
        let cpu_rate = rate * time / (cpu_seconds()? - cpu);
        let (after, cpu_after) = strict(&txs[0], &source)?;
        let (strict, cpu_strict) = ((before + after) / 2.0, (cpu_before + cpu_after) / 2.0);
        println!("path/alone/{group:<5}          {rate:8.0}/s with {submitters} submitters");
        println!(
            "path/alone/{group:<5}          {:8.2} of ed25519-dalek strict on one core ({strict:.0}/s)",
            rate / strict
        );
        println!(
            "path/alone/{group:<5}          {cpu_rate:8.0} a second of CPU, {:.2} of ed25519-dalek strict ({cpu_strict:.0})",
            cpu_rate / cpu_strict
        );
    }
    Ok(())
}

/// What this process has used of all cores so far, in seconds: on a busy machine this is what its own work costs.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("the end of the name")?;
    // user and system time, in hundredths
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

/// Strict verifications a second, on this thread, and a second of CPU.
fn strict(tx: &Transaction, source: &Source) -> Result<(f64, f64)> {
    let sender = source
        .people
        .iter()
        .find(|person| person.address == *tx.sender());
    let key = sender.context("a sender")?.key.verifying_key();
    let message = signed_digest(tx.message());
    let signature = ed25519_dalek::Signature::from_bytes(tx.signature().as_bytes());
    let cpu = cpu_seconds()?;
    let time = seconds(|| {
        for _ in 0..8000 {
            key.verify_strict(&message, &signature)?;
        }
        Ok(())
    })?;
    Ok((8000.0 / time, 8000.0 / (cpu_seconds()? - cpu)))
}

// ---- HTTP

fn http() -> Result<()> {
    // in process, at the size of block that many connections make
    let folder = tempfile::tempdir_in(".")?;
    let (mut source, node) = Source::new(folder.path())?;
    let mut times = Vec::new();
    for _ in 0..60 {
        let txs = source.sign(&node, SENDERS as usize);
        let bytes: Vec<_> = txs.iter().map(Transaction::to_bytes).collect();
        times.push(seconds(|| {
            let read = bytes.iter().map(|bytes| Transaction::from_bytes(bytes));
            let outcomes = node.submit_all(&read.collect::<Result<Vec<_>, _>>()?)?;
            ensure!(outcomes.iter().all(Result::is_ok), "every one is recorded");
            Ok(())
        })?);
    }
    let inside = f64::from(SENDERS) / median(times);
    let (saturating, paced) = (100, 40);
    let queues = queues(&source.sign(&node, SENDERS as usize * (saturating + paced)));
    let settings = Settings::new().rate(None).connections(1024, 1024);
    let server = Server::bind(node, ([127, 0, 0, 1], 0).into(), settings)?;
    let (address, stop) = (server.address().to_string(), server.stopper());
    let server = thread::spawn(move || server.run());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let submitted = runtime.block_on(submissions(
        "submit",
        &address,
        queues.clone(),
        saturating,
        None,
    ))?;
    println!(
        "http/submit/{SENDERS} connections {:6.2} of the path in process ({inside:.0}/s in blocks of {SENDERS})",
        submitted / inside
    );
    sync_alone()?;
    arithmetic_alone();
    stop.stop();
    server.join().ok().context("the server")??;
    // the same requests, as many as it can take and then at the same pace
    let address = syncing::serve()?;
    let most = runtime.block_on(submissions(
        "syncing",
        &address,
        queues,
        saturating,
        Some(submitted),
    ))?;
    println!(
        "http/submit/{SENDERS} connections {:6.2} of a server that only syncs",
        submitted / most
    );
    Ok(())
}

/// The rate at saturation with the first of each queue, and the latencies of the rest at half of that rate, or of another.
async fn submissions(
    what: &str,
    address: &str,
    queues: Vec<VecDeque<Vec<u8>>>,
    saturating: usize,
    of: Option<f64>,
) -> Result<f64> {
    let (first, second): (Vec<_>, Vec<_>) = queues
        .into_iter()
        .map(|mut queue| {
            let rest = queue.split_off(saturating);
            (queue, rest)
        })
        .unzip();
    let start = Instant::now();
    let count: usize = first.iter().map(VecDeque::len).sum();
    load(address, first, None).await?;
    let saturation = count as f64 / start.elapsed().as_secs_f64();
    println!("http/{what}/{SENDERS} connections {saturation:6.0}/s at saturation");
    let pace = Duration::from_secs_f64(f64::from(SENDERS) / (of.unwrap_or(saturation) / 2.0));
    let mut latencies = load(address, second, Some(pace)).await?;
    latencies.sort();
    let at =
        |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "http/{what}/half          p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms: p99 is {:.2} times p50",
        at(0.5),
        at(0.99),
        at(0.999),
        at(0.99) / at(0.5)
    );
    Ok(saturation)
}

/// What the disk itself takes for the bytes of a block of 64, written ahead of zeros and synced: its median and its tail.
fn sync_alone() -> Result<()> {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let mut file = tempfile::tempfile_in(".")?;
    file.write_all(&vec![0; 64 << 20])?;
    file.sync_all()?;
    let mut times = Vec::new();
    for number in 0..300 {
        file.seek(SeekFrom::Start(number * (192 << 10)))?;
        let start = Instant::now();
        file.write_all(&[7; 192 << 10])?;
        file.sync_data()?;
        times.push(start.elapsed());
        thread::sleep(Duration::from_millis(3));
    }
    times.sort();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e3;
    println!(
        "http/sync alone           p50 {:.2} ms, p99 {:.2} ms: {:.1} times",
        at(50),
        at(99),
        at(99) / at(50)
    );
    Ok(())
}

/// What the processor itself takes for the same arithmetic again and again: its median and its tail. On a machine whose owner takes
/// it away now and then, no server has a better one.
fn arithmetic_alone() {
    let mut times = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        let start = Instant::now();
        let sum = (0..60_000_u64).fold(1_u64, |sum, number| {
            sum.wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(number)
        });
        std::hint::black_box(sum);
        times.push(start.elapsed());
        thread::sleep(Duration::from_micros(300));
    }
    times.sort();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
    println!(
        "http/arithmetic alone     p50 {:.0} us, p99 {:.0} us: {:.1} times",
        at(50),
        at(99),
        at(99) / at(50)
    );
}

/// Each sender's transactions, in order.
fn queues(txs: &[Transaction]) -> Vec<VecDeque<Vec<u8>>> {
    let mut queues = vec![VecDeque::new(); SENDERS as usize];
    for (number, tx) in txs.iter().enumerate() {
        queues[number % SENDERS as usize].push_back(tx.to_bytes());
    }
    queues
}

/// One connection per sender, which sends its next transaction when the one before is answered, or at a pace; the time
/// from when each was due to its answer.
async fn load(
    address: &str,
    queues: Vec<VecDeque<Vec<u8>>>,
    pace: Option<Duration>,
) -> Result<Vec<Duration>> {
    let mut tasks = Vec::new();
    let count = queues.len() as u32;
    for (number, queue) in (0_u32..).zip(queues) {
        let address = address.to_owned();
        tasks.push(tokio::spawn(async move {
            let mut stream = tokio::net::TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let mut latencies = Vec::new();
            let mut due = tokio::time::Instant::now() + pace.unwrap_or_default() * number / count;
            let mut answer = vec![0; 4096];
            for tx in queue {
                if let Some(pace) = pace {
                    tokio::time::sleep_until(due).await;
                    due += pace;
                } else {
                    due = tokio::time::Instant::now();
                }
                let started = pace.map_or(due, |pace| due - pace);
                let mut request = format!(
                    "POST /v1/transactions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/cbor\r\ncontent-length: {}\r\n\r\n",
                    tx.len()
                )
                .into_bytes();
                request.extend(tx);
                stream.write_all(&request).await?;
                let read = stream.read(&mut answer).await?;
                ensure!(answer[..read].starts_with(b"HTTP/1.1 201"), "{}", String::from_utf8_lossy(&answer[..read]));
                ensure!(answer[..read].ends_with(b"}"), "an answer in one piece");
                latencies.push(started.elapsed());
            }
            Ok(latencies)
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

// ---- PostgreSQL

/// The same record in a table with the same two indices, one commit each, over a local socket: pgbench's own figure.
fn postgres() -> Result<()> {
    let bin = fs::read_dir("/usr/lib/postgresql")
        .ok()
        .and_then(|mut found| found.next());
    let Some(Ok(version)) = bin else {
        println!("postgres                  not installed: apt-get install postgresql");
        return Ok(());
    };
    let bin = version.path().join("bin");
    let folder = tempfile::tempdir_in(".")?;
    let data = folder.path().canonicalize()?.join("data");
    fs::create_dir(&data)?;
    let ledger = tempfile::tempdir_in(".")?;
    let (mut source, node) = Source::new(ledger.path())?;
    let tx = source.sign(&node, 1).remove(0);
    node.submit(&tx)?;
    let record = tx.to_bytes();
    let hex: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
    let script = folder.path().join("insert.sql");
    fs::write(
        &script,
        format!(
            "\\set n random(1, 9000000000000000)\nINSERT INTO record (id, share, sender, bytes) VALUES (sha256(:n::text::bytea), sha256((:n+1)::text::bytea), '\\x00', '\\x{hex}');\n"
        ),
    )?;
    // PostgreSQL refuses to run as root
    let run = |program: &Path, args: &[&str]| -> Result<String> {
        let output = Command::new("runuser")
            .args(["-u", "postgres", "--"])
            .arg(program)
            .args(args)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{}: {}",
            program.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    };
    let owned = Command::new("chown")
        .arg("-R")
        .arg("postgres")
        .arg(folder.path())
        .status()?;
    ensure!(owned.success(), "chown");
    let (socket, data) = (folder.path().canonicalize()?, data);
    let (socket, data) = (socket.display().to_string(), data.display().to_string());
    run(&bin.join("initdb"), &["-D", &data])?;
    let options = format!("-k {socket} -c listen_addresses=");
    run(
        &bin.join("pg_ctl"),
        &[
            "-D",
            &data,
            "-w",
            "-o",
            &options,
            "-l",
            &format!("{socket}/log"),
            "start",
        ],
    )?;
    let measured = (|| -> Result<(Vec<(f64, f64)>, f64)> {
        let table = "CREATE TABLE record (number bigserial PRIMARY KEY, id bytea UNIQUE, share bytea, sender bytea, bytes bytea); CREATE INDEX ON record (share)";
        run(
            &bin.join("psql"),
            &["-h", &socket, "-d", "postgres", "-c", table],
        )?;
        let bench = |clients: &str| -> Result<f64> {
            let script = script.canonicalize()?.display().to_string();
            let text = run(
                &bin.join("pgbench"),
                &[
                    "-h", &socket, "-n", "-f", &script, "-c", clients, "-T", "2", "postgres",
                ],
            )?;
            let line = text.lines().find_map(|line| line.strip_prefix("tps = "));
            let tps = line
                .and_then(|line| line.split(' ').next())
                .context("tps")?;
            Ok(tps.parse()?)
        };
        // in turns, so that both have the same disk
        let mut rounds = Vec::new();
        for _ in 0..7 {
            let theirs = bench("1")?;
            let mut times = Vec::new();
            for _ in 0..300 {
                let txs = source.sign(&node, 1);
                times.push(seconds(|| Ok(node.submit(&txs[0]).map(|_| ())?))?);
            }
            rounds.push((1.0 / (times.iter().sum::<f64>() / 300.0), theirs));
        }
        Ok((rounds, bench("64")?))
    })();
    run(&bin.join("pg_ctl"), &["-D", &data, "-m", "fast", "stop"])?;
    let (rounds, many) = measured?;
    let ratio = median(rounds.iter().map(|(ours, theirs)| ours / theirs).collect());
    let ours = median(rounds.iter().map(|(ours, _)| *ours).collect());
    let alone = median(rounds.iter().map(|(_, theirs)| *theirs).collect());
    println!(
        "postgres/1 client         {alone:8.0}/s; the ledger alone {ours:.0}/s: {ratio:.2} times as many in paired rounds, each verified and proven"
    );
    println!("postgres/64 clients       {many:8.0}/s");
    Ok(())
}

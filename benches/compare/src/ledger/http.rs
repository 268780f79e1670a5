//! Submissions over HTTP, one by one and in batches: saturation against the path in process, latency at half of it, and what this machine takes from both.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ledger_core::Transaction;
use ledger_node::http::{Server, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::path::submitted;
use super::slowness::{Watch, arithmetic};
use super::{SENDERS, Source, median, syncing};

/// How many connections send batches, and of how many transactions.
const CONNECTIONS: usize = 16;
const BATCH: usize = 100;
/// How many of each sender are sent in batches: whole ones.
const BATCHED: usize = 400;

pub(super) fn http() -> Result<()> {
    // in process, at the size of block that many connections make: from one submitter, and from as many as give the most
    let folder = tempfile::tempdir_in(".")?;
    let (mut source, node) = Source::new(folder.path())?;
    let group = SENDERS as usize;
    let rate = |source: &mut Source, blocks: usize, submitters: usize| -> Result<f64> {
        let txs = source.sign(&node, group * blocks);
        Ok(txs.len() as f64 / submitted(&node, &txs, group, submitters)?)
    };
    let alone = (0..60).map(|_| rate(&mut source, 1, 1));
    let alone = median(alone.collect::<Result<_>>()?);
    let submitters = thread::available_parallelism()?.get() + 1;
    let most = rate(&mut source, 60, submitters)?;
    let (saturating, paced) = (100, 400);
    let queues = queues(&source.sign(&node, SENDERS as usize * (saturating + paced)));
    let batched = source.sign(&node, SENDERS as usize * BATCHED);
    let settings = Settings::new()
        .rate(None)
        .connections(1024, 1024)
        .batches(CONNECTIONS, CONNECTIONS);
    let server = Server::bind(node, ([127, 0, 0, 1], 0).into(), settings)?;
    let (address, stop) = (server.address().to_string(), server.stopper());
    let server = thread::spawn(move || server.run());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let saturation = runtime.block_on(submissions(
        "submit",
        &address,
        queues.clone(),
        saturating,
        None,
    ))?;
    println!(
        "http/submit/{SENDERS} connections {:6.2} of the path in process in blocks of {SENDERS}, from one submitter ({alone:.0}/s); {:.2} from {submitters} ({most:.0}/s)",
        saturation / alone,
        saturation / most
    );
    let batches = runtime.block_on(batches(&address, &batched))?;
    println!(
        "http/batches/{CONNECTIONS} connections {batches:6.0}/s at saturation in batches of {BATCH}: {:.2} of the path in process, from one submitter ({alone:.0}/s); {:.2} from {submitters} ({most:.0}/s); {:.2} times as many as one by one from {SENDERS}",
        batches / alone,
        batches / most,
        batches / saturation
    );
    sync_alone()?;
    arithmetic_alone();
    stop.stop();
    server.join().ok().context("the server")??;
    // the same requests, as many as it can take and then at the same pace
    let address = syncing::serve()?;
    let synced = runtime.block_on(submissions(
        "syncing",
        &address,
        queues,
        saturating,
        Some(saturation),
    ))?;
    // the same cores do both, and the client's part besides
    let both = 1.0 / (1.0 / synced + 1.0 / most);
    println!(
        "http/submit/{SENDERS} connections {:6.2} of a server that only syncs, which with the path in process, one after the other, leaves {:.2} of the path: {:.2} of that",
        saturation / synced,
        both / most,
        saturation / both
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
    let watch = Watch::start()?;
    let mut latencies = load(address, second, Some(pace)).await?;
    let slow = watch.stop()?;
    let name = format!("http/{what}/half");
    let of_all: Vec<_> = latencies.iter().map(|(_, latency)| *latency).collect();
    let count = of_all.len();
    println!("{name:<25} {}", spread(of_all));
    // those that began after one slow time and were answered before the next
    latencies.retain(|(due, latency)| {
        slow.iter()
            .all(|(from, to)| due > to || *due + *latency < *from)
    });
    let apart: Vec<_> = latencies.into_iter().map(|(_, latency)| latency).collect();
    let left = apart.len() as f64 / count as f64;
    println!(
        "{name:<25} {:.2} of them met none of the {} slow times of the processor: {}",
        left,
        slow.len(),
        spread(apart)
    );
    Ok(saturation)
}

/// The rate at which so many connections have their batches recorded, each its own senders', one batch after the other.
async fn batches(address: &str, txs: &[Transaction]) -> Result<f64> {
    let mut queues = vec![Vec::new(); CONNECTIONS];
    for (number, tx) in txs.iter().enumerate() {
        // a sender's transactions stay in order: they all go to one connection
        queues[number % SENDERS as usize % CONNECTIONS].push(tx.to_bytes());
    }
    let start = Instant::now();
    let tasks: Vec<_> = queues
        .into_iter()
        .map(|queue| tokio::spawn(send_batches(address.to_owned(), queue)))
        .collect();
    let mut recorded = 0;
    for task in tasks {
        recorded += task.await??;
    }
    ensure!(recorded == txs.len(), "every one is recorded, {recorded}");
    Ok(recorded as f64 / start.elapsed().as_secs_f64())
}

/// Sends a connection's transactions in batches; how many are recorded.
async fn send_batches(address: String, queue: Vec<Vec<u8>>) -> Result<usize> {
    let mut stream = tokio::net::TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let mut recorded = 0;
    let (mut answer, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    for batch in queue.chunks(BATCH) {
        let body = batch.concat();
        let mut request = format!(
            "POST /v1/transactions/batch HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/cbor-seq\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend(body);
        stream.write_all(&request).await?;
        answer.clear();
        // a list, which ends with its bracket
        while !answer.ends_with(b"}]") {
            let read = stream.read(&mut piece).await?;
            answer.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&answer);
            ensure!(
                read > 0 && text.starts_with("HTTP/1.1 200") && !text.contains("\"problem\""),
                "{text}"
            );
        }
        let text = std::str::from_utf8(&answer)?;
        recorded += text.matches("\"recorded_before\":false").count();
    }
    Ok(recorded)
}

/// The median of latencies, and their tail.
fn spread(latencies: Vec<Duration>) -> String {
    let [p50, p99, p999] = percentiles(latencies).map(|seconds| seconds * 1e3);
    let times = p99 / p50;
    format!("p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms: p99 is {times:.2} times p50")
}

/// The seconds that half of them take at most, 99 % and 99.9 %.
fn percentiles(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort();
    [0.5, 0.99, 0.999].map(|share| {
        let place = (times.len().saturating_sub(1) as f64 * share) as usize;
        times.get(place).map_or(0.0, Duration::as_secs_f64)
    })
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
    let [p50, p99, _] = percentiles(times).map(|seconds| seconds * 1e3);
    println!(
        "http/sync alone           p50 {p50:.2} ms, p99 {p99:.2} ms: {:.1} times",
        p99 / p50
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
        std::hint::black_box(arithmetic(60_000));
        times.push(start.elapsed());
        thread::sleep(Duration::from_micros(300));
    }
    let [p50, p99, _] = percentiles(times).map(|seconds| seconds * 1e6);
    println!(
        "http/arithmetic alone     p50 {p50:.0} us, p99 {p99:.0} us: {:.1} times",
        p99 / p50
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

/// One connection per sender, which sends its next transaction when the one before is answered, or at a pace; when each was due, and
/// the time from then to its answer.
async fn load(
    address: &str,
    queues: Vec<VecDeque<Vec<u8>>>,
    pace: Option<Duration>,
) -> Result<Vec<(Instant, Duration)>> {
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
                latencies.push((started.into_std(), started.elapsed()));
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

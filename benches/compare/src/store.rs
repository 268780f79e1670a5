//! ipfs-store against its limits and its peers, in one run:
//! `cargo run --release --features store --bin store [-- PART]`.
//!
//! Parts: `import` (hashing, and durable import), `export`, `blocks` (100,000 small ones, against redb and fjall
//! raw), `grant` (the
//! bytes that one more receiver costs), `kubo` (`ipfs add` and `ipfs cat` of the program that `.ci/kubo` builds), `memory`
//! (the peak of this process while it imports and exports 1 GiB). Without a part: all. Ratios over 1 are faster.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fjall::{KeyspaceCreateOptions, PersistMode};
use ipfs_store::{Block, BlockStore, Counting, EmbeddedStore, MemoryStore, Profile, dag};
use redb::{Database, ReadableDatabase as _, TableDefinition};
use sha2::{Digest as _, Sha256};

const LEN: usize = 256 << 20;
const ROUNDS: usize = 5;

/// What is measured, by its name on the command line.
type Part = (&'static str, fn() -> Result<()>);

fn main() -> Result<()> {
    let part = std::env::args().nth(1);
    println!(
        "cores {}, profile {}",
        std::thread::available_parallelism()?,
        Profile::default()
    );
    let parts: [Part; 6] = [
        ("import", import),
        ("export", export),
        ("blocks", blocks),
        ("grant", grant),
        ("kubo", kubo),
        ("memory", memory),
    ];
    for (name, run) in parts {
        if part.as_deref().is_none_or(|part| part == name) {
            run()?;
        }
    }
    Ok(())
}

/// Bytes without repetition (splitmix64).
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut out = Vec::with_capacity(len);
    while out.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend((word ^ (word >> 31)).to_le_bytes());
    }
    out
}

/// A folder on the disk of the working directory.
fn folder() -> Result<tempfile::TempDir> {
    Ok(tempfile::tempdir_in(".")?)
}

fn time(run: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    run()?;
    Ok(start.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn show(what: &str, time: Duration, len: usize) {
    println!(
        "{what:<42} {:>8.1} ms  {:>8.0} MB/s",
        time.as_secs_f64() * 1e3,
        len as f64 / time.as_secs_f64() / 1e6
    );
}

fn ratio(what: &str, limit: Duration, ours: Duration, target: f64) {
    let ratio = limit.as_secs_f64() / ours.as_secs_f64();
    println!("ratio {what:<36} {ratio:>8.2}  target {target:.2}");
}

/// Hashing without storage against twice one core's SHA-256; durable import against the slower of that and a plain write
/// and fsync of the same bytes.
fn import() -> Result<()> {
    let input = bytes(LEN);
    let file = folder()?;
    let path = file.path().join("input");
    fs::write(&path, &input)?;
    let (mut sha, mut sha_all) = (vec![], vec![]);
    let (mut memory, mut hash, mut hash_file) = (vec![], vec![], vec![]);
    let (mut plain, mut durable) = (vec![], vec![]);
    let expected = dag::only_hash(input.as_slice(), Profile::default())?;
    for _ in 0..ROUNDS {
        sha.push(time(|| {
            let digest = Sha256::digest(&input);
            ensure!(
                digest[0] != digest[1] || digest[1] != digest[2],
                "no digest"
            );
            Ok(())
        })?);
        // what two cores give when both are busy: less than twice one, where a machine shares them
        sha_all.push(time(|| {
            let (front, back) = input.split_at(LEN / 2);
            std::thread::scope(|scope| {
                for half in [front, back] {
                    scope.spawn(move || std::hint::black_box(Sha256::digest(half)));
                }
            });
            Ok(())
        })?);
        memory.push(time(|| {
            ensure!(dag::only_hash_bytes(&input, Profile::default())? == expected);
            Ok(())
        })?);
        hash.push(time(|| {
            ensure!(dag::only_hash(input.as_slice(), Profile::default())? == expected);
            Ok(())
        })?);
        hash_file.push(time(|| {
            ensure!(dag::only_hash(File::open(&path)?, Profile::default())? == expected);
            Ok(())
        })?);
        let place = folder()?;
        plain.push(time(|| {
            let mut file = File::create(place.path().join("plain"))?;
            file.write_all(&input)?;
            Ok(file.sync_all()?)
        })?);
        drop(place);
        let place = folder()?;
        let store = EmbeddedStore::open(place.path())?;
        durable.push(time(|| {
            let node = dag::add(&store, input.as_slice(), Profile::default())?;
            ensure!(node == expected);
            Ok(store.pin(&node.cid)?)
        })?);
    }
    let [sha, sha_all, memory, hash, hash_file, plain, durable] =
        [sha, sha_all, memory, hash, hash_file, plain, durable].map(median);
    show("SHA-256, one core", sha, LEN);
    show("SHA-256, two threads at once", sha_all, LEN);
    show("only_hash_bytes", memory, LEN);
    show("only_hash from a reader", hash, LEN);
    show("only_hash from a file", hash_file, LEN);
    show("write and fsync", plain, LEN);
    show("add and pin", durable, LEN);
    for (what, ours) in [("bytes", memory), ("a reader", hash), ("a file", hash_file)] {
        ratio(&format!("{what} / 2 x SHA-256"), sha / 2, ours, 0.85);
        ratio(
            &format!("{what} / SHA-256 on two threads"),
            sha_all,
            ours,
            0.85,
        );
    }
    ratio(
        "durable import / slower of both",
        plain.max(sha / 2),
        durable,
        0.80,
    );
    Ok(())
}

/// Export against one read of the same bytes and one SHA-256 over them.
fn export() -> Result<()> {
    let input = bytes(LEN);
    let place = folder()?;
    let store = EmbeddedStore::open(&place.path().join("store"))?;
    let node = dag::add(&store, input.as_slice(), Profile::default())?;
    store.pin(&node.cid)?;
    let path = place.path().join("plain");
    fs::write(&path, &input)?;
    let (mut limit, mut ours) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        limit.push(time(|| {
            // the size of a leaf
            let (mut file, mut leaf) = (File::open(&path)?, vec![0; Profile::default().chunk()]);
            let mut hasher = Sha256::new();
            loop {
                let len = file.read(&mut leaf)?;
                if len == 0 {
                    break;
                }
                hasher.update(&leaf[..len]);
            }
            let digest = hasher.finalize();
            ensure!(
                digest[0] != digest[1] || digest[1] != digest[2],
                "no digest"
            );
            Ok(())
        })?);
        ours.push(time(|| {
            let mut reader = dag::cat(&store, &node.cid)?;
            ensure!(reader.copy_to(&mut io::sink())? == LEN as u64);
            Ok(())
        })?);
    }
    let [limit, ours] = [limit, ours].map(median);
    show("read and SHA-256", limit, LEN);
    show("cat", ours, LEN);
    ratio("export / read and verify", limit, ours, 0.80);
    Ok(())
}

/// 100,000 blocks of 1 KiB: put durable in one batch, got and verified, and collected as garbage.
fn blocks() -> Result<()> {
    const COUNT: u32 = 100_000;
    let input: Vec<Block> = (0..COUNT)
        .map(|number| Block::raw(number.to_le_bytes().repeat(256)))
        .collect::<Result<_, _>>()?;
    let len = COUNT as usize * 1024;
    let place = folder()?;
    let store = EmbeddedStore::open(&place.path().join("store"))?;
    let put = time(|| {
        input.iter().try_for_each(|block| store.put(block))?;
        Ok(store.sync()?)
    })?;
    let get = time(|| {
        for block in &input {
            ensure!(store.get(block.cid())?.as_ref() == Some(block));
        }
        Ok(())
    })?;
    let gc = time(|| {
        ensure!(store.gc()?.blocks == u64::from(COUNT));
        Ok(())
    })?;
    let table = TableDefinition::<&[u8], &[u8]>::new("blocks");
    let database = Database::create(place.path().join("redb"))?;
    let raw_put = time(|| {
        let transaction = database.begin_write()?;
        {
            let mut blocks = transaction.open_table(table)?;
            for block in &input {
                blocks.insert(block.cid().hash().digest(), block.bytes())?;
            }
        }
        Ok(transaction.commit()?)
    })?;
    let raw_get = time(|| {
        let blocks = database.begin_read()?.open_table(table)?;
        for block in &input {
            let found = blocks
                .get(block.cid().hash().digest())?
                .context("it was put")?;
            ensure!(Block::new(*block.cid(), found.value().to_vec())? == *block);
        }
        Ok(())
    })?;
    let raw_gc = time(|| {
        let transaction = database.begin_write()?;
        transaction.open_table(table)?.retain(|_, _| false)?;
        Ok(transaction.commit()?)
    })?;
    let lsm = fjall::Database::builder(place.path().join("fjall")).open()?;
    let keyspace = lsm.keyspace("blocks", KeyspaceCreateOptions::default)?;
    let lsm_put = time(|| {
        for block in &input {
            keyspace.insert(block.cid().hash().digest(), block.bytes())?;
        }
        Ok(lsm.persist(PersistMode::SyncAll)?)
    })?;
    let lsm_get = time(|| {
        for block in &input {
            let found = keyspace.get(block.cid().hash().digest())?;
            let found = found.context("it was put")?;
            ensure!(Block::new(*block.cid(), found.to_vec())? == *block);
        }
        Ok(())
    })?;
    let lsm_gc = time(|| {
        for block in &input {
            keyspace.remove(block.cid().hash().digest())?;
        }
        Ok(lsm.persist(PersistMode::SyncAll)?)
    })?;
    for (what, ours, redb, fjall) in [
        ("put", put, raw_put, lsm_put),
        ("get", get, raw_get, lsm_get),
        ("gc", gc, raw_gc, lsm_gc),
    ] {
        show(&format!("{what} {COUNT} x 1 KiB"), ours, len);
        for (peer, raw) in [("redb", redb), ("fjall", fjall)] {
            show(&format!("{what} {COUNT} x 1 KiB, {peer} raw"), raw, len);
            ratio(&format!("{what} / {peer} raw"), raw, ours, 1.0);
        }
    }
    Ok(())
}

/// What another head before the same body writes.
fn grant() -> Result<()> {
    for len in [1 << 10, 1 << 20, LEN] {
        let store = MemoryStore::new();
        let add = |bytes: &[u8]| dag::add(&store, bytes, Profile::default());
        let (head, body) = (add(&[1; 600])?, add(&bytes(len))?);
        let old = dag::concat(&store, &[head, body], Profile::default())?;
        let counting = Counting::new(&store);
        // one key packet more: some 100 bytes for X25519
        let longer = dag::add(&counting, &[2; 700][..], Profile::default())?;
        let body = dag::parts(&counting, &old.cid)?[1];
        dag::concat(&counting, &[longer, body], Profile::default())?;
        println!(
            "grant over {len:>10} bytes: {} bytes in {} blocks, target under 2048",
            counting.bytes(),
            counting.blocks()
        );
        ensure!(counting.bytes() < 2048);
    }
    Ok(())
}

/// `ipfs add` and `ipfs cat` of the same file on the same disk, as a user meets them: with the start of the process.
fn kubo() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program: PathBuf =
        std::env::var_os("KUBO").map_or(root.join("target/kubo/ipfs"), PathBuf::from);
    ensure!(program.is_file(), "no Kubo: run `bash .ci/kubo` first");
    let place = folder()?;
    let input = bytes(LEN);
    let path = place.path().join("input");
    fs::write(&path, &input)?;
    let ipfs = |args: &[&str]| {
        let mut command = Command::new(&program);
        command
            .args(args)
            .env("IPFS_PATH", place.path().join("repo"))
            .env("IPFS_TELEMETRY", "off");
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    ensure!(
        ipfs(&["init", "--empty-repo", "--profile=test"])
            .status()?
            .success()
    );
    let expected = dag::only_hash(input.as_slice(), Profile::default())?;
    let (mut add, mut cat, mut ours_add, mut ours_cat) = (vec![], vec![], vec![], vec![]);
    for _ in 0..3 {
        let args = [
            "add",
            "-Q",
            "--pin",
            "--cid-version=1",
            "--raw-leaves",
            "--chunker=size-1048576",
            "--max-file-links=1024",
        ];
        let mut args = args.to_vec();
        let name = path.to_string_lossy().into_owned();
        args.push(&name);
        add.push(time(|| {
            let output = ipfs(&args).output()?;
            ensure!(String::from_utf8_lossy(&output.stdout).trim() == expected.cid.to_string());
            Ok(())
        })?);
        cat.push(time(|| {
            let mut child = ipfs(&["cat", &expected.cid.to_string()]).spawn()?;
            let mut stdout = child.stdout.take().context("it is piped")?;
            ensure!(io::copy(&mut stdout, &mut io::sink())? == LEN as u64);
            ensure!(child.wait()?.success());
            Ok(())
        })?);
        ensure!(
            ipfs(&["pin", "rm", &expected.cid.to_string()])
                .output()?
                .status
                .success()
        );
        ensure!(ipfs(&["repo", "gc", "-q"]).output()?.status.success());
        let ours = place.path().join("ours");
        ours_add.push(time(|| {
            let store = EmbeddedStore::open(&ours)?;
            let node = dag::add(&store, File::open(&path)?, Profile::default())?;
            Ok(store.pin(&node.cid)?)
        })?);
        ours_cat.push(time(|| {
            let store = EmbeddedStore::open(&ours)?;
            ensure!(dag::cat(&store, &expected.cid)?.copy_to(&mut io::sink())? == LEN as u64);
            Ok(())
        })?);
        fs::remove_dir_all(ours)?;
    }
    // the disk's own time for the bytes, past the page cache: no durable add can take less
    let mut disk = vec![];
    for _ in 0..3 {
        let copy = place.path().join("copy");
        let output = format!("of={}", copy.display());
        let input = format!("if={}", path.display());
        disk.push(time(|| {
            let mut dd = Command::new("dd");
            dd.args([&*input, &*output, "bs=16M", "oflag=direct", "conv=fsync"]);
            ensure!(dd.stderr(Stdio::null()).status()?.success(), "dd failed");
            ensure!(fs::metadata(&copy)?.len() == LEN as u64, "dd wrote it all");
            Ok(())
        })?);
        fs::remove_file(copy)?;
    }
    show("dd past the page cache, and fsync", median(disk), LEN);
    let [add, cat, ours_add, ours_cat] = [add, cat, ours_add, ours_cat].map(median);
    show("ipfs add", add, LEN);
    show("ours", ours_add, LEN);
    show("ipfs cat", cat, LEN);
    show("ours", ours_cat, LEN);
    ratio("add / ipfs add", add, ours_add, 3.0);
    ratio("cat / ipfs cat", cat, ours_cat, 3.0);
    Ok(())
}

/// The peak of this process; alone, since the other parts hold their input in memory.
fn memory() -> Result<()> {
    const GIB: u64 = 1 << 30;
    let place = folder()?;
    let store = EmbeddedStore::open(place.path())?;
    let before = peak()?;
    let node = dag::add(&store, Numbers(0).take(GIB), Profile::default())?;
    store.pin(&node.cid)?;
    ensure!(dag::cat(&store, &node.cid)?.copy_to(&mut io::sink())? == GIB);
    println!(
        "memory: {} KiB at the start, {} KiB at the peak of import and export of 1 GiB, target under 65536",
        before,
        peak()?
    );
    Ok(())
}

/// Endless bytes, a counter in each eight.
struct Numbers(u64);

impl Read for Numbers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len() / 8 * 8;
        if len == 0 {
            buffer.fill(7);
            return Ok(buffer.len());
        }
        for word in buffer[..len].chunks_exact_mut(8) {
            word.copy_from_slice(&self.0.to_le_bytes());
            self.0 += 1;
        }
        Ok(len)
    }
}

/// The most memory that this process had, in KiB (Linux).
fn peak() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .context("Linux tells it")?;
    Ok(line
        .split_whitespace()
        .nth(1)
        .context("a number")?
        .parse()?)
}

//! ipfs-store: importing, exporting, durable batches; each against the hash and the writing that it cannot do without.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write as _};

use criterion::{BatchSize, Criterion, Throughput};
use ipfs_store::{Block, BlockStore as _, EmbeddedStore, MemoryStore, Profile, dag};
use sha2::{Digest as _, Sha256};

/// Registers the benchmarks of this module.
pub(crate) fn define(c: &mut Criterion) {
    for (name, len) in [("1MiB", 1 << 20), ("16MiB", 16 << 20)] {
        files(c, name, len);
    }
    blocks(c);
}

fn files(c: &mut Criterion, name: &str, len: usize) {
    let bytes: Vec<u8> = (0..u32::try_from(len / 4).expect("a small file"))
        .flat_map(u32::to_le_bytes)
        .collect();
    let profile = Profile::default();
    let expected = dag::only_hash(bytes.as_slice(), profile).expect("memory");
    let mut group = c.benchmark_group("store");
    group.throughput(Throughput::Bytes(len as u64));
    group.bench_function(format!("hash/sha256/{name}"), |b| {
        b.iter(|| assert_eq!(Sha256::digest(black_box(&bytes)).len(), 32));
    });
    group.bench_function(format!("hash/only_hash/{name}"), |b| {
        b.iter(|| {
            assert_eq!(
                dag::only_hash(black_box(bytes.as_slice()), profile).expect("memory"),
                expected
            );
        });
    });
    group.bench_function(format!("add/memory/{name}"), |b| {
        b.iter_batched(
            MemoryStore::new,
            |store| {
                assert_eq!(
                    dag::add(&store, black_box(bytes.as_slice()), profile).expect("memory"),
                    expected
                );
                store
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function(format!("add/fsync/{name}"), |b| {
        b.iter_batched(
            || tempfile::tempfile().expect("a file"),
            |mut file| {
                file.write_all(&bytes).expect("written");
                file.sync_all().expect("durable");
                file
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function(format!("add/embedded/{name}"), |b| {
        b.iter_batched(
            || {
                let folder = tempfile::tempdir().expect("a folder");
                let store = EmbeddedStore::open(folder.path()).expect("an empty folder");
                (folder, store)
            },
            |(folder, store)| {
                let node = dag::add(&store, bytes.as_slice(), profile).expect("stored");
                store.pin(&node.cid).expect("durable");
                assert_eq!(node, expected);
                (folder, store)
            },
            BatchSize::LargeInput,
        );
    });
    let folder = tempfile::tempdir().expect("a folder");
    let store = EmbeddedStore::open(&folder.path().join("store")).expect("an empty folder");
    dag::add(&store, bytes.as_slice(), profile).expect("stored");
    store.sync().expect("durable");
    let plain = folder.path().join("plain");
    std::fs::write(&plain, &bytes).expect("written");
    group.bench_function(format!("cat/read_and_sha256/{name}"), |b| {
        b.iter(|| {
            let mut hasher = Sha256::new();
            let read = io::copy(
                &mut File::open(&plain).expect("there"),
                &mut Hash(&mut hasher),
            )
            .expect("read");
            assert_eq!((read, hasher.finalize().len()), (len as u64, 32));
        });
    });
    group.bench_function(format!("cat/embedded/{name}"), |b| {
        b.iter(|| {
            let mut reader = dag::cat(&store, &expected.cid).expect("there");
            assert_eq!(
                io::copy(&mut reader, &mut io::sink()).expect("whole"),
                len as u64
            );
        });
    });
    group.finish();
}

/// Many small blocks: put in one durable batch, and got again, verified.
fn blocks(c: &mut Criterion) {
    let blocks: Vec<_> = (0..1000_u32)
        .map(|number| Block::raw(number.to_le_bytes().repeat(64)).expect("small"))
        .collect();
    let mut group = c.benchmark_group("store");
    group.throughput(Throughput::Elements(blocks.len() as u64));
    group.bench_function("put/embedded/1000", |b| {
        b.iter_batched(
            || {
                let folder = tempfile::tempdir().expect("a folder");
                let store = EmbeddedStore::open(folder.path()).expect("an empty folder");
                (folder, store)
            },
            |(folder, store)| {
                for block in &blocks {
                    store.put(block).expect("stored");
                }
                store.sync().expect("durable");
                assert_eq!(store.size().expect("read").blocks, 1000);
                (folder, store)
            },
            BatchSize::LargeInput,
        );
    });
    let folder = tempfile::tempdir().expect("a folder");
    let store = EmbeddedStore::open(folder.path()).expect("an empty folder");
    for block in &blocks {
        store.put(block).expect("stored");
    }
    store.sync().expect("durable");
    group.bench_function("get/embedded/1000", |b| {
        b.iter(|| {
            for block in &blocks {
                assert_eq!(store.get(block.cid()).expect("whole").as_ref(), Some(block));
            }
        });
    });
    group.finish();
}

/// Hashes what is written to it.
struct Hash<'a>(&'a mut Sha256);

impl io::Write for Hash<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Benchmarks of pgp-envelope: sealing and opening in both profiles, and SHA-256 of the same bytes as the limit.

use std::hint::black_box;
use std::io;

use criterion::{BenchmarkId, Criterion, Throughput};
use pgp_envelope::{Key, KeyOptions, Opener, Policy, Profile, Recipient, Sealer, Signer};
use sha2::{Digest as _, Sha256};

const SIZES: [(&str, usize); 2] = [("1KiB", 1 << 10), ("4MiB", 4 << 20)];

/// Registers the benchmarks of this module.
pub(crate) fn define(c: &mut Criterion) {
    let mut group = c.benchmark_group("envelope");
    for (profile, label) in [(Profile::Rfc9580, "v6"), (Profile::Rfc4880, "v4")] {
        let options = KeyOptions::new("Alice <alice@a.example>").profile(profile);
        let key = Key::generate(&options).expect("randomness").key;
        // after the key was made: a policy's time is fixed
        let policy = Policy::now();
        let signer = Signer::new(&key, &policy).expect("a valid key");
        let recipient = Recipient::new(&key.cert(), &policy).expect("a valid cert");
        let opener = Opener::new(&policy).key(&key).signer(&key.cert());
        for (size, bytes) in SIZES {
            let plaintext: Vec<u8> = (0u32..)
                .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
                .take(bytes)
                .collect();
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::new(format!("sha256/{label}"), size), |b| {
                b.iter(|| Sha256::digest(black_box(&plaintext)));
            });
            let mut sealer = Sealer::new().signer(&signer).recipient(&recipient);
            let mut message = Vec::new();
            sealer
                .seal(&plaintext[..], &mut message)
                .expect("memory does not fail");
            let opened = opener
                .open(&message[..])
                .and_then(|opened| opened.into_vec());
            assert_eq!(opened.expect("it was sealed for us"), plaintext);
            group.bench_function(BenchmarkId::new(format!("seal/{label}"), size), |b| {
                b.iter(|| {
                    sealer
                        .seal(black_box(&plaintext[..]), io::sink())
                        .expect("nothing fails")
                });
            });
            group.bench_function(BenchmarkId::new(format!("open/{label}"), size), |b| {
                b.iter(|| {
                    opener
                        .open(black_box(&message[..]))
                        .expect("it was sealed for us")
                });
            });
        }
    }
    group.finish();
}

//! Benchmarks of medshare-verify: hiding a record, and all seven steps, beside one SHA-256 pass over the image as the limit.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use medical_image::Picture;
use medshare_verify::conceal;
use medshare_verify::testing::World;
use sha2::{Digest as _, Sha256};

const CT: &[u8] = include_bytes!("../examples/data/CT_small.dcm");
const SIZE: &str = "39KiB";

/// Registers the benchmarks of this module.
pub(crate) fn define(c: &mut Criterion) {
    let mut world = World::new();
    let draft = world.draft(1);
    world.share(&draft, CT);
    let bundle = world.bundle(&draft);
    let picture = Picture::read(CT.to_vec()).expect("a DICOM file");

    let mut group = c.benchmark_group("verify");
    group.throughput(Throughput::Bytes(CT.len() as u64));
    group.bench_function(BenchmarkId::new("limit/sha256", SIZE), |b| {
        b.iter(|| Sha256::digest(black_box(CT)));
    });
    group.bench_function(BenchmarkId::new("conceal/reversible", SIZE), |b| {
        b.iter(|| {
            let concealed = conceal(black_box(&picture), draft.key.as_ref(), |image| {
                draft.record(image)
            });
            let concealed = concealed.expect("it fits");
            assert_eq!(concealed.stego.len(), CT.len());
        });
    });
    group.bench_function(BenchmarkId::new("claim/steps1to7", SIZE), |b| {
        b.iter(|| {
            let verified = world.verify_with(
                "bob",
                &draft,
                black_box(&bundle),
                &medshare_verify::Policy::new(medshare_verify::testing::envelope_policy()),
            );
            assert_eq!(verified.expect("a true share").original(), CT);
        });
    });
    group.finish();
}

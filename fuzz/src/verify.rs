//! Properties of medshare-verify: decoders of what senders sealed, and proofs that were changed on their way.

#![allow(
    clippy::missing_panics_doc,
    reason = "a property panics when it does not hold"
)]

use std::sync::OnceLock;

use medshare_verify::testing::{Draft, World, envelope_policy};
use medshare_verify::{HiddenRecord, HidingKey, LooseImage, Manifest, Policy};

use crate::Target;

/// The targets of this module.
pub const TARGETS: &[Target] = &[
    ("verify_bundle", bundle),
    ("verify_hidden", hidden),
    ("verify_image", image),
    ("verify_manifest", manifest),
];

/// A world with one share, its draft, and its proof.
fn world() -> &'static (World, Draft, Vec<u8>) {
    static WORLD: OnceLock<(World, Draft, Vec<u8>)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut world = World::new();
        let draft = world.draft(1);
        world.share(&draft, include_bytes!("../../examples/data/CT_small.dcm"));
        let bundle = world.bundle(&draft);
        (world, draft, bundle)
    })
}

/// A proof that was changed, or is anything, verifies only when it is the true one. Data is a list of changes (two bytes
/// of offset, one to combine with), or the whole proof when it begins with a map.
pub fn bundle(data: &[u8]) {
    let (world, draft, truth) = world();
    let proof = if data.first().is_some_and(|byte| byte & 0xe0 == 0xa0) {
        data.to_vec()
    } else {
        let mut proof = truth.clone();
        for change in data.chunks_exact(3) {
            if let [high, low, mask] = *change {
                let at = usize::from(u16::from_be_bytes([high, low])) % proof.len();
                if let Some(byte) = proof.get_mut(at) {
                    *byte ^= mask;
                }
            }
        }
        proof
    };
    let verdict = world.verify_with("bob", draft, &proof, &Policy::new(envelope_policy()));
    assert_eq!(verdict.is_ok(), proof == *truth, "{verdict:?}");
}

/// What is read as a plain hidden record is written to the same bytes.
pub fn hidden(data: &[u8]) {
    if let Ok(record) = HiddenRecord::from_payload(data, &[HidingKey::new([7; 32])])
        && data.get(1) == Some(&0)
    {
        assert_eq!(record.to_payload(None).expect("it was short enough"), data);
    }
}

/// Whatever the file is, there is a record in it or a reason why not.
pub fn image(data: &[u8]) {
    if let Err(rejected) = LooseImage::read(data.to_vec(), &[HidingKey::new([7; 32])]) {
        assert_eq!(rejected.step().number(), 5);
    }
}

/// What is read as a manifest is written to the same bytes.
pub fn manifest(data: &[u8]) {
    if let Ok(manifest) = Manifest::from_bytes(data) {
        assert_eq!(manifest.to_bytes().as_slice(), data);
    }
}

//! What a signature costs by each way to check it, and what a sound check of many at once would need.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use curve25519_dalek::constants::ED25519_BASEPOINT_TABLE;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::BasepointTable as _;
use curve25519_dalek::{EdwardsPoint, Scalar, edwards::EdwardsBasepointTable};
use ed25519_dalek::VerifyingKey;
use ledger_core::{Signature, UnpackedKey, signed_digest};

use super::{Source, median, seconds};

/// Signed by the senders in turn, each way in each round, so that all have the same machine.
pub(super) fn signatures() -> Result<()> {
    const ROUNDS: usize = 101;
    let folder = tempfile::tempdir_in(".")?;
    let (mut source, node) = Source::new(folder.path())?;
    let txs = source.sign(&node, source.people.len());
    let mut messages = Vec::new();
    let mut strict = Vec::new();
    let mut unpacked = Vec::new();
    for (tx, person) in txs.iter().zip(&source.people) {
        let (key, signature) = (person.key.verifying_key(), tx.signature());
        messages.push((signed_digest(tx.message()), signature));
        strict.push((
            key,
            ed25519_dalek::Signature::from_bytes(signature.as_bytes()),
        ));
        unpacked.push(UnpackedKey::new(&(&person.key).into()).context("a key")?);
    }
    let prepared: Vec<_> = unpacked
        .iter()
        .cloned()
        .map(UnpackedKey::prepared)
        .collect();
    let pairs = prepared.iter().zip(&messages);
    let signed: Vec<(&UnpackedKey, _, &Signature)> = pairs
        .map(|(key, (message, signature))| (key, message, *signature))
        .collect();
    let negated = |key: &VerifyingKey| -key.to_edwards();
    let tables: Vec<_> = strict
        .iter()
        .map(|(key, _)| Box::new(EdwardsBasepointTable::create(&negated(key))))
        .collect();
    let points: Vec<_> = strict.iter().map(|(key, _)| key.to_edwards()).collect();
    let scalar = Scalar::from_bytes_mod_order([0xa7; 32]);
    let under = |keys: &[UnpackedKey]| {
        let pairs = keys.iter().zip(&messages);
        all(pairs.map(|(key, (message, signature))| key.verifies(message, signature)))
    };
    let ways: [(&str, &dyn Fn() -> Result<()>); 9] = [
        ("strict by ed25519-dalek", &|| {
            let pairs = strict.iter().zip(&messages);
            all(pairs.map(|((key, s), (message, _))| key.verify_strict(message, s).is_ok()))
        }),
        ("under an unpacked key", &|| under(&unpacked)),
        ("under a prepared key", &|| under(&prepared)),
        ("under prepared keys, together", &|| {
            all(UnpackedKey::verify_each(&signed).into_iter())
        }),
        ("two products with dalek's tables", &|| {
            tables.iter().for_each(|table| {
                let sum = ED25519_BASEPOINT_TABLE.mul_base(&scalar) + table.mul_base(&scalar);
                black_box(sum.compress());
            });
            Ok(())
        }),
        ("preparing a key", &|| {
            unpacked
                .iter()
                .for_each(|key| drop(black_box(key.clone().prepared())));
            Ok(())
        }),
        ("unpacking R", &|| {
            let r = |(_, signature): &(_, ed25519_dalek::Signature)| {
                CompressedEdwardsY(*signature.r_bytes())
                    .decompress()
                    .is_some()
            };
            all(strict.iter().map(r))
        }),
        ("a product with the group's order", &|| {
            all(points.iter().map(EdwardsPoint::is_torsion_free))
        }),
        ("128 sums of two points", &|| {
            for point in &points {
                black_box((0..128).fold(*point, |sum, _| sum + black_box(point)));
            }
            Ok(())
        }),
    ];
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for ((_, way), times) in ways.iter().zip(&mut times) {
            times.push(seconds(way)? / txs.len() as f64);
        }
    }
    for ((name, _), times) in ways.iter().zip(times) {
        println!("signatures/{name:<33} {:6.1} us", median(times) * 1e6);
    }
    let creating = || {
        seconds(|| {
            black_box(EdwardsBasepointTable::create(&points[0]));
            Ok(())
        })
    };
    let creating = (0..ROUNDS).map(|_| creating()).collect::<Result<_>>()?;
    println!(
        "signatures/{:<33} {:6.1} us",
        "making a table of dalek's",
        median(creating) * 1e6
    );
    Ok(())
}

fn all(mut holds: impl Iterator<Item = bool>) -> Result<()> {
    ensure!(holds.all(|holds| holds), "every signature holds");
    Ok(())
}

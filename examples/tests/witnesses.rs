//! Witnesses of other hospitals, who cosign what a ledger shows.

#![allow(clippy::unwrap_used, reason = "a test panics")]

use std::fs;

mod common;
use common::served::Served;
use common::{Place, image, text};

#[test]
fn a_proof_carries_the_cosignature_of_another_hospital() {
    let (place, clinic) = (Place::new(), Place::empty());
    let shared = place.share(&image("CT_small.dcm"));
    let share = text(&shared, "share_id").to_owned();
    let status = |place: &Place, home| {
        let status = place.run(["ledger", "status", "--json", "--home", home]);
        text(&status.ok().json(), "trust").to_owned()
    };
    clinic.init("clinic").ok();
    let (trust, other) = (status(&place, "city"), status(&clinic, "clinic"));
    let named = ["--witness-name", "clinic.example/w"];
    let witness = Served::with(
        &clinic,
        "clinic",
        &[&named[..], &["--witness-for", &trust]].concat(),
    );
    let address = witness.witness.clone().unwrap();
    let (key, _) = address.split_once('@').unwrap();
    let served = Served::with(&place, "city", &["--witness", &address]);
    let config = place.path("bob").join("config.json");
    let mut bob: serde_json::Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    bob["ledger"] = served.url.clone().into();
    fs::write(&config, bob.to_string()).unwrap();

    // the first round of questions begins when the node does: ask until it is over
    let check = ["check-proof", "proof", "--trust", &trust, "--witness", key];
    let start = std::time::Instant::now();
    loop {
        let _ = fs::remove_file(place.path("proof"));
        place
            .run(["prove", "--home", "bob", &share, "--out", "proof"])
            .ok();
        let proof = fs::read(place.path("proof")).unwrap();
        if proof.windows(16).any(|words| words == b"clinic.example/w") {
            break;
        }
        assert!(start.elapsed().as_secs() < 30, "nobody cosigned");
    }
    place.run(check).ok();
    let stranger = key.replace("clinic.example/w", "clinic.example/v");
    let stranger = [
        "check-proof",
        "proof",
        "--trust",
        &trust,
        "--witness",
        &stranger,
    ];
    place.run(stranger).fails(2, &["short name"]);
    let quorum = [&check[..], &["--quorum", "2"]].concat();
    place.run(quorum).fails(1, &["a quorum of 2"]);
    // the same witness again is no second one, and asks for no second cosignature
    let twice = [&check[..], &["--witness", key]].concat();
    place.run(twice.clone()).ok();
    let quorum = [&twice[..], &["--quorum", "2"]].concat();
    place
        .run(quorum)
        .fails(1, &["a quorum of 2 among 1 different witnesses"]);
    // a home that counts on the witness hears the node's answers only with its cosignature
    let at = ["--ledger", &served.url, "--trust", &trust, "--witness", key];
    let name = ["--name", "Dora", "--email", "dora@example.org"];
    let init = ["init", "--no-passphrase", "--home", "dora"];
    place.run(init.iter().chain(&name).chain(&at)).ok();
    let configured = fs::read_to_string(place.path("dora").join("config.json")).unwrap();
    assert!(configured.contains(key));
    place.run(["ledger", "status", "--home", "dora"]).ok();
    let edited = configured.replace("\"quorum\": 1", "\"quorum\": 2");
    assert_ne!(edited, configured);
    fs::write(place.path("dora").join("config.json"), edited).unwrap();
    place
        .run(["ledger", "status", "--home", "dora"])
        .fails(1, &["2 witnesses must have cosigned"]);
    let init = ["init", "--no-passphrase", "--home", "eve", "--witness", key];
    place
        .run(init.iter().chain(&name))
        .fails(1, &["--witness is for the ledger of a node"]);
    // its own proof, for another ledger's key, is not taken
    let elsewhere = ["check-proof", "proof", "--trust", &other, "--witness", key];
    place.run(elsewhere).fails(3, &["rejected"]);
    // a proof without cosignatures is not enough
    drop((served, witness));
    let alone = ["prove", "--home", "alice", &share, "--out", "alone"];
    place.run(alone).ok();
    let alone = ["check-proof", "alone", "--trust", &trust, "--witness", key];
    place
        .run(alone)
        .fails(3, &["1 witnesses must have cosigned"]);
}

//! The main job: the demo, and the same from the shell in separate processes.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

mod common;
use common::{Place, image, text, tiff};

#[test]
fn the_demo_accepts_the_true_shares_and_rejects_every_attack() {
    let place = Place::empty();
    let ran = place.run(["demo", "--json"]).ok();
    let shares = ran.json();
    let shares = shares["shares"].as_array().unwrap();
    assert_eq!(shares.len(), 3);
    for share in shares {
        assert_eq!(share["verdict"], "verified");
        let attacks = share["attacks"].as_array().unwrap();
        // what the issue of the demo names, and more
        for (name, step) in [
            ("a stored block with one bit flipped", 3),
            ("the envelope made again by the stranger", 4),
            (
                "the payload moved into another image, sealed by the sender",
                7,
            ),
            (
                "one pixel of the stego image changed, sealed by the sender",
                7,
            ),
            ("a hidden description that is not the recorded one", 6),
            ("an old envelope under a new record", 6),
            ("the stranger asks for the share", 2),
            (
                "the stranger is named on the ledger, and opens the envelope",
                4,
            ),
            ("a record that was signed, but is in no approved block", 1),
        ] {
            let attack = attacks.iter().find(|attack| attack["attack"] == name);
            assert_eq!(attack.unwrap()["step"], step, "{name}");
        }
    }
    assert_eq!(
        fs::read_dir(place.directory.path()).unwrap().count(),
        0,
        "a demo leaves nothing"
    );
}

#[test]
fn the_demo_takes_files_and_fails_on_one_that_is_no_image() {
    let place = Place::empty();
    fs::write(place.path("scan.tif"), tiff(128, 96)).unwrap();
    let ran = place.run(["demo", "scan.tif"]).ok();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(
        said.contains("step 7: the image is the one that was sent"),
        "{said}"
    );
    fs::write(place.path("scan.dcm"), "not an image").unwrap();
    place
        .run(["demo", "scan.dcm"])
        .fails(1, &["scan.dcm", "DICOM"]);
}

#[test]
fn what_is_received_is_what_was_sent_byte_for_byte() {
    let place = Place::new();
    fs::write(place.path("scan.tif"), tiff(128, 96)).unwrap();
    for file in [
        image("CT_small.dcm"),
        image("MR_small_implicit.dcm"),
        image("phantom.png"),
        place.path("scan.tif"),
    ] {
        let shared = place.share(&file);
        let received = place
            .receive("bob", text(&shared, "share_id"), "received")
            .ok()
            .json();
        assert_eq!(received["verdict"], "verified");
        assert_eq!(received["cid"], shared["cid"]);
        assert_eq!(received["height"], shared["height"]);
        assert_eq!(received["steps"].as_array().unwrap().len(), 7);
        assert_eq!(
            fs::read(&file).unwrap(),
            fs::read(place.path("received")).unwrap()
        );
    }
}

#[test]
fn a_stego_image_is_verified_after_it_left_its_envelope() {
    let place = Place::new();
    for (name, scheme) in [
        ("CT_small.dcm", "reversible"),
        // 64 x 64 samples do not hold the record reversibly
        ("MR_small_implicit.dcm", "replacement/2"),
        ("phantom.png", "reversible"),
    ] {
        let shared = place.share(&image(name));
        assert_eq!(shared["scheme"], scheme, "{name}");
        let share_id = text(&shared, "share_id");
        place
            .run([
                "receive",
                "--home",
                "bob",
                share_id,
                "--out",
                "stego",
                "--as-sent",
            ])
            .ok();
        let stego = fs::read(place.path("stego")).unwrap();
        assert_ne!(stego, fs::read(image(name)).unwrap());
        // Bob has the hiding key since he received it, Alice since she sent it; Mallory never had it
        for home in ["bob", "alice"] {
            let verified = place
                .run(["verify", "--json", "--home", home, "stego"])
                .ok()
                .json();
            assert_eq!(verified["verdict"], "verified");
            assert_eq!(verified["kind"], "stego");
            assert_eq!(verified["share_id"], shared["share_id"]);
        }
        place
            .run(["verify", "--home", "mallory", "stego"])
            .fails(3, &["step 5", "sealed"]);

        // the original has no record in it, and is recognised
        let original = image(name);
        let verified = place
            .run([
                "verify",
                "--json",
                "--home",
                "bob",
                original.to_str().unwrap(),
            ])
            .ok()
            .json();
        assert_eq!(verified["kind"], "original");
        place
            .run(["verify", "--home", "mallory", original.to_str().unwrap()])
            .fails(3, &["step 5", "no hidden record"]);
    }
}

#[test]
fn a_changed_stego_image_is_rejected_at_step_7() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share_id = text(&shared, "share_id");
    place
        .run([
            "receive",
            "--home",
            "bob",
            share_id,
            "--out",
            "stego.dcm",
            "--as-sent",
        ])
        .ok();
    let mut stego = fs::read(place.path("stego.dcm")).unwrap();
    // the last sample: CT_small ends with 126 bytes of trailing padding after PixelData
    let at = stego.len() - 140;
    stego[at] ^= 0x40;
    fs::write(place.path("stego.dcm"), stego).unwrap();
    let ran = place.run(["verify", "--json", "--home", "bob", "stego.dcm"]);
    let ran = ran.fails(3, &["rejected"]);
    // whoever mails altered images had good shares frozen
    assert!(!ran.stderr.contains("freezes"), "{}", ran.stderr);
    let verdict = ran.json();
    assert_eq!(verdict["verdict"], "rejected");
    assert!(verdict["step"] == 7 || verdict["step"] == 5, "{verdict}");
}

/// The log listed it as live, and said that the sender revoked it "to" somebody.
#[test]
fn the_log_of_a_receiver_says_what_was_taken_back() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share = text(&shared, "share_id");
    let revoke = ["revoke", "--home", "alice", share, "--from", "bob.pgp"];
    place.run(revoke).ok();
    for (home, status) in [("bob", "taken back"), ("alice", "live")] {
        let log = place.run(["log", "--home", home]).ok();
        assert!(log.text().contains(status), "{log:?}");
    }
    let log = place.run(["log", "--home", "bob", share]).ok();
    assert!(log.text().contains("  from "), "{log:?}");
}

/// The ledger refuses to withdraw what is frozen, so that its blocks stayed for ever.
#[test]
fn the_sender_of_a_rejected_share_removes_its_blocks() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share = text(&shared, "share_id");
    place.run(["reject", "--home", "bob", share]).ok();
    let withdraw = ["withdraw", "--json", "--home", "alice", share];
    let withdrawn = place.run(withdraw).ok().json();
    assert_eq!(withdrawn["status"], "rejected");
    assert!(
        withdrawn["removed_blocks"].as_u64().unwrap() > 3,
        "{withdrawn}"
    );
    let log = place.run(["log", "--json", "--home", "alice", share]).ok();
    assert_eq!(log.json()["events"].as_array().unwrap().len(), 2);
}

/// An encryption key that its owner had given up was sealed to without a word.
#[test]
fn an_older_cert_than_the_ledger_knows_is_not_sealed_to() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let (share, ct) = (text(&shared, "share_id"), image("CT_small.dcm"));
    let ct = ct.to_str().unwrap();
    for member in ["bob", "mallory"] {
        place.run(["rotate-key", "--home", member]).ok();
    }
    let before = ["share", "--home", "alice", ct, "--to", "bob.pgp"];
    let grant = ["grant", "--home", "alice", share, "--to", "mallory.pgp"];
    for command in [&before, &grant] {
        let ran = place.run(command);
        ran.fails(1, &["not the one that the ledger knows", "medshare cert"]);
    }
    for member in ["bob", "mallory"] {
        let new = format!("{member}-new.pgp");
        place.run(["cert", "--home", member, "--out", &new]).ok();
    }
    let twice = ["bob-new.pgp", "--to", "bob-new.pgp"];
    place
        .run([&before[..5], &twice].concat())
        .fails(1, &["is named twice"]);
    place.run([&before[..5], &twice[..1]].concat()).ok();
    place.run([&grant[..5], &["mallory-new.pgp"]].concat()).ok();
}

#[test]
fn the_description_can_be_given_and_comes_back() {
    let place = Place::new();
    fs::write(place.path("words.txt"), "Frau M\u{fc}ller, knee").unwrap();
    let phantom = image("phantom.png");
    for describe in ["Frau M\u{fc}ller, knee", "@words.txt"] {
        let shared = place
            .run([
                "share",
                "--json",
                "--home",
                "alice",
                phantom.to_str().unwrap(),
                "--to",
                "bob.pgp",
                "--describe",
                describe,
            ])
            .ok()
            .json();
        let received = place
            .receive("bob", text(&shared, "share_id"), "received")
            .ok()
            .json();
        assert_eq!(received["description"], "Frau M\u{fc}ller, knee");
    }
    // nothing of it is on the ledger, in any file of it
    let ledger = fs::read(place.path("shared/ledger.redb")).unwrap();
    assert!(
        !ledger
            .windows(6)
            .any(|window| window == "M\u{fc}ller".as_bytes().get(..6).unwrap())
    );
}

#[test]
fn dicom_attributes_are_hidden_by_default_and_not_on_the_ledger() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let received = place
        .receive("bob", text(&shared, "share_id"), "received")
        .ok()
        .json();
    assert_eq!(received["description"]["00100010"], "CompressedSamples^CT1");
    let ledger = fs::read(place.path("shared/ledger.redb")).unwrap();
    assert!(
        !ledger
            .windows(17)
            .any(|window| window == b"CompressedSamples")
    );
}

#[test]
fn the_log_tells_what_happened_to_a_share() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share_id = text(&shared, "share_id").to_owned();
    place.receive("bob", &share_id, "received").ok();
    let log = place
        .run(["log", "--json", "--home", "bob", &share_id[..8]])
        .ok()
        .json();
    let kinds: Vec<_> = log["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| text(e, "kind").to_owned())
        .collect();
    assert_eq!(kinds, ["share", "accept"]);
    place.run(["withdraw", "--home", "alice", &share_id]).ok();
    let log = place.run(["log", "--json", "--home", "alice"]).ok().json();
    assert_eq!(log["shares"][0]["status"], "withdrawn");
    let log = place
        .run(["log", "--json", "--home", "mallory"])
        .ok()
        .json();
    assert_eq!(log["shares"].as_array().unwrap().len(), 0);
}

/// The root of a grant that was revoked, and made anew, stayed in the store, and all that is shared with it. And whoever could not
/// remove anything could not withdraw again either.
#[test]
fn withdrawing_removes_what_every_grant_made_and_can_be_repeated() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    let share = text(&shared, "share_id");
    for _ in 0..2 {
        let grant = ["grant", "--home", "alice", share, "--to", "mallory.pgp"];
        place.run(grant).ok();
        let revoke = ["revoke", "--home", "alice", share, "--from", "mallory.pgp"];
        place.run(revoke).ok();
    }
    let pins = || {
        let listed = place.run(["pin", "ls", "--json", "--home", "alice"]).ok();
        listed.json()["pins"].as_array().unwrap().len()
    };
    let before = pins();
    // a file where the store's folder is: nothing can be removed
    let (store, aside) = (place.path("shared/store"), place.path("aside"));
    fs::rename(&store, &aside).unwrap();
    fs::write(&store, "no folder").unwrap();
    place
        .run(["withdraw", "--home", "alice", share])
        .fails(1, &["the share is frozen", "repeat the command"]);
    fs::remove_file(&store).unwrap();
    fs::rename(&aside, &store).unwrap();
    let withdrawn = place.run(["withdraw", "--json", "--home", "alice", share]);
    let withdrawn = withdrawn.ok().json();
    assert!(
        withdrawn["removed_blocks"].as_u64().unwrap() > 3,
        "{withdrawn}"
    );
    // the share's root, and that of each grant
    assert_eq!(pins() + 3, before);
    let log = place.run(["log", "--json", "--home", "alice", share]).ok();
    assert_eq!(log.json()["events"].as_array().unwrap().len(), 6);
}

#[test]
fn what_was_rejected_or_withdrawn_is_not_received() {
    let place = Place::new();
    for (sender, command, word) in [
        ("bob", "reject", "rejected"),
        ("alice", "withdraw", "withdrawn"),
    ] {
        let shared = place.share(&image("CT_small.dcm"));
        let share_id = text(&shared, "share_id");
        place.run([command, "--home", sender, share_id]).ok();
        let ran = place.receive("bob", share_id, "received");
        let verdict = ran.fails(3, &[word]).json();
        assert_eq!(verdict["step"], 2);
        assert!(!place.path("received").exists());
        place
            .run(["reject", "--home", "bob", share_id])
            .fails(1, &["refuses"]);
    }
}

/// The original of a share that was taken back was "verified", where its stego image was rejected; and of several shares of one file, any
/// one was looked at.
#[test]
fn an_original_is_verified_while_a_share_of_it_is_live() {
    let place = Place::new();
    let ct = image("CT_small.dcm");
    let verify = ["verify", "--json", "--home", "bob", ct.to_str().unwrap()];
    let shared = || {
        let share = text(&place.share(&ct), "share_id").to_owned();
        place.receive("bob", &share, "received").ok();
        share
    };
    for (home, command) in [("alice", "withdraw"), ("bob", "reject")] {
        let share = shared();
        assert_eq!(place.run(verify).ok().json()["status"], "live");
        place.run([command, "--home", home, &share]).ok();
        let ran = place.run(verify).fails(3, &["step 2"]);
        assert_eq!(ran.json()["verdict"], "rejected");
    }
    // whichever of the three has the lowest id
    let live = shared();
    let verified = place.run(verify).ok().json();
    assert_eq!(text(&verified, "share_id"), live);
}

#[test]
fn a_stranger_gets_nothing() {
    let place = Place::new();
    let shared = place.share(&image("CT_small.dcm"));
    fs::write(place.path("out"), "what was there before").unwrap();
    let verdict = place
        .receive("mallory", text(&shared, "share_id"), "out")
        .fails(3, &["step 2"])
        .json();
    assert_eq!(verdict["verdict"], "rejected");
    assert_eq!(
        fs::read(place.path("out")).unwrap(),
        b"what was there before"
    );
}

#[test]
fn standard_streams_are_files_too() {
    let place = Place::new();
    let original = fs::read(image("phantom.png")).unwrap();
    let shared = place
        .run_with(
            &original,
            ["share", "--json", "--home", "alice", "-", "--to", "bob.pgp"],
        )
        .ok()
        .json();
    let share_id = text(&shared, "share_id");
    let ran = place
        .run(["receive", "--home", "bob", share_id, "--out", "-"])
        .ok();
    assert_eq!(ran.stdout, original);
    place
        .run(["receive", "--json", "--home", "bob", share_id, "--out", "-"])
        .fails(1, &["--json"]);
    let cert = place.run(["cert", "--home", "bob"]).ok().stdout;
    place
        .run_with(&cert, ["enroll", "--home", "city", "-"])
        .fails(1, &["refuses"]);
}

#[test]
fn old_and_new_certs_share_with_each_other() {
    let place = Place::new();
    place
        .run([
            "init",
            "--home",
            "old",
            "--name",
            "old",
            "--email",
            "old@hospital.example",
            "--ledger",
            "shared/ledger.redb",
            "--store",
            "shared/store",
            "--profile",
            "rfc4880",
        ])
        .ok();
    place
        .run(["cert", "--home", "old", "--out", "old.pgp"])
        .ok();
    place.run(["enroll", "--home", "city", "old.pgp"]).ok();
    let ct = image("CT_small.dcm");
    for (from, to) in [("old", "bob"), ("alice", "old")] {
        let shared = place
            .run([
                "share",
                "--json",
                "--home",
                from,
                ct.to_str().unwrap(),
                "--to",
                &format!("{to}.pgp"),
            ])
            .ok()
            .json();
        place
            .receive(to, text(&shared, "share_id"), "received")
            .ok();
        assert_eq!(
            fs::read(&ct).unwrap(),
            fs::read(place.path("received")).unwrap()
        );
    }
}

#[test]
fn keys_are_protected() {
    let place = Place::new();
    #[cfg(unix)]
    for file in [
        "alice/key.pgp",
        "alice/revocation.pgp",
        "shared/ledger.redb",
    ] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(place.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let shared = place.share(&image("CT_small.dcm"));
    fs::write(place.path("wrong"), "wrong\n").unwrap();
    place
        .run([
            "receive",
            "--home",
            "bob",
            text(&shared, "share_id"),
            "--out",
            "received",
            "--passphrase-file",
            "wrong",
        ])
        .fails(1, &["passphrase"]);
    assert!(!place.path("received").exists());
    let ran = place.run([
        "init",
        "--home",
        "open",
        "--name",
        "open",
        "--email",
        "open@hospital.example",
        "--no-passphrase",
    ]);
    assert!(ran.ok().stderr.contains("the mode of its file alone"));
}

#[test]
fn a_grant_writes_key_packets_only() {
    let place = Place::new();
    let shared = place.share(&image("phantom.png"));
    let share_id = text(&shared, "share_id");
    place
        .receive("mallory", share_id, "received")
        .fails(3, &["step 2"]);
    let granted = place
        .run([
            "grant",
            "--json",
            "--home",
            "alice",
            share_id,
            "--to",
            "mallory.pgp",
        ])
        .ok()
        .json();
    let written = granted["written_bytes"].as_u64().unwrap();
    assert!(written < 2048, "{granted}");
    for home in ["mallory", "bob"] {
        place.receive(home, share_id, "received").ok();
        assert_eq!(
            fs::read(image("phantom.png")).unwrap(),
            fs::read(place.path("received")).unwrap()
        );
    }
    place
        .run(["grant", "--home", "bob", share_id, "--to", "city.pgp"])
        .fails(1, &["only its sender"]);
}

//! Each attack of DESIGN.md's table, and the step that stops it: everything true but one thing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use ipfs_store::{BlockStore as _, Profile, dag};
use ledger_core::{Accept, Body, Grant, Reject, Revoke, RevokeMember, Withdraw};
use medical_image::{Picture, Samples};
use medshare_verify::testing::{Draft, ENVELOPE, World, envelope_policy};
use medshare_verify::{
    Binding, Description, HiddenRecord, LooseImage, MANIFEST_NAME, Manifest, Policy, Rejected,
    RevokedSender, Step, conceal,
};
use pgp_envelope::{Recipient, regrant};

mod images;
use images::{CT, MR, PHANTOM};

#[track_caller]
fn step<T: std::fmt::Debug>(verdict: Result<T, Rejected>) -> (Step, String) {
    let rejected = verdict.unwrap_err();
    (rejected.step(), rejected.to_string())
}

#[test]
fn a_true_share_of_every_kind_is_verified_and_restored() {
    let mut world = World::new();
    for (number, file) in [(1, CT), (2, MR), (3, PHANTOM)] {
        let draft = world.draft(number);
        let (concealed, _) = world.share(&draft, file);
        let verified = world.verify("bob", &draft).unwrap();
        assert_eq!(verified.original(), file);
        assert_eq!(verified.stego(), concealed.stego);
        assert_eq!(verified.record(), &concealed.record);
        assert_eq!(verified.name(), "image.dcm");
        let steps: Vec<u8> = verified
            .checks()
            .iter()
            .map(|c| c.step().number())
            .collect();
        assert_eq!(steps, [1, 2, 3, 4, 5, 6, 7]);
    }
}

#[test]
fn a_plain_record_is_readable_without_a_key() {
    let mut world = World::new();
    let mut draft = world.draft(1);
    draft.key = None;
    let (concealed, _) = world.share(&draft, CT);
    world.verify("bob", &draft).unwrap();
    let loose = LooseImage::read(concealed.stego, &[]).unwrap();
    assert_eq!(loose.share_id(), &draft.share_id);
}

#[test]
fn step_1_a_record_that_nobody_approved() {
    let mut world = World::new();
    let draft = world.draft(1);
    let (concealed, root) = world.share(&draft, CT);
    let mut other = draft.clone();
    other.share_id = ledger_core::ShareId::new([9; 32]);
    let tx = world.sign("alice", other.created_at, other.body(root, &concealed));
    let ipld_core::ipld::Ipld::Map(mut fields) =
        serde_ipld_dagcbor::from_slice(&world.bundle(&draft)).unwrap()
    else {
        panic!("a bundle is a map");
    };
    fields.insert(
        "transaction".to_owned(),
        ipld_core::ipld::Ipld::Bytes(tx.to_bytes()),
    );
    let forged = serde_ipld_dagcbor::to_vec(&ipld_core::ipld::Ipld::Map(fields)).unwrap();
    let policy = Policy::new(envelope_policy());
    let (step, reason) = step(world.verify_with("bob", &other, &forged, &policy));
    assert_eq!(step, Step::Record);
    assert!(reason.contains("not in the log"), "{reason}");
}

#[test]
fn step_1_the_proof_of_another_share() {
    let mut world = World::new();
    let (draft, other) = (world.draft(1), world.draft(2));
    world.share(&draft, CT);
    world.share(&other, MR);
    let policy = Policy::new(envelope_policy());
    let (step, reason) = step(world.verify_with("bob", &draft, &world.bundle(&other), &policy));
    assert_eq!(step, Step::Record);
    assert!(reason.contains(&other.share_id.to_string()), "{reason}");
}

#[test]
fn step_1_any_bit_of_the_proof() {
    let mut world = World::new();
    let draft = world.draft(1);
    world.share(&draft, CT);
    let bundle = world.bundle(&draft);
    let policy = Policy::new(envelope_policy());
    for at in (0..bundle.len()).step_by(37) {
        let mut changed = bundle.clone();
        changed[at] ^= 1 << (at % 8);
        let verdict = world.verify_with("bob", &draft, &changed, &policy);
        assert_eq!(step(verdict).0, Step::Record, "byte {at}");
    }
}

#[test]
fn step_2_nobody_but_a_named_receiver() {
    let mut world = World::new();
    let draft = world.draft(1);
    world.share(&draft, CT);
    for stranger in ["mallory", "alice", "city"] {
        let (step, reason) = step(world.verify(stranger, &draft));
        assert_eq!(step, Step::Live, "{stranger}");
        assert!(reason.contains("does not name"), "{reason}");
    }
}

#[test]
fn step_2_what_was_frozen_or_taken_back() {
    let share_id = |draft: &Draft| draft.share_id;
    for case in 0..3 {
        let mut world = World::new();
        let draft = world.draft(1);
        world.share(&draft, CT);
        world.send(
            "bob",
            Body::Accept(Accept {
                share_id: share_id(&draft),
            }),
        );
        world.verify("bob", &draft).unwrap();
        let (sender, body) = match case {
            0 => (
                "bob",
                Body::Reject(Reject {
                    share_id: share_id(&draft),
                    reason: None,
                }),
            ),
            1 => (
                "alice",
                Body::Withdraw(Withdraw {
                    share_id: share_id(&draft),
                }),
            ),
            _ => (
                "alice",
                Body::Revoke(Revoke {
                    share_id: share_id(&draft),
                    receivers: vec![world.bob.address],
                }),
            ),
        };
        // a receiver that accepted cannot reject any more; a share of its own then
        if case == 0 {
            let mut other = world.draft(2);
            other.created_at = world.chain.time;
            world.share(&other, MR);
            world.send(
                "bob",
                Body::Reject(Reject {
                    share_id: other.share_id,
                    reason: None,
                }),
            );
            assert_eq!(step(world.verify("bob", &other)).0, Step::Live);
            continue;
        }
        world.send(sender, body);
        assert_eq!(
            step(world.verify("bob", &draft)).0,
            Step::Live,
            "case {case}"
        );
    }
}

#[test]
fn step_2_a_sender_that_was_revoked_unless_the_policy_accepts_it() {
    let mut world = World::new();
    let draft = world.draft(1);
    world.share(&draft, CT);
    let address = world.alice.address;
    world.send("city", Body::RevokeMember(RevokeMember { address }));
    let (step, reason) = step(world.verify("bob", &draft));
    assert_eq!(step, Step::Live);
    assert!(reason.contains("revoked"), "{reason}");
    let lenient = Policy::new(envelope_policy()).revoked_sender(RevokedSender::Accept);
    world
        .verify_with("bob", &draft, &world.bundle(&draft), &lenient)
        .unwrap();
}

#[test]
fn step_3_a_block_that_is_missing() {
    let mut world = World::new();
    let draft = world.draft(1);
    let (_, root) = world.share(&draft, CT);
    let cids: Vec<_> = dag::walk(&world.store, &root)
        .map(|block| *block.unwrap().cid())
        .collect();
    for cid in cids {
        let block = world.store.get(&cid).unwrap().unwrap();
        world.store.delete(&cid).unwrap();
        let (step, reason) = step(world.verify("bob", &draft));
        assert_eq!(step, Step::Content);
        assert!(reason.contains(&cid.to_string()), "{reason}");
        world.store.put(&block).unwrap();
    }
    world.verify("bob", &draft).unwrap();
}

#[test]
fn step_3_a_directory_without_manifest_or_envelope() {
    let mut world = World::new();
    for (number, keep) in [(1, MANIFEST_NAME), (2, ENVELOPE)] {
        let draft = world.draft(number);
        let concealed = draft.hide(CT);
        let image = world.seal(&world.alice, &concealed.stego, &[&world.bob]);
        let manifest = draft.manifest(&concealed).to_bytes();
        let manifest = world.seal(&world.alice, &manifest, &[&world.bob]);
        let node = if keep == ENVELOPE { image } else { manifest };
        let root = world.directory(&[(keep, node)]);
        world.send_at("alice", draft.created_at, draft.body(root, &concealed));
        let (step, reason) = step(world.verify("bob", &draft));
        assert_eq!(step, Step::Content);
        assert!(reason.contains("has no"), "{reason}");
    }
}

#[test]
fn step_4_sealed_by_somebody_else() {
    let mut world = World::new();
    let draft = world.draft(1);
    let concealed = draft.hide(CT);
    let root = world.store_share(
        &world.mallory,
        &draft.manifest(&concealed),
        &concealed.stego,
    );
    world.send_at("alice", draft.created_at, draft.body(root, &concealed));
    assert_eq!(step(world.verify("bob", &draft)).0, Step::Envelope);
}

#[test]
fn step_4_sealed_for_somebody_else() {
    let mut world = World::new();
    let draft = world.draft(1);
    let (_, root) = world.share(&draft, CT);
    let body = Body::Grant(Grant {
        share_id: draft.share_id,
        content: root,
        receivers: vec![world.mallory.address],
    });
    world.send("alice", body);
    assert_eq!(step(world.verify("mallory", &draft)).0, Step::Envelope);
    world.verify("bob", &draft).unwrap();
}

#[test]
fn a_receiver_that_was_granted_later_opens_the_same_bodies() {
    let mut world = World::new();
    let draft = world.draft(1);
    let (_, root) = world.share(&draft, CT);
    let mallory = Recipient::new(&world.mallory.cert, &envelope_policy()).unwrap();
    let verified = world.verify("bob", &draft).unwrap();
    let entries: Vec<_> = verified
        .session_keys()
        .iter()
        .map(|(name, session_key)| {
            let file = dag::resolve(&world.store, &root, name).unwrap();
            let parts = dag::parts(&world.store, &file).unwrap();
            let mut head = Vec::new();
            let mut reader = dag::cat(&world.store, &parts[0].cid).unwrap();
            std::io::Read::read_to_end(&mut reader, &mut head).unwrap();
            let head = regrant(&head, session_key, std::slice::from_ref(&mallory)).unwrap();
            let head = dag::add(&world.store, &head[..], Profile::UnixfsV1_2025).unwrap();
            let file = dag::concat(&world.store, &[head, parts[1]], Profile::UnixfsV1_2025);
            (name.as_str(), file.unwrap())
        })
        .collect();
    let content = world.directory(&entries);
    let body = Body::Grant(Grant {
        share_id: draft.share_id,
        content,
        receivers: vec![world.mallory.address],
    });
    world.send("alice", body);
    assert_eq!(world.verify("mallory", &draft).unwrap().original(), CT);
    assert_eq!(world.verify("bob", &draft).unwrap().original(), CT);
}

#[test]
fn step_4_a_manifest_that_is_none_or_of_many_images() {
    let mut world = World::new();
    let concealed = world.draft(1).hide(CT);
    let instance = world.draft(1).manifest(&concealed).instances()[0].clone();
    let two = Manifest::new(None, vec![instance.clone(), instance]).to_bytes();
    let none = Manifest::new(None, Vec::new()).to_bytes();
    for (number, manifest) in [(1, &two[..]), (2, &none[..]), (3, &b"no manifest"[..])] {
        let draft = world.draft(number);
        let image = world.seal(&world.alice, &concealed.stego, &[&world.bob]);
        let manifest = world.seal(&world.alice, manifest, &[&world.bob]);
        let root = world.directory(&[(ENVELOPE, image), (MANIFEST_NAME, manifest)]);
        world.send_at("alice", draft.created_at, draft.body(root, &concealed));
        assert_eq!(step(world.verify("bob", &draft)).0, Step::Envelope);
    }
}

#[test]
fn step_5_nothing_hidden_or_damaged_or_under_another_key() {
    let mut world = World::new();
    let concealed = world.draft(1).hide(CT);
    let mut damaged = Picture::read(concealed.stego.clone()).unwrap();
    let mut samples = damaged.samples().clone();
    if let Samples::U16(samples) = &mut samples {
        // behind the magic, inside the head
        samples[80] ^= 1;
    }
    damaged = Picture::read(damaged.patch(&samples).unwrap().bytes).unwrap();
    let wrong_key = world.draft(4).manifest(&concealed);
    for (number, stego, manifest) in [
        (1, CT, None),
        (2, damaged.bytes(), None),
        (3, b"not even an image".as_slice(), None),
        (4, concealed.stego.as_slice(), Some(wrong_key)),
    ] {
        let draft = world.draft(number);
        let manifest = manifest.unwrap_or_else(|| world.draft(1).manifest(&concealed));
        let root = world.store_share(&world.alice, &manifest, stego);
        world.send_at("alice", draft.created_at, draft.body(root, &concealed));
        assert_eq!(
            step(world.verify("bob", &draft)).0,
            Step::Hidden,
            "case {number}"
        );
    }
}

#[test]
fn step_6_every_field_of_the_hidden_record() {
    let mut world = World::new();
    type Change = fn(&mut Draft, &World);
    let changes: [(&str, Change); 6] = [
        ("share id", |draft, _| {
            draft.share_id = ledger_core::ShareId::new([77; 32]);
        }),
        ("sender", |draft, world| {
            draft.sender = world.mallory.address;
        }),
        ("list of receivers", |draft, world| {
            draft.receivers.push(world.mallory.address);
        }),
        ("time", |draft, _| draft.created_at += 1),
        ("commitment", |draft, _| {
            draft.description = Description::text("somebody else").unwrap();
        }),
        ("commitment", |draft, _| {
            draft.salt = medshare_verify::Salt::new([78; 32]);
        }),
    ];
    for (number, (what, change)) in (1..).zip(changes) {
        let draft = world.draft(number);
        let mut hidden = draft.clone();
        change(&mut hidden, &world);
        let concealed = hidden.hide(CT);
        let root = world.store_share(&world.alice, &draft.manifest(&concealed), &concealed.stego);
        world.send_at("alice", draft.created_at, draft.body(root, &concealed));
        let (step, reason) = step(world.verify("bob", &draft));
        assert_eq!(step, Step::Match, "{what}");
        assert!(reason.contains(what), "{reason}");
    }
}

#[test]
fn step_6_an_old_envelope_under_a_new_record() {
    let mut world = World::new();
    let (old, new) = (world.draft(1), world.draft(2));
    let (concealed, root) = world.share(&old, CT);
    world.send_at("alice", new.created_at, new.body(root, &concealed));
    assert_eq!(step(world.verify("bob", &new)).0, Step::Match);
}

#[test]
fn step_7_a_payload_moved_into_another_image() {
    let mut world = World::new();
    for (number, own, other) in [(1, CT, PHANTOM), (2, MR, CT), (3, PHANTOM, MR)] {
        let draft = world.draft(number);
        let record = draft.hide(own).record;
        let other = Picture::read(other.to_vec()).unwrap();
        let concealed = conceal(&other, draft.key.as_ref(), |image| HiddenRecord {
            image: Binding {
                scheme: image.scheme,
                ..record.image.clone()
            },
            ..record.clone()
        })
        .unwrap();
        let root = world.store_share(&world.alice, &draft.manifest(&concealed), &concealed.stego);
        world.send_at("alice", draft.created_at, draft.body(root, &concealed));
        assert_eq!(step(world.verify("bob", &draft)).0, Step::Image);
    }
}

#[test]
fn step_7_a_pixel_that_carries_nothing() {
    let mut world = World::new();
    for (number, file) in [(1, CT), (2, MR), (3, PHANTOM)] {
        let draft = world.draft(number);
        let mut concealed = draft.hide(file);
        let stego = Picture::read(concealed.stego).unwrap();
        let mut samples = stego.samples().clone();
        match &mut samples {
            Samples::U8(samples) => *samples.last_mut().unwrap() ^= 0x80,
            Samples::U16(samples) => *samples.last_mut().unwrap() ^= 0x80,
            _ => unreachable!("two widths"),
        }
        concealed.stego = stego.patch(&samples).unwrap().bytes;
        let root = world.store_share(&world.alice, &draft.manifest(&concealed), &concealed.stego);
        world.send_at("alice", draft.created_at, draft.body(root, &concealed));
        let (step, reason) = step(world.verify("bob", &draft));
        assert_eq!(step, Step::Image);
        assert!(reason.contains("samples"), "{reason}");
    }
}

#[test]
fn step_7_another_header_around_the_pixels() {
    let mut world = World::new();
    let draft = world.draft(1);
    let mut concealed = draft.hide(CT);
    let name = b"CompressedSamples^CT1";
    let at = concealed
        .stego
        .windows(name.len())
        .position(|window| window == name)
        .unwrap();
    concealed.stego[at] = b'D';
    let root = world.store_share(&world.alice, &draft.manifest(&concealed), &concealed.stego);
    world.send_at("alice", draft.created_at, draft.body(root, &concealed));
    let (step, reason) = step(world.verify("bob", &draft));
    assert_eq!(step, Step::Image);
    assert!(reason.contains("clinical attributes"), "{reason}");
}

#[test]
fn step_7_a_byte_of_the_file_outside_samples_and_header() {
    let mut world = World::new();
    let draft = world.draft(1);
    let mut concealed = draft.hide(CT);
    // the preamble: no reader looks at it, but it is not what was sent
    concealed.stego[100] ^= 1;
    let root = world.store_share(&world.alice, &draft.manifest(&concealed), &concealed.stego);
    world.send_at("alice", draft.created_at, draft.body(root, &concealed));
    let (step, reason) = step(world.verify("bob", &draft));
    assert_eq!(step, Step::Image);
    assert!(reason.contains("original bytes"), "{reason}");
}

#[test]
fn step_7_restore_data_of_another_length() {
    let mut world = World::new();
    let draft = world.draft(1);
    let mut concealed = draft.hide(CT);
    concealed.replaced.push(0);
    let root = world.store_share(&world.alice, &draft.manifest(&concealed), &concealed.stego);
    world.send_at("alice", draft.created_at, draft.body(root, &concealed));
    assert_eq!(step(world.verify("bob", &draft)).0, Step::Image);
}

#[test]
fn a_loose_image_is_verified_and_its_changes_are_not() {
    let mut world = World::new();
    for (number, file) in [(1, CT), (2, MR), (3, PHANTOM)] {
        let draft = world.draft(number);
        let (concealed, _) = world.share(&draft, file);
        let keys: Vec<_> = (0..4).filter_map(|n| world.draft(n).key).collect();
        let policy = Policy::new(envelope_policy());
        let read = |stego: Vec<u8>| LooseImage::read(stego, &keys);
        let verified = read(concealed.stego.clone())
            .unwrap()
            .verify(&world.bundle(&draft), &world.trust(), &policy, |_| {})
            .unwrap();
        assert_eq!(verified.record(), &concealed.record);

        assert_eq!(
            step(LooseImage::read(concealed.stego.clone(), &keys[..1])).0,
            Step::Hidden
        );
        assert_eq!(step(read(file.to_vec())).0, Step::Hidden);
        let stego = Picture::read(concealed.stego).unwrap();
        let mut samples = stego.samples().clone();
        match &mut samples {
            Samples::U8(samples) => *samples.last_mut().unwrap() ^= 0x80,
            Samples::U16(samples) => *samples.last_mut().unwrap() ^= 0x80,
            _ => unreachable!("two widths"),
        }
        let changed = read(stego.patch(&samples).unwrap().bytes).unwrap();
        let verdict = changed.verify(&world.bundle(&draft), &world.trust(), &policy, |_| {});
        assert_eq!(step(verdict).0, Step::Image);
    }
}

/// Bob has what opens the record, and so all of it; anybody has it where it is not sealed.
#[test]
fn a_loose_image_that_a_receiver_made_is_not_the_one_that_was_sent() {
    let mut world = World::new();
    let policy = Policy::new(envelope_policy());
    for (number, key) in [(1, world.draft(1).key), (2, None)] {
        let draft = Draft {
            key,
            ..world.draft(number)
        };
        let (concealed, _) = world.share(&draft, CT);
        let keys: Vec<_> = draft.key.iter().cloned().collect();
        let known = concealed.record;
        // sealed with the share's own key, or readable by all: the keys that Alice and Bob have take either
        for key in [draft.key.as_ref(), None] {
            let other = Picture::read(MR.to_vec()).unwrap();
            let forged = conceal(&other, key, |image| HiddenRecord {
                image,
                ..known.clone()
            });
            let loose = LooseImage::read(forged.unwrap().stego, &keys).unwrap();
            let verdict = loose.verify(&world.bundle(&draft), &world.trust(), &policy, |_| {});
            let (step, reason) = step(verdict);
            assert_eq!(step, Step::Match);
            assert!(reason.contains("commitment"), "{reason}");
        }
    }
}

#[test]
fn both_crates_sign_the_ledger_the_same_way() {
    assert_eq!(pgp_envelope::LEDGER_SUFFIX, ledger_core::SIGNATURE_SUFFIX);
}

//! What must hold for every record, whatever is in it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use ledger_core::{Address, ShareId};
use medical_image::Picture;
use medshare_verify::{
    Binding, Description, HiddenRecord, HidingKey, HidingScheme, Instance, Manifest, Salt, conceal,
    file_digest, rfc3339,
};
use proptest::prelude::*;

fn description() -> impl Strategy<Value = Description> {
    prop_oneof![
        ".{0,60}".prop_map(|text| Description::text(&text).unwrap()),
        prop::collection::btree_map("[0-9A-F]{8}", ".{0,20}", 0..6)
            .prop_map(|map: BTreeMap<String, String>| Description::attributes(&map).unwrap()),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    (any::<[u8; 32]>(), prop::sample::select(vec![20, 32]))
        .prop_map(|(bytes, length): (_, usize)| Address::new(bytes.get(..length).unwrap()).unwrap())
}

prop_compose! {
    fn record()(
        share_id in any::<[u8; 32]>(),
        salt in any::<[u8; 32]>(),
        description in description(),
        sender in address(),
        receivers in prop::collection::vec(address(), 1..4),
        created_at in 0u64..4_000_000_000,
        scheme in prop::sample::select(vec!["reversible", "replacement/1", "replacement/4"]),
        bytes in any::<[u8; 8]>(),
    ) -> HiddenRecord {
        let digest = file_digest(&bytes);
        HiddenRecord {
            share_id: ShareId::new(share_id),
            salt: Salt::new(salt),
            description,
            sender,
            receivers,
            created_at: rfc3339(created_at),
            image: Binding {
                scheme: scheme.parse::<HidingScheme>().unwrap(),
                file: digest,
                samples: digest,
                header: digest,
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_record_survives_sealing_and_only_its_key_opens_it(
        record in record(), key in any::<[u8; 32]>(), flip in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let keys = [HidingKey::new([9; 32]), HidingKey::new(key)];
        let payload = record.to_payload(Some(&keys[1])).unwrap();
        prop_assert_eq!(&HiddenRecord::from_payload(&payload, &keys).unwrap(), &record);
        prop_assert!(HiddenRecord::from_payload(&payload, &keys[..1]).is_err());
        let mut changed = payload;
        let at = flip.index(changed.len());
        changed[at] ^= 1 << bit;
        prop_assert!(HiddenRecord::from_payload(&changed, &keys).is_err(), "byte {}", at);
    }

    #[test]
    fn a_plain_record_survives_and_has_one_spelling(record in record(), extra in any::<u8>()) {
        let mut payload = record.to_payload(None).unwrap();
        prop_assert_eq!(&HiddenRecord::from_payload(&payload, &[]).unwrap(), &record);
        payload.push(extra);
        prop_assert!(HiddenRecord::from_payload(&payload, &[]).is_err());
    }

    #[test]
    fn commitments_differ_where_records_do(one in record(), other in record(), salt in any::<[u8; 32]>()) {
        prop_assert_eq!(one == other, one.commitment() == other.commitment());
        let salted = HiddenRecord { salt: Salt::new(salt), ..one.clone() };
        prop_assert_eq!(one == salted, one.commitment() == salted.commitment());
        let described = HiddenRecord { description: other.description.clone(), ..one.clone() };
        prop_assert_eq!(one == described, one.commitment() == described.commitment());
        let moved = HiddenRecord { image: other.image, ..one.clone() };
        prop_assert_eq!(one == moved, one.commitment() == moved.commitment());
    }

    #[test]
    fn text_commits_to_the_same_whatever_its_form(one in record()) {
        // U+00E9, and U+0065 U+0301
        let (composed, decomposed) = ("Ren\u{e9}", "Rene\u{301}");
        let commit = |text| {
            let description = Description::text(text).unwrap();
            HiddenRecord { description, ..one.clone() }.commitment()
        };
        prop_assert_eq!(commit(composed), commit(decomposed));
    }

    #[test]
    fn a_manifest_survives_and_has_one_spelling(
        key in prop::option::of(any::<[u8; 32]>()), name in ".{0,20}",
        replaced in prop::collection::vec(any::<u8>(), 0..40), restore in prop::collection::vec(any::<u8>(), 0..40),
        flip in any::<prop::sample::Index>(),
    ) {
        let instance = Instance { envelope: "0001.pgp".to_owned(), name, replaced, restore };
        let manifest = Manifest::new(key.map(HidingKey::new), vec![instance]);
        let bytes = manifest.to_bytes();
        prop_assert_eq!(&Manifest::from_bytes(&bytes).unwrap(), &manifest);
        prop_assert!(Manifest::from_bytes(&bytes[..flip.index(bytes.len())]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_hidden_in_an_image_names_that_image(record in record(), key in any::<[u8; 32]>()) {
        let file = include_bytes!("../../../examples/data/CT_small.dcm").to_vec();
        let picture = Picture::read(file).unwrap();
        let key = HidingKey::new(key);
        let concealed = conceal(&picture, Some(&key), |image| HiddenRecord { image, ..record.clone() }).unwrap();
        prop_assert_eq!(concealed.stego.len(), picture.bytes().len());
        prop_assert_eq!(concealed.record.image.file, file_digest(picture.bytes()));
        let loose = medshare_verify::LooseImage::read(concealed.stego, &[key]).unwrap();
        prop_assert_eq!(loose.share_id(), &record.share_id);
    }
}

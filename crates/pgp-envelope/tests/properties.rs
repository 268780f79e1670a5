//! What must hold for every plaintext, every set of recipients and every way of sealing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod people;

use std::num::NonZero;

use pgp_envelope::{
    Container, Fingerprint, Opener, Padding, Profile, Recipient, Sealer, Signer, head_len, regrant,
};
use proptest::prelude::*;
use sequoia_openpgp::parse::Parse as _;

use people::{NAMES, key, policy};

fn padding() -> impl Strategy<Value = Padding> {
    prop_oneof![
        Just(Padding::None),
        Just(Padding::Padme),
        (1u32..5000).prop_map(|bytes| Padding::Multiple(NonZero::new(bytes).unwrap())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_sealed_opens_for_each_recipient_and_nobody_else(
        plaintext in prop::collection::vec(any::<u8>(), 0..200_000),
        signer in 0usize..4,
        named in prop::collection::vec(any::<bool>(), 4),
        hidden in any::<bool>(),
        padding in padding(),
        threads in 1usize..4,
    ) {
        let policy = policy();
        let keys = NAMES.map(key);
        let chosen = |at: usize| named[at] || !named.contains(&true);
        let recipients: Vec<_> = (0..4)
            .filter(|&at| chosen(at))
            .map(|at| Recipient::new(&keys[at].cert(), &policy).unwrap())
            .collect();
        let modern = recipients.iter().all(|one| one.profile() == Profile::Rfc9580);
        let mut sealer = Sealer::new()
            .signer(&Signer::new(&keys[signer], &policy).unwrap())
            .recipients(recipients)
            .threads(NonZero::new(threads).unwrap())
            .padding(if modern { padding } else { Padding::None });
        if hidden {
            sealer = sealer.hidden_recipients();
        }
        let mut message = Vec::new();
        let sealed = sealer.seal(&plaintext[..], &mut message).unwrap();
        prop_assert_eq!(sealed.container() == Container::SeipdV1, !modern);
        prop_assert_eq!(head_len(&message[..]).unwrap(), sealed.head_len());
        // sequoia's own reader agrees on what stands there
        prop_assert!(sequoia_openpgp::PacketPile::from_bytes(&message).unwrap().children().count() > 1);
        for (at, reader) in keys.iter().enumerate() {
            let opened = Opener::new(&policy).key(reader).signer(&keys[signer].cert()).open(&message[..]);
            match chosen(at) {
                true => prop_assert!(opened.unwrap().into_vec().unwrap() == plaintext),
                false => prop_assert!(opened.is_err()),
            }
        }
        let (head, body) = message.split_at(usize::try_from(sealed.head_len()).unwrap());
        let all: Vec<_> = keys.iter().map(|key| Recipient::new(&key.cert(), &policy).unwrap()).collect();
        let granted = [&regrant(head, sealed.session_key(), &all).unwrap()[..], body].concat();
        for reader in &keys {
            let opener = Opener::new(&policy).key(reader).signer(&keys[signer].cert()).granted();
            prop_assert!(opener.open(&granted[..]).unwrap().into_vec().unwrap() == plaintext);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000), armored in any::<bool>()) {
        let policy = policy();
        let (alice, bob) = (key("alice-v6"), key("bob-v6"));
        let opener = people::opener(&policy, &alice, &bob);
        let bytes = if armored {
            [b"-----BEGIN PGP MESSAGE-----\n\n", &bytes[..]].concat()
        } else {
            bytes
        };
        prop_assert!(opener.open(&bytes[..]).is_err());
    }

    #[test]
    fn fingerprints_are_written_and_read(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 20),
        prop::collection::vec(any::<u8>(), 32),
    ]) {
        let fingerprint = Fingerprint::from_bytes(&bytes).unwrap();
        prop_assert_eq!(fingerprint.as_bytes(), &bytes[..]);
        prop_assert_eq!(fingerprint.to_string().parse::<Fingerprint>().unwrap(), fingerprint);
        let spaced: String = fingerprint.to_string().to_lowercase().chars().flat_map(|c| [c, ' ']).collect();
        prop_assert_eq!(spaced.parse::<Fingerprint>().unwrap(), fingerprint);
    }
}

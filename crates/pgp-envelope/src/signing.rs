//! Making the signature of a message: the packet before the content, and the one behind it.

use std::time::SystemTime;

use openpgp::crypto::hash;
use openpgp::packet::one_pass_sig::{OnePassSig3, OnePassSig6};
use openpgp::packet::signature::SignatureBuilder;
use openpgp::packet::{OnePassSig, Packet};
use openpgp::serialize::Serialize as _;
use openpgp::types::{HashAlgorithm, SignatureType, Timestamp};
use sequoia_openpgp as openpgp;

use crate::aside::Aside;
use crate::{Error, Recipient, Result, Signer};

/// SHA-256 has instructions of its own on today's CPUs, and is what every OpenPGP program knows.
const HASH: HashAlgorithm = HashAlgorithm::SHA256;

/// A signature under way.
pub(crate) struct Signing {
    builder: SignatureBuilder,
    pub(crate) hash: Aside<hash::Context>,
    signer: Signer,
}

impl Signing {
    pub(crate) fn new(
        signer: &Signer,
        time: Option<SystemTime>,
        recipients: &[Recipient],
        threaded: bool,
    ) -> Result<Self> {
        let failed = "preparing a signature";
        let time = time.unwrap_or_else(|| signer.time());
        let time = Timestamp::try_from(time).map_err(Error::library(failed))?;
        let time = SystemTime::from(time); // whole seconds
        let mut intended: Vec<_> = recipients.iter().map(Recipient::fingerprint).collect();
        intended.sort_unstable();
        intended.dedup();
        let intended: Vec<_> = intended
            .into_iter()
            .map(crate::Fingerprint::to_sequoia)
            .collect();
        let mut builder = SignatureBuilder::new(SignatureType::Binary)
            .set_hash_algo(HASH)
            .set_signature_creation_time(time)
            .and_then(|builder| builder.set_intended_recipients(intended))
            .map_err(Error::library(failed))?;
        let version = signer.key.version();
        if version == 6 {
            // Makes the salt, which the one-pass packet repeats and the hash begins with (section 5.2.4).
            builder =
                signer.sign_with(|key| builder.pre_sign(key).map_err(Error::library(failed)))?;
        }
        let mut hash = HASH
            .context()
            .map_err(Error::library(failed))?
            .for_signature(version);
        if let Some(salt) = builder.prefix_salt() {
            hash.update(salt);
        }
        Ok(Self {
            builder,
            hash: Aside::new(hash, threaded),
            signer: signer.clone(),
        })
    }

    /// The packet that tells a reader how to hash (section 5.4).
    pub(crate) fn one_pass(&self) -> Result<Vec<u8>> {
        let key = &self.signer.key;
        let packet: OnePassSig = match self.builder.prefix_salt() {
            Some(salt) => {
                let mut packet = OnePassSig6::new(SignatureType::Binary, key.fingerprint());
                packet.set_pk_algo(key.pk_algo());
                packet.set_hash_algo(HASH);
                packet.set_salt(salt.to_vec());
                packet.set_last(true);
                packet.into()
            }
            None => {
                let mut packet = OnePassSig3::new(SignatureType::Binary);
                packet.set_pk_algo(key.pk_algo());
                packet.set_hash_algo(HASH);
                packet.set_issuer(key.keyid());
                packet.set_last(true);
                packet.into()
            }
        };
        serialized(&Packet::from(packet))
    }

    pub(crate) fn finish(self, signer: &Signer) -> Result<Vec<u8>> {
        let Self {
            builder, mut hash, ..
        } = self;
        let hash = hash.finish()?;
        let signature = signer.sign_with(|key| {
            builder
                .sign_hash(key, hash)
                .map_err(Error::library("signing"))
        })?;
        serialized(&Packet::from(signature))
    }
}

fn serialized(packet: &Packet) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    packet
        .serialize(&mut bytes)
        .map_err(Error::library("writing a packet"))?;
    Ok(bytes)
}

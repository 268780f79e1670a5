//! rPGP as a program, for the interoperability tests of pgp-envelope:
//!
//! ```text
//! rpgp seal v1|v2 SIGNER-KEY RECIPIENT-CERT < plaintext > message
//! rpgp open RECIPIENT-KEY SIGNER-CERT < message > plaintext
//! ```

use std::io::{Read as _, Write as _, stdin, stdout};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use pgp::composed::{
    Deserializable as _, Message, MessageBuilder, SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{KeyDetails as _, Password};
use rand::thread_rng;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let mut input = Vec::new();
    stdin().read_to_end(&mut input)?;
    let output = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["seal", version, key, cert] => seal(version, &secret(key)?, &public(cert)?, input)?,
        ["open", key, cert] => open(&secret(key)?, &public(cert)?, &input)?,
        _ => bail!("seal v1|v2 SIGNER-KEY RECIPIENT-CERT, or open RECIPIENT-KEY SIGNER-CERT"),
    };
    stdout().write_all(&output)?;
    Ok(())
}

fn secret(path: &str) -> Result<SignedSecretKey> {
    Ok(SignedSecretKey::from_reader_single(fs::File::open(path)?)?.0)
}

fn public(path: &str) -> Result<SignedPublicKey> {
    Ok(SignedPublicKey::from_reader_single(fs::File::open(path)?)?.0)
}

fn seal(
    version: &str,
    key: &SignedSecretKey,
    cert: &SignedPublicKey,
    plaintext: Vec<u8>,
) -> Result<Vec<u8>> {
    let signing = &key
        .secret_subkeys
        .iter()
        .find(|key| key.algorithm().can_sign())
        .context("no signing subkey")?
        .key;
    let encryption = cert
        .public_subkeys
        .iter()
        .find(|key| key.algorithm().can_encrypt())
        .context("no encryption subkey")?;
    let message = MessageBuilder::from_bytes("", plaintext);
    let mut rng = thread_rng();
    Ok(match version {
        "v1" => {
            let mut message = message.seipd_v1(&mut rng, SymmetricKeyAlgorithm::AES256);
            message.sign(signing, Password::empty(), HashAlgorithm::Sha256);
            message.encrypt_to_key(&mut rng, encryption)?;
            message.to_vec(rng)?
        }
        "v2" => {
            let mut message = message.seipd_v2(
                &mut rng,
                SymmetricKeyAlgorithm::AES256,
                AeadAlgorithm::Ocb,
                ChunkSize::C4KiB,
            );
            message.sign(signing, Password::empty(), HashAlgorithm::Sha256);
            message.encrypt_to_key(&mut rng, encryption)?;
            message.to_vec(rng)?
        }
        other => bail!("no version {other}"),
    })
}

fn open(key: &SignedSecretKey, cert: &SignedPublicKey, message: &[u8]) -> Result<Vec<u8>> {
    let (message, _) = Message::from_reader(message)?;
    let mut message = message.decrypt(&Password::empty(), key)?;
    let plaintext = message.as_data_vec()?;
    let verified = cert
        .public_subkeys
        .iter()
        .any(|key| message.verify(key).is_ok());
    if !verified {
        bail!("no signature verifies");
    }
    Ok(plaintext)
}

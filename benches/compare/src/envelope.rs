//! pgp-envelope against SHA-256 of the same bytes, and against gpg, rPGP and age, in one run. Prints throughput as a ratio to
//! one core's SHA-256: more is better.
//!
//! ```text
//! cargo run --release --features crypto-rust    --bin envelope -- [MIB]
//! cargo run --release --features crypto-openssl --bin envelope -- [MIB]
//! cargo run --release --features crypto-nettle  --bin envelope -- [MIB]
//! ```
//!
//! 512 MiB unless said. Temporary files go where `TMPDIR` says: a folder in memory keeps the disk out of the figures.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, iter};

use anyhow::{Context as _, Result, ensure};
use pgp::composed::{
    Deserializable as _, Message, MessageBuilder, SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{KeyDetails as _, Password};
use pgp_envelope::{Key, KeyOptions, Opener, Policy, Profile, Recipient, Sealer, Signer};
use rand::thread_rng;
use sha2::{Digest as _, Sha256};

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let mib: usize = args.first().map_or(Ok(512), |mib| mib.parse())?;
    let only = args.get(1).map(String::as_str);
    let run = |name: &str| only.is_none_or(|only| name.contains(only));
    let data = incompressible(mib << 20);
    let sha = (0..3)
        .map(|_| timed(|| Ok(black_box(Sha256::digest(&data)))).map(|done| done.0))
        .min_by_key(|done| *done.as_ref().unwrap_or(&Duration::MAX))
        .context("three runs")??;
    let row = |name: &str, time: Duration| {
        let ratio = sha.as_secs_f64() / time.as_secs_f64();
        println!(
            "{name:<44} {ratio:>6.3}   {:>7.0} MiB/s",
            mib as f64 / time.as_secs_f64()
        );
    };
    println!("{mib} MiB, throughput as a ratio to one core's SHA-256");
    row("SHA-256", sha);

    let [raw_seal, raw_open] = raw(&data)?;
    row("raw AES-256-OCB encrypt, 256 KiB", raw_seal);
    row("raw AES-256-OCB decrypt, 256 KiB", raw_open);
    row("limit of hash and encrypt in series", sha + raw_seal);
    row("limit of hash and decrypt in series", sha + raw_open);

    let policy = Policy::now().memory(usize::MAX);
    let threads = [1, 2].map(|threads| NonZero::new(threads).expect("not zero"));
    for (profile, name) in [(Profile::Rfc9580, "v6"), (Profile::Rfc4880, "v4")] {
        let made = policy.time() - Duration::from_secs(60);
        let options = KeyOptions::new("Alice <alice@a.example>")
            .profile(profile)
            .created(made);
        let key = Key::generate(&options)?.key;
        let signer = Signer::new(&key, &policy)?;
        let recipient = Recipient::new(&key.cert(), &policy)?;
        let mut message = Vec::new();
        Sealer::new()
            .signer(&signer)
            .recipient(&recipient)
            .seal(&data[..], &mut message)?;
        for threads in threads {
            let mut sealer = Sealer::new()
                .signer(&signer)
                .recipient(&recipient)
                .threads(threads);
            let label = format!("pgp-envelope seal {name}, {threads} thread(s)");
            if run(&label) {
                row(
                    &label,
                    best(|| sealer.seal(&data[..], io::sink()).map_err(Into::into))?,
                );
            }
            let opener = Opener::new(&policy)
                .key(&key)
                .signer(&key.cert())
                .threads(threads);
            let label = format!("pgp-envelope open {name}, {threads} thread(s)");
            if run(&label) {
                row(
                    &label,
                    best(|| {
                        Ok(ensure!(
                            opener.open(&message[..])?.len() == data.len() as u64
                        ))
                    })?,
                );
            }
            let spooled = Policy::now();
            let opener = Opener::new(&spooled)
                .key(&key)
                .signer(&key.cert())
                .threads(threads);
            let label = format!("pgp-envelope open {name} into a file, {threads} thread(s)");
            if run(&label) {
                row(
                    &label,
                    best(|| {
                        Ok(ensure!(
                            opener.open(&message[..])?.len() == data.len() as u64
                        ))
                    })?,
                );
            }
        }
        if run("rPGP") {
            let secret = SignedSecretKey::from_reader_single(key.to_armored().as_bytes())?.0;
            let cert = SignedPublicKey::from_reader_single(&key.cert().to_bytes()[..])?.0;
            let modes = match profile {
                Profile::Rfc9580 => &[Some(AeadAlgorithm::Ocb), Some(AeadAlgorithm::Gcm)][..],
                Profile::Rfc4880 => &[None],
            };
            for &mode in modes {
                rpgp(&row, name, mode, &secret, &cert, &data)?;
            }
        }
        if profile == Profile::Rfc4880 && run("gpg") {
            gpg(&row, &key, &data)?;
        }
    }
    if run("age") {
        age_rows(&row, &data)?;
    }
    if run("recipients") {
        recipients(&policy)?;
    }
    Ok(())
}

/// The cipher alone, in chunks as pgp-envelope makes them; with a backend that has no OCB, EAX.
fn raw(data: &[u8]) -> Result<[Duration; 2]> {
    use sequoia_openpgp::crypto::SessionKey;
    use sequoia_openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
    let mode = match AEADAlgorithm::OCB.is_supported() {
        true => AEADAlgorithm::OCB,
        false => AEADAlgorithm::EAX,
    };
    let key = SessionKey::new(32)?;
    let nonce = [1; 16];
    let nonce = &nonce[..mode.nonce_size()?];
    let context = || mode.context(SymmetricAlgorithm::AES256, &key, b"header", nonce);
    let mut sealed = vec![0; CHUNK + 16];
    let mut opened = vec![0; CHUNK];
    context()?
        .for_encryption()?
        .encrypt_seal(&mut sealed, &data[..CHUNK])?;
    let open = best(|| {
        for _ in 0..data.len() / CHUNK {
            context()?
                .for_decryption()?
                .decrypt_verify(black_box(&mut opened), black_box(&sealed))?;
        }
        Ok(())
    })?;
    let seal = best(|| {
        for chunk in data.chunks_exact(CHUNK) {
            context()?
                .for_encryption()?
                .encrypt_seal(black_box(&mut sealed), black_box(chunk))?;
        }
        Ok(())
    })?;
    Ok([seal, open])
}

const CHUNK: usize = 256 << 10;

/// xorshift: no compressor finds anything in it.
fn incompressible(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(len / 8)
    .flatten()
    .collect()
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let start = Instant::now();
    let done = work()?;
    Ok((start.elapsed(), done))
}

/// The better of two runs.
fn best<T>(mut work: impl FnMut() -> Result<T>) -> Result<Duration> {
    let first = timed(&mut work)?.0;
    Ok(first.min(timed(&mut work)?.0))
}

fn rpgp(
    row: &dyn Fn(&str, Duration),
    name: &str,
    mode: Option<AeadAlgorithm>,
    key: &SignedSecretKey,
    cert: &SignedPublicKey,
    data: &[u8],
) -> Result<()> {
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
    let seal = |out: &mut dyn Write| -> Result<()> {
        let message = MessageBuilder::from_reader("", data);
        let mut rng = thread_rng();
        if let Some(mode) = mode {
            let mut message = message.seipd_v2(
                &mut rng,
                SymmetricKeyAlgorithm::AES256,
                mode,
                ChunkSize::C256KiB,
            );
            message.partial_chunk_size(256 << 10)?;
            message.sign(signing, Password::empty(), HashAlgorithm::Sha256);
            message.encrypt_to_key(&mut rng, encryption)?;
            message.to_writer(rng, out)?;
        } else {
            let mut message = message.seipd_v1(&mut rng, SymmetricKeyAlgorithm::AES256);
            message.partial_chunk_size(256 << 10)?;
            message.sign(signing, Password::empty(), HashAlgorithm::Sha256);
            message.encrypt_to_key(&mut rng, encryption)?;
            message.to_writer(rng, out)?;
        }
        Ok(())
    };
    let label = mode.map_or("CFB".to_owned(), |mode| format!("{mode:?}"));
    row(
        &format!("rPGP seal {name} {label} 256 KiB"),
        timed(|| seal(&mut io::sink()))?.0,
    );
    let mut sealed = Vec::new();
    seal(&mut sealed)?;
    let open = || -> Result<()> {
        let mut message = Message::from_bytes(&sealed[..])?.decrypt(&Password::empty(), key)?;
        let plaintext = message.as_data_vec()?;
        ensure!(plaintext.len() == data.len());
        ensure!(
            cert.public_subkeys
                .iter()
                .any(|key| message.verify(key).is_ok())
        );
        Ok(())
    };
    row(&format!("rPGP open {name} {label} 256 KiB"), timed(open)?.0);
    Ok(())
}

/// gpg on files, as people run it: without its compression, which finds nothing here.
fn gpg(row: &dyn Fn(&str, Duration), key: &Key, data: &[u8]) -> Result<()> {
    let folder = env::temp_dir().join(format!("envelope-gpg-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let gpg = |args: &[&str], input: Option<&[u8]>| -> Result<()> {
        let mut child = Command::new("gpg")
            .args([
                "--batch",
                "--yes",
                "--quiet",
                "--no-tty",
                "--trust-model=always",
                "--homedir",
            ])
            .arg(&folder)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir(&folder)
            .spawn()?;
        if let Some(input) = input {
            child.stdin.take().context("piped")?.write_all(input)?;
        }
        ensure!(child.wait()?.success(), "gpg {args:?}");
        Ok(())
    };
    fs::write(folder.join("plain"), data)?;
    gpg(&["--import"], Some(key.to_armored().as_bytes()))?;
    let fp = key.fingerprint().to_string();
    let seal = [
        "--output",
        "sealed",
        "--compress-algo=none",
        "--recipient",
        &fp,
        "--sign",
        "--encrypt",
        "plain",
    ];
    row("gpg seal v4 CFB, on files", best(|| gpg(&seal, None))?);
    row(
        "gpg open v4 CFB, on files",
        best(|| gpg(&["--output", "opened", "--decrypt", "sealed"], None))?,
    );
    ensure!(fs::read(folder.join("opened"))? == data);
    let policy = Policy::now();
    let signer = Signer::new(key, &policy)?;
    let recipient = Recipient::new(&key.cert(), &policy)?;
    row(
        "pgp-envelope seal v4, on files",
        best(|| {
            let mut sealer = Sealer::new().signer(&signer).recipient(&recipient);
            sealer.seal(
                fs::File::open(folder.join("plain"))?,
                fs::File::create(folder.join("sealed"))?,
            )?;
            Ok(())
        })?,
    );
    row(
        "pgp-envelope open v4, on files",
        best(|| {
            let opener = Opener::new(&policy)
                .key(key)
                .signer(&key.cert())
                .folder(&folder);
            opener
                .open(fs::File::open(folder.join("sealed"))?)?
                .persist(&folder.join("opened"))?;
            Ok(())
        })?,
    );
    let modern =
        Key::generate(&KeyOptions::new("Alice <alice@a.example>").created(policy.time()))?.key;
    let signer = Signer::new(&modern, &policy)?;
    let recipient = Recipient::new(&modern.cert(), &policy)?;
    row(
        "pgp-envelope seal v6, on files",
        best(|| {
            let mut sealer = Sealer::new().signer(&signer).recipient(&recipient);
            sealer.seal(
                fs::File::open(folder.join("plain"))?,
                fs::File::create(folder.join("sealed"))?,
            )?;
            Ok(())
        })?,
    );
    row(
        "pgp-envelope open v6, on files",
        best(|| {
            let opener = Opener::new(&policy)
                .key(&modern)
                .signer(&modern.cert())
                .folder(&folder);
            opener
                .open(fs::File::open(folder.join("sealed"))?)?
                .persist(&folder.join("opened"))?;
            Ok(())
        })?,
    );
    let _ = Command::new("gpgconf")
        .arg("--homedir")
        .arg(&folder)
        .args(["--kill", "all"])
        .status();
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// age encrypts without signing: it hashes nothing.
fn age_rows(row: &dyn Fn(&str, Duration), data: &[u8]) -> Result<()> {
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let seal = |out: &mut dyn Write| -> Result<()> {
        let recipients = iter::once(&recipient as &dyn age::Recipient);
        let mut writer = age::Encryptor::with_recipients(recipients)?.wrap_output(out)?;
        writer.write_all(data)?;
        writer.finish()?;
        Ok(())
    };
    row(
        "age encrypt (no signature)",
        best(|| seal(&mut io::sink()))?,
    );
    let mut sealed = Vec::new();
    seal(&mut sealed)?;
    row(
        "age decrypt (no signature)",
        best(|| {
            let reader = age::Decryptor::new(&sealed[..])?
                .decrypt(iter::once(&identity as &dyn age::Identity))?;
            let mut plaintext = Vec::with_capacity(data.len());
            { reader }.read_to_end(&mut plaintext)?;
            ensure!(plaintext.len() == data.len());
            Ok(())
        })?,
    );
    Ok(())
}

/// What 999 recipients more cost.
fn recipients(policy: &Policy) -> Result<()> {
    let key =
        Key::generate(&KeyOptions::new("Alice <alice@a.example>").created(policy.time()))?.key;
    let signer = Signer::new(&key, policy)?;
    let recipient = Recipient::new(&key.cert(), policy)?;
    let seal = |n: usize| {
        best(|| {
            let recipients = iter::repeat_n(recipient.clone(), n);
            Ok(Sealer::new()
                .signer(&signer)
                .recipients(recipients)
                .seal(&b"a scan"[..], io::sink())?)
        })
    };
    let (one, thousand) = (seal(1)?, seal(1000)?);
    println!(
        "1,000 recipients take {:.3} s more than one",
        (thousand - one).as_secs_f64()
    );
    ensure!(thousand - one < Duration::from_secs(1));
    Ok(())
}

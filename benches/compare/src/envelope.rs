//! pgp-envelope against SHA-256 of the same bytes, and against gpg, rPGP and age, in one run. Prints throughput as a ratio to
//! one core's SHA-256: more is better. Then it prints how the rows compare.
//!
//! ```text
//! cargo run --release --features crypto-rust    --bin envelope -- [MIB [ROWS]]
//! cargo run --release --features crypto-openssl --bin envelope -- [MIB [ROWS]]
//! cargo run --release --features crypto-nettle  --bin envelope -- [MIB [ROWS]]
//! ```
//!
//! The first column is by the clock; the second by the time that the thread has run, for rows of one thread. 512 MiB unless said;
//! ROWS runs those alone whose name holds it, or one of several between bars. Temporary files go where `TMPDIR` says: a folder in
//! memory keeps the disk out of the figures. Each row's work takes turns with the hash, and the best of each counts, so that a machine
//! with other work disturbs both alike.

use std::cell::{OnceCell, RefCell};
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::path::Path;
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
use pgp_envelope::{
    Key, KeyOptions, Opener, Policy, Profile, Recipient, Sealer, Signer, danger, verify_ledger,
};
use rand::thread_rng;
use sha2::{Digest as _, Sha256};

/// The rows that were measured.
struct Table<'a> {
    data: &'a [u8],
    only: Option<String>,
    rows: RefCell<Vec<Row>>,
}

/// A row's throughput: by the clock, and by the time that this thread has run where it does all the work.
struct Row {
    name: String,
    wall: f64,
    cpu: Option<f64>,
}

/// How often each row's work is done.
const ROUNDS: usize = 5;

impl Table<'_> {
    fn wants(&self, name: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| only.split('|').any(|part| name.contains(part)))
    }

    /// Measures and prints one row.
    fn row<T>(&self, name: &str, work: impl FnMut() -> Result<T>) -> Result<()> {
        self.row_into(&[], name, work)
    }

    /// The same for work that writes these files, each a new one every time: nothing waits for old contents to be given back.
    fn row_into<T>(
        &self,
        files: &[&Path],
        name: &str,
        mut work: impl FnMut() -> Result<T>,
    ) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        let mut best = [[Duration::MAX; 2]; 2];
        for _ in 0..ROUNDS {
            for file in files.iter().filter(|file| file.exists()) {
                fs::remove_file(file)?;
            }
            let sha = clocked(|| Ok(black_box(Sha256::digest(self.data))))?;
            let work = clocked(&mut work)?;
            for (best, now) in best.iter_mut().zip([sha, work]) {
                *best = [best[0].min(now[0]), best[1].min(now[1])];
            }
        }
        let [sha, work] = best;
        let ratio = |clock: usize| sha[clock].as_secs_f64() / work[clock].as_secs_f64();
        let alone = !name.contains("2 thread(s)") && !name.contains("on files");
        self.print(
            name,
            ratio(0),
            (alone && work[1] > Duration::ZERO).then(|| ratio(1)),
        );
        Ok(())
    }

    fn print(&self, name: &str, wall: f64, cpu: Option<f64>) {
        let shown = cpu.map_or("-".to_owned(), |cpu| format!("{cpu:.3}"));
        println!("{name:<46} {wall:>8.3} {shown:>8}");
        self.rows.borrow_mut().push(Row {
            name: name.to_owned(),
            wall,
            cpu,
        });
    }

    fn ratio(&self, name: &str) -> Option<(f64, Option<f64>)> {
        let rows = self.rows.borrow();
        let row = rows.iter().find(|row| row.name == name)?;
        Some((row.wall, row.cpu))
    }

    /// What reading, hash, cipher and writing allow two cores that are never idle.
    fn limit_on_files(&self, what: &str, cipher: &str) {
        let parts = ["reading a file", cipher, "writing a new file"];
        let parts = parts.map(|part| self.ratio(part).map(|ratio| 1.0 / ratio.0));
        if let Some(parts) = parts.into_iter().sum::<Option<f64>>() {
            self.print(
                &format!("limit of {what} v6, on files"),
                2.0 / (1.0 + parts),
                None,
            );
        }
    }

    /// What one row is to another: by the time of the thread where both have it, else by the clock.
    fn compare(&self, ours: &str, theirs: &str) {
        if let (Some(a), Some(b)) = (self.ratio(ours), self.ratio(theirs)) {
            let times = match (a.1, b.1) {
                (Some(a), Some(b)) => a / b,
                _ => a.0 / b.0,
            };
            println!("{times:>6.2} times  {ours}  to  {theirs}");
        }
    }
}

/// How long the work takes, by the clock and by the time that this thread runs (Linux; zero elsewhere).
fn clocked<T>(work: impl FnOnce() -> Result<T>) -> Result<[Duration; 2]> {
    let run = || -> Option<Duration> {
        let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let nanos = text.split(' ').next()?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    };
    let before = run();
    let wall = timed(work)?.0;
    let cpu = before
        .zip(run())
        .map_or(Duration::ZERO, |(before, after)| after - before);
    Ok([wall, cpu])
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let mib: usize = args.first().map_or(Ok(512), |mib| mib.parse())?;
    let data = incompressible(mib << 20);
    let table = Table {
        data: &data,
        only: args.get(1).cloned(),
        rows: RefCell::default(),
    };
    println!("{mib} MiB, throughput as a ratio to one core's SHA-256");
    raw(&table)?;
    let policy = Policy::now().memory(usize::MAX);
    for (profile, name) in [(Profile::Rfc9580, "v6"), (Profile::Rfc4880, "v4")] {
        ours(&table, &policy, profile, name)?;
    }
    if table.wants("gpg seal v4 CFB, on files") {
        gpg(&table, &policy)?;
    }
    if table.wants("age encrypt") {
        age_rows(&table, &policy)?;
    }
    if table.wants("recipients") {
        recipients(&policy)?;
    }
    println!();
    for what in ["seal", "open"] {
        let v6 = |threads| format!("pgp-envelope {what} v6, {threads} thread(s)");
        let cipher = if what == "seal" { "encrypt" } else { "decrypt" };
        table.compare(&v6(1), &format!("limit of hash and {cipher} in series"));
        table.compare(&v6(2), &format!("raw AES-256 {cipher}, 256 KiB"));
        let cipher_row = format!("raw AES-256 {cipher}, 256 KiB");
        table.limit_on_files(what, &cipher_row);
        for ours in ["pgp-envelope", "limit of"] {
            for end in ["", " and a sync"] {
                table.compare(
                    &format!("{ours} {what} v6, on files"),
                    &format!("gpg {what} v4 CFB{end}, on files"),
                );
            }
        }
        table.compare(
            &format!("pgp-envelope {what} v4, on files"),
            &format!("gpg {what} v4 CFB, on files"),
        );
        table.compare(&v6(1), &format!("rPGP {what} v6 Ocb 256 KiB"));
        table.compare(
            &format!("pgp-envelope {what} v4, 1 thread(s)"),
            &format!("rPGP {what} v4 CFB 256 KiB"),
        );
        let age = format!("age {cipher} (no signature)");
        table.compare(
            &format!("pgp-envelope {cipher} v6 alone, 1 thread(s)"),
            &age,
        );
        table.compare(&v6(1), &age);
        table.compare(&v6(2), &age);
        table.compare(&v6(1), &format!("age {cipher}, and a signature"));
    }
    Ok(())
}

fn key(policy: &Policy, profile: Profile) -> Result<Key> {
    let options = KeyOptions::new("Alice <alice@a.example>")
        .profile(profile)
        .created(policy.time() - Duration::from_secs(60));
    Ok(Key::generate(&options)?.key)
}

/// pgp-envelope and rPGP with one edition of OpenPGP.
fn ours(table: &Table<'_>, policy: &Policy, profile: Profile, name: &str) -> Result<()> {
    let len = table.data.len() as u64;
    let key = key(policy, profile)?;
    let cert = key.cert();
    let signer = Signer::new(&key, policy)?;
    let recipient = Recipient::new(&cert, policy)?;
    let spooled = Policy::now();
    let message = OnceCell::new();
    let message = || -> &Vec<u8> {
        message.get_or_init(|| {
            let mut message = Vec::new();
            let mut sealer = Sealer::new().signer(&signer).recipient(&recipient);
            sealer
                .seal(table.data, &mut message)
                .expect("memory does not fail");
            message
        })
    };
    for threads in [1, 2] {
        let count = NonZero::new(threads).expect("not zero");
        let mut sealer = Sealer::new()
            .signer(&signer)
            .recipient(&recipient)
            .threads(count);
        table.row(
            &format!("pgp-envelope seal {name}, {threads} thread(s)"),
            || Ok(sealer.seal(table.data, io::sink())?),
        )?;
        for (policy, place) in [(policy, ""), (&spooled, " into a file")] {
            let opener = Opener::new(policy).key(&key).signer(&cert).threads(count);
            table.row(
                &format!("pgp-envelope open {name}{place}, {threads} thread(s)"),
                || {
                    ensure!(opener.open(&message()[..])?.len() == len);
                    Ok(())
                },
            )?;
        }
    }
    if table.wants(&format!("rPGP seal {name}")) {
        let secret = SignedSecretKey::from_reader_single(key.to_armored().as_bytes())?.0;
        let public = SignedPublicKey::from_reader_single(&cert.to_bytes()[..])?.0;
        let modes = match profile {
            Profile::Rfc9580 => &[Some(AeadAlgorithm::Ocb), Some(AeadAlgorithm::Gcm)][..],
            Profile::Rfc4880 => &[None],
        };
        for &mode in modes {
            rpgp(table, name, mode, &secret, &public)?;
        }
    }
    Ok(())
}

/// The cipher alone, in chunks as pgp-envelope makes them; with a backend that has no OCB, EAX.
fn raw(table: &Table<'_>) -> Result<()> {
    use sequoia_openpgp::crypto::SessionKey;
    use sequoia_openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
    let mode = match AEADAlgorithm::OCB.is_supported() {
        true => AEADAlgorithm::OCB,
        false => AEADAlgorithm::EAX,
    };
    println!("the cipher is AES-256 with {mode}");
    println!("{:<46} {:>8} {:>8}", "", "clock", "CPU");
    println!("{:<46} {:>8.3} {:>8.3}", "SHA-256", 1.0, 1.0);
    let key = SessionKey::new(32)?;
    let nonce = [1; 16];
    let nonce = &nonce[..mode.nonce_size()?];
    let context = || mode.context(SymmetricAlgorithm::AES256, &key, b"header", nonce);
    let mut sealed = vec![0; CHUNK + 16];
    let mut opened = vec![0; CHUNK];
    table.row("raw AES-256 encrypt, 256 KiB", || {
        for chunk in table.data.chunks_exact(CHUNK) {
            context()?
                .for_encryption()?
                .encrypt_seal(black_box(&mut sealed), black_box(chunk))?;
        }
        Ok(())
    })?;
    context()?
        .for_encryption()?
        .encrypt_seal(&mut sealed, &table.data[..CHUNK])?;
    table.row("raw AES-256 decrypt, 256 KiB", || {
        for _ in 0..table.data.len() / CHUNK {
            context()?
                .for_decryption()?
                .decrypt_verify(black_box(&mut opened), black_box(&sealed))?;
        }
        Ok(())
    })?;
    for cipher in ["encrypt", "decrypt"] {
        if let Some((wall, cpu)) = table.ratio(&format!("raw AES-256 {cipher}, 256 KiB")) {
            let series = |raw: f64| 1.0 / (1.0 + 1.0 / raw);
            let name = format!("limit of hash and {cipher} in series");
            table.print(&name, series(wall), cpu.map(series));
        }
    }
    Ok(())
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

fn rpgp(
    table: &Table<'_>,
    name: &str,
    mode: Option<AeadAlgorithm>,
    key: &SignedSecretKey,
    cert: &SignedPublicKey,
) -> Result<()> {
    let data = table.data;
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
    table.row(&format!("rPGP seal {name} {label} 256 KiB"), || {
        seal(&mut io::sink())
    })?;
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
    table.row(&format!("rPGP open {name} {label} 256 KiB"), open)?;
    Ok(())
}

/// gpg on files, as people run it: without its compression, which finds nothing here.
fn gpg(table: &Table<'_>, policy: &Policy) -> Result<()> {
    let old = key(policy, Profile::Rfc4880)?;
    let data = table.data;
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
    gpg(&["--import"], Some(old.to_armored().as_bytes()))?;
    let fp = old.fingerprint().to_string();
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
    let (sealed, opened) = (folder.join("sealed"), folder.join("opened"));
    table.row_into(&[&sealed], "gpg seal v4 CFB, on files", || gpg(&seal, None))?;
    let open = || gpg(&["--output", "opened", "--decrypt", "sealed"], None);
    table.row_into(&[&opened], "gpg open v4 CFB, on files", open)?;
    ensure!(fs::read(&opened)? == data);
    // as pgp-envelope leaves it: what has its name is on the disk
    table.row_into(&[&opened], "gpg open v4 CFB and a sync, on files", || {
        open()?;
        Ok(fs::File::open(&opened)?.sync_all()?)
    })?;
    // what two cores cannot do without, each part on one core
    table.row("reading a file", || {
        let mut file = fs::File::open(folder.join("plain"))?;
        let mut buffer = vec![0; 256 << 10];
        while file.read(&mut buffer)? > 0 {}
        Ok(())
    })?;
    table.row_into(&[&opened], "writing a new file", || {
        let mut file = fs::File::create(&opened)?;
        for part in data.chunks(256 << 10) {
            file.write_all(part)?;
        }
        Ok(())
    })?;
    let policy = Policy::now();
    for (key, name) in [(old, "v4"), (key(&policy, Profile::Rfc9580)?, "v6")] {
        let signer = Signer::new(&key, &policy)?;
        let recipient = Recipient::new(&key.cert(), &policy)?;
        let mut sealer = Sealer::new().signer(&signer).recipient(&recipient);
        let row = format!("pgp-envelope seal {name}, on files");
        table.row_into(&[&sealed], &row, || {
            Ok(sealer.seal(
                fs::File::open(folder.join("plain"))?,
                fs::File::create(&sealed)?,
            )?)
        })?;
        let opener = Opener::new(&policy)
            .key(&key)
            .signer(&key.cert())
            .folder(&folder);
        let row = format!("pgp-envelope open {name}, on files");
        table.row_into(&[&opened], &row, || {
            Ok(opener.open(fs::File::open(&sealed)?)?.persist(&opened)?)
        })?;
        ensure!(fs::read(&opened)? == data);
    }
    let _ = Command::new("gpgconf")
        .arg("--homedir")
        .arg(&folder)
        .args(["--kill", "all"])
        .status();
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// age encrypts without signing: it hashes nothing. Beside it stand pgp-envelope without signature, and age with the pass over the
/// plaintext that a signature takes.
fn age_rows(table: &Table<'_>, policy: &Policy) -> Result<()> {
    let data = table.data;
    let key = key(policy, Profile::Rfc9580)?;
    let cert = key.cert();
    let signer = Signer::new(&key, policy)?;
    let one = NonZero::<usize>::MIN;
    let mut sealer = Sealer::new()
        .recipient(&Recipient::new(&cert, policy)?)
        .threads(one);
    table.row("pgp-envelope encrypt v6 alone, 1 thread(s)", || {
        Ok(danger::seal_unsigned(&mut sealer, data, io::sink())?)
    })?;
    let mut message = Vec::new();
    danger::seal_unsigned(&mut sealer, data, &mut message)?;
    let opener = Opener::new(policy).key(&key).threads(one);
    table.row("pgp-envelope decrypt v6 alone, 1 thread(s)", || {
        ensure!(danger::open_unverified(&opener, &message[..])?.0.len() == data.len());
        Ok(())
    })?;
    drop(message);
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let seal = |out: &mut dyn Write| -> Result<()> {
        let recipients = iter::once(&recipient as &dyn age::Recipient);
        let mut writer = age::Encryptor::with_recipients(recipients)?.wrap_output(out)?;
        writer.write_all(data)?;
        writer.finish()?;
        Ok(())
    };
    table.row("age encrypt (no signature)", || seal(&mut io::sink()))?;
    let sign = || -> Result<[u8; 64]> { Ok(signer.sign_ledger(&Sha256::digest(data))?) };
    table.row("age encrypt, and a signature", || {
        sign()?;
        seal(&mut io::sink())
    })?;
    let mut sealed = Vec::new();
    seal(&mut sealed)?;
    let open = || -> Result<Vec<u8>> {
        let reader = age::Decryptor::new(&sealed[..])?
            .decrypt(iter::once(&identity as &dyn age::Identity))?;
        let mut plaintext = Vec::with_capacity(data.len());
        { reader }.read_to_end(&mut plaintext)?;
        ensure!(plaintext.len() == data.len());
        Ok(plaintext)
    };
    table.row("age decrypt (no signature)", || open().map(drop))?;
    let signature: [u8; 64] = sign()?;
    let public = cert.ledger_key(policy)?;
    table.row("age decrypt, and a signature", || {
        ensure!(verify_ledger(&public, &Sha256::digest(open()?), &signature));
        Ok(())
    })
}

/// What 999 recipients more cost.
fn recipients(policy: &Policy) -> Result<()> {
    let key = key(policy, Profile::Rfc9580)?;
    let signer = Signer::new(&key, policy)?;
    let recipient = Recipient::new(&key.cert(), policy)?;
    let seal = |n: usize| -> Result<Duration> {
        let recipients = iter::repeat_n(recipient.clone(), n);
        let mut sealer = Sealer::new().signer(&signer).recipients(recipients);
        let mut once = || timed(|| Ok(sealer.seal(&b"a scan"[..], io::sink())?));
        Ok(once()?.0.min(once()?.0))
    };
    let (one, thousand) = (seal(1)?, seal(1000)?);
    println!(
        "1,000 recipients take {:.3} s more than one",
        (thousand - one).as_secs_f64()
    );
    ensure!(thousand - one < Duration::from_secs(1));
    Ok(())
}

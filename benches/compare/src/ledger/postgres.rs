//! PostgreSQL from Debian, holding the same records.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Source, median, seconds};

/// The same record in a table with the same two indices, one commit each, over a local socket: pgbench's own figure.
pub(super) fn postgres() -> Result<()> {
    let bin = fs::read_dir("/usr/lib/postgresql")
        .ok()
        .and_then(|mut found| found.next());
    let Some(Ok(version)) = bin else {
        println!("postgres                  not installed: apt-get install postgresql");
        return Ok(());
    };
    let bin = version.path().join("bin");
    let folder = tempfile::tempdir_in(".")?;
    let data = folder.path().canonicalize()?.join("data");
    fs::create_dir(&data)?;
    let ledger = tempfile::tempdir_in(".")?;
    let (mut source, node) = Source::new(ledger.path())?;
    let tx = source.sign(&node, 1).remove(0);
    node.submit(&tx)?;
    let record = tx.to_bytes();
    let hex: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
    let script = folder.path().join("insert.sql");
    fs::write(
        &script,
        format!(
            "\\set n random(1, 9000000000000000)\nINSERT INTO record (id, share, sender, bytes) VALUES (sha256(:n::text::bytea), sha256((:n+1)::text::bytea), '\\x00', '\\x{hex}');\n"
        ),
    )?;
    // PostgreSQL refuses to run as root
    let run = |program: &Path, args: &[&str]| -> Result<String> {
        let output = Command::new("runuser")
            .args(["-u", "postgres", "--"])
            .arg(program)
            .args(args)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{}: {}",
            program.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    };
    let owned = Command::new("chown")
        .arg("-R")
        .arg("postgres")
        .arg(folder.path())
        .status()?;
    ensure!(owned.success(), "chown");
    let (socket, data) = (folder.path().canonicalize()?, data);
    let (socket, data) = (socket.display().to_string(), data.display().to_string());
    run(&bin.join("initdb"), &["-D", &data])?;
    let options = format!("-k {socket} -c listen_addresses=");
    run(
        &bin.join("pg_ctl"),
        &[
            "-D",
            &data,
            "-w",
            "-o",
            &options,
            "-l",
            &format!("{socket}/log"),
            "start",
        ],
    )?;
    let measured = (|| -> Result<(Vec<(f64, f64)>, f64)> {
        let table = "CREATE TABLE record (number bigserial PRIMARY KEY, id bytea UNIQUE, share bytea, sender bytea, bytes bytea); CREATE INDEX ON record (share)";
        run(
            &bin.join("psql"),
            &["-h", &socket, "-d", "postgres", "-c", table],
        )?;
        let bench = |clients: &str| -> Result<f64> {
            let script = script.canonicalize()?.display().to_string();
            let text = run(
                &bin.join("pgbench"),
                &[
                    "-h", &socket, "-n", "-f", &script, "-c", clients, "-T", "2", "postgres",
                ],
            )?;
            let line = text.lines().find_map(|line| line.strip_prefix("tps = "));
            let tps = line
                .and_then(|line| line.split(' ').next())
                .context("tps")?;
            Ok(tps.parse()?)
        };
        // in turns, so that both have the same disk
        let mut rounds = Vec::new();
        for _ in 0..7 {
            let theirs = bench("1")?;
            let mut times = Vec::new();
            for _ in 0..300 {
                let txs = source.sign(&node, 1);
                times.push(seconds(|| Ok(node.submit(&txs[0]).map(|_| ())?))?);
            }
            rounds.push((1.0 / (times.iter().sum::<f64>() / 300.0), theirs));
        }
        Ok((rounds, bench("64")?))
    })();
    run(&bin.join("pg_ctl"), &["-D", &data, "-m", "fast", "stop"])?;
    let (rounds, many) = measured?;
    let ratio = median(rounds.iter().map(|(ours, theirs)| ours / theirs).collect());
    let ours = median(rounds.iter().map(|(ours, _)| *ours).collect());
    let alone = median(rounds.iter().map(|(_, theirs)| *theirs).collect());
    println!(
        "postgres/1 client         {alone:8.0}/s; the ledger alone {ours:.0}/s: {ratio:.2} times as many in paired rounds, each verified and proven"
    );
    println!("postgres/64 clients       {many:8.0}/s");
    Ok(())
}

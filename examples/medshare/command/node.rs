use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::{SignedDuration, Timestamp};
use ledger_core::LogKey;
use ledger_node::http::{Backups, Handled, Reads, Server, Settings, Tls, WitnessAddress};
use ledger_node::{Access, Witnessing};
use serde_json::{Value, json};

use crate::home::{HomeArgs, RestArgs};
use crate::output::{Outcome, Output};

/// Serves the ledger of a home to others, over HTTP, until it is interrupted.
///
/// Nobody has to trust it: `--ledger URL` on another home checks the proof of every answer. A browser shows the ledger at
/// the same address, and `/openapi.json` describes the API for Postman and others. With `--json` the object is printed when it serves.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    home: HomeArgs,
    #[command(flatten)]
    rest: RestArgs,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8040")]
    listen: SocketAddr,
    /// The certificate chain to show (PEM); without it, no TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Answers questions of members only, who sign them, as every command of this program does when it is asked to.
    #[arg(long)]
    members_only: bool,
    /// How many requests one address may make in a second; 0 is any number.
    #[arg(long, value_name = "N", default_value = "200")]
    rate: u32,
    /// A proxy before this node, whose `X-Forwarded-For` says who asks, so that limits are counted for them; may be repeated.
    #[arg(long, value_name = "ADDR")]
    behind: Vec<IpAddr>,
    /// How many connections may be open at a time; those beyond wait.
    #[arg(long, value_name = "N", default_value = "1024")]
    connections: NonZeroUsize,
    /// How many of the connections one address may have.
    #[arg(long, value_name = "N", default_value = "256")]
    connections_each: NonZeroUsize,
    /// How long a request may take, such as `30s` or `2m`.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = period)]
    timeout: Duration,
    /// Tells of each request on standard error: when, who asked from where, what, the status, and how long the answer took. With
    /// `--json`, in JSON.
    #[arg(long)]
    log: bool,
    /// Copies the ledger into this folder, when the node starts and then every so often: each copy is the same node, as
    /// `ledger backup` makes it.
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// How long from one copy to the next, such as `6h` or `30m`.
    #[arg(long, value_name = "TIME", requires = "backup", default_value = "24h", value_parser = period)]
    backup_every: Duration,
    /// How many copies to keep; the oldest are removed.
    #[arg(long, value_name = "N", requires = "backup", default_value = "7")]
    backup_keep: NonZeroUsize,
    /// A witness to ask for its cosignature on each checkpoint, as its own `node` prints it; may be repeated.
    #[arg(long, value_name = "KEY@URL")]
    witness: Vec<WitnessAddress>,
    /// Another ledger to witness, by the key that its node says to trust; may be repeated.
    #[arg(long, value_name = "KEY", requires = "witness_name")]
    witness_for: Vec<LogKey>,
    /// The name to witness under, such as `hospital.example/witness`.
    #[arg(long, value_name = "NAME")]
    witness_name: Option<String>,
}

/// How long the first line and the headers of a request may take, at most.
const HEAD: Duration = Duration::from_secs(10);

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.home.open()?.rested(&self.rest);
        let Access::Alone(node) = home.ledger(output)? else {
            bail!("the ledger of this home is served by somebody else already");
        };
        let mut settings = Settings::new()
            .rate(NonZeroU32::new(self.rate))
            .witnesses(self.witness.clone())
            .proxies(self.behind.clone())
            .connections(self.connections.get(), self.connections_each.get())
            .timeouts(self.timeout, HEAD.min(self.timeout))
            .stop_on_signals();
        if let (Some(chain), Some(key)) = (&self.tls_cert, &self.tls_key) {
            settings = settings.tls(Tls::from_files(chain, key)?);
        }
        let mut logging = None;
        if self.log {
            let (log, thread) = logger(output.is_json())?;
            settings = settings.log(log);
            logging = Some(thread);
        }
        if self.members_only {
            settings = settings.reads(Reads::Members);
        }
        if let Some(folder) = &self.backup {
            let backups = Backups::new(folder).every(self.backup_every);
            settings = settings.backups(backups.keep(self.backup_keep.get()));
        }
        let mut witness = None;
        if let Some(name) = &self.witness_name {
            let folder = self.home.path().join("witness");
            let witnessing = Witnessing::open(&folder, name, &self.witness_for)?;
            witness = Some(witnessing.key().to_string());
            settings = settings.witnessing(witnessing);
        }
        let trust = node.log_key();
        if !node.records() {
            output.note("this ledger is a copy without the node's key: it answers, but records and signs nothing");
        }
        let server = Server::bind(*node, self.listen, settings)?;
        let allowed = server.connections();
        if allowed < self.connections.get() {
            output.note(format_args!(
                "at most {allowed} connections at a time, not {}: the system lets this process have no more files open (ulimit -n)",
                self.connections
            ));
        }
        let url = server.url();
        output.line(format_args!("serving {url}"));
        output.line(format_args!("trust   {trust}"));
        if let Some(key) = &witness {
            output.line(format_args!("witness {key}@{url}"));
        }
        output.tell(json!({ "url": url, "trust": trust.to_string(), "witness": witness }));
        let ended = server.run();
        if let Some(logging) = logging {
            // the last lines; a logger that panicked has said so
            let _ = logging.join();
        }
        ended?;
        output.note("stopped; everything that was answered is on disk");
        Ok(Outcome::Told)
    }
}

/// How many lines may wait for whoever reads standard error.
const LINES: usize = 8192;

/// Writes a line for each request from a thread of its own: who reads standard error slowly, or not at all, must not keep those waiting
/// who are answered. What there was no place for is counted and told.
fn logger(json: bool) -> Result<(impl Fn(&Handled) + Send + Sync + 'static, JoinHandle<()>)> {
    let (say, lines) = mpsc::sync_channel::<String>(LINES);
    let lost = Arc::new(AtomicU64::new(0));
    let unsaid = Arc::clone(&lost);
    let thread = thread::Builder::new().name("log".to_owned()).spawn(move || {
        for line in lines {
            let lost = unsaid.swap(0, Ordering::Relaxed);
            let mut out = std::io::stderr().lock();
            // whoever closed standard error wants no log
            let _ = writeln!(out, "{line}");
            if lost > 0 {
                let _ = writeln!(out, "medshare: {lost} requests were not logged: they came faster than their lines were read");
            }
        }
    });
    let log = move |handled: &Handled| {
        let line = if json {
            told(handled).to_string()
        } else {
            line(handled)
        };
        if say.try_send(line).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
    };
    Ok((log, thread.context("cannot start a thread for the log")?))
}

/// A request in a line: `-` where no member signed it.
fn line(handled: &Handled) -> String {
    let member = handled
        .member
        .map_or_else(|| "-".to_owned(), |member| member.to_string());
    format!(
        "{:.0} {} {member} {} {} {} {:.1} ms",
        Timestamp::now(),
        handled.asker,
        handled.method,
        handled.path,
        handled.status,
        handled.took.as_secs_f64() * 1e3,
    )
}

/// A request for programs.
fn told(handled: &Handled) -> Value {
    json!({
        "time": format!("{:.3}", Timestamp::now()),
        "asker": handled.asker,
        "member": handled.member.map(|member| member.to_string()),
        "method": handled.method,
        "path": handled.path,
        "status": handled.status,
        "milliseconds": handled.took.as_secs_f64() * 1e3,
    })
}

/// A time to wait, which is some.
fn period(text: &str) -> Result<Duration, String> {
    let read = text.parse::<SignedDuration>().ok();
    match read.map(Duration::try_from) {
        Some(Ok(period)) if !period.is_zero() => Ok(period),
        _ => Err(format!(
            "expected a time such as 30s, 30m or 6h, found {text}"
        )),
    }
}

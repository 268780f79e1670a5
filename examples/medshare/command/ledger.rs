use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ledger_core::store::RedbStore;
use ledger_core::{Audit, Checkpoint, Height, Ledger, LogKey};
use ledger_node::{Access, Client, Connecting, Importing, Location, Node};
use serde_json::json;

use crate::file;
use crate::home::{self, Home, RestArgs};
use crate::output::{Outcome, Output, place, size};
use crate::passphrase::PassphraseArgs;
use medshare_verify::rfc3339;

/// Verifies, copies and describes whole ledgers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Computes the whole chain again from its genesis and compares every stored entry; exit 3 names what is damaged. One behind
    /// a URL is fetched whole, and compared with what its node signs. A temporary file takes about as much room as the ledger
    /// meanwhile, and memory does not grow with the chain.
    Verify {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        scratch: Scratch,
    },
    /// Copies the ledger with its node's key into a new file: the copy is the same node. One that is served is copied by its
    /// node: `node --backup`.
    Backup {
        #[command(flatten)]
        source: Source,
        /// The file to make.
        to: PathBuf,
    },
    /// Writes the genesis and every block into a new file, without the node's key, for anyone to check; `-` is stdout. One behind
    /// a URL is fetched whole and computed again first, in a temporary file that takes about as much room as the ledger.
    Export {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        scratch: Scratch,
        /// The file to make.
        to: PathBuf,
    },
    /// Reads an export into a new ledger, with every signature and every rule; without the node's key it records nothing.
    Import {
        /// What `export` wrote.
        from: PathBuf,
        /// The ledger to make.
        to: PathBuf,
        /// The key of the ledger that it must be, as its authority printed it; any other is refused.
        #[arg(long, value_name = "KEY")]
        trust: Option<LogKey>,
    },
    /// Shows which chain it is, how far it is, and what a receiver has to trust.
    Status(Source),
}

/// Which ledger: a home's, a file, or one behind a node.
#[derive(Debug, clap::Args)]
struct Source {
    /// The home whose ledger it is.
    #[arg(
        long,
        value_name = "DIR",
        env = "MEDSHARE_HOME",
        required_unless_present = "ledger"
    )]
    home: Option<PathBuf>,
    /// The ledger's file or the URL of a node; with a home, in place of what `init` was told.
    #[arg(long, value_name = "PATH|URL", env = "MEDSHARE_LEDGER")]
    ledger: Option<PathBuf>,
    /// Without a home, the key that the node of a URL must have; without both, its own word is taken, and printed.
    #[arg(long, value_name = "KEY", conflicts_with = "home")]
    trust: Option<LogKey>,
    /// Without a home, the PEM file of the authorities to trust for a node's https, and no others.
    #[arg(long, value_name = "FILE", conflicts_with = "home")]
    ledger_ca: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Where a chain is computed again.
#[derive(Debug, clap::Args)]
struct Scratch {
    /// The folder of the temporary file; otherwise that of the ledger, and for a URL the home, or without one the system's
    /// folder for temporary files.
    #[arg(long = "scratch", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Scratch {
    /// The folder for the chain of a node, which has its ledger elsewhere.
    fn remote(&self, source: &Source) -> PathBuf {
        let chosen = self.folder.as_ref().or(source.home.as_ref());
        chosen.map_or_else(std::env::temp_dir, PathBuf::clone)
    }

    fn verify(&self, node: &Node, progress: impl FnMut(u64, u64)) -> ledger_node::Result<Audit> {
        match &self.folder {
            Some(folder) => node.verify_chain_in(folder, progress),
            None => node.verify_chain(progress),
        }
    }
}

impl Source {
    fn open(&self, output: &Output) -> Result<Access> {
        if let Some(home) = &self.home {
            let home = Home::open(home)?;
            return home
                .asking(self.ledger.as_deref(), &self.passphrase)
                .ledger(output);
        }
        let Some(ledger) = &self.ledger else {
            bail!("name a home or a ledger");
        };
        match home::location(ledger) {
            Location::Path(path) => home::open_ledger(&path, None, &RestArgs::default(), output),
            Location::Url(url) => self.connect(&url, output),
        }
    }

    /// Reaches a node without a home: who asks is nobody's member, and remembers nothing.
    fn connect(&self, url: &str, output: &Output) -> Result<Access> {
        let connecting = || -> Result<Connecting<'static>> {
            Ok(match &self.ledger_ca {
                Some(pem) => Connecting::new().roots(file::read(pem, 1 << 20)?),
                None => Connecting::new(),
            })
        };
        let log_key = match self.trust {
            Some(log_key) => log_key,
            None => {
                let log_key = Client::first_use(url, connecting()?)?;
                output.note(format_args!(
                    "{url} says that its key is {log_key}: compare it, or give it with --trust"
                ));
                log_key
            }
        };
        Ok(Client::connect(url, log_key, connecting()?)?.into())
    }

    /// The node of a ledger at hand.
    fn node(&self, output: &Output) -> Result<Box<Node>> {
        match self.open(output)? {
            Access::Alone(node) => Ok(node),
            _ => bail!(
                "the ledger is behind a node: whoever runs it has the file, and copies with `node --backup`"
            ),
        }
    }
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        match &self.command {
            Command::Verify { source, scratch } => verify(source, scratch, output),
            Command::Backup { source, to } => backup(source, to, output),
            Command::Export {
                source,
                scratch,
                to,
            } => export(source, scratch, to, output),
            Command::Import { from, to, trust } => import(from, to, trust.as_ref(), output),
            Command::Status(source) => status(source, output),
        }
    }
}

fn verify(source: &Source, scratch: &Scratch, output: &Output) -> Result<Outcome> {
    match recompute(source, scratch, output) {
        Ok(outcome) => Ok(outcome),
        Err(error) => match error.downcast_ref::<ledger_node::Error>() {
            // damage may show already when the file is opened
            Some(
                damage @ (ledger_node::Error::Damaged { .. }
                | ledger_node::Error::Ledger(ledger_core::Error::Damaged { .. })
                | ledger_node::Error::Unproven(_)),
            ) => Ok(Outcome::rejected(
                None,
                damage,
                json!({ "damage": damage.to_string() }),
            )),
            _ => Err(error),
        },
    }
}

fn recompute(source: &Source, scratch: &Scratch, output: &Output) -> Result<Outcome> {
    let ledger = source.open(output)?;
    let (blocks, transactions, compared) = match &ledger {
        Access::Alone(node) => {
            let bar = output.count("verifying blocks", node.head()?.height.0 + 1);
            let audit = scratch.verify(node, |done, _| bar.set_position(done));
            bar.finish_and_clear();
            let audit = audit?;
            (audit.blocks, audit.transactions, "every stored entry")
        }
        Access::Remote(client) => {
            let head = replica(client, &scratch.remote(source), output)?
                .view()?
                .head()
                .clone();
            let compared = "and what its node signs";
            (head.height.0 + 1, head.log_size, compared)
        }
        _ => bail!("this ledger cannot be verified"),
    };
    output.line(format_args!(
        "verified {blocks} blocks with {transactions} transactions: every signature, every rule, {compared}"
    ));
    Ok(Outcome::done(json!({
        "verdict": "verified",
        "chain": ledger.chain().to_string(),
        "blocks": blocks,
        "transactions": transactions,
    })))
}

/// The ledger behind a node, fetched whole and computed again.
fn replica(client: &Client<'_>, folder: &Path, output: &Output) -> Result<Ledger<RedbStore>> {
    let bar = output.count("fetching blocks", client.checkpoint()?.height().0 + 1);
    let replica = client.replica_in(folder, |done, _| bar.set_position(done));
    bar.finish_and_clear();
    Ok(replica?)
}

fn backup(source: &Source, to: &Path, output: &Output) -> Result<Outcome> {
    let node = source.node(output)?;
    node.backup(to, |_| {})?;
    let bytes = to.metadata()?.len();
    output.line(format_args!("copied {} to {}", size(bytes), to.display()));
    output.note(
        "the copy holds the node's key: keep it as safe as the ledger, and run only one of them",
    );
    Ok(Outcome::done(json!({ "to": place(to), "bytes": bytes })))
}

fn export(source: &Source, scratch: &Scratch, to: &Path, output: &Output) -> Result<Outcome> {
    output.check_target(to)?;
    // before anything is opened or fetched: the ledger's own file would be replaced as any other
    let target = file::Target::fresh_or_streamed(to)?;
    let height = match source.open(output)? {
        Access::Alone(node) => {
            let bar = output.count("exporting blocks", node.head()?.height.0);
            let height = written(target, |to| {
                Ok(node.export(to, |done, _| bar.set_position(done))?)
            })?;
            bar.finish_and_clear();
            height
        }
        Access::Remote(client) => {
            let replica = replica(&client, &scratch.remote(source), output)?;
            written(target, |to| Ok(replica.export(to, |_, _| {})?))?
        }
        _ => bail!("this ledger cannot be exported"),
    };
    output.note(format_args!("exported the chain up to height {height}"));
    Ok(Outcome::done(
        json!({ "to": place(to), "height": height.0 }),
    ))
}

/// Writes an export to stdout as it comes, or into a file that is there when it is whole.
fn written(
    mut target: file::Target,
    export: impl FnOnce(&mut dyn Write) -> Result<Height>,
) -> Result<Height> {
    let height = export(&mut BufWriter::new(&mut target))?;
    target.commit()?;
    Ok(height)
}

fn import(from: &Path, to: &Path, trust: Option<&LogKey>, output: &Output) -> Result<Outcome> {
    let export = File::open(from).with_context(|| format!("cannot read {}", from.display()))?;
    let expected = match trust {
        Some(log_key) => Importing::new().chain(log_key.chain()),
        None => Importing::new(),
    };
    let node = Node::import_with(to, BufReader::new(export), &expected, |_| {})?;
    let head = node.head()?;
    output.line(format_args!(
        "imported {} blocks with {} transactions of chain {}",
        head.height.0 + 1,
        head.log_size,
        node.chain()
    ));
    Ok(Outcome::done(json!({
        "to": place(to),
        "chain": node.chain().to_string(),
        "height": head.height.0,
        "transactions": head.log_size,
    })))
}

fn status(source: &Source, output: &Output) -> Result<Outcome> {
    let ledger = source.open(output)?;
    let checkpoint = match ledger.checkpoint() {
        // an import: its head is as good as its file, and nobody signs it
        Err(ledger_node::Error::NoKey { .. }) => None,
        signed => Some(signed?),
    };
    let genesis = ledger.genesis();
    let (bytes, head) = match &ledger {
        Access::Alone(node) => (Some(node.path().metadata()?.len()), Some(node.head()?)),
        _ => (None, None),
    };
    let signed = checkpoint
        .as_ref()
        .map(|signed| (signed.height(), signed.size()));
    let (height, transactions) = signed
        .or(head.map(|head| (head.height, head.log_size)))
        .context("the ledger has no head")?;
    output.line(format_args!(
        "name          {}",
        genesis.name.escape_debug()
    ));
    output.line(format_args!("chain         {}", ledger.chain()));
    output.line(format_args!(
        "founded       {}",
        rfc3339(genesis.created_at)
    ));
    output.line(format_args!("height        {height}"));
    output.line(format_args!("transactions  {transactions}"));
    output.line(format_args!("members       {}", ledger.members()?.len()));
    if let Some(bytes) = bytes {
        output.line(format_args!("file          {}", size(bytes)));
    }
    output.line(format_args!("trust         {}", ledger.log_key()));
    if checkpoint.is_none() {
        output.note("a copy without the node's key: it can be read and verified, but records and signs nothing");
    }
    Ok(Outcome::done(json!({
        "name": genesis.name,
        "chain": ledger.chain().to_string(),
        "height": height.0,
        "transactions": transactions,
        "bytes": bytes,
        "trust": ledger.log_key().to_string(),
        "checkpoint": checkpoint.as_ref().map(Checkpoint::note),
    })))
}

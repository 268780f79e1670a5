use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ledger_node::{Access, Node};
use serde_json::json;

use crate::file;
use crate::home::{self, Home};
use crate::output::{Outcome, Output, size};
use medshare_verify::rfc3339;

/// Verifies, copies and describes whole ledgers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Computes the whole chain again from its genesis and compares every stored byte; exit 3 names what is damaged.
    Verify(Source),
    /// Copies the ledger with its node's key into a new file, also while it is in use: the copy is the same node.
    Backup {
        #[command(flatten)]
        source: Source,
        /// The file to make.
        to: PathBuf,
    },
    /// Writes the genesis and every block, without the node's key, for anyone to check; `-` is stdout.
    Export {
        #[command(flatten)]
        source: Source,
        /// The file to make.
        to: PathBuf,
    },
    /// Reads an export into a new ledger, with every signature and every rule; without the node's key it records nothing.
    Import {
        /// What `export` wrote.
        from: PathBuf,
        /// The ledger to make.
        to: PathBuf,
    },
    /// Shows which chain it is, how far it is, and what a receiver has to trust.
    Status(Source),
}

/// Which ledger: a home's, or a file.
#[derive(Debug, clap::Args)]
#[group(required = true)]
struct Source {
    /// The home whose ledger it is.
    #[arg(
        long,
        value_name = "DIR",
        env = "MEDSHARE_HOME",
        conflicts_with = "ledger"
    )]
    home: Option<PathBuf>,
    /// The ledger's file.
    #[arg(long, value_name = "PATH")]
    ledger: Option<PathBuf>,
}

impl Source {
    fn open(&self, output: &Output) -> Result<Access> {
        match (&self.home, &self.ledger) {
            (Some(home), _) => Home::open(home)?.ledger(output),
            (None, Some(path)) => home::open_ledger(path, None, output),
            (None, None) => bail!("name a home or a ledger"),
        }
    }

    /// The node of a ledger at hand.
    fn node(&self, output: &Output) -> Result<Box<Node>> {
        match self.open(output)? {
            Access::Alone(node) => Ok(node),
            _ => bail!("the ledger is behind a server: whoever runs it has the file"),
        }
    }
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        match &self.command {
            Command::Verify(source) => verify(source, output),
            Command::Backup { source, to } => backup(source, to, output),
            Command::Export { source, to } => export(source, to, output),
            Command::Import { from, to } => import(from, to, output),
            Command::Status(source) => status(source, output),
        }
    }
}

fn verify(source: &Source, output: &Output) -> Result<Outcome> {
    let damage = |error: ledger_node::Error| match &error {
        ledger_node::Error::Damaged { .. } => Ok(Outcome::rejected(
            None,
            &error,
            json!({ "damage": error.to_string() }),
        )),
        _ => Err(error.into()),
    };
    // damage may show already when the file is opened
    let node = match source
        .node(output)
        .map_err(anyhow::Error::downcast::<ledger_node::Error>)
    {
        Ok(node) => node,
        Err(Ok(error)) => return damage(error),
        Err(Err(other)) => return Err(other),
    };
    let bar = output.count("verifying blocks", node.head()?.height.0 + 1);
    let audit = node.verify_chain(|done, _| bar.set_position(done));
    bar.finish_and_clear();
    let audit = match audit {
        Ok(audit) => audit,
        Err(error) => return damage(error),
    };
    output.line(format_args!(
        "verified {} blocks with {} transactions: every signature, every rule, every stored byte",
        audit.blocks, audit.transactions
    ));
    Ok(Outcome::done(json!({
        "verdict": "verified",
        "chain": node.chain().to_string(),
        "blocks": audit.blocks,
        "transactions": audit.transactions,
    })))
}

fn backup(source: &Source, to: &Path, output: &Output) -> Result<Outcome> {
    let node = source.node(output)?;
    node.backup(to, |_| {})?;
    let bytes = to.metadata()?.len();
    output.line(format_args!("copied {} to {}", size(bytes), to.display()));
    output.note(
        "the copy holds the node's key: keep it as safe as the ledger, and run only one of them",
    );
    Ok(Outcome::done(json!({ "to": to, "bytes": bytes })))
}

fn export(source: &Source, to: &Path, output: &Output) -> Result<Outcome> {
    let node = source.node(output)?;
    let bar = output.count("exporting blocks", node.head()?.height.0);
    let progress = |done, _| bar.set_position(done);
    let height = if file::is_dash(to) {
        node.export(std::io::stdout().lock(), progress)?
    } else {
        let mut target = file::Target::new(to)?;
        let height = node.export(BufWriter::new(&mut target), progress)?;
        target.commit()?;
        height
    };
    bar.finish_and_clear();
    output.note(format_args!("exported the chain up to height {height}"));
    Ok(Outcome::done(json!({ "to": to, "height": height.0 })))
}

fn import(from: &Path, to: &Path, output: &Output) -> Result<Outcome> {
    let export = File::open(from).with_context(|| format!("cannot read {}", from.display()))?;
    let node = Node::import(to, BufReader::new(export), None, |_| {})?;
    let head = node.head()?;
    output.line(format_args!(
        "imported {} blocks with {} transactions of chain {}",
        head.height.0 + 1,
        head.log_size,
        node.chain()
    ));
    Ok(Outcome::done(json!({
        "to": to,
        "chain": node.chain().to_string(),
        "height": head.height.0,
        "transactions": head.log_size,
    })))
}

fn status(source: &Source, output: &Output) -> Result<Outcome> {
    let ledger = source.open(output)?;
    let checkpoint = ledger.checkpoint()?;
    let genesis = ledger.genesis();
    let bytes = match &ledger {
        Access::Alone(node) => Some(node.path().metadata()?.len()),
        _ => None,
    };
    output.line(format_args!(
        "name          {}",
        genesis.name.escape_debug()
    ));
    output.line(format_args!("chain         {}", ledger.chain()));
    output.line(format_args!(
        "founded       {}",
        rfc3339(genesis.created_at)
    ));
    output.line(format_args!("height        {}", checkpoint.height()));
    output.line(format_args!("transactions  {}", checkpoint.size()));
    output.line(format_args!("members       {}", ledger.members()?.len()));
    if let Some(bytes) = bytes {
        output.line(format_args!("file          {}", size(bytes)));
    }
    output.line(format_args!("trust         {}", ledger.log_key()));
    Ok(Outcome::done(json!({
        "name": genesis.name,
        "chain": ledger.chain().to_string(),
        "height": checkpoint.height().0,
        "transactions": checkpoint.size(),
        "bytes": bytes,
        "trust": ledger.log_key().to_string(),
        "checkpoint": checkpoint.note(),
    })))
}

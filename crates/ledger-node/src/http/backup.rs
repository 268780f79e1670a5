//! Copies of the ledger that is served, made every so often.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::metrics::Metrics;
use crate::{Error, Node, Result};

/// How the name of a whole copy ends.
const WHOLE: &str = ".redb";
/// How the names of what an interrupted one leaves end: the file that was filled, and the journal beside it.
const INTERRUPTED: [&str; 3] = [
    ".redb.partial",
    ".redb.partial-journal0",
    ".redb.partial-journal1",
];

/// Where copies go, how often, and how many are kept.
#[derive(Clone, Debug)]
pub struct Backups {
    folder: PathBuf,
    every: Duration,
    keep: usize,
}

impl Backups {
    /// Copies into a folder, which is made if it is missing: a copy a day, of which seven are kept.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            every: Duration::from_secs(24 * 60 * 60),
            keep: 7,
        }
    }

    /// How long from one copy to the next; a second at least.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every.max(Duration::from_secs(1));
        self
    }

    /// How many copies are kept, one at least: once a new one is whole, the oldest of this chain's are removed.
    #[must_use]
    pub fn keep(mut self, copies: usize) -> Self {
        self.keep = copies.max(1);
        self
    }

    /// Copies the ledger as it is now, unless the newest copy shows the same; each is named after its chain and height. What earlier
    /// copies of the chain left that were interrupted is removed.
    pub(super) fn make(&self, node: &Node) -> Result<PathBuf> {
        let file = |source| Error::File {
            path: self.folder.clone(),
            source,
        };
        fs::create_dir_all(&self.folder).map_err(file)?;
        let chain = node.chain().to_string();
        let prefix = format!("{}-", chain.get(..16).unwrap_or(&chain));
        // what was interrupted at another height is in nobody's way, and would stay
        for end in INTERRUPTED {
            for left in files(&self.folder, &prefix, end).map_err(file)? {
                // what cannot be removed is in the way of no copy
                let _ = fs::remove_file(left);
            }
        }
        // the copy may show a little more than its name says, never less
        let name = format!("{prefix}{:010}{WHOLE}", node.head()?.height.0);
        let path = self.folder.join(name);
        if !path.exists() {
            node.backup(&path, |_| {})?;
        }
        let mut copies = files(&self.folder, &prefix, WHOLE).map_err(file)?;
        copies.sort();
        let surplus = copies.len().saturating_sub(self.keep);
        for old in copies.iter().take(surplus) {
            fs::remove_file(old).map_err(file)?;
        }
        Ok(path)
    }

    /// Copies again and again until the server stops.
    pub(super) async fn run(
        self,
        node: Arc<Node>,
        metrics: Arc<Metrics>,
        mut stopping: watch::Receiver<bool>,
    ) {
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(self.every) => {}
            }
            let (backups, node) = (self.clone(), Arc::clone(&node));
            let made = tokio::task::spawn_blocking(move || backups.make(&node)).await;
            metrics.backup(matches!(made, Ok(Ok(_))));
        }
    }
}

/// The copies of one chain whose names end so, by height when sorted.
fn files(folder: &Path, prefix: &str, end: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let height = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix)?.strip_suffix(end));
        if height.is_some_and(|height| height.bytes().all(|byte| byte.is_ascii_digit())) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

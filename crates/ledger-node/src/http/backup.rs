//! Copies of the ledger that is served, made every so often.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

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

    /// Copies the ledger as it is now, unless a copy shows the same; each is named after its chain, its height, and the header there. What
    /// earlier copies of the chain left that were interrupted is removed.
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
        // the height alone could be that of a copy of blocks that were given up, when an older copy was restored
        let head = node.head()?;
        let header = head.digest().to_string();
        let header = header.get(..16).unwrap_or(&header);
        // the copy may show a little more than its name says, never less
        let name = format!("{prefix}{:010}-{header}{WHOLE}", head.height.0);
        let path = self.folder.join(name);
        if !path.exists() {
            node.backup(&path, |_| {})?;
        }
        let mut copies = files(&self.folder, &prefix, WHOLE).map_err(file)?;
        copies.retain(|copy| *copy != path);
        // by their age, because heights begin anew when an older copy is restored
        copies.sort_by_cached_key(|copy| {
            let made = fs::metadata(copy).and_then(|copy| copy.modified());
            (made.unwrap_or(SystemTime::UNIX_EPOCH), copy.clone())
        });
        let surplus = (copies.len() + 1).saturating_sub(self.keep);
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

/// The copies of one chain whose names end so, with or without a header in them.
fn files(folder: &Path, prefix: &str, end: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let shown = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix)?.strip_suffix(end));
        let is_ours = |shown: &str| {
            let (height, header) = shown.split_once('-').unwrap_or((shown, ""));
            height.bytes().all(|byte| byte.is_ascii_digit())
                && header.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if shown.is_some_and(is_ours) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use ledger_core::Unsigned;
    use ledger_core::testing::{Person, share};

    use super::*;
    use crate::Founding;

    /// Heights that had been copied before are reached again, by other blocks.
    #[test]
    fn copies_go_on_after_an_older_one_was_restored() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let person = Person::new(0);
        let founding = Founding::new("test", person.authority());
        let mut node = Node::found(&at("ledger"), founding).unwrap();
        let record = |node: &Node, sequence, number| {
            let body = share(number, &[&person]);
            let tx = Unsigned::new(node.chain(), person.address, sequence, node.now(), body);
            node.submit(&tx.sign(&person.key)).unwrap();
        };
        let backups = Backups::new(at("copies")).keep(2);
        let mut copied = 0;
        // what the copy that was made shows, which is looked at in another place
        let mut shown = |node: &Node| {
            let made = backups.make(node).unwrap();
            copied += 1;
            let copy = at(&copied.to_string());
            fs::copy(&made, &copy).unwrap();
            assert_eq!(
                Node::open(&copy).unwrap().head().unwrap(),
                node.head().unwrap()
            );
            made
        };
        record(&node, 0, 0);
        node.backup(&at("older"), |_| {}).unwrap();
        shown(&node);
        record(&node, 1, 1);
        let lost = shown(&node);
        record(&node, 2, 2);
        shown(&node);

        drop(node);
        fs::copy(at("older"), at("ledger")).unwrap();
        node = Node::open(&at("ledger")).unwrap();
        let first = shown(&node);
        assert_eq!(shown(&node), first, "nothing has changed");
        record(&node, 1, 3);
        let second = shown(&node);
        assert_ne!(second, lost);
        let kept = fs::read_dir(at("copies")).unwrap();
        let mut kept: Vec<_> = kept.map(|copy| copy.unwrap().path()).collect();
        kept.sort();
        assert_eq!(kept, [first, second], "the oldest went");
    }
}

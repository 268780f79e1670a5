//! The one thread that writes: whatever waits shares the next block and its one durable write.
//!
//! While a block is being written, further transactions gather, and where many come at a time the next block waits a moment for more of
//! them. One or a few submitters never wait for company: they have the disk's own latency. Many have blocks of up to a thousand
//! transactions.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ledger_core::{Receipt, Refusal, Transaction, Verified};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::metrics::Metrics;
use super::problem::Problem;
use crate::alone::{GROUP, GROUP_BYTES};
use crate::{Error, Node};

/// A transaction that waits for its block, and who waits for its receipt.
pub(super) struct Submission {
    pub(super) tx: Transaction,
    /// Its signature, checked by whoever submits: every core takes part, while the block before is written.
    pub(super) verified: Option<Verified>,
    pub(super) answer: oneshot::Sender<Result<Receipt, Problem>>,
    /// Its bytes among those that may wait, until its block is written.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// For how long after a write that failed nothing is sent here. Then another one shows whether there is room again: whoever waits
/// for the server to be ready sends none before.
const REST: Duration = Duration::from_secs(5);

/// For how long a block waits for transactions that come together with others. Three and four milliseconds gained nothing (`DESIGN.md`
/// says what was measured): every wait is the median's.
const WINDOW: Duration = Duration::from_millis(2);
/// How often it looks for them.
const STEP: Duration = Duration::from_micros(250);
/// A block of so many waits no longer: more would cost less each, but hardly. It is no limit: of those that are there already, a block
/// takes [`GROUP`].
const ENOUGH: usize = 32;
/// How many in one block are company for the next, as `PostgreSQL`'s `commit_siblings`: a few who each wait for an answer gain nothing.
const SIBLINGS: usize = 5;
/// After how long nobody is company any more.
const APART: Duration = Duration::from_millis(10);

/// What the writer says: how many transactions are recorded, and when a write failed, if the last one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) size: u64,
    failed: Option<Instant>,
}

impl Progress {
    pub(super) const fn new(size: u64) -> Self {
        Self { size, failed: None }
    }

    /// Whether another write is worth trying.
    pub(super) fn is_healthy(&self) -> bool {
        self.failed.is_none_or(|failed| failed.elapsed() >= REST)
    }
}

/// Starts the thread, from within the runtime that serves connections; it ends when every sender of submissions is gone and what was submitted is answered.
pub(super) fn start(
    node: Arc<Node>,
    mut queue: mpsc::Receiver<Submission>,
    progress: watch::Sender<Progress>,
    metrics: Arc<Metrics>,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = Handle::current();
    thread::Builder::new()
        .name("ledger-writer".to_owned())
        .spawn(move || {
            let (mut siblings, mut written) = (0, Instant::now());
            while let Some(first) = queue.blocking_recv() {
                let open = || usize::try_from(metrics.connections.get()).unwrap_or(0);
                let company = siblings >= SIBLINGS && written.elapsed() < APART;
                let group = gather(first, &mut queue, company, open);
                siblings = group.len();
                metrics.waiting(queue.len());
                write(&node, group, &progress, &metrics, &runtime);
                written = Instant::now();
            }
        })
}

/// What goes into one block: this transaction, and what else is in the queue. In company, which is when the block before had
/// [`SIBLINGS`] a moment ago, also what comes within [`WINDOW`], until there are [`ENOUGH`], or one of each open connection.
fn gather(
    first: Submission,
    queue: &mut mpsc::Receiver<Submission>,
    company: bool,
    open: impl Fn() -> usize,
) -> Vec<Submission> {
    let begun = Instant::now();
    let mut bytes = first.tx.as_bytes().len();
    let mut group = vec![first];
    let mut last_look = !company;
    loop {
        while group.len() < GROUP && bytes < GROUP_BYTES {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.tx.as_bytes().len();
            group.push(next);
        }
        let enough = group.len() >= ENOUGH || bytes >= GROUP_BYTES;
        if enough || last_look || group.len() >= open() {
            return group;
        }
        thread::sleep(STEP);
        last_look = begun.elapsed() >= WINDOW;
    }
}

fn write(
    node: &Node,
    group: Vec<Submission>,
    progress: &watch::Sender<Progress>,
    metrics: &Metrics,
    runtime: &Handle,
) {
    let (mut answers, mut room) = (Vec::new(), Vec::new());
    let apart = |submission: Submission| {
        answers.push(submission.answer);
        room.push(submission.room);
        (submission.tx, submission.verified)
    };
    let txs: Vec<_> = group.into_iter().map(apart).collect();
    let start = Instant::now();
    let outcomes = node.submit_verified(&txs);
    // what the clock says is asked anew
    let failed = match &outcomes {
        Ok(_) | Err(Error::Clock { .. }) => None,
        Err(_) => Some(Instant::now()),
    };
    let answered: Vec<Result<Receipt, Problem>> = match outcomes {
        Ok(outcomes) => {
            // what is refused, or was recorded before, is in no block
            match outcomes.iter().filter(|outcome| outcome.is_ok()).count() {
                0 => {}
                recorded => metrics.block(recorded, start.elapsed()),
            }
            let outcome = |outcome: Result<Receipt, Refusal>| {
                outcome.map_err(|refusal| {
                    metrics.refused(refusal.code());
                    Error::Refused(refusal).into()
                })
            };
            outcomes.into_iter().map(outcome).collect()
        }
        Err(error) => {
            let problem = Problem::from(error);
            metrics.failed(&problem.code);
            vec![Err(problem); answers.len()]
        }
    };
    let last = answered
        .iter()
        .rev()
        .find_map(|answer| answer.as_ref().ok());
    progress.send_modify(|progress| {
        progress.failed = failed;
        if let Some(receipt) = last {
            progress.size = receipt.index + 1;
        }
    });
    drop((txs, room));
    // last, so that whoever has an answer finds everything else that says so; and by one task, because waking each of a
    // hundred from here is a hundred system calls before the next block
    runtime.spawn(async move {
        for (answer, outcome) in answers.into_iter().zip(answered) {
            // who does not listen any more finds the transaction by its id
            let _ = answer.send(outcome);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use ledger_core::testing::{Person, share};
    use ledger_core::{Body, Height, Unsigned};

    use super::*;
    use crate::Founding;

    fn founded() -> (tempfile::TempDir, Arc<Node>) {
        let folder = tempfile::tempdir().unwrap();
        let founding = Founding::new("test", Person::new(0).authority());
        let node = Node::found(&folder.path().join("ledger"), founding).unwrap();
        (folder, Arc::new(node))
    }

    /// The founder's share of this number, with so long a description, and where its receipt comes.
    fn submission(
        node: &Node,
        sequence: u64,
        description: usize,
    ) -> (Submission, oneshot::Receiver<Result<Receipt, Problem>>) {
        let person = Person::new(0);
        let mut body = share(sequence, &[&person]);
        if let Body::Share(share) = &mut body {
            share.description = Some("x".repeat(description));
        }
        let tx = Unsigned::new(node.chain(), person.address, sequence, node.now(), body);
        let tx = tx.sign(&person.key);
        let (answer, answered) = oneshot::channel();
        let submission = Submission {
            verified: node.verify_ahead(&tx),
            tx,
            answer,
            room: None,
        };
        (submission, answered)
    }

    /// What a writer makes of so many transactions, with so long a description, that all wait when it begins: the heights of
    /// their blocks.
    fn written(many: u64, description: usize) -> (tempfile::TempDir, Arc<Node>, Vec<Height>) {
        let (folder, node) = founded();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (queue, waiting) = mpsc::channel(3000);
        let answers: Vec<_> = (0..many)
            .map(|sequence| {
                let (submission, answered) = submission(&node, sequence, description);
                assert!(queue.try_send(submission).is_ok());
                answered
            })
            .collect();
        let (progress, _seen) = watch::channel(Progress::new(0));
        let _entered = runtime.enter();
        let metrics = Arc::new(Metrics::new());
        let writer = start(Arc::clone(&node), waiting, progress, metrics).unwrap();
        let heights = answers.into_iter().map(|answered| {
            let receipt = answered.blocking_recv().unwrap();
            receipt.unwrap_or_else(|_| panic!("refused")).height
        });
        let heights = heights.collect();
        drop(queue);
        writer.join().unwrap();
        (folder, node, heights)
    }

    /// A block of a thousand of the largest would be more than a client reads as one answer.
    #[test]
    fn a_block_has_so_many_bytes() {
        let (_folder, node, heights) = written(1000, 16_000);
        for height in 1..=node.head().unwrap().height.0 {
            let block = node.block(Height(height)).unwrap().unwrap();
            let bytes = block.transactions.iter().map(|tx| tx.as_bytes().len());
            let bytes: usize = bytes.sum();
            assert!(bytes < GROUP_BYTES + 65_536, "{bytes}");
        }
        assert_eq!(heights.last(), Some(&Height(2)));
    }

    /// Each look at how many connections are open brings one transaction more, of five in all.
    fn gathered(company: bool, open: usize) -> usize {
        let (_folder, node) = founded();
        let (sender, mut queue) = mpsc::channel(5);
        let mut submissions = (0..5).map(|sequence| submission(&node, sequence, 0).0);
        let first = submissions.next().unwrap();
        let rest = RefCell::new(submissions);
        let look = || {
            if let Some(next) = rest.borrow_mut().next() {
                assert!(sender.try_send(next).is_ok());
            }
            open
        };
        gather(first, &mut queue, company, look).len()
    }

    #[test]
    fn who_is_alone_does_not_wait_for_company() {
        assert_eq!(gathered(false, 5), 1);
    }

    #[test]
    fn in_company_a_block_waits_for_those_that_come() {
        // at least the look after the first wait, however long that took
        assert!(gathered(true, 6) >= 2);
    }

    #[test]
    fn a_block_that_has_one_of_each_connection_waits_for_no_more() {
        assert_eq!(gathered(true, 1), 1);
        assert!(gathered(true, 2) <= 2);
    }

    /// What waits when the thread begins: 2,003 transactions, and nobody waits for the last three to become more.
    #[test]
    fn a_block_takes_a_thousand_of_those_that_wait() {
        let (_folder, _node, heights) = written(2003, 0);
        let blocks = heights.chunk_by(|one, next| one == next);
        let blocks: Vec<_> = blocks.map(|block| (block[0], block.len())).collect();
        let expected = [(1, 1000), (2, 1000), (3, 3)];
        assert_eq!(
            blocks,
            expected.map(|(height, many)| (Height(height), many))
        );
    }
}

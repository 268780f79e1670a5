//! Many transactions in few requests.

use std::collections::BTreeMap;
use std::iter;

use ledger_core::{Answer, Receipt, Transaction};
use serde::Deserialize;

use super::transport::Problem;
use super::{Client, receipt, refused};
use crate::batch::{MAX_BATCH, MAX_BATCH_BYTES};
use crate::{Error, Result};

const PATH: &str = "/v1/transactions/batch";

/// What the server says of a transaction, without a proof.
#[derive(Deserialize)]
struct Outcome {
    id: String,
    #[serde(default)]
    problem: Option<Problem>,
}

impl Client<'_> {
    /// Records transactions in their order, up to [`MAX_BATCH`] and [`MAX_BATCH_BYTES`] with one request; what became of each, in
    /// the same order. One has a receipt when it is proven to be in the log. Safe to repeat.
    ///
    /// A transaction that is refused does not stop the others, except those that need it. A request that fails ends it: its
    /// transactions have its error, as far as that says something of each, and what is behind is [`Error::Unsent`].
    ///
    /// # Errors
    ///
    /// Of each transaction, as [`Client::submit`].
    #[must_use = "each has its own error"]
    pub fn submit_all(&self, txs: &[Transaction]) -> Vec<Result<Receipt>> {
        let mut outcomes = Vec::with_capacity(txs.len());
        let mut rest = txs;
        while !rest.is_empty() {
            let (batch, behind) = rest.split_at(fitting(rest));
            rest = behind;
            match self.submit_batch(batch) {
                Ok(those) => outcomes.extend(those),
                Err(error) => {
                    outcomes.extend(self.of_each(error, batch.len()));
                    break;
                }
            }
        }
        let unsent = txs.len().saturating_sub(outcomes.len());
        outcomes.extend((0..unsent).map(|_| Err(self.unsent())));
        outcomes
    }

    fn unsent(&self) -> Error {
        Error::Unsent {
            url: self.transport.url().to_owned(),
        }
    }

    /// What the error of a request says of each of its transactions. What the server said is said of all; what has a source, which is
    /// only there once, stands with the first.
    fn of_each(&self, error: Error, many: usize) -> Vec<Result<Receipt>> {
        let another = || match &error {
            Error::Server {
                url,
                status,
                code,
                detail,
            } => Error::Server {
                url: url.clone(),
                status: *status,
                code: code.clone(),
                detail: detail.clone(),
            },
            error if error.is_refusal() => self.unsent(),
            _ => self.unanswered(PATH, "whether it is recorded"),
        };
        let others: Vec<_> = (1..many).map(|_| Err(another())).collect();
        iter::once(Err(error)).chain(others).collect()
    }

    /// What became of each transaction of one request. The proven answer holds what is recorded; why the others are not is the
    /// server's word, for which they are sent again.
    fn submit_batch(&self, txs: &[Transaction]) -> Result<Vec<Result<Receipt>>> {
        let sequence = sequence(txs);
        let post = |path: &str| self.transport.post_batch(path, &sequence);
        let receipts = match self.send(PATH, post) {
            Ok(answer) => receipts(&answer, txs),
            // of a batch of which nothing is recorded a server for members proves nothing
            Err(Error::RefusedThere { .. }) => vec![None; txs.len()],
            Err(error) => return Err(error),
        };
        let missing = txs.iter().zip(&receipts);
        let missing = missing.filter_map(|(tx, receipt)| receipt.is_none().then_some(tx));
        let missing: Vec<_> = missing.cloned().collect();
        if missing.is_empty() {
            return Ok(receipts.into_iter().flatten().map(Ok).collect());
        }
        // those that are recorded have their receipts, whatever becomes of this
        let mut refused = self.refusals(&missing).unwrap_or_default().into_iter();
        let outcomes = receipts.into_iter().map(|receipt| match receipt {
            Some(receipt) => Ok(receipt),
            None => refused.next().unwrap_or_else(|| {
                Err(self.unanswered(PATH, "why the transaction is not recorded"))
            }),
        });
        Ok(outcomes.collect())
    }

    /// Why each of these is not recorded, which the server took before; what is by now has its proof.
    fn refusals(&self, txs: &[Transaction]) -> Result<Vec<Result<Receipt>>> {
        let replied = self.transport.post_batch_json(PATH, &sequence(txs))?;
        let (bytes, _) = self.body(replied, None)?;
        let said = serde_json::from_slice::<Vec<Outcome>>(&bytes).unwrap_or_default();
        let ids = said.iter().map(|outcome| outcome.id.as_str());
        if !ids.eq(txs.iter().map(|tx| tx.id().to_string())) {
            return Err(self.unanswered(PATH, "the transactions"));
        }
        let outcome = |(outcome, tx): (Outcome, &Transaction)| {
            let outcome = match outcome.problem {
                None => self.submit(tx),
                Some(problem) => {
                    let status = problem.status;
                    let url = format!("{}{PATH}", self.transport.url());
                    Err(refused(problem.of(url, status)))
                }
            };
            outcome.map_err(|error| self.perhaps(PATH, error))
        };
        Ok(said.into_iter().zip(txs).map(outcome).collect())
    }
}

/// How many of these one request takes: one in any case.
fn fitting(txs: &[Transaction]) -> usize {
    let mut bytes = 0;
    let fits = |tx: &&Transaction| {
        bytes += tx.as_bytes().len();
        bytes <= MAX_BATCH_BYTES
    };
    txs.iter().take(MAX_BATCH).take_while(fits).count().max(1)
}

fn sequence(txs: &[Transaction]) -> Vec<u8> {
    let all: Vec<_> = txs.iter().map(Transaction::as_bytes).collect();
    all.concat()
}

/// Where an answer proves each to stand.
fn receipts(answer: &Answer, txs: &[Transaction]) -> Vec<Option<Receipt>> {
    let found = answer.transactions();
    let found: BTreeMap<_, _> = found.map(|(index, tx)| (tx.id(), index)).collect();
    let receipt = |tx: &Transaction| {
        let id = tx.id();
        receipt(answer, *found.get(&id)?, id)
    };
    txs.iter().map(receipt).collect()
}

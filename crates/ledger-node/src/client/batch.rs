//! Many transactions in few requests.

use std::collections::BTreeMap;

use ledger_core::{Answer, Receipt, Transaction};
use serde::Deserialize;

use super::transport::Problem;
use super::{Client, since, until_cosigned};
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
    /// A transaction that is refused does not stop the others, except those that need it. A request that fails ends it: what
    /// is behind is [`Error::Unsent`].
    ///
    /// # Errors
    ///
    /// Of a transaction, as [`Client::submit`]; of all, what the first request fails with.
    pub fn submit_all(&self, txs: &[Transaction]) -> Result<Vec<Result<Receipt>>> {
        let mut outcomes = Vec::with_capacity(txs.len());
        let mut rest = txs;
        while !rest.is_empty() {
            let (batch, behind) = rest.split_at(fitting(rest));
            let error = match self.submit_batch(batch) {
                Ok(those) => {
                    outcomes.extend(those);
                    rest = behind;
                    continue;
                }
                Err(error) if outcomes.is_empty() => return Err(error),
                Err(error) => error,
            };
            let url = self.transport.url();
            let unsent = || Error::Unsent {
                url: url.to_owned(),
            };
            let refused = error.is_refusal();
            let of_batch = || match refused {
                true => unsent(),
                false => self.unanswered(PATH, "the transaction"),
            };
            outcomes.push(Err(error));
            outcomes.extend(batch.iter().skip(1).map(|_| Err(of_batch())));
            outcomes.extend(behind.iter().map(|_| Err(unsent())));
            break;
        }
        Ok(outcomes)
    }

    /// What became of each transaction of one request. The proven answer holds what is recorded; why the others are not is the
    /// server's word, for which they are sent again.
    fn submit_batch(&self, txs: &[Transaction]) -> Result<Vec<Result<Receipt>>> {
        let sequence = sequence(txs);
        let (answer, _) = until_cosigned(|| {
            let kept = self.memory.last();
            let asked = since(PATH, kept.as_ref());
            let replied = self.transport.post_batch(&asked, &sequence)?;
            self.believe(replied, kept)
        })?;
        let receipts = receipts(&answer, txs);
        let missing = txs.iter().zip(&receipts);
        let missing = missing.filter_map(|(tx, receipt)| receipt.is_none().then_some(tx));
        let missing: Vec<_> = missing.cloned().collect();
        if missing.is_empty() {
            return Ok(receipts.into_iter().flatten().map(Ok).collect());
        }
        let mut refused = match self.refusals(&missing) {
            Ok(refused) => refused.into_iter(),
            // those that are recorded have their receipts all the same
            Err(error) => vec![Err(error)].into_iter(),
        };
        let outcomes = receipts.into_iter().map(|receipt| match receipt {
            Some(receipt) => Ok(receipt),
            None => refused.next().unwrap_or_else(|| {
                Err(self.unanswered(PATH, "why the transaction is not recorded"))
            }),
        });
        Ok(outcomes.collect())
    }

    /// Why each of these is not recorded; what is by now has its proof.
    fn refusals(&self, txs: &[Transaction]) -> Result<Vec<Result<Receipt>>> {
        let replied = self.transport.post_batch_json(PATH, &sequence(txs))?;
        let (bytes, _) = self.body(replied, None)?;
        let said = serde_json::from_slice::<Vec<Outcome>>(&bytes).unwrap_or_default();
        let ids = said.iter().map(|outcome| outcome.id.as_str());
        if !ids.eq(txs.iter().map(|tx| tx.id().to_string())) {
            return Err(self.unanswered(PATH, "the transactions"));
        }
        let outcome = |(outcome, tx): (Outcome, &Transaction)| match outcome.problem {
            None => self.submit(tx),
            Some(problem) if problem.status == 422 => Err(problem.refusal()),
            Some(problem) => {
                let status = problem.status;
                Err(problem.of(format!("{}{PATH}", self.transport.url()), status))
            }
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
        let index = *found.get(&id)?;
        let height = answer.block_of(index)?.header.height;
        Some(Receipt::new(index, height, id))
    };
    txs.iter().map(receipt).collect()
}

//! What the ledger's answers and verification's verdicts become: proofs that are checked, steps that are printed.

use std::fmt::Display;

use anyhow::Result;
use ledger_core::{ShareFilter, ShareId, ShareIdPrefix};
use ledger_node::Access;
use medshare_verify::{Check, Rejected, Step};
use serde_json::{Value, json};

use crate::home::Home;
use crate::output::{Outcome, Output};

/// The share that a whole id or the first letters of one mean; an id that is not recorded is rejected at step 1, and first letters
/// that a node lists nothing for are an error: its lists prove nothing.
pub(crate) fn find_share(
    ledger: &Access,
    text: &str,
    output: &Output,
) -> Result<Result<ShareId, Outcome>> {
    let text = text.to_ascii_lowercase();
    if let Ok(share_id) = text.parse::<ShareId>() {
        return Ok(match ledger.share(&share_id)? {
            Some(_) => Ok(share_id),
            None => Err(not_recorded(&text)),
        });
    }
    let begins: Option<ShareIdPrefix> = text.parse().ok().filter(|_| text.len() >= 4);
    if begins.is_none() {
        anyhow::bail!(
            "expected a share id of 64 hexadecimal digits, or at least its first 4, found {text:?}"
        );
    }
    let filter = ShareFilter {
        begins,
        ..ShareFilter::default()
    };
    let found = ledger.shares(&filter)?;
    let mut found = found.into_iter().map(|(share_id, _)| share_id);
    match (found.next(), found.next(), ledger.is_served()) {
        (Some(share_id), None, false) => Ok(Ok(share_id)),
        // a list is what the node says: it may show one and hide another, and nothing proves which one was meant
        (Some(share_id), None, true) => {
            output.note(format_args!(
                "{text} is share {share_id}, the only one that the node lists; its whole id would not depend on the node"
            ));
            Ok(Ok(share_id))
        }
        (None, _, false) => Ok(Err(not_recorded(&text))),
        (None, _, true) => anyhow::bail!(
            "the node lists no share whose id begins with {text}; that there is none, it proves for a whole id only"
        ),
        (Some(_), Some(_), _) => {
            anyhow::bail!("several share ids begin with {text}; give more of it")
        }
    }
}

/// The verdict on a share that no approved block records.
pub(crate) fn not_recorded(share: &str) -> Outcome {
    Outcome::rejected(
        Some(Step::Record.number()),
        format_args!("no approved block of this ledger records a share {share}"),
        json!({ "share_id": share }),
    )
}

/// The ledger's proof of a share, continued from the last checkpoint that the home saw.
pub(crate) fn prove(ledger: &Access, home: &Home, share_id: &ShareId) -> Result<Vec<u8>> {
    let older = home.checkpoint()?;
    // a ledger that is older than what was seen cannot prove that it continues it: verification then names the rollback
    let older = match older {
        Some(older) if ledger.checkpoint()?.size() >= older.size() => Some(older),
        _ => None,
    };
    Ok(ledger.prove(share_id, older.as_ref())?)
}

/// The verdict on evidence that was not believed, with what may be done about it.
///
/// # Errors
///
/// A machine failed, which is no verdict.
pub(crate) fn rejected(
    output: &Output,
    rejected: Rejected,
    share_id: &ShareId,
    advice: impl Display,
) -> Result<Outcome> {
    if rejected.is_failure() {
        let step = rejected.step().number();
        return Err(anyhow::Error::new(rejected).context(format!(
            "step {step} could not be taken, which says nothing about the share; nothing was released; try again when this is mended"
        )));
    }
    if rejected.step() > Step::Live {
        output.note(advice);
    }
    Ok(Outcome::rejected(
        Some(rejected.step().number()),
        rejected,
        json!({ "share_id": share_id.to_string() }),
    ))
}

/// The steps as `--json` prints them.
pub(crate) fn steps(checks: &[Check]) -> Value {
    checks
        .iter()
        .map(|check| {
            json!({
                "step": check.step().number(),
                "title": check.step().title(),
                "compared": check.compared(),
            })
        })
        .collect()
}

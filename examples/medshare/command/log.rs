use std::collections::BTreeMap;

use anyhow::Result;
use ledger_core::{Address, Body, ShareFilter, ShareId, ShareState};
use ledger_node::Access;
use serde_json::{Value, json};

use crate::answer;
use crate::home::MemberArgs;
use crate::output::{Outcome, Output};
use medshare_verify::rfc3339;

/// Shows the shares that you sent or received, or everything that happened to one.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// One share, or the first letters of its id.
    share: Option<String>,
    /// Every share on the ledger, in place of your own.
    #[arg(long, conflicts_with = "share")]
    all: bool,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        let ledger = home.ledger(output)?;
        match &self.share {
            Some(share) => match answer::find_share(&ledger, share)? {
                Ok(share_id) => one(&ledger, &share_id, output),
                Err(rejected) => Ok(rejected),
            },
            None => {
                let own = (!self.all).then(|| home.address()).transpose()?;
                list(&ledger, own.as_ref(), output)
            }
        }
    }
}

fn list(ledger: &Access, own: Option<&Address>, output: &Output) -> Result<Outcome> {
    let filters = match own {
        Some(own) => vec![
            ShareFilter {
                sender: Some(*own),
                ..ShareFilter::default()
            },
            ShareFilter {
                receiver: Some(*own),
                ..ShareFilter::default()
            },
        ],
        None => vec![ShareFilter::default()],
    };
    // in the order in which they were recorded, and each once
    let mut found = BTreeMap::new();
    for filter in filters {
        let shares = ledger.shares(&filter)?.into_iter();
        found.extend(shares.map(|(share_id, share)| (share.index, (share_id, share))));
    }
    let mut listed = Vec::new();
    for (share_id, share) in found.into_values() {
        let role = match own {
            Some(own) if share.sender == *own => "sent",
            Some(_) => "received",
            None => "recorded",
        };
        output.line(format_args!(
            "{share_id}  height {:>6}  {role:8}  {:9}  {}",
            share.height, share.status, share.content
        ));
        listed.push(summary(&share_id, &share));
    }
    if listed.is_empty() {
        output.note("no shares yet");
    }
    Ok(Outcome::done(json!({ "shares": listed })))
}

fn one(ledger: &Access, share_id: &ShareId, output: &Output) -> Result<Outcome> {
    let Some(share) = ledger.share(share_id)? else {
        return Ok(answer::not_recorded(&share_id.to_string()));
    };
    output.line(format_args!("share        {share_id}"));
    output.line(format_args!("status       {}", share.status));
    output.line(format_args!("cid          {}", share.content));
    output.line(format_args!("commitment   {}", share.commitment));
    let mut events = Vec::new();
    for event in ledger.events(share_id)? {
        let (height, tx) = (event.height, &event.tx);
        let time = rfc3339(tx.created_at());
        let detail = match tx.body() {
            Body::Share(share) => share.description.clone().unwrap_or_default(),
            Body::Reject(reject) => reject.reason.clone().unwrap_or_default(),
            _ => String::new(),
        };
        output.line(format_args!(
            "{time}  height {height:>6}  {:9} by {}{}{}",
            tx.body().kind(),
            tx.sender(),
            if detail.is_empty() { "" } else { ": " },
            detail.escape_debug(),
        ));
        for receiver in tx.body().receivers() {
            output.line(format_args!(
                "                                       to {receiver}"
            ));
        }
        events.push(json!({
            "index": event.index,
            "height": height.0,
            "time": time,
            "kind": tx.body().kind(),
            "sender": tx.sender().to_string(),
            "receivers": tx.body().receivers().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "text": detail,
        }));
    }
    let mut fields = summary(share_id, &share);
    if let Value::Object(map) = &mut fields {
        map.insert("events".to_owned(), events.into());
    }
    Ok(Outcome::done(fields))
}

fn summary(share_id: &ShareId, share: &ShareState) -> Value {
    json!({
        "share_id": share_id.to_string(),
        "cid": share.content.to_string(),
        "height": share.height.0,
        "status": share.status.to_string(),
        "sender": share.sender.to_string(),
        "receivers": share.receivers.iter().map(|receiver| json!({
            "address": receiver.address.to_string(),
            "accepted": receiver.accepted.is_some(),
            "revoked": receiver.revoked.is_some(),
        })).collect::<Vec<_>>(),
        "commitment": share.commitment.to_string(),
    })
}

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use ledger_core::{Address, Body, ShareFilter, ShareId, ShareState};
use ledger_node::client::Subject;
use ledger_node::{Access, Event};
use serde_json::{Value, json};

use crate::answer;
use crate::home::MemberArgs;
use crate::output::{Outcome, Output};
use medshare_verify::rfc3339;

/// Shows the shares that you sent or received, or everything that happened to one.
///
/// `--follow` goes on with what is recorded, an event a line, until it is stopped: one share, with `--all` everything, or what concerns
/// you, by the node's word. Each event is proven before it is shown. With `--json` each is an object on a line of its own; a program that was
/// stopped goes on with `--from`, one more than the index that it saw last.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    member: MemberArgs,
    /// One share, or the first letters of its id.
    share: Option<String>,
    /// Every share on the ledger, in place of your own.
    #[arg(long, conflicts_with = "share")]
    all: bool,
    /// Go on with what is recorded from now on, until stopped.
    #[arg(long)]
    follow: bool,
    /// Begin at this index of the log.
    #[arg(long, value_name = "INDEX", requires = "follow")]
    from: Option<u64>,
}

impl Args {
    pub(crate) fn run(&self, output: &Output) -> Result<Outcome> {
        let home = self.member.open()?;
        let ledger = home.ledger(output)?;
        if self.follow {
            let subject = match &self.share {
                Some(share) => match answer::find_share(&ledger, share, output)? {
                    Ok(share_id) => Subject::Share(share_id),
                    Err(rejected) => return Ok(rejected),
                },
                None if self.all => Subject::Everything,
                None => Subject::Member(home.address()?),
            };
            return follow(&ledger, subject, self.from, output);
        }
        match &self.share {
            Some(share) => match answer::find_share(&ledger, share, output)? {
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
        let taken_back =
            |own: &Address| share.is_live() && share.sender != *own && !share.is_granted(own);
        let status = match own {
            Some(own) if taken_back(own) => "taken back".to_owned(),
            _ => share.status.to_string(),
        };
        output.line(format_args!(
            "{share_id}  height {:>6}  {role:8}  {status:10}  {}",
            share.height, share.content
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
        output.line(text(&event, ""));
        events.push(told(&event));
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

/// One event and those whom it names, for people.
fn text(event: &Event, share: &str) -> String {
    let (height, tx) = (event.height, &event.tx);
    let words = words(tx.body());
    let mut text = format!(
        "{}  height {height:>6}  {:9} {share}by {}{}{}",
        rfc3339(tx.created_at()),
        tx.body().kind(),
        tx.sender(),
        if words.is_empty() { "" } else { ": " },
        words.escape_debug(),
    );
    let whom = match tx.body() {
        Body::Revoke(_) => "from",
        _ => "to",
    };
    for receiver in tx.body().receivers() {
        text.push_str(&format!(
            "\n                                       {whom} {receiver}"
        ));
    }
    text
}

/// The same for programs.
fn told(event: &Event) -> Value {
    let (height, tx) = (event.height, &event.tx);
    json!({
        "index": event.index,
        "height": height.0,
        "time": rfc3339(tx.created_at()),
        "kind": tx.body().kind(),
        "sender": tx.sender().to_string(),
        "receivers": tx.body().receivers().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "text": words(tx.body()),
    })
}

/// What the sender wrote.
fn words(body: &Body) -> &str {
    let words = match body {
        Body::Share(share) => share.description.as_deref(),
        Body::Reject(reject) => reject.reason.as_deref(),
        _ => None,
    };
    words.unwrap_or_default()
}

/// Shows what is recorded as it is. That the server is away for a while ends nothing.
fn follow(
    ledger: &Access,
    subject: Subject,
    from: Option<u64>,
    output: &Output,
) -> Result<Outcome> {
    let Access::Remote(client) = ledger else {
        bail!(
            "this process has the ledger's file, so nobody else records in it: serve it by `medshare node`, and follow with --ledger URL"
        );
    };
    let from = match from {
        Some(from) => from,
        None => client.checkpoint()?.size(),
    };
    let mut away = false;
    for event in client.follow(subject, from) {
        let event = match event {
            Ok(event) => event,
            Err(error) if error.may_pass() => {
                if !away {
                    output.note(format_args!("{error}; trying again until it answers"));
                }
                away = true;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if away {
            output.note("it answers again");
        }
        away = false;
        let share = event.tx.body().share_id();
        let mut fields = told(&event);
        fields["share_id"] = share.map(ToString::to_string).into();
        let share = share.map_or_else(String::new, |share| format!("{share} "));
        output.next(text(&event, &share), &fields)?;
    }
    Ok(Outcome::Told)
}

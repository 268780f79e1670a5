//! The table of DESIGN.md is what the function says, cell by cell.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ipld_core::ipld::Ipld;

use super::{Position, View, admit, transition};
use crate::store::MemoryStore;
use crate::testing::{Chain, FOUNDED, Person, content, genesis, share, share_id};
use crate::{
    Accept, Address, Body, Error, Grant, Height, MemberState, ReceiverState, Refusal, Reject,
    Result, Revoke, RevokeMember, RotateKey, ShareId, ShareState, Status, Transaction, Unsigned,
    Withdraw,
};

/// Two authorities are left of three, and two must sign.
const AUTHORITIES: [u32; 2] = [0, 1];
/// The sender of the share.
const SENDER: u32 = 3;
/// Receives the share.
const RECEIVER: u32 = 4;
/// Received the share, and accepted it.
const ACCEPTED: u32 = 5;
/// Received the share once.
const TAKEN_BACK: u32 = 6;
const MEMBER: u32 = 7;
const STRANGER: u32 = 8;
const REVOKED: u32 = 9;

#[derive(Default)]
struct World {
    members: BTreeMap<Address, MemberState>,
    share: Option<ShareState>,
}

impl View for World {
    fn member(&self, address: &Address) -> Result<Option<Cow<'_, MemberState>>> {
        Ok(self.members.get(address).map(Cow::Borrowed))
    }

    fn share(&self, share: &ShareId) -> Result<Option<Cow<'_, ShareState>>> {
        assert_eq!(*share, share_id(1));
        Ok(self.share.as_ref().map(Cow::Borrowed))
    }
}

impl World {
    fn new(status: Option<Status>) -> Self {
        let mut members = BTreeMap::new();
        for number in [
            0, 1, 2, SENDER, RECEIVER, ACCEPTED, TAKEN_BACK, MEMBER, REVOKED,
        ] {
            let person = Person::new(number);
            let mut member = MemberState::new(person.public_key(), None, None, Height(0));
            member.revoked = [2, REVOKED].contains(&number).then_some(Height(1));
            members.insert(person.address, member);
        }
        let receiver = |number, accepted, revoked| {
            let mut receiver = ReceiverState::new(Person::new(number).address, None, 0);
            (receiver.accepted, receiver.revoked) = (accepted, revoked);
            receiver
        };
        let Body::Share(recorded) = share(1, &[]) else {
            unreachable!("it is one")
        };
        let share = status.map(|status| ShareState {
            sender: Person::new(SENDER).address,
            content: recorded.content,
            commitment: recorded.commitment,
            index: 0,
            height: Height(1),
            status,
            receivers: vec![
                receiver(RECEIVER, None, None),
                receiver(ACCEPTED, Some(1), None),
                receiver(TAKEN_BACK, None, Some(2)),
            ],
            events: vec![0, 1, 2],
        });
        Self { members, share }
    }

    /// What the rules say, with these authorities' approvals.
    fn verdict(&self, sender: u32, body: Body, approvals: &[u32]) -> String {
        let genesis = genesis(3, 2);
        let sender = Person::new(sender);
        let tx = Unsigned::new(genesis.chain(), sender.address, 0, FOUNDED, body);
        let tx = approvals.iter().fold(tx.sign(&sender.key), |tx, number| {
            let authority = Person::new(*number);
            tx.approve(authority.address, &authority.key)
        });
        let at = Position {
            height: Height(2),
            time: FOUNDED,
            index: 3,
        };
        let allowed = admit(self, &genesis, &genesis.chain(), &tx, at)
            .and_then(|_| transition(self, &genesis, &tx, at));
        match allowed {
            Ok(_) => "**yes**".to_owned(),
            Err(Error::Refused(refusal)) => refusal.code().to_owned(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Rows of one kind; senders with the same cells share one, and the last of several may be all others.
fn rows(kind: &str, everybody: &str, rows: Vec<(&str, Vec<String>)>) -> String {
    let mut merged: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
    for (sender, cells) in rows {
        match merged.iter_mut().find(|(_, other)| *other == cells) {
            Some((senders, _)) => senders.push(sender),
            None => merged.push((vec![sender], cells)),
        }
    }
    merged.sort_by_key(|(senders, _)| senders.len() > 2);
    let groups = merged.len();
    let row = |(senders, cells): (Vec<&str>, Vec<String>)| {
        let senders = match senders.len() {
            _ if groups == 1 => everybody.to_owned(),
            0..=2 => senders.join(", "),
            _ => "anybody else".to_owned(),
        };
        format!("| {kind} | {senders} | {} |\n", cells.join(" | "))
    };
    merged.into_iter().map(row).collect()
}

/// The kinds that concern a share, by who sends them and what became of the share.
fn shares() -> String {
    let by = Person::new(RECEIVER).address;
    let worlds = [
        None,
        Some(Status::Live),
        Some(Status::Rejected { by, index: 2 }),
        Some(Status::Withdrawn { index: 2 }),
    ]
    .map(World::new);
    let senders = [
        ("its sender", SENDER),
        ("receiver", RECEIVER),
        ("receiver that accepted", ACCEPTED),
        ("receiver whose grant was taken back", TAKEN_BACK),
        ("another member", MEMBER),
    ];
    let share_id = share_id(1);
    let address = |number| Person::new(number).address;
    let grant = |receiver| {
        Body::Grant(Grant {
            share_id,
            content: content(2),
            receivers: vec![address(receiver)],
        })
    };
    let revoke = |receiver| {
        Body::Revoke(Revoke {
            share_id,
            receivers: vec![address(receiver)],
        })
    };
    let reject = Body::Reject(Reject {
        share_id,
        reason: None,
    });
    let kinds = [
        ("share", share(1, &[&Person::new(MEMBER)])),
        (
            "share with a revoked member",
            share(1, &[&Person::new(REVOKED)]),
        ),
        ("share with a stranger", share(1, &[&Person::new(STRANGER)])),
        ("grant to a member", grant(MEMBER)),
        ("grant again, after it was taken back", grant(TAKEN_BACK)),
        ("grant to a receiver", grant(RECEIVER)),
        ("revoke a receiver's grant", revoke(RECEIVER)),
        ("revoke another's", revoke(MEMBER)),
        ("accept", Body::Accept(Accept { share_id })),
        ("reject", reject),
        ("withdraw", Body::Withdraw(Withdraw { share_id })),
    ];
    let mut table = "| kind | sent by | no such share | live | rejected | withdrawn |\n\
                     |---|---|---|---|---|---|\n"
        .to_owned();
    for (kind, body) in kinds {
        let row = |(name, sender)| {
            let cells = worlds.iter();
            let cells = cells.map(|world| world.verdict(sender, body.clone(), &[]));
            (name, cells.collect())
        };
        table += &rows(kind, "any member", senders.map(row).to_vec());
    }
    table
}

/// The kinds that concern a member, by who sends them and what the member is.
fn members() -> String {
    let world = World::new(None);
    let [deciding, approving] = AUTHORITIES;
    let subjects = [STRANGER, MEMBER, REVOKED, approving];
    let body = |kind: &str, subject: &Person| {
        let address = subject.address;
        match kind {
            "enroll" => subject.enrollment(),
            "rotate-key" => Body::RotateKey(RotateKey {
                address,
                key: Person::new(99).public_key(),
                cert: None,
            }),
            _ => Body::RevokeMember(RevokeMember { address }),
        }
    };
    let mut table = "| kind | sent by | never a member | member | revoked member | one of the last authorities |\n\
                     |---|---|---|---|---|---|\n"
        .to_owned();
    for kind in ["enroll", "rotate-key", "revoke-member"] {
        let cells = |sender: Option<u32>, approvals: &[u32]| {
            let cells = subjects.iter();
            let verdict = |subject: &u32| {
                let body = body(kind, &Person::new(*subject));
                world.verdict(sender.unwrap_or(*subject), body, approvals)
            };
            cells.map(verdict).collect::<Vec<_>>()
        };
        let senders = vec![
            (
                "authority with the threshold",
                cells(Some(deciding), &[approving]),
            ),
            ("authority with fewer", cells(Some(deciding), &[])),
            ("itself", cells(None, &[])),
            ("another member", cells(Some(SENDER), &[])),
        ];
        table += &rows(kind, "anybody", senders);
    }
    table
}

#[test]
fn the_table_in_the_documents_is_what_the_function_says() {
    let design = include_str!("../../DESIGN.md");
    let tables = [shares(), members()].join("\n");
    assert!(
        design.contains(&format!("\n\n{tables}\n")),
        "the tables in DESIGN.md should be\n\n{tables}"
    );
}

/// The same signatures the other way round, which anybody can do who sees them.
fn reversed(tx: &Transaction) -> Transaction {
    let mut parts: BTreeMap<String, Ipld> =
        serde_ipld_dagcbor::from_slice(tx.as_bytes()).expect("DAG-CBOR");
    let Some(Ipld::List(approvals)) = parts.get_mut("approvals") else {
        panic!("no approvals");
    };
    approvals.reverse();
    let bytes = serde_ipld_dagcbor::to_vec(&parts).expect("DAG-CBOR");
    Transaction::from_bytes(&bytes).expect("a transaction")
}

#[test]
fn nobody_gives_an_approved_transaction_another_name() {
    let mut chain = Chain::over(MemoryStore::new(), genesis(3, 3), 0);
    let [zero, one, two, member] = [0, 1, 2, 9].map(Person::new);
    let alone = chain.sign(&zero, member.enrollment());
    let approved = |[first, second]: [&Person; 2]| {
        let tx = alone.clone().approve(first.address, &first.key);
        tx.approve(second.address, &second.key)
    };
    let tx = approved([&one, &two]);
    assert_eq!(tx.id(), approved([&two, &one]).id(), "whoever is first");
    let other = reversed(&tx);
    assert_ne!(tx.id(), other.id());
    let refused = chain.put(&other).unwrap_err();
    assert!(
        matches!(refused, Error::Refused(Refusal::ApprovalOrder { .. })),
        "{refused}"
    );
    chain.put(&tx).unwrap();
}

/// There may be chains from before the rule.
#[test]
fn what_was_recorded_before_is_replayed() {
    let mut genesis = genesis(3, 3);
    let key = genesis.authorities[0].key;
    genesis.authorities[1].key = key;
    assert!(genesis.check().is_ok() && genesis.check_new().is_err());
    let chain = Chain::over(MemoryStore::new(), genesis, 0);
    let [zero, one, two, member] = [0, 1, 2, 9].map(Person::new);
    let tx = chain.sign(&zero, member.enrollment());
    let tx = tx.approve(one.address, &zero.key);
    let tx = tx.approve(two.address, &two.key);
    let mut staged = chain.ledger.begin(chain.time + 1).unwrap();
    let refused = staged.apply(&tx).unwrap_err();
    assert!(
        matches!(refused, Error::Refused(Refusal::SharedKey { .. })),
        "{refused}"
    );
    staged.apply_recorded(&reversed(&tx)).unwrap();
    chain.ledger.commit(&staged.finish().unwrap()).unwrap();
    assert_eq!(chain.ledger.audit(|_, _| {}).unwrap().transactions, 1);
}

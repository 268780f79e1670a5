//! The HTTP API: one node, served to whoever may reach it.
//!
//! ```text
//! POST /v1/transactions         a signed transaction; answers when its block is on disk
//! POST /v1/transactions/batch   up to a hundred in one request; what became of each
//! GET  /v1/transactions         every transaction, or those of a member, a page at a time
//! GET  /v1/transactions/ID      one
//! GET  /v1/shares               by sender, receiver, state, content
//! GET  /v1/shares/ID            one; /events: what happened to it; /proof: the bundle to keep
//! GET  /v1/members, /ADDRESS    members and their keys
//! GET  /v1/blocks, /HEIGHT      headers, and the transactions of one
//! GET  /v1/genesis, /checkpoint, /inclusion, /consistency
//! GET  /v1/events               server-sent events: what happens from now on
//! GET  /checkpoint, /tile/…     the log as C2SP tlog-tiles
//! POST /add-checkpoint          another log's checkpoint, to be cosigned (C2SP tlog-witness)
//! GET  /health, /ready, /metrics, /openapi.json, /
//! ```
//!
//! Each `/v1` address has two representations: JSON for people, and with `Accept: application/cbor` an
//! [`ledger_core::AnswerBundle`] that proves the same. Errors are problem+json (RFC 9457).

#![allow(unused_qualifications, reason = "what utoipa's macros write out")]

mod admission;
mod api;
mod auth;
mod backup;
mod batch;
mod blocks;
mod body;
mod cosigning;
mod course;
mod description;
mod descriptors;
mod events;
mod large;
mod limits;
mod log;
mod members;
mod metrics;
mod operations;
mod page;
mod params;
mod prefer;
mod problem;
mod refusals;
mod reply;
mod serve;
mod settings;
mod shares;
mod tls;
mod transactions;
mod view;
mod witness;
mod writer;

pub use backup::Backups;
pub use course::Handled;
pub use serve::{Server, Stopper};
#[cfg(feature = "client")]
pub use settings::WitnessAddress;
pub use settings::{Reads, Settings};
pub use tls::Tls;

/// The description of the API: `OpenAPI` 3.1 in JSON, as the server serves it under `/openapi.json`.
///
/// # Panics
///
/// Never: the description is made of text.
#[must_use]
pub fn openapi() -> String {
    description::description()
        .to_pretty_json()
        .expect("a description is text")
}

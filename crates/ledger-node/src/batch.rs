//! Batches of transactions: how many one request may hold, for whoever sends and for whoever takes it.
//!
//! The body of `POST /v1/transactions/batch` is a CBOR sequence (RFC 8742): the canonical bytes of signed transactions, one behind
//! the other, in the order in which they are to be recorded.

/// The most transactions of one request.
pub const MAX_BATCH: usize = 100;

/// The most bytes of one request's body, in any of its forms.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

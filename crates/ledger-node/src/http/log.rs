//! The Merkle log: genesis, checkpoints, proofs, and C2SP's tlog-tiles for readers that exist already.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use ledger_core::merkle::TILE_WIDTH;
use ledger_core::store::RedbSnapshot;
use ledger_core::{Digest, Question, Reading};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api::Shared;
use super::cosigning;
use super::description::Binary;
use super::params::{Asked, Since, count};
use super::problem::{Answered, Problem};
use super::reply::{CBOR, Found, Representation};
use crate::tile::TilePath;

/// What never changes, where everybody reads.
pub(super) const FOREVER: &str = "public, max-age=31536000, immutable";

/// What the chain is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Genesis")]
struct GenesisView {
    /// SHA-256 of its bytes: the chain's name, in hexadecimal.
    chain: String,
    /// What people call the ledger.
    name: String,
    /// When it was founded, in seconds since 1970.
    created_at: u64,
    /// What a receiver has to trust, as a C2SP verifier key.
    log_key: String,
    /// The OpenPGP fingerprints of those who may enroll and revoke members.
    authorities: Vec<String>,
    /// How many authorities must sign together.
    threshold: u64,
}

/// The genesis; in CBOR its bytes, whose SHA-256 is the chain's name.
#[utoipa::path(
    get, path = "/v1/genesis", tag = "log",
    responses(
        (status = 200, description = "What the chain is", content((GenesisView = "application/json"), (Binary = "application/cbor"))),
        (status = "4XX", description = "Malformed", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn genesis(State(shared): State<Arc<Shared>>, form: Representation) -> Response {
    let genesis = shared.node.genesis();
    let mut response = match form {
        Representation::Proven => ([(CONTENT_TYPE, CBOR)], genesis.to_bytes()).into_response(),
        Representation::Json => Json(GenesisView {
            chain: shared.node.chain().to_string(),
            name: genesis.name.clone(),
            created_at: genesis.created_at,
            log_key: shared.node.log_key().to_string(),
            authorities: genesis
                .authorities
                .iter()
                .map(|authority| authority.address.to_string())
                .collect(),
            threshold: genesis.threshold,
        })
        .into_response(),
    };
    let vary = HeaderValue::from_static("accept");
    response.headers_mut().insert(VARY, vary);
    response
}

/// The newest checkpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Checkpoint")]
struct CheckpointView {
    /// The signed note.
    note: String,
    /// The number of transactions.
    size: u64,
    /// The root of the log, in hexadecimal.
    root: String,
    /// The height of the newest block.
    height: u64,
    /// SHA-256 of its header, in hexadecimal.
    header: String,
    /// Its time, in seconds since 1970.
    time: u64,
}

/// The newest checkpoint, taken apart; `/checkpoint` is the note alone. Where witnesses are asked, it carries their
/// cosignatures, and waits for them for up to two seconds.
#[utoipa::path(
    get, path = "/v1/checkpoint", tag = "log", params(Since),
    responses(
        (status = 200, description = "What the node signs", content((CheckpointView = "application/json"), (Binary = "application/cbor"))),
        (status = "4XX", description = "The asker's checkpoint is newer", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn checkpoint(
    State(shared): State<Arc<Shared>>,
    Asked(since): Asked<Since>,
    form: Representation,
) -> Answered<Response> {
    let cosigned = cosigning::caught_up(&shared).await?;
    let checkpoint = move |shared: &Shared, reading: &Reading<RedbSnapshot>, note: Option<&str>| {
        let head = reading.head();
        let view = CheckpointView {
            note: match note {
                Some(note) => note.to_owned(),
                None => shared.node.checkpoint_at(reading)?,
            },
            size: head.log_size,
            root: head.log_root.to_string(),
            height: head.height.0,
            header: head.digest().to_string(),
            time: head.time,
        };
        let question = Question {
            older: since.older,
            ..Question::default()
        };
        Ok(Found::new(view, question))
    };
    shared.answer_at(cosigned, form, checkpoint).await
}

/// The newest checkpoint as a C2SP signed note; where witnesses are asked, the newest that one of them cosigned. It never goes back;
/// an earlier one is at `/v1/blocks/{height}/checkpoint`.
#[utoipa::path(
    get, path = "/checkpoint", tag = "log",
    responses(
        (status = 200, description = "The note", body = String, content_type = "text/plain; charset=utf-8"),
        (status = "4XX", description = "The node has no key", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn note(State(shared): State<Arc<Shared>>) -> Answered<Response> {
    let shown = shared.shown.load(Ordering::Acquire);
    // before one was cosigned a newer one may have been shown
    let cosigned = shared.cosigning.borrow().note();
    let note = match cosigned.filter(|note| size(note) >= shown) {
        Some(note) => note.to_string(),
        None => {
            let newest = |shared: &Shared, reading: &Reading<RedbSnapshot>| {
                let size = reading.head().log_size;
                shared.shown.fetch_max(size, Ordering::AcqRel);
                Ok(shared.node.checkpoint_at(reading)?)
            };
            shared.read(newest).await?
        }
    };
    Ok(note.into_response())
}

/// The number of transactions that a note is about: its second line.
fn size(note: &str) -> u64 {
    let size = note.lines().nth(1).and_then(|size| size.parse().ok());
    size.unwrap_or_default()
}

/// A path of the Merkle tree.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Path")]
struct PathView {
    /// Its hashes, in hexadecimal, from the leaf up.
    path: Vec<String>,
}

impl PathView {
    fn new(path: &[Digest]) -> Json<Self> {
        let path = path.iter().map(ToString::to_string).collect();
        Json(Self { path })
    }
}

/// Which leaf, in which log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LeafOf {
    /// The index of the leaf.
    #[serde(deserialize_with = "count")]
    index: u64,
    /// The number of leaves of the log.
    #[serde(deserialize_with = "count")]
    size: u64,
}

/// Shows that a leaf stands in the log (RFC 6962, section 2.1.1).
#[utoipa::path(
    get, path = "/v1/inclusion", tag = "log", params(LeafOf),
    responses(
        (status = 200, description = "The path", body = PathView),
        (status = "4XX", description = "Beyond the log", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn inclusion(
    State(shared): State<Arc<Shared>>,
    Asked(leaf): Asked<LeafOf>,
) -> Answered<Response> {
    let prove = shared.read(move |_, reading| Ok(reading.inclusion(leaf.index, leaf.size)?));
    Ok(PathView::new(&prove.await?.path).into_response())
}

/// From which log to which.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Between {
    /// The number of leaves then.
    #[serde(deserialize_with = "count")]
    from: u64,
    /// The number of leaves later.
    #[serde(deserialize_with = "count")]
    to: u64,
}

/// Shows that the log only grew (RFC 6962, section 2.1.2).
#[utoipa::path(
    get, path = "/v1/consistency", tag = "log", params(Between),
    responses(
        (status = 200, description = "The path", body = PathView),
        (status = "4XX", description = "Beyond the log", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn consistency(
    State(shared): State<Arc<Shared>>,
    Asked(between): Asked<Between>,
) -> Answered<Response> {
    let prove = shared.read(move |_, reading| Ok(reading.consistency(between.from, between.to)?));
    Ok(PathView::new(&prove.await?.path).into_response())
}

/// A tile of hashes, or of the transactions themselves (C2SP tlog-tiles).
#[utoipa::path(
    get, path = "/tile/{tile}", tag = "log",
    params(("tile" = String, Path, description = "`L/N`, `entries/N`, and `.p/W` for a part, as C2SP tlog-tiles spells them")),
    responses(
        (status = 200, description = "Hashes of 32 bytes, or transactions each behind its length in two bytes", body = Binary, content_type = "application/octet-stream"),
        (status = "4XX", description = "No such tile yet", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "Damage, or stopping", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn tile(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
) -> Answered<Response> {
    let tile = TilePath::read(&path);
    let tile = tile.ok_or_else(|| Problem::malformed("expected L/N or entries/N"))?;
    let bytes = shared.read(move |_, reading| bytes(tile, reading)).await?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CACHE_CONTROL, FOREVER),
    ];
    Ok((headers, bytes).into_response())
}

fn bytes(tile: TilePath, reading: &Reading<RedbSnapshot>) -> Answered<Vec<u8>> {
    let absent = || Problem::not_found("tile");
    let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
    let Some(level) = tile.level else {
        let first = tile.number.checked_mul(TILE_WIDTH).ok_or_else(absent)?;
        let last = first.checked_add(tile.width).ok_or_else(absent)?;
        if last > reading.head().log_size {
            return Err(absent());
        }
        let mut bytes = Vec::new();
        for tx in reading.transactions(first, width)? {
            // a transaction has at most 65,535 bytes
            let length = u16::try_from(tx.as_bytes().len()).unwrap_or(u16::MAX);
            bytes.extend(length.to_be_bytes());
            bytes.extend(tx.as_bytes());
        }
        return Ok(bytes);
    };
    let hashes = reading.tile(level, tile.number)?;
    let part = hashes.get(..width).ok_or_else(absent)?;
    Ok(part.iter().flat_map(|hash| *hash.as_bytes()).collect())
}

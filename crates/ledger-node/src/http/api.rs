//! The routes and what they share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Router, middleware};
use ledger_core::store::RedbSnapshot;
use ledger_core::{Height, Reading};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, watch};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cosigning::{self, Cosigned, Cosigning};
use super::limits::{Places, Rate};
use super::metrics::Metrics;
use super::problem::{Answered, Problem};
use super::refusals::Refusals;
use super::reply::{Found, Representation};
use super::settings::{Log, Reads};
use super::writer::{Progress, Submission};
use super::{
    auth, batch, blocks, course, events, log, members, operations, page, shares, transactions,
    witness,
};
use crate::{Node, Witnessing};

/// The most bytes of a request's body: the largest transaction in base64, with something around it.
const MAX_BODY: usize = 96 * 1024;

/// What every request sees.
pub(super) struct Shared {
    pub(super) node: Arc<Node>,
    pub(super) queue: mpsc::Sender<Submission>,
    /// The bytes of transactions that may still be queued.
    pub(super) room: Arc<Semaphore>,
    /// How many there are when nothing is.
    pub(super) all_room: usize,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) rate: Option<Rate>,
    /// Who may say for whom it asks.
    pub(super) proxies: Vec<IpAddr>,
    pub(super) log: Option<Log>,
    pub(super) streams: Places,
    /// For batches, from the first byte until their signatures are checked.
    pub(super) batches: Places,
    pub(super) refusals: Arc<Refusals>,
    /// Held by whoever looks for the reason of a refusal: up to nine signatures each, on one core at most.
    pub(super) refusing: Semaphore,
    /// Places for the answers that are large.
    pub(super) large: Arc<Semaphore>,
    pub(super) timeout: Duration,
    pub(super) reads: Reads,
    pub(super) witnessing: Option<Arc<Witnessing>>,
    pub(super) cosigning: watch::Receiver<Cosigning>,
    /// The size of the largest checkpoint that was shown without a cosignature.
    pub(super) shown: AtomicU64,
}

impl Shared {
    /// Reads one moment of the ledger, away from the threads that serve connections.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self, &Reading<RedbSnapshot>) -> Answered<T> + Send + 'static,
    ) -> Answered<T> {
        let shared = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let reading = shared.node.view()?;
            read(&shared, &reading)
        });
        reading.await.unwrap_or_else(|_| Err(Problem::stopping()))
    }

    /// Answers from one moment of the ledger: for a proof, where witnesses are asked, from one that they cosigned.
    pub(super) async fn answer<T: Serialize + 'static>(
        self: &Arc<Self>,
        form: Representation,
        find: impl FnOnce(&Self, &Reading<RedbSnapshot>) -> Answered<Found<T>> + Send + 'static,
    ) -> Answered<Response> {
        let cosigned = match form {
            Representation::Proven => cosigning::caught_up(self).await?,
            Representation::Json => None,
        };
        let find = move |shared: &Self, reading: &_, _: Option<&str>| find(shared, reading);
        self.answer_at(cosigned, form, find).await
    }

    /// Answers from this cosigned moment, or from the newest one; `find` gets the cosigned note too.
    pub(super) async fn answer_at<T: Serialize + 'static>(
        self: &Arc<Self>,
        cosigned: Option<Arc<Cosigned>>,
        form: Representation,
        find: impl FnOnce(&Self, &Reading<RedbSnapshot>, Option<&str>) -> Answered<Found<T>>
        + Send
        + 'static,
    ) -> Answered<Response> {
        let answer = move |shared: &Self, reading: &Reading<RedbSnapshot>| {
            let (reading, note) = match &cosigned {
                Some(cosigned) => (&*cosigned.reading, Some(&*cosigned.note)),
                None => (reading, None),
            };
            find(shared, reading, note)?.reply(form, shared, reading, note)
        };
        self.read(answer).await
    }
}

/// Headers of ascending heights, each read once.
pub(super) struct Headers<'a> {
    reading: &'a Reading<RedbSnapshot>,
    last: Option<(u64, ledger_core::Header)>,
}

impl<'a> Headers<'a> {
    pub(super) const fn new(reading: &'a Reading<RedbSnapshot>) -> Self {
        Self {
            reading,
            last: None,
        }
    }

    /// The header of the block that holds the transaction at an index.
    pub(super) fn of(&mut self, index: u64) -> Answered<ledger_core::Header> {
        if let Some((first, header)) = &self.last
            && (*first..header.log_size).contains(&index)
        {
            return Ok(header.clone());
        }
        let height = self.reading.height_of(index)?;
        let (first, header) = header_at(self.reading, height)?;
        self.last = Some((first, header.clone()));
        Ok(header)
    }
}

/// The header at a height, and the index of its block's first transaction.
pub(super) fn header_at(
    reading: &Reading<RedbSnapshot>,
    height: Height,
) -> Answered<(u64, ledger_core::Header)> {
    let missing = || Problem::not_found("block");
    let first = match height.0.checked_sub(1) {
        Some(before) => {
            let header = reading.header(Height(before))?;
            header.ok_or_else(missing)?.log_size
        }
        None => 0,
    };
    Ok((first, reading.header(height)?.ok_or_else(missing)?))
}

fn versioned() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(transactions::list, transactions::submit))
        .routes(routes!(batch::submit))
        .routes(routes!(transactions::one))
        .routes(routes!(shares::list))
        .routes(routes!(shares::one))
        .routes(routes!(shares::history))
        .routes(routes!(shares::proof))
        .routes(routes!(members::list))
        .routes(routes!(members::one))
        .routes(routes!(blocks::list))
        .routes(routes!(blocks::one))
        .routes(routes!(blocks::checkpoint))
        .routes(routes!(log::checkpoint))
        .routes(routes!(log::inclusion))
        .routes(routes!(log::consistency))
        .routes(routes!(events::stream))
}

fn unversioned() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        // whoever is to become a member has to learn which chain it is
        .routes(routes!(log::genesis))
        .routes(routes!(log::note))
        .routes(routes!(witness::add_checkpoint))
        .routes(routes!(operations::health))
        .routes(routes!(operations::ready))
        .routes(routes!(operations::metrics))
        .routes(routes!(operations::openapi))
}

/// A description with what the routes say of themselves.
pub(super) fn described(about: OpenApi) -> OpenApi {
    let mut all = OpenApiRouter::<Arc<Shared>>::with_openapi(about)
        .merge(versioned())
        .merge(unversioned())
        .routes(routes!(log::tile));
    all.to_openapi()
}

/// Whether the reads of a path are for members, where they are for members at all.
pub(super) fn is_signed(path: &str) -> bool {
    path.starts_with("/tile/") || versioned().to_openapi().paths.paths.contains_key(path)
}

/// Everything that the server answers.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let (versioned, _) = versioned().split_for_parts();
    let (unversioned, _) = unversioned().split_for_parts();
    let signed = middleware::from_fn_with_state(Arc::clone(&shared), auth::check);
    let guard = middleware::from_fn_with_state(Arc::clone(&shared), course::guard);
    versioned
        // OpenAPI has no words for a name with slashes in it
        .route("/tile/{*tile}", get(log::tile))
        // the bundles of entries among the tiles hold every transaction
        .route_layer(signed)
        .merge(unversioned)
        .merge(page::routes())
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(guard)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

//! The page at `/`: blocks, shares, members, search, a share's life, and a proof, of a share or from a file, that the browser itself
//! checks.
//!
//! Everything it needs is served from here, and the browser is told to load nothing else.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ledger_core::merkle::leaf_hash;

use super::api::Shared;

/// Scripts, styles, pictures and questions from and to here only; no frames around it.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files of the page: address, kind, content.
const FILES: [(&str, &str, &[u8]); 9] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_bytes!("page/index.html"),
    ),
    (
        "/page.css",
        "text/css; charset=utf-8",
        include_bytes!("page/page.css"),
    ),
    (
        "/page.js",
        "text/javascript; charset=utf-8",
        include_bytes!("page/page.js"),
    ),
    (
        "/show.js",
        "text/javascript; charset=utf-8",
        include_bytes!("page/show.js"),
    ),
    (
        "/ask.js",
        "text/javascript; charset=utf-8",
        include_bytes!("page/ask.js"),
    ),
    (
        "/prove.js",
        "text/javascript; charset=utf-8",
        include_bytes!("page/prove.js"),
    ),
    (
        "/check.js",
        "text/javascript; charset=utf-8",
        include_bytes!("page/check.js"),
    ),
    (
        "/verifier.js",
        "text/javascript; charset=utf-8",
        include_bytes!("page/verifier.js"),
    ),
    (
        "/verifier.wasm",
        "application/wasm",
        include_bytes!("page/verifier.wasm"),
    ),
];

pub(super) fn routes() -> Router<Arc<Shared>> {
    FILES
        .into_iter()
        .fold(Router::new(), |router, (address, kind, content)| {
            let tag = format!("\"{}\"", leaf_hash(content));
            let answer =
                move |headers: HeaderMap| std::future::ready(file(&headers, kind, content, &tag));
            router.route(address, get(answer))
        })
}

/// A file, or that the browser has it already (RFC 9110, section 13.1.2).
fn file(asked: &HeaderMap, kind: &'static str, content: &'static [u8], tag: &str) -> Response {
    let has = |tags: &str| {
        let mut tags = tags.split(',').map(str::trim);
        tags.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    };
    let mut tags = asked.get_all(IF_NONE_MATCH).into_iter();
    let headers = [
        (ETAG, tag),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if tags.any(|tags| tags.to_str().is_ok_and(has)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, kind)], content).into_response()
}

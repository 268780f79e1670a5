//! The description of the routes: what their attributes say, and what holds for many of them.

use utoipa::openapi::header::Header;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ObjectBuilder, OpenApi, RefOr};
use utoipa::{OpenApi as _, ToSchema};

use super::api;

/// Bytes, as they are described.
#[derive(ToSchema)]
#[schema(title = "Bytes", value_type = String, format = Binary)]
pub(super) struct Binary(#[expect(dead_code, reason = "it is only described")] Vec<u8>);

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "medshare ledger",
        description = "A ledger of signed transactions whose answers a stranger can check. Every address under /v1, but for \
            those of a file, a note or a path, answers in JSON, and with `Accept: application/cbor` in the proof of the same answer, which \
            `ledger_core::verify_answer` believes or not. Cursors are opaque. Errors are problem+json (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "transactions", description = "What members sign, and the log's leaves"),
        (name = "shares", description = "What became of a share"),
        (name = "members", description = "Who may send"),
        (name = "blocks", description = "Headers, and the transactions that they add"),
        (name = "log", description = "The Merkle log: checkpoints, proofs, tiles"),
        (name = "operations", description = "For whoever runs the server"),
    ),
)]
struct Description;

/// The name of the way to sign reads.
const MEMBER: &str = "member";

/// The description of every route.
pub(super) fn description() -> OpenApi {
    let mut api = api::described(Description::openapi());
    env!("CARGO_PKG_VERSION").clone_into(&mut api.info.version);
    let mut key = ApiKeyValue::new("Authorization");
    key.description = Some(
        "Where reads are for members: `Medshare address=\"FINGERPRINT\", time=\"SECONDS\", signature=\"BASE64\"`. The member \
         signs with its ledger key, behind `medshare read v1`, the chain, the address, the time and the path with its query, \
         each with a line feed; `ledger_node::reader` says it byte by byte."
            .to_owned(),
    );
    let components = api.components.get_or_insert_with(Components::new);
    components.add_security_scheme(MEMBER, SecurityScheme::ApiKey(ApiKey::Header(key)));
    for (path, item) in &mut api.paths.paths {
        if let Some(get) = &mut item.get {
            if api::is_signed(path) {
                // or none, where everybody reads
                let member = SecurityRequirement::new::<_, [&str; 0], &str>(MEMBER, []);
                get.security = Some(vec![member, SecurityRequirement::default()]);
            }
            add_headers(get);
            if is_paged(get) {
                let next =
                    "Where the next page begins, in both representations; absent on the last one";
                add_header(get, "200", "Next-Cursor", next);
            }
        }
        if let Some(post) = &mut item.post {
            add_headers(post);
            if path == "/v1/transactions" {
                for status in ["200", "201", "202", "504"] {
                    add_header(post, status, "Location", "The address of the transaction");
                }
                add_header(post, "202", "Preference-Applied", "`respond-async`");
            }
        }
    }
    api
}

/// What every operation may answer with.
fn add_headers(operation: &mut Operation) {
    let again = "After how many seconds to ask again, with 429 and 503";
    for status in ["4XX", "5XX"] {
        add_header(operation, status, "Retry-After", again);
    }
}

fn add_header(operation: &mut Operation, status: &str, name: &str, about: &str) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) {
        let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String).build());
        header.description = Some(about.to_owned());
        response.headers.insert(name.to_owned(), RefOr::T(header));
    }
}

/// Whether an operation answers with pages.
fn is_paged(operation: &Operation) -> bool {
    let parameters = operation.parameters.iter().flatten();
    let mut names = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter.name.as_str()),
        RefOr::Ref(_) => None,
    });
    names.any(|name| name == "cursor")
}

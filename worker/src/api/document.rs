//! The OpenAPI document: what each route says of itself, and what all of them have in common. Checked in as
//! `docs/openapi.json`, served at `/openapi.json`, shown at `/docs` without any network.

use axum::Router;
use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, Header, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response,
        ResponseBuilder,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::{AdditionalProperties, ArrayBuilder, Schema, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
        tag::TagBuilder,
    },
};
use utoipa_swagger_ui::SwaggerUi;

use super::view::problem::{FieldError, Problem};

/// The page and the document.
pub(super) fn pages<S: Clone + Send + Sync + 'static>(document: OpenApi) -> Router<S> {
    SwaggerUi::new("/docs").url("/openapi.json", document).into()
}

const ABOUT: &str = "giro pays out over SPEI: the beneficiary is paid once, or the customer has the money back, and at \
every moment someone can see which.

Amounts are integers in centavos. Times are UTC (RFC 3339); dates are the bank's operating dates. Every field of an \
answer is there; what is absent is null. Every POST needs an `Idempotency-Key`: the same key and body get the same answer, \
however often they are sent. Every answer that is not what was asked for is a problem (RFC 9457) with a stable `code`; \
`/docs/problems` explains each.";

/// Tags, and what they hold.
const TAGS: &[(&str, &str)] = &[
    ("payouts", "Money that leaves an account for a CLABE, once."),
    (
        "accounts",
        "Accounts that pay, what moved on them, and their statements.",
    ),
    ("banks", "Who orders are sent through, and whether they are sent now."),
    (
        "corrections",
        "Money that two people move between two accounts of the books, by a document.",
    ),
    ("institutions", "The participants of SPEI, and who of them can be paid."),
    ("health", "How this process is."),
];

/// A problem that many routes answer with: status, name in the document, what it means.
const PROBLEMS: &[(u16, &str, &str)] = &[
    (
        400,
        "BadRequest",
        "No JSON, or no idempotency key: nothing was done, and a key is still free.",
    ),
    (401, "Unauthorized", "No key of a caller, or one that does not count."),
    (403, "Forbidden", "This caller may not do this."),
    (404, "NotFound", "No such thing, or another caller's."),
    (408, "RequestTimeout", "The body came too slowly: nothing was done."),
    (
        409,
        "Conflict",
        "It stands in the way of what was asked: nothing was changed.",
    ),
    (413, "BodyTooLarge", "The body is past the limit: nothing was done."),
    (
        415,
        "UnsupportedMediaType",
        "The body is not declared as JSON: nothing was done.",
    ),
    (
        422,
        "Refused",
        "Fields or parameters are wrong, and `errors` names them; or the key belongs to another request; or the request \
         was refused, and will be for ever under this key.",
    ),
    (429, "TooMany", "Too many requests: wait for `Retry-After` seconds."),
    (
        500,
        "Internal",
        "Not the caller's fault: an alert was raised. The same key is safe to send again.",
    ),
    (
        503,
        "Later",
        "The books are away or busy: ask again with the same key, after `Retry-After` seconds.",
    ),
];

const KEY: &str = "IdempotencyKey";

/// The document, whole: with what all routes have in common.
pub(super) fn finished(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("giro")
        .version("1")
        .description(Some(ABOUT))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .build();
    let tag = |(name, what): &(&str, &str)| TagBuilder::new().name(*name).description(Some(*what)).build();
    document.tags = Some(TAGS.iter().map(tag).collect());
    document.security = Some(vec![SecurityRequirement::new("caller", Vec::<String>::new())]);
    let parts = document.components.get_or_insert_default();
    for (name, schema) in &mut parts.schemas {
        if let RefOr::T(schema) = schema {
            complete(schema);
            if let Some(row) = name.strip_prefix("Page_") {
                rows_of(schema, row);
            }
        }
    }
    // These leave fields out.
    parts.schemas.insert(Problem::name().into(), Problem::schema());
    parts.schemas.insert(FieldError::name().into(), FieldError::schema());
    for (status, name, what) in PROBLEMS {
        parts
            .responses
            .insert((*name).to_owned(), problem(*status, what).into());
    }
    let caller = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The key of a caller."))
        .build();
    parts
        .security_schemes
        .insert("caller".to_owned(), RefOr::T(SecurityScheme::Http(caller)));
    parts.parameters.insert(KEY.to_owned(), idempotency_key().into());
    for (path, item) in &mut document.paths.paths {
        for (operation, is_post) in [(&mut item.get, false), (&mut item.post, true)] {
            if let Some(operation) = operation {
                common(path, is_post, operation);
            }
        }
    }
    document
}

/// Every field of an answer is there. What a caller writes knows no other fields, and says itself which it needs.
fn complete(schema: &mut Schema) {
    let complete_all = |items: &mut Vec<RefOr<Schema>>| {
        for item in items {
            if let RefOr::T(item) = item {
                complete(item);
            }
        }
    };
    match schema {
        Schema::Object(object) => {
            let is_request = matches!(
                object.additional_properties.as_deref(),
                Some(AdditionalProperties::FreeForm(false))
            );
            if !is_request {
                object.required = object.properties.keys().cloned().collect();
            }
        }
        Schema::OneOf(of) => complete_all(&mut of.items),
        Schema::AllOf(of) => complete_all(&mut of.items),
        Schema::AnyOf(of) => complete_all(&mut of.items),
        Schema::Array(_) | _ => {}
    }
}

/// A page's rows by name: the derive copies their schema.
fn rows_of(page: &mut Schema, row: &str) {
    if let Schema::Object(page) = page {
        let rows = ArrayBuilder::new().items(Ref::from_schema_name(row)).build();
        page.properties.insert("data".to_owned(), Schema::Array(rows).into());
    }
}

/// What a route need not say itself: its key, its problems, the id of each answer.
fn common(path: &str, is_post: bool, operation: &mut Operation) {
    if is_post {
        let key = RefOr::Ref(Ref::new(format!("#/components/parameters/{KEY}")));
        operation.parameters.get_or_insert_default().insert(0, key);
        if let Some(RefOr::T(again)) = operation.responses.responses.get_mut("200") {
            again
                .headers
                .insert("Idempotent-Replayed".to_owned(), replayed().into());
        }
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.insert("X-Request-Id".to_owned(), request_id().into());
        }
    }
    for status in statuses(path, is_post, operation.request_body.is_some()) {
        if let Some((_, name, _)) = PROBLEMS.iter().find(|(known, _, _)| *known == status) {
            let named = RefOr::Ref(Ref::from_response_name(*name));
            operation.responses.responses.insert(status.to_string(), named);
        }
    }
}

/// Ends of the paths where what is asked for may not fit what stands.
const CONFLICTS: [&str; 10] = [
    "/accounts",
    "/apply",
    "/cancel",
    "/corrections",
    "/decide",
    "/receipt",
    "/resume",
    "/send-back",
    "/status",
    "/understood",
];

/// The problems that a route may answer with.
fn statuses(path: &str, is_post: bool, has_body: bool) -> Vec<u16> {
    match path {
        "/" | "/healthz" => return vec![],
        "/readyz" => return vec![503],
        _ => {}
    }
    let mut statuses = vec![401, 403, 422, 429, 500, 503];
    if is_post {
        statuses.push(400);
    }
    if has_body {
        statuses.extend([408, 413, 415]);
    }
    if path.contains('{') {
        statuses.push(404);
    }
    if is_post && CONFLICTS.iter().any(|end| path.ends_with(end)) {
        statuses.push(409);
    }
    statuses
}

fn problem(status: u16, what: &str) -> Response {
    let content = Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name(Problem::name()))));
    let mut response = ResponseBuilder::new()
        .description(what)
        .content("application/problem+json", content)
        .header("X-Request-Id", request_id());
    if matches!(status, 429 | 503) {
        response = response.header("Retry-After", header(Type::Integer, "Seconds to wait."));
    }
    if status == 401 {
        response = response.header("WWW-Authenticate", header(Type::String, "How to say who asks."));
    }
    if status == 422 {
        response = response.header("Idempotent-Replayed", replayed());
    }
    response.build()
}

fn idempotency_key() -> Parameter {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[!-~]{1,255}$"))
        .min_length(Some(1))
        .max_length(Some(255))
        .build();
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some("New for each thing you want done, and kept for its retries."))
        .schema(Some(Schema::from(key)))
        .example(Some(json!("0199d3f0-a1b2-7c3d-8e4f-5a6b7c8d9e0f")))
        .build()
}

fn header(kind: Type, what: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(kind).build();
    let mut header = Header::new(Schema::from(schema));
    header.description = Some(what.to_owned());
    header
}

fn request_id() -> Header {
    header(Type::String, "The request, as the log names it.")
}

fn replayed() -> Header {
    header(
        Type::String,
        "`true` when this was answered before; else it is left out.",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

    #[test]
    fn the_document_is_checked_in() {
        let (_, document) = super::super::routes().split_for_parts();
        let mut said = finished(document).to_pretty_json().expect("is JSON");
        said.push('\n');
        if std::env::var_os("GIRO_WRITE_OPENAPI").is_some() {
            fs::write(FILE, &said).expect("docs/openapi.json is written");
        }
        let written = fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            said == written,
            "docs/openapi.json is not what the code says: \
             GIRO_WRITE_OPENAPI=1 cargo test --workspace --lib the_document_is_checked_in writes it"
        );
    }
}

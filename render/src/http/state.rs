//! `/version`, `/healthz` and what is not there.

use crate::error::Error;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

use super::Serving;
use super::reply::text;

/// Which graphite-web this API is that of: Grafana turns on tags and the function index from 1.1 on.
const GRAPHITE_VERSION: &str = "1.1.10\n";

/// `/version`
pub async fn version() -> Response {
    text("text/html; charset=utf-8", GRAPHITE_VERSION)
}

/// `/healthz`: 200 while points can be written, 503 and the reason while they cannot.
pub async fn health(State(serving): State<Arc<Serving>>) -> Response {
    let health = (serving.app.health)();
    let mut reply = match health.cannot_write {
        None => text("text/plain; charset=utf-8", "ok\n"),
        Some(reason) => {
            let mut reply = text("text/plain; charset=utf-8", format!("the store cannot write: {reason}\n"));
            *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            reply
        }
    };
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// Every other address.
pub async fn not_found() -> Response {
    Error::NotFound.into_response()
}

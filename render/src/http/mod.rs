//! The HTTP server: Graphite's API for Grafana and scripts, and the page for people. The router below is all of it.
//!
//! Handlers read their parameters, hand the work to [`workers`] and return; nothing here blocks a socket thread, and
//! the only clock is the one in [`App`].

mod alerts;
mod asset;
mod events;
mod find;
mod functions;
mod gate;
mod kept;
mod names;
mod overview;
mod pages;
mod params;
mod picture;
mod render;
mod reply;
mod serve;
mod state;
mod tags;
mod times;
mod tls;
mod turned;
mod watch;
mod workers;

pub use serve::serve;
pub use tls::{Tls, TlsError};
pub use turned::{Reason, Turned};

use crate::app::App;
use axum::Router;
use axum::middleware::map_response;
use axum::routing::{MethodRouter, get, post};
use kept::Kept;
use std::sync::Arc;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use workers::Workers;

/// What every handler shares.
struct Serving {
    app: App,
    workers: Arc<Workers>,
    kept: Arc<Kept>,
    choice: overview::Choice,
    names: names::Names,
}

impl Serving {
    /// Workers and kept answers may be shared by several, everything else is this one's own.
    fn new(app: App, workers: Arc<Workers>, kept: Arc<Kept>) -> Serving {
        Serving { app, workers, kept, choice: overview::Choice::default(), names: names::Names::default() }
    }
}

/// The whole API, for a caller who may do everything that the application may.
pub fn router(app: App) -> Router {
    let workers = Workers::of(&app.limits);
    let kept = Kept::new(app.limits.kept_bytes);
    routes(Serving::new(app, Arc::new(workers), Arc::new(kept)))
}

fn routes(serving: Serving) -> Router {
    let routes: [(&str, MethodRouter<Arc<Serving>>); 24] = [
        ("/explore", get(pages::explore)),
        ("/render", get(render::render).post(render::render)),
        ("/metrics", get(find::find).post(find::find)),
        ("/metrics/find", get(find::find).post(find::find)),
        ("/metrics/expand", get(find::expand).post(find::expand)),
        ("/metrics/search", get(find::search).post(find::search)),
        ("/metrics/index.json", get(find::index).post(find::index)),
        ("/functions", get(functions::list)),
        ("/functions/{name}", get(functions::detail)),
        ("/tags", get(tags::list)),
        ("/tags/{tag}", get(tags::detail)),
        ("/tags/autoComplete/tags", get(tags::complete_tags).post(tags::complete_tags)),
        ("/tags/autoComplete/values", get(tags::complete_values).post(tags::complete_values)),
        ("/tags/findSeries", get(tags::find_series).post(tags::find_series)),
        ("/tags/tagSeries", post(tags::announce)),
        ("/tags/delSeries", post(tags::forget)),
        ("/tags/tagMultiSeries", post(tags::announce_many)),
        ("/events", get(events::list).post(events::record)),
        ("/events/get_data", get(events::data).post(events::data)),
        ("/events/{id}", get(events::detail)),
        ("/version", get(state::version)),
        ("/healthz", get(state::health)),
        ("/api/v1/alerts", get(alerts::alerts)),
        ("/api/v1/suggest", get(pages::suggest)),
    ];
    let mut router = Router::new().route("/", get(pages::home)).route("/assets/{name}", get(asset::asset));
    for (path, handlers) in routes {
        // Django answers with and without the last slash, and clients have learnt to send either.
        router = router.route(&format!("{path}/"), handlers.clone()).route(path, handlers);
    }
    // Pictures are packed already; under 200 bytes the packing costs more than it saves.
    let worth_packing = SizeAbove::new(200).and(NotForContentType::IMAGES);
    router
        .fallback(state::not_found)
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_packing))
        .layer(map_response(reply::harden))
        .with_state(Arc::new(serving))
}

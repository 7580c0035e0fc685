//! The HTTP server: Graphite's API for Grafana and scripts, and the page for people. The router below is all of it.
//!
//! Handlers read their parameters, hand the work to [`workers`] and return; nothing here blocks a socket thread, and
//! the only clock is the one in [`App`].

mod asset;
mod find;
mod functions;
mod names;
mod overview;
mod pages;

mod params;
mod picture;
mod render;
mod reply;
mod state;
mod tags;
mod times;
mod workers;

use crate::app::App;
use axum::Router;
use axum::middleware::map_response;
use axum::routing::{MethodRouter, get, post};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use workers::Workers;

/// What every handler shares.
struct Serving {
    app: App,
    workers: Workers,
    choice: overview::Choice,
    names: names::Names,
}

/// The whole API.
pub fn router(app: App) -> Router {
    let workers = Workers::new(app.limits.concurrent_requests, app.limits.waiting_requests);
    let routes: [(&str, MethodRouter<Arc<Serving>>); 19] = [
        ("/explore", get(pages::explore)),
        ("/render", get(render::render).post(render::render)),
        ("/metrics", get(find::find).post(find::find)),
        ("/metrics/find", get(find::find).post(find::find)),
        ("/metrics/expand", get(find::expand).post(find::expand)),
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
        ("/version", get(state::version)),
        ("/healthz", get(state::health)),
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
        .with_state(Arc::new(Serving {
            app,
            workers,
            choice: overview::Choice::default(),
            names: names::Names::default(),
        }))
}

/// Serves until `stop` is done; requests that are open then have `Limits::drain_secs` to end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, app: App, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let drain = Duration::from_secs(app.limits.drain_secs);
    let (told, stopping) = tokio::sync::oneshot::channel::<()>();
    let stop = async move {
        stop.await;
        // The receiver only goes first when serving has failed, and then nobody waits for this.
        let _ = told.send(());
    };
    let serving = axum::serve(listener, router(app)).with_graceful_shutdown(stop);
    let overdue = async move {
        if stopping.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        served = serving => served,
        () = overdue => {
            tracing::warn!("connections that were still open {} s after the stop were cut", drain.as_secs());
            Ok(())
        }
    }
}

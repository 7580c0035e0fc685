//! The pages' handlers: they gather what [`crate::page`] writes down. Reading and drawing happen on a worker.

use crate::app::App;
use crate::catalogue::Catalogue;
use crate::draw::Picture;
use crate::error::Error;
use crate::page::busiest;
use crate::page::explore::{self, Explore, Outcome};
use crate::page::home;
use crate::page::html::Html;
use crate::page::{Frame, Scheme, document, graph, link, search};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use query::{Series, Stop};
use std::sync::Arc;

use super::Serving;
use super::overview;
use super::params::Params;
use super::reply;
use super::times::Span;

/// Names that a search finds.
const FOUND_MAX: usize = 40;
/// Names that are offered while one types.
const OFFERED_MAX: usize = 12;

/// `/`
pub async fn home(State(serving): State<Arc<Serving>>, headers: HeaderMap, params: Params) -> Result<Response, Error> {
    let phone = is_phone(&headers);
    let words = params.filled("q").unwrap_or("").trim().to_owned();
    let shared = Arc::clone(&serving);
    let job = move |stop: &Stop| {
        let app = &shared.app;
        let now = (app.clock)();
        let leaves = shared.names.get(&*app.catalogue, now)?;
        if leaves.binary_search(&words).is_ok() {
            return Ok(Redirect::to(&link::explore(&link::target_of(&words), "-6h")).into_response());
        }
        if is_expression(&words) {
            return Ok(Redirect::to(&link::explore(&words, "-6h")).into_response());
        }
        let found = || search::best(&leaves, &words, FOUND_MAX).into_iter().map(str::to_owned).collect();
        let mut view = overview::gather(&shared, &leaves, now, (params.filled("path").unwrap_or(""), phone), stop)?;
        view.search = (!words.is_empty()).then(|| (words.clone(), found()));
        Ok(page(app, &params, "Kymograph", &words, &home::body(&view)))
    };
    serving.workers.run_until(job).await
}

/// `/explore`
pub async fn explore(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Error> {
    let shared = Arc::clone(&serving);
    let phone = is_phone(&headers);
    let job = move |stop: &Stop| {
        let app = &shared.app;
        let text = params.all("target").collect::<Vec<_>>().join("\n");
        let from = params.filled("from").unwrap_or("-6h").to_owned();
        let until = params.filled("until").unwrap_or("now").to_owned();
        let mut view = Explore {
            targets: link::targets_in(&text),
            text,
            from,
            until,
            zone: params.filled("tz").unwrap_or("").to_owned(),
            outcome: Outcome::Unasked(Vec::new()),
        };
        view.outcome = outcome(&shared, &params, &view, phone, stop)?;
        let wrong = matches!(view.outcome, Outcome::Refused { .. });
        let first = view.targets.first().map_or("Explore", String::as_str);
        let mut reply = page(app, &params, &format!("{first} – Kymograph"), "", &explore::body(&view));
        if wrong {
            *reply.status_mut() = StatusCode::BAD_REQUEST;
        }
        Ok(reply)
    };
    serving.workers.run_until(job).await
}

/// `/api/v1/suggest`: names that fit what is being typed, with the address of each.
pub async fn suggest(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Error> {
    let shared = Arc::clone(&serving);
    let job = move || {
        let words = params.last("q").unwrap_or("").trim();
        let leaves = shared.names.get(&*shared.app.catalogue, (shared.app.clock)())?;
        let mut offered: Vec<(&str, String)> = Vec::new();
        if is_expression(words) {
            offered.push((words, link::explore(words, "-6h")));
        }
        let near = search::best(&leaves, words, OFFERED_MAX);
        offered.extend(near.into_iter().map(|name| (name, link::explore(&link::target_of(name), "-6h"))));
        reply::listing(&params, &headers, |json| {
            json.begin_list();
            for (name, address) in offered {
                json.begin_map();
                json.key("name");
                json.string(name);
                json.key("href");
                json.string(&address);
                json.end_map();
            }
            json.end_list();
        })
    };
    serving.workers.run(job).await
}

/// The word by which browsers on small screens have agreed to be known.
fn is_phone(headers: &HeaderMap) -> bool {
    headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).is_some_and(|agent| agent.contains("Mobi"))
}

/// Whether what was typed is meant to be drawn rather than looked for.
fn is_expression(words: &str) -> bool {
    words.contains(['*', '(', '{', '[', '?', '|'])
}

/// A whole page around its body.
pub fn page(app: &App, params: &Params, title: &str, search: &str, body: &Html) -> Response {
    let scheme = match params.last("theme") {
        Some("light") => Scheme::Light,
        Some("dark") => Scheme::Dark,
        _ => Scheme::Auto,
    };
    let frame = Frame { title, scheme, search, version: app.version };
    let mut reply = reply::text("text/html; charset=utf-8", document(&frame, body));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

fn outcome(serving: &Serving, params: &Params, view: &Explore, phone: bool, stop: &Stop) -> Result<Outcome, Error> {
    let app = &serving.app;
    let near = |words: &str| -> Result<Vec<String>, Error> {
        let leaves = serving.names.get(&*app.catalogue, (app.clock)())?;
        let found = if words.is_empty() {
            leaves.iter().filter(|name| !busiest::is_about_ourselves(name)).take(OFFERED_MAX).cloned().collect()
        } else {
            search::best(&leaves, words, OFFERED_MAX).into_iter().map(str::to_owned).collect()
        };
        Ok(found)
    };
    let Some(first) = view.targets.first() else { return Ok(Outcome::Unasked(near("")?)) };
    let refused = |message: String, caret| Ok(Outcome::Refused { message, caret });
    let span = match Span::read(params, app, "-6h") {
        Ok(span) => span,
        Err(error) => return refused(error.to_string(), None),
    };
    let (width, height) = size(params, phone)?;
    let series = match answer(&*app.catalogue, app, (&view.targets, width), &span, stop) {
        Ok(series) => series,
        Err(error) if error.is_client_error() => return refused(error.to_string(), error.caret()),
        Err(error) => return Err(Error::Query(error)),
    };
    if series.is_empty() {
        // What a pattern or a call has in letters is what its writer remembers of the name.
        let letters = first.replace(|c: char| !c.is_alphanumeric(), " ");
        let mut words: Vec<&str> = letters.split_whitespace().collect();
        let mut names = Vec::new();
        while names.is_empty() && !words.is_empty() {
            names = near(&words.join(" "))?;
            words.pop();
        }
        return Ok(Outcome::Unmatched(names));
    }
    let picture = Picture {
        width,
        height,
        zone: span.zone.clone(),
        window: span.window,
        hide_legend: true,
        live: explore::is_now(&view.until),
        ..Picture::default()
    };
    Ok(Outcome::Drawn(Box::new(graph::of(series, &picture, span.now)?)))
}

/// The width that the script measured, or a guess by the kind of device; phones get a lower picture.
fn size(params: &Params, phone: bool) -> Result<(u32, u32), Error> {
    let guess = if phone { 390 } else { 1120 };
    let width = params.integer("width", guess)?.clamp(240, 3000);
    let height = if width < 600 { 270 } else { 380 };
    Ok((u32::try_from(width).unwrap_or(1120), height))
}

/// The series of some targets, within the server's limits; what is computed from sketches is merged into so many columns.
pub fn answer(
    source: &dyn Catalogue,
    app: &App,
    (targets, columns): (&[String], u32),
    span: &Span,
    stop: &Stop,
) -> Result<Vec<Series>, query::Error> {
    let request = query::Request {
        targets,
        window: span.window,
        now: span.now,
        zone: span.zone.clone(),
        x_files_factor: 0.0,
        max_data_points: columns,
        template: &[],
        events: app.events.as_deref().map(|events| events as &dyn query::EventSource),
        limits: app.limits.query.clone(),
        stop: stop.clone(),
    };
    let mut series = query::answer(source, &request)?.series;
    query::consolidate::merge_to_points(&mut series, columns);
    Ok(series)
}

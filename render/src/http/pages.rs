//! The pages' handlers: they gather what [`crate::page`] writes down. Reading and drawing happen on a worker.

use crate::app::App;
use crate::catalogue::Catalogue;
use crate::draw::{self, Picture};
use crate::error::Error;
use crate::page::busiest::{self, Panel};
use crate::page::explore::{self, Explore, Outcome};
use crate::page::home::{self, Card, Home, Tile};
use crate::page::html::Html;
use crate::page::tree::{Level, Node, SHOWN_MAX};
use crate::page::{Frame, Scheme, document, graph, link, search};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use query::Series;
use std::sync::{Arc, Mutex, PoisonError};
use tsdb::{Timestamp, Window};

use super::Serving;
use super::params::Params;
use super::reply;
use super::times::Span;

/// How long a choice of the busiest graphs stands.
const CHOICE_SECS: i64 = 30;
/// Graphs on the first page.
const PANELS: usize = 6;
/// Figures on the first page.
const TILES_MAX: usize = 12;
/// Names that a search finds.
const FOUND_MAX: usize = 40;
/// Names that are offered while one types.
const OFFERED_MAX: usize = 12;

/// The busiest graphs as they were last chosen. Locked only to copy a few strings in or out.
#[derive(Default)]
pub struct Choice(Mutex<Option<(Timestamp, Vec<Panel>)>>);

impl Choice {
    fn get(&self, catalogue: &dyn Catalogue, names: &[String], now: Timestamp) -> Vec<Panel> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, panels)) = kept
            && (0..CHOICE_SECS).contains(&(now - at))
            && !panels.is_empty()
        {
            return panels;
        }
        let panels = busiest::choose(catalogue, names, now, PANELS);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, panels.clone()));
        panels
    }
}

/// `/`
pub async fn home(State(serving): State<Arc<Serving>>, headers: HeaderMap, params: Params) -> Result<Response, Error> {
    let phone = is_phone(&headers);
    let words = params.filled("q").unwrap_or("").trim().to_owned();
    let shared = Arc::clone(&serving);
    let job = move || {
        let app = &shared.app;
        let now = (app.clock)();
        let leaves = shared.names.get(&*app.catalogue, now)?;
        if leaves.binary_search(&words).is_ok() {
            return Ok(Redirect::to(&link::explore(&link::target_of(&words), "-6h")).into_response());
        }
        if is_expression(&words) {
            return Ok(Redirect::to(&link::explore(&words, "-6h")).into_response());
        }
        let health = (app.health)();
        let found = || search::best(&leaves, &words, FOUND_MAX).into_iter().map(str::to_owned).collect();
        let view = Home {
            tiles: health.figures.into_iter().take(TILES_MAX).map(|figure| tile(app, now, figure)).collect(),
            cards: cards(app, now, shared.choice.get(&*app.catalogue, &leaves, now), phone),
            names: level(&*app.catalogue, "", params.filled("path").unwrap_or(""))?,
            empty: !leaves.iter().any(|name| !busiest::is_about_ourselves(name)),
            search: (!words.is_empty()).then(|| (words.clone(), found())),
            listening: app.listening.clone(),
            cannot_write: health.cannot_write,
        };
        Ok(page(app, &params, "Kymograph", &words, &home::body(&view)))
    };
    serving.workers.run(job).await
}

/// `/explore`
pub async fn explore(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Error> {
    let shared = Arc::clone(&serving);
    let phone = is_phone(&headers);
    let job = move || {
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
        view.outcome = outcome(&shared, &params, &view, phone)?;
        let wrong = matches!(view.outcome, Outcome::Refused { .. });
        let first = view.targets.first().map_or("Explore", String::as_str);
        let mut reply = page(app, &params, &format!("{first} – Kymograph"), "", &explore::body(&view));
        if wrong {
            *reply.status_mut() = StatusCode::BAD_REQUEST;
        }
        Ok(reply)
    };
    serving.workers.run(job).await
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

fn page(app: &App, params: &Params, title: &str, search: &str, body: &Html) -> Response {
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

fn outcome(serving: &Serving, params: &Params, view: &Explore, phone: bool) -> Result<Outcome, Error> {
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
    let series = match answer(&*app.catalogue, app, &view.targets, &span) {
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
    let (width, height) = size(params, phone)?;
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

fn answer(source: &dyn Catalogue, app: &App, targets: &[String], span: &Span) -> Result<Vec<Series>, query::Error> {
    let request = query::Request {
        targets,
        window: span.window,
        now: span.now,
        zone: span.zone.clone(),
        x_files_factor: 0.0,
        limits: app.limits.query.clone(),
    };
    Ok(query::answer(source, &request)?.series)
}

/// The last hour, in the server's zone.
fn last_hour(app: &App, now: Timestamp) -> Span {
    Span { window: Window { from: now - 3600, until: now }, now, zone: app.zone.clone() }
}

fn tile(app: &App, now: Timestamp, figure: crate::app::Figure) -> Tile {
    let span = last_hour(app, now);
    let course = figure.target.and_then(|target| {
        // A figure without its course is still a figure.
        let series = answer(&*app.own, app, std::slice::from_ref(&target), &span).ok()?;
        Some((graph::spark(series.first()?, span.window), target))
    });
    Tile { label: figure.label, value: figure.value, unit: figure.unit, is_loss: figure.is_loss, course }
}

fn cards(app: &App, now: Timestamp, chosen: Vec<Panel>, phone: bool) -> Vec<Card> {
    let span = last_hour(app, now);
    let draw = |panel: &Panel| {
        let series = answer(&*app.catalogue, app, std::slice::from_ref(&panel.target), &span).ok()?;
        let picture = Picture {
            width: if phone { 380 } else { 590 },
            height: 180,
            zone: span.zone.clone(),
            window: span.window,
            unit: panel.unit.clone(),
            hide_legend: true,
            live: true,
            ..Picture::default()
        };
        Some((graph::picture_of(&series, &picture).ok()?, draw::legend(&series, &picture)))
    };
    chosen.into_iter().map(|panel| Card { drawn: draw(&panel), panel }).collect()
}

/// The content of a folder; folders on the way to `open` have theirs inside.
fn level(catalogue: &dyn Catalogue, path: &str, open: &str) -> Result<Level, Error> {
    let pattern = if path.is_empty() { "*".to_owned() } else { format!("{}.*", link::target_of(path)) };
    let mut found = catalogue.find(&pattern).map_err(Error::Names)?;
    // A `?` in the pattern may have met a sibling.
    found.retain(|node| path.is_empty() || node.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
    found.sort_by(|a, b| (a.leaf, &a.path).cmp(&(b.leaf, &b.path)));
    let more = found.len().saturating_sub(SHOWN_MAX);
    found.truncate(SHOWN_MAX);
    let opened = |node: &query::source::Node| {
        !node.leaf && open.strip_prefix(&node.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut nodes = Vec::with_capacity(found.len());
    for node in found {
        let inside = if opened(&node) { Some(level(catalogue, &node.path, open)?) } else { None };
        let name = node.path.rsplit('.').next().unwrap_or(&node.path).to_owned();
        nodes.push(Node { name, path: node.path, leaf: node.leaf, inside });
    }
    Ok(Level { path: path.to_owned(), nodes, more })
}

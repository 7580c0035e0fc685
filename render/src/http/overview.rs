//! What the overview shows, gathered: the server's figures and their course, the busiest graphs, the tree of names.

use crate::app::{App, Figure};
use crate::catalogue::Catalogue;
use crate::draw::{self, Picture};
use crate::error::Error;
use crate::page::busiest::{self, Panel};
use crate::page::home::{Card, Home, Tile};
use crate::page::tree::{Level, Node, SHOWN_MAX};
use crate::page::{graph, link};
use query::{Series, Stop};
use std::sync::{Mutex, PoisonError};
use tsdb::{Timestamp, Window};

use super::Serving;
use super::pages::answer;
use super::times::Span;

/// How long a choice of the busiest graphs stands.
const CHOICE_SECS: i64 = 30;
/// Graphs on the first page.
const PANELS: usize = 6;
/// Figures on the first page.
const TILES_MAX: usize = 12;
/// How far back the graphs reach, once there is that much to show, and how far at least.
const SHOWN_SECS: i64 = 3600;
const SHOWN_SECS_MIN: i64 = 300;

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

/// Everything but the search, which the caller has made already.
pub fn gather(
    serving: &Serving,
    names: &[String],
    now: Timestamp,
    (open, phone): (&str, bool),
    stop: &Stop,
) -> Result<Home, Error> {
    let app = &serving.app;
    let health = (app.health)();
    let figures: Vec<Figure> = health.figures.into_iter().take(TILES_MAX).collect();
    let courses: Vec<_> =
        figures.iter().map(|figure| course(&*app.own, app, now, figure.target.as_deref(), stop)).collect();
    let chosen = serving.choice.get(&*app.catalogue, names, now);
    let drawn: Vec<_> =
        chosen.iter().map(|panel| course(&*app.catalogue, app, now, Some(&panel.target), stop)).collect();
    // One window for all, so that they can be compared; a server that has just begun shows what it has.
    let begun = courses.iter().chain(&drawn).flatten().filter_map(first_value).min().unwrap_or(now - SHOWN_SECS);
    let reach = (now - begun).clamp(SHOWN_SECS_MIN, SHOWN_SECS);
    // The first point of a full hour lies a step or so after its start.
    let reach = if reach > SHOWN_SECS - 120 { SHOWN_SECS } else { reach };
    let window = Window { from: now - reach, until: now };
    let tile = |(figure, series): (Figure, Vec<Series>)| Tile {
        course: series.first().map(|one| graph::spark(one, window)).zip(figure.target),
        label: figure.label,
        value: figure.value,
        unit: figure.unit,
        is_loss: figure.is_loss,
    };
    let card = |(panel, series): (Panel, Vec<Series>)| card(app, panel, &series, window, phone);
    Ok(Home {
        tiles: figures.into_iter().zip(courses).map(tile).collect(),
        cards: chosen.into_iter().zip(drawn).map(card).collect(),
        since: if reach == SHOWN_SECS { "-1h".to_owned() } else { format!("-{}min", reach.div_euclid(60) + 1) },
        names: level(&*app.catalogue, "", open)?,
        empty: names.iter().all(|name| busiest::is_about_ourselves(name)),
        search: None,
        listening: app.listening.clone(),
        cannot_write: health.cannot_write,
        open_to_others: app.access.is_open_to_others(),
    })
}

/// The last hour of a target; nothing where it cannot be had, because a page is whole without one of its graphs.
fn course(source: &dyn Catalogue, app: &App, now: Timestamp, target: Option<&str>, stop: &Stop) -> Vec<Series> {
    let Some(target) = target else { return Vec::new() };
    let window = Window { from: now - SHOWN_SECS, until: now };
    let span = Span { window, now, zone: app.zone.clone() };
    answer(source, app, (&[target.to_owned()], 0), &span, stop).unwrap_or_default()
}

fn first_value(series: &Series) -> Option<Timestamp> {
    let at = series.values.iter().position(|value| !value.is_nan())?;
    Some(series.start + at as i64 * i64::from(series.step.secs()))
}

fn card(app: &App, panel: Panel, series: &[Series], window: Window, phone: bool) -> Card {
    let picture = Picture {
        width: if phone { 380 } else { 590 },
        height: 180,
        zone: app.zone.clone(),
        window,
        unit: panel.unit.clone(),
        hide_legend: true,
        live: true,
        ..Picture::default()
    };
    let drawn = graph::picture_of(series, &picture).ok().map(|svg| (svg, draw::legend(series, &picture)));
    Card { panel, drawn }
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

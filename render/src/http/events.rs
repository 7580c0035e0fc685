//! `/events/…`: what happened, for Grafana's annotations, scripts that say so and people who look.

use crate::access::EventsView;
use crate::encode::{Charset, JsonWriter};
use crate::error::Error;
use crate::page::{events as page, moment};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use query::source::Tagged;
use serde_json::Value;
use std::sync::Arc;
use tsdb::{Event, Timestamp, Window};

use super::Serving;
use super::pages;
use super::params::{Params, invalid};
use super::reply::{self, Callback};
use super::times::{self, Span};

/// The moments that a calendar can show: the years 1 to 9999.
const MOMENTS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// `/events/get_data`: the events of a window, and of tags if any are named.
pub async fn data(State(serving): State<Arc<Serving>>, params: Params) -> Result<Response, Error> {
    let asked = Asked::read(&params, &serving)?;
    let callback = Callback::read(&params)?;
    let events = view(&serving)?;
    let job = move || {
        let mut json = JsonWriter::new(Charset::Ascii, reply::layout(&params));
        json.begin_list();
        for event in events.find(asked.window, &asked.tagged).map_err(Error::Events)? {
            json.begin_map();
            json.key("when");
            json.integer(event.when.0);
            texts(&mut json, &event);
            json.key("id");
            json.integer(id(&event));
            json.end_map();
        }
        json.end_list();
        let body = json.finish();
        Ok(match callback {
            Some(callback) => reply::text("text/javascript", callback.call(&body)),
            None => reply::text("application/json", body),
        })
    };
    serving.workers.run(job).await
}

/// `/events/` for people: the newest first.
pub async fn list(State(serving): State<Arc<Serving>>, params: Params) -> Result<Response, Error> {
    let asked = Asked::read(&params, &serving)?;
    let (events, zone) = (view(&serving)?, times::zone(&params, &serving.app));
    let shared = Arc::clone(&serving);
    let job = move || {
        let mut found = events.find(asked.window, &asked.tagged).map_err(Error::Events)?;
        found.reverse();
        let view = page::List { events: &found, tags: params.last("tags"), zone: &zone };
        Ok(pages::page(&shared.app, &params, "Events – Kymograph", "", &page::list(&view)))
    };
    serving.workers.run(job).await
}

/// `/events/ID`: JSON for whoever accepts nothing else, a page for the rest.
pub async fn detail(
    State(serving): State<Arc<Serving>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    params: Params,
) -> Response {
    let as_json = headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/json");
    let (events, zone) = (view(&serving), times::zone(&params, &serving.app));
    let shared = Arc::clone(&serving);
    let job = move || {
        let found = id.parse().ok().map(|id| events?.get(id).map_err(Error::Events)).transpose()?.flatten();
        let event = found.ok_or(Error::NoEvent(id))?;
        if !as_json {
            let title = format!("{} – Kymograph", event.what);
            return Ok(pages::page(&shared.app, &params, &title, "", &page::detail(&event, &zone)));
        }
        let mut json = JsonWriter::new(Charset::Ascii, reply::layout(&params));
        json.begin_map();
        json.key("id");
        json.integer(self::id(&event));
        json.key("when");
        json.string(&moment::iso(event.when));
        texts(&mut json, &event);
        json.end_map();
        Ok(reply::text("application/json", json.finish()))
    };
    let outcome = serving.workers.run(job).await;
    outcome.unwrap_or_else(
        |error| if as_json { error.as_json() } else { axum::response::IntoResponse::into_response(error) },
    )
}

/// POST `/events/`: `{"what": …, "tags": […] or "a b", "data": …, "when": …}`, whatever the body says that it is.
pub async fn record(State(serving): State<Arc<Serving>>, body: Bytes) -> Response {
    let (events, now) = (view(&serving), (serving.app.clock)());
    let job = move || {
        let events = events?;
        let told = Told::read(&body, now)?;
        events.append(told.when, &told.what, &told.data, &told.tags).map_err(Error::Events)?;
        Ok(reply::text("text/html; charset=utf-8", ""))
    };
    serving.workers.run(job).await.unwrap_or_else(Error::as_json)
}

fn view(serving: &Serving) -> Result<Arc<EventsView>, Error> {
    let none = || Error::BadRequest("there are no events here".to_owned());
    serving.app.events.clone().ok_or_else(none)
}

/// What, data and tags, in graphite-web's order.
fn texts(json: &mut JsonWriter, event: &Event) {
    json.key("what");
    json.string(&event.what);
    json.key("data");
    json.string(&event.data);
    json.key("tags");
    json.begin_list();
    event.tags.iter().for_each(|tag| json.string(tag));
    json.end_list();
}

fn id(event: &Event) -> i64 {
    i64::try_from(event.id).unwrap_or(i64::MAX)
}

/// Which events are asked for.
struct Asked {
    window: Window,
    tagged: Tagged,
}

impl Asked {
    /// From 1970 until now unless the request says so; tags have blanks between them, and an event has to have all of them
    /// unless `set=union`.
    fn read(params: &Params, serving: &Serving) -> Result<Asked, Error> {
        let window = Span::from_first(params, &serving.app)?;
        let Some(tags) = params.last("tags") else { return Ok(Asked { window, tagged: Tagged::Anyhow }) };
        let tags = tags.split_whitespace().map(str::to_owned).collect();
        let tagged = if params.last("set") == Some("union") { Tagged::Any(tags) } else { Tagged::Every(tags) };
        Ok(Asked { window, tagged })
    }
}

/// An event as a body tells it.
struct Told {
    when: Timestamp,
    what: String,
    data: String,
    tags: Vec<String>,
}

impl Told {
    fn read(body: &[u8], now: Timestamp) -> Result<Told, Error> {
        let wrong = |why: &str| Error::BadRequest(why.to_owned());
        let told =
            serde_json::from_slice(body).map_err(|why| Error::BadRequest(format!("the body is no JSON: {why}")))?;
        let Value::Object(mut told) = told else { return Err(wrong("the body is no JSON object")) };
        let Some(Value::String(what)) = told.remove("what") else { return Err(wrong("\"what\" must be a string")) };
        let data = match told.remove("data") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(data)) => data,
            Some(other) => other.to_string(),
        };
        let unfit = || wrong("\"tags\" must be an array or space-separated string");
        let tags = match told.remove("tags") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(tags)) => vec![tags],
            Some(Value::Array(tags)) => {
                let tag = |tag: Value| if let Value::String(tag) = tag { Ok(tag) } else { Err(unfit()) };
                tags.into_iter().map(tag).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(unfit()),
        };
        let when = match told.remove("when") {
            None | Some(Value::Null) => now,
            Some(when) => {
                let secs = when.as_f64().or_else(|| when.as_str()?.trim().parse().ok()).map(|secs| secs.floor() as i64);
                let secs = secs.filter(|secs| MOMENTS.contains(secs));
                Timestamp(secs.ok_or_else(|| invalid("when", &when.to_string(), "seconds since 1970 are needed"))?)
            }
        };
        Ok(Told { when, what, data, tags })
    }
}

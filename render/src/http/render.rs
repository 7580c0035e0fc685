//! `/render`: targets and a window in; numbers or a picture out. Parameters and their quirks are graphite-web's.

use crate::draw::pie::Slice;
use crate::draw::{self, Picture};
use crate::encode::{self, Charset, JsonWriter, Layout, Nulls};
use crate::error::Error;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use query::{Series, Stop};
use std::sync::Arc;

use super::kept::{Question, Term, Whole};
use super::params::{Params, invalid};
use super::picture::{self, Pie};
use super::reply::{self, Callback, Reuse};
use super::times::Span;
use crate::app::{App, Limits};

use super::Serving;

/// Seconds that an answer may be reused when the request does not say (`cacheTimeout`); graphite-web's default.
const REUSE_SECS: i64 = 60;

/// As graphite-web calls it.
const PDF: &str = "application/x-pdf";

/// `/render`, GET and POST.
pub async fn render(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Error> {
    let ask = Ask::read(&params, &serving.app)?;
    let app = serving.app.clone();
    let now = (serving.app.clock)();
    let (reuse, term) = (ask.reuse, term(&params, ask.reuse));
    let question = Question { grants: Arc::clone(&app.grants), parameters: params.told() };
    let changes = changes(&app);
    let kept = term.and_then(|term| serving.kept.get(&question, term, now, changes));
    let answer = match kept {
        Some(answer) => {
            serving.app.turned.again();
            answer
        }
        None => {
            let read = move |stop: &Stop| ask.answer(&app, stop).map(|(kind, body)| Whole::new(kind, body));
            let answer = serving.workers.run_until(read).await?;
            if term.is_some() {
                serving.kept.put(question, &answer, now, changes);
            }
            answer
        }
    };
    let mut reply = match answer.is_known(&headers) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => reply::text(answer.kind, answer.body),
    };
    reply.headers_mut().insert(header::ETAG, answer.tag);
    reuse.stamp(reply.headers_mut(), now);
    Ok(reply)
}

/// What was written so far, events included; `None` where that is not known.
fn changes(app: &App) -> Option<u64> {
    let events = app.events.as_ref().map_or(0, |events| events.changes());
    app.catalogue.changes().map(|changes| changes.wrapping_add(events))
}

/// How long the server may give the answer again.
fn term(params: &Params, reuse: Reuse) -> Option<Term> {
    match reuse {
        Reuse::Never => None,
        Reuse::For(secs) if params.filled("cacheTimeout").is_some() => Some(Term::Asked(i64::from(secs))),
        Reuse::For(secs) => Some(Term::Unchanged(i64::from(secs))),
    }
}

/// The formats. Names are case-sensitive, and every other name draws a PNG: so does graphite-web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
    Raw,
    Pickle,
    MsgPack,
    Dygraph,
    Rickshaw,
    Svg,
    Pdf,
    Png,
}

impl Format {
    fn read(params: &Params) -> Format {
        match params.last("format") {
            Some("json") => Format::Json,
            Some("csv") => Format::Csv,
            Some("raw") => Format::Raw,
            Some("pickle") => Format::Pickle,
            Some("msgpack") => Format::MsgPack,
            Some("dygraph") => Format::Dygraph,
            Some("rickshaw") => Format::Rickshaw,
            Some("svg") => Format::Svg,
            Some("pdf") => Format::Pdf,
            Some(_) => Format::Png,
            None if params.has("rawData") => Format::Raw,
            None if params.has("pickle") => Format::Pickle,
            None => Format::Png,
        }
    }
}

impl Format {
    /// As many bytes as the numbers of an answer take at least, known before any of them is written. An answer is at most about
    /// twice as long, for no number has more than 24 bytes.
    fn bytes_at_least(self, series: &[Series]) -> usize {
        let of_one = |series: &Series| {
            let point = match self {
                // `[1.0, 1700000000], `, `{"x": 1700000000, "y": 1.0}, `, `name,2024-04-02 14:37:20,1.0`.
                Format::Json => 19,
                Format::Rickshaw => 29,
                Format::Csv => series.name.len() + 25,
                Format::Raw => 4,
                Format::Pickle | Format::MsgPack => 9,
                // Its rows are counted where they are made, pictures have pixels.
                Format::Dygraph | Format::Svg | Format::Pdf | Format::Png => 0,
            };
            series.values.len().saturating_mul(point)
        };
        series.iter().map(of_one).fold(0, usize::saturating_add)
    }
}

/// One request, understood.
struct Ask {
    targets: Vec<String>,
    /// Slices that are told instead of asked for.
    shares: Vec<Slice>,
    span: Span,
    format: Format,
    callback: Option<Callback>,
    layout: Layout,
    nulls: Nulls,
    template: Vec<(String, String)>,
    max_data_points: Option<u32>,
    x_files_factor: f64,
    reuse: Reuse,
    /// `None` where numbers are asked for.
    picture: Option<Picture>,
    pie: Option<Pie>,
}

impl Ask {
    fn read(params: &Params, app: &App) -> Result<Ask, Error> {
        let graph = params.last("graphType").unwrap_or("line");
        if !["line", "pie"].contains(&graph) {
            let wrong = format!("Invalid parameters (Invalid graphType '{graph}', must be one of ['line', 'pie'])");
            return Err(Error::BadRequest(wrong));
        }
        let span = Span::read(params, app, "-1d")?;
        let pie = if graph == "pie" { Some(picture::read_pie(params)?) } else { None };
        let format = match Format::read(params) {
            drawn @ (Format::Svg | Format::Pdf) => drawn,
            // A pie has no numbers, whatever form is asked for.
            _ if pie.is_some() => Format::Png,
            format => format,
        };
        let drawn = matches!(format, Format::Svg | Format::Pdf | Format::Png);
        let (shares, targets) =
            params.targets().into_iter().partition::<Vec<_>, _>(|target| pie.is_some() && share(target).is_some());
        Ok(Ask {
            picture: if drawn { Some(picture::read(params, &span, &app.templates)?) } else { None },
            targets,
            shares: shares.iter().filter_map(|target| share(target)).collect(),
            pie,
            span,
            format,
            // Without a format there is no callback, however it is spelled: graphite-web looks for it there only.
            callback: if params.has("format") { Callback::read(params)? } else { None },
            layout: reply::layout(params),
            nulls: if params.has("noNullPoints") { Nulls::Dropped } else { Nulls::Kept },
            template: params.keyed("template"),
            max_data_points: max_data_points(params),
            x_files_factor: x_files_factor(params)?,
            reuse: reuse(params)?,
        })
    }

    /// Reads, evaluates and encodes; runs on a worker.
    fn answer(&self, app: &App, stop: &Stop) -> Result<(&'static str, Vec<u8>), Error> {
        let request = query::Request {
            targets: &self.targets,
            window: self.span.window,
            now: self.span.now,
            zone: self.span.zone.clone(),
            x_files_factor: self.x_files_factor,
            max_data_points: self.most_points(),
            template: &self.template,
            events: app.events.as_deref().map(|events| events as &dyn query::EventSource),
            limits: app.limits.query.clone(),
            stop: stop.clone(),
        };
        let source: &dyn query::Source = &*app.catalogue;
        let mut series = query::answer(source, &request)?.series;
        match &self.picture {
            Some(picture) => {
                query::consolidate::merge_to_points(&mut series, self.most_points());
                self.draw(&series, picture)
            }
            None => self.encode(&mut series, &app.limits),
        }
    }

    /// As many values of a series as are told or have a column; 0 is all.
    fn most_points(&self) -> u32 {
        match &self.picture {
            Some(picture) => picture.columns(),
            None => self.max_data_points.filter(|_| self.format == Format::Json).unwrap_or(0),
        }
    }

    fn encode(&self, series: &mut [Series], limits: &Limits) -> Result<(&'static str, Vec<u8>), Error> {
        if let Some(points) = self.max_data_points.filter(|_| self.format == Format::Json) {
            query::consolidate::to_max_data_points(series, points);
        }
        let limit = limits.answer_bytes;
        if self.format.bytes_at_least(series) > limit {
            return Err(Error::AnswerTooLong { limit });
        }
        let points_max = limits.query.points;
        let (kind, text) = match self.format {
            Format::Json => {
                // Where no series has a point, graphite-web tells of none.
                let series = if series.iter().all(|one| one.values.is_empty()) { &mut [] } else { series };
                self.called("application/json", encode::json::encode(series, self.nulls, self.layout))
            }
            Format::Dygraph => {
                let rows = encode::dygraph::encode(series, points_max).ok_or_else(|| {
                    let why = format!("a table of these series has more cells than points allows ({points_max})");
                    Error::BadRequest(why)
                })?;
                self.called("application/json", rows)
            }
            Format::Rickshaw => self.called("application/json", encode::rickshaw::encode(series, self.layout)),
            Format::Csv => ("text/csv", encode::csv::encode(series, &self.span.zone)),
            Format::Pickle => return Ok(("application/pickle", encode::packed::pickle(series))),
            Format::MsgPack => return Ok(("application/x-msgpack", encode::packed::msgpack(series))),
            Format::Raw | Format::Svg | Format::Pdf | Format::Png => ("text/plain", encode::raw::encode(series)),
        };
        Ok((kind, text.into_bytes()))
    }

    fn draw(&self, series: &[Series], picture: &Picture) -> Result<(&'static str, Vec<u8>), Error> {
        let mut picture = picture.clone();
        if series.is_empty() {
            picture.unanswered = self.targets.clone();
        }
        let pie = self.pie.map(|pie| (self.slices(series, pie), pie.style));
        Ok(match (self.format, pie) {
            (Format::Svg, None) => self.svg(draw::svg(series, &picture)?),
            (Format::Svg, Some((slices, style))) => self.svg(draw::pie::svg(&slices, &style, &picture)?),
            (Format::Pdf, None) => (PDF, draw::pdf(series, &picture)?),
            (Format::Pdf, Some((slices, style))) => (PDF, draw::pie::pdf(&slices, &style, &picture)?),
            (_, None) => ("image/png", draw::png(series, &picture)?),
            (_, Some((slices, style))) => ("image/png", draw::pie::png(&slices, &style, &picture)?),
        })
    }

    /// A series without values has a slice of nothing.
    fn slices(&self, series: &[Series], pie: Pie) -> Vec<Slice> {
        let slice = |series: &Series| Slice {
            name: series.name.clone(),
            value: draw::summary(&series.values).map_or(0.0, |summary| pie.of.of(&summary)),
        };
        series.iter().map(slice).chain(self.shares.iter().cloned()).collect()
    }

    fn svg(&self, svg: String) -> (&'static str, Vec<u8>) {
        let Some(callback) = &self.callback else { return ("image/svg+xml", svg.into_bytes()) };
        let mut json = JsonWriter::new(Charset::Ascii, Layout::Line);
        json.string(&svg);
        ("text/javascript", callback.call(&json.finish()).into_bytes())
    }

    fn called(&self, kind: &'static str, json: String) -> (&'static str, String) {
        match &self.callback {
            Some(callback) => ("text/javascript", callback.call(&json)),
            None => (kind, json),
        }
    }
}

/// `name:value`, a slice of a pie.
fn share(target: &str) -> Option<Slice> {
    let (name, value) = target.split_once(':')?;
    let value = value.trim().parse().ok().filter(|value: &f64| value.is_finite())?;
    Some(Slice { name: name.to_owned(), value })
}

/// What is not all digits is ignored, as in graphite-web; 0, which crashes there where there is anything to tell, too.
fn max_data_points(params: &Params) -> Option<u32> {
    let digits = |value: &&str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let points = params.last("maxDataPoints").filter(digits).map(|value| value.parse::<u32>().unwrap_or(u32::MAX));
    points.filter(|points| *points > 0)
}

fn x_files_factor(params: &Params) -> Result<f64, Error> {
    let Some(value) = params.filled("xFilesFactor") else { return Ok(0.0) };
    let factor = value.trim().parse::<f64>().ok().filter(|factor| factor.is_finite());
    factor.ok_or_else(|| invalid("xFilesFactor", value, "a number is needed"))
}

fn reuse(params: &Params) -> Result<Reuse, Error> {
    let secs = match params.filled("cacheTimeout") {
        Some(_) => params.integer("cacheTimeout", REUSE_SECS)?,
        None => REUSE_SECS,
    };
    if secs <= 0 || params.has("noCache") {
        return Ok(Reuse::Never);
    }
    Ok(Reuse::For(u32::try_from(secs).unwrap_or(u32::MAX)))
}

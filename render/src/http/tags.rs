//! `/tags/…`: which tags and values there are, for Grafana's pickers and variables, and which series have them.
//!
//! Errors are JSON here, as graphite-web's are: `{"error": "…"}`. What announces or deletes a series is asked by POST only.

use crate::encode::{Charset, JsonWriter};
use crate::error::Error;
use axum::extract::{Path, State};
use axum::response::Response;
use query::SourceError;
use std::sync::Arc;
use tsdb::index::{TagAnswer, TagExpression, TagQuestion};

use super::Serving;
use super::params::{Params, invalid};
use super::reply;

/// Tags and values that a completion tells when the request does not say: graphite-web's.
const COMPLETIONS: usize = 100;

/// `/tags`
pub async fn list(State(serving): State<Arc<Serving>>, params: Params) -> Response {
    let question = bound(&params, usize::MAX).map(|limit| TagQuestion::NamesLike { filter: filter(&params), limit });
    ask(serving, params, question, |json, answer| {
        json.begin_list();
        for (id, tag) in (1..).zip(texts(&answer)) {
            json.begin_map();
            pair(json, id, "tag", tag);
            json.end_map();
        }
        json.end_list();
    })
    .await
}

/// `/tags/TAG`
pub async fn detail(State(serving): State<Arc<Serving>>, Path(tag): Path<String>, params: Params) -> Response {
    let filter = filter(&params);
    let question = bound(&params, usize::MAX).map(|limit| TagQuestion::ValuesLike { tag: tag.clone(), filter, limit });
    ask(serving, params, question, move |json, answer| {
        let TagAnswer::Counted(values) = answer else { return json.null() };
        json.begin_map();
        pair(json, 1, "tag", &tag);
        json.key("values");
        json.begin_list();
        for (id, found) in (1..).zip(&values) {
            json.begin_map();
            json.key("count");
            json.integer(i64::try_from(found.count).unwrap_or(i64::MAX));
            pair(json, id, "value", &found.value);
            json.end_map();
        }
        json.end_list();
        json.end_map();
    })
    .await
}

/// `/tags/autoComplete/tags`
pub async fn complete_tags(State(serving): State<Arc<Serving>>, params: Params) -> Response {
    let question = (|| {
        let (expressions, limit) = (expressions(&params)?, bound(&params, COMPLETIONS)?);
        Ok(TagQuestion::Names { expressions, prefix: word(&params, "tagPrefix"), limit })
    })();
    ask(serving, params, question, |json, answer| strings(json, texts(&answer))).await
}

/// `/tags/autoComplete/values`
pub async fn complete_values(State(serving): State<Arc<Serving>>, params: Params) -> Response {
    let question = (|| {
        let tag = params.filled("tag").ok_or_else(|| Error::BadRequest("no tag specified".to_owned()))?.to_owned();
        let (expressions, limit) = (expressions(&params)?, bound(&params, COMPLETIONS)?);
        Ok(TagQuestion::Values { tag, expressions, prefix: word(&params, "valuePrefix"), limit })
    })();
    ask(serving, params, question, |json, answer| strings(json, texts(&answer))).await
}

/// `/tags/findSeries`
pub async fn find_series(State(serving): State<Arc<Serving>>, params: Params) -> Response {
    let catalogue = Arc::clone(&serving.app.catalogue);
    let outcome = serving.workers.run(move || {
        let expressions = params.list("expr");
        if expressions.is_empty() {
            return Err(Error::BadRequest("no tag expressions specified".to_owned()));
        }
        let found = catalogue.find_tagged(&expressions).map_err(Error::Names)?;
        Ok(written(&params, |json| strings(json, &found)))
    });
    outcome.await.unwrap_or_else(|error| error.as_json())
}

/// `/tags/tagSeries`: the canonical name of a series that is about to come.
pub async fn announce(State(serving): State<Arc<Serving>>, params: Params) -> Response {
    let catalogue = Arc::clone(&serving.app.catalogue);
    let outcome = serving.workers.run(move || {
        let path = params.filled("path").ok_or_else(|| Error::BadRequest("no path specified".to_owned()))?;
        let name = catalogue.announce(path).map_err(Error::Names)?;
        Ok(written(&params, |json| json.string(&name)))
    });
    outcome.await.unwrap_or_else(|error| error.as_json())
}

/// `/tags/tagMultiSeries`: the canonical names of many; if one is refused the answer is its error.
pub async fn announce_many(State(serving): State<Arc<Serving>>, params: Params) -> Response {
    let catalogue = Arc::clone(&serving.app.catalogue);
    let outcome = serving.workers.run(move || {
        let paths = params.list("path");
        if paths.is_empty() {
            return Err(Error::BadRequest("no paths specified".to_owned()));
        }
        let names: Result<Vec<String>, SourceError> = paths.iter().map(|path| catalogue.announce(path)).collect();
        let names = names.map_err(Error::Names)?;
        Ok(written(&params, |json| strings(json, &names)))
    });
    outcome.await.unwrap_or_else(|error| error.as_json())
}

/// `/tags/delSeries`
pub async fn forget(State(serving): State<Arc<Serving>>, params: Params) -> Response {
    let catalogue = Arc::clone(&serving.app.catalogue);
    let outcome = serving.workers.run(move || {
        let paths = params.list("path");
        if paths.is_empty() {
            return Err(Error::BadRequest("no path specified".to_owned()));
        }
        paths.iter().try_for_each(|path| catalogue.forget(path)).map_err(Error::Names)?;
        Ok(written(&params, |json| json.boolean(true)))
    });
    outcome.await.unwrap_or_else(|error| error.as_json())
}

/// Answers a question on a worker.
async fn ask(
    serving: Arc<Serving>,
    params: Params,
    question: Result<TagQuestion, Error>,
    write: impl FnOnce(&mut JsonWriter, TagAnswer) + Send + 'static,
) -> Response {
    let question = match question {
        Ok(question) => question,
        Err(error) => return error.as_json(),
    };
    let catalogue = Arc::clone(&serving.app.catalogue);
    let outcome = serving.workers.run(move || {
        let answer = catalogue.tags(&question).map_err(Error::Names)?;
        Ok(written(&params, |json| write(json, answer)))
    });
    outcome.await.unwrap_or_else(|error| error.as_json())
}

fn written(params: &Params, write: impl FnOnce(&mut JsonWriter)) -> Response {
    let mut json = JsonWriter::new(Charset::Ascii, reply::layout(params));
    write(&mut json);
    reply::text("application/json", json.finish())
}

fn texts(answer: &TagAnswer) -> &[String] {
    match answer {
        TagAnswer::Texts(texts) => texts,
        TagAnswer::Counted(_) | TagAnswer::NoSuchTag => &[],
    }
}

/// An `id` and what it is the id of. graphite-web's are rows of a database; here they count from one, which is all that
/// clients can have relied on.
fn pair(json: &mut JsonWriter, id: i64, key: &str, text: &str) {
    json.key("id");
    json.integer(id);
    json.key(key);
    json.string(text);
}

fn strings(json: &mut JsonWriter, texts: &[String]) {
    json.begin_list();
    texts.iter().for_each(|text| json.string(text));
    json.end_list();
}

fn expressions(params: &Params) -> Result<Vec<TagExpression>, Error> {
    let parsed = params.list("expr").into_iter().map(|text| TagExpression::parse(&text));
    parsed.collect::<Result<_, _>>().map_err(|error| Error::Names(SourceError::from(error)))
}

fn filter(params: &Params) -> String {
    word(params, "filter")
}

fn word(params: &Params, name: &str) -> String {
    params.last(name).unwrap_or_default().to_owned()
}

/// How many are wanted.
fn bound(params: &Params, default: usize) -> Result<usize, Error> {
    let Some(value) = params.filled("limit") else { return Ok(default) };
    value.trim().parse().map_err(|_| invalid("limit", value, "a whole number from 0 is needed"))
}

//! How `query` and `draw` get their answer: from a running server over HTTP, or, for a folder on disk, from the same
//! router inside this process, so that both say the same.

use crate::cli::{PlaceArgs, SourceArgs};
use crate::config::own_store;
use crate::config::pipeline::read_rules;
use crate::{client, clock, events};
use anyhow::{Context, Result, anyhow, bail};
use render::App;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;
use tsdb::{Error, EventLimits, SlabStore, StoreLimits, SyncPolicy, WhisperStore};

/// An answer larger than this is a mistake in the question.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// One series of /render's JSON.
#[derive(Deserialize)]
pub struct Answered {
    /// Its name.
    pub target: String,
    /// Values and their moments.
    pub datapoints: Vec<(Option<f64>, i64)>,
}

/// Reads /render's JSON.
pub fn answered(body: &[u8]) -> Result<Vec<Answered>> {
    json(body).context("the answer is not Graphite's JSON")
}

/// Reads a server's JSON.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // JSON has no infinity: Graphite's 1e9999 reads as one in Python, and as the largest number here.
    let text = String::from_utf8_lossy(body).replace("1e9999", "1.7976931348623157e308");
    Ok(serde_json::from_str(&text)?)
}

/// Asks /render with these parameters beside the range and the zone of `source`.
pub fn render(source: &SourceArgs, targets: &[String], parameters: &[(&str, String)]) -> Result<Vec<u8>> {
    let range = [("from", &source.from), ("until", &source.until), ("tz", &source.tz)];
    let range = range.map(|(name, value)| (name, value.clone()));
    let targets = targets.iter().map(|target| ("target", target.clone()));
    let parameters: Vec<_> = targets.chain(range).chain(parameters.iter().cloned()).collect();
    get(&source.place, "/render", &parameters, None)
}

/// The body of an answer to a GET; every status but 200 is an error.
pub fn get(
    place: &PlaceArgs,
    address: &str,
    parameters: &[(&str, String)],
    timeout: Option<Duration>,
) -> Result<Vec<u8>> {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let path = format!("{address}?{query}");
    match (&place.data, &place.whisper) {
        (Some(data), _) => {
            let own = own_store(data);
            // Opening makes what is not there, which whoever only asks does not want.
            std::fs::read_dir(&own).with_context(|| format!("open {}", own.display()))?;
            let rules = read_rules(None, place.storage_aggregation.as_deref())?;
            let opened = SlabStore::open(&own, rules, StoreLimits::default(), SyncPolicy::Flush);
            let store = opened.map_err(|error| match error {
                Error::Locked(_) => anyhow!("a running kymo has {} open: ask it with --server URL", own.display()),
                error => error.into(),
            })?;
            let kept = events::file(data).exists();
            let events = if kept { events::open(data, EventLimits::default()) } else { None };
            from_store(App { events, ..App::new(Arc::new(store), clock::now) }, &path)
        }
        (None, Some(tree)) => from_store(App::new(Arc::new(WhisperStore::open_read_only(tree)?), clock::now), &path),
        (None, None) => from_server(place, &path, timeout),
    }
}

fn from_server(place: &PlaceArgs, path: &str, timeout: Option<Duration>) -> Result<Vec<u8>> {
    let server = place.server.trim_end_matches('/');
    let mut request =
        client::agent(timeout, place.ca.as_deref(), client::Redirects::Followed)?.get(format!("{server}{path}"));
    if let Some(token) = client::token(place.token_file.as_deref())? {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let answer = request.call().with_context(|| format!("ask {server} (is kymo running there?)"))?;
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    answer.into_body().into_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut body).context("read the answer")?;
    judged(status, body)
}

fn from_store(app: App, path: &str) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Runtime::new().context("start the evaluation")?;
    runtime.block_on(async {
        let request = axum::http::Request::get(path).body(axum::body::Body::empty()).context("form the request")?;
        let answer = render::http::router(app).oneshot(request).await?;
        let status = answer.status().as_u16();
        let limit = usize::try_from(ANSWER_BYTES_MAX).unwrap_or(usize::MAX);
        let body = axum::body::to_bytes(answer.into_body(), limit).await.context("read the answer")?;
        judged(status, body.into())
    })
}

fn judged(status: u16, body: Vec<u8>) -> Result<Vec<u8>> {
    if status != 200 {
        bail!("{status}: {}", String::from_utf8_lossy(&body).trim_end());
    }
    Ok(body)
}

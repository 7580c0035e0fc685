//! How `query` and `draw` get their answer: from a running server over HTTP, or, for a folder on disk, from the same
//! router inside this process, so that both say the same.

use crate::cli::SourceArgs;
use crate::clock;
use crate::config::own_store;
use crate::config::pipeline::read_rules;
use anyhow::{Context, Result, anyhow, bail};
use render::App;
use std::io::Read;
use std::sync::Arc;
use tower::ServiceExt;
use tsdb::{Error, SlabStore, Store, StoreLimits, SyncPolicy, WhisperStore};

/// An answer larger than this is a mistake in the question.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// Asks /render with these parameters beside the range and the zone of `source`.
pub fn render(source: &SourceArgs, targets: &[String], parameters: &[(&str, String)]) -> Result<Vec<u8>> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for target in targets {
        query.append_pair("target", target);
    }
    for (name, value) in [("from", &source.from), ("until", &source.until), ("tz", &source.tz)] {
        query.append_pair(name, value);
    }
    for (name, value) in parameters {
        query.append_pair(name, value);
    }
    let path = format!("/render?{}", query.finish());
    match (&source.data, &source.whisper) {
        (Some(data), _) => {
            let own = own_store(data);
            // Opening makes what is not there, which whoever only asks does not want.
            std::fs::read_dir(&own).with_context(|| format!("open {}", own.display()))?;
            let rules = read_rules(None, source.storage_aggregation.as_deref())?;
            let opened = SlabStore::open(&own, rules, StoreLimits::default(), SyncPolicy::Flush);
            let store = opened.map_err(|error| match error {
                Error::Locked(_) => anyhow!("a running kymo has {} open: ask it with --server URL", own.display()),
                error => error.into(),
            })?;
            from_store(Arc::new(store), &path)
        }
        (None, Some(tree)) => from_store(Arc::new(WhisperStore::open_read_only(tree)?), &path),
        (None, None) => from_server(&source.server, &path),
    }
}

fn from_server(server: &str, path: &str) -> Result<Vec<u8>> {
    let url = format!("{}{path}", server.trim_end_matches('/'));
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = agent.get(&url).call().with_context(|| format!("ask {server} (is kymo running there?)"))?;
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    answer.into_body().into_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut body).context("read the answer")?;
    judged(status, body)
}

fn from_store(store: Arc<dyn Store>, path: &str) -> Result<Vec<u8>> {
    let app = App::new(Arc::new(store), clock::now);
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

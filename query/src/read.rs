//! Reads what was planned: all series of one window in one call, so that a store whose series lie side by side can read
//! neighbours together.

use crate::Request;
use crate::error::Error;
use crate::plan::Fetch;
use crate::source::{Fetched, Source};
use std::collections::HashMap;
use tsdb::Window;

/// What each fetch reads, in their order.
///
/// # Errors
/// The first fetch, in their order, that fails.
pub(crate) fn read(
    source: &dyn Source,
    request: &Request<'_>,
    fetches: &[Fetch],
) -> Result<Vec<Option<Fetched>>, Error> {
    let mut windows: HashMap<Window, Vec<usize>> = HashMap::new();
    for (at, fetch) in fetches.iter().enumerate() {
        windows.entry(fetch.window).or_default().push(at);
    }
    let mut answers: Vec<_> = fetches.iter().map(|_| Ok(None)).collect();
    for (window, places) in windows {
        let names: Vec<&str> = places.iter().map(|&at| &*fetches[at].name).collect();
        let answered = source.fetch_many(&names, window, request.now);
        assert_eq!(answered.len(), names.len(), "a source answers for each name");
        for (at, answer) in places.into_iter().zip(answered) {
            answers[at] = answer;
        }
    }
    let answers = answers.into_iter().zip(fetches);
    answers.map(|(answer, fetch)| answer.map_err(|why| fetch.failed(request, why))).collect()
}

//! Reads what was planned: all series of one window in one call, so that a store whose series lie side by side can read
//! neighbours together.

use crate::Request;
use crate::error::{Error, Fault, SourceError};
use crate::plan::{Fetch, Sketched};
use crate::sketches::Sketches;
use crate::source::{Fetched, FetchedSketches, Source};
use std::collections::HashMap;
use tsdb::Window;

/// What a fetch reads.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub slots: Fetched,
    /// What the values were computed from, where that was wanted.
    pub sketches: Option<Sketches>,
}

/// What each fetch reads, in their order.
///
/// # Errors
/// The first fetch, in their order, that fails.
pub(crate) fn read(
    source: &dyn Source,
    request: &Request<'_>,
    fetches: &[Fetch],
) -> Result<Vec<Option<Reading>>, Error> {
    let mut windows: HashMap<Window, Vec<usize>> = HashMap::new();
    for (at, fetch) in fetches.iter().enumerate().filter(|(_, fetch)| fetch.sketches != Sketched::Alone) {
        windows.entry(fetch.window).or_default().push(at);
    }
    let mut answers: Vec<Result<Option<Fetched>, _>> = fetches.iter().map(|_| Ok(None)).collect();
    for (window, places) in windows {
        let names: Vec<&str> = places.iter().map(|&at| &*fetches[at].name).collect();
        let answered = source.fetch_many(&names, window, request.now);
        assert_eq!(answered.len(), names.len(), "a source answers for each name");
        for (at, answer) in places.into_iter().zip(answered) {
            answers[at] = answer;
        }
    }
    let mut bytes_left = request.limits.points.saturating_mul(POINT_BYTES);
    let answers = answers.into_iter().zip(fetches);
    let with_sketches = |(answer, fetch): (Result<_, _>, &Fetch)| {
        let slots = answer.map_err(|why| fetch.failed(request, why))?;
        let fetched = match fetch.sketches {
            Sketched::No => Ok(None),
            Sketched::Beside | Sketched::Alone => source.fetch_sketches(&fetch.name, fetch.window, request.now),
        };
        let fetched = fetched.map_err(|why: SourceError| fetch.failed(request, why))?;
        let bytes: usize = fetched.iter().flat_map(|fetched| fetched.stored.iter().flatten()).map(Vec::len).sum();
        bytes_left = bytes_left.checked_sub(bytes as u64).ok_or_else(|| {
            let wanted = "the bytes of all sketches, eight a point,".to_owned();
            fetch.misfit(request, Fault::Limit { limit: "points", allowed: request.limits.points, wanted })
        })?;
        Ok(joined(fetch, slots, fetched))
    };
    answers.map(with_sketches).collect()
}

/// A point's.
const POINT_BYTES: u64 = 8;

/// Values and the sketches that they were computed from; of a series of sketches the values follow.
fn joined(fetch: &Fetch, slots: Option<Fetched>, fetched: Option<FetchedSketches>) -> Option<Reading> {
    if fetch.sketches == Sketched::Alone {
        let (start, end, step) = fetched.as_ref().map(|fetched| (fetched.start, fetched.end, fetched.step))?;
        let sketches = Sketches::of_series(fetched?);
        let values = sketches.values(step);
        return Some(Reading { slots: Fetched { start, end, step, values }, sketches: Some(sketches) });
    }
    let slots = slots?;
    let is_alike = |fetched: &FetchedSketches| {
        (fetched.start, fetched.step, fetched.stored.len()) == (slots.start, slots.step, slots.values.len())
    };
    let sketches = fetched.filter(is_alike).and_then(|fetched| Sketches::of_leaf(&fetch.name, fetched));
    Some(Reading { slots, sketches })
}

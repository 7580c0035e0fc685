//! Reads what was planned, on a bounded number of threads: many series of one window in one call, so that a store whose series
//! lie side by side can read neighbours together.

use crate::Request;
use crate::error::{Error, Fault, SourceError};
use crate::plan::{Fetch, Sketched};
use crate::sketches::Sketches;
use crate::source::{Fetched, FetchedSketches, Source};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
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
    let answers = values(source, request, fetches);
    if request.stop.is_said() {
        return Err(Error { fault: Fault::Stopped, place: None });
    }
    let mut bytes_left = request.limits.points.saturating_mul(POINT_BYTES);
    let answers = answers.into_iter().zip(fetches);
    let with_sketches = |(answer, fetch): (Result<_, _>, &Fetch)| {
        if request.stop.is_said() {
            return Err(Error { fault: Fault::Stopped, place: None });
        }
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

/// Series of one window that are asked for in one call: as many as a store reads ahead.
const PIECE: usize = 64;

type Answered = Result<Option<Fetched>, SourceError>;

/// The values of each fetch. Several threads take pieces of one list, so that none is left with more than a piece; once nobody
/// waits any more the rest is not read.
fn values(source: &dyn Source, request: &Request<'_>, fetches: &[Fetch]) -> Vec<Answered> {
    let mut windows: HashMap<Window, Vec<usize>> = HashMap::new();
    for (at, fetch) in fetches.iter().enumerate().filter(|(_, fetch)| fetch.sketches != Sketched::Alone) {
        windows.entry(fetch.window).or_default().push(at);
    }
    let pieces: Vec<(Window, &[usize])> =
        windows.iter().flat_map(|(window, places)| places.chunks(PIECE).map(|places| (*window, places))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut answers: Vec<(usize, Answered)> = Vec::new();
        while let Some((window, places)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            if request.stop.is_said() {
                break;
            }
            let names: Vec<&str> = places.iter().map(|&at| &*fetches[at].name).collect();
            let answered = source.fetch_many(&names, *window, request.now);
            assert_eq!(answered.len(), names.len(), "a source answers for each name");
            answers.extend(places.iter().copied().zip(answered));
        }
        answers
    };
    let mut all: Vec<Answered> = fetches.iter().map(|_| Ok(None)).collect();
    let mut put = |answers: Vec<(usize, Answered)>| answers.into_iter().for_each(|(at, answer)| all[at] = answer);
    thread::scope(|scope| {
        let more = request.limits.threads.min(pieces.len()).saturating_sub(1);
        // Where the system gives no thread this one reads alone.
        let others: Vec<_> = (0..more).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        put(work());
        for other in others {
            match other.join() {
                Ok(answers) => put(answers),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    all
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

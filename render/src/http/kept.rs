//! Answers of `/render` that are given again: to several people who look at one dashboard, or to one who looks twice.
//!
//! An answer is given again for as many seconds as the request says (`cacheTimeout`). Where it does not say, until something was
//! written, and for a minute at most: nobody sees older values than the store has. What one caller was answered is never given
//! to another whose rights differ.

use crate::access::Grants;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use foldhash::quality::FixedState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use tsdb::Timestamp;

/// An answer of more than this share of all bytes is not kept.
const SHARE_MAX: usize = 8;
/// What an entry takes beside its texts.
const ENTRY_BYTES: usize = 256;

/// Who asks what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The caller's rights: theirs are the stores that are asked.
    pub grants: Arc<Grants>,
    /// The parameters, those that begin with `_` left out, as graphite-web leaves them out.
    pub parameters: String,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Whole {
    /// Its content type.
    pub kind: &'static str,
    /// Shared by all who are given it.
    pub body: Bytes,
    /// Of these bytes and no others.
    pub tag: HeaderValue,
}

impl Whole {
    /// Names the bytes.
    pub fn new(kind: &'static str, body: Vec<u8>) -> Whole {
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(kind.as_bytes());
        hasher.write(&body);
        // Weak, because the same answer goes out compressed and plain.
        let tag = format!("W/\"{:016x}\"", hasher.finish());
        Whole { kind, body: body.into(), tag: HeaderValue::from_str(&tag).expect("digits make a header") }
    }

    /// Whether who asks has it already (`If-None-Match`).
    pub fn is_known(&self, headers: &HeaderMap) -> bool {
        let tag = self.tag.as_bytes();
        let tags = headers.get_all(header::IF_NONE_MATCH).iter().flat_map(|tags| tags.as_bytes().split(|b| *b == b','));
        tags.map(<[u8]>::trim_ascii)
            .any(|known| known == b"*" || known == tag || Some(known) == tag.strip_prefix(b"W/"))
    }
}

/// How long an answer may be given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// For so many seconds, whatever is written meanwhile: the request said so.
    Asked(i64),
    /// For so many seconds, unless something is written.
    Unchanged(i64),
}

struct Entry {
    answer: Whole,
    at: Timestamp,
    changes: Option<u64>,
}

#[derive(Clone)]
struct Bytewise;

impl Weighter<Question, Arc<Entry>> for Bytewise {
    fn weight(&self, question: &Question, entry: &Arc<Entry>) -> u64 {
        (question.parameters.len() + entry.answer.body.len() + ENTRY_BYTES) as u64
    }
}

/// All answers that are kept, within a bound of bytes; those that were not asked for again go first.
pub struct Kept {
    entries: Option<Cache<Question, Arc<Entry>, Bytewise>>,
    longest: usize,
}

impl Kept {
    /// So many bytes of answers; none with 0.
    pub fn new(bytes: usize) -> Kept {
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(1024)
            .weight_capacity(bytes as u64)
            .build()
            .expect("all that it needs is set");
        let cache =
            || Cache::with_options(options, Bytewise, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Kept { entries: (bytes > 0).then(cache), longest: bytes / SHARE_MAX }
    }

    /// The answer that was given before, if it still counts. `changes` counts what was written so far, where that is known.
    pub fn get(&self, question: &Question, term: Term, now: Timestamp, changes: Option<u64>) -> Option<Whole> {
        let entry = self.entries.as_ref()?.get(question)?;
        let (secs, is_same) = match term {
            Term::Asked(secs) => (secs, true),
            Term::Unchanged(secs) => (secs, changes.is_some() && changes == entry.changes),
        };
        let counts = is_same && (0..secs).contains(&(now - entry.at));
        counts.then(|| entry.answer.clone())
    }

    /// Keeps an answer; `at` and `changes` are of before it was read.
    pub fn put(&self, question: Question, answer: &Whole, at: Timestamp, changes: Option<u64>) {
        if let Some(entries) = self.entries.as_ref().filter(|_| answer.body.len() <= self.longest) {
            entries.insert(question, Arc::new(Entry { answer: answer.clone(), at, changes }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(parameters: &str) -> Question {
        Question { grants: Arc::new(Grants::everything()), parameters: parameters.to_owned() }
    }

    fn whole(bytes: usize) -> Whole {
        Whole::new("text/plain", vec![7; bytes])
    }

    #[test]
    fn an_answer_counts_for_its_time_and_until_something_is_written() {
        let kept = Kept::new(1 << 20);
        let at = Timestamp(1000);
        kept.put(question("a"), &whole(5), at, Some(3));
        let get = |term, now, changes| kept.get(&question("a"), term, Timestamp(now), changes).is_some();
        assert!(get(Term::Unchanged(60), 1059, Some(3)));
        assert!(!get(Term::Unchanged(60), 1060, Some(3)), "too old");
        assert!(!get(Term::Unchanged(60), 1001, Some(4)), "something was written");
        assert!(!get(Term::Unchanged(60), 1001, None), "nobody knows");
        assert!(get(Term::Asked(60), 1001, Some(4)), "the request takes what is a minute old");
        assert!(!get(Term::Asked(1), 1001, Some(3)));
        assert!(!get(Term::Asked(60), 999, Some(3)), "a clock that was set back");
        let other = Question { grants: Arc::new(Grants::nothing()), parameters: "a".to_owned() };
        assert!(kept.get(&other, Term::Asked(60), at, Some(3)).is_none(), "another's answer");
    }

    #[test]
    fn the_bytes_have_a_bound() {
        let kept = Kept::new(100_000);
        for i in 0..1000 {
            kept.put(question(&i.to_string()), &whole(5000), Timestamp(0), None);
        }
        let there =
            (0..1000).filter(|i| kept.get(&question(&i.to_string()), Term::Asked(9), Timestamp(0), None).is_some());
        assert!((5..20).contains(&there.count()));
        kept.put(question("long"), &whole(12_501), Timestamp(0), None);
        assert!(kept.get(&question("long"), Term::Asked(9), Timestamp(0), None).is_none());
        let none = Kept::new(0);
        none.put(question("a"), &whole(1), Timestamp(0), None);
        assert!(none.get(&question("a"), Term::Asked(9), Timestamp(0), None).is_none());
    }

    #[test]
    fn a_tag_is_of_the_bytes() {
        let answer = whole(9);
        assert_ne!(answer.tag, whole(8).tag);
        assert_eq!(answer.tag, whole(9).tag);
        let tag = answer.tag.to_str().unwrap().to_owned();
        for (sent, known) in
            [(tag.clone(), true), (format!("\"x\", {tag}"), true), ("*".to_owned(), true), ("\"x\"".to_owned(), false)]
        {
            let headers = [(header::IF_NONE_MATCH, HeaderValue::from_str(&sent).unwrap())].into_iter().collect();
            assert_eq!(answer.is_known(&headers), known, "{sent}");
        }
        assert!(!answer.is_known(&HeaderMap::new()));
    }
}

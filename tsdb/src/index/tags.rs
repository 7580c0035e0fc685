//! Which series have which tags: for each tag its values in order, for each value the set of its series. Only visible series
//! are here, and only those that have tags; `name` is a tag like any other.

use super::expression::{Pattern, TagExpression};
use crate::error::Error;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The tags of all series. About eighty bytes a value; a series costs a few bits to a few bytes a tag.
#[derive(Default)]
pub(super) struct Tags(BTreeMap<Box<str>, Tag>);

#[derive(Default)]
struct Tag {
    series: RoaringBitmap,
    values: BTreeMap<Box<str>, Posting>,
}

/// The series of one value. Values that one series has are the many ones, and need no set.
enum Posting {
    One(u32),
    Many(Box<RoaringBitmap>),
}

/// A value of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagValue {
    /// The value.
    pub value: String,
    /// How many series have it.
    pub count: u64,
}

/// What the names of series are asked for.
pub(super) trait Named {
    /// What `take` makes of the name of a series.
    fn with<T>(&self, id: u32, take: impl FnOnce(&str) -> T) -> Option<T>;
}

impl Tags {
    pub(super) fn insert(&mut self, name: &str, id: u32) {
        for (tag, value) in pairs(name) {
            let tag = match self.0.get_mut(tag) {
                Some(tag) => tag,
                None => self.0.entry(tag.into()).or_default(),
            };
            tag.series.insert(id);
            match tag.values.get_mut(value) {
                Some(posting) => posting.insert(id),
                None => drop(tag.values.insert(value.into(), Posting::One(id))),
            }
        }
    }

    pub(super) fn remove(&mut self, name: &str, id: u32) {
        for (text, value) in pairs(name) {
            let Some(tag) = self.0.get_mut(text) else { continue };
            tag.series.remove(id);
            if tag.values.get_mut(value).is_some_and(|posting| posting.remove(id)) {
                tag.values.remove(value);
            }
            if tag.series.is_empty() {
                self.0.remove(text);
            }
        }
    }

    /// The series that satisfy every expression.
    pub(super) fn matching(&self, expressions: &[TagExpression], names: &impl Named) -> Result<RoaringBitmap, Error> {
        let mut needing = Vec::new();
        let mut narrowing = Vec::new();
        for expression in expressions {
            if expression.accepts("")? { narrowing.push(expression) } else { needing.push(expression) }
        }
        if needing.is_empty() {
            return Err(Error::TagExpression {
                why: "At least one tagspec must not match the empty string".to_owned(),
            });
        }
        // Sets that are there already come first, so that patterns are tried on few values or series.
        needing.sort_by_key(|expression| (expression.value().is_none(), expression.is_negated()));
        let mut current: Option<RoaringBitmap> = None;
        for expression in needing {
            let Some(tag) = self.0.get(expression.tag()) else { return Ok(RoaringBitmap::new()) };
            current = Some(match current {
                None => tag.accepted(expression)?,
                Some(current) => tag.narrowed(current, expression, names)?,
            });
        }
        let mut current = current.unwrap_or_default();
        for expression in narrowing {
            if let Some(tag) = self.0.get(expression.tag()) {
                let without = &current - &tag.series;
                current &= &tag.series;
                current = tag.narrowed(current, expression, names)? | without;
            }
        }
        Ok(current)
    }

    /// Tags that begin so, in order.
    pub(super) fn tags<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.begun(prefix).map(|(tag, _)| tag)
    }

    /// Tags that a filter finds, in order.
    pub(super) fn tags_like(&self, filter: &Pattern, limit: usize) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for tag in self.tags(filter.start()) {
            if found.len() >= limit {
                break;
            }
            if filter.matches(tag)? {
                found.push(tag.to_owned());
            }
        }
        Ok(found)
    }

    /// Tags that begin so and that one of the series has, in order.
    pub(super) fn tags_of<'a>(&'a self, series: &'a RoaringBitmap, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.begun(prefix).filter(|(_, tag)| !tag.series.is_disjoint(series)).map(|(tag, _)| tag)
    }

    /// Whether a series has the tag.
    pub(super) fn has(&self, tag: &str) -> bool {
        self.0.contains_key(tag)
    }

    /// Values of a tag that begin so, in order.
    pub(super) fn values<'a>(&'a self, tag: &str, prefix: &'a str) -> impl Iterator<Item = TagValue> + use<'a> {
        let values = self.0.get(tag).into_iter().flat_map(move |tag| tag.begun(prefix));
        values.map(|(value, posting)| TagValue { value: value.to_owned(), count: posting.len() })
    }

    /// Values of a tag that begin so and that one of the series has, in order.
    pub(super) fn values_of(
        &self,
        tag: &str,
        series: &RoaringBitmap,
        prefix: &str,
        limit: usize,
        names: &impl Named,
    ) -> Vec<String> {
        let Some(values) = self.0.get(tag) else { return Vec::new() };
        if series.len() >= values.values.len() as u64 {
            let met = values.begun(prefix).filter(|(_, posting)| posting.meets(series));
            return met.map(|(value, _)| value.to_owned()).take(limit).collect();
        }
        let own = |id| names.with(id, |name| value_of(name, tag).map(str::to_owned)).flatten();
        let mut found: Vec<String> = series.iter().filter_map(own).filter(|value| value.starts_with(prefix)).collect();
        found.sort_unstable();
        found.dedup();
        found.truncate(limit);
        found
    }

    fn begun<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Tag)> {
        begun(&self.0, prefix)
    }
}

impl Tag {
    fn begun<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Posting)> {
        begun(&self.values, prefix)
    }

    /// The series whose value an expression accepts.
    fn accepted(&self, expression: &TagExpression) -> Result<RoaringBitmap, Error> {
        let mut series = self.named(expression)?;
        if expression.is_negated() {
            series = &self.series - series;
        }
        Ok(series)
    }

    /// Those of the series, which all have the tag or are to have it, whose value an expression accepts.
    fn narrowed(
        &self,
        mut series: RoaringBitmap,
        expression: &TagExpression,
        names: &impl Named,
    ) -> Result<RoaringBitmap, Error> {
        series &= &self.series;
        if expression.value().is_some() || series.len() >= self.values.len() as u64 {
            return Ok(series & self.accepted(expression)?);
        }
        let mut accepted = RoaringBitmap::new();
        for id in series {
            let accepts = |name: &str| expression.accepts(value_of(name, expression.tag()).unwrap_or_default());
            if names.with(id, accepts).transpose()?.unwrap_or(false) {
                accepted.insert(id);
            }
        }
        Ok(accepted)
    }

    /// The series with the values that an expression, or what it negates, names.
    fn named(&self, expression: &TagExpression) -> Result<RoaringBitmap, Error> {
        let mut series = RoaringBitmap::new();
        if let Some(value) = expression.value() {
            if let Some(posting) = self.values.get(value) {
                posting.add_to(&mut series);
            }
            return Ok(series);
        }
        for (value, posting) in self.begun(expression.start()) {
            if expression.accepts(value)? != expression.is_negated() {
                posting.add_to(&mut series);
            }
        }
        Ok(series)
    }
}

impl Posting {
    fn len(&self) -> u64 {
        match self {
            Posting::One(_) => 1,
            Posting::Many(series) => series.len(),
        }
    }

    fn insert(&mut self, id: u32) {
        match self {
            Posting::One(one) if *one == id => {}
            Posting::One(one) => *self = Posting::Many(Box::new(RoaringBitmap::from([*one, id]))),
            Posting::Many(series) => drop(series.insert(id)),
        }
    }

    /// Whether none is left.
    fn remove(&mut self, id: u32) -> bool {
        match self {
            Posting::One(one) => *one == id,
            Posting::Many(series) => {
                series.remove(id);
                if let (1, Some(one)) = (series.len(), series.min()) {
                    *self = Posting::One(one);
                }
                false
            }
        }
    }

    fn add_to(&self, series: &mut RoaringBitmap) {
        match self {
            Posting::One(one) => drop(series.insert(*one)),
            Posting::Many(many) => *series |= &**many,
        }
    }

    fn meets(&self, series: &RoaringBitmap) -> bool {
        match self {
            Posting::One(one) => series.contains(*one),
            Posting::Many(many) => !many.is_disjoint(series),
        }
    }
}

/// The tags of a canonical name, `name` first.
pub(super) fn pairs(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let (metric, tags) = name.split_once(';').unwrap_or((name, ""));
    std::iter::once(("name", metric)).chain(tags.split(';').filter_map(|segment| segment.split_once('=')))
}

fn value_of<'a>(name: &'a str, tag: &str) -> Option<&'a str> {
    pairs(name).find(|(other, _)| *other == tag).map(|(_, value)| value)
}

fn begun<'a, T>(texts: &'a BTreeMap<Box<str>, T>, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a T)> {
    let from = texts.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
    from.map(|(text, of)| (&**text, of)).take_while(move |(text, _)| text.starts_with(prefix))
}

//! What is asked of the tags: which series satisfy expressions, which tags and values there are. Patterns are tried outside
//! the lock, so that a slow one keeps no new series from being shown.

use super::expression::{Pattern, TagExpression};
use super::roll::Roll;
use super::tags::{TagValue, Tags, value_of};
use crate::catalogue::SeriesId;
use crate::error::Error;
use roaring::RoaringBitmap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Values copied under one hold of the lock.
const BATCH: usize = 1024;

/// One question.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub tags: &'a RwLock<Tags>,
    pub roll: &'a Roll,
}

impl Question<'_> {
    /// The series that satisfy every expression.
    pub(super) fn series(self, expressions: &[TagExpression]) -> Result<RoaringBitmap, Error> {
        let mut needing = Vec::new();
        let mut narrowing = Vec::new();
        for expression in expressions {
            if expression.accepts("")? { narrowing.push(expression) } else { needing.push(expression) }
        }
        // Sets that are there already come first, so that patterns are tried on few values or series.
        needing.sort_by_key(|expression| (expression.value().is_none(), expression.is_negated()));
        let Some((first, others)) = needing.split_first() else {
            return Err(Error::TagExpression {
                why: "At least one tagspec must not match the empty string".to_owned(),
            });
        };
        let mut series = self.accepted(first)?;
        for expression in others {
            series = self.narrowed(series, expression)?;
        }
        for expression in narrowing {
            let having = self.having(expression.tag());
            let without = &series - &having;
            series = self.narrowed(series & having, expression)? | without;
        }
        Ok(series)
    }

    /// The first tags that begin so: of all series, or of those that satisfy expressions, less the tags of these.
    pub(super) fn tags(self, expressions: &[TagExpression], prefix: &str, limit: usize) -> Result<Vec<String>, Error> {
        if expressions.is_empty() {
            return Ok(self.read().tags(prefix).map(str::to_owned).take(limit).collect());
        }
        let series = self.series(expressions)?;
        let asked = |tag: &str| expressions.iter().any(|expression| expression.tag() == tag);
        let tags = self.read();
        Ok(tags.tags_of(&series, prefix).filter(|tag| !asked(tag)).map(str::to_owned).take(limit).collect())
    }

    /// The first values of a tag that begin so: of all series, or of those that satisfy expressions.
    pub(super) fn values(
        self,
        tag: &str,
        expressions: &[TagExpression],
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        if expressions.is_empty() {
            let begun = |found: &TagValue| found.value.starts_with(prefix);
            let tags = self.read();
            let values = tags.values(tag, Bound::Included(prefix)).take_while(begun);
            return Ok(values.map(|found| found.value).take(limit).collect());
        }
        // As the original asks: those that have the tag, by an expression made of its name.
        let mut expressions = expressions.to_vec();
        expressions.push(TagExpression::parse(&[tag, "!="].concat())?);
        let series = self.series(&expressions)?;
        let tags = self.read();
        if series.len() >= tags.value_count(tag) as u64 {
            return Ok(tags.values_of(tag, &series, prefix).map(str::to_owned).take(limit).collect());
        }
        drop(tags);
        let values = series.iter().filter_map(|id| self.value(id, tag));
        let mut values: Vec<String> = values.filter(|value| value.starts_with(prefix)).collect();
        values.sort_unstable();
        values.dedup();
        values.truncate(limit);
        Ok(values)
    }

    /// The first tags that a filter finds.
    pub(super) fn tags_like(self, filter: &str, limit: usize) -> Result<Vec<String>, Error> {
        let filter = Pattern::of_filter(filter)?;
        let all: Vec<String> = self.read().tags(filter.start()).map(str::to_owned).collect();
        let mut found = Vec::new();
        for tag in all {
            if found.len() == limit {
                break;
            }
            if filter.matches(&tag)? {
                found.push(tag);
            }
        }
        Ok(found)
    }

    /// The first values of a tag that a filter finds; `None` when no series has the tag.
    pub(super) fn values_like(self, tag: &str, filter: &str, limit: usize) -> Result<Option<Vec<TagValue>>, Error> {
        if self.read().having(tag).is_none() {
            return Ok(None);
        }
        let filter = Pattern::of_filter(filter)?;
        let mut found = Vec::new();
        for value in self.begun(tag, filter.start()) {
            if found.len() == limit {
                break;
            }
            if filter.matches(&value.value)? {
                found.push(value);
            }
        }
        Ok(Some(found))
    }

    /// The series that have the tag and whose value an expression accepts.
    fn accepted(self, expression: &TagExpression) -> Result<RoaringBitmap, Error> {
        // Before the values are looked at: a series that comes meanwhile is not taken for one that is not named.
        let having = self.having(expression.tag());
        let series = self.named(expression)?;
        Ok(if expression.is_negated() { having - series } else { series })
    }

    /// Those of the series that have the tag and whose value an expression accepts.
    fn narrowed(self, series: RoaringBitmap, expression: &TagExpression) -> Result<RoaringBitmap, Error> {
        let series = series & self.having(expression.tag());
        let few = series.len() < self.read().value_count(expression.tag()) as u64;
        if expression.value().is_some() || !few {
            return Ok(series & self.accepted(expression)?);
        }
        let mut accepted = RoaringBitmap::new();
        for id in series {
            if let Some(value) = self.value(id, expression.tag())
                && expression.accepts(&value)?
            {
                accepted.insert(id);
            }
        }
        Ok(accepted)
    }

    /// The series with the values that an expression, or what it negates, names.
    fn named(self, expression: &TagExpression) -> Result<RoaringBitmap, Error> {
        let mut series = RoaringBitmap::new();
        let tag = expression.tag();
        if let Some(value) = expression.value() {
            self.read().add_to(&mut series, tag, &[value]);
            return Ok(series);
        }
        let mut met = Vec::new();
        for value in self.begun(tag, expression.start()) {
            if expression.accepts(&value.value)? != expression.is_negated() {
                met.push(value.value);
            }
        }
        met.chunks(BATCH).for_each(|values| self.read().add_to(&mut series, tag, values));
        Ok(series)
    }

    /// Values of a tag that begin so, in order, copied batch by batch.
    fn begun(self, tag: &str, start: &str) -> impl Iterator<Item = TagValue> {
        let mut from = Bound::Included(start.to_owned());
        let batches = std::iter::from_fn(move || {
            let batch: Vec<TagValue> = self.read().values(tag, from.as_ref().map(String::as_str)).take(BATCH).collect();
            from = Bound::Excluded(batch.last()?.value.clone());
            Some(batch)
        });
        batches.flatten().take_while(move |found| found.value.starts_with(start))
    }

    fn having(self, tag: &str) -> RoaringBitmap {
        self.read().having(tag).cloned().unwrap_or_default()
    }

    fn value(self, id: u32, tag: &str) -> Option<String> {
        self.roll.with(SeriesId(id), |name| value_of(name, tag).map(str::to_owned)).flatten()
    }

    fn read(&self) -> RwLockReadGuard<'_, Tags> {
        self.tags.read().unwrap_or_else(PoisonError::into_inner)
    }
}

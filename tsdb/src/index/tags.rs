//! Which series have which tags: for each tag its values in order, for each value the set of its series. Only visible series
//! are here, and only those that have tags; `name` is a tag like any other.

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

    /// The series that have a tag.
    pub(super) fn having(&self, tag: &str) -> Option<&RoaringBitmap> {
        self.0.get(tag).map(|tag| &tag.series)
    }

    /// Adds the series that have one of the values.
    pub(super) fn add_to(&self, series: &mut RoaringBitmap, tag: &str, values: &[impl AsRef<str>]) {
        let Some(tag) = self.0.get(tag) else { return };
        values.iter().filter_map(|value| tag.values.get(value.as_ref())).for_each(|posting| posting.add_to(series));
    }

    /// How many values a tag has.
    pub(super) fn value_count(&self, tag: &str) -> usize {
        self.0.get(tag).map_or(0, |tag| tag.values.len())
    }

    /// Tags that begin so, in order.
    pub(super) fn tags<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.begun(prefix).map(|(tag, _)| tag)
    }

    /// Tags that begin so and that one of the series has, in order.
    pub(super) fn tags_of<'a>(&'a self, series: &'a RoaringBitmap, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.begun(prefix).filter(|(_, tag)| !tag.series.is_disjoint(series)).map(|(tag, _)| tag)
    }

    /// Values of a tag from one on, in order.
    pub(super) fn values<'a>(&'a self, tag: &str, from: Bound<&str>) -> impl Iterator<Item = TagValue> + use<'a> {
        let values = self.0.get(tag).map(|tag| tag.values.range::<str, _>((from, Bound::Unbounded)));
        let values = values.into_iter().flatten();
        values.map(|(value, posting)| TagValue { value: value.to_string(), count: posting.len() })
    }

    /// Values of a tag that begin so and that one of the series has, in order.
    pub(super) fn values_of<'a>(
        &'a self,
        tag: &str,
        series: &'a RoaringBitmap,
        prefix: &'a str,
    ) -> impl Iterator<Item = &'a str> + use<'a> {
        let values = self.0.get(tag).into_iter().flat_map(move |tag| begun(&tag.values, prefix));
        values.filter(|(_, posting)| posting.meets(series)).map(|(value, _)| value)
    }

    fn begun<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Tag)> {
        begun(&self.0, prefix)
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

pub(super) fn value_of<'a>(name: &'a str, tag: &str) -> Option<&'a str> {
    pairs(name).find(|(other, _)| *other == tag).map(|(_, value)| value)
}

fn begun<'a, T>(texts: &'a BTreeMap<Box<str>, T>, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a T)> {
    let from = texts.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
    from.map(|(text, of)| (&**text, of)).take_while(move |(text, _)| text.starts_with(prefix))
}

//! Carbon's pickled points, `[(name, (timestamp, value)), ...]`, in Python's pickle protocols 0 to 5.
//!
//! A pickle is a program. This reader knows only the steps that make lists, tuples, texts, numbers and None; a step that
//! would look up, call or build anything else is a rejection of the whole frame. Nothing recurses, and what is made is
//! bounded by the frame's own length: a byte costs about forty while its frame is read, whatever the frame claims.

mod machine;
mod number;
#[cfg(test)]
mod tests;

use super::carbon::{CarbonError, CarbonPoint, checked};
use super::number::python;
use machine::Machine;

/// Buffers larger than this many values are given back after their frame.
const KEPT: usize = 16_384;

/// Why a frame holds no points at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickleError {
    /// A step that would look up, call or build something (GLOBAL, REDUCE, a dictionary, a persistent id ...).
    Forbidden,
    /// Not a pickle: an unknown step, an argument that is cut off, nothing where a value must be, no end.
    Malformed,
    /// More values than bytes of any list of points, or more open marks.
    TooMany,
    /// A pickle of something else than a list or tuple.
    NotAList,
}

/// A run of places in one of the buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn of<T>(self, all: &[T]) -> &[T] {
        &all[self.start as usize..][..self.len as usize]
    }
}

/// A value that a pickle may make. Copies share what they stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    None,
    /// Also of True and False; carbon makes floats of all.
    Number(f64),
    /// Text or bytes as they stand in the frame.
    Text(Span),
    /// Text or bytes that were written with escapes.
    Unescaped(Span),
    Tuple(Span),
    List(u32),
}

/// A reader with its buffers; one for each thread, because frames come one after the other.
#[derive(Default)]
pub struct Pickle {
    stack: Vec<Value>,
    marks: Vec<u32>,
    memo: Vec<Option<Value>>,
    members: Vec<Value>,
    lists: Vec<Vec<Value>>,
    unescaped: Vec<u8>,
}

impl Pickle {
    /// Reads one frame, without its length. What it makes stays until the next one.
    ///
    /// # Errors
    /// The frame is no pickle of a list, or would do more than make one.
    pub fn read<'a>(&'a mut self, frame: &'a [u8]) -> Result<Points<'a>, PickleError> {
        self.clear();
        let top = Machine::new(self, frame).run()?;
        let items = match top {
            Value::List(list) => &self.lists[list as usize],
            Value::Tuple(span) => span.of(&self.members),
            _ => return Err(PickleError::NotAList),
        };
        Ok(Points { pickle: self, frame, items: items.iter() })
    }

    fn clear(&mut self) {
        self.marks.clear();
        self.lists.clear();
        for values in [&mut self.stack, &mut self.members] {
            values.clear();
            values.shrink_to(KEPT);
        }
        self.memo.clear();
        self.memo.shrink_to(KEPT);
        self.lists.shrink_to(KEPT);
        self.unescaped.clear();
        self.unescaped.shrink_to(KEPT);
    }
}

/// The points of a frame, each read or refused by itself, as carbon does.
pub struct Points<'a> {
    pickle: &'a Pickle,
    frame: &'a [u8],
    items: std::slice::Iter<'a, Value>,
}

impl<'a> Iterator for Points<'a> {
    type Item = Result<CarbonPoint<'a>, CarbonError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = *self.items.next()?;
        Some(self.point(item))
    }
}

impl<'a> Points<'a> {
    fn point(&self, item: Value) -> Result<CarbonPoint<'a>, CarbonError> {
        let [name, point] = self.pair(item).ok_or(CarbonError::NotThreeFields)?;
        let [at, value] = self.pair(point).ok_or(CarbonError::NotThreeFields)?;
        let name = self.text(name).ok_or(CarbonError::NotThreeFields)?;
        let value = self.number(value).ok_or(CarbonError::BadValue)?;
        let at = self.number(at).ok_or(CarbonError::BadTimestamp)?;
        checked(name, value, at)
    }

    /// The two members of a tuple or list of two.
    fn pair(&self, value: Value) -> Option<[Value; 2]> {
        let members = match value {
            Value::Tuple(span) => span.of(&self.pickle.members),
            Value::List(list) => &self.pickle.lists[list as usize],
            _ => return None,
        };
        members.try_into().ok()
    }

    fn text(&self, value: Value) -> Option<&'a str> {
        let bytes = match value {
            Value::Text(span) => span.of(self.frame),
            Value::Unescaped(span) => span.of(&self.pickle.unescaped),
            _ => return None,
        };
        std::str::from_utf8(bytes).ok()
    }

    /// `float(value)`: statsd sends its values as text.
    fn number(&self, value: Value) -> Option<f64> {
        match value {
            Value::Number(number) => Some(number),
            value => python(self.text(value)?),
        }
    }
}

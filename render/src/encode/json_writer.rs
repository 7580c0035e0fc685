//! Writes JSON as Python's `json.dumps` does: `", "` and `": "` between items, `\uXXXX` for what is not ASCII, floats by
//! [`python_float`]. serde_json cannot say `1e9999`, which is how graphite-web spells an infinity.

use super::python_float;
use std::fmt::Write;

/// How characters beyond ASCII are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// As `\uXXXX` (Python's `ensure_ascii`).
    Ascii,
    /// As they are.
    Utf8,
}

/// One line, or indented by two for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[1, 2]`
    Line,
    /// Each item on a line of its own.
    Indented,
}

/// A JSON text that grows item by item. The caller keeps begin and end in pairs and writes a key before each value of
/// a map.
pub struct JsonWriter {
    text: String,
    charset: Charset,
    layout: Layout,
    depth: usize,
    /// Whether the container that is open already holds an item.
    follows_item: bool,
    /// Whether a key was just written, so that its value needs no separator.
    follows_key: bool,
}

impl JsonWriter {
    /// An empty text.
    pub fn new(charset: Charset, layout: Layout) -> JsonWriter {
        JsonWriter { text: String::new(), charset, layout, depth: 0, follows_item: false, follows_key: false }
    }

    /// The text so far.
    pub fn finish(self) -> String {
        self.text
    }

    /// Opens `[`.
    pub fn begin_list(&mut self) {
        self.begin('[');
    }

    /// Closes `]`.
    pub fn end_list(&mut self) {
        self.end(']');
    }

    /// Opens `{`.
    pub fn begin_map(&mut self) {
        self.begin('{');
    }

    /// Closes `}`.
    pub fn end_map(&mut self) {
        self.end('}');
    }

    /// The key of the value that is written next.
    pub fn key(&mut self, key: &str) {
        self.string(key);
        self.text.push_str(": ");
        self.follows_key = true;
    }

    /// A string, quoted and escaped.
    pub fn string(&mut self, value: &str) {
        self.separate();
        self.text.push('"');
        for c in value.chars() {
            self.escaped(c);
        }
        self.text.push('"');
    }

    /// A whole number.
    pub fn integer(&mut self, value: i64) {
        self.separate();
        self.text.push_str(itoa::Buffer::new().format(value));
    }

    /// A float; NaN (and so a gap) is `null`, an infinity `1e9999`, which every reader turns back into one.
    pub fn number(&mut self, value: f64) {
        self.separate();
        self.push_number(value);
    }

    fn push_number(&mut self, value: f64) {
        match value {
            v if v.is_nan() => self.text.push_str("null"),
            f64::INFINITY => self.text.push_str("1e9999"),
            f64::NEG_INFINITY => self.text.push_str("-1e9999"),
            v => python_float::push(&mut self.text, v),
        }
    }

    /// A value and its time, `[1.5, 1700000000]`, of which an answer may hold millions.
    pub fn point(&mut self, value: f64, at: i64) {
        if self.layout == Layout::Indented {
            self.begin_list();
            self.number(value);
            self.integer(at);
            return self.end_list();
        }
        self.separate();
        self.text.push('[');
        self.push_number(value);
        self.text.push_str(", ");
        self.text.push_str(itoa::Buffer::new().format(at));
        self.text.push(']');
    }

    /// Room for so many more points, if they are as long as those that are written.
    pub fn reserve_like(&mut self, written: usize, more: usize) {
        if written > 0 && more > 0 {
            self.text.reserve((self.text.len() / written + 1).saturating_mul(more));
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.separate();
        self.text.push_str(if value { "true" } else { "false" });
    }

    /// `null`.
    pub fn null(&mut self) {
        self.separate();
        self.text.push_str("null");
    }

    fn begin(&mut self, bracket: char) {
        self.separate();
        self.text.push(bracket);
        self.depth += 1;
        self.follows_item = false;
    }

    fn end(&mut self, bracket: char) {
        assert!(self.depth > 0, "a container is closed that was never opened");
        self.depth -= 1;
        if self.follows_item {
            self.line_break();
        }
        self.text.push(bracket);
        self.follows_item = true;
    }

    fn separate(&mut self) {
        if self.follows_key {
            self.follows_key = false;
            self.follows_item = true;
            return;
        }
        if self.follows_item {
            self.text.push_str(if self.layout == Layout::Line { ", " } else { "," });
        }
        if self.depth > 0 {
            self.line_break();
        }
        self.follows_item = true;
    }

    fn line_break(&mut self) {
        if self.layout == Layout::Indented {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n("  ", self.depth));
        }
    }

    fn escaped(&mut self, c: char) {
        match c {
            '"' => self.text.push_str("\\\""),
            '\\' => self.text.push_str("\\\\"),
            '\n' => self.text.push_str("\\n"),
            '\r' => self.text.push_str("\\r"),
            '\t' => self.text.push_str("\\t"),
            '\u{8}' => self.text.push_str("\\b"),
            '\u{c}' => self.text.push_str("\\f"),
            ' '..='~' => self.text.push(c),
            _ if c < ' ' || self.charset == Charset::Ascii => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(self.text, "\\u{unit:04x}").expect("a String takes every write");
                }
            }
            _ => self.text.push(c),
        }
    }
}

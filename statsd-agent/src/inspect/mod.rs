//! Prints objects, lists, numbers and texts as Node's `util.inspect` does, because the users of statsd's console parse what
//! it prints: on one line what fits into 80 columns, long lists in columns, 100 items of each, deep objects as `[Object]`.

mod columns;

use crate::flush::number::js;

/// What is printed.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A text, printed in quotes.
    Text(String),
    /// A list, of which only the first [`ITEMS`] are printed.
    List(List),
    /// An object, with its keys in order of their coming.
    Object(Vec<(String, Value)>),
}

/// The printed part of a list, and how much there is besides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    shown: Vec<Value>,
    more: usize,
}

/// Items of a list that are shown.
pub const ITEMS: usize = 100;
/// Node breaks lines at this width.
const BREAK: usize = 80;
/// Node's `compact` setting: an object that holds no more levels than this may stand on one line.
const COMPACT: usize = 3;
/// Characters of a text that are shown.
const CHARS: usize = 10_000;

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Levels below the outermost that are printed.
    pub depth: usize,
    /// Whether numbers, texts and omissions have the colours of a terminal.
    pub colours: Colours,
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// None.
    Plain,
    /// Those of Node.
    Ansi,
}

impl Form {
    /// What `util.inspect(x)` and `console.log(x)` do.
    pub const PLAIN: Form = Form { depth: 2, colours: Colours::Plain };
    /// What `util.inspect(x, {depth: 5, colors: true})` does.
    pub const PRETTY: Form = Form { depth: 5, colours: Colours::Ansi };
}

impl Value {
    /// A list of numbers.
    pub fn numbers(numbers: &[f64]) -> Value {
        let shown = numbers.iter().take(ITEMS).map(|&number| Value::Number(number)).collect();
        Value::List(List { shown, more: numbers.len().saturating_sub(ITEMS) })
    }

    /// A list of anything.
    pub fn list(mut items: Vec<Value>) -> Value {
        let more = items.len().saturating_sub(ITEMS);
        items.truncate(ITEMS);
        Value::List(List { shown: items, more })
    }
}

/// The text of a value.
pub fn inspect(value: &Value, form: Form) -> String {
    Printer { form, indentation: 0, deepest: 0 }.value(value, 0)
}

/// Puts keys that are array indices first, in numeric order, as every JavaScript object has them.
pub fn order_as_keys<T>(entries: &mut [T], key: impl Fn(&T) -> &str) {
    let index_of = |name: &str| name.parse::<u32>().ok().filter(|n| *n < u32::MAX && n.to_string() == name);
    if entries.iter().any(|entry| index_of(key(entry)).is_some()) {
        entries.sort_by_key(|entry| index_of(key(entry)).map_or((1, 0), |n| (0, n)));
    }
}

#[derive(Clone, Copy)]
enum Style {
    Number,
    Text,
    Special,
}

struct Printer {
    form: Form,
    indentation: usize,
    /// The level of the object or list that was entered last; Node compares with it, not with the deepest one.
    deepest: usize,
}

impl Printer {
    fn value(&mut self, value: &Value, level: usize) -> String {
        match value {
            Value::Number(number) => self.styled(number_text(*number), Style::Number),
            Value::Text(text) => self.text(text),
            Value::List(list) if list.shown.is_empty() => "[]".into(),
            Value::Object(entries) if entries.is_empty() => "{}".into(),
            Value::List(_) if level > self.form.depth => self.styled("[Array]".into(), Style::Special),
            Value::Object(_) if level > self.form.depth => self.styled("[Object]".into(), Style::Special),
            Value::List(list) => self.list(list, level + 1),
            Value::Object(entries) => self.object(entries, level + 1),
        }
    }

    fn object(&mut self, entries: &[(String, Value)], level: usize) -> String {
        self.deepest = level;
        let mut order: Vec<&(String, Value)> = entries.iter().collect();
        order_as_keys(&mut order, |entry| &entry.0);
        self.indentation += 2;
        let mut output = Vec::with_capacity(order.len());
        for (name, value) in order {
            let name = self.key(name);
            output.push(format!("{name}: {}", self.value(value, level)));
        }
        self.indentation -= 2;
        let line = if self.deepest - level < COMPACT { self.one_line(&output, '{', '}') } else { None };
        line.unwrap_or_else(|| self.lines(&output, '{', '}'))
    }

    fn list(&mut self, list: &List, level: usize) -> String {
        self.deepest = level;
        self.indentation += 2;
        let mut output: Vec<String> = list.shown.iter().map(|item| self.value(item, level)).collect();
        self.indentation -= 2;
        if list.more > 0 {
            output.push(format!("... {} more item{}", list.more, if list.more > 1 { "s" } else { "" }));
        }
        let entries = output.len();
        if entries > 6 {
            let numbers = list.shown.iter().all(|item| matches!(item, Value::Number(_)));
            let pad = if numbers { columns::Pad::Start } else { columns::Pad::End };
            output = columns::set(output, list.shown.len(), pad, self.indentation, |text| self.width(text));
        }
        // A list that was set in columns is never put on one line.
        let short = self.deepest - level < COMPACT && output.len() == entries;
        let line = if short { self.one_line(&output, '[', ']') } else { None };
        line.unwrap_or_else(|| self.lines(&output, '[', ']'))
    }

    fn one_line(&self, output: &[String], open: char, close: char) -> Option<String> {
        let start = output.len() + self.indentation + 1 + 10;
        let total = output.iter().map(|text| self.width(text)).sum::<usize>() + output.len() + start;
        let fits = total <= BREAK && !output.iter().any(|text| text.contains('\n'));
        fits.then(|| format!("{open} {} {close}", output.join(", ")))
    }

    fn lines(&self, output: &[String], open: char, close: char) -> String {
        let indentation = " ".repeat(self.indentation);
        format!("{open}\n{indentation}  {}\n{indentation}{close}", output.join(&format!(",\n{indentation}  ")))
    }

    fn key(&self, name: &str) -> String {
        let bare = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match bare {
            true if name == "__proto__" => "['__proto__']".into(),
            true => name.into(),
            false => self.styled(quoted(name), Style::Text),
        }
    }

    fn text(&self, text: &str) -> String {
        let more = text.encode_utf16().count().saturating_sub(CHARS);
        if more == 0 {
            return self.styled(quoted(text), Style::Text);
        }
        let shown: String = text.chars().take(CHARS).collect();
        let rest = format!("... {more} more character{}", if more > 1 { "s" } else { "" });
        self.styled(quoted(&shown), Style::Text) + &rest
    }

    fn styled(&self, text: String, style: Style) -> String {
        if self.form.colours == Colours::Plain {
            return text;
        }
        let code = match style {
            Style::Number => 33,
            Style::Text => 32,
            Style::Special => 36,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[39m")
    }

    /// UTF-16 units, as Node measures, without colours. Escape bytes are always those of a colour: in texts they are
    /// written out.
    fn width(&self, text: &str) -> usize {
        let coloured = text.matches('\u{1b}').count() * "\u{1b}[39m".len();
        text.encode_utf16().count() - coloured
    }
}

fn number_text(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".into(),
        _ if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        // The one place where JavaScript shows the sign of zero.
        _ if number == 0.0 && number.is_sign_negative() => "-0".into(),
        _ => js(number),
    }
}

/// In the quotes that need no escape, where there are such.
fn quoted(text: &str) -> String {
    let quote = match (text.contains('\''), text.contains('"'), text.contains('`') || text.contains("${")) {
        (false, ..) | (true, true, true) => '\'',
        (true, false, _) => '"',
        (true, true, false) => '`',
    };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\u{8}' => out += "\\b",
            '\t' => out += "\\t",
            '\n' => out += "\\n",
            '\u{c}' => out += "\\f",
            '\r' => out += "\\r",
            '\\' => out += "\\\\",
            '\'' if quote == '\'' => out += "\\'",
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => out += &format!("\\x{:02X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(entries: &[(&str, Value)]) -> String {
        let entries = entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        inspect(&Value::Object(entries), Form::PLAIN)
    }

    #[test]
    fn prints_as_node_does() {
        let number = Value::Number;
        assert_eq!(object(&[]), "{}");
        assert_eq!(object(&[("g", number(2.0))]), "{ g: 2 }");
        assert_eq!(object(&[("t", Value::numbers(&[3.0, 1.0]))]), "{ t: [ 3, 1 ] }");
        assert_eq!(
            object(&[("a.b", number(-0.0)), ("2", number(0.5)), ("t", Value::numbers(&[]))]),
            "{ '2': 0.5, 'a.b': -0, t: [] }"
        );
        let own = [
            ("statsd.bad_lines_seen", number(0.0)),
            ("statsd.packets_received", number(1.0)),
            ("statsd.metrics_received", number(4.0)),
            ("a", number(1.0)),
        ];
        assert_eq!(
            object(&own),
            "{\n  'statsd.bad_lines_seen': 0,\n  'statsd.packets_received': 1,\n  'statsd.metrics_received': 4,\n  a: 1\n}"
        );
    }

    #[test]
    fn long_lists_stand_in_columns() {
        let numbers: Vec<f64> = (1..=120).map(f64::from).collect();
        let text = object(&[("t", Value::numbers(&numbers))]);
        assert_eq!(text, include_str!("list.txt").trim_end());
    }

    #[test]
    fn deep_objects_are_named_and_colours_do_not_count() {
        let inner = Value::Object(vec![("b".into(), Value::Text("it's".into()))]);
        let mut deep = inner;
        for name in ["h", "t", "data"] {
            deep = Value::Object(vec![(name.into(), deep)]);
        }
        assert_eq!(inspect(&deep, Form::PLAIN), "{ data: { t: { h: [Object] } } }");
        assert_eq!(
            inspect(&deep, Form::PRETTY),
            "{\n  data: { t: { h: { b: \u{1b}[32m\"it's\"\u{1b}[39m } } }\n}",
            "four levels are too many for one line"
        );
    }
}

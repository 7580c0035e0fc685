//! Files as Python's ConfigParser reads them, because carbon does: strict, keys in any case, interpolation on. Text in,
//! sections out, in the order of the file.

use crate::error::Error;
use crate::name::clip;
use std::path::Path;

/// A whole file.
#[derive(Debug, Default)]
pub struct Ini {
    sections: Vec<Section>,
}

/// One section; what `[DEFAULT]` holds is part of every section.
#[derive(Debug)]
pub struct Section {
    /// Between its brackets.
    pub name: String,
    /// Where it begins, from 1.
    pub line: usize,
    options: Vec<Setting>,
}

/// The value of a key.
#[derive(Clone, Debug)]
pub struct Setting {
    key: String,
    /// What stands behind the key, interpolated.
    pub text: String,
    /// Where, from 1.
    pub line: usize,
}

/// The section whose keys are defaults of all others. Carbon lists it as a section too.
const DEFAULT: &str = "DEFAULT";
/// As deep as Python follows `%(key)s`.
const INTERPOLATION_DEPTH_MAX: usize = 10;
/// Longest text that interpolation may make; Python knows no bound.
const INTERPOLATION_BYTES_MAX: usize = 64 * 1024;

impl Ini {
    /// Parses a file; `path` is for messages.
    ///
    /// # Errors
    /// A line is neither section nor setting, one comes twice, or an interpolation does not end.
    pub fn parse(path: &Path, text: &str) -> Result<Ini, Error> {
        let mut ini = Ini::default();
        let mut reader = Reader { path, ini: &mut ini, in_value: false, indent: 0 };
        for (i, line) in text.lines().enumerate() {
            reader.line(i + 1, line)?;
        }
        for section in &mut ini.sections {
            for option in &mut section.options {
                // Lines of a value are joined; empty ones at its end are none of it.
                option.text.truncate(option.text.trim_end().len());
            }
        }
        ini.inherit();
        for section in &mut ini.sections {
            section.interpolate(path)?;
        }
        Ok(ini)
    }

    /// In the order of the file.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    fn inherit(&mut self) {
        let defaults = self.sections.iter().filter(|section| section.name == DEFAULT);
        let defaults: Vec<Setting> = defaults.flat_map(|section| section.options.clone()).collect();
        for section in &mut self.sections {
            for default in &defaults {
                if section.get(&default.key).is_none() {
                    section.options.push(default.clone());
                }
            }
        }
    }
}

impl Section {
    /// The value of a key, which is given in lower case.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.options.iter().find(|option| option.key == key)
    }

    /// An error about one of its keys.
    pub(crate) fn error(&self, path: &Path, line: usize, key: &str, why: &str) -> Error {
        Error::Rules { path: path.to_owned(), line, why: format!("section [{}], {key}: {why}", clip(&self.name)) }
    }

    fn interpolate(&mut self, path: &Path) -> Result<(), Error> {
        let texts = self.options.iter().map(|option| {
            let mut text = String::new();
            let expanded = self.expand(&option.text, 1, &mut text);
            expanded.map(|()| text).map_err(|why| self.error(path, option.line, &clip(&option.key), &why))
        });
        let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
        for (option, text) in self.options.iter_mut().zip(texts) {
            option.text = text;
        }
        Ok(())
    }

    /// `%%` is a percent sign and `%(key)s` another key's value; nothing else may follow a `%`.
    fn expand(&self, text: &str, depth: usize, into: &mut String) -> Result<(), String> {
        if depth > INTERPOLATION_DEPTH_MAX {
            return Err(format!("its values refer to each other more than {INTERPOLATION_DEPTH_MAX} deep"));
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            into.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                into.push('%');
                rest = after;
                continue;
            }
            let named = after.strip_prefix('(').and_then(|after| after.split_once(")s"));
            let Some((key, after)) = named else {
                return Err("'%' must be followed by '%' or '(key)s'; write '%%' for a percent sign".into());
            };
            let key = key.to_lowercase();
            let value = self.get(&key).ok_or_else(|| format!("it refers to {:?}, which is not there", clip(&key)))?;
            self.expand(&value.text, depth + 1, into)?;
            if into.len() > INTERPOLATION_BYTES_MAX {
                return Err(format!("its values make more than {INTERPOLATION_BYTES_MAX} bytes"));
            }
            rest = after;
        }
        into.push_str(rest);
        Ok(())
    }
}

/// The state between two lines.
struct Reader<'a> {
    path: &'a Path,
    ini: &'a mut Ini,
    /// Whether a line that is indented further continues a value.
    in_value: bool,
    /// Of the line that began the last value.
    indent: usize,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Error> {
        let text = line.trim();
        if text.starts_with(['#', ';']) {
            return Ok(());
        }
        let indent = line.len() - line.trim_start().len();
        let option = self.ini.sections.last_mut().and_then(|section| section.options.last_mut());
        if let Some(option) = option.filter(|_| self.in_value)
            && (text.is_empty() || indent > self.indent)
        {
            option.text.push('\n');
            option.text.push_str(text);
            return Ok(());
        }
        if text.is_empty() {
            return Ok(());
        }
        self.indent = indent;
        match text.strip_prefix('[').and_then(|header| header.rsplit_once(']')).filter(|(name, _)| !name.is_empty()) {
            Some((name, _)) => self.section(number, name),
            None => self.option(number, text),
        }
    }

    fn section(&mut self, line: usize, name: &str) -> Result<(), Error> {
        self.in_value = false;
        let sections = &mut self.ini.sections;
        if let Some(first) = sections.iter().find(|section| section.name == name && name != DEFAULT) {
            let first = first.line;
            return self.error(line, format!("section [{}] is there already, in line {first}", clip(name)));
        }
        sections.push(Section { name: name.to_owned(), line, options: Vec::new() });
        Ok(())
    }

    fn option(&mut self, line: usize, text: &str) -> Result<(), Error> {
        let Some(section) = self.ini.sections.last_mut() else {
            return self.error(line, format!("{:?} stands before the first section", clip(text)));
        };
        let name = clip(&section.name);
        let Some((key, value)) = text.split_once(['=', ':']).filter(|(key, _)| !key.trim().is_empty()) else {
            return self.error(line, format!("section [{name}]: {:?} is not of the form key = value", clip(text)));
        };
        let key = key.trim_end().to_lowercase();
        if let Some(first) = section.get(&key) {
            let first = first.line;
            let key = clip(&key);
            return self.error(line, format!("section [{name}]: {key} is there already, in line {first}"));
        }
        section.options.push(Setting { key, text: value.trim().to_owned(), line });
        self.in_value = true;
        Ok(())
    }

    fn error(&self, line: usize, why: String) -> Result<(), Error> {
        Err(Error::Rules { path: self.path.to_owned(), line, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &[(&str, &str)])]) {
        let ini = Ini::parse(Path::new("f"), text).unwrap();
        let options = |section: &Section| section.options.iter().map(|o| (o.key.clone(), o.text.clone())).collect();
        let got: Vec<(String, Vec<(String, String)>)> =
            ini.sections().iter().map(|section| (section.name.clone(), options(section))).collect();
        let got: Vec<(&str, Vec<(&str, &str)>)> =
            got.iter().map(|(n, o)| (n.as_str(), o.iter().map(|(k, t)| (k.as_str(), t.as_str())).collect())).collect();
        let expected: Vec<(&str, Vec<(&str, &str)>)> = expected.iter().map(|(n, o)| (*n, o.to_vec())).collect();
        assert_eq!(got, expected);
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(Ini::parse(Path::new("f"), text).unwrap_err().to_string(), expected);
    }

    /// Compared with what Python 3.11's ConfigParser makes of the same texts.
    #[test]
    fn reads_as_configparser() {
        check("[a]\nK = v ; kept\nx: y = z\nempty =\n", &[("a", &[("k", "v ; kept"), ("x", "y = z"), ("empty", "")])]);
        check("# c\n; c\n[a]\n  # c\nk = 1\n[b]\n", &[("a", &[("k", "1")]), ("b", &[])]);
        check("[a]\nk = 1\n  2\n\n  3\n\nj = 4\n", &[("a", &[("k", "1\n2\n\n3"), ("j", "4")])]);
        check("[a]\nk = 1\n  # inside\n  2\n", &[("a", &[("k", "1\n2")])]);
        check("[a]\n  k = 1\n  j = 2\n", &[("a", &[("k", "1"), ("j", "2")])]);
        check("[a]]\nk=50%%\n[b] rest\n", &[("a]", &[("k", "50%")]), ("b", &[])]);
        check("[a]\nk = %(J)s!\nj = 1\n", &[("a", &[("k", "1!"), ("j", "1")])]);
        check("[DEFAULT]\nd = 1\n[a]\nk = %(d)s\n", &[("DEFAULT", &[("d", "1")]), ("a", &[("k", "1"), ("d", "1")])]);
        check("\r\n[a]\r\nk = v\r\n", &[("a", &[("k", "v")])]);
        check("", &[]);
    }

    #[test]
    fn names_section_and_line() {
        check_error("[a]\n[b]\n[a]\n", "f:3: section [a] is there already, in line 1");
        check_error("[a]\nk = 1\nK = 2\n", "f:3: section [a]: k is there already, in line 2");
        check_error("k = 1\n", "f:1: \"k = 1\" stands before the first section");
        check_error("[a]\nword\n", "f:2: section [a]: \"word\" is not of the form key = value");
        check_error(
            "[a]\nk = 5%\n",
            "f:2: section [a], k: '%' must be followed by '%' or '(key)s'; write '%%' for a percent sign",
        );
        check_error("[a]\nk = %(j)s\n", "f:2: section [a], k: it refers to \"j\", which is not there");
        check_error("[a]\nk = %(k)s\n", "f:2: section [a], k: its values refer to each other more than 10 deep");
    }

    proptest! {
        #[test]
        fn never_panics(text in "[\\[\\]ak =:%()s\n #é]{0,60}") {
            let _ = Ini::parse(Path::new("f"), &text);
        }
    }
}

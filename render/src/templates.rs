//! graphTemplates.conf: the colours of pictures by name, which a request chooses with `template=`.
//!
//! As graphite-web reads it: the section `default` goes for requests that name no template or one that is not there; what a request
//! says itself goes before. Fonts are ours whatever the file says, and there are no minor lines.

use crate::draw::Color;
use std::collections::HashMap;
use std::path::Path;
use tsdb::ini::{Ini, Section, Setting};

/// The section that goes where no other is named.
const DEFAULT: &str = "default";

/// All templates of a file.
#[derive(Clone, Debug, Default)]
pub struct GraphTemplates {
    by_name: HashMap<String, GraphTemplate>,
}

/// The colours of one; what it does not say is the theme's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphTemplate {
    /// `background`.
    pub ground: Option<Color>,
    /// `foreground`: text and axes.
    pub ink: Option<Color>,
    /// `majorLine`.
    pub grid: Option<Color>,
    /// `lineColors`.
    pub lines: Vec<Color>,
}

/// Why a file is none.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is no such file at all.
    #[error(transparent)]
    Ini(#[from] tsdb::Error),
    /// A colour is none.
    #[error("line {line}: {text:?} is no colour: rrggbb, rrggbbaa or one of Graphite's names is needed")]
    Color {
        /// From 1.
        line: usize,
        /// As it stands there.
        text: String,
    },
}

impl GraphTemplates {
    /// Reads a file's text; `path` is for messages.
    ///
    /// # Errors
    /// It is no file of sections and settings, or a colour is none.
    pub fn parse(path: &Path, text: &str) -> Result<GraphTemplates, TemplateError> {
        let ini = Ini::parse(path, text)?;
        let read = |section: &Section| Ok((section.name.clone(), GraphTemplate::read(section)?));
        Ok(GraphTemplates { by_name: ini.sections().iter().map(read).collect::<Result<_, TemplateError>>()? })
    }

    /// The one that a request names, or else the file's own default.
    pub fn of(&self, name: Option<&str>) -> GraphTemplate {
        let named = name.and_then(|name| self.by_name.get(name));
        named.or_else(|| self.by_name.get(DEFAULT)).cloned().unwrap_or_default()
    }
}

impl GraphTemplate {
    fn read(section: &Section) -> Result<GraphTemplate, TemplateError> {
        let color = |key: &str| section.get(key).map(|setting| parsed(setting, &setting.text)).transpose();
        let lines = section.get("linecolors").map(|setting| {
            let texts = setting.text.split(',').map(str::trim).filter(|text| !text.is_empty());
            texts.map(|text| parsed(setting, text)).collect::<Result<_, _>>()
        });
        Ok(GraphTemplate {
            ground: color("background")?,
            ink: color("foreground")?,
            grid: color("majorline")?,
            lines: lines.transpose()?.unwrap_or_default(),
        })
    }
}

fn parsed(setting: &Setting, text: &str) -> Result<Color, TemplateError> {
    Color::parse(text).ok_or_else(|| TemplateError::Color { line: setting.line, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<GraphTemplates, String> {
        GraphTemplates::parse(Path::new("graphTemplates.conf"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn templates_are_read_as_graphite_writes_them() {
        let text = "[default]\nbackground = white\nfontName = Sans\n\n[night]\nBackground: black\nforeground = #839496\n\
                    majorLine=eee8d5\nlineColors = #6666ff, 66ff66aa,red,\n";
        let templates = parse(text).unwrap();
        let color = |text: &str| Color::parse(text).unwrap();
        let night = templates.of(Some("night"));
        assert_eq!((night.ground, night.ink), (Some(color("black")), Some(color("839496"))));
        assert_eq!(night.grid, Some(color("eee8d5")));
        assert_eq!(night.lines, ["6666ff", "66ff66aa", "red"].map(color));
        let default = GraphTemplate { ground: Some(color("white")), ..GraphTemplate::default() };
        for name in [None, Some("nosuch"), Some("default")] {
            assert_eq!(templates.of(name), default, "{name:?}");
        }
        assert_eq!(GraphTemplates::default().of(Some("night")), GraphTemplate::default());
    }

    #[test]
    fn mistakes_name_their_line() {
        let wrong = parse("[a]\nbackground = white\nlineColors = red,nocolour\n").unwrap_err();
        assert_eq!(wrong, "line 3: \"nocolour\" is no colour: rrggbb, rrggbbaa or one of Graphite's names is needed");
        assert!(parse("background = white\n").unwrap_err().contains("graphTemplates.conf"));
    }
}
